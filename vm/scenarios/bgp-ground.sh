# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# The ground of lib.sh, with BGP: three underlays, three customers, two VPCs. Sourced after lib.sh, espalier.sh and frr.sh.
#
#    vpc 10.1.0.2 ── eth1 ┐            ┌ eth0 ══ dc-gateway      ── dc 10.50.0.2      dc-1: BGP, FRR, two tunnels
#                         │  gateway   ├ eth2 ══ dc2-gateway     ── dc2 10.60.0.2     dc-2: BGP, BIRD, two tunnels
#    lab 10.2.0.2 ── eth4 ┘            └ eth3 ══ branch-gateway 10.70.0.1             branch: static, one tunnel
#
# Configuration of both ends is what Espalier renders from bgp_yaml. What a data centre announces are the kernel routes
# of its gateway: 10.50.0.0/16 and fd00:50::/48, 10.60.0.0/16 and fd00:60::/48, and what announce adds.

# shellcheck source=vm/scenarios/bird.sh
. "$ground_source/vm/scenarios/bird.sh"

bgp_tunnels=(dc-1-1 dc-1-2 dc-2-1 dc-2-2 branch-1)

# dc-1 and dc-2 are looked up in wan, vpc in main, lab in lab, which knows dc-2 alone. Timers are slow enough for a loaded
# emulated processor.
bgp_yaml() {
	local timers="{ bfd: { interval: 1s, multiplier: 10 }, graceful_restart: { restart_time: 240s } }"
	cat <<TEXT
gateway: { secrets: $ground_secrets }
transit_router:
  tables:
    main: { learn: [vpc-a, dc-1, dc-2, branch] }
    wan:  { learn: [vpc-a, vpc-b, dc-1, dc-2, branch], transit: false }
    lab:  { learn: [vpc-b, dc-2] }
attachments:
  vpc-a:  { type: vpc, device: eth1, cidrs: [10.1.0.0/24, "fd00:1::/64"], association: main }
  vpc-b:  { type: vpc, device: eth4, cidrs: [10.2.0.0/24], association: lab }
  dc-1:   { type: vpn, connection: dc-1, association: wan, synchronize: true }
  dc-2:   { type: vpn, connection: dc-2, association: wan, synchronize: true }
  branch: { type: vpn, connection: branch, association: wan }
customer_gateways:
  dc-1:   { addresses: [192.0.2.2, 192.0.2.4], asn: 65001 }
  dc-2:   { addresses: [198.51.100.2, 198.51.100.4], asn: 65002 }
  branch: { address: 203.0.113.2 }
connections:
  dc-1:
    customer_gateway: dc-1
    bgp: $timers
    tunnels:
      - { if_id: 101, local_address: 192.0.2.1, remote_address: 192.0.2.2, inside: 169.254.10.0/30, bgp_address: 169.254.10.1, psk: dc-1-1 }
      - { if_id: 102, local_address: 192.0.2.3, remote_address: 192.0.2.4, inside: 169.254.11.0/30, bgp_address: 169.254.11.1, psk: dc-1-2 }
  dc-2:
    customer_gateway: dc-2
    bgp: $timers
    tunnels:
      - { if_id: 103, local_address: 198.51.100.1, remote_address: 198.51.100.2, inside: 169.254.20.0/30, bgp_address: 169.254.20.1, psk: dc-2-1 }
      - { if_id: 104, local_address: 198.51.100.3, remote_address: 198.51.100.4, inside: 169.254.21.0/30, bgp_address: 169.254.21.1, psk: dc-2-2 }
  branch:
    customer_gateway: branch
    routes: [10.70.0.0/16]
    tunnels:
      - { if_id: 105, local_address: 203.0.113.1, remote_address: 203.0.113.2, psk: branch-1 }
TEXT
}

# ---- links and addresses ------------------------------------------------------------------------------------------------

bgp_links_up() {
	ip -batch - <<'TEXT' || return 1
link add eth2 netns gateway type veth peer name eth0 netns dc2-gateway
link add eth3 netns gateway type veth peer name eth0 netns branch-gateway
link add eth4 netns gateway type veth peer name eth0 netns lab
link add eth0 netns dc2 type veth peer name eth1 netns dc2-gateway
TEXT
	ip_batch gateway <<'TEXT' || return 1
address add 198.51.100.1/24 dev eth2
address add 198.51.100.3/24 dev eth2
address add 203.0.113.1/24 dev eth3
address add 10.2.0.1/24 dev eth4
link set eth2 up
link set eth3 up
link set eth4 up
TEXT
	ip_batch lab <<'TEXT' || return 1
link set lo up
address add 10.2.0.2/24 dev eth0
link set eth0 up
route add default via 10.2.0.1
TEXT
	ip_batch dc2 <<'TEXT' || return 1
link set lo up
address add 10.60.0.2/24 dev eth0
address add fd00:60::2/64 dev eth0
address add 10.90.0.1/32 dev lo
link set eth0 up
route add default via 10.60.0.1
route add default via fd00:60::1
route add local 10.60.128.0/17 dev lo
TEXT
	ip_batch dc2-gateway <<'TEXT' || return 1
link set lo up
address add 198.51.100.2/24 dev eth0
address add 198.51.100.4/24 dev eth0
address add 10.60.0.1/24 dev eth1
address add fd00:60::1/64 dev eth1
link set eth0 up
link set eth1 up
route add 10.60.0.0/16 via 10.60.0.2
route add fd00:60::/48 via fd00:60::2
TEXT
	ip_batch branch-gateway <<'TEXT' || return 1
link set lo up
address add 203.0.113.2/24 dev eth0
address add 10.70.0.1/32 dev lo
link set eth0 up
TEXT
	in_ns dc ip address add 10.90.0.1/32 dev lo
	# The customer's own: no static routes over tunnels here.
	dc_paths
	in_ns dc-gateway ip link del t0
	in_ns dc-gateway ip link del t1
}

# ---- everything ---------------------------------------------------------------------------------------------------------

bgp_ground_up() {
	ground_namespaces+=(lab dc2-gateway dc2 branch-gateway)
	ground_underlay_hosts+=(198.51.100.1 198.51.100.2 198.51.100.3 198.51.100.4 203.0.113.1 203.0.113.2)
	topology_up || return 1
	bgp_links_up || return 1
	secrets_make "${bgp_tunnels[@]}" || return 1
	bgp_yaml >"$espalier_config"
	espalier_up || return 1
	customers_up || return 1
	bgp_gateway_up || return 1
}

# strongSwan and the routing daemon of this gateway, from what is rendered.
bgp_gateway_up() {
	home_up gateway || return 1
	in_home gateway "$espalier_build/espalier" render swanctl --output /etc/swanctl "$espalier_config" >/dev/null || return 1
	in_home gateway "$espalier_build/espalier" render frr --output /etc/frr "$espalier_config" >/dev/null || return 1
	strongswan_rendered_up gateway || return 1
	frr_up gateway
}

# ---- tunnels and sessions -----------------------------------------------------------------------------------------------

tunnels_are_up() { espalier_sees_up "${bgp_tunnels[@]}"; }

# The prefixes that a connection has learned by BGP, one a line.
learned_by() # CONNECTION
{
	espalier -j show routes --connection "$1" | jq -r '.[] | select(.type == "bgp") | .prefix' | sort
}

# The tunnels that a connection's BGP route to a prefix leads into, as one line.
learned_over() # CONNECTION PREFIX
{
	espalier -j show routes --connection "$1" |
		jq -r --arg p "$2" '[.[] | select(.type == "bgp" and .prefix == $p) | .next_hops[].tunnel] | sort | join(" ")'
}

learned_over_is() # CONNECTION PREFIX TUNNELS
{
	[ "$(learned_over "$1" "$2")" = "$3" ]
}

customers_are_learned() {
	learned_over_is dc-1 10.50.0.0/16 "dc-1-1 dc-1-2" && learned_over_is dc-2 10.60.0.0/16 "dc-2-1 dc-2-2"
}

# The state of a route of a table: active, standby, withdrawn, refused; nothing where there is none.
route_state() # TABLE PREFIX ATTACHMENT
{
	espalier -j show routes --table "$1" |
		jq -r --arg p "$2" --arg a "$3" '.[] | select(.prefix == $p and .attachment == $a) | .state'
}

route_is() # TABLE PREFIX ATTACHMENT STATE
{
	[ "$(route_state "$1" "$2" "$3")" = "$4" ]
}

# What a customer's gateway announces from now on, or no longer. More than the customer's own networks.
announce() { announcement add "$@"; } # NAMESPACE PREFIX…
withdraw() { announcement del "$@"; } # NAMESPACE PREFIX…

announcement() # add|del NAMESPACE PREFIX…
{
	local verb=$1 ns=$2
	shift 2
	printf "route $verb blackhole %s proto 99\n" "$@" | ip_batch "$ns"
}

# Numbered networks, one a line: 10.128.0.0/24, 10.128.1.0/24, …
networks() # FIRST COUNT
{
	local n
	for ((n = $1; n < $1 + $2; n++)); do
		printf '10.%d.%d.0/24\n' $((128 + n / 256)) $((n % 256))
	done
}

# What a tunnel offers, and what of it is accepted.
offers() # CONNECTION TUNNEL → "OFFERED ACCEPTED"
{
	espalier -j show bgp |
		jq -r --arg c "$1" --arg t "$2" '.[] | select(.connection == $c).tunnels[] | select(.name == $t) | "\(.offered) \(.accepted)"'
}

offers_are() { [ "$(offers "$1" "$2")" = "$3 $4" ]; } # CONNECTION TUNNEL OFFERED ACCEPTED

# Those of dc-1's network.
both_learned() { learned_over_is dc-1 10.50.0.0/16 "dc-1-1 dc-1-2"; }

# What is said to be announced to a customer, and what FRR announces over one tunnel, are the same, both families.
announced_is_what_is_said() # CONNECTION VRF NEIGHBOR
{
	espalier -j show advertised "$1" | jq -r '.[].prefix' | sort >"$ground_output/said"
	announced_by_frr "$2" "$3" | diff "$ground_output/said" -
}

announced_by_frr() # VRF NEIGHBOR
{
	local family
	for family in ipv4 ipv6; do
		vtysh_in gateway -c "show bgp vrf $1 $family neighbors $2 advertised-routes json" |
			jq -r '.advertisedRoutes // {} | keys[]'
	done | sort
}

with_transit() # CHECK…
{
	bgp_yaml | sed 's/transit: false/transit: true/' >"$ground_state/other.yaml"
	espalier apply "$ground_state/other.yaml"
	"$@"
	espalier apply "$espalier_config"
	wait_for 20 "dc-1 no longer hears of dc-2" customer_lacks dc-gateway 10.60.0.0/16
}

# ---- traffic ------------------------------------------------------------------------------------------------------------

losses_flows=16

# As much as this machine carries without loss, at most 200 packets/s.
losses_measure_rate() {
	[ -z "${losses_rate:-}" ] || return 0
	losses_rate=$(quiet_rate)
	[ "$losses_rate" -le 200 ] || losses_rate=200
	say "# streams of $losses_rate packets/s in $losses_flows flows each way"
}

# A daemon that is back before the other end's BFD has missed it costs its session again: its own BFD begins with "Down".
bfd_sees_it() { frr_bfd_is_lost dc-gateway 169.254.10.1 && frr_bfd_is_lost dc-gateway 169.254.11.1; }

# After a loss.
both_again() {
	wait_for 60 "dc-1's route is over both tunnels again" both_learned
	wait_for 60 "and IPv6" learned_over_is dc-1 fd00:50::/48 "dc-1-1 dc-1-2"
	wait_for 60 "dc-1 has ours over both" eval '[ "$(in_ns dc-gateway ip -j route show 10.1.0.0/24 | jq ".[0].nexthops | length")" = 2 ]'
}

# The stream from vpc to dc, and back, for as long as the check takes.
under_traffic() # NAME CHECK…
{
	local name=$1
	shift
	stream_start "$name-out" vpc dc 10.50.0.2 7200 --flows "$losses_flows" --from-port 22000 --rate "$losses_rate" --seconds 900
	stream_start "$name-in" dc vpc 10.1.0.2 7201 --flows "$losses_flows" --from-port 23000 --rate "$losses_rate" --seconds 900
	wait_for 30 "the stream to dc flows" stream_delivered "$name-out" 50
	wait_for 30 "the stream to vpc flows" stream_delivered "$name-in" 50
	process_start "$name-routes-gateway" gateway ip -timestamp monitor route link
	process_start "$name-routes-dc-gateway" dc-gateway ip -timestamp monitor route link
	"$@"
	process_stop "$name-routes-gateway" || true
	process_stop "$name-routes-dc-gateway" || true
	stream_stop "$name-out" >/dev/null
	stream_stop "$name-in" >/dev/null
	say "#   to dc:  $(jq -c '{sent, lost, overload, longest_gap_ms}' "$ground_output/stream-$name-out.json")"
	say "#   to vpc: $(jq -c '{sent, lost, overload, longest_gap_ms}' "$ground_output/stream-$name-in.json")"
}

# A claim whose streams, and what is watched beside them, do not outlive it.
loss() # DESCRIPTION CHECK…
{
	local file
	claim "$@"
	for file in "$ground_state"/process.stream-* "$ground_state"/process.*-routes-*; do
		[ ! -e "$file" ] || process_stop "${file##*/process.}" KILL || true
	done
}
