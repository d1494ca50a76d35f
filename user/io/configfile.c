/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../core/rules.h"
#include "../wire/config.h"
#include "configfile.h"

static const struct mark whole_file;

const char *configfile_name(const char *path)
{
	return strcmp(path, "-") == 0 ? "<stdin>" : path;
}

/* Reads to the end or until `size` bytes are full. Bytes read, or -errno. */
static ssize_t read_all(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n = 1;

	while (len < size && n > 0) {
		n = read(fd, buf + len, size - len);
		if (n > 0)
			len += n;
		else if (n < 0 && errno == EINTR)
			n = 1;
	}
	return n < 0 ? -errno : (ssize_t)len;
}

static ssize_t read_file(const char *path, char *buf, size_t size)
{
	ssize_t len;
	int fd;

	if (strcmp(path, "-") == 0)
		return read_all(STDIN_FILENO, buf, size);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = read_all(fd, buf, size);
	close(fd);
	return len;
}

/* What only this host can say. */
struct host_check {
	const char *secrets; /* directory */
	int directory;	     /* its descriptor, or -errno */
	struct findings *findings;
};

static int check_device(const char *device, struct mark mark, void *context)
{
	struct host_check *check = context;

	if (if_nametoindex(device) == 0)
		findings_add(check->findings, SEVERITY_ERROR, mark,
			     "device %s does not exist on this host", device);
	return 0;
}

/* Root's alone. */
static bool is_private(const struct stat *st)
{
	return st->st_uid == 0 && !(st->st_mode & 077);
}

static int check_secret(const char *name, struct mark mark, void *context)
{
	const struct host_check *check = context;
	const char *path = check->secrets;
	struct findings *f = check->findings;
	struct stat st;

	if (check->directory < 0)
		findings_add(f, SEVERITY_ERROR, mark, "secret file %s/%s: directory %s: %s [D16]",
			     path, name, path, strerror(-check->directory));
	else if (fstatat(check->directory, name, &st, 0) < 0)
		findings_add(f, SEVERITY_ERROR, mark, "secret file %s/%s: %s [D16]", path, name,
			     strerror(errno));
	else if (!S_ISREG(st.st_mode))
		findings_add(f, SEVERITY_ERROR, mark,
			     "secret file %s/%s is not a regular file [D16]", path, name);
	else if (!is_private(&st))
		findings_add(f, SEVERITY_ERROR, mark,
			     "secret file %s/%s is not root's alone (owner %u, mode %04o): "
			     "chown root and chmod 600 it [D16]",
			     path, name, (unsigned)st.st_uid, (unsigned)st.st_mode & 07777);
	else if (st.st_size == 0)
		findings_add(f, SEVERITY_ERROR, mark, "secret file %s/%s is empty [D16]", path,
			     name);
	return 0;
}

void configfile_check_secrets(const struct config *c, struct findings *f)
{
	struct host_check check = { .secrets = c->gateway.secrets, .findings = f };

	if (!check.secrets)
		return;
	check.directory = open(check.secrets, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (check.directory < 0)
		check.directory = -errno;
	config_each_secret(c, check_secret, &check);
	if (check.directory >= 0)
		close(check.directory);
}

/* What the file says, without the end of its line. */
static void strip_newline(const char *text, size_t *len)
{
	if (*len && text[*len - 1] == '\n')
		--*len;
	if (*len && text[*len - 1] == '\r')
		--*len;
}

static int open_secret(const char *directory, const char *name)
{
	int dir = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC), fd;

	if (dir < 0)
		return -errno;
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	fd = fd < 0 ? -errno : fd;
	close(dir);
	return fd;
}

int configfile_read_secret(const struct config *c, const char *name, char text[SECRET_MAX],
			   size_t *len)
{
	int fd = open_secret(c->gateway.secrets, name);
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		n = -errno;
	else if (!S_ISREG(st.st_mode) || !is_private(&st))
		n = -EPERM;
	else
		n = st.st_size > SECRET_MAX ? -EFBIG : read_all(fd, text, SECRET_MAX);
	close(fd);
	if (n < 0)
		return (int)n;
	*len = (size_t)n;
	strip_newline(text, len);
	return *len ? 0 : -ENODATA;
}

/* Also done when there are errors already, to name all at once. */
static void host_check(const struct config *c, struct findings *f)
{
	struct host_check check = { .findings = f };

	config_each_device(c, check_device, &check);
	configfile_check_secrets(c, f);
}

int configfile_judge(const char *name, const char *text, size_t len, bool check_host,
		     configfile_prepare_fn prepare, const void *context, struct config *out,
		     struct findings *f)
{
	struct config c = { 0 };
	int err = config_parse(name, text, len, &c, f);

	/* Values may be wrong: then rules and host still add their findings. */
	if (c.file && (err == 0 || err == -EINVAL)) {
		if (prepare)
			prepare(&c, context);
		rules_check(&c, f);
		if (check_host)
			host_check(&c, f);
	}
	findings_sort(f);
	if (f->out_of_memory)
		err = -ENOMEM;
	else if (!err && findings_errors(f))
		err = -EINVAL;
	if (err)
		config_free(&c);
	else
		*out = c;
	return err;
}

int configfile_read(const char *path, char **text, size_t *len, struct findings *f)
{
	char *buf = malloc(CONFIG_FILE_MAX + 1);
	ssize_t n;

	if (!buf)
		return -ENOMEM;
	n = read_file(path, buf, CONFIG_FILE_MAX + 1);
	if (n < 0)
		findings_add(f, SEVERITY_ERROR, whole_file, "%s", strerror((int)-n));
	else if (n > CONFIG_FILE_MAX)
		findings_add(f, SEVERITY_ERROR, whole_file, "longer than %d bytes",
			     CONFIG_FILE_MAX);
	if (n < 0 || n > CONFIG_FILE_MAX) {
		free(buf);
		return -EINVAL;
	}
	buf[n] = '\0';
	*text = buf;
	*len = (size_t)n;
	return 0;
}

int configfile_load(const char *path, bool check_host, struct config *out, struct findings *f)
{
	size_t len;
	char *text;
	int err = configfile_read(path, &text, &len, f);

	if (err)
		return err;
	err = configfile_judge(configfile_name(path), text, len, check_host, NULL, NULL, out, f);
	free(text);
	return err;
}

void configfile_print_findings(FILE *stream, const char *path, const struct findings *f)
{
	const char *name = configfile_name(path);

	for (size_t i = 0; i < f->count; i++) {
		const struct finding *finding = &f->list[i];
		const char *severity = finding->severity == SEVERITY_ERROR ? "error" : "warning";

		if (finding->mark.line)
			fprintf(stream, "%s:%u:%u: %s: %s\n", name, finding->mark.line,
				finding->mark.column, severity, finding->text);
		else
			fprintf(stream, "%s: %s: %s\n", name, severity, finding->text);
	}
	if (f->out_of_memory)
		fprintf(stream, "%s: error: out of memory, not all errors are listed\n", name);
}
