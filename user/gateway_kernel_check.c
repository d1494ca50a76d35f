/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is the kernel's copy of the routes what it must be? A million routes are seconds of reading, so
 * a child of the daemon looks: it has everything as it was when it was made, for the price of its
 * page tables, reads the kernel through a socket of its own, and says yes or no by its exit status.
 * What it finds different is then compared, told and repaired by the daemon itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gateway_audit.h"
#include "gateway_kernel.h"

#define NICE	  10 /* the daemon comes first, and packets before both */
#define PUT_OFF	  10 /* audits in a row */
#define SLICES	  4  /* of routes that are late: no more, for others wait */
#define DIFFERENT 1
#define UNKNOWN	  2

static int look(const struct gateway *g)
{
	const struct host_options options = { .state_dir = g->options->runtime_dir };
	struct host_plan plan;
	struct host *h;
	const char *why;
	int differ;

	if (host_plan_build(&g->rib, &g->fib, &g->slow.told, &plan) ||
	    host_open(&options, &h, &why))
		return UNKNOWN;
	differ = host_routes_differ(h, &plan);
	return differ < 0 ? UNKNOWN : differ ? DIFFERENT : 0;
}

/* What changed meanwhile may look different and not be. */
static int on_exit_of_child(sd_event_source *source, const siginfo_t *info, void *data)
{
	struct gateway *g = data;
	struct kernel *k = g->kernel;
	bool equal = info->si_code == CLD_EXITED && info->si_status == 0;

	(void)source;
	k->child = sd_event_source_disable_unref(k->child);
	if (equal)
		k->put_off = 0;
	else if (g->slow.changes == k->changes)
		k->put_off = PUT_OFF;
	else
		k->put_off++;
	audit_kernel_checked(g, k->put_off >= PUT_OFF);
	if (k->put_off >= PUT_OFF)
		k->put_off = 0;
	return 0;
}

bool kernel_checking(const struct gateway *g)
{
	return g->kernel->child;
}

/* Of the daemon's sockets the child keeps none: of one that was killed, none must look as if it
 * were still listening, and of one that goes on, none must hold a port that it has left. */
static pid_t fork_without_files(void)
{
	int ends[2];
	pid_t child;
	char byte;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	child = fork();
	if (!child) {
		close_range(STDERR_FILENO + 1, ~0u, 0);
		return child;
	}
	close(ends[1]);
	while (read(ends[0], &byte, 1) < 0 && errno == EINTR)
		; /* until the child has closed the other end, with all else */
	close(ends[0]);
	return child;
}

bool kernel_check(struct gateway *g)
{
	struct kernel *k = g->kernel;
	pid_t child;

	if (k->child || !g->slow.known)
		return true;
	/* Before it has caught up, the kernel does differ. */
	if (!kernel_catch_up(g, SLICES))
		return ++k->put_off < PUT_OFF;
	k->changes = g->slow.changes;
	child = fork_without_files();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setpriority(PRIO_PROCESS, 0, NICE);
		_exit(look(g));
	}
	if (child < 0)
		return false;
	return sd_event_add_child(g->event, &k->child, child, WEXITED, on_exit_of_child, g) >= 0;
}
