#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# SAs and policies come and go faster than they can be followed, through a receive buffer for two messages: notifications
# are lost, the kernel is read anew, and at the end espalierd knows what the kernel's own dump says.

set -euo pipefail
scenarios=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=vm/scenarios/lib.sh
. "$scenarios/lib.sh"
# shellcheck source=vm/scenarios/espalier.sh
. "$scenarios/espalier.sh"
# shellcheck source=vm/scenarios/kernel-sas.sh
. "$scenarios/kernel-sas.sh"

finish() {
	espalier_down KILL >/dev/null 2>&1 || true
	topology_down
}
trap finish EXIT

storm_operations=4000
storm_seeds=(1 2 3)

# Commands of `ip -batch`: SAs in both directions and outbound policies of both tunnels and of a stranger's if_id, 40 SPIs
# and 8 policies of each; other ones for each seed. Every command succeeds, for ip ends at the first one that does not.
storm() # SEED
{
	awk -v seed="$1" -v operations="$storm_operations" -v parameters="$sa_parameters" '
		function sa(verb, way, tunnel, spi) {
			return sprintf("xfrm state %s src %s dst %s proto esp spi 0x%x", verb,
				way == "in" ? theirs[tunnel] : ours[tunnel], way == "in" ? ours[tunnel] : theirs[tunnel], spi)
		}
		function policy(verb, tunnel, n) {
			return sprintf("xfrm policy %s dst 10.77.%d.0/24 dir out if_id 0x%x", verb, 8 * seed + n, if_id[tunnel])
		}
		BEGIN {
			srand(seed)
			split("192.0.2.1 192.0.2.3 192.0.2.1", ours)
			split("192.0.2.2 192.0.2.4 192.0.2.2", theirs)
			split("101 102 999", if_id)
			for (i = 0; i < operations; i++) {
				tunnel = int(3 * rand()) + 1
				way = rand() < 0.5 ? "in" : "out"
				n = int(40 * rand()) + 1
				first = seed * 65536 + tunnel * 4096
				spi = first + (way == "in" ? 0 : 256) + n
				if (rand() < 0.85) {
					there[spi] = !there[spi]
					print there[spi] ? sa("add", way, tunnel, spi) " " parameters " dir " way " if_id " \
						sprintf("0x%x", if_id[tunnel]) : sa("delete", way, tunnel, spi)
				} else if (policies[tunnel, n % 8] && rand() < 0.33) {
					policies[tunnel, n % 8] = 0
					print policy("delete", tunnel, n % 8)
				} else {
					policies[tunnel, n % 8] = 1
					print policy("update", tunnel, n % 8) " tmpl src " ours[tunnel] " dst " theirs[tunnel] \
						" proto esp spi " sprintf("0x%x", first + 256 + n) " reqid 1 mode tunnel"
				}
			}
		}'
}

# All at the same time, and all to their end.
rage() {
	local seed storms=()
	for seed in "${storm_seeds[@]}"; do
		storm "$seed" | ip_batch gateway &
		storms+=("$!")
	done
	for seed in "${storms[@]}"; do
		wait "$seed"
	done
}

loss_is_logged() { grep -q 'XFRM messages were lost (No buffer space available)' "$(process_log espalierd)"; }

messages_are_lost() {
	rage
	wait_for 20 "a loss in the log" loss_is_logged
	say "# lost $(grep -c 'XFRM messages were lost' "$(process_log espalierd)") times"
}

storm_is_survived() {
	same_as_the_kernel
	say "# $(wc -l <"$ground_output/kernel-sas") SAs of the two tunnels are left"
	[ "$(wc -l <"$ground_output/kernel-sas")" -gt 100 ]
}

# From a state that is known: one tunnel up by hand, the other with an inbound SA alone.
settle_by_hand() {
	in_ns gateway ip xfrm state flush
	in_ns gateway ip xfrm policy flush
	ip_batch gateway <<TEXT
xfrm state add src 192.0.2.2 dst 192.0.2.1 proto esp spi 0x1001 $sa_parameters dir in if_id 0x65
xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x1101 $sa_parameters dir out if_id 0x65
xfrm state add src 192.0.2.4 dst 192.0.2.3 proto esp spi 0x2001 $sa_parameters dir in if_id 0x66
xfrm policy add dst 10.77.1.0/24 dir out if_id 0x65 tmpl src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x1101 reqid 1 mode tunnel
TEXT
	same_as_the_kernel
	[ "$(kernel_up)" = 101 ]
}

topology_up
espalier_yaml 'damping: off' >"$espalier_config" # what the kernel says is to show at once
espalier_up --xfrm-buffer 1024
claim "a storm of SAs and policies through a tiny buffer: messages are lost, and it is seen" messages_are_lost
claim "afterwards the SAs and the tunnels that are up are those of the kernel's dump" storm_is_survived
claim "after the storm single messages are followed again" settle_by_hand
claims_summary
