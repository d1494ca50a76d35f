#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# What people and scripts get to see: each command's exact text, and with -j the result as it came.
# shellcheck source=tests/cli/lib.bash
source "$(dirname "$0")/lib.bash"
build_canned
start_canned
[ "$said" = ready ] || { fail "the daemon of canned answers starts" "$said$(<"$work/canned.err")"; finish; }

shows() { # NAME ARGUMENT...: its text is on stdin
	local name=$1
	shift
	ask "$@"
	same "$name" "$(cat)" "$out"
	same "$name: exit status 0, nothing on stderr" "0 " "$code $err"
}

gives() { # KEY ARGUMENT...: -j prints the result of that key as it came
	local key=$1
	shift
	ask -j "$@"
	same "-j $*" "0 $(jq -c ".$key.result" tests/cli/answers.json)" "$code $out"
}

shows "status on one screen" status <<'END'
espalierd 0.1.0, pid 4711, up 3h12m, /etc/espalier/espalier.yaml
ready

alarm: connection dc-1: 12 routes over quota [D4]

tunnels       2 of 3 up
connections   2 of 2 up
attachments   3
routes        4 active, 1 standby, 1 withdrawn
groups        2 of 4096
index         768 KiB, 1 tables not all in it
to tunnels    1.23M packets, 942 MiB
from tunnels  9999 packets, 1023 B
dropped       7 packets, 700 B
drift         1205 found, 1204 repaired in 12 audits, the last 9s ago
slow path     968 routes behind
END

shows "tunnels line up, shares are per connection" show tunnels <<'END'
TUNNEL    CONNECTION  STATE        SINCE  FLAPS  DEVICE   REMOTE            IN       OUT  IN/s     OUT/s   LOST  SHARE OUT                WHY
dc-1-1    dc-1        up           3h12m      0  xfrm101  203.0.113.10  1000 B  1.00 GiB   0 B  1.00 MiB      0  ████████████░░░░  75.0%  ends soon, and no rekey is under way
dc-1-2    dc-1        down           42s      3  xfrm102  203.0.113.11     0 B   341 MiB     -         -  12.3k  ████░░░░░░░░░░░░  25.0%  no outbound policy (DELPOLICY)
branch-1  branch      negotiating      -      0  tun0     -                0 B       0 B     -         -      0  ░░░░░░░░░░░░░░░░   0.0%  being drained: 57 buckets in use, what is left moves in 4m31s
END

shows "each tunnel in full: what an SA is for, what will end it, what it dropped" show tunnels -d <<'END'
dc-1-1  up for 3h12m, by UPDPOLICY
  its outbound SA 0xc0ffee02 ends in 51s (bytes), and no rekey is under way
  penalty 731, damped from 3000 on
  health check good for 3m12s: 10.50.0.9 from 10.1.0.1 each 3.5 s, 3 decide, revoke_route
    64 sent, 63 answered, 1 lost, 1 late; round trip 7.81 ms, average 7.81, least 11.7
  198.51.100.1 → 203.0.113.10, device xfrm101, if_id 101
  connection dc-1, MTU 1400, weight 1
  in  10 packets, 1000 B; in the last minute 0 packets/s, 0 B/s
  out 750 packets, 1.00 GiB; in the last minute 812 packets/s, 1.00 MiB/s
  SA   SPI         USE       ALGORITHM                            AGE     BYTES  PACKETS   REKEY  EXPIRES  LEFT                     BYTES LEFT  PACKETS LEFT  SEQ LEFT  WINDOW  DROPPED
  in   0xc0ffee00  leftover  rfc4106(gcm(aes)) 288              1h00m    1000 B       10     due    5m58s  █░░░░░░░░░░░░░░░   9.0%                                 ESN    1024  3 replayed, 12.3k too old
  in   0xc0ffee01  in-use    rfc4106(gcm(aes)) 288 in udp 4500     2s       0 B        0  59m58s    1h05m  ████████████████  99.9%                                 ESN    1024  1 not authentic
  out  0xc0ffee02  in-use    cbc(aes) 256 in udp 41002          1h00m  1.00 GiB      750       -        -  █░░░░░░░░░░░░░░░   4.8%    51.2 MiB         3.00M     4.29G       0

dc-1-2  down for 42s, by DELPOLICY: no outbound policy; went down 3 times
  its routes are kept for another 0.2 s
  penalty 3737, damped until 1000 is left, for another 57s
  health check unknown for 42s: fd00:50::9 from fd00:1::1 each 0.5 s, 2 decide, reserve_route; waits for Phase 2
    cannot be sent: Network is unreachable
    0 sent, 0 answered, 0 lost
  198.51.100.2 → 203.0.113.11, device xfrm102, if_id 102
  connection dc-1, MTU 1400, weight 1
  in  0 packets, 0 B
  out 250 packets, 341 MiB
  12.3k packets lost at the device: no SA, policy or route behind it
  no SA

branch-1  negotiating for -, by -
  being drained: 57 buckets in use, what is left moves in 4m31s
  - → -, device tun0, if_id 201
  connection branch, MTU 1400, weight 1
  in  0 packets, 0 B
  out 0 packets, 0 B
  no SA
END

shows "connections" show connections <<'END'
CONNECTION  ATTACHMENT  GATEWAY  METHOD  STATE     TUNNELS UP  ROUTES  VRF      TABLE
dc-1        dc-1        dc-1     bgp     degraded  1 of 2         120  vrf1001   1001
branch      -           branch   static  down      0 of 1           0  -         1002
END

shows "attachments" show attachments <<'END'
ATTACHMENT  TYPE  TO    VLAN      ASSOCIATED  LEARNED BY   PROGRAM                 PACKETS IN        IN  PACKETS OUT    OUT  DROPPED
vpc-a       vpc   eth1  100, 200  main        main, spare  native, redirect, cpus       10.0k  1.50 KiB            5  500 B        7
dc-1        vpn   dc-1  -         -           -            -                                0       0 B            0    0 B        0
END

shows "routes say why they are not active" show routes <<'END'
IN                 PREFIX         TYPE         FROM    ORIGIN   METRIC  STATE      NEXT HOPS                       WHY
table main         10.1.0.0/16    system       vpc-a   config        0  active     eth1 via 10.1.0.254
table main         10.50.0.0/16   bgp          dc-1    config        0  active     dc-1-1, dc-1-2 weight 2 (dead)
table main         10.50.0.0/16   destination  branch  runtime       0  standby    -                               BGP comes first [S30]
connection branch  2001:db8::/32  destination  -       config        -  withdrawn  -                               no tunnel in Phase 2 [D2]
END

shows "groups: a line per member, shares of the buckets" show groups <<'END'
GROUP  ROUTES  TUNNEL    WEIGHT  STATE  BUCKETS  SHARE
    1     120  dc-1-1         1  live        86  █████░░░░░░░░░░░  33.6%
               dc-1-2         2  dead       170  ███████████░░░░░  66.4%
   12       1  branch-1       1  live       256  ████████████████ 100.0%
END

shows "CPUs: a line each, and why there are none" show cpus <<'END'
DEVICE  SPREAD  WANTED  CPU  SAS  SENT THERE  HANDLED     BYTES  SHARE                    LOST  WHY
eth0    esp     auto      0    2        7500     7500  10.7 MiB  ████████████░░░░  75.0%     0
                          1    1        2600     2500  3.58 MiB  ████░░░░░░░░░░░░  25.0%   100
eth1    flows   0, 1      0    -           0        0       0 B  ░░░░░░░░░░░░░░░░   0.0%     0
                          1    -           5        5     500 B  ████████████████ 100.0%     0
eth2    flows   auto      -    -           -        -         -  -                           -  the device has several receive queues and spreads flows itself
END

shows "drops say what they mean" show drops <<'END'
WHERE          REASON          KIND         PACKETS     BYTES  MEANING
vpc-a          no-route        drop           1.00M  1.00 MiB  no route in the associated table [D8]
dc-1           tx-carrier      behind             3       0 B  xfrm interface: no SA, policy or route behind it
tunnel dc-1-1  replayed        kernel-xfrm        3         -  of its present SAs: came twice (part of XfrmInStateSeqError)
-              XfrmInNoStates  kernel-xfrm    98.8k         -  in: no SA with that SPI (late packets of an old SA, or a stranger's)
END

shows "explain reads as the packet's path" explain --in vpc-a 10.1.0.5 10.50.3.4 tcp 40000 443 <<'END'
10.1.0.5 → 10.50.3.4, protocol tcp, port 40000 → 443
  attachment vpc-a
→ table      main
→ route      10.50.0.0/16, bgp from dc-1
→ group      1
→ bucket     117, flow hash 0x8f273675
→ tunnel     dc-1-2 (the bucket's first tunnel is dead)
→ device     xfrm102
→ verdict    tunnel, to-tunnel: steered into a tunnel

not used:
  destination from branch: BGP comes first [S30]
END

shows "a preview says what moves, where to, and what is left without a path" \
	ecmp preview --down dc-1-1 --down branch-1 <<'END'
if dc-1-1, then branch-1 (is down already) went down:

buckets  ████████████░░░░  75.0%  384 of 512 would move; 256 of them have no tunnel left
traffic  ████░░░░░░░░░░░░  25.0%  1.00 KiB of 4.00 KiB in the last 1m00s
connection branch would have no tunnel left

GROUP  ROUTES  MOVE  LOST  SHARE                    TO
    1     120   128     0  ████████░░░░░░░░  50.0%  dc-1-2 +86, dc-2-1 +42
   12       1     0   256  ████████████████ 100.0%  nowhere

table main: 3 prefixes of branch-1 would have no path
  10.60.0.0/16
  10.61.0.0/16
  and 1 more: --all lists them

table main: 1 prefix of branch-1 would take another path: dc-1-2
  10.62.0.0/16

table main: 1 prefix of branch-1, dc-1-2 would keep dc-1-2
  2001:db8::/32
END

gives status status
gives preview ecmp preview --down dc-1-1
ask -j show tunnels
same "-j has every SA, with --details and without" "$out" "$("$espalier" -s "$socket" -j show tunnels --details)"
ask show routes --details
same "no other noun has details" "2 espalier: routes has no option --details" "$code $err"
shows "drift: how much of what, and the latest of it" show drift <<'END'
audits        12
link          1 found, 0 repaired
route         1204 found, 1204 repaired

  AGO  KIND   OBJECT                     FOUND    ACTION
   3s  link   tun101                     missing  not repaired
2h05m  route  10.5.0.0/16 of table:main  missing  made again
END
ask audit
same "an audit lists what it found; what cannot be repaired is exit status 2" "2 1205 found, 1204 repaired

KIND   OBJECT                     FOUND    ACTION
route  10.5.0.0/16 of table:main  missing  made again
link   tun101                     missing  not repaired" "$code $out"
ask -j audit
same "-j audit" "2 $(jq -c .drift.result.last tests/cli/answers.json)" "$code $out"

for noun in tunnels connections attachments routes groups drops drift; do
	gives "$noun" show "$noun"
done
gives explain explain --in vpc-a 10.1.0.5 10.50.3.4 tcp 40000 443

LC_ALL=C ask show groups
same "a locale without UTF-8 gets ASCII bars" \
	"   12       1  branch-1       1  live       256  ################ 100.0%" "$(tail -1 <<<"$out")"
LC_ALL=C ask explain --in vpc-a 10.1.0.5 10.50.3.4
same "a locale without UTF-8 gets ASCII arrows" "-> table      main" "$(sed -n 3p <<<"$out")"

# What the daemon is asked.
asked() { # NAME REQUEST ARGUMENT...
	local name=$1 request=$2
	shift 2
	ask "$@"
	same "$name" "$request" "$(tail -1 "$work/requests")"
}
asked "abbreviations reach the daemon in full" '{"command": "connections"}' sh con
asked "routes of a table" '{"command": "routes", "table": "main"}' show routes --table main
asked "routes of a connection" '{"command": "routes", "connection": "dc-1"}' show routes --connection=dc-1
asked "routes by match, the word shortened" \
	'{"command": "routes", "match": "covering", "prefix": "10.0.0.0/8", "table": "main"}' \
	show routes --table main cov 10.0.0.0/8
asked "drops, all of them" '{"all": true, "command": "drops"}' show --all drops
asked "a preview of several tunnels, in their order" '{"command": "preview", "down": ["b", "a"]}' ecmp preview --down b --down=a
asked "a preview in full" '{"all": true, "command": "preview", "down": ["a"]}' ecmp preview --all --down a
asked "a preview as JSON is in full" '{"all": true, "command": "preview", "down": ["a"]}' -j ecmp preview --down a
ask ecmp preview
same "a preview of nothing: usage" "2 espalier: usage: ecmp preview --down TUNNEL [--down TUNNEL]... [--all]" "$code $err"
asked "explain without protocol" \
	'{"command": "explain", "destination": "::2", "in": "a", "source": "::1"}' explain ::1 ::2 --in a
asked "explain with a protocol's name and ports" \
	'{"command": "explain", "destination": "10.0.0.2", "destination_port": 65535, "in": "a", "protocol": "udp", "source": "10.0.0.1", "source_port": 0}' \
	explain --in a 10.0.0.1 10.0.0.2 udp 0 65535
asked "explain with a protocol's number" \
	'{"command": "explain", "destination": "10.0.0.2", "in": "a", "protocol": 50, "source": "10.0.0.1"}' \
	explain --in a 10.0.0.1 10.0.0.2 50

# What changes something.
asked "a route of a connection" \
	'{"action": "add", "command": "route", "connection": "dc-1", "prefix": "10.9.0.0/16"}' route add dc-1 10.9.0.0/16
asked "a route of a table to an attachment" \
	'{"action": "add", "command": "route", "metric": 5, "prefix": "10.9.0.0/16", "table": "main", "via": "vpc-a"}' \
	route add --table main 10.9.0.0/16 via vpc-a metric 5
asked "a blackhole of a table goes" \
	'{"action": "delete", "blackhole": true, "command": "route", "prefix": "10.9.0.0/16", "table": "main"}' \
	route delete 10.9.0.0/16 blackhole --table main
asked "a drain, with the daemon's own times" \
	'{"action": "drain", "command": "tunnel", "tunnel": "dc-1-1"}' tunnel drain dc-1-1
asked "a drain, with others" \
	'{"action": "drain", "command": "tunnel", "deadline_s": 5400.0, "idle_s": 1.5, "tunnel": "dc-1-1"}' \
	tunnel drain --deadline 90m dc-1-1 --idle=1500ms
asked "a drain at once" '{"action": "drain", "command": "tunnel", "deadline_s": 0.0, "tunnel": "a"}' tun drain a --deadline 0
asked "the end of a drain" '{"action": "undrain", "command": "tunnel", "tunnel": "dc-1-1"}' tunnel undrain dc-1-1
shows "a drain says what it waits for" tunnel drain dc-1-1 <<'END'
tunnel dc-1-1 is being drained: 1 bucket in use, what is left moves in 5m00s
END
for words in "dc-1" "dc-1 10.0.0.0/8 via vpc-a" "--table main 10.0.0.0/8" "--table main 10.0.0.0/8 via" \
	"--table main 10.0.0.0/8 blackhole metric" "--table main 10.0.0.0/8 blackhole metric -1" \
	"--table main 10.0.0.0/8 blackhole metric 4294967296" "--table main 10.0.0.0/8 via a metric 1 b"; do
	# shellcheck disable=SC2086 # several words
	ask route add $words
	same "route add $words: usage" "2 " "$code $out"
done
printf 'a: "b"\n' >"$work/file.yaml"
asked "apply sends the file's text and its full name" \
	"{\"command\": \"apply\", \"file\": \"$work/file.yaml\", \"text\": \"a: \\\"b\\\"\\n\"}" apply "$work/file.yaml"
asked "apply with a time to confirm" \
	"{\"command\": \"apply\", \"confirm\": 60, \"file\": \"$work/file.yaml\", \"text\": \"a: \\\"b\\\"\\n\"}" \
	apply --confirm 60 "$work/file.yaml"
for seconds in 0 86401 1x ''; do
	ask apply --confirm "$seconds" "$work/file.yaml"
	same "apply --confirm '$seconds': usage" "2 " "$code $out"
done
ask apply "$work/file.yaml"
same "a refused file: each place, exit status 2" "2 $work/file.yaml:1:1: error: unknown key 'a' in the configuration
espalier: FILE: 1 error; nothing was changed" "$code $err"
asked "confirm" '{"command": "confirm"}' confirm
asked "rollback" '{"command": "rollback"}' rollback
shows "export is the text and nothing else" export <<'END'
gateway:
  secrets: /etc/espalier/secrets
END

colours() { script -qec "$*" /dev/null </dev/null | grep -c $'\033\\[' | sed 's/^0$/none/'; }
same "colours on a terminal" 4 "$(TERM=xterm colours "$espalier" -s "$socket" show tunnels)"
same "NO_COLOR is honoured" none "$(NO_COLOR=1 TERM=xterm colours "$espalier" -s "$socket" show tunnels)"
same "a dumb terminal gets no colours" none "$(TERM=dumb colours "$espalier" -s "$socket" show tunnels)"

"$espalier" -s "$socket" status >/dev/full 2>"$work/stderr"
same "output that cannot be written is a failure" \
	"1 espalier: cannot write the output: No space left on device" "$? $(<"$work/stderr")"

check "the server leaks nothing and ends cleanly on SIGTERM" stop_canned
check "the socket is gone then" test ! -e "$socket"
finish
