// SPDX-License-Identifier: Apache-2.0
/*
 * A steady TCP stream that accounts for every segment. TCP alone would hide a loss by sending
 * again, and what it sends again need not have been lost; so the two ends count.
 *
 *	stream PORT                  receives one connection
 *	stream ADDRESS PORT          sends 3 MB a second until SIGINT or SIGTERM
 *
 * The receiver prints "ready" when it listens, the sender "started" when it is connected. At
 * the end each prints a line of JSON: bytes, and the segments with data that it sent or got.
 */
#include <config.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <arpa/inet.h>
#include <linux/tcp.h>

#include "netns.h"
#include "stopped.h"

#define CHUNK 32768
#define INTERVAL_NS 10000000L

static void report(int fd, unsigned long long bytes, bool sender)
{
	struct tcp_info info = {};
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		err(1, "TCP_INFO");
	printf("{\"bytes\":%llu,\"segments\":%u,\"sent_again\":%u}\n", bytes,
	       sender ? info.tcpi_data_segs_out : info.tcpi_data_segs_in, info.tcpi_total_retrans);
}

static void receive(const char *port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	static char buf[CHUNK];
	unsigned long long bytes = 0;
	ssize_t len;
	int fd;

	if (listener < 0 || bind(listener, (struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(listener, 1))
		err(1, "listen on port %s", port);
	say("ready");
	fd = accept(listener, NULL, NULL);
	if (fd < 0)
		err(1, "accept");
	while ((len = read(fd, buf, sizeof(buf))) > 0)
		bytes += len;
	if (len < 0)
		err(1, "read");
	report(fd, bytes, false);
	close(fd);
}

static void send_until_stopped(int fd, unsigned long long *bytes)
{
	const struct timespec interval = {.tv_nsec = INTERVAL_NS};
	static char buf[CHUNK];
	ssize_t len;

	while (!stopped) {
		len = write(fd, buf, sizeof(buf));
		if (len < 0 && errno != EINTR)
			err(1, "write");
		*bytes += len > 0 ? len : 0;
		nanosleep(&interval, NULL);
	}
}

static void transmit(const char *address, const char *port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unsigned long long bytes = 0;
	char byte;

	if (fd < 0 || inet_pton(AF_INET, address, &addr.sin_addr) != 1 ||
	    connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		err(1, "connect to %s port %s", address, port);
	say("started");
	send_until_stopped(fd, &bytes);
	/* The receiver closes when it has read all: then every segment has arrived. */
	shutdown(fd, SHUT_WR);
	if (read(fd, &byte, 1) != 0)
		err(1, "the receiver ended early");
	report(fd, bytes, true);
}

int main(int argc, char **argv)
{

	stop_on_signals();
	if (argc == 2)
		receive(argv[1]);
	else if (argc == 3)
		transmit(argv[1], argv[2]);
	else
		errx(2, "usage: stream PORT | stream ADDRESS PORT");
	return 0;
}
