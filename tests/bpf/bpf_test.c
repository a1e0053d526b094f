// SPDX-License-Identifier: Apache-2.0
/*
 * Namespaces, links and programs of the data path's tests. What the maps hold is in
 * bpf_test_maps.c, frames are in bpf_test_frame.c.
 */
#include "bpf_test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/ecswitch.skel.h"

#define BT_LOAD(reg, field)                                                                        \
	{                                                                                          \
		.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = (reg), .src_reg = BPF_REG_1,         \
		.off = offsetof(struct __sk_buff, field),                                          \
	}

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
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 10, .prog_fd = bt_prog_fd(prog));

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
		attach(bt->end[i].ifindex, BPF_TC_INGRESS, bt->bpf->progs.ecs_from_port);
	}
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
	bt->bpf = bt_load();
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
