# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# A NAT between the gateway and dc-gateway of the ground (lib.sh, sourced first), in a namespace of its own: it has the
# customer's addresses, and what is behind it private ones. It forgets its mappings when it is told to, and gives others.
#
#    gateway eth0 ══════ underlay ══════ outside nat inside ────────────── eth0 dc-gateway
#    192.0.2.1, .3              192.0.2.2, .4     172.20.2.1, .3           172.20.2.2, .4

# In the shell that ends with topology_down. The scenes before have used the ground without it.
nat_up() {
	ip netns add nat || return 1
	touch "$ground_state/netns.nat"
	ground_namespaces+=(nat)
	# shellcheck disable=SC2034 # of traffic.sh
	ground_underlay=(nat outside)
	in_ns nat sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
		net.ipv6.conf.default.accept_dad=0 net.ipv4.ip_forward=1 || return 1
	ip_batch dc-gateway <<'TEXT' || return 1
link del t0
link del t1
link set eth0 netns nat
TEXT
	ip -batch - <<<'link add eth0 netns dc-gateway type veth peer name inside netns nat' || return 1
	ip_batch nat <<'TEXT' || return 1
link set lo up
link set eth0 name outside
address add 192.0.2.2/24 dev outside
address add 192.0.2.4/24 dev outside
address add 2001:db8:2::2/64 dev outside
address add 172.20.2.1/24 dev inside
address add 172.20.2.3/24 dev inside
link set outside up
link set inside up
TEXT
	ip_batch dc-gateway <<TEXT || return 1
address add 172.20.2.2/24 dev eth0
address add 172.20.2.4/24 dev eth0
link set eth0 up
route add 192.0.2.0/24 via 172.20.2.1
link add t0 type xfrm dev eth0 if_id ${ground_if_ids_dc[0]}
link add t1 type xfrm dev eth0 if_id ${ground_if_ids_dc[1]}
link set t0 mtu 1400 up
link set t1 mtu 1400 up
TEXT
	dc_paths t0 t1
}

# Rules of the NAT instead of those it has, if any, at once: nothing goes through without. What nobody behind it asked for
# it drops without an answer.
nat_rules() # < CHAINS
{
	{
		printf 'flush ruleset\ntable ip nat {\n'
		cat
		printf '}\ntable ip closed {\n'
		printf '\tchain in { type filter hook input priority 0; iifname != lo meta l4proto { udp, esp } drop; }\n}\n'
	} | in_ns nat nft -f -
}

# The customer behind it: what it sends as IKE and ESP of t0 leaves from this port.
nat_of_the_peer() # PORT
{
	nat_rules <<TEXT
	chain out {
		type nat hook postrouting priority srcnat
		oifname outside ip saddr 172.20.2.2 udp sport 4500 masquerade to :$1
		oifname outside ip saddr 172.20.2.2 masquerade
		oifname outside ip saddr 172.20.2.4 snat to 192.0.2.4
	}
TEXT
}

# The gateway behind it as well: its addresses are others to the customer, and what it sends as t0 comes from this port.
nat_of_the_gateway() # PORT
{
	nat_rules <<TEXT
	chain in {
		type nat hook prerouting priority dstnat
		iifname outside ip daddr 192.0.2.2 dnat to 172.20.2.2
		iifname outside ip daddr 192.0.2.4 dnat to 172.20.2.4
	}
	chain out {
		type nat hook postrouting priority srcnat
		oifname inside ip saddr 192.0.2.1 udp sport 4500 masquerade to :$1
		oifname inside ip saddr 192.0.2.1 masquerade
		oifname inside ip saddr 192.0.2.3 snat to 172.20.2.3
	}
TEXT
}

# Every mapping is forgotten: one message of ctnetlink, IPCTNL_MSG_CT_DELETE without a tuple.
nat_forget() {
	in_ns nat perl -e '
		socket(my $netlink, 16, 3, 12) or die "socket: $!";
		send($netlink, pack("L S S L L C C n", 20, 0x0102, 5, 1, 0, 0, 0, 0), 0) or die "send: $!";
		recv($netlink, my $answer, 4096, 0);
		my ($type, $error) = unpack("x4 S x10 l", $answer);
		$type == 2 && $error == 0 or die "conntrack: message $type, error $error";'
}
