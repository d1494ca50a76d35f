/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by fib.c and fib_compile.c. */
#ifndef ESPALIER_FIB_INTERNAL_H
#define ESPALIER_FIB_INTERNAL_H

#include "fib.h"

int fib_ops_add(struct fib_ops *ops, const struct fib_op *op);

#endif
