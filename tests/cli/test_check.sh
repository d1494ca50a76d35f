#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# espalier check: all findings at once, each with its place, and an exit status that says what they
# amount to. No daemon runs here.
# shellcheck source=tests/cli/lib.bash
source "$(dirname "$0")/lib.bash"
file=$work/espalier.yaml
secrets=$work/secrets

# A connection over BGP with two tunnels and nothing to complain about. $1: a device, $2: secrets.
clean() {
	cat <<END
gateway: { secrets: $2 }
transit_router:
  tables:
    main: { learn: [vpc-a, dc-1] }
attachments:
  vpc-a: { type: vpc, device: $1, cidrs: [10.1.0.0/16], association: main }
  dc-1: { type: vpn, connection: dc-1, association: main, synchronize: true }
customer_gateways:
  dc-1: { addresses: [203.0.113.10, 203.0.113.11], asn: 65001 }
connections:
  dc-1:
    customer_gateway: dc-1
    bgp: {}
    tunnels:
      - { if_id: 101, local_address: 198.51.100.1, remote_address: 203.0.113.10, inside: 169.254.10.0/30, bgp_address: 169.254.10.1, psk: a }
      - { if_id: 102, local_address: 198.51.100.2, remote_address: 203.0.113.11, inside: 169.254.11.0/30, bgp_address: 169.254.11.1, psk: b }
END
}
one_tunnel() { clean eth1 "$secrets" | sed '/if_id: 102/d'; }
broken() { clean eth1 "$secrets" | sed 's/type: vpc/type: vcp/; s/65001/wrong/; s/if_id: 102/if_id: 101/; s/synchronize/synchronise/'; }

# ---- what findings amount to ----
clean eth1 "$secrets" >"$file"
run check "$file"
same "a clean file is valid" "0 $file: valid" "$code $out$err"
run check --strict "$file"
same "strictly, too" "0 $file: valid" "$code $out$err"
run -j check "$file"
same "-j: an empty list" "0 []" "$code $out$err"
run check - <"$file"
same "standard input" "0 <stdin>: valid" "$code $out$err"

one_tunnel >"$file"
run check "$file"
same "warnings are forgiven" "0 $file: valid, 1 warning" "$code $out"
check "and printed" grep -qE "^$file:[0-9]+:[0-9]+: warning: .*\[S18\]" <<<"$err"
run check --strict "$file"
same "--strict does not forgive them" "1 $file: valid, 1 warning" "$code $out"
run -j check --strict "$file"
same "--strict -j" 1 "$code"
same "-j: a warning with its place and its rule" "$file warning true true S18" \
	"$(jq -r '.[0] | "\(.file) \(.severity) \(.line > 0) \(.column > 0) \(.rules[0])"' <<<"$out")"

broken >"$file"
run check "$file"
same "errors" "2 " "$code $out"
same "all errors at once, in the order of the file" "6 7 9 16" \
	"$(sed -n "s|^$file:\([0-9]*\):.*: error: .*|\1|p" <<<"$err" | uniq | tr '\n' ' ' | sed 's/ $//')"
check "the sum at the end" grep -qE "^$file: [0-9]+ errors, [0-9]+ warnings?$" <<<"$(tail -1 <<<"$err")"
same "nothing but findings and the sum" "" \
	"$(grep -vE "^$file(:[0-9]+:[0-9]+)?: (error: .+|warning: .+|[0-9]+ errors, .*)$" <<<"$err")"
text=$(sed -n "s|^$file:\([0-9]*\):\([0-9]*\): \([a-z]*\): \(.*\)|\1 \2 \3 \4|p" <<<"$err")
run -j check "$file"
same "-j says the same" "$text" "$(jq -r '.[] | "\(.line) \(.column) \(.severity) \(.text)"' <<<"$out")"
same "-j: exit status 2, nothing on stderr" "2 " "$code $err"

# ---- what is no configuration ----
printf 'gateway: {\n' >"$file"
run check "$file"
check "not YAML: with its place" grep -qE "^$file:[0-9]+:[0-9]+: error: " <<<"$err"
same "not YAML: exit status 2" 2 "$code"

run check "$work/nonexistent"
same "no such file" "2 $work/nonexistent: error: No such file or directory
$work/nonexistent: 1 error, 0 warnings" "$code $out$err"
run -j check "$work/nonexistent"
same "no such file, -j: no place" \
	"2 [{\"file\":\"$work/nonexistent\",\"line\":null,\"column\":null,\"severity\":\"error\",\"text\":\"No such file or directory\",\"rules\":[]}]" \
	"$code $out$err"
run check "$work"
same "a directory" "2 $work: error: Is a directory" "$code $out$(head -1 <<<"$err")"
head -c 16777217 /dev/zero | tr '\0' '#' >"$file"
run check "$file"
same "one byte too long" "2 $file: error: longer than 16777216 bytes" "$code $out$(head -1 <<<"$err")"
{ clean eth1 "$secrets"; head -c 16777216 /dev/zero | tr '\0' '#'; } | head -c 16777216 >"$file"
run check "$file"
same "just as long as allowed" "0 $file: valid" "$code $out$err"

# ---- this host ----
[ "$(id -u)" -eq 0 ] || { fail "the checks against the host" "need root: secrets belong to it"; finish; }
mkdir "$secrets"
install -m 0600 /dev/null "$secrets/a"
echo key >"$secrets/a"
install -m 0400 "$secrets/a" "$secrets/b"
clean lo "$secrets" >"$file"
run check --host "$file"
same "a host that has everything" "0 $file: valid" "$code $out$err"

host() { # NAME SUFFIX: line and column of the finding, then its text
	run check --host "$file"
	same "$1" "2 $file:$2" "$code $out$(head -1 <<<"$err")"
}
at_psk() { sed -n "$1s/psk: .*//p" "$file" | awk -v line="$1" '{ print line ":" length($0) + 6 }'; }
place=$(at_psk 16)
chmod 0640 "$secrets/b"
host "a secret that a group may read" \
	"$place: error: secret file $secrets/b is not root's alone (owner 0, mode 0640): chown root and chmod 600 it [D16]"
chmod 0600 "$secrets/b"
chown nobody "$secrets/b"
host "a secret that is somebody's" \
	"$place: error: secret file $secrets/b is not root's alone (owner $(id -u nobody), mode 0600): chown root and chmod 600 it [D16]"
rm "$secrets/b"
host "a missing secret" "$place: error: secret file $secrets/b: No such file or directory [D16]"
mkdir "$secrets/b"
host "a directory for a secret" "$place: error: secret file $secrets/b is not a regular file [D16]"
rmdir "$secrets/b"
install -m 0600 /dev/null "$secrets/b"
host "an empty secret" "$place: error: secret file $secrets/b is empty [D16]"
rm -r "$secrets"
host "no secrets directory" \
	"$(at_psk 15): error: secret file $secrets/a: directory $secrets: No such file or directory [D16]"

clean nosuchdev0 "$secrets" >"$file"
host "a missing device" "6:31: error: device nosuchdev0 does not exist on this host"
run check --host "$file"
same "device and secrets: all at once" "$file: 3 errors, 0 warnings" "$(tail -1 <<<"$err")"
run check "$file"
same "without --host it may be elsewhere" "0 $file: valid" "$code $out$err"
finish
