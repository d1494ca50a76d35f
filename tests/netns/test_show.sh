#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# What is shown of SAs and drops, and whether a preview tells what then happens (show.py).
set -euo pipefail
cd "$(dirname "$0")/../.."
exec unshare --net --mount --propagation private env BUILD="${BUILD:-build}" /usr/bin/python3 tests/netns/show.py
