# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# BIRD in the home of a namespace (home.sh), with the home's /etc/bird/bird.conf. Sourced after lib.sh.

bird_up() # NAMESPACE [OPTION…]
{
	local ns=$1 home
	shift
	home=$(home_of "$ns") || return 1
	in_home "$ns" mkdir -p /run/bird || return 1
	process_start "bird-$ns" "$ns" nsenter --target "$home" --mount -- \
		bird -f -c /etc/bird/bird.conf -s /run/bird/bird.ctl "$@"
	if ! wait_for 30 "BIRD answers in $ns" birdc_in "$ns" show status; then
		cat "$(process_log "bird-$ns")" >&2
		return 1
	fi
}

# KILL: as a crash, the kernel keeps its routes. TERM: it takes them along.
bird_down() # NAMESPACE [SIGNAL]
{
	process_stop "bird-$1" "${2:-TERM}" || [ "${2:-TERM}" = KILL ]
}

birdc_in() # NAMESPACE COMMAND…
{
	local ns=$1
	shift
	in_home "$ns" birdc -s /run/bird/bird.ctl "$@"
}

# Is the session of a protocol established?
bird_session() # NAMESPACE PROTOCOL
{
	prints Established birdc_in "$1" show protocols "\"$2\""
}
