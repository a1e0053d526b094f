// SPDX-License-Identifier: Apache-2.0
/*
 * Sends frames on one link and counts where they arrive, on any number of links in any
 * number of namespaces. All receivers listen before the first frame leaves, so that nothing
 * races, and a frame that arrives twice or late is seen.
 *
 *	frame [-d MAC] [-s MAC] [-e TYPE] [-v VID]... [-l LEN] [-x HEX] [-n COUNT] [-g GAP_US]
 *	      [-w SETTLE_MS] NS/LINK [NS/LINK | NS/]...
 *
 * The first link sends. NS/ (no link) listens on all links of NS. Prints a line for each
 * receiver: NS/LINK COUNT VLAN LENGTH, where VLAN is the outer tag, or "-".
 */
#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>

#include "netns.h"

#define FRAME_MAX 65536
#define COOKIE_LEN 8
#define VIDS_MAX 8
#define LINKS_MAX 4096 /* ifindexes that a receiver of all links tells apart */

struct receiver {
	const char *ns;
	const char *link; /* empty: all links of the namespace */
	int fd;
	unsigned int *counts; /* by ifindex */
	int vlan;
	int len;
};

static struct options {
	uint8_t dst[ETH_ALEN];
	uint8_t src[ETH_ALEN];
	unsigned int type;
	unsigned int vids[VIDS_MAX]; /* outermost first */
	unsigned int n_vids;
	size_t min_len;
	uint8_t frame[FRAME_MAX];
	size_t len;
	bool raw; /* given as bytes: compared by the addresses alone */
	uint8_t cookie[COOKIE_LEN];
	unsigned int count;
	unsigned int gap_us;
	int settle_ms;
} opt = {
	.dst = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	.src = {2, 0, 0, 0, 0, 1},
	.type = 0x88b5, /* local experiments */
	.min_len = 60,
	.count = 1,
	.settle_ms = 100,
};

static void parse_mac(const char *text, uint8_t mac[6])
{
	if (sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3],
		   &mac[4], &mac[5]) != 6)
		errx(2, "no MAC address: %s", text);
}

static void parse_hex(const char *text)
{
	int digits = 0;

	for (opt.raw = true; *text; text++) {
		char digit[2] = {*text, '\0'};

		if (!isxdigit((unsigned char)*text))
			continue;
		if (opt.len >= FRAME_MAX)
			errx(2, "frame is too long");
		opt.frame[opt.len] = opt.frame[opt.len] << 4 | strtoul(digit, NULL, 16);
		opt.len += digits++ & 1;
	}
	if (!opt.len || digits & 1)
		errx(2, "no bytes in hexadecimal");
}

static void put16(size_t *at, uint16_t value)
{
	opt.frame[(*at)++] = value >> 8;
	opt.frame[(*at)++] = value & 0xff;
}

static void parse_options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "d:s:e:v:l:x:n:g:w:")) >= 0) {
		if (c == 'd')
			parse_mac(optarg, opt.dst);
		else if (c == 's')
			parse_mac(optarg, opt.src);
		else if (c == 'e')
			opt.type = strtoul(optarg, NULL, 16);
		else if (c == 'v' && opt.n_vids < VIDS_MAX)
			opt.vids[opt.n_vids++] = atoi(optarg);
		else if (c == 'l')
			opt.min_len = strtoul(optarg, NULL, 10);
		else if (c == 'x')
			parse_hex(optarg);
		else if (c == 'n')
			opt.count = atoi(optarg);
		else if (c == 'g')
			opt.gap_us = atoi(optarg);
		else if (c == 'w')
			opt.settle_ms = atoi(optarg);
		else
			exit(2);
	}
	if (optind >= argc)
		errx(2, "usage: frame [OPTION]... NS/LINK [NS/LINK]...");
}

static void build_frame(void)
{
	size_t at = 2 * ETH_ALEN;

	memcpy(opt.frame, opt.dst, ETH_ALEN);
	memcpy(opt.frame + ETH_ALEN, opt.src, ETH_ALEN);
	for (unsigned int i = 0; i < opt.n_vids; i++) {
		put16(&at, ETH_P_8021Q);
		put16(&at, opt.vids[i]);
	}
	put16(&at, opt.type);
	if (getrandom(opt.cookie, COOKIE_LEN, 0) != COOKIE_LEN)
		err(1, "getrandom");
	memcpy(opt.frame + at, opt.cookie, COOKIE_LEN);
	at += COOKIE_LEN;
	opt.len = opt.min_len > at ? opt.min_len : at;
	if (opt.len > FRAME_MAX)
		errx(2, "frame is too long");
}

/* Splits NS/LINK in place and goes into the namespace. Returns the ifindex, 0 for all. */
static unsigned int enter(char *spec, const char **link)
{
	char *slash = strchr(spec, '/');
	unsigned int ifindex;

	if (!slash)
		errx(2, "%s: write NAMESPACE/LINK", spec);
	*slash = '\0';
	*link = slash + 1;
	netns_enter(spec);
	if (!**link)
		return 0;
	ifindex = if_nametoindex(*link);
	if (!ifindex)
		errx(1, "no link %s in namespace %s", *link, spec);
	return ifindex;
}

static int open_socket(unsigned int ifindex, uint16_t protocol)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET, .sll_ifindex = ifindex, .sll_protocol = htons(protocol)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, bytes = 16 << 20;

	if (fd < 0)
		err(1, "packet socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)))
		err(1, "packet socket options");
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		err(1, "bind to ifindex %u", ifindex);
	return fd;
}

static void open_receiver(struct receiver *rx, char *spec)
{
	unsigned int ifindex = enter(spec, &rx->link);

	rx->ns = spec;
	rx->vlan = -1;
	rx->counts = calloc(LINKS_MAX, sizeof(*rx->counts));
	if (!rx->counts)
		err(1, "receiver");
	rx->fd = open_socket(ifindex, ETH_P_ALL);
}

static bool is_ours(const uint8_t *frame, ssize_t len)
{
	if (opt.raw)
		return len >= 12 && opt.len >= 12 && !memcmp(frame, opt.frame, 12);
	return memmem(frame, len < 64 ? len : 64, opt.cookie, COOKIE_LEN) != NULL;
}

/* The kernel takes the outer tag out of the frame; where it went stands in the auxdata. */
static int outer_vlan(struct msghdr *msg, const uint8_t *frame)
{
	const struct tpacket_auxdata *aux;
	struct cmsghdr *cmsg;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		aux = (const void *)CMSG_DATA(cmsg);
		if (cmsg->cmsg_type == PACKET_AUXDATA && aux->tp_status & TP_STATUS_VLAN_VALID)
			return aux->tp_vlan_tci & 0xfff;
	}
	if (frame[12] == 0x81 && frame[13] == 0x00)
		return (frame[14] & 0xf) << 8 | frame[15];
	return -1;
}

/* Returns whether one of our frames was there. */
static bool receive(struct receiver *rx)
{
	static uint8_t frame[FRAME_MAX];
	char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct sockaddr_ll from;
	struct iovec iov = {frame, sizeof(frame)};
	bool seen = false;

	for (;;) {
		struct msghdr msg = {.msg_name = &from,
				     .msg_namelen = sizeof(from),
				     .msg_iov = &iov,
				     .msg_iovlen = 1,
				     .msg_control = control,
				     .msg_controllen = sizeof(control)};
		ssize_t len = recvmsg(rx->fd, &msg, 0);

		if (len < 0 && errno == ENETDOWN)
			continue; /* the link went down once: only news */
		if (len < 0)
			return seen;
		if (len < 12 || !is_ours(frame, len))
			continue;
		seen = true;
		rx->counts[from.sll_ifindex % LINKS_MAX]++;
		rx->vlan = outer_vlan(&msg, frame);
		rx->len = len;
	}
}

static bool receive_all(struct receiver *rx, size_t n)
{
	bool seen = false;

	for (size_t i = 0; i < n; i++)
		seen |= receive(&rx[i]);
	return seen;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static void send_frames(int fd, struct receiver *rx, size_t n)
{
	for (unsigned int i = 0; i < opt.count; i++) {
		while (send(fd, opt.frame, opt.len, 0) < 0) {
			if (errno != ENOBUFS && errno != EAGAIN)
				err(1, "send %zu bytes", opt.len);
			usleep(100);
		}
		if (opt.gap_us)
			usleep(opt.gap_us);
		if (i % 32 == 31)
			receive_all(rx, n);
	}
}

/* Until nothing of ours has arrived for settle_ms. */
static void settle(struct receiver *rx, size_t n)
{
	int64_t last = now_ms();

	while (now_ms() - last < opt.settle_ms) {
		if (receive_all(rx, n))
			last = now_ms();
		usleep(2000);
	}
}

static void print(const struct receiver *rx)
{
	unsigned int total = 0;
	char name[IF_NAMESIZE], vlan[16] = "-";

	if (rx->vlan >= 0)
		snprintf(vlan, sizeof(vlan), "%d", rx->vlan);
	netns_enter(rx->ns);
	for (unsigned int i = 0; i < LINKS_MAX; i++) {
		total += rx->counts[i];
		if (!*rx->link && rx->counts[i])
			printf("%s/%s %u %s %d\n", rx->ns, if_indextoname(i, name) ?: "?",
			       rx->counts[i], vlan, rx->len);
	}
	if (*rx->link)
		printf("%s/%s %u %s %d\n", rx->ns, rx->link, total, vlan, rx->len);
}

int main(int argc, char **argv)
{
	const char *link;
	struct receiver *rx;
	unsigned int ifindex;
	size_t n;
	int fd;

	parse_options(argc, argv);
	if (!opt.raw)
		build_frame();
	netns_enter("@");
	n = argc - optind - 1;
	rx = calloc(n + 1, sizeof(*rx));
	if (!rx)
		err(1, "receivers");
	for (size_t i = 0; i < n; i++)
		open_receiver(&rx[i], argv[optind + 1 + i]);
	ifindex = enter(argv[optind], &link);
	fd = open_socket(ifindex, 0);
	send_frames(fd, rx, n);
	settle(rx, n);
	for (size_t i = 0; i < n; i++)
		print(&rx[i]);
	return 0;
}
