/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For cppcheck alone (--include): uthash and utlist in a form that it can follow. The real ones
 * make it believe that loop variables are never set.
 */
#define DL_FOREACH(head, el) for ((el) = (head); (el); (el) = (el)->next)
#define DL_FOREACH_SAFE(head, el, tmp) \
	for ((el) = (head); (el) && ((tmp) = (el)->next, 1); (el) = (tmp))
#define LL_FOREACH_SAFE(head, el, tmp) \
	for ((el) = (head); (el) && ((tmp) = (el)->next, 1); (el) = (tmp))
#define HASH_ITER(hh, head, el, tmp) \
	for ((el) = (head); (el) && ((tmp) = (el)->hh.next, 1); (el) = (tmp))
#define HASH_FIND(hh, head, key, len, out)   ((out) = (head))
#define mnl_attr_for_each(attr, nlh, offset) for ((attr) = (void *)(nlh); (attr);)
