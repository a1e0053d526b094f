// SPDX-License-Identifier: Apache-2.0
/*
 * How long a link that appears takes until a frame gets through it: makes links one after the
 * other, sends into each without pause, and waits for the first frame to arrive at a machine
 * that is already there.
 *
 *	firstframe veth|tap PREFIX FAR-NS RECEIVER-NS RECEIVER-LINK COUNT
 *
 * Links are called PREFIX0, PREFIX1, …; a veth's other end is eth0 of FAR-NS. Prints a line for
 * each: nanoseconds from before its creation, and from when it was up, until the arrival.
 */
#include <config.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>

#include "../lib/netns.h"

#define PROTO_EXPERIMENT 0x88b5 /* IEEE Std 802 local experimental EtherType 1 */
#define GAP_NS 20000		/* between tries: leaves the core to the switch */
#define QUIET_NS 20000000	/* between links: each is an event of its own */
#define DEADLINE_NS 5000000000

struct frame {
	uint8_t dst[ETH_ALEN];
	uint8_t src[ETH_ALEN];
	uint16_t proto_be;
	uint32_t id;
	uint8_t pad[42];
} __attribute__((packed));
_Static_assert(sizeof(struct frame) == ETH_ZLEN, "shortest frame");

static const char *far_ns;
static struct nl_sock *nl;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void pause_ns(long ns)
{
	nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

static void link_up(const char *name)
{
	struct ifreq ifr = {};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", name);
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &ifr))
		err(1, "%s", name);
	ifr.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr))
		err(1, "%s: up", name);
	close(fd);
}

/* Frames of our EtherType on one link of the current namespace; fills its address. */
static int packet_open(const char *link, uint8_t *mac)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(PROTO_EXPERIMENT),
		.sll_ifindex = (int)if_nametoindex(link),
	};
	struct ifreq ifr = {};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", link);
	if (fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof(to)) ||
	    ioctl(fd, SIOCGIFHWADDR, &ifr))
		err(1, "packet socket on %s", link);
	memcpy(mac, ifr.ifr_hwaddr.sa_data, ETH_ALEN);
	return fd;
}

/* Return: what sends as the machine behind the tap. */
static int tap_new(const char *name)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr))
		err(1, "tap %s", name);
	link_up(name);
	return fd;
}

static int veth_new(const char *name, uint8_t *mac)
{
	struct rtnl_link *link = rtnl_link_veth_alloc();
	struct rtnl_link *peer = link ? rtnl_link_veth_get_peer(link) : NULL;
	char path[64];
	int ns, fd, ret;

	snprintf(path, sizeof(path), "/run/netns/%s", far_ns);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (!peer || ns < 0)
		err(1, "namespace %s", far_ns);
	rtnl_link_set_name(link, name);
	rtnl_link_set_name(peer, "eth0");
	rtnl_link_set_ns_fd(peer, ns);
	ret = rtnl_link_add(nl, link, NLM_F_CREATE | NLM_F_EXCL);
	if (ret)
		errx(1, "veth %s: %s", name, nl_geterror(ret));
	rtnl_link_put(peer);
	rtnl_link_put(link);
	close(ns);
	link_up(name);
	netns_enter(far_ns);
	link_up("eth0");
	fd = packet_open("eth0", mac);
	netns_enter("@");
	return fd;
}

static void veth_del(const char *name)
{
	struct rtnl_link *link = rtnl_link_alloc();

	rtnl_link_set_name(link, name);
	if (rtnl_link_delete(nl, link))
		errx(1, "cannot delete %s", name);
	rtnl_link_put(link);
}

static bool arrived(int fd, uint32_t id)
{
	struct frame frame;

	while (recv(fd, &frame, sizeof(frame), 0) == sizeof(frame))
		if (frame.id == id)
			return true;
	return false;
}

/* A tap that is not up yet refuses the frame, as a full queue does. */
static uint64_t first_arrival(int to, int receiver, const struct frame *frame)
{
	uint64_t end = now_ns() + DEADLINE_NS;

	while (now_ns() < end) {
		if (write(to, frame, sizeof(*frame)) < 0 && errno != EIO && errno != EAGAIN &&
		    errno != ENOBUFS && errno != ENETDOWN)
			err(1, "write");
		if (arrived(receiver, frame->id))
			return now_ns();
		pause_ns(GAP_NS);
	}
	errx(1, "no frame got through link %u", frame->id);
}

static void measure(bool tap, const char *name, int receiver, struct frame *frame)
{
	uint64_t start = now_ns(), up, arrival;
	int fd = tap ? tap_new(name) : veth_new(name, frame->src);

	up = now_ns();
	arrival = first_arrival(fd, receiver, frame);
	printf("%llu %llu\n", (unsigned long long)(arrival - start),
	       (unsigned long long)(arrival - up));
	close(fd);
	if (!tap)
		veth_del(name);
	pause_ns(QUIET_NS);
}

int main(int argc, char **argv)
{
	struct frame frame = {.src = {0x02, 0, 0, 0, 0, 1}, .proto_be = htons(PROTO_EXPERIMENT)};
	char name[IFNAMSIZ];
	int receiver;

	if (argc != 7)
		errx(2, "usage: firstframe veth|tap PREFIX FAR-NS RECEIVER-NS RECEIVER-LINK COUNT");
	far_ns = argv[3];
	nl = nl_socket_alloc();
	netns_enter("@");
	if (!nl || nl_connect(nl, NETLINK_ROUTE))
		errx(1, "no netlink socket");
	netns_enter(argv[4]);
	receiver = packet_open(argv[5], frame.dst);
	netns_enter("@");
	for (uint32_t i = 0; i < (uint32_t)atoi(argv[6]); i++) {
		frame.id = i;
		frame.src[4] = (uint8_t)(i >> 8);
		frame.src[5] = (uint8_t)i;
		snprintf(name, sizeof(name), "%s%u", argv[2], i);
		measure(!strcmp(argv[1], "tap"), name, receiver, &frame);
	}
	return 0;
}
