#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# espalier render: what is printed, what is written and with which mode, and what is refused. That the
# real programs accept it is shown by tests/netns/test_render.sh. No daemon runs here.
# shellcheck source=tests/cli/lib.bash
source "$(dirname "$0")/lib.bash"
file=$work/espalier.yaml
secrets=$work/secrets
output=$work/output

configuration() {
	sed "s|^  secrets: .*|  secrets: $secrets|" examples/espalier.yaml
}
mode() { stat -c '%a %U' "$1"; }

# ---- what is printed ----
configuration >"$file"
run render swanctl "$file"
text=$out
same "the shipped example is rendered" "0 " "$code $err"
check "every tunnel" grep -qP '^\tdc-1-2 \{$' <<<"$text"
same "the secrets are an include" 'include "/etc/swanctl/espalier.secrets"' "$(grep ^include <<<"$text")"
run render swanctl - <"$file"
same "standard input" "0 $text" "$code $out"
run -j render swanctl "$file"
same "-j" "0 $text" "$code $(jq -r .text <<<"$out")"

# What is rendered for a data centre that speaks BGP.
bgp() {
	configuration | sed 's/^    routes: .*/    bgp: {}/'
}
bgp >"$work/bgp.yaml"
run render frr "$work/bgp.yaml"
same "frr" "0 " "$code $err"
same "an instance in the connection's VRF" "router bgp 45104 vrf vrf1001" "$(grep '^router bgp' <<<"$out")"
run render frr --daemons "$work/bgp.yaml"
same "frr --daemons" "0 bgpd=yes bfdd=yes" "$code $(grep -E '^(bgp|bfd)d=' <<<"$out" | paste -sd' ')"
run render frr --output "$output" "$work/bgp.yaml"
same "frr --output" "0 $output/frr.conf $output/daemons" "$code $(paste -sd' ' <<<"$out")"
check "the same text" cmp <("$espalier" render frr "$work/bgp.yaml") "$output/frr.conf"
same "FRR may read it, it is no secret" "644 root" "$(mode "$output/frr.conf")"
rm -r "$output"
run render bird "$work/bgp.yaml"
same "bird" "0 " "$code $err"
same "a protocol for each tunnel, in the VRF" 2 "$(grep -c '^	vrf "vrf1001";$' <<<"$out")"
run render bird --output "$output" "$work/bgp.yaml"
same "bird --output" "0 $output/bird.conf" "$code $out"
check "the same text" cmp <("$espalier" render bird "$work/bgp.yaml") "$output/bird.conf"
rm -r "$output"

# ---- the other end ----
run render peer dc-1 "$work/bgp.yaml"
same "peer" "0 " "$code $err"
same "a sheet, with the key's name" "  pre-shared key [D16]    dc-1-a                                   dc-1-b" "$(grep pre-shared <<<"$out")"
sheet=$out
run render peer dc-1 --format text "$work/bgp.yaml"
same "the default format is text" "0 $sheet" "$code $out"
run render peer dc-1 --format swanctl-frr --announce 10.50.0.0/16 --announce fd00:50::/48 "$work/bgp.yaml"
same "each file under its name" "#### espalier.conf #### charon-espalier.conf #### interfaces.sh #### frr.conf #### daemons ####" \
	"$(grep '^#### ' <<<"$out" | sed 's/ ####$//' | paste -sd' ') ####"
same "what it announces" "  network 10.50.0.0/16" "$(grep network\ 1 <<<"$out")"
run render peer dc-1 --announce 10.50.0.0/16 --output "$output" "$work/bgp.yaml"
same "peer --output" "0 espalier.conf charon-espalier.conf interfaces.sh frr.conf daemons parameters.txt" \
	"$code $(paste -sd' ' <<<"${out//$output\//}")"
check "the sheet is there too" cmp <(printf '%s\n' "$sheet") "$output/parameters.txt"
check "the script is one" sh -n "$output/interfaces.sh"
rm -r "$output"
run render peer dc-1 --output "$output" "$file"
same "without BGP there is nothing for FRR" "0 0" "$code $(grep -cE 'frr|daemons' <<<"$out")"
rm -r "$output"

# ---- what runs ----
# Recordings of the real programs stand in for them; which differences count is test_running.c's matter.
running=tests/unit/data/running
design=tests/unit/data/design.yaml
says() { # PROGRAM STATUS FILE [SED]: what it will say
	printf '#!/bin/sh\necho "$@" >"%s"\nsed "%s" "%s"\nexit %d\n' "$work/asked" "${4:-}" "$PWD/$3" "$2" >"$work/$1"
	chmod +x "$work/$1"
}
export ESPALIER_VTYSH="$work/vtysh --vty_socket /run/frr-gateway" ESPALIER_BIRDC=$work/birdc ESPALIER_SWANCTL=$work/swanctl
says vtysh 0 $running/design.frr
says birdc 0 $running/design.bird
says swanctl 0 $running/design.swanctl
for program in swanctl frr bird; do
	run render --check $program $design
	same "$program runs what is rendered" "0 $program: what runs is what is rendered" "$code $out$err"
done
run render frr --check $design
same "vtysh is asked with the words that were set" "--vty_socket /run/frr-gateway -c show running-config" "$(cat "$work/asked")"
says vtysh 0 $running/design.frr 's/timers 10 30/timers 3 9/'
run render --check frr $design
same "FRR runs something else" "1 frr: 4 differences (- rendered and not running, + running and not rendered)
  router bgp 45104 vrf vrf1001
-     neighbor 169.254.10.2 timers 10 30
-     neighbor 169.254.11.2 timers 10 30
+     neighbor 169.254.10.2 timers 3 9
+     neighbor 169.254.11.2 timers 3 9" "$code $out$err"
run -j render --check frr $design
same "-j" '1 false {"context":"router bgp 45104 vrf vrf1001","line":"neighbor 169.254.10.2 timers 10 30","rendered":true}' \
	"$code $(jq -c '.frr.same, .frr.differences[0]' <<<"$out" | paste -sd' ')"
printf '#!/bin/sh\necho "Exiting: failed to connect to any daemons." >&2\nexit 1\n' >"$work/vtysh"
run render --check frr $design
same "FRR does not answer" \
	"2 espalier: frr: vtysh failed with status 1 ('Exiting: failed to connect to any daemons.'); is FRR running?" "$code $out$err"
ESPALIER_BIRDC=$work/nowhere run render --check bird $design
same "there is no BIRD" "2 espalier: bird: birdc cannot be run: No such file or directory; ESPALIER_BIRDC names another command" "$code $err"
sed 's/if_id: 102/if_id: 101/' $design >"$work/broken.yaml"
run render --check frr "$work/broken.yaml"
same "a configuration with errors: nobody can tell" "2 " "$code $out"
run render --check
same "without a name: the default file, which is not there" "2 " "$code $out"
run render frr --strict $design
same "an option of others" "2 espalier: frr has no option --strict" "$code $err"

# ---- what is refused ----
bgp | sed 's/^    bgp: {}/    bgp: {}\n    vrf: false\n    table: 65536/' >"$work/plain.yaml"
run render frr "$work/plain.yaml"
same "what FRR cannot do" "2 espalier: $work/plain.yaml: 1 error; nothing is rendered" "$code $(tail -1 <<<"$err")"
sed 's/if_id: 102/if_id: 101/; s/type: vpc/type: vcp/' "$file" >"$work/broken.yaml"
run render swanctl "$work/broken.yaml"
same "a configuration with errors is not rendered" "2 " "$code $out"
same "and all errors are said" "2" "$(grep -c ': error: ' <<<"$err")"
same "and the sum" "espalier: $work/broken.yaml: 2 errors; nothing is rendered" "$(tail -1 <<<"$err")"
run render
same "render nothing" "2 espalier: render what? swanctl|frr|bird|peer ..." "$code $err"
run render peer dc-2 "$file"
same "a connection that is not there" "2 espalier: no connection 'dc-2' in $file: did you mean dc-1?" "$code $err"
run render peer dc-1 --format bird "$file"
same "a format that is not there" "2 espalier: --format is text or swanctl-frr" "$code $err"
run render peer dc-1 --format text --output "$output" "$file"
same "a sheet is no directory" "2 espalier: --output and --announce belong to --format swanctl-frr" "$code $err"
run render peer dc-1 --announce 10.50.0.1/16 "$work/bgp.yaml"
same "what is no prefix" \
	"2 espalier: --announce: '10.50.0.1/16' is not a prefix; allowed are prefixes like 10.50.0.0/16, without host bits" \
	"$code $err"
run render peer dc-1 --announce 10.50.0.0/16 "$file"
same "announced without BGP" "2 espalier: --announce: connection dc-1 has no bgp" "$code $err"
run render swanctl --output 'a"b' "$file"
same "a directory that cannot stand in an include line" \
	"2 espalier: --output: 'a\"b' cannot stand in an include line; choose a directory without quotes, backslashes and line ends" \
	"$code $err"

# ---- what is written ----
[ "$(id -u)" -eq 0 ] || { fail "the secrets" "need root: they belong to it"; finish; }
mkdir "$secrets"
(umask 077 && echo 'swordfish "1" {' >"$secrets/dc-1-a" && printf tuna >"$secrets/dc-1-b")
umask 000
run render swanctl --output "$output" "$file"
umask 022
same "--output" "0 # In /etc/strongswan.conf: include \"$output/charon-espalier.conf\"
# In /etc/swanctl/swanctl.conf:
include \"$output/espalier.conf\"" "$code $out$err"
same "three files" "charon-espalier.conf espalier.conf espalier.secrets" "$(cd "$output" && echo *)"
same "the directory is private" "700 root" "$(mode "$output")"
same "the secrets are private, whatever the umask" "600 root" "$(mode "$output/espalier.secrets")"
same "the connections include them" "include \"$output/espalier.secrets\"" "$(grep ^include "$output/espalier.conf")"
same "the secret as it is, without its line end" 'swordfish "1" {' \
	"$(sed -n 's/.*secret = 0s//p' "$output/espalier.secrets" | head -1 | base64 -d)"
same "and one without line end" tuna "$(sed -n 's/.*secret = 0s//p' "$output/espalier.secrets" | tail -1 | base64 -d)"
same "nothing secret beside it" "" "$(grep -lE 'swordfish|tuna' "$output/espalier.conf" "$output/charon-espalier.conf")"

# somebody prepared a readable file of the name that is written first, and holds it open
rm "$output/espalier.secrets"
touch "$output/espalier.secrets.new"
chmod 0666 "$output/espalier.secrets.new"
exec 9<"$output/espalier.secrets.new"
run render swanctl --output "$output" "$file"
same "a file prepared for us gets no secret" "0 " "$code $(cat <&9)"
exec 9<&-
same "and the secrets are private again" "600 root" "$(mode "$output/espalier.secrets")"
(cd "$work" && "$espalier" render swanctl --output output "$file") >"$work/said"
same "a directory named from here" "include \"$output/espalier.conf\"" "$(grep ^include "$work/said")"

before=$(cat "$output/espalier.secrets")
chmod 0644 "$secrets/dc-1-b"
rm "$secrets/dc-1-a"
run render swanctl --output "$output" "$file"
same "secrets that are missing or readable by others: both said" "2 2" "$code $(grep -c '\[D16\]$' <<<"$err")"
same "nothing is written then" "$before" "$(cat "$output/espalier.secrets")"
run render swanctl "$file"
same "printing needs no secret" "0 " "$code $err"
finish
