#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Routes by FRR's FPM stream, as a scripted zebra says them (fpm.py).
set -euo pipefail
cd "$(dirname "$0")/../.."
exec unshare --net --mount --propagation private env BUILD="${BUILD:-build}" /usr/bin/python3 tests/netns/fpm.py "$@"
