# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The ground on which scenarios stand: namespaces, addresses, strongSwan on both gateways, captures and streams.
# Sourced by a scenario that runs as root, in the guest of vm/run or directly on a host whose kernel has ESP.
# The sourcing script has set -euo pipefail.
#
#    vpc ────────────── eth1 gateway eth0 ══════ underlay ══════ eth0 dc-gateway eth1 ────────────── dc
#    10.1.0.2/24    10.1.0.1  192.0.2.1 (t0)      192.0.2.2 (t0)   10.50.0.1     10.50.0.2/24
#    fd00:1::2/64   fd00:1::1 192.0.2.3 (t1)      192.0.2.4 (t1)   fd00:50::1    fd00:50::2/64
#                             2001:db8:2::1       2001:db8:2::2
#
# - 10.50.1.0 to 10.50.255.255, fd00:50:0:1::/64 and fd00:50:0:8000::/49 are local to dc, 10.1.0.128/25 to vpc: any
#   address of them answers and can be sent from.
# - The gateway's default route in table main, both families, leads to dc-gateway, which forwards. So whatever a
#   gateway lets out in plaintext arrives and works: a leak shows, and a closed gateway is a result.
# - dc-gateway is the customer's device: xfrm interfaces t0 and t1 (if_id 201, 202), static ECMP towards the VPC.
#   The gateway's own xfrm interfaces (if_id 101, 102) are made by what is tested.
#
# A capture for "nothing in plaintext" is taken at dc-gateway's end of the underlay: the gateway's own end would miss
# what XDP sends.

ground_state=${ESPALIER_STATE:-/run/espalier-ground}
ground_output=${ESPALIER_OUTPUT:-$ground_state/output}
ground_source=${ESPALIER_SRC:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
ground_build=${ESPALIER_BUILD:-$ground_source/build}
ground_namespaces=(vpc gateway dc-gateway dc)
ground_if_ids_gateway=(101 102)
ground_if_ids_dc=(201 202)
# Of charon and swanctl; the smallest set of Debian's strong ones that also OpenSSL-less builds know.
ground_ike_proposal=aes128gcm16-prfsha256-ecp256
ground_esp_proposal=aes128gcm16-ecp256

say() { printf '%s\n' "$*"; }
complain() { printf '%s\n' "$*" >&2; }

# ---- waiting --------------------------------------------------------------------------------------------------------

# Runs the command until it succeeds; after the deadline says what did not happen and fails.
wait_for() # SECONDS DESCRIPTION COMMAND…
{
	local limit=$1 description=$2 deadline
	shift 2
	deadline=$((SECONDS + limit))
	until "$@" >/dev/null 2>&1; do
		if [ "$SECONDS" -ge "$deadline" ]; then
			complain "did not happen within $limit s: $description"
			return 1
		fi
		sleep 0.1
	done
}

# The reverse: the command must fail, and go on failing, for as long. For "no packet arrives".
stays_false() # SECONDS DESCRIPTION COMMAND…
{
	local limit=$1 description=$2 deadline
	shift 2
	deadline=$((SECONDS + limit))
	while [ "$SECONDS" -lt "$deadline" ]; do
		if "$@" >/dev/null 2>&1; then
			complain "must not happen and did: $description"
			return 1
		fi
		sleep 0.1
	done
}

# A negated command is exempt from set -e; this one is not.
not() { if "$@"; then return 1; fi; }

# ---- claims ---------------------------------------------------------------------------------------------------------

claims_held=0 claims_failed=0

# Runs a check and reports it as one line, "ok 3 DESCRIPTION (1.2 s)" or "FAILED 3 …" with what the check complained.
# The check runs in a subshell under set -e: its first failing command fails it, and variables it sets are gone after.
# To be called as a plain command only: bash switches set -e off wherever a function stands in a condition.
claim() # DESCRIPTION COMMAND…
{
	local description=$1 began=${EPOCHREALTIME/[.,]/} took status flags=$-
	shift
	set +e
	(
		set -euo pipefail
		"$@"
	)
	status=$?
	[[ $flags != *e* ]] || set -e
	took=$((${EPOCHREALTIME/[.,]/} - began))
	took=$(printf '%d.%d s' $((took / 1000000)) $((took / 100000 % 10)))
	if [ "$status" = 0 ]; then
		claims_held=$((claims_held + 1))
		say "ok $((claims_held + claims_failed)) $description ($took)"
	else
		claims_failed=$((claims_failed + 1))
		say "FAILED $((claims_held + claims_failed)) $description ($took, status $status)"
	fi
}

# Prints the count; fails if a claim failed or none was made.
claims_summary() {
	say "$claims_held passed, $claims_failed failed"
	[ "$claims_failed" = 0 ] && [ "$claims_held" -gt 0 ]
}

# ---- namespaces -----------------------------------------------------------------------------------------------------

# Not "ip netns exec": that mounts a fresh /sys, and with it /sys/fs/bpf and everything pinned there is gone.
in_ns() # NAMESPACE COMMAND…
{
	local ns=$1
	shift
	nsenter --net="/run/netns/$ns" -- "$@"
}

# True where the kernel has what the ground needs; otherwise one sentence that names it.
ground_supported() {
	local probe=espalier-probe missing='' module
	for module in veth xfrm_user xfrm_interface esp4 esp6 vrf sch_ingress cls_bpf; do
		modprobe -q "$module" 2>/dev/null || true
	done
	ip netns add "$probe" 2>/dev/null || { complain "network namespaces cannot be made (not root, or the kernel has none)"; return 1; }
	in_ns "$probe" ip link add v0 type veth peer name v1 2>/dev/null || missing+=" veth"
	in_ns "$probe" ip link add x0 type xfrm dev lo if_id 1 2>/dev/null || missing+=" xfrm_interface"
	in_ns "$probe" ip link add r0 type vrf table 1 2>/dev/null || missing+=" vrf"
	in_ns "$probe" ip xfrm state add src 127.0.0.1 dst 127.0.0.2 proto esp spi 1 mode tunnel \
		aead 'rfc4106(gcm(aes))' 0x0102030405060708090a0b0c0d0e0f1011121314 128 2>/dev/null || missing+=" esp4-with-AES-GCM"
	ip netns del "$probe"
	if [ -n "$missing" ]; then
		complain "this kernel ($(uname -r)) lacks:$missing. vm/run boots one that has them."
		return 1
	fi
}

ground_prepare() {
	mkdir -p "$ground_state" "$ground_output"
	if [ "$(stat -fc %T /sys/fs/bpf)" != bpf_fs ]; then
		mount -t bpf bpf /sys/fs/bpf
	fi
}

ground_sysctl() # NAMESPACE KEY=VALUE…
{
	local ns=$1
	shift
	in_ns "$ns" sysctl -qw "$@"
}

topology_up() {
	local ns prefix
	for ns in "${ground_namespaces[@]}"; do
		if [ -e "/run/netns/$ns" ]; then
			complain "a namespace named $ns is there already; topology_down removes what an earlier scenario left"
			return 1
		fi
	done
	ground_supported || return 1
	ground_prepare || return 1
	for ns in "${ground_namespaces[@]}"; do
		ip netns add "$ns"
		touch "$ground_state/netns.$ns"
		in_ns "$ns" ip link set lo up
		# New devices inherit these. rp_filter: with two tunnels the two directions may differ.
		ground_sysctl "$ns" net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
			net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
			net.ipv6.conf.all.accept_ra=0 net.ipv6.conf.default.accept_ra=0 \
			net.ipv6.conf.default.router_solicitations=0 \
			net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0 \
			net.ipv4.conf.all.accept_redirects=0 net.ipv4.conf.default.accept_redirects=0
	done
	for ns in gateway dc-gateway; do
		ground_sysctl "$ns" net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.forwarding=1 \
			net.ipv4.fib_multipath_hash_policy=1 net.ipv6.fib_multipath_hash_policy=1 net.ipv4.icmp_ratelimit=0
	done

	ip link add eth0 netns vpc type veth peer name eth1 netns gateway
	ip link add eth0 netns gateway type veth peer name eth0 netns dc-gateway
	ip link add eth0 netns dc type veth peer name eth1 netns dc-gateway

	ground_link vpc eth0 10.1.0.2/24 fd00:1::2/64
	ground_link gateway eth1 10.1.0.1/24 fd00:1::1/64
	ground_link gateway eth0 192.0.2.1/24 192.0.2.3/24 2001:db8:2::1/64
	ground_link dc-gateway eth0 192.0.2.2/24 192.0.2.4/24 2001:db8:2::2/64
	ground_link dc-gateway eth1 10.50.0.1/24 fd00:50::1/64
	ground_link dc eth0 10.50.0.2/24 fd00:50::2/64

	in_ns vpc ip route add default via 10.1.0.1
	in_ns vpc ip route add default via fd00:1::1
	in_ns vpc ip route add local 10.1.0.128/25 dev lo
	in_ns dc ip route add default via 10.50.0.1
	in_ns dc ip route add default via fd00:50::1
	# In table local, or replies from these addresses are refused; without the prefixes that dc-gateway's address is in.
	for prefix in 10.50.1.0/24 10.50.2.0/23 10.50.4.0/22 10.50.8.0/21 10.50.16.0/20 10.50.32.0/19 10.50.64.0/18 10.50.128.0/17 \
		fd00:50:0:1::/64 fd00:50:0:8000::/49; do
		in_ns dc ip route add local "$prefix" dev lo
	done
	in_ns dc-gateway ip route add 10.50.0.0/16 via 10.50.0.2
	in_ns dc-gateway ip route add fd00:50::/48 via fd00:50::2

	in_ns gateway ip route add default via 192.0.2.2
	in_ns gateway ip route add default via 2001:db8:2::2

	dc_device_up
}

ground_link() # NAMESPACE DEVICE ADDRESS…
{
	local ns=$1 device=$2 address
	shift 2
	for address; do
		in_ns "$ns" ip address add "$address" dev "$device"
	done
	in_ns "$ns" ip link set "$device" up
}

# The customer's device: plain xfrm interfaces and static ECMP.
dc_device_up() {
	local i
	for i in 0 1; do
		in_ns dc-gateway ip link add "t$i" type xfrm dev eth0 if_id "${ground_if_ids_dc[i]}"
		in_ns dc-gateway ip link set "t$i" mtu 1400 up
	done
	dc_paths t0 t1
}

# Which tunnels the customer's device sends through. Such devices track their tunnels; here the scenario says it.
dc_paths() # [t0] [t1]
{
	local tunnel group='' hops=() id
	in_ns dc-gateway ip route flush proto 99 2>/dev/null || true
	in_ns dc-gateway ip -6 route flush proto 99 2>/dev/null || true
	for id in 10 1 2; do
		in_ns dc-gateway ip nexthop del id "$id" 2>/dev/null || true
	done
	for tunnel; do
		id=$((${tunnel#t} + 1))
		hops+=(nexthop dev "$tunnel")
		# IPv6 takes paths without a gateway address only as nexthop objects.
		in_ns dc-gateway ip -6 nexthop add id "$id" dev "$tunnel"
		group+=${group:+/}$id
	done
	[ $# -gt 0 ] || return 0
	in_ns dc-gateway ip -6 nexthop add id 10 group "$group"
	in_ns dc-gateway ip route add 10.1.0.0/16 proto 99 "${hops[@]}"
	in_ns dc-gateway ip -6 route add fd00:1::/64 proto 99 nhid 10
}

# Removes everything a scenario made, in whatever state it is. Namespaces that others made stay.
topology_down() {
	local file ns pid
	for file in "$ground_state"/process.*; do
		[ -e "$file" ] || continue
		process_stop "${file##*/process.}" KILL
	done
	for ns in "${ground_namespaces[@]}"; do
		[ -e "$ground_state/netns.$ns" ] || continue
		for pid in $(ip netns pids "$ns" 2>/dev/null); do
			kill -KILL "$pid" 2>/dev/null || true
		done
		ip netns del "$ns" 2>/dev/null || true
		rm -f "$ground_state/netns.$ns"
	done
	rm -rf "$ground_state/swan"
}

# ---- processes ------------------------------------------------------------------------------------------------------

# Starts a command in the background, in a namespace. Its output goes to $ground_output/NAME.log (process_log names it).
process_start() # NAME NAMESPACE COMMAND…
{
	local name=$1 ns=$2
	shift 2
	if process_alive "$name"; then
		complain "a process named $name runs already"
		return 1
	fi
	mkdir -p "$ground_state" "$ground_output"
	nsenter --net="/run/netns/$ns" -- "$@" </dev/null >"$(process_log "$name")" 2>&1 &
	printf '%s\n' "$!" >"$ground_state/process.$name"
}

process_log() { printf '%s/%s.log\n' "$ground_output" "$1"; }

process_pid() { cat "$ground_state/process.$1" 2>/dev/null; }

process_alive() # NAME
{
	local pid state
	pid=$(process_pid "$1") || return 1
	# a zombie is not alive
	state=$(sed -n 's/^State:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null) || return 1
	[ -n "$state" ] && [ "${state:0:1}" != Z ]
}

# Ends a process with the signal (default TERM) and returns its exit status; after 15 s it is killed and that is a failure.
process_stop() # NAME [SIGNAL]
{
	local name=$1 signal=${2:-TERM} pid status=0
	pid=$(process_pid "$name") || return 0
	kill "-$signal" "$pid" 2>/dev/null || true
	if ! wait_for 15 "$name ends on SIG$signal" not process_alive "$name"; then
		kill -KILL "$pid" 2>/dev/null || true
		status=124
	else
		wait "$pid" 2>/dev/null || status=$?
		# 127: started by another shell (a claim's), which has its exit status
		[ "$status" != 127 ] || status=0
	fi
	rm -f "$ground_state/process.$name"
	return "$status"
}

# ---- strongSwan -----------------------------------------------------------------------------------------------------

ground_side() # NAMESPACE → sets own, peer (addresses by tunnel) and if_ids
{
	case $1 in
	gateway)
		own=(192.0.2.1 192.0.2.3) peer=(192.0.2.2 192.0.2.4) if_ids=("${ground_if_ids_gateway[@]}") ;;
	dc-gateway)
		own=(192.0.2.2 192.0.2.4) peer=(192.0.2.1 192.0.2.3) if_ids=("${ground_if_ids_dc[@]}") ;;
	*) complain "strongSwan runs in gateway and dc-gateway, not in $1"; return 1 ;;
	esac
}

# The connections t0 and t1 of one side, in the syntax of swanctl.conf, pre-shared keys included.
swanctl_conf() # NAMESPACE
{
	local own peer if_ids i
	ground_side "$1"
	printf 'connections {\n'
	for i in 0 1; do
		cat <<TEXT
	t$i {
		version = 2
		mobike = no
		local_addrs = ${own[i]}
		remote_addrs = ${peer[i]}
		proposals = $ground_ike_proposal
		dpd_delay = 10s
		local {
			auth = psk
			id = ${own[i]}
		}
		remote {
			auth = psk
			id = ${peer[i]}
		}
		children {
			t$i {
				local_ts = 0.0.0.0/0, ::/0
				remote_ts = 0.0.0.0/0, ::/0
				if_id_in = ${if_ids[i]}
				if_id_out = ${if_ids[i]}
				esp_proposals = $ground_esp_proposal
				mode = tunnel
				start_action = none
				close_action = none
				dpd_action = clear
			}
		}
	}
TEXT
	done
	printf '}\nsecrets {\n'
	for i in 0 1; do
		cat <<TEXT
	ike-t$i {
		id-own = ${own[i]}
		id-peer = ${peer[i]}
		secret = "espalier scenario, tunnel $i, 7f3a9c51"
	}
TEXT
	done
	printf '}\n'
}

# Starts charon in the namespace with a /run and an /etc/swanctl of its own, so that two live on one machine.
# With a FILE, its connections are loaded instead of those of swanctl_conf.
strongswan_up() # NAMESPACE [FILE]
{
	local ns=$1 file=${2:-} dir=$ground_state/swan/$1
	mkdir -p "$dir/swanctl/conf.d"
	chmod 0700 "$dir" "$dir/swanctl"
	if [ -n "$file" ]; then
		cp "$file" "$dir/swanctl/swanctl.conf"
	else
		swanctl_conf "$ns" >"$dir/swanctl/swanctl.conf"
	fi
	chmod 0600 "$dir/swanctl/swanctl.conf"
	cat >"$dir/swanctl/strongswan.conf" <<TEXT
charon {
	load_modular = yes
	install_routes = no
	install_virtual_ip = no
	interfaces_use = eth0
	plugins {
		include /etc/strongswan.d/charon/*.conf
		kernel-netlink {
			roam_events = no
		}
		# It would set bypass policies for every connected prefix, the VPC's included.
		bypass-lan {
			load = no
		}
		kernel-libipsec {
			load = no
		}
	}
}
charon-systemd {
	journal {
		default = -1
	}
	filelog {
		stderr {
			default = 1
			knl = 1
			time_format = %H:%M:%S
			flush_line = yes
		}
	}
}
TEXT
	if ! process_alive "swan-home-$ns"; then
		# The home outlives charon: after a kill -9 the next one finds what the last one left, as on a real machine.
		rm -f "$dir/swanctl/ready"
		# shellcheck disable=SC2016 # expanded by the inner shell
		process_start "swan-home-$ns" "$ns" unshare --mount --propagation private bash -euc '
			mount --bind "$1/swanctl" /etc/swanctl
			mount -t tmpfs -o mode=0755 run /run
			touch /etc/swanctl/ready
			exec sleep infinity' home "$dir"
		wait_for 20 "the mount namespace of strongSwan in $ns" test -e "$dir/swanctl/ready" || return 1
	fi
	strongswan_start "$ns"
}

# Starts charon in the home that strongswan_up made and loads the connections; also after strongswan_stop or a kill.
strongswan_start() # NAMESPACE
{
	local ns=$1 home
	home=$(process_pid "swan-home-$ns") || { complain "strongswan_up $ns comes first"; return 1; }
	in_swan "$ns" rm -f /run/charon.vici
	process_start "charon-$ns" "$ns" nsenter --target "$home" --mount -- \
		env STRONGSWAN_CONF=/etc/swanctl/strongswan.conf charon-systemd
	if ! wait_for 60 "charon answers in $ns" charon_answers "$ns"; then
		tail -n 20 "$(process_log "charon-$ns")" >&2
		return 1
	fi
	swanctl_in "$ns" --load-all --noprompt >"$ground_output/swanctl-load-$ns.log" 2>&1 || {
		cat "$ground_output/swanctl-load-$ns.log" >&2
		return 1
	}
}

charon_answers() # NAMESPACE; fails also when charon ended meanwhile, so that waiting for it is not waiting for nothing
{
	process_alive "charon-$1" && swanctl_in "$1" --stats
}

# TERM: charon deletes its SAs and tells the peer. KILL: everything stays in the kernel.
strongswan_stop() # NAMESPACE [SIGNAL]
{
	local status=0
	process_stop "charon-$1" "${2:-TERM}" || status=$?
	[ "${2:-TERM}" = KILL ] || return "$status"
}

# Runs a command where strongSwan of the namespace lives: its network, its /run, its /etc/swanctl.
in_swan() # NAMESPACE COMMAND…
{
	local ns=$1 pid
	shift
	pid=$(process_pid "swan-home-$ns") || { complain "strongSwan was not started in $ns"; return 1; }
	nsenter --target "$pid" --mount --net -- env STRONGSWAN_CONF=/etc/swanctl/strongswan.conf "$@"
}

swanctl_in() # NAMESPACE ARGUMENT…
{
	local ns=$1
	shift
	in_swan "$ns" swanctl "$@"
}

# ---- tunnels --------------------------------------------------------------------------------------------------------

# Prints "IN OUT": how many usable ESP SAs the kernel has for the tunnel, by if_id. Larval ones have no key.
tunnel_sas() # NAMESPACE t0|t1
{
	local own peer if_ids i=${2#t}
	ground_side "$1"
	in_ns "$1" ip xfrm state list | awk -v own="${own[i]}" -v id="$(printf '0x%x' "${if_ids[i]}")" '
		function count() { if (key && mine) { if (to == own) incoming++; else if (from == own) outgoing++ } }
		/^src / { count(); from = $2; to = $4; key = mine = 0; next }
		$1 == "aead" || $1 == "enc" { key = 1 }
		{ for (f = 1; f < NF; f++) if ($f == "if_id" && $(f + 1) == id) mine = 1 }
		END { count(); print incoming + 0, outgoing + 0 }'
}

tunnel_installed() # NAMESPACE t0|t1: at least one SA each way
{
	local incoming outgoing
	read -r incoming outgoing < <(tunnel_sas "$@") && [ "$incoming" -ge 1 ] && [ "$outgoing" -ge 1 ]
}

tunnel_gone() # NAMESPACE t0|t1: no SA either way
{
	[ "$(tunnel_sas "$@")" = "0 0" ]
}

# Negotiates a tunnel from the gateway and waits until both ends' kernels have its SAs.
tunnel_up() # t0|t1
{
	local log=$ground_output/swanctl-initiate-$1.log
	if ! swanctl_in gateway --initiate --child "$1" --timeout 90 >"$log" 2>&1; then
		tail -n 20 "$log" >&2
		complain "tunnel $1 was not negotiated"
		return 1
	fi
	wait_for 20 "SAs of $1 in the gateway's kernel" tunnel_installed gateway "$1" || return 1
	wait_for 20 "SAs of $1 in dc-gateway's kernel" tunnel_installed dc-gateway "$1"
}

# Deletes the tunnel's CHILD_SA (its IKE SA stays) from the given side and waits until it is gone at both ends.
tunnel_terminate() # t0|t1 [gateway|dc-gateway]
{
	swanctl_in "${2:-gateway}" --terminate --child "$1" --timeout 30 >"$ground_output/swanctl-terminate-$1.log" 2>&1 || {
		complain "tunnel $1 was not terminated: $(tail -n 3 "$ground_output/swanctl-terminate-$1.log")"
		return 1
	}
	wait_for 20 "SAs of $1 gone at the gateway" tunnel_gone gateway "$1" || return 1
	wait_for 20 "SAs of $1 gone at dc-gateway" tunnel_gone dc-gateway "$1"
}

# ---- a gateway of the kernel alone ----------------------------------------------------------------------------------

# What Espalier's data path is compared with, and what the ground is tested with: xfrm interfaces x0 and x1 (if_id 101,
# 102) in a VRF, kernel multipath towards dc, ip rules for what comes from the VPC.
kernel_gateway_up() {
	local i family
	in_ns gateway ip link add conn-dc type vrf table 1001
	in_ns gateway ip link set conn-dc up
	for i in 0 1; do
		in_ns gateway ip link add "x$i" type xfrm dev eth0 if_id "${ground_if_ids_gateway[i]}"
		# Enslaved before it gets addresses: enslaving flushes IPv6 ones.
		in_ns gateway ip link set "x$i" master conn-dc
		in_ns gateway ip link set "x$i" mtu 1400 up
		in_ns gateway ip -6 nexthop add id "$((i + 1))" dev "x$i"
	done
	in_ns gateway ip address add 169.254.10.1/30 dev x0
	in_ns gateway ip address add 169.254.11.1/30 dev x1
	in_ns gateway ip -6 nexthop add id 10 group 1/2
	in_ns gateway ip route add 10.50.0.0/16 table 1001 nexthop dev x0 nexthop dev x1
	in_ns gateway ip -6 route add fd00:50::/48 table 1001 nhid 10
	# The leaked return route: way back for data and for the kernel's own ICMP errors.
	in_ns gateway ip route add 10.1.0.0/24 dev eth1 table 1001
	in_ns gateway ip -6 route add fd00:1::/64 dev eth1 table 1001
	for family in -4 -6; do
		in_ns gateway ip "$family" rule add pref 900 iif eth1 lookup 1001
		in_ns gateway ip "$family" rule add pref 901 iif eth1 unreachable
	done
}

kernel_gateway_down() {
	local family id
	for family in -4 -6; do
		in_ns gateway ip "$family" rule del pref 900
		in_ns gateway ip "$family" rule del pref 901
	done
	in_ns gateway ip link del x0
	in_ns gateway ip link del x1
	in_ns gateway ip link del conn-dc
	for id in 10 1 2; do
		in_ns gateway ip nexthop del id "$id" 2>/dev/null || true
	done
	in_ns gateway ip route flush table 1001 2>/dev/null || true
	in_ns gateway ip -6 route flush table 1001 2>/dev/null || true
}

# ---- traffic --------------------------------------------------------------------------------------------------------

# Every ping must be answered.
ping_all() # NAMESPACE DESTINATION [COUNT] [PING OPTION…]
{
	local ns=$1 destination=$2 count=${3:-5} output received
	shift $(($# < 3 ? $# : 3))
	output=$(in_ns "$ns" ping -n -c "$count" -i 0.2 -W 5 "$@" "$destination" 2>&1) || true
	received=$(sed -n 's/.* \([0-9]*\) received.*/\1/p' <<<"$output")
	if [ "${received:-0}" != "$count" ]; then
		complain "ping from $ns to $destination: ${received:-0} of $count answered"
		complain "$output"
		return 1
	fi
}

# No ping may be answered.
ping_none() # NAMESPACE DESTINATION [COUNT] [PING OPTION…]
{
	local ns=$1 destination=$2 count=${3:-5} output received
	shift $(($# < 3 ? $# : 3))
	output=$(in_ns "$ns" ping -n -c "$count" -i 0.2 -W 1 "$@" "$destination" 2>&1) || true
	received=$(sed -n 's/.* \([0-9]*\) received.*/\1/p' <<<"$output")
	if [ "${received:-unknown}" != 0 ]; then
		complain "ping from $ns to $destination: ${received:-?} of $count answered, none was expected"
		complain "$output"
		return 1
	fi
}

# Prints the path of the stream tool; vm/build makes it, on a host it is compiled when first needed.
stream_tool() {
	local tool=$ground_build/vm-tools/stream
	if [ ! -x "$tool" ]; then
		tool=$ground_state/tools/vm-tools/stream
		if [ ! -x "$tool" ]; then
			make -s -C "$ground_source/vm/tools" BUILD="$ground_state/tools" >&2
		fi
	fi
	printf '%s\n' "$tool"
}

# Starts a stream of numbered UDP packets: ARGUMENTs are stream send's (--rate, --seconds, --flows, --size, --from …).
# By default 1,000 packets/s for one second in one flow. Each stream at one time needs a port of its own.
stream_start() # NAME FROM_NAMESPACE TO_NAMESPACE ADDRESS PORT [ARGUMENT…]
{
	local name=$1 from=$2 to=$3 address=$4 port=$5 tool
	shift 5
	tool=$(stream_tool) || return 1
	rm -f "$ground_output/stream-$name.sent.json" "$ground_output/stream-$name.received.json"
	# shellcheck disable=SC2016 # expanded by the inner shell
	process_start "stream-$name-recv" "$to" bash -c '"$1" recv --port "$2" --by-flow --idle 4000 >"$3"' recv \
		"$tool" "$port" "$ground_output/stream-$name.received.json"
	wait_for 20 "receiver of stream $name is ready" grep -qx ready "$(process_log "stream-$name-recv")" || return 1
	# shellcheck disable=SC2016
	process_start "stream-$name-send" "$from" bash -c 'tool=$1 out=$2; shift 2; "$tool" send "$@" >"$out"' send \
		"$tool" "$ground_output/stream-$name.sent.json" --to "$address" --port "$port" "$@"
}

# Waits for the end of the stream and prints one JSON object: {sent, send_errors, received, unique, lost, reordered,
# duplicates, longest_gap_ms, longest_flow_gap_ms, flows_seen, socket_drops, by_flow, …}, kept as stream-NAME.json too.
# lost = sent - unique; socket_drops of it were the receiver's own. A stream of which nothing arrived is lost = sent.
stream_finish() # NAME [SECONDS]
{
	local name=$1 limit=${2:-120} status=0
	wait_for "$limit" "sender of stream $name ends" not process_alive "stream-$name-send" || return 1
	process_stop "stream-$name-send" || status=$?
	if [ "$status" != 0 ]; then
		complain "sender of stream $name failed: $(cat "$(process_log "stream-$name-send")")"
		return 1
	fi
	if ! jq -e '.sent > 0' "$ground_output/stream-$name.sent.json" >/dev/null; then
		complain "stream $name sent nothing: $(cat "$ground_output/stream-$name.sent.json")"
		return 1
	fi
	# Ends by itself once nothing has come for a while; one that never got a packet is told to end.
	if ! wait_for 8 "receiver of stream $name ends" not process_alive "stream-$name-recv" 2>/dev/null; then
		pkill -TERM -P "$(process_pid "stream-$name-recv")" stream || true
	fi
	wait_for 20 "receiver of stream $name ends" not process_alive "stream-$name-recv" || return 1
	process_stop "stream-$name-recv" || true
	jq -s '.[0] + .[1] + {lost: (.[0].sent - .[1].unique), missing_between: .[1].lost}' \
		"$ground_output/stream-$name.sent.json" "$ground_output/stream-$name.received.json" |
		tee "$ground_output/stream-$name.json"
}

# ---- captures -------------------------------------------------------------------------------------------------------

# Writes what passes a device to $ground_output/NAME.pcap, from now on: returns when the capture runs.
capture_start() # NAME NAMESPACE DEVICE [SNAPLEN]
{
	local name=$1 ns=$2 device=$3 snap=${4:-160}
	rm -f "$(capture_file "$name")"
	# -Z root: after giving up root it could not write here. The buffer is large because an emulated processor is late.
	process_start "capture-$name" "$ns" tcpdump -i "$device" -n -p -s "$snap" -B 65536 -U -Z root -w "$(capture_file "$name")"
	if ! wait_for 30 "capture $name runs" grep -q 'listening on' "$(process_log "capture-$name")"; then
		cat "$(process_log "capture-$name")" >&2
		return 1
	fi
}

capture_file() { printf '%s/%s.pcap\n' "$ground_output" "$1"; }

# Ends a capture. Fails if it lost packets: what was not seen proves nothing.
capture_stop() # NAME
{
	local name=$1 log dropped
	log=$(process_log "capture-$name")
	# What was sent just before is in the buffer, and tcpdump empties that only when it is woken.
	wait_for 60 "capture $name has settled" capture_settled "$name" || return 1
	process_stop "capture-$name" INT || { cat "$log" >&2; complain "capture $name did not end well"; return 1; }
	dropped=$(sed -n 's/^\([0-9]*\) packets\{0,1\} dropped by kernel$/\1/p' "$log")
	if [ "$dropped" != 0 ]; then
		complain "capture $name lost ${dropped:-an unknown number of} packets, so it proves nothing"
		return 1
	fi
}

capture_settled() # NAME: its file does not grow any more
{
	local before after
	before=$(stat -c %s "$(capture_file "$1")")
	sleep 1
	after=$(stat -c %s "$(capture_file "$1")")
	[ "$before" = "$after" ]
}

# A tcpdump filter for what may pass a sealed underlay: ESP and IKE between the gateways' tunnel addresses, ARP,
# ICMPv6 neighbour discovery with the hop limit it must have, MLD (which has a hop-by-hop header in front).
# Addresses count: UDP to port 4500 from a VPC address is a leak, not IKE.
capture_sealed_filter() {
	local hosts='(src host 192.0.2.1 or src host 192.0.2.2 or src host 192.0.2.3 or src host 192.0.2.4)'
	hosts+=" and ${hosts//src/dst}"
	printf '%s' "(arp) or (ip proto 50 and $hosts) or" \
		" (ip and udp and (port 500 or port 4500) and $hosts) or" \
		" (ip6[6] == 58 and ip6[7] == 255 and ip6[40] >= 133 and ip6[40] <= 137) or" \
		" (ip6[6] == 0 and ip6[40] == 58 and (ip6[48] == 143 or (ip6[48] >= 130 and ip6[48] <= 132)))"
}

capture_count() # FILE FILTER
{
	tcpdump -n -r "$1" "$2" 2>/dev/null | wc -l
}

# How many ESP packets a tunnel carried: from the gateway (out), to it (in), or both.
capture_esp() # FILE t0|t1|all [out|in|both]
{
	local own peer if_ids i filter='ip proto 50'
	if [ "$2" != all ]; then
		ground_side gateway
		i=${2#t}
		case ${3:-both} in
		out) filter+=" and src host ${own[i]} and dst host ${peer[i]}" ;;
		in) filter+=" and src host ${peer[i]} and dst host ${own[i]}" ;;
		both) filter+=" and host ${own[i]} and host ${peer[i]}" ;;
		esac
	fi
	capture_count "$1" "$filter"
}

# Fails and prints the offending packets if anything but ESP, IKE and address resolution is in the capture; fails too if
# it holds fewer ESP packets than asked for (default 0), for a capture that saw nothing proves nothing.
capture_assert_sealed() # FILE [AT_LEAST_ESP]
{
	local file=$1 at_least=${2:-0} offending esp
	[ -s "$file" ] || { complain "there is no capture $file"; return 1; }
	# tcpdump's own failure must not look like an empty, hence sealed, capture
	tcpdump -n -r "$file" -w /dev/null 2>/dev/null || { complain "capture $file cannot be read"; return 1; }
	offending=$(capture_count "$file" "not ($(capture_sealed_filter))")
	esp=$(capture_esp "$file" all)
	if [ "$offending" != 0 ]; then
		complain "not sealed: $offending packets in plaintext in $file, the first of them:"
		tcpdump -n -e -r "$file" "not ($(capture_sealed_filter))" 2>/dev/null | sed -n 1,20p >&2
		return 1
	fi
	if [ "$esp" -lt "$at_least" ]; then
		complain "$file holds $esp ESP packets, at least $at_least were expected"
		return 1
	fi
}
