# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# Scenes: claims about espalierd and two real strongSwans, each under a stream of numbered packets from vpc to dc over both
# tunnels and under a capture at the far end of the underlay, which must show ESP, IKE and address resolution only.
# Sourced by failover*.sh, after lib.sh. The gateway begins every negotiation.

# shellcheck source=vm/scenarios/espalier.sh
. "$ground_source/vm/scenarios/espalier.sh"

flows=32 first_port=21000 port=7100

scenes_end() {
	espalier_down KILL >/dev/null 2>&1 || true
	espalier_cleanup >/dev/null 2>&1 || true
	topology_down
}

# Everything up, and the rate at which nothing is lost. With NAMEs, only those scenes are played.
scenes_begin() # [NAME…]
{
	scenes_wanted=("$@")
	trap scenes_end EXIT
	topology_up
	strongswan_up gateway
	strongswan_up dc-gateway
	espalier_yaml 'damping: off' >"$espalier_config" # scenes fall one after the other
	espalier_up
	fresh
	rate=$(quiet_rate)
	say "# streams of $rate packets/s in $flows flows"
}

scene_is_wanted() # NAME
{
	local name
	[ "${#scenes_wanted[@]}" != 0 ] || return 0
	for name in "${scenes_wanted[@]}"; do
		[ "$name" != "$1" ] || return 0
	done
	return 1
}

# A claim whose stream and capture do not outlive it, whatever becomes of it.
scene() # NAME AT_LEAST_ESP DESCRIPTION CHECK…
{
	local name=$1 esp=$2 description=$3 file
	shift 3
	scene_is_wanted "$name" || return 0
	claim "$description" sealed "$name" "$esp" "$@"
	for file in "$ground_state"/process.stream-* "$ground_state"/process.capture-*; do
		[ ! -e "$file" ] || process_stop "${file##*/process.}" KILL || true
	done
}

# The stream, for as long as the check takes; then says what became of its packets.
streaming() # NAME CHECK…
{
	local name=$1
	shift
	stream_start "$name" vpc dc 10.50.0.2 "$port" --flows "$flows" --from-port "$first_port" --rate "$rate" --seconds 900
	wait_for 30 "the stream flows" stream_delivered "$name" 100
	"$@"
	stream_stop "$name" >/dev/null
	account "$name"
}

account() # STREAM [WORDS]
{
	say "#   ${2:-}$(jq -c '{sent, lost, reordered, overload, sa_deleted, longest_gap_ms, longest_flow_gap_ms}' "$ground_output/stream-$1.json")"
}

# Both tunnels are up afterwards, and neither ever fell.
without_a_flap() # CHECK…
{
	local before after
	before=$(flaps)
	"$@"
	after=$(flaps)
	espalier_sees_up t0 t1
	if [ "$before" != "$after" ]; then
		complain "flaps of t0 and t1 went from $before to $after: $(tail -n 20 "$(process_log espalierd)")"
		return 1
	fi
}

flaps() { printf '%s %s\n' "$(espalier_tunnel_field t0 flaps)" "$(espalier_tunnel_field t1 flaps)"; }

# Both tunnels up, with these options of the gateway's connections and children, as of swanctl_conf. What was negotiated with
# the same ones and is up stays: under emulation, a negotiation takes ten seconds.
fresh() # [CONNECTION_OPTIONS [CHILD_OPTIONS]]
{
	swanctl_change gateway "$@"
	tunnels_anew
	wait_for 20 "espalierd sees both up" espalier_sees_up t0 t1
	wait_for 20 "the routes are active" routes_are active
}

# Less was lost than the stream sent in so many seconds.
lost_less_than_seconds() # STREAM SECONDS
{
	stream_holds "$1" ".received > 0 and .lost < $2 * $rate"
}

# No route of dc-1 goes while the check runs.
without_a_withdrawal() # CHECK…
{
	process_start monitor gateway "$espalier_build/espalier" --socket "$espalier_socket" monitor
	"$@"
	# The last word: a route comes, so that everything before it has been told.
	espalier route add dc-1 10.99.0.0/16
	wait_for 10 "monitor is up to date" grep -q '10.99.0.0/16.*added' "$(process_log monitor)"
	process_stop monitor || true
	espalier route delete dc-1 10.99.0.0/16
	not grep 'route .* removed' "$(process_log monitor)"
}

paths() { espalier_paths 10.1.0.2 10.50.0.2 "$first_port" "$flows" "$port"; } # one line for each flow of the stream

# Flows whose path was TUNNEL lost nothing and kept their order.
untouched() # STREAM PATHS_FILE TUNNEL
{
	jq -e --rawfile paths "$2" --arg tunnel "$3" '
		($paths | split("\n")) as $path | .overload as $overload |
		[.by_flow[] | select($path[.flow] == $tunnel)] |
		length > 0 and (map(.lost) | add) <= $overload and all(.reordered == 0)' \
		"$ground_output/stream-$1.json" >/dev/null
}
