# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# strongSwan on both gateways of the ground, and the tunnels that it negotiates. Part of lib.sh, which sources it.

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

# What is negotiated here, for `espalier render`: tunnels t0 and t1.
strongswan_yaml() {
	cat <<TEXT
gateway: { secrets: $ground_secrets }
transit_router:
  tables:
    main: { learn: [dc-1] }
attachments:
  dc-1: { type: vpn, connection: dc-1, association: main }
customer_gateways:
  dc-1: { addresses: [192.0.2.2, 192.0.2.4] }
connections:
  dc-1:
    customer_gateway: dc-1
    routes: [10.50.0.0/16]
    tunnels:
      - { name: t0, if_id: ${ground_if_ids_gateway[0]}, local_address: 192.0.2.1, remote_address: 192.0.2.2, psk: t0 }
      - { name: t1, if_id: ${ground_if_ids_gateway[1]}, local_address: 192.0.2.3, remote_address: 192.0.2.4, psk: t1 }
TEXT
}

# Pre-shared keys: a file each, which is root's alone [D16].
secrets_make() # NAME…
{
	local name
	(umask 077 && mkdir -p "$ground_secrets") || return 1
	for name; do
		(umask 077 && printf 'espalier scenario, %s, 7f3a9c51\n' "$name" >"$ground_secrets/$name") || return 1
	done
}

# One side's files into the home's /etc/swanctl. What is rendered for a peer has no keys: it gets the gateway's.
strongswan_render() # NAMESPACE
{
	local config=$ground_state/strongswan.yaml
	secrets_make t0 t1 || return 1
	strongswan_yaml >"$config"
	in_home "$1" "$ground_build/espalier" render swanctl --output /etc/swanctl "$config" >/dev/null || return 1
	[ "$1" = gateway ] ||
		in_home "$1" "$ground_build/espalier" render peer dc-1 --output /etc/swanctl "$config" >/dev/null
}

# What the scenes have otherwise than it is rendered: they begin and end each negotiation themselves. OPTIONS are lines for
# both connections and for both of their children; they override what stands here.
swanctl_conf() # NAMESPACE [CONNECTION_OPTIONS [CHILD_OPTIONS]]
{
	# shellcheck disable=SC2034 # ground_side sets all three
	local own peer if_ids i
	ground_side "$1"
	printf 'include espalier.conf\n'
	for i in 0 1; do
		cat <<TEXT
connections {
	t$i {
		keyingtries = 1
		${2:-}
		children {
			t$i {
				if_id_in = ${if_ids[i]}
				if_id_out = ${if_ids[i]}
				start_action = none
				close_action = none
				dpd_action = clear
				${3:-}
			}
		}
	}
}
TEXT
	done
}

# Starts charon in the namespace's home (home.sh), so that two live on one machine. charon_options are lines as of
# charon_change.
strongswan_up() # NAMESPACE
{
	local dir
	home_up "$1" || return 1
	strongswan_render "$1" || return 1
	dir=$(home_directory "$1" swanctl)
	swanctl_conf "$1" >"$dir/swanctl.conf"
	charon_conf "${charon_options:-}" >"$dir/options.conf"
	strongswan_conf 'interfaces_use = eth0' >"$dir/strongswan.conf"
	printf 'include options.conf\n' >>"$dir/strongswan.conf"
	strongswan_start "$1"
}

# The same with files that are in the home's /etc/swanctl already, and nothing beside them.
strongswan_rendered_up() # NAMESPACE
{
	local dir
	dir=$(home_directory "$1" swanctl)
	printf 'include espalier.conf\n' >"$dir/swanctl.conf"
	strongswan_conf >"$dir/strongswan.conf"
	strongswan_start "$1"
}

charon_conf() { printf 'charon {\n%s\n}\n' "$1"; } # OPTIONS

# strongswan.conf: what is rendered, and LINES of charon's section.
strongswan_conf() # [LINE…]
{
	cat <<TEXT
charon {
	# Only what is needed: the many plugins of a default installation take 20 s to load under emulation, and bypass-lan
	# among them would exempt every connected prefix, the VPC's included, from IPsec.
	load = random nonce openssl aes sha2 hmac gcm kdf kernel-netlink socket-default updown vici
	$(printf '%s\n' "$@")
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
include charon-espalier.conf
TEXT
}

# Starts charon in the home, whose configuration is there, and loads the connections; also after strongswan_stop or a kill.
strongswan_start() # NAMESPACE
{
	local ns=$1 home
	home=$(home_of "$ns") || return 1
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

# Changes the connections for negotiations to come: OPTIONS as of swanctl_conf, none for those of the start.
swanctl_change() # NAMESPACE [CONNECTION_OPTIONS [CHILD_OPTIONS]]
{
	swanctl_conf "$@" >"$(home_directory "$1" swanctl)/swanctl.conf"
	swanctl_in "$1" --load-conns >"$ground_output/swanctl-load-$1.log" 2>&1 || {
		cat "$ground_output/swanctl-load-$1.log" >&2
		return 1
	}
}

# Sets options of charon itself, lines of strongswan.conf's section charon; none for those of the start. Some are read
# when they are needed, others when charon starts.
charon_change() # NAMESPACE [OPTIONS]
{
	charon_conf "${2:-}" >"$(home_directory "$1" swanctl)/options.conf"
	swanctl_in "$1" --reload-settings >/dev/null
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
	local ns=$1
	shift
	in_home "$ns" env STRONGSWAN_CONF=/etc/swanctl/strongswan.conf "$@"
}

swanctl_in() # NAMESPACE ARGUMENT…
{
	local ns=$1
	shift
	in_swan "$ns" swanctl "$@"
}

# ---- tunnels --------------------------------------------------------------------------------------------------------

# Prints "IN OUT": how many usable ESP SAs the kernel has for the tunnel, by if_id. Larval ones have no key. Kernels before
# 6.10 do not say which way: there the address does.
tunnel_sas() # NAMESPACE t0|t1
{
	# shellcheck disable=SC2034 # ground_side sets all three
	local own peer if_ids i=${2#t}
	ground_side "$1"
	in_ns "$1" ip xfrm state list | awk -v own="${own[i]}" -v id="$(printf '0x%x' "${if_ids[i]}")" '
		function count() {
			if (!key || !mine) return
			if (way == "in" || (way == "" && to == own)) incoming++
			if (way == "out" || (way == "" && from == own)) outgoing++
		}
		/^src / { count(); from = $2; to = $4; key = mine = 0; way = ""; next }
		$1 == "aead" || $1 == "enc" { key = 1 }
		{ for (f = 1; f < NF; f++) { if ($f == "if_id" && $(f + 1) == id) mine = 1; if ($f == "dir") way = $(f + 1) } }
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
	prints INSTALLED swanctl_in gateway --list-sas --child "$1" 2>/dev/null
}

tunnel_gone() # NAMESPACE t0|t1: no SA either way
{
	[ "$(tunnel_sas "$@")" = "0 0" ]
}

tunnel_is_up() { tunnel_installed gateway "$1" && tunnel_installed dc-gateway "$1" && tunnel_known "$1"; } # t0|t1

# Negotiates a tunnel, from the gateway if not told otherwise, and waits until both ends' kernels have its SAs. One that is
# up stays as it is.
tunnel_up() # t0|t1 [gateway|dc-gateway]
{
	local log=$ground_output/swanctl-initiate-$1.log
	! tunnel_is_up "$1" || return 0
	if ! swanctl_in "${2:-gateway}" --initiate --child "$1" --timeout 90 >"$log" 2>&1; then
		tail -n 20 "$log" >&2
		complain "tunnel $1 was not negotiated"
		return 1
	fi
	wait_for 20 "SAs of $1 in the gateway's kernel" tunnel_installed gateway "$1" || return 1
	wait_for 20 "SAs of $1 in dc-gateway's kernel" tunnel_installed dc-gateway "$1"
}

# Ends what both tunnels have, IKE SAs included, and negotiates them with the connections as they are now.
tunnels_anew() # [gateway|dc-gateway]: who begins
{
	local t
	for t in t0 t1; do
		# Every one of that name: after a crash of a peer there may be several.
		while swanctl_in gateway --terminate --ike "$t" --force --timeout 10 >/dev/null 2>&1; do :; done
		wait_for 20 "SAs of $t gone at the gateway" tunnel_gone gateway "$t" || return 1
		tunnel_up "$t" "$@" || return 1
	done
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
