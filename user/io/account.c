/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <pwd.h>
#include "../core/config.h"
#include "account.h"

#define ENTRY_SIZE 4096 /* name, home, shell … of an account: with it, some 100 bytes */

int account_find(const char *account, uid_t *out)
{
	struct passwd entry, *found = NULL;
	char buf[ENTRY_SIZE];
	uint32_t number;
	int err;

	if (account_number(account, &number)) {
		*out = number;
		return 0;
	}
	do
		err = getpwnam_r(account, &entry, buf, sizeof(buf), &found);
	while (err == EINTR);
	/* Several errors, too, say no more than that there is none (getpwnam_r(3)). */
	if (!found)
		return !err || err == ESRCH || err == EBADF || err == EPERM ? -ENOENT : -err;
	*out = found->pw_uid;
	return 0;
}
