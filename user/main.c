/* SPDX-License-Identifier: GPL-2.0-only */
/* espalierd: options, and going to the background. The gateway itself is gateway.c. */
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gateway.h"
#include "version.h"

#define MMAP_THRESHOLD (128 << 10)

#define DEFAULT_CONFIG	    "/etc/espalier/espalier.yaml"
#define DEFAULT_PIN_DIR	    "/sys/fs/bpf/espalier"
#define DEFAULT_RUNTIME_DIR "/run/espalier"
#define DEFAULT_STATE_DIR   "/var/lib/espalier"

static const char usage[] =
	"Usage: espalierd [OPTION]...\n"
	"The controller of an Espalier gateway: follows routes and tunnels, keeps the dataplane "
	"true.\n"
	"\n"
	"  -c, --config FILE     configuration (" DEFAULT_CONFIG ")\n"
	"  -f, --foreground      stay in the foreground, log to stderr\n"
	"      --teardown        at the end remove everything (default: packets keep flowing)\n"
	"      --cleanup         remove what an earlier controller left, and exit\n"
	"  -s, --socket PATH     control socket (" CONTROL_SOCKET ")\n"
	"      --bpffs DIR       where maps and programs are pinned (" DEFAULT_PIN_DIR ")\n"
	"      --state-dir DIR   routes added at run time, what was applied (" DEFAULT_STATE_DIR
	")\n"
	"      --runtime-dir DIR former values of sysctls, until the next boot "
	"(" DEFAULT_RUNTIME_DIR ")\n"
	"      --xfrm-buffer N   bytes of XFRM notifications that may wait (4194304)\n"
	"  -V, --version         print the version and exit\n"
	"  -h, --help            print this and exit\n"
	"\n"
	"Exit status: 0 stopped by a signal, 1 failed, 2 wrong options or configuration.\n";

struct invocation {
	struct gateway_options options;
	bool foreground, cleanup;
};

enum long_only {
	OPTION_TEARDOWN = 256,
	OPTION_CLEANUP,
	OPTION_BPFFS,
	OPTION_STATE_DIR,
	OPTION_RUNTIME_DIR,
	OPTION_XFRM_BUFFER
};

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "foreground", no_argument, NULL, 'f' },
	{ "teardown", no_argument, NULL, OPTION_TEARDOWN },
	{ "cleanup", no_argument, NULL, OPTION_CLEANUP },
	{ "socket", required_argument, NULL, 's' },
	{ "bpffs", required_argument, NULL, OPTION_BPFFS },
	{ "state-dir", required_argument, NULL, OPTION_STATE_DIR },
	{ "runtime-dir", required_argument, NULL, OPTION_RUNTIME_DIR },
	{ "xfrm-buffer", required_argument, NULL, OPTION_XFRM_BUFFER },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int take_xfrm_buffer(const char *text, size_t *out)
{
	char *end;
	unsigned long long bytes = strtoull(text, &end, 10);

	if (*end || end == text || *text == '-' || bytes < XFRM_BUFFER_MIN ||
	    bytes > XFRM_BUFFER_MAX) {
		fprintf(stderr, "espalierd: --xfrm-buffer takes %u to %u bytes, not '%s'\n",
			XFRM_BUFFER_MIN, XFRM_BUFFER_MAX, text);
		return EXIT_CONFIG;
	}
	*out = (size_t)bytes;
	return -1;
}

/* Returns -1 to go on, else the exit status. */
static int take_option(int option, struct invocation *out)
{
	switch (option) {
	case 'c':
		out->options.config = optarg;
		return -1;
	case 'f':
		out->foreground = true;
		return -1;
	case OPTION_TEARDOWN:
		out->options.teardown = true;
		return -1;
	case OPTION_CLEANUP:
		out->cleanup = true;
		return -1;
	case 's':
		out->options.socket = optarg;
		return -1;
	case OPTION_BPFFS:
		out->options.pin_dir = optarg;
		return -1;
	case OPTION_STATE_DIR:
		out->options.state_dir = optarg;
		return -1;
	case OPTION_RUNTIME_DIR:
		out->options.runtime_dir = optarg;
		return -1;
	case OPTION_XFRM_BUFFER:
		return take_xfrm_buffer(optarg, &out->options.xfrm_buffer);
	case 'V':
		puts("espalierd " VERSION);
		return EXIT_SUCCESS;
	case 'h':
		fputs(usage, stdout);
		return EXIT_SUCCESS;
	default:
		fputs("Try espalierd --help\n", stderr);
		return EXIT_CONFIG;
	}
}

static int take_options(int argc, char **argv, struct invocation *out)
{
	int option, status = -1;

	while (status < 0) {
		option = getopt_long(argc, argv, "c:fs:Vh", long_options, NULL);
		if (option < 0)
			break;
		status = take_option(option, out);
	}
	if (status < 0 && optind < argc) {
		fprintf(stderr, "espalierd: unexpected argument '%s'\n", argv[optind]);
		return EXIT_CONFIG;
	}
	return status;
}

/* ---- in the background: the caller returns when the gateway forwards, or with its failure ---- */

static void report_ready(void *context)
{
	int pipe_end = *(int *)context;
	int null = open("/dev/null", O_RDWR);

	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		close(null);
	}
	if (write(pipe_end, "", 1) != 1)
		return; /* the parent is gone: nobody to tell */
	close(pipe_end);
}

static int wait_until_ready(pid_t child, int pipe_end)
{
	char byte;
	int status;

	if (read(pipe_end, &byte, 1) == 1)
		return EXIT_SUCCESS;
	if (waitpid(child, &status, 0) == child && WIFEXITED(status))
		return WEXITSTATUS(status);
	return EXIT_FAILURE;
}

static int run_in_background(const struct gateway_options *options)
{
	struct gateway_options child_options = *options;
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) || (child = fork()) < 0) {
		perror("espalierd: cannot go to the background");
		return EXIT_FAILURE;
	}
	if (child) {
		close(ends[1]);
		return wait_until_ready(child, ends[0]);
	}
	close(ends[0]);
	setsid();
	child_options.ready = report_ready;
	child_options.ready_context = &ends[1];
	return gateway_run(&child_options);
}

int main(int argc, char **argv)
{
	struct invocation call = {
		.options = {
			.config = DEFAULT_CONFIG,
			.socket = CONTROL_SOCKET,
			.pin_dir = DEFAULT_PIN_DIR,
			.runtime_dir = DEFAULT_RUNTIME_DIR,
			.state_dir = DEFAULT_STATE_DIR,
			.xfrm_buffer = XFRM_BUFFER_DEFAULT,
		},
	};
	int status = take_options(argc, argv, &call);

	if (status >= 0)
		return status;
	/* For good: glibc would raise it with the first large block that is freed, and keep those
	 * that follow. */
	mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
	if (call.cleanup)
		return gateway_cleanup(&call.options);
	if (call.foreground)
		return gateway_run(&call.options);
	return run_in_background(&call.options);
}
