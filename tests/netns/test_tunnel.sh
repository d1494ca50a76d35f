#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Tunnels that fall, return, come and go (tunnel.py).
set -euo pipefail
cd "$(dirname "$0")/../.."
exec unshare --net --mount --propagation private env BUILD="${BUILD:-build}" /usr/bin/python3 tests/netns/tunnel.py "$@"
