# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# The other ends of bgp-ground.sh. Each is set up as its engineer would: from the files of `espalier render peer`, and the
# gateway's file of keys. Only dc-2 has a routing daemon that is not rendered, BIRD.

customers_up() {
	customer_up dc-gateway dc-1 10.50.0.0/16 fd00:50::/48 || return 1
	customer_up dc2-gateway dc-2 || return 1
	customer_up branch-gateway branch || return 1
	frr_up dc-gateway || return 1
	customer_bird_up dc2-gateway
}

# Tunnels. What is announced is written into the FRR configuration, which a static connection has not.
customer_up() # NAMESPACE CONNECTION [PREFIX…]
{
	local ns=$1 connection=$2 files=$ground_state/peer/$2 swanctl frr
	shift 2
	home_up "$ns" || return 1
	mkdir -p "$files"
	swanctl=$(home_directory "$ns" swanctl) frr=$(home_directory "$ns" frr)
	# shellcheck disable=SC2046 # two words for each prefix
	"$espalier_build/espalier" render peer "$connection" $([ $# = 0 ] || printf -- '--announce %s ' "$@") \
		--output "$files" "$espalier_config" >/dev/null || return 1
	"$espalier_build/espalier" render swanctl --output "$files/gateway" "$espalier_config" >/dev/null || return 1
	cp "$files/espalier.conf" "$files/charon-espalier.conf" "$files/gateway/espalier.secrets" "$swanctl" || return 1
	if [ -e "$files/frr.conf" ]; then
		cp "$files/daemons" "$frr" || return 1
		customer_frr_conf "$files/frr.conf" >"$frr/frr.conf"
	fi

	in_ns "$ns" sh "$files/interfaces.sh" || return 1
	strongswan_rendered_up "$ns"
}

# What is rendered, and what its engineer adds: the kernel's routes are announced, too.
customer_frr_conf() # FILE
{
	cat "$1"
	cat <<'TEXT'
router bgp 65001
 address-family ipv4 unicast
  redistribute kernel
 exit-address-family
 address-family ipv6 unicast
  redistribute kernel
 exit-address-family
exit
TEXT
}

customer_bird_up() # NAMESPACE
{
	customer_bird_conf >"$(home_directory "$1" bird)/bird.conf"
	bird_up "$1"
}

# dc-2's: announces the kernel's routes, of both families over the one session of each tunnel. What is its own goes before
# what it hears of from others (BIRD would have it the other way round, and announce it no longer).
customer_bird_conf() {
	local tunnel
	cat <<'TEXT'
log stderr { info, remote, warning, error, auth, fatal, bug };
router id 169.254.20.2;
protocol device { }
protocol bfd { }
protocol kernel kernel4 {
	learn;
	merge paths on;
	ipv4 { preference 150; import all; export where source = RTS_BGP; };
}
protocol kernel kernel6 {
	learn;
	merge paths on;
	ipv6 { preference 150; import all; export where source = RTS_BGP; };
}
template bgp cloud {
	bfd { interval 1000 ms; multiplier 4; };
	graceful restart on;
	graceful restart time 60;
	hold time 30;
	connect retry time 5;
	error wait time 5, 30;
	ipv4 { import all; export where source = RTS_INHERIT; };
}
TEXT
	for tunnel in 103:20 104:21; do
		cat <<TEXT
protocol bgp cloud${tunnel%:*} from cloud {
	local 169.254.${tunnel#*:}.2 as 65002;
	neighbor 169.254.${tunnel#*:}.1 as 45104;
	interface "xfrm${tunnel%:*}";
	ipv6 {
		extended next hop on;
		next hop address fe80::;
		import filter {
			ifname = "xfrm${tunnel%:*}";
			gw = fe80::4d;
			accept;
		};
		export where source = RTS_INHERIT;
	};
}
TEXT
	done
}

# ---- what they know -------------------------------------------------------------------------------------------------------

# Is a route of BGP to the prefix, over both tunnels, in the kernel of a customer's gateway?
customer_has() # NAMESPACE PREFIX
{
	[ "$(customer_hops "$@" | wc -l)" = 2 ]
}

customer_lacks() { [ -z "$(customer_hops "$@")" ]; } # NAMESPACE PREFIX

customer_hops() # NAMESPACE PREFIX → the devices that its route of BGP leads to
{
	local family=-4
	[[ $2 != *:* ]] || family=-6
	in_ns "$1" ip "$family" -j route show exact "$2" |
		jq -r '.[] | select(.protocol == "bgp" or .protocol == "bird") | (.nexthops // [.])[].dev' | sort -u
}
