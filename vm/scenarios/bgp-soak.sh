#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What of bgp.sh takes longer: a storm of 100 flaps, every loss, and another storm on what they left. Some two hours; a
# storm of the default 20 flaps is part of bgp.sh. ESPALIER_FLAPS=N for another number.

set -euo pipefail
ESPALIER_FLAPS=${ESPALIER_FLAPS:-100} exec "$(dirname "${BASH_SOURCE[0]}")/bgp.sh" storm losses storm
