// SPDX-License-Identifier: Apache-2.0
/*
 * Many TCP connections at once, for tests of NAT.
 *
 *   many serve PORT                echo server; prints "ready"
 *   many echo ADDR PORT N [ROUNDS] opens N connections, keeps all of them open, and has each echo
 *                                  its own words ROUNDS times; prints a JSON object
 *   many half ADDR PORT N          begins N connections and does not wait for any
 *   many rate ADDR PORT SECONDS    connect, one byte each way, close, again; prints how many
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 512
#define GIVE_UP_S 40

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void raise_files(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static struct sockaddr_in address(const char *addr, const char *port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};

	if (inet_pton(AF_INET, addr, &to.sin_addr) != 1)
		errx(1, "no address: %s", addr);
	return to;
}

static void watch(int poll, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = {.events = events, .data.u64 = data};

	if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) < 0)
		err(1, "epoll_ctl");
}

static void serve_one(int fd)
{
	char buf[4096];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0 || write(fd, buf, (size_t)n) != n)
		close(fd);
}

static void serve(const char *port)
{
	struct sockaddr_in at = address("0.0.0.0", port);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
	int poll = epoll_create1(0);
	struct epoll_event events[EVENTS];

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(listener, 8192) < 0)
		err(1, "port %s", port);
	watch(poll, listener, EPOLLIN, (uint64_t)listener);
	puts("ready");
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(poll, events, EVENTS, -1), fd;

		for (int i = 0; i < n; i++) {
			if ((int)events[i].data.u64 != listener) {
				serve_one((int)events[i].data.u64);
				continue;
			}
			while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
				watch(poll, fd, EPOLLIN, (uint64_t)fd);
		}
	}
}

/* One connection of the client. */
struct talk {
	int fd;
	unsigned int round;
	bool open, done, failed;
	uint64_t got[2];
	size_t have;
};

struct client {
	struct talk *talks;
	unsigned int count, rounds;
	unsigned int finished, failed, wrong;
	int poll;
};

static void words_of(uint64_t words[2], unsigned int index, unsigned int round)
{
	words[0] = index * 0x9e3779b97f4a7c15ull;
	words[1] = round;
}

static void end(struct client *client, struct talk *talk, bool failed)
{
	if (talk->done)
		return;
	talk->done = true;
	talk->failed = failed;
	client->failed += failed;
	client->finished++;
}

static void say(struct client *client, unsigned int index)
{
	struct talk *talk = &client->talks[index];
	uint64_t words[2];

	words_of(words, index, talk->round);
	talk->have = 0;
	if (write(talk->fd, words, sizeof(words)) != sizeof(words))
		end(client, talk, true);
}

static void hear(struct client *client, unsigned int index)
{
	struct talk *talk = &client->talks[index];
	uint64_t words[2];
	ssize_t n = read(talk->fd, (char *)talk->got + talk->have, sizeof(words) - talk->have);

	if (n <= 0) {
		if (n == 0 || errno != EAGAIN)
			end(client, talk, true);
		return;
	}
	talk->have += (size_t)n;
	if (talk->have < sizeof(words))
		return;
	words_of(words, index, talk->round);
	client->wrong += memcmp(words, talk->got, sizeof(words)) != 0;
	if (++talk->round == client->rounds)
		end(client, talk, false); /* and stays open */
	else
		say(client, index);
}

static void on_event(struct client *client, const struct epoll_event *event)
{
	unsigned int index = (unsigned int)event->data.u64;
	struct talk *talk = &client->talks[index];

	if (talk->done)
		return;
	if (event->events & (EPOLLERR | EPOLLHUP)) {
		end(client, talk, true);
		return;
	}
	if (!talk->open && (event->events & EPOLLOUT)) {
		struct epoll_event only_in = {.events = EPOLLIN, .data.u64 = index};

		talk->open = true;
		epoll_ctl(client->poll, EPOLL_CTL_MOD, talk->fd, &only_in);
		say(client, index);
	}
	if (event->events & EPOLLIN)
		hear(client, index);
}

static void begin(struct client *client, unsigned int index, const struct sockaddr_in *to)
{
	struct talk *talk = &client->talks[index];

	talk->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (talk->fd < 0)
		err(1, "socket %u", index);
	if (connect(talk->fd, (const struct sockaddr *)to, sizeof(*to)) < 0 && errno != EINPROGRESS)
		end(client, talk, true);
	else
		watch(client->poll, talk->fd, EPOLLIN | EPOLLOUT, index);
}

static void run(struct client *client, double until_s)
{
	struct epoll_event events[EVENTS];

	while (client->finished < client->count && now_s() < until_s) {
		int n = epoll_wait(client->poll, events, EVENTS, 100);

		for (int i = 0; i < n; i++)
			on_event(client, &events[i]);
	}
}

static void drain(struct client *client)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(client->poll, events, EVENTS, 0);

	for (int i = 0; i < n; i++)
		on_event(client, &events[i]);
}

static int echo(const struct sockaddr_in *to, unsigned int count, unsigned int rounds)
{
	struct client client = {.count = count, .rounds = rounds, .poll = epoll_create1(0)};
	double start = now_s();

	client.talks = calloc(count, sizeof(*client.talks));
	for (unsigned int i = 0; i < count; i++) {
		begin(&client, i, to);
		if (i % 64 == 63)
			drain(&client); /* so that the listener's queue does not overflow */
	}
	run(&client, start + GIVE_UP_S);
	printf("{\"connections\": %u, \"echoed\": %u, \"failed\": %u, \"wrong\": %u, "
	       "\"seconds\": %.2f}\n",
	       count, client.finished - client.failed, client.failed + count - client.finished,
	       client.wrong, now_s() - start);
	fflush(stdout);
	return client.finished == count && !client.failed && !client.wrong ? 0 : 1;
}

static int half(const struct sockaddr_in *to, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

		if (fd < 0)
			err(1, "socket %u", i);
		connect(fd, (const struct sockaddr *)to, sizeof(*to));
	}
	return 0;
}

static int rate(const struct sockaddr_in *to, double seconds)
{
	double start = now_s();
	struct linger hard = {.l_onoff = 1};
	unsigned long done = 0;
	char byte = 'x';

	while (now_s() < start + seconds) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0)
			err(1, "connection %lu", done);
		if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1)
			err(1, "byte of connection %lu", done);
		/* A reset leaves no TIME_WAIT, which would end the ports of the client first. */
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
		close(fd);
		done++;
	}
	printf("%.0f\n", done / (now_s() - start));
	return 0;
}

int main(int argc, char *argv[])
{
	struct sockaddr_in to;

	raise_files();
	if (argc == 3 && !strcmp(argv[1], "serve"))
		serve(argv[2]);
	if (argc < 5)
		errx(2, "usage: many serve PORT | echo|half|rate ADDR PORT N [ROUNDS]");
	to = address(argv[2], argv[3]);
	if (!strcmp(argv[1], "half"))
		return half(&to, (unsigned int)atoi(argv[4]));
	if (!strcmp(argv[1], "rate"))
		return rate(&to, atof(argv[4]));
	return echo(&to, (unsigned int)atoi(argv[4]), argc > 5 ? (unsigned int)atoi(argv[5]) : 2);
}
