#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Health checks of tunnels (health.py).
set -euo pipefail
cd "$(dirname "$0")/../.."
exec unshare --net --mount --propagation private env BUILD="${BUILD:-build}" /usr/bin/python3 tests/netns/health.py "$@"
