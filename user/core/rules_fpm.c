/* SPDX-License-Identifier: GPL-2.0-only */
/* Where FRR's FPM stream comes in. */
#include <string.h>
#include "rules_internal.h"

/* Letters and signs that useradd(8) takes; Debian's own accounts may begin with '_'. */
static bool is_account(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_.-";
	size_t len = strlen(text);
	uint32_t number;

	if (account_number(text, &number))
		return number != UINT32_MAX; /* (uid_t)-1 is nobody's */
	return len <= ACCOUNT_MAX_LEN && strspn(text, letters) == len && text[0] != '.' &&
	       text[0] != '-';
}

/* Whoever may connect may write routes. */
void rule_fpm(const struct config *c, struct findings *f)
{
	const struct config_fpm *fpm = &c->gateway.fpm;
	char text[PREFIX_STRLEN], word[QUOTED_LEN];

	if (fpm->address.family && !address_is_loopback(&fpm->address))
		findings_add(f, SEVERITY_ERROR, fpm->address_mark,
			     "address: %s is not a loopback address; allowed: 127.0.0.0/8, ::1. "
			     "Whoever connects there may write routes",
			     address_format(&fpm->address, text));
	if (fpm->user && !is_account(fpm->user))
		findings_add(f, SEVERITY_ERROR, fpm->user_mark,
			     "user: '%s' is not an account; allowed: a name of 1 to %d letters, "
			     "digits, '_', '.' or '-', the first a letter, a digit or '_', or a "
			     "user id from 0 to %u",
			     quoted(fpm->user, word), ACCOUNT_MAX_LEN, UINT32_MAX - 1);
	if (fpm->mark.line && !config_has_fpm(c))
		findings_add(f, SEVERITY_WARNING, fpm->mark,
			     "fpm: no connection takes its routes from there; write `bgp: { feed: "
			     "fpm }`");
}
