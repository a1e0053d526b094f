// SPDX-License-Identifier: Apache-2.0
/*
 * Plays a transport stream from memory, again and again, 7 TS packets a datagram.
 *
 *	tsload FILE ADDR PORT SECONDS RATE
 *
 * RATE datagrams a second, in bursts: a receiver that is as fast loses none. With SECONDS 0 it
 * plays the file once. Prints the datagrams sent, and the nanoseconds that it took by the clock and
 *of this process's CPU time. What a veth carries on in the sender's context is in that CPU time.
 */
#include <config.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>

#define DATAGRAM (7 * 188)
#define BURST 5

struct file {
	uint8_t *data;
	size_t size;
	size_t datagrams; /* the last one may be shorter */
};

static uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* In memory, and touched, before the clock runs. */
static struct file load(const char *name)
{
	struct file file = {};
	struct stat st;
	int fd = open(name, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) || st.st_size < DATAGRAM)
		err(1, "%s", name);
	file.data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (file.data == MAP_FAILED)
		err(1, "%s", name);
	file.size = (size_t)st.st_size;
	file.datagrams = (file.size + DATAGRAM - 1) / DATAGRAM;
	close(fd);
	return file;
}

static int udp_socket(const char *addr, const char *port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (inet_pton(AF_INET, addr, &to.sin_addr) != 1)
		errx(2, "%s is no IPv4 address", addr);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		err(1, "%s port %s", addr, port);
	return fd;
}

static uint64_t send_burst(int fd, const struct file *file, uint64_t sent, uint64_t left)
{
	struct mmsghdr batch[BURST] = {};
	struct iovec iov[BURST];
	int done = 0, count = left < BURST ? (int)left : BURST, n;

	for (int i = 0; i < count; i++) {
		size_t at = (sent + (uint64_t)i) % file->datagrams * DATAGRAM;

		iov[i].iov_base = file->data + at;
		iov[i].iov_len = file->size - at < DATAGRAM ? file->size - at : DATAGRAM;
		batch[i].msg_hdr.msg_iov = &iov[i];
		batch[i].msg_hdr.msg_iovlen = 1;
	}
	while (done < count) {
		n = sendmmsg(fd, &batch[done], (unsigned int)(count - done), 0);
		if (n < 0)
			err(1, "sendmmsg");
		done += n;
	}
	return (uint64_t)count;
}

static uint64_t play(int fd, const struct file *file, uint64_t start, double seconds, double rate)
{
	uint64_t count = seconds > 0 ? (uint64_t)(seconds * rate) : file->datagrams, sent = 0;

	while (sent < count) {
		uint64_t due = start + (uint64_t)((double)sent / rate * 1e9);
		struct timespec at = {.tv_sec = (time_t)(due / 1000000000),
				      .tv_nsec = (long)(due % 1000000000)};

		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
			;
		sent += send_burst(fd, file, sent, count - sent);
	}
	return sent;
}

int main(int argc, char **argv)
{
	struct file file;
	uint64_t start, cpu, sent;
	int fd;

	if (argc != 6)
		errx(2, "usage: tsload FILE ADDR PORT SECONDS RATE");
	file = load(argv[1]);
	fd = udp_socket(argv[2], argv[3]);
	start = now_ns(CLOCK_MONOTONIC);
	cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	sent = play(fd, &file, start, atof(argv[4]), atof(argv[5]));
	printf("%llu %llu %llu\n", (unsigned long long)sent,
	       (unsigned long long)(now_ns(CLOCK_MONOTONIC) - start),
	       (unsigned long long)(now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu));
	return 0;
}
