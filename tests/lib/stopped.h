/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What test tools share that run until they are told to stop.
 */
#ifndef ECSWITCH_TESTS_STOPPED_H
#define ECSWITCH_TESTS_STOPPED_H

#include <signal.h>
#include <stddef.h>
#include <stdio.h>

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	stopped = 1;
}

/** stop_on_signals - SIGINT and SIGTERM set "stopped"; system calls end with EINTR. */
static inline void stop_on_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/** say - a line that whoever waits for it sees at once. */
static inline void say(const char *text)
{
	puts(text);
	fflush(stdout);
}

#endif
