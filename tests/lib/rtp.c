// SPDX-License-Identifier: Apache-2.0
/*
 * RTP as it arrived: recorded to a file, accounted for, and played to ffmpeg without loss.
 *
 *	rtp record ADDRESS PORT FILE     what comes there, until it is killed; a group is joined
 *	rtp count FILE                   prints the number of datagrams
 *	rtp sources FILE                 prints the SSRC of each source
 *	rtp gaps FILE [SSRC]             prints how many numbers of a source do not follow the last
 *	rtp payload FILE                 prints the payload of all packets
 *	rtp send FILE ADDRESS PORT RATE  a transport stream, with all that a header of RTP can have
 *	rtp serve FILE SDP PORT          an RTSP server (RFC 2326) for one client, over TCP
 *
 * A file is a row of datagrams, each behind its length of 16 bits. RTCP counts as a datagram alone.
 */
#include <config.h>

#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <sys/socket.h>
#include <arpa/inet.h>

#include "netns.h"

#define ROOM 65536

static unsigned char packet[ROOM];

/* The next datagram of a file. Return: its length; 0 at the end. */
static size_t next(FILE *file)
{
	unsigned char head[2];
	size_t len;

	if (fread(head, 1, 2, file) != 2)
		return 0;
	len = head[0] << 8 | head[1];
	return fread(packet, 1, len, file) == len ? len : 0;
}

static bool is_rtp(size_t len)
{
	return len >= 12 && packet[0] >> 6 == 2 && !(packet[1] >= 192 && packet[1] < 224);
}

static FILE *file_open(const char *path, const char *mode)
{
	FILE *file = fopen(path, mode);

	if (!file)
		err(1, "%s", path);
	return file;
}

/* Linux joins IPv4 groups by the same option as IPv6 groups (RFC 3678). */
static int listen_at(const char *address, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST}, *at;
	struct group_req req = {.gr_interface = if_nametoindex("eth0")};
	int fd, size = 16 << 20;

	if (getaddrinfo(address, port, &hints, &at))
		errx(1, "%s port %s is no address", address, port);
	fd = socket(at->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	    bind(fd, at->ai_addr, at->ai_addrlen))
		err(1, "listen at %s port %s", address, port);
	memcpy(&req.gr_group, at->ai_addr, at->ai_addrlen);
	/* It fails for what is no group. */
	setsockopt(fd, at->ai_family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6, MCAST_JOIN_GROUP, &req,
		   sizeof(req));
	freeaddrinfo(at);
	return fd;
}

static void record(const char *address, const char *port, const char *path)
{
	int fd = listen_at(address, port);
	FILE *file = file_open(path, "w");
	ssize_t len;

	while ((len = recv(fd, packet, sizeof(packet), 0)) >= 0) {
		unsigned char head[2] = {len >> 8, len};

		fwrite(head, 1, 2, file);
		fwrite(packet, 1, len, file);
		fflush(file);
	}
	err(1, "recv");
}

static void count(FILE *file)
{
	unsigned long packets = 0;

	while (next(file))
		packets++;
	printf("%lu\n", packets);
}

static uint32_t source(void)
{
	uint32_t ssrc;

	memcpy(&ssrc, packet + 8, sizeof(ssrc));
	return ntohl(ssrc);
}

static void sources(FILE *file)
{
	uint32_t seen[64];
	size_t len, n = 0, i;

	while ((len = next(file)) && n < 64) {
		for (i = 0; i < n && seen[i] != source(); i++)
			;
		if (!is_rtp(len) || i < n)
			continue;
		seen[n++] = source();
		printf("%08x\n", source());
	}
}

static void gaps(FILE *file, const char *of)
{
	uint32_t ssrc = of ? strtoul(of, NULL, 16) : 0;
	unsigned char seq[2] = {};
	unsigned long wrong = 0;
	bool any = false;
	size_t len;

	while ((len = next(file))) {
		unsigned int is = packet[2] << 8 | packet[3];

		if (!is_rtp(len) || ((of || any) && source() != ssrc))
			continue;
		if (any && is != ((seq[0] << 8 | seq[1]) + 1u) % 65536)
			wrong++;
		ssrc = source();
		memcpy(seq, packet + 2, 2);
		any = true;
	}
	printf("%lu\n", wrong);
}

static void payload(FILE *file)
{
	size_t len;

	while ((len = next(file))) {
		size_t at = 12 + 4 * (packet[0] & 15);

		if (!is_rtp(len))
			continue;
		if (packet[0] & 0x10)
			at += 4 + 4 * (packet[at + 2] << 8 | packet[at + 3]);
		if (packet[0] & 0x20)
			len -= packet[len - 1];
		if (at < len)
			fwrite(packet + at, 1, len - at, stdout);
	}
}

/* Two sources that were mixed, an extension of one word, and every other one padded. */
static size_t packet_make(const unsigned char *ts, size_t len, unsigned int seq)
{
	static const unsigned char head[28] = {0x92, 33, 0, 0, 0, 0, 0,	   0,	 1, 2, 3, 4, 5, 6,
					       7,    8,	 9, 1, 2, 3, 0xbe, 0xde, 0, 1, 1, 2, 3, 4};
	size_t padding = seq % 2 ? 0 : 1 + seq % 250;

	memcpy(packet, head, sizeof(head));
	packet[0] |= padding ? 0x20 : 0;
	packet[2] = seq >> 8;
	packet[3] = seq;
	packet[6] = seq >> 4;
	memcpy(packet + sizeof(head), ts, len);
	memset(packet + sizeof(head) + len, padding, padding);
	return sizeof(head) + len + padding;
}

static void transmit(FILE *file, const char *address, const char *port, long rate)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST}, *to;
	const struct timespec interval = {.tv_nsec = 1000000000 / rate};
	unsigned char ts[5 * 188];
	unsigned int seq = 65500;
	size_t len;
	int fd;

	if (getaddrinfo(address, port, &hints, &to))
		errx(1, "%s port %s is no address", address, port);
	fd = socket(to->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	while ((len = fread(ts, 1, sizeof(ts), file))) {
		len = packet_make(ts, len, seq++);
		if (sendto(fd, packet, len, 0, to->ai_addr, to->ai_addrlen) < 0)
			err(1, "send");
		nanosleep(&interval, NULL);
	}
	freeaddrinfo(to);
}

static void say(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0)
			exit(0); /* the client has seen enough */
		text += n;
		len -= n;
	}
}

/* One request; false if there is no more. */
static bool hear(FILE *in, char *method, int *seq)
{
	char line[2048];

	*method = 0;
	while (fgets(line, sizeof(line), in) && strcmp(line, "\r\n")) {
		if (!*method)
			sscanf(line, "%31s", method);
		sscanf(line, "CSeq: %d", seq);
	}
	return *method;
}

static void play(int fd, FILE *file)
{
	size_t len;

	while ((len = next(file))) {
		unsigned char head[4] = {'$', !is_rtp(len), len >> 8, len};

		say(fd, (char *)head, 4);
		say(fd, (char *)packet, len);
	}
}

static void answer(int fd, const char *method, int seq, const char *sdp)
{
	char text[8192];
	int n = snprintf(text, sizeof(text), "RTSP/1.0 200 OK\r\nCSeq: %d\r\nSession: 1\r\n", seq);

	if (!strcmp(method, "OPTIONS"))
		n += snprintf(text + n, sizeof(text) - n,
			      "Public: DESCRIBE, SETUP, PLAY, TEARDOWN\r\n\r\n");
	else if (!strcmp(method, "DESCRIBE"))
		n += snprintf(text + n, sizeof(text) - n,
			      "Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
			      strlen(sdp), sdp);
	else if (!strcmp(method, "SETUP"))
		n += snprintf(text + n, sizeof(text) - n,
			      "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n");
	else
		n += snprintf(text + n, sizeof(text) - n, "\r\n");
	say(fd, text, n);
}

static void serve(FILE *file, const char *path, const char *port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1, seq = 0, fd;
	FILE *described = file_open(path, "r"), *in;
	char sdp[4096] = "", method[32];

	fread(sdp, 1, sizeof(sdp) - 1, described);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (listener < 0 || bind(listener, (struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(listener, 1))
		err(1, "listen on port %s", port);
	fd = accept(listener, NULL, NULL);
	in = fd < 0 ? NULL : fdopen(fd, "r");
	if (!in)
		err(1, "accept");
	while (hear(in, method, &seq)) {
		answer(fd, method, seq, sdp);
		if (!strcmp(method, "PLAY")) {
			play(fd, file);
			shutdown(fd, SHUT_WR);
		}
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	signal(SIGPIPE, SIG_IGN);
	if (!strcmp(what, "record") && argc == 5)
		record(argv[2], argv[3], argv[4]);
	else if (!strcmp(what, "count"))
		count(file_open(argv[2], "r"));
	else if (!strcmp(what, "gaps"))
		gaps(file_open(argv[2], "r"), argv[3]);
	else if (!strcmp(what, "sources"))
		sources(file_open(argv[2], "r"));
	else if (!strcmp(what, "payload"))
		payload(file_open(argv[2], "r"));
	else if (!strcmp(what, "send") && argc == 6)
		transmit(file_open(argv[2], "r"), argv[3], argv[4], atol(argv[5]));
	else if (!strcmp(what, "serve") && argc == 5)
		serve(file_open(argv[2], "r"), argv[3], argv[4]);
	else
		errx(2, "usage: rtp record|count|sources|gaps|payload|send|serve FILE...");
	return 0;
}
