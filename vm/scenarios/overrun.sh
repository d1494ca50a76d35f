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

finish() {
	espalier_down KILL >/dev/null 2>&1 || true
	topology_down
}
trap finish EXIT

storm_operations=4000
storm_seeds=(1 2 3)
sa_parameters='reqid 1 mode tunnel aead rfc4106(gcm(aes)) 0xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 128'

# Commands of `ip -batch`: SAs in both directions and outbound policies of both tunnels and of a stranger's if_id, 40 SPIs
# and 8 policies of each. Repeatable: the seed is all that differs.
storm() # SEED
{
	awk -v seed="$1" -v operations="$storm_operations" -v parameters="$sa_parameters" '
		function sa(verb, way, tunnel, spi) {
			return sprintf("xfrm state %s src %s dst %s proto esp spi 0x%x", verb,
				way == "in" ? theirs[tunnel] : ours[tunnel], way == "in" ? ours[tunnel] : theirs[tunnel], spi)
		}
		function policy(verb, tunnel, n) {
			return sprintf("xfrm policy %s dst 10.77.%d.0/24 dir out if_id 0x%x", verb, n, if_id[tunnel])
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
				spi = tunnel * 4096 + (way == "in" ? 0 : 256) + n
				choice = rand()
				if (choice < 0.45)
					print sa("add", way, tunnel, spi) " " parameters " dir " way \
						" if_id " sprintf("0x%x", if_id[tunnel])
				else if (choice < 0.85)
					print sa("delete", way, tunnel, spi)
				else if (choice < 0.95)
					print policy("update", tunnel, n % 8) " tmpl src " ours[tunnel] " dst " theirs[tunnel] \
						" proto esp spi " sprintf("0x%x", tunnel * 4096 + 256 + n) " reqid 1 mode tunnel"
				else
					print policy("delete", tunnel, n % 8)
			}
		}'
}

# Most deletes find nothing, some adds find something: -force goes on. What counts is what is left.
rage() {
	local seed
	for seed in "${storm_seeds[@]}"; do
		storm "$seed" | in_ns gateway ip -force -batch - >/dev/null 2>&1 &
	done
	wait
}

# "TUNNEL in|out SPI" of every SA of the two tunnels, sorted: of the kernel, and of espalierd.
kernel_sas() {
	in_ns gateway ip xfrm state list | awk '
		function tell() { if (id == "0x65" || id == "0x66") print (id == "0x65" ? "dc-1-1" : "dc-1-2"), way, spi }
		/^src / { tell(); way = $4 ~ /^192\.0\.2\.[13]$/ ? "in" : "out"; id = spi = ""; next }
		{ for (f = 1; f < NF; f++) { if ($f == "spi") spi = $(f + 1); if ($f == "if_id") id = $(f + 1) } }
		END { tell() }' | sort
}

espalier_sas() {
	espalier -j show tunnels | jq -r '.[] | .name as $n | .sas[] | "\($n) \(.direction) \(.spi)"' | sort
}

# The tunnels that D3 calls up: an inbound SA, and an outbound policy that names an outbound SA.
kernel_up() {
	{
		kernel_sas
		in_ns gateway ip xfrm policy list | awk '
			function tell() { if (out && (id == "0x65" || id == "0x66")) print (id == "0x65" ? "dc-1-1" : "dc-1-2"), "policy", spi }
			/^src / { tell(); out = 0; id = spi = "" ; next }
			/dir out/ { out = 1 }
			{ for (f = 1; f < NF; f++) { if ($f == "spi") spi = $(f + 1); if ($f == "if_id") id = $(f + 1) } }
			END { tell() }'
	} | awk '
		$2 == "in" { incoming[$1] = 1 }
		$2 == "out" { there[$1, $3] = 1 }
		$2 == "policy" { named[$1] = named[$1] " " $3 }
		END {
			for (tunnel in incoming) {
				split(named[tunnel], spis, " ")
				for (i in spis) if ((tunnel, spis[i]) in there) { print tunnel; break }
			}
		}' | sort
}

espalier_says_up() { espalier -j show tunnels | jq -r '.[] | select(.up) | .name' | sort; }

same() # FILE FILE
{
	diff -u "$1" "$2" >&2
}

agrees() {
	kernel_sas >"$ground_output/kernel-sas"
	espalier_sas >"$ground_output/espalier-sas"
	cmp -s "$ground_output/kernel-sas" "$ground_output/espalier-sas"
}

loss_is_logged() { grep -q 'XFRM messages were lost (No buffer space available)' "$(process_log espalierd)"; }

messages_are_lost() {
	rage
	wait_for 20 "a loss in the log" loss_is_logged
	say "# lost $(grep -c 'XFRM messages were lost' "$(process_log espalierd)") times"
}

storm_leaves_something() {
	wait_for 20 "as many SAs as the kernel has" agrees || same "$ground_output/kernel-sas" "$ground_output/espalier-sas"
	say "# $(wc -l <"$ground_output/kernel-sas") SAs of the two tunnels are left"
	[ -s "$ground_output/kernel-sas" ]
}

states_agree() {
	kernel_up >"$ground_output/kernel-up"
	espalier_says_up >"$ground_output/espalier-up"
	same "$ground_output/kernel-up" "$ground_output/espalier-up"
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
	wait_for 20 "what espalierd shows is what the kernel has" agrees
	[ "$(kernel_up)" = dc-1-1 ]
	states_agree
}

topology_up
espalier_yaml 'damping: off' >"$espalier_config" # what the kernel says is to show at once
espalier_up --xfrm-buffer 1024
claim "a storm of SAs and policies through a tiny buffer: messages are lost, and it is seen" messages_are_lost
claim "the SAs that espalierd shows are those of the kernel's dump" storm_leaves_something
claim "the tunnels that espalierd calls up are those of the kernel's dump" states_agree
claim "after the storm single messages are followed again" settle_by_hand
claims_summary
