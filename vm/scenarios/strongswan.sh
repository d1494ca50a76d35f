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

# The connections t0 and t1 of one side, in the syntax of swanctl.conf, pre-shared keys included. OPTIONS are lines for
# both connections and for both of their children; they override what stands here.
swanctl_conf() # NAMESPACE [CONNECTION_OPTIONS [CHILD_OPTIONS]]
{
	local own peer if_ids i connection_options=${2:-} child_options=${3:-}
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
		$connection_options
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
				$child_options
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

# Starts charon in the namespace's home (home.sh), so that two live on one machine. With a FILE, its connections are loaded
# instead of those of swanctl_conf; strongswan_rendered_up takes what Espalier rendered. charon_options are lines as of
# charon_change.
strongswan_up() # NAMESPACE [FILE]
{
	local ns=$1 file=${2:-} dir
	home_up "$ns" || return 1
	dir=$(home_directory "$ns" swanctl)
	printf '%s\n' "${charon_options:-}" >"$dir/options.conf"
	if [ -n "$file" ]; then
		cp "$file" "$dir/swanctl.conf"
	else
		swanctl_conf "$ns" >"$dir/swanctl.conf"
	fi
	chmod 0600 "$dir/swanctl.conf"
	strongswan_conf 'install_routes = no' 'install_virtual_ip = no' 'interfaces_use = eth0' \
		'plugins {' 'kernel-netlink {' 'roam_events = no' '}' '}' 'include options.conf' >"$dir/strongswan.conf"
	strongswan_start "$ns"
}

# The same with files that are in the home's /etc/swanctl already, as `espalier render` names them.
strongswan_rendered_up() # NAMESPACE
{
	local ns=$1 dir
	dir=$(home_directory "$ns" swanctl)
	printf 'include espalier.conf\n' >"$dir/swanctl.conf"
	strongswan_conf >"$dir/strongswan.conf"
	printf 'include charon-espalier.conf\n' >>"$dir/strongswan.conf"
	strongswan_start "$ns"
}

# strongswan.conf, with LINES of charon's section.
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
	printf '%s\n' "${2:-}" >"$(home_directory "$1" swanctl)/options.conf"
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
