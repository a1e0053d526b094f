// SPDX-License-Identifier: Apache-2.0
/*
 * Stands for a virtual machine: holds a tap as QEMU does and carries its frames to and from a
 * second tap in another namespace, where a whole network stack sits behind it. Both taps have
 * a vnet header and the offloads of virtio-net, so that large segments stay large and
 * checksums stay partial from one stack to the other.
 *
 *	taphost TAP NETNS GUEST-TAP [MTU]
 *
 * TAP is made in the current namespace unless it exists (a persistent tap). Prints "ready"
 * and runs until it is killed; both taps go with it.
 */
#include <config.h>

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/if_tun.h>
#include <net/if.h>

#include "netns.h"

#define FRAME_MAX (65536 + 64)

static void link_up(const char *name, int mtu)
{
	struct ifreq ifr = {};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", name);
	ifr.ifr_mtu = mtu;
	if (fd < 0 || (mtu && ioctl(fd, SIOCSIFMTU, &ifr)))
		err(1, "%s: MTU %d", name, mtu);
	if (ioctl(fd, SIOCGIFFLAGS, &ifr))
		err(1, "%s", name);
	ifr.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr))
		err(1, "%s: up", name);
	close(fd);
}

static int tap_open(const char *name, int mtu)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		err(1, "/dev/net/tun");
	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", name);
	if (ioctl(fd, TUNSETIFF, &ifr))
		err(1, "%s", name);
	if (ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN))
		err(1, "%s: offloads", name);
	link_up(name, mtu);
	return fd;
}

/* Up to 64 frames, so that neither direction starves the other. A guest that is not ready or a
 * full queue loses frames, as hardware would. */
static void carry(int from, int to)
{
	static uint8_t frame[FRAME_MAX];

	for (int i = 0; i < 64; i++) {
		ssize_t len = read(from, frame, sizeof(frame));

		if (len < 0 && errno != EAGAIN && errno != EINTR && errno != EIO)
			err(1, "read");
		if (len <= 0)
			return;
		if (write(to, frame, len) < 0 && errno != EAGAIN && errno != EIO &&
		    errno != EINVAL && errno != ENOBUFS)
			err(1, "write");
	}
}

int main(int argc, char **argv)
{
	struct pollfd fds[2] = {{.events = POLLIN}, {.events = POLLIN}};
	int mtu;

	if (argc < 4)
		errx(2, "usage: taphost TAP NETNS GUEST-TAP [MTU]");
	mtu = argc > 4 ? atoi(argv[4]) : 0;
	netns_enter("@");
	netns_enter(argv[2]);
	fds[1].fd = tap_open(argv[3], mtu);
	netns_enter("@");
	fds[0].fd = tap_open(argv[1], mtu);
	puts("ready");
	fflush(stdout);
	while (poll(fds, 2, -1) >= 0 || errno == EINTR) {
		if (fds[0].revents)
			carry(fds[0].fd, fds[1].fd);
		if (fds[1].revents)
			carry(fds[1].fd, fds[0].fd);
	}
	err(1, "poll");
}
