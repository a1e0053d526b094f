// SPDX-License-Identifier: Apache-2.0
/* clsact, filters and batches of them, against a trivial BPF program that counts its frames. */
#include "netlink_test.h"
#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <ecswitch/cleanup.h>
#include "netlink/tc.h"
#include "netlink/veth.h"

#define TEST_ETHERTYPE 0x88b5 /* IEEE 802 local experimental */
#define FRAMES 20000

static int bpf_call(int cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static int map_new(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1};
	int fd = bpf_call(BPF_MAP_CREATE, &attr);

	assert_true(fd >= 0);
	return fd;
}

static uint64_t map_value(int map)
{
	uint64_t value = 0;
	uint32_t key = 0;
	union bpf_attr attr = {
		.map_fd = (uint32_t)map, .key = (uintptr_t)&key, .value = (uintptr_t)&value};

	assert_int_equal(bpf_call(BPF_MAP_LOOKUP_ELEM, &attr), 0);
	return value;
}

/* Counts the frames of TEST_ETHERTYPE in the map and returns TC_ACT_UNSPEC. */
static int prog_new(int map)
{
	const struct bpf_insn code[] = {
		{.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 6, .src_reg = 1, .off = 16},
		{.code = BPF_JMP | BPF_JNE | BPF_K,
		 .dst_reg = 6,
		 .off = 9,
		 .imm = htons(TEST_ETHERTYPE)},
		{.code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = 10, .off = -4, .imm = 0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 2, .src_reg = 10},
		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 2, .imm = -4},
		{.code = BPF_LD | BPF_IMM | BPF_DW,
		 .dst_reg = 1,
		 .src_reg = BPF_PSEUDO_MAP_FD,
		 .imm = map},
		{.code = 0},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_map_lookup_elem},
		{.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 0, .off = 2, .imm = 0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 1, .imm = 1},
		{.code = BPF_STX | BPF_ATOMIC | BPF_DW, .dst_reg = 0, .src_reg = 1, .imm = BPF_ADD},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = -1},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SCHED_CLS,
			       .insns = (uintptr_t)code,
			       .insn_cnt = ECS_ARRAY_SIZE(code),
			       .license = (uintptr_t) "Apache-2.0"};
	int fd = bpf_call(BPF_PROG_LOAD, &attr);

	assert_true(fd >= 0);
	return fd;
}

static uint32_t prog_id(int prog)
{
	struct bpf_prog_info info = {0};
	union bpf_attr attr = {.info = {.bpf_fd = (uint32_t)prog,
					.info_len = sizeof(info),
					.info = (uintptr_t)&info}};

	assert_int_equal(bpf_call(BPF_OBJ_GET_INFO_BY_FD, &attr), 0);
	return info.id;
}

static int tc_one(enum ecs_tc_verb verb, uint32_t ifindex, enum ecs_hook hook, int prog)
{
	struct ecs_tc_op op = {.verb = verb,
			       .ifindex = ifindex,
			       .hook = hook,
			       .prog_fd = prog,
			       .name = "ecs-test"};
	struct ecs_err err = {0};
	int ret = ecs_tc_run(world.nl, &op, 1, &err);

	if (ret < 0)
		fail_msg("%s", err.text);
	assert_int_equal(ret, op.result != 0);
	return op.result;
}

struct filters {
	struct ecs_filter items[16];
	size_t len;
};

static void collect(const struct ecs_filter *filter, void *ctx)
{
	struct filters *filters = ctx;

	assert_true(filters->len < ECS_ARRAY_SIZE(filters->items));
	filters->items[filters->len++] = *filter;
}

static struct filters filters_of(uint32_t ifindex, enum ecs_hook hook)
{
	struct filters filters = {.len = 0};
	struct ecs_err err = {0};

	if (ecs_filter_list(world.nl, ifindex, hook, collect, &filters, &err) < 0)
		fail_msg("%s", err.text);
	return filters;
}

static uint32_t veth_new(void)
{
	assert_int_equal(ecs_veth_add(world.nl, "va", "vb", 0, NULL, NULL), 0);
	return index_of("va");
}

static void clsact_is_refused_twice_and_deleted_once(void **state)
{
	uint32_t va = veth_new();

	assert_int_equal(tc_one(ECS_TC_CLSACT_DEL, va, 0, -1), -ENOENT);
	assert_int_equal(tc_one(ECS_TC_CLSACT_ADD, va, 0, -1), 0);
	assert_int_equal(tc_one(ECS_TC_CLSACT_ADD, va, 0, -1), -EEXIST);
	assert_int_equal(tc_one(ECS_TC_CLSACT_DEL, va, 0, -1), 0);
	assert_int_equal(tc_one(ECS_TC_CLSACT_DEL, va, 0, -1), -ENOENT);
	assert_int_equal(tc_one(ECS_TC_CLSACT_ADD, 4711, 0, -1), -ENODEV);
	assert_int_equal(tc_one(ECS_TC_CLSACT_DEL, 4711, 0, -1), -ENODEV);
}

static void ingress_qdisc_in_the_place_of_clsact_is_busy_and_kept(void **state)
{
	struct ecs_tc_op op = {.verb = ECS_TC_CLSACT_ADD, .ifindex = veth_new()};

	run("tc qdisc add dev va ingress");
	assert_int_equal(ecs_tc_run(world.nl, &op, 1, NULL), 1);
	assert_int_equal(op.result, -EBUSY);
	assert_non_null(strstr(op.text, "ingress"));
	assert_int_equal(tc_one(ECS_TC_CLSACT_DEL, op.ifindex, 0, -1), -ENOENT);
	assert_int_equal(ecs_filter_list(world.nl, op.ifindex, 0, collect, NULL, NULL), -ENOENT);
	run("tc qdisc show dev va | grep -q ingress");
}

static void filter_is_replaced_again_and_again_and_deleted(void **state)
{
	int map = map_new(), first = prog_new(map), second = prog_new(map);
	uint32_t va = veth_new();
	struct filters filters;

	assert_int_equal(tc_one(ECS_TC_FILTER_REPLACE, va, ECS_HOOK_EGRESS, first), -ENOENT);
	assert_int_equal(tc_one(ECS_TC_FILTER_DEL, va, ECS_HOOK_EGRESS, -1), -ENOENT);
	assert_int_equal(tc_one(ECS_TC_CLSACT_ADD, va, 0, -1), 0);
	for (int i = 0; i < 4; i++) {
		int prog = i % 2 ? second : first;

		assert_int_equal(tc_one(ECS_TC_FILTER_REPLACE, va, ECS_HOOK_EGRESS, prog), 0);
		filters = filters_of(va, ECS_HOOK_EGRESS);
		assert_int_equal(filters.len, 1);
		assert_int_equal(filters.items[0].prog_id, prog_id(prog));
	}
	assert_int_equal(filters.items[0].ifindex, va);
	assert_int_equal(filters.items[0].hook, ECS_HOOK_EGRESS);
	assert_int_equal(filters.items[0].pref, ECS_FILTER_PREF);
	assert_int_equal(filters.items[0].handle, ECS_FILTER_HANDLE);
	assert_int_equal(filters.items[0].chain, 0);
	assert_string_equal(filters.items[0].kind, "bpf");
	assert_string_equal(filters.items[0].name, "ecs-test");
	assert_int_equal(filters_of(va, ECS_HOOK_INGRESS).len, 0);
	assert_int_equal(tc_one(ECS_TC_FILTER_DEL, va, ECS_HOOK_EGRESS, -1), 0);
	assert_int_equal(tc_one(ECS_TC_FILTER_DEL, va, ECS_HOOK_EGRESS, -1), -ENOENT);
	close(first), close(second), close(map);
}

static void *send_frames(void *arg)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = *(int *)arg};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	unsigned char frame[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5};
	intptr_t sent = 0;

	for (int i = 0; i < FRAMES; i++)
		sent += sendto(fd, frame, sizeof(frame), 0, (void *)&to, sizeof(to)) > 0;
	close(fd);
	return (void *)sent;
}

/* Every frame is counted by one of the two programs, whichever stands there at the time. */
static void no_frame_passes_between_two_programs(void **state)
{
	int map = map_new(), progs[] = {prog_new(map), prog_new(map)}, replaced = 0;
	uint32_t va = veth_new();
	int vb = (int)index_of("vb");
	double end = now_s() + DEADLINE_MS / 1000.0;
	pthread_t sender;
	void *sent;

	run("ip link set va up && ip link set vb up");
	assert_int_equal(tc_one(ECS_TC_CLSACT_ADD, va, 0, -1), 0);
	assert_int_equal(tc_one(ECS_TC_FILTER_REPLACE, va, ECS_HOOK_INGRESS, progs[0]), 0);
	assert_int_equal(pthread_create(&sender, NULL, send_frames, &vb), 0);
	while (map_value(map) < FRAMES && now_s() < end)
		assert_int_equal(
			tc_one(ECS_TC_FILTER_REPLACE, va, ECS_HOOK_INGRESS, progs[++replaced % 2]),
			0);
	pthread_join(sender, &sent);
	assert_int_equal((intptr_t)sent, FRAMES);
	assert_int_equal(map_value(map), FRAMES);
	print_message("%d replacements during %d frames\n", replaced, FRAMES);
	assert_true(replaced > 10);
	close(progs[0]), close(progs[1]), close(map);
}

static void foreign_filters_are_listed_and_left_alone(void **state)
{
	int map = map_new(), prog = prog_new(map);
	uint32_t va = veth_new();
	struct filters filters;

	run("tc qdisc add dev va clsact");
	run("tc filter add dev va ingress pref 7 protocol all bpf da bytecode '1,6 0 0 0'");
	run("tc filter add dev va ingress pref %d chain 5 handle 1 protocol all bpf da "
	    "bytecode '1,6 0 0 0'",
	    ECS_FILTER_PREF);
	assert_int_equal(tc_one(ECS_TC_FILTER_REPLACE, va, ECS_HOOK_INGRESS, prog), 0);
	filters = filters_of(va, ECS_HOOK_INGRESS);
	assert_true(filters.len >= 3);
	assert_int_equal(filters.items[0].pref, 7);
	assert_int_equal(filters.items[filters.len - 2].chain, 0);
	assert_int_equal(filters.items[filters.len - 2].prog_id, prog_id(prog));
	assert_int_equal(filters.items[filters.len - 1].chain, 5);
	assert_int_equal(tc_one(ECS_TC_FILTER_DEL, va, ECS_HOOK_INGRESS, -1), 0);
	assert_int_equal(filters_of(va, ECS_HOOK_INGRESS).len, filters.len - 1);
	close(prog), close(map);
}

static void results_of_a_mixed_batch_are_each_ones_own(void **state)
{
	int map = map_new(), prog = prog_new(map);
	uint32_t va = veth_new(), vb = index_of("vb");
	struct ecs_tc_op ops[] = {
		{.verb = ECS_TC_CLSACT_ADD, .ifindex = 4711},
		{.verb = ECS_TC_CLSACT_ADD, .ifindex = va},
		{.verb = ECS_TC_CLSACT_ADD, .ifindex = va},
		{.verb = ECS_TC_FILTER_REPLACE, .ifindex = va, .prog_fd = prog},
		{.verb = ECS_TC_FILTER_REPLACE, .ifindex = va, .prog_fd = map},
		{.verb = ECS_TC_FILTER_REPLACE, .ifindex = vb, .prog_fd = prog},
		{.verb = ECS_TC_CLSACT_ADD, .ifindex = vb},
		{.verb = ECS_TC_FILTER_DEL, .ifindex = vb},
	};
	static const int expected[] = {-ENODEV, 0, -EEXIST, 0, -EINVAL, -EINVAL, 0, -ENOENT};

	assert_int_equal(ecs_tc_run(world.nl, ops, ECS_ARRAY_SIZE(ops), NULL), 5);
	for (size_t i = 0; i < ECS_ARRAY_SIZE(ops); i++)
		assert_int_equal(ops[i].result, expected[i]);
	assert_true(ops[2].text[0] != '\0');
	assert_true(ops[3].text[0] == '\0');
	assert_int_equal(filters_of(va, ECS_HOOK_INGRESS).len, 1);
	assert_int_equal(ecs_tc_run(world.nl, NULL, 0, NULL), 0);
	close(prog), close(map);
}

static void list_of_a_link_without_clsact_is_enoent_and_of_none_enodev(void **state)
{
	struct ecs_err err = {0};
	uint32_t va = veth_new();

	assert_int_equal(ecs_filter_list(world.nl, va, 0, collect, NULL, &err), -ENOENT);
	assert_true(err.text[0] != '\0');
	assert_int_equal(tc_one(ECS_TC_CLSACT_ADD, va, 0, -1), 0);
	assert_int_equal(tc_one(ECS_TC_CLSACT_DEL, va, 0, -1), 0);
	assert_int_equal(ecs_filter_list(world.nl, va, 0, collect, NULL, NULL), -ENOENT);
	assert_int_equal(ecs_filter_list(world.nl, 4711, 0, collect, NULL, NULL), -ENODEV);
}

static void count_one(uint32_t ifindex, void *ctx)
{
	(*(size_t *)ctx)++;
}

#define MANY 500

static void five_hundred_links_are_attached_in_one_call(void **state)
{
	struct ecs_tc_op *ops = calloc(MANY * 3, sizeof(*ops));
	int map = map_new(), prog = prog_new(map), failed;
	struct ecs_err err = {0};
	size_t clsacts = 0;
	double start;

	assert_non_null(ops);
	for (int i = 0; i < MANY; i++) {
		char name[IFNAMSIZ], peer[IFNAMSIZ];
		uint32_t ifindex;

		snprintf(name, sizeof(name), "a%d", i);
		snprintf(peer, sizeof(peer), "b%d", i);
		assert_int_equal(ecs_veth_add(world.nl, name, peer, 0, NULL, NULL), 0);
		ifindex = index_of(name);
		ops[i] = (struct ecs_tc_op){.verb = ECS_TC_CLSACT_ADD, .ifindex = ifindex};
		for (int hook = 0; hook < 2; hook++)
			ops[MANY + 2 * i + hook] = (struct ecs_tc_op){.verb = ECS_TC_FILTER_REPLACE,
								      .ifindex = ifindex,
								      .hook = (enum ecs_hook)hook,
								      .prog_fd = prog,
								      .name = "ecs-test:from_port"};
	}
	start = now_s();
	failed = ecs_tc_run(world.nl, ops, MANY * 3, &err);
	print_message("%d links, clsact and 2 filters each: %.1f ms\n", MANY,
		      (now_s() - start) * 1000);
	assert_int_equal(failed, 0);
	for (int i = 0; i < MANY * 3; i++)
		assert_int_equal(ops[i].result, 0);
	assert_int_equal(ecs_clsact_list(world.nl, count_one, &clsacts, NULL), 0);
	assert_int_equal(clsacts, MANY);
	free(ops);
	close(prog), close(map);
}

static void own_changes_are_no_loss(void **state)
{
	int map = map_new(), prog = prog_new(map);
	uint32_t va = veth_new();

	watch_open(0);
	assert_int_equal(tc_one(ECS_TC_CLSACT_ADD, va, 0, -1), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(tc_one(ECS_TC_FILTER_REPLACE, va, ECS_HOOK_INGRESS, prog), 0);
	assert_int_equal(tc_one(ECS_TC_FILTER_REPLACE, va, ECS_HOOK_EGRESS, prog), 0);
	assert_int_equal(tc_one(ECS_TC_FILTER_DEL, va, ECS_HOOK_INGRESS, -1), 0);
	assert_int_equal(tc_one(ECS_TC_CLSACT_DEL, va, 0, -1), 0);
	settle();
	assert_int_equal(count(SAW_TC_LOST, va), 0);
	close(prog), close(map);
}

/* Attaches, runs somebody else's @command, and returns how many losses were told. */
static size_t losses_after(const char *command)
{
	int map = map_new(), prog = prog_new(map);
	uint32_t va = index_of("va");

	tc_one(ECS_TC_CLSACT_ADD, va, 0, -1);
	assert_int_equal(tc_one(ECS_TC_FILTER_REPLACE, va, ECS_HOOK_INGRESS, prog), 0);
	assert_int_equal(tc_one(ECS_TC_FILTER_REPLACE, va, ECS_HOOK_EGRESS, prog), 0);
	forget();
	run("%s", command);
	settle();
	close(prog), close(map);
	return count(SAW_TC_LOST, va);
}

static void foreign_deletion_or_replacement_is_a_loss(void **state)
{
	veth_new();
	watch_open(0);
	assert_int_equal(losses_after("tc filter del dev va ingress pref 3781"), 1);
	assert_int_equal(losses_after("tc filter del dev va ingress"), 1);
	assert_int_equal(losses_after("tc filter del dev va egress pref 3781"), 1);
	assert_int_equal(losses_after("tc chain del dev va ingress chain 0"), 1);
	assert_int_equal(losses_after("tc qdisc del dev va clsact"), 1);
	assert_int_equal(losses_after("tc filter replace dev va ingress pref 3781 handle 1 "
				      "protocol all bpf da bytecode '1,6 0 0 0'"),
			 1);
}

static void foreign_changes_beside_ours_are_no_loss(void **state)
{
	veth_new();
	watch_open(0);
	assert_int_equal(losses_after("tc filter add dev va ingress pref 5 handle 1 "
				      "protocol all bpf da bytecode '1,6 0 0 0'"),
			 0);
	assert_int_equal(losses_after("tc filter del dev va ingress pref 5"), 0);
	assert_int_equal(losses_after("tc qdisc add dev va root pfifo"), 0);
	assert_int_equal(losses_after("tc qdisc del dev va root"), 0);
	assert_int_equal(losses_after("tc qdisc replace dev va clsact"), 0);
}

static void nobody(uint32_t ifindex, void *ctx)
{
	fail_msg("link %u has a clsact", ifindex);
}

/* Name, MAC and index are the old ones; what hung on the link is not. */
static void link_that_left_and_came_back_is_gone_then_new_without_its_clsact(void **state)
{
	int map = map_new(), prog = prog_new(map);
	uint32_t va = veth_new();

	assert_int_equal(ecs_link_set_promisc(world.nl, va, true, NULL), 0);
	assert_int_equal(tc_one(ECS_TC_CLSACT_ADD, va, 0, -1), 0);
	assert_int_equal(tc_one(ECS_TC_FILTER_REPLACE, va, ECS_HOOK_INGRESS, prog), 0);
	watch_open(0);
	run("ip link set va netns %s", path_of(world.there));
	run("nsenter --net=%s ip link set va netns %s", path_of(world.there), path_of(world.here));
	settle();
	assert_int_equal(index_of("va"), va);
	assert_int_equal(count(SAW_GONE, va), 1);
	assert_int_equal(count(SAW_LINK, va), 1);
	assert_int_equal(ecs_clsact_list(world.nl, nobody, NULL, NULL), 0);
	assert_true(link_of("va").flags & IFF_PROMISC);
	close(prog), close(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(clsact_is_refused_twice_and_deleted_once),
		IN_WORLD(ingress_qdisc_in_the_place_of_clsact_is_busy_and_kept),
		IN_WORLD(filter_is_replaced_again_and_again_and_deleted),
		IN_WORLD(no_frame_passes_between_two_programs),
		IN_WORLD(foreign_filters_are_listed_and_left_alone),
		IN_WORLD(results_of_a_mixed_batch_are_each_ones_own),
		IN_WORLD(list_of_a_link_without_clsact_is_enoent_and_of_none_enodev),
		IN_WORLD(five_hundred_links_are_attached_in_one_call),
		IN_WORLD(own_changes_are_no_loss),
		IN_WORLD(foreign_deletion_or_replacement_is_a_loss),
		IN_WORLD(foreign_changes_beside_ours_are_no_loss),
		IN_WORLD(link_that_left_and_came_back_is_gone_then_new_without_its_clsact),
	};

	if (!privileged())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
