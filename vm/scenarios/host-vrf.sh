#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What of the controller writes into the kernel, alone and without programs: tests/netns/host_vrf.sh.

set -euo pipefail
exec "$(dirname "${BASH_SOURCE[0]}")/../../tests/netns/host_vrf.sh" "${ESPALIER_BUILD:?}/tests/host_tool"
