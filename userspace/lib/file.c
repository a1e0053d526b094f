// SPDX-License-Identifier: Apache-2.0
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ecswitch/cleanup.h>
#include "file.h"

/* One name: of random ones nobody would know which a crash has left. */
static int beside(const char *path, char temp[PATH_MAX])
{
	return snprintf(temp, PATH_MAX, "%s.ecswitch-new", path) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int write_whole(int fd, const char *text)
{
	size_t len = strlen(text);

	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return fsync(fd) < 0 ? -errno : 0;
}

int ecs_file_replace(const char *path, const char *text, mode_t mode, struct ecs_err *err)
{
	ECS_CLOSE int fd = -1;
	char temp[PATH_MAX];
	int r = beside(path, temp);

	if (r == 0) {
		unlink(temp);
		/* O_EXCL: a link that somebody puts there would lead elsewhere. */
		fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		r = fd < 0 ? -errno : 0;
	}
	if (r < 0)
		return ecs_fail(err, r, "cannot write beside %s: %s", path, strerror(-r));
	r = fchmod(fd, mode) < 0 ? -errno : write_whole(fd, text);
	if (r == 0 && rename(temp, path) < 0)
		r = -errno;
	if (r == 0)
		return 0;
	unlink(temp);
	return ecs_fail(err, r, "cannot write %s: %s; the old file is unchanged", path,
			strerror(-r));
}

int ecs_file_remove(const char *path, struct ecs_err *err)
{
	char temp[PATH_MAX];

	if (beside(path, temp) == 0)
		unlink(temp);
	if (unlink(path) < 0 && errno != ENOENT)
		return ecs_fail(err, -errno, "cannot remove %s: %s", path, strerror(errno));
	return 0;
}
