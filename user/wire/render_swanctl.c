/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * strongSwan: one IKE connection with one CHILD_SA for each tunnel, named after it.
 *
 * The gateway initiates, and goes on trying for ever; the data centre answers. One side alone
 * starts and restarts, or a pair of SAs could be negotiated from both at once and then be kept
 * twice.
 */
#include <stdio.h>
#include <string.h>
#include "render_internal.h"

#define IKE_PROPOSALS RENDER_IKE_PROPOSALS_1 ", " RENDER_IKE_PROPOSALS_2
#define ESP_PROPOSALS RENDER_ESP_PROPOSALS_1 ", " RENDER_ESP_PROPOSALS_2

static const char preamble[] =
	"# For swanctl.conf(5), written by `espalier render swanctl`. What every tunnel below "
	"has:\n"
	"#\n"
	"#   version, encap     IKEv2; NAT is detected, and traversed by UDP port 4500 [D16]\n"
	"#   mobike             off: it would move a tunnel to the other tunnel's addresses, where "
	"the\n"
	"#                      data centre's policies are not, and the tunnel stays dead [D16]\n"
	"#   proposals          AES-GCM first, then AES-CBC with SHA-256 [D16]\n"
	"#   dpd_delay          a dead data centre is found within 45 s (with the retransmissions "
	"of\n"
	"#                      " RENDER_CHARON_FILE "); where BGP is spoken BFD knows earlier "
	"[D16]\n"
	"#   keyingtries        without end: a gateway has nothing better to do\n"
	"#   unique             no: only INITIAL_CONTACT replaces an IKE SA; `replace` would make "
	"two\n"
	"#                      ends that initiate at once replace each other for ever\n"
	"#   reauth_time        never: IKE SAs are rekeyed, which no packet notices\n"
	"#   local_ts, ...      destination mode: routes decide, not selectors [S51]\n"
	"#   if_id_in, if_id_out  what identifies the tunnel to espalierd and to its device [D3]\n"
	"#   start_action, ...  up by itself, and up again after any loss. Nothing leaves in "
	"plaintext\n"
	"#                      meanwhile, without any trap policy: espalierd's rules see to that\n"
	"#   replay_window      for a data centre that spreads packets over several processors\n";

const char *render_section(const struct config_tunnel *t, char buf[NAME_MAX_LEN + 8])
{
	snprintf(buf, NAME_MAX_LEN + 8, "%s", t->name);
	for (char *dot = strchr(buf, '.'); dot; dot = strchr(dot, '.'))
		*dot = '+';
	return buf;
}

bool render_is_word(const char *text)
{
	return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-@") ==
	       strlen(text);
}

bool render_negotiates(const struct config_tunnel *t)
{
	return t->local_address.family && t->remote_address.family;
}

static void ike_settings(const struct render_end *end, struct text *out)
{
	char local[PREFIX_STRLEN], remote[PREFIX_STRLEN];

	address_format(end->local, local);
	address_format(end->remote, remote);
	text_add(out, "\t\tversion = 2\n"
		      "\t\tencap = no\n"
		      "\t\tmobike = no\n");
	text_add(out, "\t\tlocal_addrs = %s\n\t\tremote_addrs = %s\n", local, remote);
	text_add(out, "\t\tproposals = " IKE_PROPOSALS "\n"
		      "\t\tdpd_delay = 10s\n"
		      "\t\tkeyingtries = 0\n"
		      "\t\tunique = no\n"
		      "\t\treauth_time = 0\n"
		      "\t\trekey_time = 4h\n");
	text_add(out, "\t\tlocal {\n\t\t\tauth = psk\n\t\t\tid = %s\n\t\t}\n", local);
	text_add(out, "\t\tremote {\n\t\t\tauth = psk\n\t\t\tid = %s\n\t\t}\n", remote);
}

void render_tunnel(const struct config_tunnel *t, const struct render_end *end, struct text *out)
{
	char section[NAME_MAX_LEN + 8];

	render_section(t, section);
	text_add(out, "\t%s {\n", section);
	ike_settings(end, out);
	text_add(out, "\t\tchildren {\n\t\t\t%s {\n", section);
	text_add(out, "\t\t\t\tmode = tunnel\n"
		      "\t\t\t\tlocal_ts = 0.0.0.0/0, ::/0\n"
		      "\t\t\t\tremote_ts = 0.0.0.0/0, ::/0\n");
	text_add(out, "\t\t\t\tif_id_in = %u\n\t\t\t\tif_id_out = %u\n", end->if_id, end->if_id);
	text_add(out, "\t\t\t\tesp_proposals = " ESP_PROPOSALS "\n"
		      "\t\t\t\treplay_window = 1024\n");
	text_add(out, "%s%s", end->child_times, end->actions);
	text_add(out, "\t\t\t}\n\t\t}\n\t}\n");
}

static void gateway_tunnel(const struct config_connection *c, size_t index, struct text *out)
{
	const struct config_tunnel *t = &c->tunnels[index];
	const struct render_end end = {
		.local = &t->local_address,
		.remote = &t->remote_address,
		.if_id = t->if_id,
		.child_times = "\t\t\t\trekey_time = 1h\n\t\t\t\tlife_time = 66m\n",
		.actions = "\t\t\t\tstart_action = start\n"
			   "\t\t\t\tclose_action = start\n"
			   "\t\t\t\tdpd_action = restart\n",
	};

	text_add(out, "\n\t# connection %s, tunnel %zu of %zu\n", c->name, index + 1,
		 c->tunnel_count);
	if (render_negotiates(t))
		render_tunnel(t, &end, out);
	else
		text_add(out,
			 "\t# %s: device %s was adopted and has no addresses here: whoever "
			 "made it negotiates\n",
			 t->name, t->device);
}

void render_swanctl(const struct config *c, const char *secrets, struct text *out)
{
	text_add(out, "%s\nconnections {\n", preamble);
	for (size_t i = 0; i < c->connection_count; i++)
		for (size_t k = 0; k < c->connections[i].tunnel_count; k++)
			gateway_tunnel(&c->connections[i], k, out);
	text_add(out, "}\n\n");
	text_add(
		out,
		"# The pre-shared keys [D16], in a file that root alone can read. What writes it:\n"
		"#    espalier render swanctl --output DIR\n"
		"include \"%s\"\n",
		secrets);
}

/* Addresses that charon must not use: the VPCs' and the lines'. */
static void ignored_interfaces(const struct config *c, struct text *out)
{
	const char *separator = "\t# IKE does not come from or through these.\n"
				"\tinterfaces_ignore = ";

	for (size_t i = 0; i < c->attachment_count; i++) {
		const struct config_attachment *a = &c->attachments[i];
		bool again = false;

		for (size_t k = 0; k < i && a->device && !again; k++)
			again = c->attachments[k].device &&
				!strcmp(c->attachments[k].device, a->device);
		if (!a->device || again || !render_is_word(a->device))
			continue;
		text_add(out, "%s%s", separator, a->device);
		separator = ", ";
	}
	if (*separator == ',')
		text_add(out, "\n");
}

void render_charon(const struct config *c, struct text *out)
{
	text_add(out,
		 "# For strongswan.conf(5), written by `espalier render`.\n"
		 "charon {\n"
		 "\t# Routes are espalierd's and the routing daemon's. charon's own, in table 220, "
		 "would\n"
		 "\t# lead everything into the tunnels [S51].\n"
		 "\tinstall_routes = no\n"
		 "\tinstall_virtual_ip = no\n");
	if (c)
		ignored_interfaces(c, out);
	text_add(out,
		 "\t# A peer that is gone is given up after 33 s instead of 165 s, with dpd_delay "
		 "45 s in all.\n"
		 "\tretransmit_timeout = 2.0\n"
		 "\tretransmit_base = 1.4\n"
		 "\tretransmit_tries = 5\n"
		 "\t# Should the data centre reauthenticate: without a gap. Default since "
		 "strongSwan 6.0.\n"
		 "\tmake_before_break = yes\n"
		 "\tplugins {\n"
		 "\t\t# Would exempt every connected prefix, the VPCs' included, from IPsec.\n"
		 "\t\tbypass-lan {\n"
		 "\t\t\tload = no\n"
		 "\t\t}\n"
		 "\t\tkernel-netlink {\n"
		 "\t\t\t# Each route that BGP brings would be a reason to look for better "
		 "addresses.\n"
		 "\t\t\troam_events = no\n"
		 "\t\t}\n"
		 "\t}\n"
		 "}\n");
}

static const struct render_secret *find_secret(const struct render_secret *secrets, size_t count,
					       const char *name)
{
	for (size_t i = 0; name && i < count; i++)
		if (!strcmp(secrets[i].name, name))
			return &secrets[i];
	return NULL;
}

static void add_secret(const struct config_tunnel *t, const struct render_secret *secret,
		       struct text *out)
{
	char section[NAME_MAX_LEN + 8], local[PREFIX_STRLEN], remote[PREFIX_STRLEN];

	if (!secret || !render_negotiates(t))
		return;
	text_add(out, "\tike-%s {\n\t\tid-local = %s\n\t\tid-remote = %s\n\t\tsecret = ",
		 render_section(t, section), address_format(&t->local_address, local),
		 address_format(&t->remote_address, remote));
	/* Whatever is in the file: in quotes some of it would mean something to the parser. */
	text_add_base64(out, secret->value, secret->len);
	text_add(out, "\n\t}\n");
}

void render_secrets(const struct config *c, const struct render_secret *secrets, size_t count,
		    struct text *out)
{
	text_add(out, "# Pre-shared keys [D16], written by `espalier render swanctl --output`.\n"
		      "secrets {\n");
	for (size_t i = 0; i < c->connection_count; i++)
		for (size_t k = 0; k < c->connections[i].tunnel_count; k++) {
			const struct config_tunnel *t = &c->connections[i].tunnels[k];

			add_secret(t, find_secret(secrets, count, t->psk), out);
		}
	text_add(out, "}\n");
}
