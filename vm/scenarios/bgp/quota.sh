# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# Part of bgp.sh: more prefixes than the quotas allow [S43 S44 D4]. Each customer announces two prefixes beside the
# numbered networks of here.

# Waits for both tunnels of dc-1.
dc_1_offers() # OFFERED ACCEPTED
{
	local tunnel
	for tunnel in dc-1-1 dc-1-2; do
		wait_for 60 "$tunnel offers $1, of which $2 are accepted" offers_are dc-1 "$tunnel" "$1" "$2" || {
			complain "but $(offers dc-1 "$tunnel")"
			return 1
		}
	done
}

alarm_says() { prints "$1" espalier -j status; }

first_refused() # CONNECTION
{
	espalier -j show bgp | jq -r --arg c "$1" '.[] | select(.connection == $c).refused[0].prefix'
}

refused_count() # CONNECTION
{
	espalier -j show bgp | jq --arg c "$1" '.[] | select(.connection == $c).refused | length'
}

verdict() { espalier -j explain --in vpc-a 10.1.0.2 "${1%.0/24}.1" | jq -r .verdict; } # NETWORK

# shellcheck disable=SC2046 # a word for each network
dual_by_one() {
	local refused
	announce dc-gateway $(networks 0 998)
	dc_1_offers 1000 1000
	not alarm_says "are refused"
	alarm_says "connection dc-1: all of the 1000 BGP routes that tunnel dc-1-1 may bring"
	announce dc-gateway $(networks 998 1)
	dc_1_offers 1001 1000
	refused=$(first_refused dc-1)
	[ "$refused" = "$(networks 998 1)" ]
	[ "$(verdict "$refused")" = drop ]
	wait_for 5 "it is said" alarm_says "connection dc-1: BGP routes over quota are refused, the first is $refused"
	frr_session gateway vrf1001 169.254.10.2
	# Room is given to what waits.
	withdraw dc-gateway "$(networks 0 1)"
	dc_1_offers 1000 1000
	[ "$(verdict "$refused")" = tunnel ]
}

# shellcheck disable=SC2046
dual_by_a_thousand() {
	announce dc-gateway $(networks 999 1000)
	dc_1_offers 2000 1000
	[ "$(refused_count dc-1)" = 1000 ]
	frr_session gateway vrf1001 169.254.10.2
	frr_session gateway vrf1001 169.254.11.2
	# What was accepted stays, and carries.
	ping_all vpc 10.50.0.2 3
	ping_all vpc fd00:50::2 3
	withdraw dc-gateway $(networks 1 1998)
	dc_1_offers 2 2
	wait_for 10 "nothing is said of quotas" not alarm_says "BGP routes"
}

# dc-2 with one tunnel, by a change at run time.
single_tunnel() # BGP_QUOTA CHECK…
{
	local quota=$1
	shift
	bgp_yaml | sed -e '/if_id: 104/d' -e "s/^    customer_gateway: dc-2/&\n    bgp_quota: $quota/" >"$ground_state/other.yaml"
	espalier apply "$ground_state/other.yaml" 2>/dev/null
	"$@"
}

# shellcheck disable=SC2046
single_by_one_and_by_a_thousand() {
	announce dc2-gateway $(networks 0 49)
	wait_for 60 "one of 51 is refused" offers_are dc-2 dc-2-1 51 50
	[ "$(refused_count dc-2)" = 1 ]
	bird_session dc2-gateway cloud103
	announce dc2-gateway $(networks 49 999)
	wait_for 60 "a thousand are refused" offers_are dc-2 dc-2-1 1050 50
	frr_session gateway vrf1002 169.254.20.2
	ping_all vpc 10.60.0.2 3
}

# shellcheck disable=SC2046
single_with_more_room() {
	wait_for 10 "200 are accepted" offers_are dc-2 dc-2-1 1050 200
	withdraw dc2-gateway $(networks 0 1048)
	wait_for 60 "all are accepted" offers_are dc-2 dc-2-1 2 2
}

# The other tunnel again: its device is a new one, its SAs are the old ones.
both_tunnels_again() {
	espalier apply "$espalier_config" 2>/dev/null
	wait_for 60 "dc-2's are learned over both tunnels" learned_over_is dc-2 10.60.0.0/16 "dc-2-1 dc-2-2"
	wait_for 60 "IPv6 too" learned_over_is dc-2 fd00:60::/48 "dc-2-1 dc-2-2"
	ping_all vpc 10.60.0.2 3
}

claim "two tunnels: the 1,001st prefix is refused, the session stays, room freed is given to it [S43 D4]" dual_by_one
claim "two tunnels: 1,000 too many, and recovery [S43 D4]" dual_by_a_thousand
claim "one tunnel: the 51st prefix is refused, and 1,000 more; the session stays [S44 D4]" single_tunnel 50 single_by_one_and_by_a_thousand
claim "one tunnel: adjusted to 200 at run time, and recovery [S44 D4]" single_tunnel 200 single_with_more_room
claim "the second tunnel comes back at run time, and its session and routes with it" both_tunnels_again
