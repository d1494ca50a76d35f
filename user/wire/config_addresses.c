/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Addresses, prefixes and VLANs, alone and in lists. A wrong item of a list does not hide the
 * others.
 */
#include <errno.h>
#include <string.h>
#include "config_decode.h"

static bool read_address(struct decoder *d, const char *key, yaml_node_t *node, struct address *out)
{
	const char *text = scalar_text(d, key, "an address", node);
	char word[QUOTED_LEN];

	if (!text)
		return false;
	if (!address_parse(text, out))
		return true;
	decode_error(d, mark_of(node), "%s: '%s' is not an IPv4 or IPv6 address%s", key,
		     quoted(text, word),
		     strchr(text, '/') ? "; an address is meant here, without a length" : "");
	return false;
}

void decode_address(struct decoder *d, const struct field *f, yaml_node_t *node, void *base)
{
	read_address(d, f->key, node, (struct address *)((char *)base + f->offset));
}

static bool read_prefix(struct decoder *d, const char *key, yaml_node_t *node, struct prefix *out)
{
	const char *text = scalar_text(d, key, "a prefix such as 10.1.0.0/16", node);
	char word[QUOTED_LEN], meant[PREFIX_STRLEN];
	struct prefix masked;
	int err;

	if (!text)
		return false;
	err = prefix_parse(text, out, &masked);
	if (err == -ERANGE)
		decode_error(d, mark_of(node), "%s: %s has host bits set; did you mean %s?", key,
			     quoted(text, word), prefix_format(&masked, meant));
	else if (err)
		decode_error(d, mark_of(node),
			     "%s: '%s' is not a prefix such as 10.1.0.0/16 or 2001:db8::/48", key,
			     quoted(text, word));
	return !err;
}

void decode_prefix(struct decoder *d, const struct field *f, yaml_node_t *node, void *base)
{
	read_prefix(d, f->key, node, (struct prefix *)((char *)base + f->offset));
}

void decode_prefixes(struct decoder *d, const struct field *f, yaml_node_t *node, void *base)
{
	size_t *count = (size_t *)((char *)base + f->count);
	struct config_prefix *array;

	if (!is_list(d, f->key, "a list of prefixes", node))
		return;
	array = new_array(d, f, base, sequence_length(node), sizeof(*array));
	for (size_t i = 0; array && i < sequence_length(node); i++) {
		yaml_node_t *item = sequence_item(d, node, i);

		array[*count].mark = mark_of(item);
		if (read_prefix(d, f->key, item, &array[*count].prefix))
			++*count;
	}
}

/* One value or a list of at most `most`: how many, 0 after a finding. */
static size_t one_or_list(struct decoder *d, const struct field *f, yaml_node_t *node, size_t most)
{
	size_t n;

	if (node->type != YAML_SEQUENCE_NODE)
		return 1;
	if (has_tag(d, f->key, node))
		return 0;
	n = sequence_length(node);
	if (n >= 1 && n <= most)
		return n;
	decode_error(d, mark_of(node), "%s: %zu given, 1 to %zu are allowed%s", f->key, n, most,
		     f->rule ? f->rule : "");
	return 0;
}

static yaml_node_t *one_of(struct decoder *d, yaml_node_t *node, size_t i)
{
	return node->type == YAML_SEQUENCE_NODE ? sequence_item(d, node, i) : node;
}

/* vlan: 100, or [100, 200] (outer, inner). */
void decode_vlans(struct decoder *d, const struct field *f, yaml_node_t *node, void *base)
{
	uint16_t *vlans = (uint16_t *)((char *)base + f->offset);
	size_t n = one_or_list(d, f, node, VLANS_PER_ATTACHMENT);

	for (size_t i = 0; i < n; i++) {
		uint64_t value;

		if (read_number(d, f, one_of(d, node, i), &value))
			vlans[i] = (uint16_t)value;
	}
}

/* One address, or a list of one of each family. */
void decode_next_hops(struct decoder *d, const struct field *f, yaml_node_t *node, void *base)
{
	struct config_attachment *a = base;
	size_t n = one_or_list(d, f, node, 2);

	for (size_t i = 0; i < n; i++) {
		yaml_node_t *item = one_of(d, node, i);
		struct address address, *to;

		if (!read_address(d, f->key, item, &address))
			continue;
		to = address_bits(&address) == 32 ? &a->next_hop_v4 : &a->next_hop_v6;
		if (to->family)
			decode_error(d, mark_of(item), "%s: one address of each family, not two",
				     f->key);
		else
			*to = address;
	}
}

static void add_gateway_address(struct decoder *d, const struct field *f, yaml_node_t *node,
				struct config_customer_gateway *g)
{
	if (!read_address(d, f->key, node, &g->addresses[g->address_count]))
		return;
	g->address_marks[g->address_count++] = mark_of(node);
}

void decode_one_gateway_address(struct decoder *d, const struct field *f, yaml_node_t *node,
				void *base)
{
	add_gateway_address(d, f, node, base);
}

void decode_gateway_addresses(struct decoder *d, const struct field *f, yaml_node_t *node,
			      void *base)
{
	size_t n;

	if (!is_list(d, f->key, "a list of addresses", node))
		return;
	n = one_or_list(d, f, node, TUNNELS_PER_CONNECTION);
	for (size_t i = 0; i < n; i++)
		add_gateway_address(d, f, sequence_item(d, node, i), base);
}
