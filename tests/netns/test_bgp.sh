#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Routes as a routing daemon puts them into the kernel, and where packets go then (bgp.py).
set -euo pipefail
cd "$(dirname "$0")/../.."
exec unshare --net --mount --propagation private env BUILD="${BUILD:-build}" /usr/bin/python3 tests/netns/bgp.py "$@"
