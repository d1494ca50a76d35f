# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# The gateway under test: espalierd in namespace `gateway` of the ground (lib.sh, sourced first). Its tunnels are t0 and t1
# as strongSwan calls them, dc-1-1 and dc-1-2 as Espalier does.

espalier_pins=/sys/fs/bpf/espalier
espalier_socket=$ground_state/espalier.sock
espalier_config=$ground_state/espalier.yaml
espalier_build=$ground_build

# The configuration of the demonstration: one VPC, one data centre, two tunnels, static routes of both families.
espalier_yaml() # [KEYS of `gateway`]
{
	[ -z "${1:-}" ] || printf 'gateway: { %s }\n' "$1"
	cat <<'TEXT'
transit_router:
  tables:
    main:
      learn: [vpc-a, dc-1]
attachments:
  vpc-a: { type: vpc, device: eth1, cidrs: [10.1.0.0/24, "fd00:1::/64"], association: main, xdp: native }
  dc-1:  { type: vpn, connection: dc-1, association: main }
customer_gateways:
  dc-1: { addresses: [192.0.2.2, 192.0.2.4], asn: 65001 }
connections:
  dc-1:
    customer_gateway: dc-1
    routes: [10.50.0.0/16, "fd00:50::/48"]
    tunnels:
      - { name: dc-1-1, if_id: 101, local_address: 192.0.2.1, remote_address: 192.0.2.2, inside: 169.254.10.0/30, bgp_address: 169.254.10.1 }
      - { name: dc-1-2, if_id: 102, local_address: 192.0.2.3, remote_address: 192.0.2.4, inside: 169.254.11.0/30, bgp_address: 169.254.11.1 }
TEXT
}

# Starts espalierd with the configuration and returns when it forwards. Many tunnels need more than a minute the first time.
espalier_up() # [OPTION…]
{
	[ -s "$espalier_config" ] || espalier_yaml >"$espalier_config"
	# As the systemd unit does: what follows tunnels comes before what sends.
	process_start espalierd gateway nice -n -10 "$espalier_build/espalierd" --foreground --config "$espalier_config" \
		--socket "$espalier_socket" --bpffs "$espalier_pins" --runtime-dir "$ground_state/espalier-run" \
		--state-dir "$ground_state/espalier-state" "$@"
	if ! wait_for "${espalier_start_limit:-60}" "espalierd answers" espalier_answers; then
		cat "$(process_log espalierd)" >&2
		return 1
	fi
}

espalier_answers() { process_alive espalierd && espalier -j status; }

# TERM by default: packets go on by the last state.
espalier_down() # [SIGNAL]
{
	local status=0
	process_stop espalierd "${1:-TERM}" || status=$?
	[ "${1:-TERM}" = KILL ] || return "$status"
}

# Everything that a gateway leaves behind on purpose.
espalier_cleanup() {
	in_ns gateway "$espalier_build/espalierd" --cleanup --socket "$espalier_socket" --bpffs "$espalier_pins" \
		--runtime-dir "$ground_state/espalier-run" --state-dir "$ground_state/espalier-state"
}

espalier() { in_ns gateway "$espalier_build/espalier" --socket "$espalier_socket" "$@"; }

# strongSwan's name of a tunnel to Espalier's: t0 → dc-1-1. Others are called alike by both.
espalier_tunnel() # NAME
{
	case $1 in
	t[01]) printf 'dc-1-%d\n' $((${1#t} + 1)) ;;
	*) printf '%s\n' "$1" ;;
	esac
}

# Does a jq condition hold for what espalier shows?
espalier_shows() # CONDITION COMMAND…
{
	local condition=$1
	shift
	espalier -j "$@" | jq -e "$condition" >/dev/null
}

espalier_sees_up() # t0|t1…
{
	local t
	for t; do
		espalier_shows "any(.[]; .name == \"$(espalier_tunnel "$t")\" and .up)" show tunnels || return 1
	done
}

espalier_sees_down() # t0|t1…
{
	local t
	for t; do
		espalier_shows "any(.[]; .name == \"$(espalier_tunnel "$t")\" and (.up | not))" show tunnels || return 1
	done
}

# One field of what is shown of a tunnel: flaps, spi_out, cause …
espalier_tunnel_field() # t0|t1 FIELD
{
	espalier -j show tunnels | jq -r ".[] | select(.name == \"$(espalier_tunnel "$1")\") | .$2"
}

# Packets that a tunnel carried since the start: out (to the data centre) or in.
espalier_carried() # t0|t1 out|in
{
	espalier -j show tunnels | jq ".[] | select(.name == \"$(espalier_tunnel "$1")\") | .$2.packets"
}

# The tunnels that UDP flows from consecutive ports take now, one a line, as the dataplane itself says. One shell in the
# namespace asks for all of them: under emulation, starting programs is what takes time.
espalier_paths() # SOURCE DESTINATION FIRST_SPORT COUNT DPORT
{
	# shellcheck disable=SC2016 # expanded by the inner shell
	in_ns gateway bash -c '
		for ((port = $5; port < $5 + $6; port++)); do
			"$1" --socket "$2" -j explain --in vpc-a "$3" "$4" udp "$port" "$7"
		done' paths "$espalier_build/espalier" "$espalier_socket" "$1" "$2" "$3" "$4" "$5" | jq -r '.tunnel // .verdict'
}

espalier_path() # SOURCE DESTINATION SPORT DPORT
{
	espalier_paths "$1" "$2" "$3" 1 "$4"
}

routes_are() # STATE: of both routes of dc-1 in table main
{
	espalier_shows "[.[] | select(.table == \"main\" and .attachment == \"dc-1\" and .state == \"$1\")] | length == 2" show routes
}

dropped() # REASON → packets dropped so far, over all attachments
{
	espalier -j show drops --all | jq "[.[] | select(.reason == \"$1\") | .packets] | add // 0"
}

# The reason's counter grows by at least N while the check runs.
counted_as() # REASON N CHECK…
{
	local reason=$1 least=$2 before after
	shift 2
	before=$(dropped "$reason")
	"$@"
	after=$(dropped "$reason")
	if [ $((after - before)) -lt "$least" ]; then
		complain "reason $reason grew from $before to $after, at least $least were expected"
		return 1
	fi
}

# Packets that the gateway itself lost: sent into a tunnel whose SAs were gone, or into a group without a live one.
gateway_losses() {
	espalier -j show drops | jq '[.[] | select(.reason == "tx-carrier" or .reason == "no-live-tunnel") | .packets] | add // 0'
}
