#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The real daemon on this host's kernel, in namespaces of its own: frames in, exact bytes out (gateway.py).
set -euo pipefail
cd "$(dirname "$0")/../.."
exec unshare --net --mount --propagation private env BUILD="${BUILD:-build}" /usr/bin/python3 tests/netns/gateway.py
