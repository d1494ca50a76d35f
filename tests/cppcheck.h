/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For cppcheck alone (--include): macros that loop, in a form that it can follow. The real ones
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
/* jansson's. */
#define json_object_foreach(object, key, value)                      \
	for ((key) = json_object_iter_key(json_object_iter(object)); \
	     (key) && ((value) = json_object_iter_value(json_object_key_to_iter(key)));)
#define json_array_foreach(array, i, value) \
	for ((i) = 0; (i) < json_array_size(array) && ((value) = json_array_get(array, i)); (i)++)
