// SPDX-License-Identifier: Apache-2.0
/*
 * One line a message to stderr. Never blocks: a switch that waits for a terminal somebody
 * stopped with ^S would stop following its links.
 */
#include <config.h>

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "types.h"

#define LINE_BYTES 1024 /* under PIPE_BUF, so that lines of several writers do not mix */

static enum ecs_log_level log_level = ECS_LOG_INFO;
static unsigned long lost;

void ecs_log_set_level(enum ecs_log_level level)
{
	log_level = level;
}

int ecs_log_level_parse(const char *text, enum ecs_log_level *out)
{
	static const char *const names[] = {"error", "warning", "info", "debug"};

	for (int i = 0; i < 4; i++) {
		if (!strcmp(text, names[i])) {
			*out = (enum ecs_log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* Whether stderr is the journal's socket. Source: systemd.exec(5), JOURNAL_STREAM. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

static bool write_line(const char *line, size_t len)
{
	struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
	ssize_t sent = send(STDERR_FILENO, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent >= 0 || errno != ENOTSOCK)
		return sent == (ssize_t)len;
	/* A pipe that polls writable has room for PIPE_BUF bytes. */
	if (poll(&out, 1, 0) != 1 || !(out.revents & POLLOUT))
		return false;
	return write(STDERR_FILENO, line, len) == (ssize_t)len;
}

void ecs_log(enum ecs_log_level level, const char *fmt, ...)
{
	static const int priority[] = {3, 4, 6, 7}; /* sd-daemon(3) */
	static const char *const prefix[] = {"error: ", "warning: ", "", "debug: "};
	char text[LINE_BYTES - 128], before[48] = "", line[LINE_BYTES];
	int saved_errno = errno, len;
	va_list ap;

	if (level > log_level)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ecs_text_clean(text);
	if (lost)
		snprintf(before, sizeof(before), "(%lu lines lost) ", lost);
	if (stderr_is_journal())
		len = snprintf(line, sizeof(line), "<%d>%s%s\n", priority[level], before, text);
	else
		len = snprintf(line, sizeof(line), "%.32s: %s%s%s\n", program_invocation_short_name,
			       prefix[level], before, text);
	if (write_line(line, (size_t)len))
		lost = 0;
	else
		lost++;
	errno = saved_errno;
}
