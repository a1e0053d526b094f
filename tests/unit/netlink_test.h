/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the netlink tests share: private network namespaces, commands run in them, and a record
 * of what a watch called back. Included once by each test program.
 */
#ifndef ECSWITCH_TESTS_NETLINK_TEST_H
#define ECSWITCH_TESTS_NETLINK_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <net/if.h>
#include "netlink/link.h"
#include "netlink/watch.h"

#define DEADLINE_MS 5000
#define SEEN_MAX 4096

enum seen_what {
	SAW_LINK,
	SAW_GONE,
	SAW_ADDR,
	SAW_ROUTE,
	SAW_TC_LOST,
	SAW_FORWARDING,
	SAW_OVERRUN
};

struct seen_event {
	enum seen_what what;
	struct ecs_link link; /* SAW_GONE and SAW_TC_LOST: only its ifindex */
};

/* One test's world: an empty namespace that the test stands in, and one beside it. */
struct world {
	int here, there; /* descriptors of the namespaces */
	struct ecs_nl *nl;
	struct ecs_watch *watch;
	struct seen_event seen[SEEN_MAX];
	size_t seen_len;
};

static struct world world;

static void record(enum seen_what what, const struct ecs_link *link, uint32_t ifindex)
{
	struct seen_event *event;

	if (world.seen_len == SEEN_MAX)
		return;
	event = &world.seen[world.seen_len++];
	event->what = what;
	event->link = link ? *link : (struct ecs_link){.ifindex = ifindex};
}

static void on_link(const struct ecs_link *link, void *ctx)
{
	record(SAW_LINK, link, 0);
}

static void on_gone(uint32_t ifindex, void *ctx)
{
	record(SAW_GONE, NULL, ifindex);
}

static void on_addr(void *ctx)
{
	record(SAW_ADDR, NULL, 0);
}

static void on_route(void *ctx)
{
	record(SAW_ROUTE, NULL, 0);
}

static void on_forwarding_off(uint32_t ifindex, int family, void *ctx)
{
	record(SAW_FORWARDING, NULL, ifindex);
}

static void on_tc_lost(uint32_t ifindex, void *ctx)
{
	record(SAW_TC_LOST, NULL, ifindex);
}

static void on_overrun(void *ctx)
{
	record(SAW_OVERRUN, NULL, 0);
}

static const struct ecs_watch_ops watch_ops = {
	.link_changed = on_link,
	.link_gone = on_gone,
	.addr_changed = on_addr,
	.route_changed = on_route,
	.forwarding_off = on_forwarding_off,
	.tc_lost = on_tc_lost,
	.overrun = on_overrun,
};

/* Runs a command in the test's namespace; it must succeed. %s of "there" names the other one. */
__attribute__((format(printf, 1, 2), unused)) static void run(const char *fmt, ...)
{
	char command[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	if (system(command) != 0)
		fail_msg("command failed: %s", command);
}

/* Path of a namespace for `ip link set … netns` and `nsenter --net=`. */
__attribute__((unused)) static const char *path_of(int netns)
{
	static char paths[2][64];
	char *path = paths[netns == world.there];

	snprintf(path, sizeof(paths[0]), "/proc/%d/fd/%d", getpid(), netns);
	return path;
}

static int world_leave(void **state)
{
	ecs_watch_close(world.watch);
	ecs_nl_close(world.nl);
	close(world.here);
	close(world.there);
	memset(&world, 0, sizeof(world));
	return 0;
}

static int world_enter(void **state)
{
	world.here = -1;
	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	world.there = open("/proc/self/ns/net", O_RDONLY);
	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	world.here = open("/proc/self/ns/net", O_RDONLY);
	return ecs_nl_open(&world.nl, NULL);
}

/* Starts to watch; changes made through world.nl are the test's own. */
__attribute__((unused)) static void watch_open(int rcvbuf_bytes)
{
	struct ecs_err err = {0};

	if (ecs_watch_open(&world.watch, &watch_ops, NULL, rcvbuf_bytes, &err) < 0)
		fail_msg("%s", err.text);
	ecs_watch_own(world.watch, world.nl);
}

/*
 * Dispatches all that was sent until now. The kernel queues a notification before the request
 * that causes it returns; work that it does later (a carrier change) is awaited by wait_for().
 */
__attribute__((unused)) static void settle(void)
{
	struct pollfd poller = {.fd = ecs_watch_fd(world.watch), .events = POLLIN};

	while (poll(&poller, 1, 0) > 0)
		assert_int_equal(ecs_watch_dispatch(world.watch, NULL), 0);
}

__attribute__((unused)) static void forget(void)
{
	settle();
	world.seen_len = 0;
}

__attribute__((unused)) static size_t count(enum seen_what what, uint32_t ifindex)
{
	size_t n = 0;

	for (size_t i = 0; i < world.seen_len; i++)
		n += world.seen[i].what == what && world.seen[i].link.ifindex == ifindex;
	return n;
}

__attribute__((unused)) static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Dispatches until an event of a link is there that @match accepts (NULL: any). */
__attribute__((unused)) static const struct ecs_link *
wait_for(enum seen_what what, uint32_t ifindex, bool (*match)(const struct ecs_link *link))
{
	struct pollfd poller = {.fd = ecs_watch_fd(world.watch), .events = POLLIN};
	double end = now_s() + DEADLINE_MS / 1000.0;
	size_t i = 0;

	for (;;) {
		for (; i < world.seen_len; i++) {
			const struct seen_event *event = &world.seen[i];

			if (event->what == what && event->link.ifindex == ifindex &&
			    (!match || match(&event->link)))
				return &event->link;
		}
		if (now_s() > end)
			fail_msg("no event %d of link %u within %d ms", what, ifindex, DEADLINE_MS);
		poll(&poller, 1, 100);
		assert_int_equal(ecs_watch_dispatch(world.watch, NULL), 0);
	}
}

__attribute__((unused)) static uint32_t index_of(const char *name)
{
	uint32_t ifindex = if_nametoindex(name);

	if (!ifindex)
		fail_msg("there is no link %s", name);
	return ifindex;
}

__attribute__((unused)) static struct ecs_link link_of(const char *name)
{
	struct ecs_link link;
	struct ecs_err err = {0};

	if (ecs_link_get(world.nl, index_of(name), &link, &err) < 0)
		fail_msg("%s", err.text);
	return link;
}

/* Whether the tests can run; says why not. */
static bool privileged(void)
{
	if (unshare(CLONE_NEWNET) == 0)
		return true;
	printf("1..0 # SKIP no network namespace of our own: %s (run as root)\n", strerror(errno));
	return false;
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_enter, world_leave)

#endif
