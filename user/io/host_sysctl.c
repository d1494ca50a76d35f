/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sysctls. The value that one had before we first changed it is kept in STATE_DIR/sysctls, one
 * "path value" per line, and given back when no plan asks for it any more: a host that did not
 * forward before does not after. The file lies below /run: both forget at boot.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "host_internal.h"

#define PATH_LEN 256

struct former {
	struct host_sysctl *list;
	size_t count, capacity;
};

static const char *state_file(const struct host *h, char buf[PATH_LEN])
{
	snprintf(buf, PATH_LEN, "%s/sysctls", h->state_dir);
	return buf;
}

static int read_sysctl(const char *path, char value[4])
{
	char file[PATH_LEN];
	ssize_t got;
	int fd;

	snprintf(file, sizeof(file), "/proc/sys/%s", path);
	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	got = read(fd, value, 3);
	close(fd);
	if (got < 0)
		return -EIO;
	value[got] = 0;
	value[strcspn(value, "\n")] = 0;
	return 0;
}

static int write_sysctl(const char *path, const char *value)
{
	char file[PATH_LEN];
	int fd, error = 0;

	snprintf(file, sizeof(file), "/proc/sys/%s", path);
	fd = open(file, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		error = -errno;
	close(fd);
	return error;
}

/* Lines that nobody of ours wrote are passed over. */
static int load_former(const struct host *h, struct former *f)
{
	char path[PATH_LEN], line[PATH_LEN];
	FILE *file = fopen(state_file(h, path), "re");
	int error = 0;

	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while (!error && fgets(line, sizeof(line), file)) {
		struct host_sysctl s = { 0 };

		if (sscanf(line, "%71s %3s", s.path, s.value) != 2 || strstr(s.path, ".."))
			continue;
		error = host_grow(&f->list, &f->capacity, f->count, sizeof(*f->list));
		if (!error)
			f->list[f->count++] = s;
	}
	fclose(file);
	return error;
}

static bool recorded(const struct former *f, const char *path)
{
	for (size_t i = 0; i < f->count; i++)
		if (strcmp(f->list[i].path, path) == 0)
			return true;
	return false;
}

static int write_lines(const char *path, const struct former *f)
{
	FILE *file = fopen(path, "we");

	if (!file)
		return -errno;
	for (size_t i = 0; i < f->count; i++)
		fprintf(file, "%s %s\n", f->list[i].path, f->list[i].value);
	return fclose(file) ? -errno : 0;
}

static int store_former(const struct host *h, const struct former *f)
{
	char path[PATH_LEN], draft[PATH_LEN + 4];
	int error;

	state_file(h, path);
	if (f->count == 0)
		return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
	if (mkdir(h->state_dir, 0755) < 0 && errno != EEXIST)
		return -errno;
	snprintf(draft, sizeof(draft), "%s.new", path);
	error = write_lines(draft, f);
	if (error)
		return error;
	return rename(draft, path) < 0 ? -errno : 0;
}

/* Before the change, so that a daemon killed in between leaves too much rather than too little. */
static int remember(struct host *h, struct former *f, const char *path, const char *value)
{
	struct host_sysctl s = { 0 };
	int error;

	if (recorded(f, path))
		return 0;
	error = host_grow(&f->list, &f->capacity, f->count, sizeof(*f->list));
	if (error)
		return error;
	snprintf(s.path, sizeof(s.path), "%s", path);
	snprintf(s.value, sizeof(s.value), "%s", value);
	f->list[f->count++] = s;
	return store_former(h, f);
}

static void apply_sysctl(struct host *h, struct former *f, const struct host_sysctl *want)
{
	char path[PATH_LEN], value[4];
	int error = read_sysctl(want->path, value);

	if (!error && strcmp(value, want->value) == 0)
		return;
	if (host_left_sysctl(h, want))
		host_drifted(h, DRIFT_SYSCTL, DRIFT_DIFFERENT, want, "%s", want->path);
	if (!error) {
		error = remember(h, f, want->path, value);
		if (error)
			host_note(h, error, "cannot keep the former value of %s in %s: %s",
				  want->path, state_file(h, path), strerror(-error));
		error = write_sysctl(want->path, want->value);
	}
	if (error) {
		host_note(h, error, "cannot set /proc/sys/%s to %s: %s", want->path, want->value,
			  strerror(-error));
		host_drift_refused(h, want);
	}
}

static int read_former(struct host *h, struct former *f)
{
	char path[PATH_LEN];
	int error = load_former(h, f);

	if (error)
		host_note(h, error, "cannot read %s: %s", state_file(h, path), strerror(-error));
	return error;
}

/* A device that is missing was said with the links; its sysctls are not worth a second sentence. */
static bool has_device(const struct host *h, const struct host_sysctl *s)
{
	char device[DEVICE_NAME_LEN];

	if (sscanf(s->path, "net/%*[^/]/conf/%15[^/]", device) != 1 || strcmp(device, "all") == 0)
		return true;
	return host_link_known(h, device) != NULL;
}

void host_sysctls_apply(struct host *h, const struct host_plan *want)
{
	struct former f = { 0 };

	if (read_former(h, &f) == 0)
		for (size_t i = 0; i < want->sysctl_count; i++)
			if (has_device(h, &want->sysctls[i]))
				apply_sysctl(h, &f, &want->sysctls[i]);
	free(f.list);
}

static bool wanted(const struct host_plan *want, const char *path)
{
	for (size_t i = 0; want && i < want->sysctl_count; i++)
		if (strcmp(want->sysctls[i].path, path) == 0)
			return true;
	return false;
}

/* True: nothing is left to do. A device that is gone took its sysctls along. */
static bool restore(struct host *h, const struct host_sysctl *s)
{
	int error = write_sysctl(s->path, s->value);

	if (error && error != -ENOENT)
		host_note(h, error, "cannot set /proc/sys/%s back to %s: %s", s->path, s->value,
			  strerror(-error));
	return !error || error == -ENOENT;
}

void host_sysctls_restore(struct host *h, const struct host_plan *want)
{
	struct former f = { 0 };
	size_t kept = 0;
	int error;

	if (read_former(h, &f) == 0) {
		size_t had = f.count;

		for (size_t i = 0; i < had; i++)
			if (wanted(want, f.list[i].path) || !restore(h, &f.list[i]))
				f.list[kept++] = f.list[i];
		f.count = kept;
		error = kept == had ? 0 : store_former(h, &f);
		if (error)
			host_note(h, error, "cannot write in %s: %s", h->state_dir,
				  strerror(-error));
	}
	free(f.list);
}
