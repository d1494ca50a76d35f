/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ESPALIER_VERSION_H
#define ESPALIER_VERSION_H

#define VERSION "0.1.0"

#endif
