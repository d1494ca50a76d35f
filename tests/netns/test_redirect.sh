#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# What XDP sends from attachment to attachment, and whom the daemon lets it send to (redirect.py).
set -euo pipefail
cd "$(dirname "$0")/../.."
exec unshare --net --mount --propagation private env BUILD="${BUILD:-build}" /usr/bin/python3 tests/netns/redirect.py "$@"
