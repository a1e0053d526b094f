// SPDX-License-Identifier: Apache-2.0
/*
 * UDP datagrams with sequence numbers, of which each is accounted for.
 *
 *	counted send ADDRESS PORT RATE   RATE datagrams a second until SIGINT or SIGTERM
 *	counted cast ADDRESS PORT RATE   the same, each a transport stream with one MPEG-2 picture;
 *	                                 of 12 pictures the first is an I, each third one a P, else
 *B counted receive PORT [GROUP]     counts; GROUP is joined on eth0
 *
 * The sender prints "started" after the first datagram, the receiver "ready". At the end the
 * sender prints {"sent":N,"ref":N,"per_second":N}, where ref are the datagrams whose number is a
 * multiple of 3, and per_second is what became of RATE; the receiver, when its socket is empty, how
 * many different ones it got, all and ref, how many twice, and what its own socket had no room for.
 * What a queue of the sender's own has no room for counts as not sent.
 */
#include <config.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <arpa/inet.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>

#include "netns.h"
#include "stopped.h"

#define BATCH 32
#define TS_LEN 188
#define SEQUENCES_MAX (64u << 20)
#define ROOM                                                                                       \
	(512 << 20) /* bytes of a receiver's socket: seconds of the traffic                        \
		     */
#define PICTURES 12
#define PMT_PID 0x100
#define VIDEO_PID 0x101

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* --- sending --- */

static size_t plain(uint8_t *at, uint32_t seq)
{
	memset(at, 0, 22);
	memcpy(at, &seq, sizeof(seq));
	return 22;
}

/* CRC of ISO/IEC 13818-1 annex A. */
static uint32_t crc32(const uint8_t *data, size_t len)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < len; i++) {
		crc ^= (uint32_t)data[i] << 24;
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 0x80000000 ? crc << 1 ^ 0x04c11db7 : crc << 1;
	}
	return crc;
}

static uint8_t *ts_header(uint8_t *at, unsigned int pid, unsigned int cc)
{
	memset(at, 0xff, TS_LEN);
	at[0] = 0x47;
	at[1] = (uint8_t)(0x40 | pid >> 8); /* something begins here */
	at[2] = (uint8_t)pid;
	at[3] = 0x10 | (cc & 15);
	return at + 4;
}

static void section(uint8_t *at, unsigned int pid, uint32_t seq, const uint8_t *body, size_t len)
{
	uint8_t *p = ts_header(at, pid, seq);
	uint32_t crc;

	*p++ = 0; /* pointer field */
	memcpy(p, body, len);
	crc = htonl(crc32(body, len));
	memcpy(p + len, &crc, sizeof(crc));
}

/* A PAT, a PMT and one picture, with the sequence number after its header. */
static size_t picture(uint8_t *at, uint32_t seq)
{
	static const uint8_t pat[] = {0, 0xb0, 13, 0, 1, 0xc1, 0, 0, 0, 1, 0xe1, 0x00};
	static const uint8_t pmt[] = {2, 0xb0, 18, 0, 1,    0xc1, 0,	0, 0xe1,
				      1, 0xf0, 0,  2, 0xe1, 1,	  0xf0, 0};
	static const uint8_t pes[] = {0, 0, 1, 0xe0, 0, 0, 0x80, 0, 0};
	unsigned int n = seq % PICTURES, type = n == 0 ? 1 : n % 3 == 0 ? 2 : 3;
	const uint8_t header[] = {0, 0, 1, 0, 0, (uint8_t)(type << 3), 0xff, 0xf8};
	uint8_t *p;

	section(at, 0, seq, pat, sizeof(pat));
	section(at + TS_LEN, PMT_PID, seq, pmt, sizeof(pmt));
	p = ts_header(at + 2 * TS_LEN, VIDEO_PID, seq);
	memcpy(p, pes, sizeof(pes));
	memcpy(p + sizeof(pes), header, sizeof(header));
	p += sizeof(pes) + sizeof(header);
	/* Nibbles, so that no start code comes about. */
	for (int i = 0; i < 8; i++)
		p[i] = 0x10 | (seq >> (28 - 4 * i) & 15);
	return 3 * TS_LEN;
}

/* Return: whether there is one: a policy takes the picture out and leaves the tables. */
static bool number_in(const uint8_t *at, size_t len, uint32_t *seq)
{
	*seq = 0;
	if (len < TS_LEN) {
		memcpy(seq, at, sizeof(*seq));
		return true;
	}
	at += len - TS_LEN;
	for (int i = 0; i < 8; i++)
		*seq = *seq << 4 | (at[4 + 9 + 8 + i] & 15);
	return (at[1] & 0x1f) == VIDEO_PID >> 8 && at[2] == (VIDEO_PID & 0xff);
}

/* Return: how many of the next datagrams left. */
static uint32_t send_some(int fd, uint32_t seq, uint32_t count,
			  size_t (*fill)(uint8_t *at, uint32_t seq))
{
	static uint8_t payload[BATCH][3 * TS_LEN];
	static struct mmsghdr batch[BATCH];
	static struct iovec iov[BATCH];
	int n;

	for (uint32_t i = 0; i < count; i++) {
		iov[i].iov_base = payload[i];
		iov[i].iov_len = fill(payload[i], seq + i);
		batch[i].msg_hdr.msg_iov = &iov[i];
		batch[i].msg_hdr.msg_iovlen = 1;
	}
	n = sendmmsg(fd, batch, count, 0);
	if (n < 0 && errno != ENOBUFS && errno != EINTR && errno != ECONNREFUSED)
		err(1, "sendmmsg");
	return n > 0 ? (uint32_t)n : 0;
}

static void transmit(bool cast, const char *address, const char *port, double rate)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
	struct timespec tick = {.tv_nsec = 1000000};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;
	uint32_t sent = 0;
	uint64_t begun, start;
	double due = 0;

	if (fd < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
	    setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)) || /* tells of full queues */
	    connect(fd, (struct sockaddr *)&to, sizeof(to)))
		err(1, "%s port %s", address, port);
	begun = start = now_ns();
	while (!stopped && sent < SEQUENCES_MAX) {
		/* What a busy machine kept from being sent in time is not made up for. */
		due += (double)(now_ns() - start) * rate / 1e9;
		start = now_ns();
		due = due > 16 * BATCH ? 16 * BATCH : due;
		while (due >= 1) {
			uint32_t n = due < BATCH ? (uint32_t)due : BATCH;

			n = send_some(fd, sent, n, cast ? picture : plain);
			if (sent == 0 && n)
				say("started");
			sent += n;
			due -= n ? n : due;
		}
		nanosleep(&tick, NULL);
	}
	printf("{\"sent\":%u,\"ref\":%u,\"per_second\":%.0f}\n", sent, (sent + 2) / 3,
	       sent * 1e9 / (double)(now_ns() - begun));
}

/* --- receiving --- */

static struct {
	uint8_t seen[SEQUENCES_MAX / 8];
	uint32_t received, ref, twice;
} got;

static void account(uint32_t seq)
{
	if (seq >= SEQUENCES_MAX)
		errx(1, "a datagram that is not ours");
	if (got.seen[seq / 8] & 1 << seq % 8) {
		got.twice++;
		return;
	}
	got.seen[seq / 8] |= 1 << seq % 8;
	got.received++;
	got.ref += seq % 3 == 0;
}

/* Return: whether something was there. */
static bool receive_some(int fd)
{
	static uint8_t payload[BATCH][3 * TS_LEN + 1];
	static struct mmsghdr batch[BATCH];
	static struct iovec iov[BATCH];
	int n;

	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){payload[i], sizeof(payload[i])};
		batch[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	}
	n = recvmmsg(fd, batch, BATCH, MSG_WAITFORONE, NULL);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		err(1, "recvmmsg");
	for (int i = 0; i < n; i++) {
		uint32_t seq;

		if (number_in(payload[i], batch[i].msg_len, &seq))
			account(seq);
	}
	return n > 0;
}

static uint32_t socket_drops(int fd)
{
	uint32_t info[SK_MEMINFO_VARS] = {};
	socklen_t len = sizeof(info);

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len))
		err(1, "SO_MEMINFO");
	return info[SK_MEMINFO_DROPS];
}

static void receive(const char *port, const char *group)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
	struct ip_mreqn member = {.imr_ifindex = (int)if_nametoindex("eth0")};
	struct timeval wait = {.tv_usec = 100000};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), room = ROOM;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)))
		err(1, "port %s", port);
	if (group && (inet_pton(AF_INET, group, &member.imr_multiaddr) != 1 ||
		      setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &member, sizeof(member))))
		err(1, "group %s", group);
	say("ready");
	while (receive_some(fd) || !stopped)
		;
	printf("{\"received\":%u,\"ref\":%u,\"twice\":%u,\"socket_drops\":%u}\n", got.received,
	       got.ref, got.twice, socket_drops(fd));
}

int main(int argc, char **argv)
{
	bool cast = argc > 1 && !strcmp(argv[1], "cast");

	stop_on_signals();
	if (argc == 5 && (cast || !strcmp(argv[1], "send")))
		transmit(cast, argv[2], argv[3], atof(argv[4]));
	else if ((argc == 3 || argc == 4) && !strcmp(argv[1], "receive"))
		receive(argv[2], argv[3]);
	else
		errx(2,
		     "usage: counted send|cast ADDRESS PORT RATE | counted receive PORT [GROUP]");
	return 0;
}
