#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Changing a running gateway: plan, apply, confirm, single routes, export, monitor (apply.py).
set -euo pipefail
cd "$(dirname "$0")/../.."
exec unshare --net --mount --propagation private env BUILD="${BUILD:-build}" /usr/bin/python3 tests/netns/apply.py "$@"
