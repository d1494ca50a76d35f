#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# What is wrong with a command line, and what to do without a daemon: one sentence each, and the
# exit status says whose fault it is. No daemon runs here.
# shellcheck source=tests/cli/lib.bash
source "$(dirname "$0")/lib.bash"

refuses() { # NAME STATUS SENTENCE ARGUMENT...
	local name=$1 status=$2 sentence=$3
	shift 3
	ask "$@"
	same "$name" "$status: espalier: $sentence" "$code: $out$err"
	ask -j "$@"
	same "$name, -j" "$status: $(jq -nc --arg error "$sentence" '{error: $error}')" "$code: $out$err"
}

refuses "no daemon" 1 \
	"espalierd is not running (no socket at $socket): systemctl start espalierd" status
refuses "no daemon to audit" 2 \
	"espalierd is not running (no socket at $socket): systemctl start espalierd" audit
mkdir "$work/run"
python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$socket"
refuses "a dead daemon's socket" 1 \
	"espalierd is not running (nobody listens at $socket): systemctl start espalierd" show tunnels
refuses "unknown command" 2 "unknown command 'nonsense'; espalier --help lists them" nonsense
refuses "misspelt command" 2 "unknown command 'explian': did you mean explain?" explian
refuses "misspelt noun" 2 "unknown thing to show 'tunels': did you mean tunnels?" show tunels
refuses "ambiguous abbreviation" 2 "'s' is ambiguous: status, show" s
refuses "show nothing" 2 "show what? tunnels|connections|attachments|routes|bgp|advertised|groups|drops|drift" show
refuses "unknown option" 2 "unknown option: --bogus" status --bogus
refuses "option of another command" 2 "tunnels has no option --strict" show tunnels --strict
refuses "option without its argument" 2 "this option needs an argument: --table" show routes --table
refuses "too many arguments" 2 "too many arguments; usage: status" status now
refuses "too few arguments" 2 "too few arguments; usage: check [--strict] [--host] FILE" check
refuses "table and connection at once" 2 "show routes: --table or --connection, not both" \
	show routes --table a --connection b
refuses "explain from nowhere" 2 \
	"explain: --in ATTACHMENT is missing: where does the packet arrive?" explain 10.0.0.1 10.0.0.2
refuses "explain without an address" 2 "explain: '10.0.0' is not an address" explain --in a 10.0.0 10.0.0.2
refuses "explain between families" 2 "explain: 10.0.0.1 and ::1 are not of the same address family" \
	explain --in a 10.0.0.1 ::1
refuses "explain an unknown protocol" 2 \
	"explain: 'tpc' is not a protocol: tcp, udp, icmp, icmpv6, sctp or 0 to 255" \
	explain --in a 10.0.0.1 10.0.0.2 tpc
refuses "explain protocol 256" 2 \
	"explain: '256' is not a protocol: tcp, udp, icmp, icmpv6, sctp or 0 to 255" \
	explain --in a 10.0.0.1 10.0.0.2 256
refuses "explain one port" 2 "explain: source port and destination port, or none" \
	explain --in a 10.0.0.1 10.0.0.2 tcp 1
refuses "explain port 65536" 2 "explain: '65536' is not a port (0 to 65535)" \
	explain --in a 10.0.0.1 10.0.0.2 17 1 65536
refuses "explain icmp with ports" 2 "explain: protocol icmp has no ports" \
	explain --in a 10.0.0.1 10.0.0.2 icmp 1 2

refuses "a tunnel, and nothing to do with it" 2 "tunnel what? drain|undrain ..." tunnel
refuses "drain nothing" 2 "too few arguments; usage: drain [--deadline TIME] [--idle TIME] TUNNEL" tunnel drain
refuses "undrain with a deadline" 2 "undrain has no option --deadline" tunnel undrain --deadline 5m a
for time in 5 -5s 5d 1.5h s '' 5ms5 99999999999999999999s; do
	refuses "drain until '$time'" 2 "'$time' is not a time such as 90s, 5m or 1h" tunnel drain --deadline "$time" a
done
refuses "drain with no idle time" 2 "'x' is not a time such as 90s, 5m or 1h" tunnel drain --idle x a

run
same "no command: usage on stderr" "2 usage: espalier [-j] [-s SOCKET] COMMAND ..." "$code $out$(head -1 <<<"$err")"
run --help
same "--help: usage on stdout" "0 usage: espalier [-j] [-s SOCKET] COMMAND ..." "$code $(head -1 <<<"$out")$err"
for command in check status show 'show tunnels' 'show connections' 'show attachments' 'show routes' \
	'show bgp' 'show groups' 'show drops' 'show cpus' 'show drift' 'tunnel drain' 'tunnel undrain' audit explain version; do
	# shellcheck disable=SC2086 # words
	run $command --help
	same "$command --help" "0 usage: espalier [-j] [-s SOCKET] $command" \
		"$code $(head -1 <<<"$out" | grep -o "^usage: espalier \[-j\] \[-s SOCKET\] $command")$err"
done
run version
version=$out
check "version" grep -qE '^espalier [0-9]+\.[0-9]+\.[0-9]+$' <<<"$version"
run --version
same "--version is version" "0 $version" "$code $out"
run version -j
same "version -j" "0 {\"version\":\"${version#espalier }\"}" "$code $out"
finish
