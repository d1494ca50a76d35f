#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The real FRR on this host, from the VM tier's root file system (frr.py).
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$(vm/rootfs --path)
[ -x "$root/usr/lib/frr/zebra" ] || { echo "not ok frr: no root file system with FRR at $root: vm/rootfs makes one"; exit 1; }
exec unshare --net --mount --pid --fork --kill-child --mount-proc --propagation private env BUILD="${BUILD:-build}" \
	/usr/bin/python3 tests/netns/frr.py "$root" "$@"
