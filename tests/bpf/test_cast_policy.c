// SPDX-License-Identifier: Apache-2.0
/*
 * What a cast does with its groups and receivers besides thinning: a group that goes on where
 * another one is, receivers that do not wait, and those that send the stream themselves.
 */
#include "cast_test.h"

#include "kernel/ecswitch.skel.h"

#define VIDEO_PID 0x100

/* The counter that the next packet of the video must have; -1 = any. */
static int follow(const struct bt_frame *frame, int next)
{
	for (uint32_t at = CT_HEADERS4; at + ECS_TS_LEN <= frame->len; at += ECS_TS_LEN) {
		const uint8_t *p = frame->data + at;

		if (((p[1] & 0x1f) << 8 | p[2]) != VIDEO_PID || !(p[3] & 0x10))
			continue;
		if (next >= 0)
			assert_int_equal(p[3] & 15, next);
		next = (p[3] + 1) & 15;
	}
	return next;
}

static int play(struct bt *bt, struct ct_cast *cast, struct ct_file *file, uint32_t from,
		uint32_t to, int next)
{
	struct bt_frame frame, got;

	for (uint32_t i = from; i < to; i++) {
		ct_frame(bt, &frame, 4, 0, file->data + i * CT_DATAGRAM, CT_DATAGRAM, CT_SUM);
		ct_run(bt, &frame);
		if (ct_copy(bt, cast, 0, 1, &got))
			next = follow(&got, next);
	}
	return next;
}

static void put(int fd, uint32_t index, const void *value)
{
	assert_int_equal(bpf_map_update_elem(fd, &index, value, 0), 0);
}

/* The receiver leaves a group that thins for a new one that does not, in the midst of a frame. */
static void new_group_goes_on_where_the_old_one_is(void **state)
{
	struct ct_file file = ct_load(CT_H264);
	struct ecs_cast_group_state was, is;
	uint32_t half = file.datagrams / 2, index = 0;
	struct ct_cast cast = {};
	struct bt *bt = *state;
	int next;

	ct_group(&cast, ECS_POLICY_REF, 0, 0);
	ct_to(&cast, bt, 1);
	ct_sink(&cast, bt);
	ct_set(bt, &cast, 4, 0);
	next = play(bt, &cast, &file, 0, half, -1);
	was = ct_group_state(bt, 0, 0);
	while (!was.lane[0].drop && half < file.datagrams) {
		next = play(bt, &cast, &file, half, half + 1, next);
		half++;
		was = ct_group_state(bt, 0, 0);
	}
	assert_int_equal(was.lane[0].drop, 1);
	assert_true(was.lane[0].cc % 16);
	cast.plan.group[0].policy.kind = ECS_POLICY_ALL;
	cast.plan.group[0].state = 5;
	cast.plan.group[0].seed = 1;
	cast.plan.seeds = 1;
	put(bpf_map__fd(bt->bpf->maps.ecs_cast_plans), 0, &cast.plan);
	play(bt, &cast, &file, half, file.datagrams, next);
	is = ct_group_state(bt, 0, 5);
	assert_true(is.dropped[ECS_FRAME_NONREF] == was.dropped[ECS_FRAME_NONREF]);
	assert_true(is.sent[ECS_FRAME_NONREF] > was.sent[ECS_FRAME_NONREF]);
	bpf_map_lookup_elem(bpf_map__fd(bt->bpf->maps.ecs_cast_plans), &index, &cast.plan);
	assert_int_equal(cast.plan.seeds, 0);
}

static void set_waiting(struct bt *bt, uint16_t number)
{
	const struct ecs_receiver_count waits = {};

	put(bpf_map__fd(bt->bpf->maps.ecs_receiver_counts), number, &waits);
}

/* The first datagrams hold the tables and the keyframe. */
static void who_joins_now_does_not_wait_for_a_keyframe(void **state)
{
	struct ct_file file = ct_load(CT_H264);
	struct ct_cast cast = {};
	struct bt *bt = *state;

	ct_group(&cast, ECS_POLICY_ALL, 0, 0);
	ct_to(&cast, bt, 1);
	ct_group(&cast, ECS_POLICY_ALL, 0, 0);
	cast.plan.group[1].policy.flags = ECS_POLICY_JOIN_NOW;
	ct_to(&cast, bt, 2);
	ct_sink(&cast, bt);
	ct_set(bt, &cast, 4, 0);
	play(bt, &cast, &file, 0, 20, -1);
	set_waiting(bt, 0);
	set_waiting(bt, 1);
	play(bt, &cast, &file, 20, 21, -1);
	assert_int_equal(ct_count(bt, 0, 0).joined, 0);
	assert_int_equal(ct_count(bt, 0, 1).joined, 1);
	assert_int_equal(ct_count(bt, 0, 1).bytes, CT_HEADERS4 + CT_DATAGRAM);
}

/* After ten seconds; what its group was sent before is no part of what it got. */
static void who_waited_too_long_counts_from_then_on(void **state)
{
	struct ct_file file = ct_load(CT_H264);
	struct ecs_receiver_count count = {.waits_ns = 1};
	struct ecs_cast_group_state group;
	struct ct_cast cast = {};
	struct bt *bt = *state;
	uint32_t index = 0;

	ct_group(&cast, ECS_POLICY_ALL, 0, 0);
	ct_to(&cast, bt, 1);
	ct_sink(&cast, bt);
	ct_set(bt, &cast, 4, 0);
	play(bt, &cast, &file, 0, 20, -1);
	put(bpf_map__fd(bt->bpf->maps.ecs_receiver_counts), index, &count);
	play(bt, &cast, &file, 20, 21, -1);
	count = ct_count(bt, 0, 0);
	group = ct_group_state(bt, 0, 0);
	assert_int_equal(count.joined, 1);
	assert_int_equal(count.packets, 1);
	assert_true(group.sent[ECS_FRAME_REF] > 0);
	assert_int_equal(count.base_sent[ECS_FRAME_REF], group.sent[ECS_FRAME_REF]);
}

static void member_of_a_network_does_not_get_what_it_sends(void **state)
{
	struct ct_file file = ct_load(CT_H264);
	struct ct_cast cast = {};
	struct bt *bt = *state;

	ct_group(&cast, ECS_POLICY_ALL, 0, 0);
	ct_to(&cast, bt, 1)->flags = ECS_RECEIVER_MEMBER;
	ct_to(&cast, bt, 0)->flags = ECS_RECEIVER_MEMBER;
	ct_sink(&cast, bt);
	ct_set(bt, &cast, 4, 0);
	play(bt, &cast, &file, 0, 4, -1);
	assert_int_equal(ct_count(bt, 0, 0).packets, 4);
	assert_int_equal(ct_count(bt, 0, 1).packets, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CT_TEST(new_group_goes_on_where_the_old_one_is),
		CT_TEST(who_joins_now_does_not_wait_for_a_keyframe),
		CT_TEST(who_waited_too_long_counts_from_then_on),
		CT_TEST(member_of_a_network_does_not_get_what_it_sends),
	};

	return cmocka_run_group_tests_name("cast_policy", tests, ct_setup, ct_teardown);
}
