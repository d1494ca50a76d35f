#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# What somebody takes away from a running gateway, in namespaces of its own: found, repaired, counted once (audit.py).
set -euo pipefail
cd "$(dirname "$0")/../.."
exec unshare --net --mount --propagation private env BUILD="${BUILD:-build}" /usr/bin/python3 tests/netns/audit.py
