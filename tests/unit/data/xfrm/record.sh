#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Makes the .bin files here, in a virtual machine, in the directory that it is called in:
#   vm/run --kernel 6.1|6.12 --output DIRECTORY -- sh -c 'cd /espalier/output && sh record.sh ./xfrm_record'
# with this file and tests/tools/xfrm_record.c, built, in DIRECTORY. Keys are 0xaa throughout.
set -eu
record=$1
kernel=$(uname -r | cut -d. -f1-2)
for module in xfrm_user esp4 esp6 xfrm_interface; do modprobe $module; done
ip netns add t
ip -n t link set lo up
in_t() { ip netns exec t "$@"; }
x() { in_t ip xfrm "$@"; }

local=192.0.2.1 remote=192.0.2.2
key=0xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
gcm="${key}aaaaaaaa 128"
name='rfc4106(gcm(aes))'
tunnel='reqid 1 mode tunnel'
to_us="src $remote dst $local proto esp"
to_peer="src $local dst $remote proto esp"
any='src 0.0.0.0/0 dst 0.0.0.0/0'
in='dir in' out='dir out'
if [ "$kernel" = 6.1 ]; then in='' out=''; fi # XFRMA_SA_DIR: since 6.10

in_t "$record" events >"events-$kernel.bin" &
recorder=$!
sleep 2
# Options are lists of words here.
# shellcheck disable=SC2086
{
	spi=$(x state allocspi $to_us $tunnel $in min 0xc1000009 max 0xc100000a |
		sed -n 's/.*spi \(0x[0-9a-f]*\).*/\1/p')
	in_t "$record" sa >"larval-$kernel.bin"
	x state update $to_us spi "$spi" $tunnel replay-window 32 aead "$name" $gcm if_id 0x65 $in
	x state add $to_peer spi 0xc2000009 $tunnel aead "$name" $gcm if_id 0x65 $out
	for direction in in fwd; do
		x policy add $any dir $direction priority 399999 tmpl $to_us $tunnel if_id 0x65
	done
	x policy add $any dir out priority 399999 tmpl $to_peer spi 0xc2000009 $tunnel if_id 0x65
	# a rekey, to a pair that dies of age
	x state add $to_us spi 0xc1000002 $tunnel flag esn replay-window 128 enc 'cbc(aes)' $key \
		auth-trunc 'hmac(sha256)' ${key}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 128 \
		encap espinudp 4500 4501 0.0.0.0 if_id 0x65 $in limit time-soft 12 limit time-hard 16
	x state add $to_peer spi 0xc2000002 $tunnel aead "$name" $gcm if_id 0x65 $out \
		limit time-soft 12 limit time-hard 16
	x policy update $any dir out priority 399999 tmpl $to_peer spi 0xc2000002 $tunnel if_id 0x65
	in_t "$record" sa >"sa-$kernel.bin"
	in_t "$record" policy >"policy-$kernel.bin"
	x state delete $to_peer spi 0xc2000009
	x state delete $to_us spi "$spi"
	sleep 18
	# a packet that finds no SA
	in_t ip link add x0 type xfrm dev lo if_id 0x65
	in_t ip addr add 169.254.10.1/30 dev x0
	in_t ip link set x0 up
	in_t ip addr add $local/32 dev lo
	in_t ip route add $remote/32 dev lo
	in_t ping -c 1 -W 1 -I x0 169.254.10.2 || true
	in_t "$record" sa >"acq-$kernel.bin"
	x policy delete $any dir out if_id 0x65
	x policy flush
	x state add src 2001:db8::1 dst 2001:db8::2 proto esp spi 0x7 mode tunnel \
		aead "$name" $gcm if_id 0x66 mark 5 mask 0xff
	x state flush
}
sleep 1
kill $recorder
