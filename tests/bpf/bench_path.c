// SPDX-License-Identifier: Apache-2.0
/*
 * What a frame costs in the data path's programs: BPF_PROG_TEST_RUN, many times over one frame,
 * without the cost of sending it. Build and run by hand: make tests/bpf/bench_path.
 */
#include "bpf_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "kernel/ecswitch.skel.h"

#define REPEAT 1000000
#define ROUNDS 5

static uint32_t run_ns(int prog_fd, uint32_t ifindex, const struct bt_frame *frame)
{
	struct __sk_buff in = {.ifindex = ifindex};
	uint32_t best = UINT32_MAX;

	for (int i = 0; i < ROUNDS; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->data,
			    .data_size_in = frame->len, .ctx_in = &in, .ctx_size_in = sizeof(in),
			    .repeat = REPEAT);

		assert_int_equal(bpf_prog_test_run_opts(prog_fd, &opts), 0);
		if (opts.duration < best)
			best = opts.duration;
	}
	return best;
}

/* The least that any forwarding program does. */
static int bare_redirect(uint32_t ifindex)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1, .imm = (int)ifindex},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 0},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "bare", "GPL", insns,
			       sizeof(insns) / sizeof(insns[0]), NULL);

	assert_true(fd >= 0);
	return fd;
}

static void report(const char *what, uint32_t ns)
{
	printf("%-40s %4u ns\n", what, ns);
}

static void measure(void **state)
{
	struct bt *bt = *state;
	struct bt_frame frame;
	int from_port = bpf_program__fd(bt->bpf->progs.ecs_from_port);
	int to_uplink = bpf_program__fd(bt->bpf->progs.ecs_to_uplink);
	int bare = bare_redirect(bt->end[1].ifindex);
	uint32_t vm = bt->end[0].ifindex, uplink = bt->end[BT_LAN].ifindex;

	bt_network(bt, BT_NETWORK);
	bt_vm(bt, 0, BT_NETWORK, 0);
	bt_vm(bt, 1, BT_NETWORK, 0);
	bt_vm(bt, 2, BT_NETWORK, ECS_PORT_PEER);
	bt_uplink(bt, BT_NETWORK, 0, 0);
	for (int i = 1; i < 3; i++)
		bt_fdb_set(bt, BT_NETWORK, bt->end[i].far_mac, bt->end[i].ifindex, 0);
	bt_build(&frame, bt->end[1].far_mac, bt->end[0].far_mac, -1);
	report("bare bpf_redirect, to compare", run_ns(bare, vm, &frame));
	report("VM to VM", run_ns(from_port, vm, &frame));
	bt_build(&frame, bt->end[2].far_mac, bt->end[0].far_mac, -1);
	report("VM to VM, peer redirect", run_ns(from_port, vm, &frame));
	bt_build(&frame, bt->end[1].far_mac, bt->end[BT_LAN].far_mac, -1);
	report("wire to VM", run_ns(from_port, uplink, &frame));
	bt_build(&frame, bt->end[BT_LAN].mac, bt->end[BT_LAN].far_mac, -1);
	report("wire to host", run_ns(from_port, uplink, &frame));
	bt_build(&frame, bt->end[BT_LAN].far_mac, bt->end[BT_LAN].mac, -1);
	report("host to wire", run_ns(to_uplink, uplink, &frame));
	bt_patch(bt, 0, 1);
	report("patch", run_ns(from_port, vm, &frame));
}

int main(void)
{
	const struct CMUnitTest tests[] = {BT_TEST(measure)};

	return cmocka_run_group_tests(tests, bt_group_setup, bt_group_teardown);
}
