#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The updown script of a gateway without Espalier, as charon calls it: it keeps the kernel's multipath route equal to the
# tunnels that are up. What bench-loss.sh measures Espalier beside.

case ${PLUTO_VERB:-} in
up-client) mkdir -p /run/updown && touch "/run/updown/$PLUTO_IF_ID_OUT" ;;
down-client) rm -f "/run/updown/$PLUTO_IF_ID_OUT" ;;
*) exit 0 ;;
esac

hops=
for id in /run/updown/*; do
	[ ! -e "$id" ] || hops="$hops nexthop dev x$((${id##*/} - 101))"
done
if [ -n "$hops" ]; then
	# shellcheck disable=SC2086 # a hop is several words
	exec ip route replace 10.50.0.0/16 table 1001 $hops
fi
exec ip route del 10.50.0.0/16 table 1001
