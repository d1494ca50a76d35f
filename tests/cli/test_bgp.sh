#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# espalier show bgp: the daemon's quotas beside what FRR says of sessions and paths. FRR's answers are recordings
# (tests/unit/data/frr), given by a vtysh of our own.
# shellcheck source=tests/cli/lib.bash
source "$(dirname "$0")/lib.bash"
data=$PWD/tests/unit/data/frr
answers=$work/answers.json
export LC_ALL=C.UTF-8

# Two sessions outside of VRFs, as recorded; a third in a VRF that FRR does not know; one prefix refused over one tunnel.
cat >"$answers" <<'END'
{"bgp": {"ok": true, "result": [
  {"connection": "dc-1", "vrf": null, "kernel_table": 1001, "local_asn": 45104, "feed": "fpm", "feed_connected": false, "stale_for_s": 118.5, "limit": 2000, "tunnels": [
    {"name": "one", "peer": "169.254.10.2", "up": true, "offered": 3, "accepted": 2, "refused": 1, "stale": 2, "limit": 1000},
    {"name": "two", "peer": "169.254.11.2", "up": false, "offered": 850, "accepted": 850, "refused": 0, "limit": 1000}],
   "refused": [{"prefix": "10.51.0.0/16", "tunnels": ["one"]}]},
  {"connection": "dc-2", "vrf": "vrf1002", "kernel_table": 1002, "local_asn": 45104, "limit": null, "tunnels": [
    {"name": "three", "peer": "169.254.12.2", "up": true, "offered": 7, "accepted": 7, "refused": 0, "limit": null}],
   "refused": []}]},
 "routes": {"ok": true, "result": [
  {"connection": "dc-1", "prefix": "0.0.0.0/0", "type": "bgp", "next_hops": [{"tunnel": "one"}, {"tunnel": "two"}]},
  {"connection": "dc-1", "prefix": "10.60.0.0/16", "type": "destination", "next_hops": [{"tunnel": "one"}]},
  {"connection": "dc-1", "prefix": "10.70.0.0/16", "type": "bgp", "next_hops": [{"tunnel": "two"}]}]},
 "advertised": {"ok": true, "result": [
  {"prefix": "10.1.0.0/16", "advertised": true, "from": [{"attachment": "vpc-a", "type": "system"}], "why": null},
  {"prefix": "10.60.0.0/16", "advertised": true, "from": [{"attachment": "dc-2", "type": "bgp"}, {"attachment": "dc-3", "type": "bgp"}], "why": null},
  {"prefix": "10.62.0.0/16", "advertised": true, "from": [{"attachment": "vpc-a", "type": "static"}], "why": null},
  {"prefix": "10.9.0.0/16", "advertised": false, "from": [{"attachment": null, "type": "static"}], "why": "what it attracts would be dropped"}]}}
END
cat >"$work/vtysh" <<END
#!/bin/sh
echo "\$@" >>"$work/asked"
case \$* in
*" summary json") cat "$data/summary.json" ;;
*" ipv4 unicast detail json") cat "$data/ipv4.json" ;;
*" ipv6 unicast detail json") cat "$data/ipv6.json" ;;
*"default ipv4 unicast neighbors 169.254.10.2 advertised-routes json") cat "$data/advertised.json" ;;
*"default ipv4 unicast neighbors 169.254.11.2 advertised-routes json") sed 's/"10.60.0.0.16"/"10.61.0.0\/16"/' "$data/advertised.json" ;;
*" advertised-routes json") cat "$data/advertised-none.json" ;;
*) echo "% Unknown command: \$*" >&2; exit 1 ;;
esac
END
chmod +x "$work/vtysh"
export ESPALIER_VTYSH="$work/vtysh -N gateway"
build_canned
start_canned
same "the daemon is there" ready "$said"

ask show bgp
same "sessions beside quotas" "0  CONNECTION  VRF      TUNNEL  SESSION       UP  RECEIVED  SENT  OFFERED  ACCEPTED  REFUSED        STALE  LIMIT  QUOTA
dc-1        -        one     Established  12s         4     3        3         2        1  2 for 1m58s   1000  ░░░░░░░░░░░░░░░░   0.2%
dc-1        -        two     Established  12s         4     3      850       850        0                1000  ██████████████░░  85.0%
dc-2        vrf1002  three   -              -         -     -        7         7        0                   -  no limit" "$code $err $out"
same "FRR is asked once, with the words that were set" "-N gateway -c show bgp vrf all summary json" "$(cat "$work/asked")"
ask -j show bgp
same "-j: the session by tunnel" '{"state":"Established","up_s":12,"received":4,"advertised":3} null' \
	"$(jq -c '.[0].tunnels[0].session' <<<"$out") $(jq -c '.[1].tunnels[0].session' <<<"$out")"

# ---- what a data centre is told ----
ask show advertised --all dc-1
same "what is to be advertised, beside what is announced" "0  PREFIX        TYPE    FROM        STATE       ANNOUNCED OVER  WHY
10.1.0.0/16   system  vpc-a       advertised  one, two
10.60.0.0/16  bgp     dc-2, dc-3  advertised  one             the routing daemon does not announce it over two
10.62.0.0/16  static  vpc-a       advertised  -               the routing daemon does not announce it
10.9.0.0/16   static  -           not         -               what it attracts would be dropped
10.61.0.0/16  -       -           not         two             none of espalierd's" "$code $err $out"
ask -j show advertised dc-1
same "without --all nothing but what is, or is announced" "10.1.0.0/16 10.60.0.0/16 10.62.0.0/16 10.61.0.0/16" \
	"$(jq -r '.[].prefix' <<<"$out" | paste -sd' ')"
same "-j: the tunnels" '["one","two"] []' "$(jq -c '.[0].announced' <<<"$out") $(jq -c '.[2].announced' <<<"$out")"
same "-j: what is missing" '[] ["two"] ["one","two"] []' "$(jq -c '.[].missing' <<<"$out" | paste -sd' ')"
ESPALIER_VTYSH=$work/nowhere ask show advertised dc-1
same "without FRR: espalierd's side" "0 10.1.0.0/16 10.60.0.0/16 10.62.0.0/16 1" \
	"$code $(awk 'NR > 1 { print $1 }' <<<"$out" | paste -sd' ') $(grep -c 'is missing: vtysh cannot be run' <<<"$err")"

# ---- one connection ----
ask show bgp dc-1
same "routes by tunnel, with what FRR knows" "0  PREFIX        TUNNEL  STATE     NEXT HOP                   AS PATH            MED  COMMUNITIES
0.0.0.0/0     one     accepted  169.254.10.2               65001 65009 65009   40  65001:1 65001:77 no-export
0.0.0.0/0     two     accepted  169.254.11.2               65001 65009 65009   40  65001:1 65001:77 no-export
10.50.0.0/16  one     unused    169.254.10.2               65001 65009 65009   40  65001:1 65001:77 no-export
10.50.0.0/16  two     unused    169.254.11.2               65001 65009 65009   40  65001:1 65001:77 no-export
10.51.0.0/16  one     refused   169.254.10.2               65001 65009 65009   40  65001:1 65001:77 no-export
10.51.0.0/16  two     unused    169.254.11.2               65001 65009 65009   40  65001:1 65001:77 no-export
10.70.0.0/16  two     accepted  -                          -                    -  -
fd00:50::/48  one     unused    fe80::64f4:28ff:fea5:146b  65001                0
fd00:50::/48  two     unused    fe80::6801:bbff:feb3:63ab  65001                0" "$code $err $out"
prefixes() { awk 'NR > 1 { print $1 }' <<<"$out" | sort -u | paste -sd' '; }
ask show bgp dc-1 10.51.0.0/16
same "one prefix" "10.51.0.0/16" "$(prefixes)"
ask show bgp dc-1 10.51.7.9
same "an address: the longest that holds it" "10.51.0.0/16" "$(prefixes)"
ask show bgp dc-1 192.0.2.1
same "and there is always the default" "0.0.0.0/0" "$(prefixes)"
ask show bgp dc-1 10.0.0.0/8
same "one that is not learned" "0 no such route is learned" "$code $out"
ask -j show bgp dc-1 10.51.0.0/16
same "-j" '{"prefix":"10.51.0.0/16","tunnel":"one","state":"refused","best":true,"next_hop":"169.254.10.2","as_path":"65001 65009 65009","as_path_length":3,"med":40,"communities":"65001:1 65001:77 no-export"}' \
	"$(jq -c '.[0]' <<<"$out")"
ask show bgp dc-3
same "a connection without BGP" "1 espalier: no connection 'dc-3' has bgp" "$code $err"
ask show bgp dc-1 10.51
same "what is no prefix" "2 espalier: show bgp: '10.51' is no prefix and no address" "$code $err"

# ---- FRR is not there, not well, or not FRR ----
missing() { # NAME SENTENCE
	ask show bgp
	same "$1" "0 espalier: the routing daemon's side is missing: $2" "$code $err"
	same "$1: the rest is there" "dc-1 - one - - - - 3 2 1" "$(sed -n 2p <<<"$out" | awk '{ NF = 10; print }')"
}
ESPALIER_VTYSH=$work/nowhere missing "no such program" \
	"vtysh cannot be run: No such file or directory; ESPALIER_VTYSH names another command"
printf '#!/bin/sh\necho "Exiting: failed to connect to any daemons." >&2\nexit 1\n' >"$work/fails"
chmod +x "$work/fails"
ESPALIER_VTYSH=$work/fails missing "a program that fails" \
	"vtysh failed with status 1 ('Exiting: failed to connect to any daemons.'); is FRR running?"
ESPALIER_VTYSH="echo" missing "an answer that is no JSON" "vtysh's answer is not understood; is this FRR 8 or later?"
printf '#!/bin/sh\nsleep 1000 & echo $! >"%s"; wait\n' "$work/child" >"$work/slow"
chmod +x "$work/slow"
ESPALIER_VTYSH=$work/slow missing "a program that hangs" "vtysh did not answer within 10 s; is FRR running?"
same "and nothing of it is left" "" "$(ps -o stat= -p "$(cat "$work/child")" | grep -v ^Z)"
# ---- BIRD instead, as recorded: the first session is established, the second one is not ----
printf '#!/bin/sh\n[ "$*" = "show protocols all" ] && cat "%s"\n' "$PWD/tests/unit/data/bird/protocols.txt" >"$work/birdc"
printf '#!/bin/sh\necho "{}"\n' >"$work/no-sessions"
chmod +x "$work/birdc" "$work/no-sessions"
for vtysh in nowhere fails no-sessions; do
	ESPALIER_VTYSH=$work/$vtysh ESPALIER_BIRDC=$work/birdc ask show bgp
	same "BIRD's sessions, FRR is $vtysh" "0  dc-1 - one Established 4 1 dc-1 - two Idle - 0 0 dc-2 vrf1002 three - - - -" \
		"$code $err $(awk 'NR == 2 { print $1, $2, $3, $4, $6, $7 } NR > 2 { print $1, $2, $3, $4, $5, $6, $7 }' <<<"$out" | paste -sd' ')"
done
ESPALIER_BIRDC=$work/birdc ask show bgp
same "FRR goes first" "2" "$(grep -c Established <<<"$out")"

ESPALIER_VTYSH=$work/nowhere ask -j show bgp
same "-j says null" "null" "$(jq -c '.[0].tunnels[0].session' <<<"$out")"
ESPALIER_VTYSH=$work/nowhere ask show bgp dc-1
same "routes without FRR: the daemon's" "one one two two" "$(awk 'NR > 1 { print $2 }' <<<"$out" | sort | paste -sd' ')"
check "the sanitizers have nothing to say" stop_canned
finish
