#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What of bgp.sh takes longer: a storm of 200 flaps, every loss, and another storm on what they left.

set -euo pipefail
ESPALIER_FLAPS=${ESPALIER_FLAPS:-200} exec "$(dirname "${BASH_SOURCE[0]}")/bgp.sh" storm losses storm
