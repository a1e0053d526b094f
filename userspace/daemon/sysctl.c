// SPDX-License-Identifier: Apache-2.0
/* Reads and writes settings of the network namespace. Called when a plan is applied. */
#include "sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ecswitch/cleanup.h>

#define SETTING_MAX (512 * 1024) /* a list of all ports is shorter */

static int setting_open(const char *name, int flags)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* In one go: of a list of ports, the kernel gives the beginning once and then the end of the file.
 */
int ecs_sysctl_read(const char *name, char **text)
{
	ECS_CLOSE int fd = setting_open(name, O_RDONLY);
	ECS_FREE char *line = NULL;
	ssize_t len;

	if (fd < 0)
		return fd;
	line = malloc(SETTING_MAX);
	if (!line)
		return -ENOMEM;
	len = read(fd, line, SETTING_MAX - 1);
	if (len < 0)
		return -errno;
	line[len] = '\0';
	line[strcspn(line, "\n")] = '\0';
	*text = ecs_take(line);
	return 0;
}

/* A long list the kernel takes a page at a time. */
int ecs_sysctl_write(const char *name, const char *text)
{
	ECS_CLOSE int fd = setting_open(name, O_WRONLY);
	size_t left = strlen(text);
	ssize_t len;

	if (fd < 0)
		return fd;
	do {
		len = write(fd, text, left);
		if (len < 0)
			return -errno;
		text += len;
		left -= (size_t)len;
	} while (left && len);
	return left ? -EIO : 0;
}
