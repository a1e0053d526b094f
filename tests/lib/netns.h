/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaf helpers of the test tools: end with a message, and act inside a named namespace.
 */
#ifndef ECSWITCH_TESTS_NETNS_H
#define ECSWITCH_TESTS_NETNS_H

#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/**
 * netns_enter - move the calling thread into a network namespace
 * @name: a name under /run/netns, a path, or "@" for the one that the program was started in
 *
 * Ends the program on failure. The first call remembers where the program started.
 */
static inline void netns_enter(const char *name)
{
	static int home = -1;
	char path[PATH_MAX];
	int fd;

	if (home < 0)
		home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0)
		err(1, "/proc/self/ns/net");
	if (!strcmp(name, "@")) {
		fd = dup(home);
	} else {
		snprintf(path, sizeof(path), "%s%s", *name == '/' ? "" : "/run/netns/", name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		err(1, "network namespace %s", name);
	close(fd);
}

#endif
