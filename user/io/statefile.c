/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "statefile.h"

static int open_directory(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* The new content, on the disk before it has the name. A file of that name, which somebody else may
 * hold open or read, is not written to. */
static int write_temporary(int dir, const char *temporary, mode_t mode, const char *data,
			   size_t len)
{
	int fd, err;

	if (unlinkat(dir, temporary, 0) && errno != ENOENT)
		return -errno;
	fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return -errno;
	err = write_all(fd, data, len);
	if (!err && fsync(fd))
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	if (err)
		unlinkat(dir, temporary, 0);
	return err;
}

int statefile_write_mode(const char *dir, const char *name, mode_t mode, const char *data,
			 size_t len)
{
	char temporary[NAME_MAX + 1];
	int fd, err;

	if (len > STATE_FILE_MAX)
		return -EFBIG;
	if (mkdir(dir, 0700) && errno != EEXIST)
		return -errno;
	fd = open_directory(dir);
	if (fd < 0)
		return fd;
	snprintf(temporary, sizeof(temporary), "%s.new", name);
	err = write_temporary(fd, temporary, mode, data, len);
	if (!err && renameat(fd, temporary, fd, name))
		err = -errno;
	if (!err && fsync(fd))
		err = -errno;
	close(fd);
	return err;
}

int statefile_write(const char *dir, const char *name, const char *data, size_t len)
{
	return statefile_write_mode(dir, name, 0600, data, len);
}

static int read_all(int fd, size_t size, char **data, size_t *len)
{
	char *text = malloc(size + 1);
	size_t got = 0;
	ssize_t n = 1;

	if (!text)
		return -ENOMEM;
	while (got < size && n) {
		n = read(fd, text + got, size - got);
		if (n < 0 && errno != EINTR) {
			free(text);
			return -errno;
		}
		got += n > 0 ? (size_t)n : 0;
	}
	text[got] = '\0';
	*data = text;
	*len = got;
	return 0;
}

int statefile_read(const char *dir, const char *name, char **data, size_t *len)
{
	int directory = open_directory(dir), fd, err;
	struct stat st;

	if (directory < 0)
		return directory;
	fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	err = fd < 0 ? -errno : 0;
	close(directory);
	if (err)
		return err;
	if (fstat(fd, &st))
		err = -errno;
	else if (st.st_size > STATE_FILE_MAX)
		err = -EFBIG;
	else
		err = read_all(fd, (size_t)st.st_size, data, len);
	close(fd);
	return err;
}

int statefile_remove(const char *dir, const char *name)
{
	int fd = open_directory(dir), err = 0;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (unlinkat(fd, name, 0) && errno != ENOENT)
		err = -errno;
	close(fd);
	return err;
}

int statefile_set_aside(const char *dir, const char *name)
{
	int fd = open_directory(dir), err = 0;
	char bad[NAME_MAX + 1];

	if (fd < 0)
		return fd;
	snprintf(bad, sizeof(bad), "%s.bad", name);
	if (renameat(fd, name, fd, bad))
		err = -errno;
	close(fd);
	return err;
}
