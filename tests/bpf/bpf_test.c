// SPDX-License-Identifier: Apache-2.0
/*
 * Namespaces, links and sockets of the data path's tests. What the maps hold is in
 * bpf_test_maps.c.
 */
#include "bpf_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/ecswitch.skel.h"

#define EXPECT_MS 2000
#define QUIET_MS 40

#define BT_LOAD(reg, field)                                                                        \
	{                                                                                          \
		.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = (reg), .src_reg = BPF_REG_1,         \
		.off = offsetof(struct __sk_buff, field),                                          \
	}

const uint8_t bt_broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
const uint8_t bt_nobody[6] = {2, 0, 0, 0, 9, 9};

void bt_ip(const char *fmt, ...)
{
	char command[512] = "ip ";
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command + 3, sizeof(command) - 3, fmt, ap);
	va_end(ap);
	if (system(command))
		fail_msg("failed: %s", command);
}

void bt_enter(int ns)
{
	if (setns(ns, CLONE_NEWNET))
		fail_msg("setns: %s", strerror(errno));
}

/* A new namespace, entered. Without IPv6, whose own frames would be counted too. */
static int new_ns(void)
{
	int fd;

	if (unshare(CLONE_NEWNET))
		fail_msg("unshare: %s", strerror(errno));
	fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY);
	if (fd >= 0) {
		if (write(fd, "1", 1) != 1)
			fail_msg("disable_ipv6: %s", strerror(errno));
		close(fd);
	}
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

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

static void make_end(struct bt *bt, int i)
{
	struct bt_end *end = &bt->end[i];
	char near_name[IFNAMSIZ], far_name[IFNAMSIZ];
	const uint8_t mac[6] = {2, 0, 0, 0, 1, (uint8_t)(i + 1)};
	const uint8_t far_mac[6] = {2, 0, 0, 0, 0, (uint8_t)(i + 1)};
	int on = 1;

	snprintf(near_name, sizeof(near_name), "near%d", i);
	snprintf(far_name, sizeof(far_name), "far%d", i);
	memcpy(end->mac, mac, 6);
	memcpy(end->far_mac, far_mac, 6);
	end->far_ns = new_ns();
	bt_enter(bt->ns);
	bt_ip("link add %s address 02:00:00:00:01:%02x type veth"
	      " peer name %s address 02:00:00:00:00:%02x netns /proc/%d/fd/%d",
	      near_name, i + 1, far_name, i + 1, getpid(), end->far_ns);
	bt_ip("link set %s up promisc on", near_name);
	end->ifindex = if_nametoindex(near_name);
	bt_enter(end->far_ns);
	bt_ip("link set %s up", far_name);
	end->far_ifindex = if_nametoindex(far_name);
	end->far_sock = bt_sock(end->far_ifindex, ETH_P_ALL);
	setsockopt(end->far_sock, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
	bt_enter(bt->ns);
}

static void attach(uint32_t ifindex, enum bpf_tc_attach_point point, struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = point);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 10,
		    .prog_fd = bpf_program__fd(prog));

	assert_int_equal(bpf_tc_attach(&hook, &opts), 0);
}

static void attach_insns(uint32_t ifindex, uint32_t priority, const struct bpf_insn *insns,
			 size_t count)
{
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "other", "GPL", insns, count, NULL);
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = priority, .prog_fd = fd);

	assert_true(fd >= 0);
	assert_int_equal(bpf_tc_attach(&hook, &opts), 0);
	close(fd);
}

/* Behind our filter on the uplink's ingress, where the kernel is about to take a tag off that no
 * VLAN device claims: mark |= vlan_present << 16 | vlan_tci. bt_expect_host() reads it. */
static void attach_witness(uint32_t ifindex)
{
	const struct bpf_insn insns[] = {
		BT_LOAD(BPF_REG_2, vlan_present),
		{.code = BPF_ALU | BPF_LSH | BPF_K, .dst_reg = BPF_REG_2, .imm = 16},
		BT_LOAD(BPF_REG_3, vlan_tci),
		{.code = BPF_ALU | BPF_OR | BPF_X, .dst_reg = BPF_REG_2, .src_reg = BPF_REG_3},
		BT_LOAD(BPF_REG_3, mark),
		{.code = BPF_ALU | BPF_OR | BPF_X, .dst_reg = BPF_REG_2, .src_reg = BPF_REG_3},
		{.code = BPF_STX | BPF_MEM | BPF_W,
		 .dst_reg = BPF_REG_1,
		 .src_reg = BPF_REG_2,
		 .off = offsetof(struct __sk_buff, mark)},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = TC_ACT_UNSPEC},
		{.code = BPF_JMP | BPF_EXIT},
	};

	attach_insns(ifindex, 20, insns, sizeof(insns) / sizeof(insns[0]));
}

/*
 * Ahead of our filter, as somebody else's may be: the frames of this port carry a mark. Linux 6.1
 * does not allow to store an immediate into the context.
 */
static void attach_marker(uint32_t ifindex)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 0x77},
		{.code = BPF_STX | BPF_MEM | BPF_W,
		 .dst_reg = BPF_REG_1,
		 .src_reg = BPF_REG_2,
		 .off = offsetof(struct __sk_buff, mark)},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = TC_ACT_UNSPEC},
		{.code = BPF_JMP | BPF_EXIT},
	};

	attach_insns(ifindex, 5, insns, sizeof(insns) / sizeof(insns[0]));
}

static void attach_all(struct bt *bt)
{
	uint32_t uplink = bt->end[BT_LAN].ifindex;

	for (int i = 0; i <= BT_LAN; i++) {
		LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)bt->end[i].ifindex,
			    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);

		assert_int_equal(bpf_tc_hook_create(&hook), 0);
		if (i != BT_LAN)
			attach(bt->end[i].ifindex, BPF_TC_INGRESS, bt->bpf->progs.ecs_from_vm);
	}
	attach(uplink, BPF_TC_INGRESS, bt->bpf->progs.ecs_from_uplink);
	attach(uplink, BPF_TC_EGRESS, bt->bpf->progs.ecs_to_uplink);
	attach_witness(uplink);
	attach_marker(bt->end[BT_MARKED].ifindex);
}

static int on_event(void *ctx, void *data, size_t len)
{
	struct bt *bt = ctx;

	assert_int_equal(len, sizeof(bt->event));
	memcpy(&bt->event, data, len);
	return 0;
}

static int silent(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, fmt, ap) : 0;
}

int bt_group_setup(void **state)
{
	struct bt *bt = calloc(1, sizeof(*bt));

	if (geteuid()) {
		fprintf(stderr, "SKIP: loading BPF programs needs root\n");
		exit(77);
	}
	assert_non_null(bt);
	libbpf_set_print(silent);
	bt->ns = new_ns();
	bt_ip("link set lo up");
	for (int i = 0; i <= BT_LAN; i++)
		make_end(bt, i);
	bt->bpf = ecswitch_bpf__open_and_load();
	assert_non_null(bt->bpf);
	attach_all(bt);
	bt->host_sock = bt_sock(bt->end[BT_LAN].ifindex, BT_PROTO);
	bt->tap_sock = bt_sock(bt->end[BT_LAN].ifindex, ETH_P_ALL);
	bt->ring = ring_buffer__new(bpf_map__fd(bt->bpf->maps.ecs_events), on_event, bt, NULL);
	assert_non_null(bt->ring);
	*state = bt;
	return 0;
}

int bt_group_teardown(void **state)
{
	struct bt *bt = *state;

	ring_buffer__free(bt->ring);
	ecswitch_bpf__destroy(bt->bpf);
	close(bt->host_sock);
	close(bt->tap_sock);
	for (int i = 0; i <= BT_LAN; i++) {
		close(bt->end[i].far_sock);
		close(bt->end[i].far_ns);
	}
	close(bt->ns);
	free(bt);
	return 0;
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
	}
}

/* One frame that is there now. A tag in the payload (a capture on the way out) counts too. */
static bool read_frame(int sock, struct bt_frame *out)
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
		while (read_frame(sock, out))
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
