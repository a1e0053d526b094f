// SPDX-License-Identifier: Apache-2.0
/*
 * Sends small UDP datagrams as fast as its core can, for a number of seconds.
 *
 *	udpsend ADDR PORT SECONDS
 *
 * One socket, frames of 64 bytes, 64 datagrams a system call. Prints the datagrams sent and the
 * nanoseconds that it took, by the clock and of this process's CPU time. Frames that a veth
 * carries on in the sender's context are in that CPU time.
 */
#include <config.h>

#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/udp.h>
#include <netinet/ip.h>

#define FRAME_LEN 64
#define PAYLOAD_LEN (FRAME_LEN - ETH_HLEN - sizeof(struct iphdr) - sizeof(struct udphdr))
#define BATCH 64

static uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static int connect_to(const char *addr, const char *port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (inet_pton(AF_INET, addr, &to.sin_addr) != 1)
		errx(2, "%s is no IPv4 address", addr);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		err(1, "socket to %s", addr);
	return fd;
}

/* What a queue on the way has no room for counts as not sent. */
static uint64_t send_until(int fd, uint64_t end)
{
	static uint8_t payload[PAYLOAD_LEN];
	struct iovec iov = {.iov_base = payload, .iov_len = sizeof(payload)};
	struct mmsghdr batch[BATCH];
	uint64_t sent = 0;
	int n;

	memset(batch, 0, sizeof(batch));
	for (int i = 0; i < BATCH; i++) {
		batch[i].msg_hdr.msg_iov = &iov;
		batch[i].msg_hdr.msg_iovlen = 1;
	}
	do {
		n = sendmmsg(fd, batch, BATCH, 0);
		if (n < 0 && errno != ENOBUFS && errno != ECONNREFUSED)
			err(1, "sendmmsg");
		if (n > 0)
			sent += (uint64_t)n;
	} while (now_ns(CLOCK_MONOTONIC) < end);
	return sent;
}

int main(int argc, char **argv)
{
	uint64_t start, cpu, sent;
	int fd;

	if (argc != 4)
		errx(2, "usage: udpsend ADDR PORT SECONDS");
	fd = connect_to(argv[1], argv[2]);
	start = now_ns(CLOCK_MONOTONIC);
	cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	sent = send_until(fd, start + (uint64_t)(atof(argv[3]) * 1e9));
	printf("%llu %llu %llu\n", (unsigned long long)sent,
	       (unsigned long long)(now_ns(CLOCK_MONOTONIC) - start),
	       (unsigned long long)(now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu));
	return 0;
}
