/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for ecswitchd: a socket in a folder of its own that says what a test wants said.
 */
#ifndef ECSWITCH_FAKE_DAEMON_H
#define ECSWITCH_FAKE_DAEMON_H

#include "unit.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct fake_daemon {
	char dir[64];
	char path[108];
	int listener; /* open as long as clients should find somebody */
	pid_t child;
};

/** fake_daemon_listen - accepts connections into its backlog, and says nothing. */
static inline void fake_daemon_listen(struct fake_daemon *fake, int backlog)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	*fake = (struct fake_daemon){.dir = "/tmp/ecs-unit-XXXXXX", .child = -1};
	assert_non_null(mkdtemp(fake->dir));
	snprintf(fake->path, sizeof(fake->path), "%s/main.sock", fake->dir);
	memcpy(addr.sun_path, fake->path, sizeof(addr.sun_path));
	fake->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fake->listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fake->listener, backlog), 0);
	setenv("ECSWITCH_RUNDIR", fake->dir, 1);
}

/* Reads one line, of any length. */
static inline void fake_daemon_read_line(int fd)
{
	char c;

	while (read(fd, &c, 1) == 1 && c != '\n')
		;
}

/**
 * fake_daemon_answer - in a child: for each connection read a line, send @answer, and close
 * @piecewise: a byte at a time
 */
static inline void fake_daemon_answer(struct fake_daemon *fake, const char *answer, bool piecewise)
{
	fake_daemon_listen(fake, 5);
	fake->child = fork();
	if (fake->child)
		return;
	alarm(20); /* whatever happens to the test */
	for (;;) {
		int fd = accept(fake->listener, NULL, NULL);
		size_t len = strlen(answer), step = piecewise ? 1 : len;

		fake_daemon_read_line(fd);
		for (size_t i = 0; i < len; i += step)
			if (send(fd, answer + i, step, MSG_NOSIGNAL) < 0)
				break;
		close(fd);
	}
}

static inline void fake_daemon_stop(struct fake_daemon *fake)
{
	if (fake->child > 0) {
		kill(fake->child, SIGKILL);
		waitpid(fake->child, NULL, 0);
	}
	close(fake->listener);
	unlink(fake->path);
	rmdir(fake->dir);
}

#endif
