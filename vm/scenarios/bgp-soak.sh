#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What of bgp.sh takes longer: a storm of 40 flaps, every loss, and another storm on what they left. A flap takes half a minute
# here and a second on a host, where make soak has 300. ESPALIER_FLAPS=N for another number.

set -euo pipefail
ESPALIER_FLAPS=${ESPALIER_FLAPS:-40} exec "$(dirname "${BASH_SOURCE[0]}")/bgp.sh" storm losses storm
