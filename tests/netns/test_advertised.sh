#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# What data centres are told of the transit router's routes (advertised.py).
set -euo pipefail
cd "$(dirname "$0")/../.."
exec unshare --net --mount --propagation private env BUILD="${BUILD:-build}" /usr/bin/python3 tests/netns/advertised.py "$@"
