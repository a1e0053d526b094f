// SPDX-License-Identifier: Apache-2.0
/*
 * What a cast replaces: a program that receives a stream and sends each datagram to many.
 *
 *	relay GROUP PORT LOCAL-ADDR FIRST-DEST COUNT DEST-PORT
 *
 * As fast as sockets allow without batching datagrams for later: one recvmmsg() takes all that
 * waits, one sendmmsg() sends that to up to 1024 destinations; no copy and no allocation between.
 * Runs until it is killed.
 */
#include <config.h>

#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>

#define TAKE 10
#define DESTS_MAX 256
#define SEND_MAX 1024 /* the kernel's UIO_MAXIOV */
#define DATAGRAM_MAX 2048
#define BUFFER_BYTES (8 << 20)

struct relay {
	int fd;
	unsigned int dests;
	struct sockaddr_in dest[DESTS_MAX];
	uint8_t data[TAKE][DATAGRAM_MAX];
	struct iovec in_iov[TAKE];
	struct iovec out_iov[TAKE];
	struct mmsghdr in[TAKE];
	struct mmsghdr out[TAKE * DESTS_MAX];
};

static struct in_addr address(const char *text)
{
	struct in_addr addr;

	if (inet_pton(AF_INET, text, &addr) != 1)
		errx(2, "%s is no IPv4 address", text);
	return addr;
}

static void open_socket(struct relay *relay, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
	struct ip_mreq join = {.imr_multiaddr = address(argv[1]),
			       .imr_interface = address(argv[3])};
	int bytes = BUFFER_BYTES;

	at.sin_addr = join.imr_multiaddr;
	relay->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (relay->fd < 0 || bind(relay->fd, (struct sockaddr *)&at, sizeof(at)) ||
	    setsockopt(relay->fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof(join)) ||
	    setsockopt(relay->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) ||
	    setsockopt(relay->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)))
		err(1, "group %s port %s", argv[1], argv[2]);
}

/* Everything that does not change from one datagram to the next. */
static void prepare(struct relay *relay, char **argv)
{
	uint32_t first = ntohl(address(argv[4]).s_addr);

	relay->dests = atoi(argv[5]);
	if (!relay->dests || relay->dests > DESTS_MAX)
		errx(2, "1 to %d destinations", DESTS_MAX);
	for (unsigned int i = 0; i < relay->dests; i++)
		relay->dest[i] = (struct sockaddr_in){.sin_family = AF_INET,
						      .sin_addr.s_addr = htonl(first + i),
						      .sin_port = htons(atoi(argv[6]))};
	for (unsigned int i = 0; i < TAKE; i++) {
		relay->in_iov[i] = (struct iovec){relay->data[i], DATAGRAM_MAX};
		relay->out_iov[i].iov_base = relay->data[i];
		relay->in[i].msg_hdr =
			(struct msghdr){.msg_iov = &relay->in_iov[i], .msg_iovlen = 1};
		for (unsigned int k = 0; k < relay->dests; k++)
			relay->out[i * relay->dests + k].msg_hdr =
				(struct msghdr){.msg_name = &relay->dest[k],
						.msg_namelen = sizeof(relay->dest[k]),
						.msg_iov = &relay->out_iov[i],
						.msg_iovlen = 1};
	}
}

/* A destination that cannot be reached ends the call early: it is left out. */
static void send_all(struct relay *relay, unsigned int count)
{
	unsigned int done = 0, part;
	int n;

	while (done < count) {
		part = count - done > SEND_MAX ? SEND_MAX : count - done;
		n = sendmmsg(relay->fd, &relay->out[done], part, 0);
		done += n > 0 ? (unsigned int)n : 1;
	}
}

int main(int argc, char **argv)
{
	static struct relay relay;
	int n;

	if (argc != 7)
		errx(2, "usage: relay GROUP PORT LOCAL-ADDR FIRST-DEST COUNT DEST-PORT");
	open_socket(&relay, argv);
	prepare(&relay, argv);
	puts("ready");
	fflush(stdout);
	for (;;) {
		n = recvmmsg(relay.fd, relay.in, TAKE, MSG_WAITFORONE, NULL);
		if (n < 0 && errno != EINTR)
			err(1, "recvmmsg");
		for (int i = 0; i < n; i++)
			relay.out_iov[i].iov_len = relay.in[i].msg_len;
		if (n > 0)
			send_all(&relay, (unsigned int)n * relay.dests);
	}
}
