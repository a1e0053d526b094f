// SPDX-License-Identifier: Apache-2.0
/*
 * Pings 100 times a second and accounts for every single request: answered once, twice or
 * never, and the longest time without an answer.
 *
 *	pinger ADDRESS [SECONDS]
 *
 * Prints "started" at the first answer. On SIGINT or SIGTERM, or after SECONDS, it sends no
 * more, waits up to a second for what is under way, and prints one line of JSON.
 */
#include <config.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>

#include "netns.h"

#define INTERVAL_NS 10000000LL
#define REQUESTS_MAX 32768 /* 327 seconds; the sequence number has 16 bits */

static volatile sig_atomic_t stopped;

static struct {
	int64_t sent_ns[REQUESTS_MAX];
	uint8_t answers[REQUESTS_MAX];
	int sent, received, duplicates;
	int64_t last_ns, gap_ns, rtt_ns;
} run;

static void on_signal(int sig)
{
	stopped = 1;
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static uint16_t checksum(const void *data, size_t len)
{
	const uint16_t *word = data;
	uint32_t sum = 0;

	for (; len > 1; len -= 2)
		sum += *word++;
	sum = (sum >> 16) + (sum & 0xffff);
	return ~(sum + (sum >> 16));
}

static void send_request(int fd)
{
	struct {
		struct icmphdr icmp;
		uint8_t payload[48];
	} packet = {.icmp = {.type = ICMP_ECHO}};

	packet.icmp.un.echo.id = htons(getpid() & 0xffff);
	packet.icmp.un.echo.sequence = htons(run.sent);
	packet.icmp.checksum = checksum(&packet, sizeof(packet));
	run.sent_ns[run.sent++] = now_ns();
	/* A request that cannot leave is a lost one, and counted as such. */
	if (send(fd, &packet, sizeof(packet), 0) < 0 && run.sent == 1)
		err(1, "send");
}

static void account(unsigned int seq)
{
	int64_t now = now_ns();

	if (seq >= (unsigned int)run.sent)
		return;
	if (run.answers[seq]++) {
		run.duplicates++;
		return;
	}
	if (!run.received++) {
		puts("started");
		fflush(stdout);
	} else if (now - run.last_ns > run.gap_ns) {
		run.gap_ns = now - run.last_ns;
	}
	run.last_ns = now;
	if (now - run.sent_ns[seq] > run.rtt_ns)
		run.rtt_ns = now - run.sent_ns[seq];
}

static void receive(int fd)
{
	uint8_t packet[2048];
	ssize_t len;

	while ((len = recv(fd, packet, sizeof(packet), MSG_DONTWAIT)) > 0) {
		size_t ip_len = (packet[0] & 0xf) * 4;
		const struct icmphdr *icmp = (const void *)(packet + ip_len);

		if ((size_t)len >= ip_len + sizeof(*icmp) && icmp->type == ICMP_ECHOREPLY &&
		    icmp->un.echo.id == htons(getpid() & 0xffff))
			account(ntohs(icmp->un.echo.sequence));
	}
}

/* Receives until @until_ns, or until @all has been answered. */
static void receive_until(int fd, int64_t until_ns, bool all)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	int64_t left;

	while ((left = until_ns - now_ns()) > 0 && !(all && run.received == run.sent)) {
		struct timespec wait = {left / 1000000000, left % 1000000000};

		if (ppoll(&poll_fd, 1, &wait, NULL) > 0)
			receive(fd);
		else if (errno == EINTR && stopped && !all)
			return;
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	struct sigaction action = {.sa_handler = on_signal};
	int64_t next, end;
	int fd;

	if (argc < 2 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		errx(2, "usage: pinger IPV4-ADDRESS [SECONDS]");
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		err(1, "%s", argv[1]);
	next = now_ns();
	end = next + (argc > 2 ? atoi(argv[2]) : 300) * 1000000000LL;
	while (!stopped && next < end && run.sent < REQUESTS_MAX) {
		send_request(fd);
		next += INTERVAL_NS;
		receive_until(fd, next, false);
	}
	receive_until(fd, now_ns() + 1000000000, true);
	printf("{\"sent\":%d,\"received\":%d,\"lost\":%d,\"duplicates\":%d,"
	       "\"longest_gap_ms\":%.1f,\"max_rtt_ms\":%.1f}\n",
	       run.sent, run.received, run.sent - run.received, run.duplicates, run.gap_ns / 1e6,
	       run.rtt_ns / 1e6);
	return 0;
}
