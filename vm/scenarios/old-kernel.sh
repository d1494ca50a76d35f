#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The same object on Debian 12's kernel 6.1: it loads, attaches, and packets pass through a real tunnel.

set -euo pipefail
scenarios=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=vm/scenarios/lib.sh
. "$scenarios/lib.sh"
# shellcheck source=vm/scenarios/espalier.sh
. "$scenarios/espalier.sh"

finish() {
	espalier_down KILL >/dev/null 2>&1 || true
	topology_down
}
trap finish EXIT

loads_and_attaches() {
	espalier_yaml >"$espalier_config"
	espalier_up
	espalier_shows '.[] | select(.name == "vpc-a") | .xdp == "native"' show attachments
}

packets_pass() {
	tunnel_up t0
	wait_for 10 "espalierd sees t0 up" espalier_sees_up t0
	dc_paths t0
	capture_start old dc-gateway eth0
	ping_all vpc 10.50.0.2 5
	ping_all dc fd00:1::2 5
	capture_stop old
	capture_assert_sealed "$(capture_file old)" 20
	[ "$(espalier_carried t0 out)" -ge 10 ] && [ "$(espalier_carried t0 in)" -ge 10 ]
}

topology_up
strongswan_up gateway
strongswan_up dc-gateway
claim "kernel $(uname -r): the object loads and attaches" loads_and_attaches
claim "kernel $(uname -r): packets pass, in ESP alone" packets_pass
claims_summary
