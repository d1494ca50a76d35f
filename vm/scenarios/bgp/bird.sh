# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# Part of bgp.sh: BIRD in the place of FRR at the gateway, from `espalier render bird`. The last part: FRR does not return.

bird_takes_over() {
	local prefix
	frr_down gateway
	in_home gateway "$espalier_build/espalier" render bird --output /etc/bird "$espalier_config" >/dev/null
	bird_up gateway -R
	for prefix in 10.50.0.0/16 fd00:50::/48; do
		wait_for 60 "$prefix is learned over both tunnels" learned_over_is dc-1 "$prefix" "dc-1-1 dc-1-2"
	done
	for prefix in 10.60.0.0/16 fd00:60::/48; do
		wait_for 60 "$prefix is learned over both tunnels" learned_over_is dc-2 "$prefix" "dc-2-1 dc-2-2"
	done
	prints 10.50.0.0/16 in_ns gateway ip route show table 1001 proto bird
	ping_all vpc 10.50.0.2 3
	ping_all vpc fd00:50::2 3
	ping_all vpc 10.60.0.2 3
	ping_all vpc fd00:60::2 3
}

bird_check() { in_home gateway "$espalier_build/espalier" render --check bird "$espalier_config"; }

# What nobody may do by hand: one session exports everything.
bird_that_differs_is_named() {
	local said status=0
	bird_check
	in_home gateway cp /etc/bird/bird.conf /etc/bird/bird.conf.rendered
	in_home gateway sed -i '/^protocol bgp .dc-1-1/,/^}/s/export filter espalier_out/export all/' /etc/bird/bird.conf
	birdc_in gateway configure
	said=$(bird_check 2>&1) || status=$?
	in_home gateway mv /etc/bird/bird.conf.rendered /etc/bird/bird.conf
	birdc_in gateway configure
	say "# $said"
	[ "$status" = 1 ] && [[ $said == *dc-1-1*espalier_out* ]]
	wait_for 30 "the session is back" bird_session gateway dc-1-1
	bird_check
}

bird_announces() {
	local prefix
	for prefix in 10.1.0.0/24 10.2.0.0/24 fd00:1::/64; do
		wait_for 30 "dc-1 has $prefix" customer_has dc-gateway "$prefix"
		wait_for 30 "dc-2 has $prefix" customer_has dc2-gateway "$prefix"
	done
	customer_lacks dc-gateway 10.60.0.0/16
	customer_lacks dc2-gateway 10.50.0.0/16
	ping_all dc 10.1.0.2 3
	ping_all dc2 fd00:1::2 3
	espalier route add --table wan 10.8.0.0/16 via vpc-a
	wait_for 30 "a static route is announced" customer_has dc-gateway 10.8.0.0/16
	espalier route delete --table wan 10.8.0.0/16 via vpc-a
	wait_for 30 "and withdrawn" customer_lacks dc-gateway 10.8.0.0/16
}

# shellcheck disable=SC2046 # a word for each network
bird_brings_too_many() {
	announce dc-gateway $(networks 0 999)
	wait_for 60 "one of 1001 is refused" offers_are dc-1 dc-1-1 1001 1000
	bird_session gateway dc-1-1
	withdraw dc-gateway $(networks 0 999)
	wait_for 60 "all are accepted" offers_are dc-1 dc-1-1 2 2
}

bird_dies_and_returns() {
	bird_down gateway KILL
	wait_for 30 "dc-1's BFD sees it" bfd_sees_it
	both_learned
	bird_up gateway -R
	wait_for 60 "the first session is back" bird_session gateway dc-1-1
	wait_for 60 "the second one too" bird_session gateway dc-1-2
	wait_for 60 "dc-1 has what is ours" customer_has dc-gateway 10.1.0.0/24
	both_learned
}

bird_killed() {
	under_traffic bird bird_dies_and_returns
	stream_lost_nothing bird-out
	stream_holds bird-in ".received > 0 and .lost <= .overload + $((losses_rate * 2))"
}

losses_measure_rate
claim "BIRD at the gateway: learned over both tunnels, both families" bird_takes_over
claim "BIRD at the gateway: render --check names the session that differs" bird_that_differs_is_named
claim "BIRD at the gateway: announces what is synchronized, and nothing else" bird_announces
claim "BIRD at the gateway: the 1,001st prefix is refused, the session stays [S43 D4]" bird_brings_too_many
loss "BIRD killed with -9 and restarted: not one packet to dc lost" bird_killed
