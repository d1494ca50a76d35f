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
	# Only what is needed: the many plugins of a default installation take 20 s to load under emulation, and bypass-lan
	# among them would exempt every connected prefix, the VPC's included, from IPsec.
	load = random nonce openssl aes sha2 hmac gcm kdf kernel-netlink socket-default vici
	install_routes = no
	install_virtual_ip = no
	interfaces_use = eth0
	plugins {
		kernel-netlink {
			roam_events = no
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
	process_alive "charon-$1" && in_swan "$1" test -S /run/charon.vici
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

# The gateway's charon has the CHILD_SA as installed (after a kill -9 the kernel may have SAs that charon does not know).
tunnel_known() # t0|t1
{
	swanctl_in gateway --list-sas --child "$1" 2>/dev/null | grep -q INSTALLED
}

tunnel_gone() # NAMESPACE t0|t1: no SA either way
{
	[ "$(tunnel_sas "$@")" = "0 0" ]
}

# Negotiates a tunnel from the gateway and waits until both ends' kernels have its SAs. One that is up stays as it is.
tunnel_up() # t0|t1
{
	local log=$ground_output/swanctl-initiate-$1.log
	if tunnel_installed gateway "$1" && tunnel_installed dc-gateway "$1" && tunnel_known "$1"; then
		return 0
	fi
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
	# Enslaved before they get addresses: enslaving flushes IPv6 ones.
	ip_batch gateway <<TEXT || return 1
link add conn-dc type vrf table 1001
link set conn-dc up
link add x0 type xfrm dev eth0 if_id ${ground_if_ids_gateway[0]}
link add x1 type xfrm dev eth0 if_id ${ground_if_ids_gateway[1]}
link set x0 master conn-dc
link set x1 master conn-dc
link set x0 mtu 1400 up
link set x1 mtu 1400 up
address add 169.254.10.1/30 dev x0
address add 169.254.11.1/30 dev x1
route add 10.1.0.0/24 dev eth1 table 1001
rule add pref 900 iif eth1 lookup 1001
rule add pref 901 iif eth1 unreachable
TEXT
	# 10.1.0.0/24 and fd00:1::/64 leak into the VRF: way back for data and for the kernel's own ICMP errors.
	in_ns gateway ip -6 -batch - <<'TEXT' || return 1
route add fd00:1::/64 dev eth1 table 1001
rule add pref 900 iif eth1 lookup 1001
rule add pref 901 iif eth1 unreachable
TEXT
	kernel_gateway_paths x0 x1
}

# Which tunnels the kernel's gateway sends through.
kernel_gateway_paths() # [x0] [x1]
{
	local device group='' hops='' objects='' id
	in_ns gateway ip -force -batch - 2>/dev/null <<'TEXT' || true
route del 10.50.0.0/16 table 1001
nexthop del id 10
nexthop del id 1
nexthop del id 2
TEXT
	for device; do
		id=$((${device#x} + 1))
		hops+=" nexthop dev $device"
		objects+="nexthop add id $id dev $device"$'\n'
		group+=${group:+/}$id
	done
	[ $# -gt 0 ] || return 0
	in_ns gateway ip -6 -batch - <<<"$objects" || return 1
	ip_batch gateway <<TEXT
nexthop add id 10 group $group
route add 10.50.0.0/16 table 1001$hops
route add fd00:50::/48 table 1001 nhid 10
TEXT
}

kernel_gateway_down() {
	kernel_gateway_paths || return 1
	in_ns gateway ip -6 -batch - <<'TEXT' || return 1
rule del pref 900
rule del pref 901
route del fd00:1::/64 table 1001
TEXT
	ip_batch gateway <<'TEXT'
rule del pref 900
rule del pref 901
route del 10.1.0.0/24 table 1001
link del x0
link del x1
link del conn-dc
TEXT
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
	ground_overload >"$ground_state/overload.$name" || return 1
	# shellcheck disable=SC2016 # expanded by the inner shell
	process_start "stream-$name-recv" "$to" bash -c 'exec "$1" recv --port "$2" --by-flow >"$3"' recv \
		"$tool" "$port" "$ground_output/stream-$name.received.json"
	wait_for 20 "receiver of stream $name is ready" grep -qx ready "$(process_log "stream-$name-recv")" || return 1
	# shellcheck disable=SC2016
	process_start "stream-$name-send" "$from" bash -c 'tool=$1 out=$2; shift 2; exec "$tool" send "$@" >"$out"' send \
		"$tool" "$ground_output/stream-$name.sent.json" --to "$address" --port "$port" "$@"
}

# What full queues of this machine have thrown away since boot: rings of veth devices and the processors' backlogs. An
# emulated processor that gets no time from its host lets them overflow, whatever is tested.
ground_overload() {
	local ns drops
	{
		for ns in "${ground_namespaces[@]}"; do
			in_ns "$ns" ip -j -s link show type veth || return 1
		done | jq '.[].stats64.tx.dropped'
		while read -r _ drops _; do
			printf '%d\n' "$((16#$drops))"
		done </proc/net/softnet_stat
	} | awk '{ sum += $1 } END { print sum + 0 }'
}

# Waits for the end of the stream and prints one JSON object: {sent, send_errors, received, unique, lost, reordered,
# duplicates, longest_gap_ms, longest_flow_gap_ms, flows_seen, socket_drops, overload, by_flow, …}, kept as
# stream-NAME.json too. lost = sent - unique; of it, socket_drops were the receiver's own, and at most overload were
# thrown away by full queues. What sendto refused is in send_errors, not in sent.
stream_finish() # NAME [SECONDS]
{
	local name=$1 limit=${2:-120} status=0 overload
	wait_for "$limit" "sender of stream $name ends" not process_alive "stream-$name-send" || return 1
	process_stop "stream-$name-send" || status=$?
	if [ "$status" != 0 ]; then
		complain "sender of stream $name failed: $(cat "$(process_log "stream-$name-send")")"
		return 1
	fi
	# The receiver waits until nothing more comes, then ends.
	process_stop "stream-$name-recv" || { complain "receiver of stream $name failed"; return 1; }
	overload=$(ground_overload) || return 1
	jq -s --argjson overload $((overload - $(cat "$ground_state/overload.$name"))) \
		'.[0] + .[1] + {lost: (.[0].sent - .[1].unique), missing_between: .[1].lost, overload: $overload}' \
		"$ground_output/stream-$name.sent.json" "$ground_output/stream-$name.received.json" |
		tee "$ground_output/stream-$name.json"
}

# Nothing of a finished stream was lost but what queues of this machine threw away, nothing doubled; what was, is said.
stream_lost_nothing() # NAME
{
	stream_holds "$1" '.received > 0 and .lost <= .overload + .socket_drops and .duplicates == 0'
}

# A jq condition on a finished stream; its account is printed where the condition does not hold.
stream_holds() # NAME CONDITION [JQ OPTION…]
{
	local name=$1 condition=$2
	shift 2
	jq -e "$@" "$condition" "$ground_output/stream-$name.json" >/dev/null && return 0
	complain "stream $name: not $condition: $(jq -c 'del(.by_flow)' "$ground_output/stream-$name.json")"
	return 1
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
	tcpdump -n --count -r "$1" "$2" 2>/dev/null | sed -n "s/^\([0-9]*\) packets\{0,1\}$/\1/p"
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
