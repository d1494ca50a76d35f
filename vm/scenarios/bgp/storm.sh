# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# Part of bgp.sh: prefixes that come and go. ESPALIER_FLAPS says how often (default 20).

storm_flaps=${ESPALIER_FLAPS:-20}

# The numbered networks in the gateway's kernel. Only ip is started for it: each program costs time here.
in_kernel() { in_ns gateway ip route show table 1001 proto bgp | grep -cE '^10\.1(2[89]|3[0-9])\.' || true; }
many() { [ "$(in_kernel)" -ge 100 ]; }
few() { [ "$(in_kernel)" -lt 900 ]; }

# Half of the way in and out each time: nobody waits until all is settled. A third of them stays in the end.
# shellcheck disable=SC2046 # a word for each network
flap() {
	local i began=$SECONDS
	for ((i = 0; i < storm_flaps; i++)); do
		announce dc-gateway $(networks 0 1000)
		wait_for 90 "they come" many
		withdraw dc-gateway $(networks 0 1000)
		wait_for 90 "they go" few
	done
	say "# $storm_flaps flaps of 1000 prefixes in $((SECONDS - began)) s"
	announce dc-gateway $(networks 300 330)
	wait_for 60 "330 of them are there" settled_at 330
}

# Those that are offered are one more of each family.
settled_at() { [ "$(in_kernel)" = "$1" ] && offers_are dc-1 dc-1-1 $(($1 + 2)) $(($1 + 2)); }

# FRR's table, the kernel's and what is learned hold the same prefixes.
three_tables_agree() {
	frr_prefixes gateway vrf1001 4 >"$ground_output/frr-prefixes"
	in_ns gateway ip -j route show table 1001 proto bgp | jq -r '.[].dst' | sort | diff "$ground_output/frr-prefixes" -
	learned_by dc-1 | grep -v : | diff "$ground_output/frr-prefixes" -
}

# The longest of FRR's prefixes for addresses in, beside and between the networks, found by looking at each, is what the
# program itself matches; where there is none it drops. One shell asks for all: starting programs is what takes time.
program_matches_the_naive_model() {
	local n
	for ((n = 0; n < 1000; n += 7)); do
		printf '10.%d.%d.%d\n' $((128 + n / 256)) $((n % 256)) $((n * 37 % 256))
	done >"$ground_output/addresses"
	printf '10.50.255.255\n10.51.0.0\n10.49.255.255\n' >>"$ground_output/addresses"
	python3 - "$ground_output/frr-prefixes" "$ground_output/addresses" >"$ground_output/model" <<'TEXT'
import ipaddress, sys
prefixes = [ipaddress.ip_network(line.strip()) for line in open(sys.argv[1])]
for line in open(sys.argv[2]):
    address = ipaddress.ip_address(line.strip())
    covering = [p for p in prefixes if address in p]
    print(max(covering, key=lambda p: p.prefixlen) if covering else "none")
TEXT
	# shellcheck disable=SC2016 # expanded by the inner shell
	in_ns gateway bash -c 'while read -r to; do "$1" --socket "$2" -j explain --in vpc-a 10.1.0.2 "$to"; done' explain \
		"$espalier_build/espalier" "$espalier_socket" <"$ground_output/addresses" |
		jq -r 'if .verdict == "tunnel" then .matched else "none" end' | diff "$ground_output/model" -
	[ "$(grep -vc none "$ground_output/model")" -ge 40 ]
	[ "$(grep -c none "$ground_output/model")" -ge 40 ]
}

after_the_storm() {
	flap
	three_tables_agree
	program_matches_the_naive_model
	# Every entry of the maps and of the slow path is what it must be.
	espalier audit
	# shellcheck disable=SC2046
	withdraw dc-gateway $(networks 300 330)
	wait_for 60 "the networks are gone" settled_at 0
}

claim "1,000 prefixes flap $storm_flaps times: then FRR's table, the kernel's and the programs' say the same" after_the_storm
