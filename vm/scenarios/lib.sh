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
ground_underlay=(dc-gateway eth0) # namespace and device of its far end
ground_if_ids_gateway=(101 102)
ground_if_ids_dc=(201 202)
# Between these addresses ESP and IKE may pass.
ground_underlay_hosts=(192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4)
ground_secrets=$ground_state/secrets

# shellcheck source=vm/scenarios/home.sh
. "$ground_source/vm/scenarios/home.sh"
# shellcheck source=vm/scenarios/strongswan.sh
. "$ground_source/vm/scenarios/strongswan.sh"
# shellcheck source=vm/scenarios/traffic.sh
. "$ground_source/vm/scenarios/traffic.sh"

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

# Does a line of what the command prints match? It is read whole: grep -q after a pipe stops reading at the match, and
# pipefail then takes the writer's SIGPIPE for a failure.
prints() # PATTERN COMMAND…
{
	local pattern=$1 text
	shift
	text=$("$@") && grep -q -e "$pattern" <<<"$text"
}

# ---- claims ---------------------------------------------------------------------------------------------------------

claims_held=0 claims_failed=0

# Runs a check and reports it as one line, "ok 3 DESCRIPTION (1.2 s)" or "not ok 3 …" with what the check complained.
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
		say "not ok $((claims_held + claims_failed)) $description ($took, status $status)"
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
	[ ! -e "$ground_state/supported" ] || return 0
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
	mkdir -p "$ground_state"
	touch "$ground_state/supported"
}

ground_prepare() {
	mkdir -p "$ground_state" "$ground_output"
	if [ "$(stat -fc %T /sys/fs/bpf)" != bpf_fs ]; then
		mount -t bpf bpf /sys/fs/bpf
	fi
}

# Emulated processors make every program start dear: many ip commands in one program, the first that fails ends it.
ip_batch() # NAMESPACE < COMMANDS
{
	in_ns "$1" ip -batch -
}

topology_up() {
	local ns i keys
	for ns in "${ground_namespaces[@]}"; do
		if [ -e "/run/netns/$ns" ]; then
			complain "a namespace named $ns is there already; topology_down removes what an earlier scenario left"
			return 1
		fi
	done
	ground_supported || return 1
	ground_prepare || return 1
	for ns in "${ground_namespaces[@]}"; do
		ip netns add "$ns" || return 1
		touch "$ground_state/netns.$ns"
		# New devices inherit these. rp_filter: with two tunnels the two directions may differ.
		keys=()
		for i in all default; do
			keys+=("net.ipv4.conf.$i.rp_filter=0" "net.ipv6.conf.$i.accept_dad=0" "net.ipv6.conf.$i.accept_ra=0"
				"net.ipv4.conf.$i.send_redirects=0" "net.ipv4.conf.$i.accept_redirects=0")
		done
		keys+=(net.ipv6.conf.default.router_solicitations=0)
		case $ns in
		*gateway)
			keys+=(net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.forwarding=1
				net.ipv4.fib_multipath_hash_policy=1 net.ipv6.fib_multipath_hash_policy=1 net.ipv4.icmp_ratelimit=0) ;;
		esac
		in_ns "$ns" sysctl -qw "${keys[@]}" || return 1
	done

	ip -batch - <<'TEXT' || return 1
link add eth0 netns vpc type veth peer name eth1 netns gateway
link add eth0 netns gateway type veth peer name eth0 netns dc-gateway
link add eth0 netns dc type veth peer name eth1 netns dc-gateway
TEXT
	ip_batch vpc <<'TEXT' || return 1
link set lo up
address add 10.1.0.2/24 dev eth0
address add fd00:1::2/64 dev eth0
link set eth0 up
route add default via 10.1.0.1
route add default via fd00:1::1
route add local 10.1.0.128/25 dev lo
TEXT
	ip_batch gateway <<'TEXT' || return 1
link set lo up
address add 10.1.0.1/24 dev eth1
address add fd00:1::1/64 dev eth1
address add 192.0.2.1/24 dev eth0
address add 192.0.2.3/24 dev eth0
address add 2001:db8:2::1/64 dev eth0
link set eth1 up
link set eth0 up
route add default via 192.0.2.2
route add default via 2001:db8:2::2
TEXT
	# In table local, or replies from these addresses are refused; without the prefixes that dc-gateway's address is in.
	ip_batch dc <<'TEXT' || return 1
link set lo up
address add 10.50.0.2/24 dev eth0
address add fd00:50::2/64 dev eth0
link set eth0 up
route add default via 10.50.0.1
route add default via fd00:50::1
route add local 10.50.1.0/24 dev lo
route add local 10.50.2.0/23 dev lo
route add local 10.50.4.0/22 dev lo
route add local 10.50.8.0/21 dev lo
route add local 10.50.16.0/20 dev lo
route add local 10.50.32.0/19 dev lo
route add local 10.50.64.0/18 dev lo
route add local 10.50.128.0/17 dev lo
route add local fd00:50:0:1::/64 dev lo
route add local fd00:50:0:8000::/49 dev lo
TEXT
	# The customer's device: plain xfrm interfaces and static ECMP.
	ip_batch dc-gateway <<TEXT || return 1
link set lo up
address add 192.0.2.2/24 dev eth0
address add 192.0.2.4/24 dev eth0
address add 2001:db8:2::2/64 dev eth0
address add 10.50.0.1/24 dev eth1
address add fd00:50::1/64 dev eth1
link set eth0 up
link set eth1 up
route add 10.50.0.0/16 via 10.50.0.2
route add fd00:50::/48 via fd00:50::2
link add t0 type xfrm dev eth0 if_id ${ground_if_ids_dc[0]}
link add t1 type xfrm dev eth0 if_id ${ground_if_ids_dc[1]}
link set t0 mtu 1400 up
link set t1 mtu 1400 up
TEXT
	dc_paths t0 t1
}

# Which tunnels the customer's device sends through. Such devices track their tunnels; here the scenario says it.
dc_paths() # [t0] [t1]
{
	local tunnel group='' hops='' objects='' id
	# IPv6 takes paths without a gateway address only as nexthop objects; removing those removes their routes.
	in_ns dc-gateway ip -force -batch - 2>/dev/null <<'TEXT' || true
route del 10.1.0.0/16
nexthop del id 10
nexthop del id 1
nexthop del id 2
TEXT
	for tunnel; do
		id=$((${tunnel#t} + 1))
		hops+=" nexthop dev $tunnel"
		objects+="nexthop add id $id dev $tunnel"$'\n'
		group+=${group:+/}$id
	done
	[ $# -gt 0 ] || return 0
	in_ns dc-gateway ip -6 -batch - <<<"$objects" || return 1
	ip_batch dc-gateway <<TEXT
nexthop add id 10 group $group
route add 10.1.0.0/16$hops
route add fd00:1::/64 nhid 10
TEXT
}

# Removes everything a scenario made, in whatever state it is. Namespaces that others made stay.
topology_down() {
	local file ns pid
	for file in "$ground_state"/process.*; do
		[ -e "$file" ] || continue
		process_stop "${file##*/process.}" KILL || true # 137: it was killed, as it should be
	done
	for ns in "${ground_namespaces[@]}"; do
		[ -e "$ground_state/netns.$ns" ] || continue
		for pid in $(ip netns pids "$ns" 2>/dev/null); do
			kill -KILL "$pid" 2>/dev/null || true
		done
		ip netns del "$ns" 2>/dev/null || true
		rm -f "$ground_state/netns.$ns"
	done
	rm -rf "${ground_state:?}/home"
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
