#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Packets that are handed to other CPUs: which, by what, and that nobody else notices (cores.py).
set -euo pipefail
cd "$(dirname "$0")/../.."
exec unshare --net --mount --propagation private env BUILD="${BUILD:-build}" /usr/bin/python3 tests/netns/cores.py "$@"
