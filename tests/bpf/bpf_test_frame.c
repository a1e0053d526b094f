// SPDX-License-Identifier: Apache-2.0
/*
 * Packet sockets and frames of the data path's tests.
 */
#include "bpf_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sys/socket.h>

#define EXPECT_MS 2000
#define QUIET_MS 40

const uint8_t bt_broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
const uint8_t bt_nobody[6] = {2, 0, 0, 0, 9, 9};

int bt_sock(uint32_t ifindex, uint16_t proto)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(proto),
		.sll_ifindex = (int)ifindex,
	};
	int sock = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1;

	assert_true(sock >= 0);
	assert_int_equal(setsockopt(sock, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(sock, SOL_SOCKET, SO_RCVMARK, &on, sizeof(on)), 0);
	assert_int_equal(bind(sock, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return sock;
}

struct bt_frame *bt_build(struct bt_frame *frame, const uint8_t *dst, const uint8_t *src, int tci)
{
	uint8_t *at = frame->data;

	memset(frame, 0, sizeof(*frame));
	memcpy(at, dst, 6);
	memcpy(at + 6, src, 6);
	at += 12;
	if (tci >= 0) {
		*at++ = 0x81;
		*at++ = 0x00;
		*at++ = (uint8_t)(tci >> 8);
		*at++ = (uint8_t)tci;
	}
	*at++ = BT_PROTO >> 8;
	*at++ = BT_PROTO & 0xff;
	frame->len = BT_FRAME + (tci >= 0 ? 4 : 0);
	return frame;
}

void bt_send(int sock, const struct bt_frame *frame)
{
	if (send(sock, frame->data, frame->len, 0) != (ssize_t)frame->len)
		fail_msg("send: %s", strerror(errno));
}

static void read_cmsgs(struct msghdr *msg, struct bt_frame *out)
{
	struct tpacket_auxdata aux;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_MARK)
			memcpy(&out->mark, CMSG_DATA(c), sizeof(out->mark));
		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		out->tagged = aux.tp_status & TP_STATUS_VLAN_VALID;
		out->tci = aux.tp_vlan_tci;
		out->unfinished = aux.tp_status & TP_STATUS_CSUMNOTREADY;
	}
}

/* One frame that is there now. A tag in the payload (a capture on the way out) counts too. */
bool bt_read(int sock, struct bt_frame *out)
{
	struct sockaddr_ll from;
	struct iovec iov = {out->data, sizeof(out->data)};
	char control[256];
	struct msghdr msg = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t len = recvmsg(sock, &msg, 0);

	if (len < 0)
		return false;
	out->len = (uint32_t)len;
	out->tagged = false;
	out->unfinished = false;
	out->mark = 0;
	out->pkt_type = from.sll_pkttype;
	read_cmsgs(&msg, out);
	return true;
}

static bool is_test_frame(const struct bt_frame *frame)
{
	const uint8_t *proto = frame->data + 12;

	if (proto[0] == 0x81 && proto[1] == 0x00) {
		if (frame->len < 18)
			return true; /* cut by a test: nobody else sends such */
		proto += 4;
	}
	return proto[0] == BT_PROTO >> 8 && proto[1] == (BT_PROTO & 0xff);
}

static bool wait_frame(int sock, struct bt_frame *out, int wait_ms)
{
	struct pollfd poll_fd = {.fd = sock, .events = POLLIN};

	for (;;) {
		while (bt_read(sock, out))
			if (is_test_frame(out))
				return true;
		if (poll(&poll_fd, 1, wait_ms) <= 0)
			return false;
	}
}

void bt_expect(int sock, struct bt_frame *out)
{
	if (!wait_frame(sock, out, EXPECT_MS))
		fail_msg("no frame within %d ms", EXPECT_MS);
}

void bt_expect_host(struct bt *bt, struct bt_frame *out)
{
	bt_expect_after(bt->host_sock, out);
}

void bt_expect_after(int sock, struct bt_frame *out)
{
	bt_expect(sock, out);
	out->tagged = out->mark >> 16 & 1;
	out->tci = (uint16_t)out->mark;
	out->mark &= ~0x1ffffu;
}

void bt_expect_none(int sock)
{
	struct bt_frame frame;

	if (wait_frame(sock, &frame, QUIET_MS))
		fail_msg("unexpected frame of %u bytes to %02x:..:%02x", frame.len, frame.data[0],
			 frame.data[5]);
}
