/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The index: what the tries say, in a few steps of INDEX_BITS bits (include/dataplane.h). A line, a
 * segment or a root that is not there means INDEX_ASK; so whatever the controller is doing, or was
 * doing when it died, the caller gets an answer from the trie.
 */
#ifndef ESPALIER_INDEX_H
#define ESPALIER_INDEX_H

#include "maps.h"

/* The bits that are set. */
static __always_inline __u32 population(__u64 x)
{
	x -= x >> 1 & 0x5555555555555555ULL;
	x = (x & 0x3333333333333333ULL) + (x >> 2 & 0x3333333333333333ULL);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return x * 0x0101010101010101ULL >> 56;
}

static __always_inline __u32 index_word(void *lines, __u32 line, __u32 word)
{
	const struct index_line *l = bpf_map_lookup_elem(lines, &line);

	return l ? *(const volatile __u32 *)&l->words[word % INDEX_LINE_WORDS] : INDEX_ASK;
}

/* The cell of a slot of a node. */
static __always_inline __u32 index_cell(__u32 node, __u32 slot)
{
	__u32 segment = node / INDEX_SEGMENT_LINES, line = node % INDEX_SEGMENT_LINES, place;
	void *lines = bpf_map_lookup_elem(&index_segments, &segment);
	const struct index_head *head;
	__u32 quarter = slot / 64 % 4;

	if (!lines)
		return INDEX_ASK;
	head = bpf_map_lookup_elem(lines, &line);
	if (!head)
		return INDEX_ASK;
	place = head->place[quarter] + population(head->starts[quarter] << (63 - slot % 64));
	return index_word(lines, line + place / INDEX_LINE_WORDS, place);
}

static __always_inline __u32 index_wide_cell(__u32 node, __u32 slot)
{
	__u32 segment = node / INDEX_SEGMENT_LINES;
	void *lines = bpf_map_lookup_elem(&index_segments, &segment);

	return lines ? index_word(lines, slot / INDEX_LINE_WORDS, slot) : INDEX_ASK;
}

/* From a cell on, by so many of the most significant bits of `address`, until there is a leaf. */
static __always_inline __u32 index_walk(__u32 cell, __u64 address, int bits)
{
#pragma unroll
	for (int i = 0; i < bits / INDEX_BITS; i++) {
		if (!(cell & INDEX_CHILD))
			break;
		cell = index_cell(cell & INDEX_NODE, address >> (64 - INDEX_BITS));
		address <<= INDEX_BITS;
	}
	return cell;
}

/* The leaf for an address, of which `high` are the first 64 bits, or INDEX_ASK. */
static __always_inline __u32 index_leaf(__u32 table, bool v6, __u64 high, __u64 low)
{
	__u32 number = INDEX_ROOT(table, v6), cell;
	const __u64 *root = bpf_map_lookup_elem(&index_roots, &number);

	if (!root)
		return INDEX_ASK;
	cell = *(const volatile __u64 *)root;
	if (cell & INDEX_WIDE)
		cell = index_wide_cell(cell & INDEX_NODE, high >> (64 - INDEX_WIDE_BITS));
	else
		cell = index_walk(cell, high, INDEX_WIDE_BITS);
	high <<= INDEX_WIDE_BITS;
	cell = index_walk(cell, high, (v6 ? 64 : 32) - INDEX_WIDE_BITS);
	if (v6)
		cell = index_walk(cell, low, 64);
	return cell & INDEX_CHILD ? INDEX_ASK : cell;
}

#endif
