// SPDX-License-Identifier: Apache-2.0
/*
 * RTP as it arrived: recorded to a file, accounted for, and played to ffmpeg without loss.
 *
 *	rtp record ADDRESS PORT FILE     datagrams to ADDRESS (a group is joined on eth0), until
 *killed rtp count FILE                   prints the number of datagrams rtp gaps FILE prints how
 *many numbers do not follow the last one: of the first source, without RTCP rtp payload FILE prints
 *the payload of all packets rtp serve FILE SDP PORT          an RTSP server (RFC 2326) for one
 *client: its TCP loses nothing
 *
 * A file is a row of datagrams, each behind its length of 16 bits.
 */
#include <config.h>

#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
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

static void gaps(FILE *file)
{
	unsigned char ssrc[4], seq[2];
	unsigned long wrong = 0;
	bool any = false;
	size_t len;

	while ((len = next(file))) {
		unsigned int is = packet[2] << 8 | packet[3];

		if (!is_rtp(len) || (any && memcmp(ssrc, packet + 8, 4)))
			continue;
		if (any && is != ((seq[0] << 8 | seq[1]) + 1u) % 65536)
			wrong++;
		memcpy(ssrc, packet + 8, 4);
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
		gaps(file_open(argv[2], "r"));
	else if (!strcmp(what, "payload"))
		payload(file_open(argv[2], "r"));
	else if (!strcmp(what, "serve") && argc == 5)
		serve(file_open(argv[2], "r"), argv[3], argv[4]);
	else
		errx(2, "usage: rtp record ADDRESS PORT FILE | count FILE | gaps FILE | payload "
			"FILE | "
			"serve FILE SDP PORT");
	return 0;
}
