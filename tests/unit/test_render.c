/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is rendered for the programs beside the gateway: whole texts against the files in
 * tests/unit/golden (a text that differs is left in /tmp, to be compared and, if it is right, to be
 * copied there), and what must hold for every text.
 */
#include <sys/socket.h>
#include <unistd.h>
#include "checked.h"
#include "wire/render.h"
#include "wire/render_peer.h"

#define DATA   "tests/unit/data/"
#define GOLDEN "tests/unit/golden/"

typedef void render_fn(const struct config *c, struct text *out);

static void swanctl(const struct config *c, struct text *out)
{
	render_swanctl(c, "/etc/swanctl/espalier.secrets", out);
}

/* Of the first connection. */
static const struct prefix announced[] = { { { AF_INET, { 10, 50 } }, 16 },
					   { { AF_INET6, { 0xfd, 0, 0, 0x50 } }, 48 } };

static struct render_peer first(const struct config *c)
{
	return (struct render_peer){ c, 0, announced, 2 };
}

static void peer_swanctl(const struct config *c, struct text *out)
{
	struct render_peer p = first(c);

	render_peer_swanctl(&p, out);
}

static void peer_interfaces(const struct config *c, struct text *out)
{
	struct render_peer p = first(c);

	render_peer_interfaces(&p, out);
}

static void peer_frr(const struct config *c, struct text *out)
{
	struct render_peer p = first(c);

	render_peer_frr(&p, out);
}

static void peer_daemons(const struct config *c, struct text *out)
{
	struct render_peer p = first(c);

	render_peer_daemons(&p, out);
}

static void sheet(const struct config *c, struct text *out)
{
	struct render_peer p = first(c);

	render_peer_sheet(&p, out);
}

static void peer_charon(const struct config *c, struct text *out)
{
	(void)c;
	render_charon(NULL, out);
}

/* Texts of the whole gateway. */
static render_fn *const renderers[] = {
	swanctl,     render_charon, render_frr, render_frr_daemons, render_bird,  peer_swanctl,
	peer_charon, peer_frr,	    sheet,	peer_interfaces,    peer_daemons,
};

#define RENDERERS (sizeof(renderers) / sizeof(*renderers))

static const struct {
	const char *config, *golden;
	render_fn *render;
} files[] = {
	{ "design.yaml", "design.swanctl", swanctl },
	{ "design.yaml", "design.charon", render_charon },
	{ "everything.yaml", "everything.swanctl", swanctl },
	{ "design.yaml", "design.frr", render_frr },
	{ "design.yaml", "design.daemons", render_frr_daemons },
	{ "everything.yaml", "everything.daemons", render_frr_daemons },
	{ "everything.yaml", "everything.frr", render_frr },
	{ "design.yaml", "design.bird", render_bird },
	{ "everything.yaml", "everything.bird", render_bird },
	{ "design.yaml", "design.peer.swanctl", peer_swanctl },
	{ "design.yaml", "design.peer.charon", peer_charon },
	{ "design.yaml", "design.peer.interfaces", peer_interfaces },
	{ "design.yaml", "design.peer.frr", peer_frr },
	{ "design.yaml", "design.peer.daemons", peer_daemons },
	{ "design.yaml", "design.sheet", sheet },
	{ "everything.yaml", "everything.peer.frr", peer_frr },
	{ "everything.yaml", "everything.sheet", sheet },
	{ "static.yaml", "static.peer.interfaces", peer_interfaces },
	{ "static.yaml", "static.sheet", sheet },
};

static struct checked checked_file(const char *name)
{
	char path[128], *text;
	struct checked k;

	snprintf(path, sizeof(path), DATA "%s", name);
	text = read_whole(path, NULL);
	k = check_text(text);
	free(text);
	assert_int_equal(findings_errors(&k.findings), 0);
	return k;
}

static void keep(const char *name, const struct text *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "/tmp/%s", name);
	file = fopen(path, "w");
	if (!file)
		return; /* the difference is said all the same */
	fwrite(text->data, 1, text->len, file);
	fclose(file);
}

static void a_text_is_not_what_was_reviewed(void **state)
{
	bool same = true;

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		struct checked k = checked_file(files[i].config);
		struct text text = { 0 };
		char path[128], *want;

		files[i].render(&k.config, &text);
		assert_false(text.failed);
		snprintf(path, sizeof(path), GOLDEN "%s", files[i].golden);
		want = access(path, R_OK) ? strdup("") : read_whole(path, NULL);
		if (strcmp(text.data, want)) {
			keep(files[i].golden, &text);
			print_error("%s: see /tmp/%s\n", path, files[i].golden);
			same = false;
		}
		free(want);
		text_free(&text);
		checked_free(&k);
	}
	assert_true(same);
}

static void the_same_configuration_gives_another_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < RENDERERS; i++) {
		struct checked one = checked_file("everything.yaml");
		struct checked two = checked_file("everything.yaml");
		struct text a = { 0 }, b = { 0 };

		renderers[i](&one.config, &a);
		renderers[i](&two.config, &b);
		assert_string_equal(a.data, b.data);
		text_free(&a);
		text_free(&b);
		checked_free(&one);
		checked_free(&two);
	}
}

/* As many tunnels as the dataplane has room for, two to a connection. */
#define CONNECTIONS 500

static void many_connections(struct text *t)
{
	text_add(t, "customer_gateways:\n"
		    "  dc: { addresses: [203.0.113.1, 203.0.113.2], asn: 65001 }\n"
		    "connections:\n");
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		text_add(t, "  c%u:\n    customer_gateway: dc\n    bgp: {}\n    tunnels:\n", i);
		for (unsigned k = 0; k < 2; k++)
			text_add(t,
				 "      - { if_id: %u, local_address: 198.51.%u.%u, "
				 "remote_address: 203.0.113.%u, psk: key-%u-%u, "
				 "inside: 169.254.%u.%u/30, bgp_address: 169.254.%u.%u }\n",
				 2 * i + k + 1, i / 250, i % 250 + 1, k + 1, i, k, 10 + i / 32,
				 i % 32 * 8 + 4 * k, 10 + i / 32, i % 32 * 8 + 4 * k + 1);
	}
}

static unsigned times(const struct text *text, const char *line)
{
	unsigned n = 0;

	for (const char *at = strstr(text->data, line); at; at = strstr(at + 1, line))
		n++;
	return n;
}

/* The two hosts of a /30, from either [S58]. */
static void a_session_is_with_ourselves(void **state)
{
	static const char *const hosts[][2] = { { "169.254.10.1", "169.254.10.2" },
						{ "169.254.10.2", "169.254.10.1" },
						{ "169.254.10.253", "169.254.10.254" },
						{ "169.254.10.6", "169.254.10.5" } };

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
		struct config_tunnel t = { 0 };
		char text[PREFIX_STRLEN];
		struct address peer;

		assert_int_equal(address_parse(hosts[i][0], &t.bgp_address), 0);
		peer = tunnel_peer_address(&t);
		assert_string_equal(address_format(&peer, text), hosts[i][1]);
	}
}

/* Outside of VRFs FRR has one instance, and reads tables up to 65535. */
static void what_frr_cannot_do_is_rendered(void **state)
{
	struct text yaml = { 0 };
	struct findings f = { 0 };
	struct checked k;

	(void)state;
	many_connections(&yaml);
	k = check_bytes(yaml.data, yaml.len);
	k.config.connections[3].vrf = false;
	k.config.connections[3].kernel_table = 65535;
	render_frr_refuses(&k.config, &f);
	assert_int_equal(f.count, 0);
	k.config.connections[3].kernel_table = 65536;
	k.config.connections[7].vrf = false;
	render_frr_refuses(&k.config, &f);
	assert_int_equal(f.count, 2);
	assert_non_null(strstr(f.list[0].text, "table: 65536"));
	assert_non_null(strstr(f.list[1].text, "'c7' is the second"));
	findings_free(&f);
	text_free(&yaml);
	checked_free(&k);
}

/* What stands between `before` and the end of its line, the n-th time; "": there are not so many.
 */
static void after(const struct text *text, const char *before, unsigned n, char value[64])
{
	const char *at = strstr(text->data, before);

	while (at && n--)
		at = strstr(at + 1, before);
	at = at ? at + strlen(before) : "";
	snprintf(value, 64, "%.*s", (int)strcspn(at, "\n"), at);
}

/* The n-th value of one key of one end is that of the other key of the other end. */
static void mirrored(const struct text *one, const char *key, const struct text *other,
		     const char *other_key)
{
	for (unsigned n = 0; n < 2; n++) {
		char a[64], b[64];

		after(one, key, n, a);
		assert_string_not_equal(a, "");
		after(other, other_key, n, b);
		assert_string_equal(a, b);
	}
}

static void the_ends_do_not_fit(void **state)
{
	struct checked k = checked_file("design.yaml");
	struct text ours = { 0 }, theirs = { 0 }, frr = { 0 }, peer = { 0 };

	(void)state;
	swanctl(&k.config, &ours);
	peer_swanctl(&k.config, &theirs);
	mirrored(&ours, "\tlocal_addrs = ", &theirs, "\tremote_addrs = ");
	mirrored(&ours, "\tremote_addrs = ", &theirs, "\tlocal_addrs = ");
	mirrored(&ours, "\tproposals = ", &theirs, "\tproposals = ");
	mirrored(&ours, "\tesp_proposals = ", &theirs, "\tesp_proposals = ");
	render_frr(&k.config, &frr);
	peer_frr(&k.config, &peer);
	assert_non_null(strstr(frr.data, "router bgp 45104 vrf"));
	assert_int_equal(times(&peer, " remote-as 45104\n"), 2);
	assert_non_null(strstr(peer.data, "router bgp 65001\n"));
	assert_int_equal(times(&frr, " remote-as 65001\n"), 2);
	assert_int_equal(times(&frr, "neighbor 169.254.11.2 update-source 169.254.11.1\n"), 1);
	assert_int_equal(times(&peer, "neighbor 169.254.11.1 update-source 169.254.11.2\n"), 1);
	text_free(&ours);
	text_free(&theirs);
	text_free(&frr);
	text_free(&peer);
	checked_free(&k);
}

/* Tunnels that somebody else negotiates have no addresses to tell. */
static void a_peer_without_addresses_is_rendered(void **state)
{
	struct checked k = checked_file("everything.yaml");
	struct render_peer p = { .config = &k.config, .connection = 1 };
	struct findings f = { 0 };

	(void)state;
	render_peer_refuses(&p, &f);
	assert_int_equal(f.count, 1);
	assert_non_null(strstr(f.list[0].text, "'dc-2-1'"));
	p.connection = 0;
	render_peer_refuses(&p, &f);
	assert_int_equal(f.count, 1);
	findings_free(&f);
	checked_free(&k);
}

/* BIRD's strings end at a quote. */
static void a_quote_in_a_device_name_ends_a_string(void **state)
{
	struct checked k = checked_file("everything.yaml");
	struct findings f = { 0 };

	(void)state;
	render_bird_refuses(&k.config, &f);
	assert_int_equal(f.count, 0);
	strcpy(k.config.connections[0].tunnels[1].device, "a\"b");
	render_bird_refuses(&k.config, &f);
	assert_int_equal(f.count, 1);
	findings_free(&f);
	checked_free(&k);
}

static void a_tunnel_is_left_out(void **state)
{
	struct text yaml = { 0 }, swan = { 0 }, frr = { 0 }, bird = { 0 };
	char line[64];
	struct checked k;

	(void)state;
	many_connections(&yaml);
	k = check_bytes(yaml.data, yaml.len);
	if (findings_errors(&k.findings))
		fail_msg("%s", findings_text(&k.findings));
	render_swanctl(&k.config, "x", &swan);
	render_frr(&k.config, &frr);
	render_bird(&k.config, &bird);
	for (unsigned i = 0; i < CONNECTIONS; i++)
		for (unsigned t = 1; t <= 2; t++) {
			snprintf(line, sizeof(line), "\n\tc%u-%u {\n", i, t);
			assert_int_equal(times(&swan, line), 1);
			snprintf(line, sizeof(line), " description tunnel c%u-%u, xfrm%u\n", i, t,
				 2 * i + t);
			assert_int_equal(times(&frr, line), 1);
			snprintf(line, sizeof(line), "\nprotocol bgp 'c%u-%u' {\n", i, t);
			assert_int_equal(times(&bird, line), 1);
		}
	text_free(&yaml);
	text_free(&swan);
	text_free(&frr);
	text_free(&bird);
	checked_free(&k);
}

/* strongSwan ends a section's name at a dot. */
static void a_dot_in_a_name_makes_another_section(void **state)
{
	struct checked k = checked_file("design.yaml");
	struct text text = { 0 };

	(void)state;
	strcpy(k.config.connections[0].tunnels[0].name, "dc.1-1");
	render_swanctl(&k.config, "x", &text);
	assert_non_null(strstr(text.data, "\n\tdc+1-1 {\n"));
	assert_null(strstr(text.data, "dc.1-1 {"));
	text_free(&text);
	checked_free(&k);
}

/* The kernel allows device names that would end a value, or a section. */
static void a_device_name_is_obeyed(void **state)
{
	struct checked k = checked_file("design.yaml");
	struct text text = { 0 };

	(void)state;
	strcpy(k.config.attachments[0].device, "a}b");
	render_charon(&k.config, &text);
	assert_null(strstr(text.data, "a}b"));
	text_free(&text);
	checked_free(&k);
}

static void a_secret_goes_astray(void **state)
{
	static const struct render_secret secrets[] = { { "dc-1-a", "Ma", 2 },
							{ "other", "nobody's", 8 },
							{ "dc-1-b", "\"\n} #", 5 } };
	struct checked k = checked_file("design.yaml");
	struct text text = { 0 };

	(void)state;
	render_secrets(&k.config, secrets, 3, &text);
	assert_non_null(strstr(text.data, "\tike-dc-1-1 {\n"
					  "\t\tid-local = 198.51.100.1\n"
					  "\t\tid-remote = 203.0.113.10\n"
					  "\t\tsecret = 0sTWE=\n\t}\n"
					  "\tike-dc-1-2 {\n"
					  "\t\tid-local = 198.51.100.2\n"
					  "\t\tid-remote = 203.0.113.11\n"
					  "\t\tsecret = 0sIgp9ICM=\n\t}\n"));
	assert_null(strstr(text.data, "bm9ib2R5J3M="));
	text_free(&text);
	checked_free(&k);
}

static void base64_is_wrong_at_its_end(void **state)
{
	static const char *const want[] = {
		"0s", "0sZg==", "0sZm8=", "0sZm9v", "0sZm9vYg==", "0sZm9vYmE=", "0sZm9vYmFy"
	}; /* RFC 4648, 10 */

	(void)state;
	for (size_t n = 0; n < sizeof(want) / sizeof(*want); n++) {
		struct text text = { 0 };

		text_add_base64(&text, "foobar", n);
		assert_string_equal(text.data, want[n]);
		text_free(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_is_not_what_was_reviewed),
		cmocka_unit_test(the_same_configuration_gives_another_text),
		cmocka_unit_test(a_tunnel_is_left_out),
		cmocka_unit_test(a_session_is_with_ourselves),
		cmocka_unit_test(what_frr_cannot_do_is_rendered),
		cmocka_unit_test(the_ends_do_not_fit),
		cmocka_unit_test(a_peer_without_addresses_is_rendered),
		cmocka_unit_test(a_quote_in_a_device_name_ends_a_string),
		cmocka_unit_test(a_dot_in_a_name_makes_another_section),
		cmocka_unit_test(a_device_name_is_obeyed),
		cmocka_unit_test(a_secret_goes_astray),
		cmocka_unit_test(base64_is_wrong_at_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
