// SPDX-License-Identifier: Apache-2.0
/*
 * The receivers of a cast, one on each link of the namespace.
 *
 *	castsink GROUP PORT [LINK]...
 *
 * Prints "ready" when all listen. On SIGTERM it waits until nothing comes any more and prints a
 * JSON array: of each link the datagrams, their bytes and a hash of what was in them. What came on
 * the named links is in LINK.ts.
 */
#include <config.h>

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#define LINKS_MAX 512
#define DATAGRAM_MAX 65536
#define QUIET_MS 300
#define BUFFER_BYTES (16 << 20)

struct sink {
	char name[IF_NAMESIZE];
	uint64_t packets, bytes, hash;
	FILE *file;
};

static struct sink sinks[LINKS_MAX];
static struct pollfd fds[LINKS_MAX];
static unsigned int count;
static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	stopped = 1;
}

static int listen_on(const char *link, const char *group, const char *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	struct ip_mreqn join = {.imr_ifindex = (int)if_nametoindex(link)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int bytes = BUFFER_BYTES, on = 1;

	if (inet_pton(AF_INET, group, &join.imr_multiaddr) != 1)
		errx(2, "%s is no IPv4 address", group);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, link, (socklen_t)strlen(link)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) ||
	    setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof(join)))
		err(1, "%s port %s on %s", group, port, link);
	return fd;
}

static void open_all(const char *group, const char *port)
{
	struct if_nameindex *links = if_nameindex();

	for (struct if_nameindex *link = links; link && link->if_index; link++) {
		if (!strcmp(link->if_name, "lo"))
			continue;
		if (count == LINKS_MAX)
			errx(1, "more than %d links", LINKS_MAX);
		strcpy(sinks[count].name, link->if_name);
		sinks[count].hash = 0xcbf29ce484222325; /* FNV-1a */
		fds[count] = (struct pollfd){.fd = listen_on(link->if_name, group, port),
					     .events = POLLIN};
		count++;
	}
	if_freenameindex(links);
}

static void record(const char *link)
{
	char name[IF_NAMESIZE + 4];

	for (unsigned int i = 0; i < count; i++) {
		if (strcmp(sinks[i].name, link))
			continue;
		snprintf(name, sizeof(name), "%s.ts", link);
		sinks[i].file = fopen(name, "we");
		if (!sinks[i].file)
			err(1, "%s", name);
		return;
	}
	errx(2, "no link %s", link);
}

static void hash_word(struct sink *sink, uint64_t word)
{
	sink->hash = (sink->hash ^ word) * 0x100000001b3;
	sink->hash ^= sink->hash >> 29;
}

/* Where a datagram ends is part of it. */
static void take(struct sink *sink, const uint8_t *data, size_t len)
{
	uint64_t word;

	sink->packets++;
	sink->bytes += len;
	hash_word(sink, len);
	for (size_t i = 0; i < len; i += sizeof(word)) {
		word = 0;
		memcpy(&word, data + i, len - i < sizeof(word) ? len - i : sizeof(word));
		hash_word(sink, word);
	}
	if (sink->file && fwrite(data, 1, len, sink->file) != len)
		err(1, "%s.ts", sink->name);
}

/* A link that went takes its socket's traffic with it, and nothing else. */
static void read_all(void)
{
	static uint8_t data[DATAGRAM_MAX];
	ssize_t len;

	for (unsigned int i = 0; i < count; i++) {
		if (!fds[i].revents)
			continue;
		while ((len = recv(fds[i].fd, data, sizeof(data), 0)) >= 0)
			take(&sinks[i], data, (size_t)len);
		if (errno != EAGAIN && errno != EINTR)
			fds[i].events = 0;
	}
}

static void report(void)
{
	for (unsigned int i = 0; i < count; i++) {
		printf("%s{\"link\":\"%s\",\"packets\":%llu,\"bytes\":%llu,\"hash\":\"%016llx\"}",
		       i ? ",\n" : "[", sinks[i].name, (unsigned long long)sinks[i].packets,
		       (unsigned long long)sinks[i].bytes, (unsigned long long)sinks[i].hash);
		if (sinks[i].file)
			fclose(sinks[i].file);
	}
	puts("]");
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_signal};
	int n;

	if (argc < 3)
		errx(2, "usage: castsink GROUP PORT [LINK]...");
	sigaction(SIGTERM, &action, NULL);
	open_all(argv[1], argv[2]);
	for (int i = 3; i < argc; i++)
		record(argv[i]);
	fputs("ready\n", stderr);
	do {
		n = poll(fds, count, QUIET_MS);
		if (n > 0)
			read_all();
	} while (n != 0 || !stopped);
	report();
	return 0;
}
