/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>
#include "xfrm_stat.h"

static const struct {
	const char *name, *help;
} known[] = {
	{ "XfrmInError", "in: dropped for a reason that has no counter of its own" },
	{ "XfrmInBufferError", "in: no memory" },
	{ "XfrmInHdrError", "in: broken ESP or IP header" },
	{ "XfrmInNoStates",
	  "in: no SA with that SPI (late packets of an old SA, or a stranger's)" },
	{ "XfrmInStateProtoError", "in: not authentic, or not to be decrypted (wrong key?)" },
	{ "XfrmInStateModeError", "in: transport mode met tunnel mode" },
	{ "XfrmInStateSeqError", "in: replayed, or older than the replay window (reordering?)" },
	{ "XfrmInStateExpired", "in: the SA has expired" },
	{ "XfrmInStateMismatch", "in: the SA is not for such packets (NAT-T on one side only?)" },
	{ "XfrmInStateInvalid", "in: the SA is not complete yet, or going" },
	{ "XfrmInStateDirError", "in: came in by an outbound SA" },
	{ "XfrmInTmplMismatch", "in: the SA is not the one that the policy asks for" },
	{ "XfrmInNoPols", "in: decrypted, and no policy lets it in (selectors, if_id)" },
	{ "XfrmInPolBlock", "in: a policy forbids it" },
	{ "XfrmInPolError", "in: the policy is broken" },
	{ "XfrmInIptfsError", "in: broken IP-TFS payload" },
	{ "XfrmFwdHdrError", "forwarded: broken header" },
	{ "XfrmOutError", "out: dropped for a reason that has no counter of its own" },
	{ "XfrmOutBundleGenError", "out: no way to combine policy and SA" },
	{ "XfrmOutBundleCheckError", "out: the combination of policy and SA is stale" },
	{ "XfrmOutNoStates", "out: a policy asks for an SA, and there is none (tunnel down)" },
	{ "XfrmOutStateProtoError", "out: the SA cannot encrypt it" },
	{ "XfrmOutStateModeError", "out: larger than fits into the tunnel, or the wrong mode" },
	{ "XfrmOutStateSeqError", "out: the SA's sequence numbers are used up (no rekey came)" },
	{ "XfrmOutStateExpired", "out: the SA has expired" },
	{ "XfrmOutStateInvalid", "out: the SA is not complete yet, or going" },
	{ "XfrmOutStateDirError", "out: went out by an inbound SA" },
	{ "XfrmOutPolBlock", "out: a policy forbids it" },
	{ "XfrmOutPolDead", "out: the policy was just removed" },
	{ "XfrmOutPolError", "out: the policy is broken" },
	{ "XfrmOutNoQueueSpace", "out: the IP-TFS queue is full" },
	{ "XfrmAcquireError", "out: nobody negotiates the SA that a packet waits for" },
};

const char *xfrm_stat_help(const char *name)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(known[i].name, name))
			return known[i].help;
	return "a counter of this kernel that espalier does not know";
}

uint64_t xfrm_stat_growth(const struct xfrm_stat_list *was, const struct xfrm_stat *now)
{
	for (size_t i = 0; i < was->count; i++)
		if (!strcmp(was->list[i].name, now->name))
			return now->packets > was->list[i].packets
				       ? now->packets - was->list[i].packets
				       : 0;
	return 0;
}

int xfrm_stat_culprit(const uint64_t *errors, size_t count, uint64_t packets)
{
	int culprit = -1;

	for (size_t i = 0; i < count; i++) {
		if (!errors[i])
			continue;
		if (culprit >= 0)
			return -1;
		culprit = (int)i;
	}
	return culprit >= 0 && errors[culprit] >= packets ? culprit : -1;
}

bool xfrm_stat_is_output(const char *name)
{
	return !strncmp(name, "XfrmOut", strlen("XfrmOut"));
}
