# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# What the kernel's own dump says of the gateway's tunnels, beside what espalierd says. Sourced after espalier.sh.

# Of no SA in particular, and of none that has to be found again: keys and numbers by hand.
# shellcheck disable=SC2034 # of the scenarios
sa_parameters='reqid 1 mode tunnel aead rfc4106(gcm(aes)) 0xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 128'

# What both show now, in files: with many tunnels, asking is what takes time.
look() {
	local id
	espalier -j show tunnels >"$ground_output/shown.json" || return 1
	in_ns gateway ip xfrm state list >"$ground_output/states" || return 1
	in_ns gateway ip xfrm policy list >"$ground_output/policies" || return 1
	# "0x65 101" of every tunnel: as ip says it, and as espalier does.
	jq -r '.[].if_id' "$ground_output/shown.json" | while read -r id; do
		printf '0x%x %d\n' "$id" "$id"
	done >"$ground_output/if-ids"
}

# "IF_ID in|out SPI" of every SA of the tunnels, sorted: of the kernel, and of espalierd.
kernel_sas() {
	awk '
		NR == FNR { watched[$1] = $2; next }
		function tell() { if (id in watched) print watched[id], way, spi }
		/^src / { tell(); way = id = spi = ""; next }
		{ for (f = 1; f < NF; f++) {
			if ($f == "spi") spi = $(f + 1)
			if ($f == "if_id") id = $(f + 1)
			if ($f == "dir") way = $(f + 1)
		} }
		END { tell() }' "$ground_output/if-ids" "$ground_output/states" | sort
}

espalier_sas() {
	jq -r '.[] | .if_id as $n | .sas[] | "\($n) \(.direction) \(.spi)"' "$ground_output/shown.json" | sort
}

# The if_ids of the tunnels that D3 calls up: an inbound SA, and an outbound policy that names an outbound SA.
kernel_up() {
	{
		kernel_sas
		awk '
			NR == FNR { watched[$1] = $2; next }
			function tell() { if (out && id in watched) print watched[id], "policy", spi }
			/^src / { tell(); out = 0; id = spi = "" ; next }
			/dir out/ { out = 1 }
			{ for (f = 1; f < NF; f++) { if ($f == "spi") spi = $(f + 1); if ($f == "if_id") id = $(f + 1) } }
			END { tell() }' "$ground_output/if-ids" "$ground_output/policies"
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

espalier_says_up() { jq -r '.[] | select(.up) | .if_id' "$ground_output/shown.json" | sort; }

agrees_with_the_kernel() {
	look || return 1
	kernel_sas >"$ground_output/kernel-sas"
	espalier_sas >"$ground_output/espalier-sas"
	kernel_up >"$ground_output/kernel-up"
	espalier_says_up >"$ground_output/espalier-up"
	cmp -s "$ground_output/kernel-sas" "$ground_output/espalier-sas" &&
		cmp -s "$ground_output/kernel-up" "$ground_output/espalier-up" && [ -s "$ground_output/kernel-sas" ]
}

# The same SAs and the same tunnels up, within the time that following them takes, and not nothing.
same_as_the_kernel() # [SECONDS]
{
	if ! wait_for "${1:-60}" "espalierd shows what the kernel has" agrees_with_the_kernel; then
		diff -u "$ground_output/kernel-sas" "$ground_output/espalier-sas" >&2 || true
		diff -u "$ground_output/kernel-up" "$ground_output/espalier-up" >&2 || true
		return 1
	fi
}
