// SPDX-License-Identifier: Apache-2.0
/* Reads and writes settings of the network namespace. Called when a plan is applied. */
#include "sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ecswitch/cleanup.h>

static int setting_open(const char *name, int flags)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int ecs_sysctl_read(const char *name, char **text)
{
	ECS_CLOSE int fd = setting_open(name, O_RDONLY);
	FILE *in = fd < 0 ? NULL : fdopen(fd, "r");
	size_t size = 0;
	char *line = NULL;
	ssize_t len;

	if (!in)
		return fd < 0 ? fd : -errno;
	fd = -1; /* the stream's now */
	len = getline(&line, &size, in);
	if (len < 0 && ferror(in)) {
		free(line);
		fclose(in);
		return -EIO;
	}
	fclose(in);
	if (len < 0) { /* an empty setting */
		free(line);
		line = strdup("");
	} else {
		line[strcspn(line, "\n")] = '\0';
	}
	if (!line)
		return -ENOMEM;
	*text = line;
	return 0;
}

int ecs_sysctl_write(const char *name, const char *text)
{
	ECS_CLOSE int fd = setting_open(name, O_WRONLY);

	if (fd < 0)
		return fd;
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}
