#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Tunnels that are drained, and gates on the way back, under a stream (drain.py).
set -euo pipefail
cd "$(dirname "$0")/../.."
exec unshare --net --mount --propagation private env BUILD="${BUILD:-build}" /usr/bin/python3 tests/netns/drain.py "$@"
