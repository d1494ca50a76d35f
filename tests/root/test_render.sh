#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Real FRR, BIRD and strongSwan with what is rendered for them (render.py). They are those of the virtual machine's root
# file system, which is built if it is missing; nothing is booted.
set -euo pipefail
cd "$(dirname "$0")/../.."
ESPALIER_ROOT=$(vm/rootfs)
export ESPALIER_ROOT BUILD="${BUILD:-build}"
# Held while it is in use, so that vm/rootfs does not remove it.
exec 8<"$ESPALIER_ROOT"
flock -s 8
# The shell stays as the first process of its namespace: it reaps what daemons leave.
# shellcheck disable=SC2016 # expanded by the inner shell
exec unshare --net --mount --pid --fork --kill-child=KILL --propagation private \
	bash -c 'mount -t proc proc /proc; mount -t tmpfs -o mode=0755 run /run; /usr/bin/python3 tests/root/render.py; exit $?'
