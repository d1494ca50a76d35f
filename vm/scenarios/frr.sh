# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# FRR in the home of a namespace (home.sh), as its own scripts run it: watchfrr starts the daemons, reads /etc/frr, and
# starts again what ends. Sourced after lib.sh.

frr_programs='watchfrr|zebra|mgmtd|bgpd|bfdd|staticd'

# frr.conf and daemons are in the home's /etc/frr already.
frr_up() # NAMESPACE
{
	in_home "$1" sh -c ': >/etc/frr/vtysh.conf; rm -f /run/frr/frr.log'
	in_home "$1" env frr_global_options="--log file:/run/frr/frr.log" /usr/lib/frr/frrinit.sh start \
		>>"$ground_output/frr-$1.log" 2>&1 || {
		tail -n 20 "$ground_output/frr-$1.log" >&2
		return 1
	}
	# watchfrr reads the configuration when all of them have started.
	wait_for 120 "FRR has its configuration in $1" frr_is_configured "$1"
}

frr_is_configured() { in_home "$1" grep -q 'BGP: .* end_config' /run/frr/frr.log; } # NAMESPACE

# Ends it as its scripts do.
frr_down() # NAMESPACE
{
	in_home "$1" /usr/lib/frr/frrinit.sh stop >>"$ground_output/frr-$1.log" 2>&1
}

frr_pids() # NAMESPACE [PROGRAM]
{
	local pid
	for pid in $(ip netns pids "$1"); do
		if grep -qxE "${2:-$frr_programs}" "/proc/$pid/comm" 2>/dev/null; then printf '%s\n' "$pid"; fi
	done
}

# All of it at once, and watchfrr too: nobody is left who would start anything.
frr_kill() # NAMESPACE
{
	local pids
	pids=$(frr_pids "$1")
	# shellcheck disable=SC2086 # one word each
	kill -KILL $pids
	wait_for 10 "FRR is dead in $1" not frr_runs "$1"
}

frr_runs() { [ -n "$(frr_pids "$1")" ]; } # NAMESPACE

vtysh_in() # NAMESPACE ARGUMENT…
{
	local ns=$1
	shift
	in_home "$ns" vtysh "$@"
}

# Lines of configuration, from standard input, into the running daemons.
frr_configure() # NAMESPACE
{
	vtysh_in "$1" -f /dev/stdin >>"$ground_output/frr-$1.log"
}

# Is the session with an address established?
frr_session() # NAMESPACE VRF|default NEIGHBOR
{
	vtysh_in "$1" -c "show bgp vrf $2 neighbors $3 json" | jq -e ".[\"$3\"].bgpState == \"Established\"" >/dev/null
}

frr_bfd_is_lost() # NAMESPACE NEIGHBOR
{
	vtysh_in "$1" -c "show bfd peer $2 json" | jq -e '.status != "up"' >/dev/null
}

# Unicast prefixes of BGP in zebra's table that are in use, one a line.
frr_prefixes() # NAMESPACE VRF|default 4|6
{
	local family=ip
	[ "$3" = 4 ] || family=ipv6
	vtysh_in "$1" -c "show $family route vrf $2 bgp json" |
		jq -r 'to_entries[] | select(any(.value[]; .installed)) | .key' | sort
}
