// SPDX-License-Identifier: Apache-2.0
/*
 * The two ends of a stream of small UDP datagrams.
 *
 *	udpload send ADDR PORT SECONDS	as fast as its core can
 *	udpload frames LINK MAC FROM ADDR PORT SECONDS	the same as finished frames
 *	udpload sink PORT [GROUP]	a socket that nobody reads, until it is killed; it is in
 *					GROUP on each link
 *
 * send: one socket, frames of 64 bytes, 64 datagrams a system call. Prints the datagrams sent
 * and the nanoseconds that it took, by the clock and of this process's CPU time. Frames that a
 * veth carries on in the sender's context are in that CPU time. frames: without the sender's
 * UDP and IP, as a virtual machine's frames come to its host; with a UDP checksum.
 */
#include <config.h>

#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/udp.h>
#include <net/if.h>
#include <netinet/ether.h>
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

static int udp_socket(const char *addr, const char *port, struct sockaddr_in *to)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	*to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	if (inet_pton(AF_INET, addr, &to->sin_addr) != 1)
		errx(2, "%s is no IPv4 address", addr);
	if (fd < 0)
		err(1, "socket");
	return fd;
}

static void print_sent(uint64_t sent, uint64_t start, uint64_t cpu)
{
	printf("%llu %llu %llu\n", (unsigned long long)sent,
	       (unsigned long long)(now_ns(CLOCK_MONOTONIC) - start),
	       (unsigned long long)(now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu));
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

struct frame {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
	uint8_t payload[PAYLOAD_LEN];
} __attribute__((packed));

static uint16_t checksum(const void *data, size_t len, uint32_t sum)
{
	const uint8_t *at = data;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)at[i] << 8 | at[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t) ~((sum & 0xffff) + (sum >> 16)));
}

static void frame_build(struct frame *frame, const char *from, const struct sockaddr_in *to)
{
	uint16_t len = sizeof(frame->udp) + sizeof(frame->payload);

	frame->eth.h_proto = htons(ETH_P_IP);
	frame->ip = (struct iphdr){.version = 4,
				   .ihl = 5,
				   .ttl = 64,
				   .protocol = IPPROTO_UDP,
				   .tot_len = htons(sizeof(frame->ip) + len),
				   .saddr = inet_addr(from),
				   .daddr = to->sin_addr.s_addr};
	frame->ip.check = checksum(&frame->ip, sizeof(frame->ip), 0);
	frame->udp.source = htons(40000);
	frame->udp.dest = to->sin_port;
	frame->udp.len = htons(len);
	frame->udp.check = checksum(&frame->ip.saddr, 8 + (size_t)len, IPPROTO_UDP + len);
}

static uint64_t send_frames(int fd, struct frame *frame, uint64_t end)
{
	struct iovec iov = {.iov_base = frame, .iov_len = sizeof(*frame)};
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
		if (n < 0 && errno != ENOBUFS)
			err(1, "sendmmsg");
		if (n > 0)
			sent += (uint64_t)n;
	} while (now_ns(CLOCK_MONOTONIC) < end);
	return sent;
}

static int packet_socket(const char *link, struct frame *frame)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(link)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), on = 1;
	struct ifreq request = {0};

	strncpy(request.ifr_name, link, IFNAMSIZ - 1);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) ||
	    ioctl(fd, SIOCGIFHWADDR, &request))
		err(1, "%s", link);
	memcpy(frame->eth.h_source, request.ifr_hwaddr.sa_data, ETH_ALEN);
	return fd;
}

static void frames_for(char **arg)
{
	static struct frame frame;
	int fd = packet_socket(arg[0], &frame);
	struct ether_addr *mac = ether_aton(arg[1]);
	struct sockaddr_in to;
	uint64_t start, cpu, sent;

	if (!mac)
		errx(2, "%s is no MAC address", arg[1]);
	close(udp_socket(arg[3], arg[4], &to));
	memcpy(frame.eth.h_dest, mac, ETH_ALEN);
	frame_build(&frame, arg[2], &to);
	start = now_ns(CLOCK_MONOTONIC);
	cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	sent = send_frames(fd, &frame, start + (uint64_t)(atof(arg[5]) * 1e9));
	print_sent(sent, start, cpu);
}

static void send_for(const char *addr, const char *port, const char *seconds)
{
	struct sockaddr_in to;
	int fd = udp_socket(addr, port, &to);
	uint64_t start, cpu, sent;

	if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		err(1, "connect");
	start = now_ns(CLOCK_MONOTONIC);
	cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	sent = send_until(fd, start + (uint64_t)(atof(seconds) * 1e9));
	print_sent(sent, start, cpu);
}

static void join(int fd, const char *group)
{
	struct if_nameindex *links = if_nameindex();
	struct ip_mreqn mreq;

	if (inet_pton(AF_INET, group, &mreq.imr_multiaddr) != 1)
		errx(2, "%s is no IPv4 address", group);
	for (struct if_nameindex *link = links; link && link->if_index; link++) {
		mreq.imr_ifindex = (int)link->if_index;
		if (setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &mreq, sizeof(mreq)))
			err(1, "%s on %s", group, link->if_name);
	}
	if_freenameindex(links);
}

/* With the smallest buffer that there is. */
static void sink(const char *port, const char *group)
{
	struct sockaddr_in at;
	int fd = udp_socket("0.0.0.0", port, &at);
	int smallest = 0;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &smallest, sizeof(smallest)) ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)))
		err(1, "port %s", port);
	if (group)
		join(fd, group);
	puts("ready");
	fflush(stdout);
	pause();
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "send"))
		send_for(argv[2], argv[3], argv[4]);
	else if (argc == 8 && !strcmp(argv[1], "frames"))
		frames_for(argv + 2);
	else if ((argc == 3 || argc == 4) && !strcmp(argv[1], "sink"))
		sink(argv[2], argv[3]);
	else
		errx(2, "usage: udpload send ADDR PORT SECONDS | sink PORT [GROUP]"
			" | frames LINK MAC FROM ADDR PORT SECONDS");
	return 0;
}
