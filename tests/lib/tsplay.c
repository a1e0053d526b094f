// SPDX-License-Identifier: Apache-2.0
/*
 * Plays a file as UDP datagrams over a way that loses, doubles and reorders them.
 *
 *	tsplay [-z SIZE] [-s SEED] [-l PERCENT] [-d PERCENT] [-r PERCENT] [-o FILE]
 *		FILE ADDRESS PORT [FROM-TO]...
 *
 * -l of the datagrams are lost, -d come twice, -r change places with the next one; the same SEED
 * gives the same pattern. With ranges of bytes only datagrams that lie in one of them are harmed.
 * -o keeps what was sent, as the receiver of an undisturbed link gets it. At the end it prints a
 * line of JSON: datagrams sent, and how many were harmed in each way.
 */
#include <config.h>

#include <err.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#define GAP_NS 200000L /* between datagrams: sockets and queues keep up */

struct player {
	const char *data;
	size_t size; /* of the file */
	size_t part; /* of a datagram */
	int sock;
	FILE *copy;
	char **ranges;
	unsigned loss, twice, late; /* percent */
	unsigned long sent, lost, doubled, swapped;
};

static void send_part(struct player *p, size_t at)
{
	const struct timespec gap = {.tv_nsec = GAP_NS};
	size_t len = p->size - at < p->part ? p->size - at : p->part;

	if (send(p->sock, p->data + at, len, 0) != (ssize_t)len)
		err(1, "send");
	if (p->copy && fwrite(p->data + at, 1, len, p->copy) != len)
		err(1, "write");
	p->sent++;
	nanosleep(&gap, NULL);
}

static bool may_harm(const struct player *p, size_t at)
{
	unsigned long from, to;

	if (at + p->part >= p->size)
		return false;
	if (!*p->ranges)
		return true;
	for (char **range = p->ranges; *range; range++) {
		if (sscanf(*range, "%lu-%lu", &from, &to) != 2)
			errx(2, "%s is no range", *range);
		if (at >= from && at + p->part <= to)
			return true;
	}
	return false;
}

static void play(struct player *p)
{
	for (size_t at = 0; at < p->size; at += p->part) {
		unsigned chance = (unsigned)random() % 100;

		if (!may_harm(p, at) || chance >= p->loss + p->twice + p->late) {
			send_part(p, at);
		} else if (chance < p->loss) {
			p->lost++;
		} else if (chance < p->loss + p->twice) {
			p->doubled++;
			send_part(p, at);
			send_part(p, at);
		} else if (may_harm(p, at + p->part)) {
			p->swapped++;
			send_part(p, at + p->part);
			send_part(p, at);
			at += p->part;
		} else {
			send_part(p, at);
		}
	}
}

static void load(struct player *p, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) || !st.st_size)
		err(1, "%s", path);
	p->size = (size_t)st.st_size;
	p->data = mmap(NULL, p->size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p->data == MAP_FAILED)
		err(1, "%s", path);
	close(fd);
}

static int dial(const char *address, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST}, *to;
	int sock;

	if (getaddrinfo(address, port, &hints, &to))
		errx(1, "%s port %s is no address", address, port);
	sock = socket(to->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0 || connect(sock, to->ai_addr, to->ai_addrlen))
		err(1, "%s", address);
	freeaddrinfo(to);
	return sock;
}

int main(int argc, char **argv)
{
	struct player p = {.part = 1316};
	int option;

	while ((option = getopt(argc, argv, "z:s:l:d:r:o:")) != -1) {
		switch (option) {
		case 'z':
			p.part = (size_t)atoi(optarg);
			break;
		case 's':
			srandom((unsigned)atoi(optarg));
			break;
		case 'l':
			p.loss = (unsigned)atoi(optarg);
			break;
		case 'd':
			p.twice = (unsigned)atoi(optarg);
			break;
		case 'r':
			p.late = (unsigned)atoi(optarg);
			break;
		case 'o':
			p.copy = fopen(optarg, "we");
			break;
		default:
			errx(2, "see the head of tests/lib/tsplay.c");
		}
	}
	if (argc - optind < 3 || !p.part)
		errx(2, "see the head of tests/lib/tsplay.c");
	load(&p, argv[optind]);
	p.sock = dial(argv[optind + 1], argv[optind + 2]);
	p.ranges = &argv[optind + 3];
	play(&p);
	if (p.copy && fclose(p.copy))
		err(1, "write");
	printf("{\"sent\":%lu,\"lost\":%lu,\"twice\":%lu,\"late\":%lu}\n", p.sent, p.lost,
	       p.doubled, p.swapped);
	return 0;
}
