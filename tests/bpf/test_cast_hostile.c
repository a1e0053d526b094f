// SPDX-License-Identifier: Apache-2.0
/*
 * Casts at their limits, and with datagrams that are cut or wrong: each is taken by the cast, goes
 * its normal way, or is counted as dropped. None vanishes.
 */
#include "cast_test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernel/ecswitch.skel.h"

#define MUTATIONS 100000

static struct ct_cast cast;

/* Three machines with all, ref and key; the first one's count says what the cast took. */
static void three_policies(struct bt *bt, int family)
{
	cast = (struct ct_cast){};
	ct_group(&cast, ECS_POLICY_ALL, 0, 0);
	ct_to(&cast, bt, 1);
	ct_group(&cast, ECS_POLICY_REF, 0, 0);
	ct_to(&cast, bt, 2)->flags = ECS_RECEIVER_PORT;
	ct_group(&cast, ECS_POLICY_KEY, 0, 0);
	ct_to(&cast, bt, 3);
	ct_set(bt, &cast, family, 0);
}

/* Datagrams that the cast took, the switch flooded or something dropped with a reason. */
static uint64_t accounted(struct bt *bt)
{
	struct ecs_receiver_count count = ct_count(bt, 0, 0);

	return count.packets + count.refused + bt_stats(bt, bt_slot(0)).flooded +
	       bt_drops_total(bt);
}

/* Without a whole IP header BPF_PROG_TEST_RUN takes no frame; such ones are for test_hostile. */
#define FRAME_MIN4 (14 + 20)
#define FRAME_MIN6 (14 + 40)

static void run_one(struct bt *bt, const struct bt_frame *frame)
{
	int verdict = ct_run(bt, frame);

	if (verdict != TC_ACT_STOLEN && verdict != TC_ACT_REDIRECT && verdict != TC_ACT_SHOT)
		fail_msg("verdict %d of %u bytes", verdict, frame->len);
}

static void cut_frames(struct bt *bt, int family)
{
	struct ct_file file = ct_load(CT_H264);
	struct bt_frame frame;
	uint64_t runs = 0;

	three_policies(bt, family);
	ct_frame(bt, &frame, family, 0, file.data, CT_DATAGRAM, CT_SUM);
	for (frame.len = family == 4 ? FRAME_MIN4 : FRAME_MIN6;
	     frame.len < (family == 4 ? CT_HEADERS4 : CT_HEADERS6) + CT_DATAGRAM; frame.len++) {
		run_one(bt, &frame);
		assert_int_equal(accounted(bt), ++runs);
		assert_int_equal(ct_count(bt, 0, 0).packets, 0);
	}
	run_one(bt, &frame);
	assert_int_equal(ct_count(bt, 0, 0).packets, 1);
	assert_int_equal(accounted(bt), runs + 1);
}

static void frames_that_are_cut_are_left_to_the_switch(void **state)
{
	cut_frames(*state, 4);
	ct_test_setup(state);
	cut_frames(*state, 6);
}

/* With the lengths in the headers right: a datagram of any length is one of the stream. */
static void datagrams_of_each_length_reach_who_wants_all(void **state)
{
	struct ct_file file = ct_load(CT_H264);
	struct bt *bt = *state;
	struct bt_frame frame;

	three_policies(bt, 4);
	for (uint32_t len = 0; len <= CT_DATAGRAM; len++) {
		ct_frame(bt, &frame, 4, 0, file.data + 5 * CT_DATAGRAM, len, CT_SUM);
		run_one(bt, &frame);
		assert_int_equal(accounted(bt), len + 1);
	}
	assert_int_equal(ct_count(bt, 0, 0).packets, CT_DATAGRAM + 1);
}

/* A few bytes of the payload, now and then of the headers, now and then the length. */
static void mutate(struct bt_frame *frame)
{
	uint32_t headers = CT_HEADERS4;

	for (int k = 1 + (int)(random() % 12); k > 0; k--) {
		uint32_t at = random() % 16 ? headers + (uint32_t)random() % (frame->len - headers)
					    : (uint32_t)random() % headers;

		/* A group's address and IPv4: what else the switch does is not asked here. */
		if (at >= 14)
			frame->data[at] = (uint8_t)random();
	}
	for (int k = (int)(random() % 4); k > 0; k--) /* where it hurts */
		frame->data[headers + (uint32_t)random() % 7 * ECS_TS_LEN +
			    (uint32_t)random() % 24] ^= (uint8_t)(1 << random() % 8);
	if (random() % 32 == 0)
		frame->len = FRAME_MIN4 + (uint32_t)random() % (frame->len - FRAME_MIN4);
}

static void random_mutations_make_nothing_vanish(void **state)
{
	struct ct_file files[] = {ct_load(CT_H264), ct_load(CT_HEVC), ct_load(CT_MPEG2)};
	struct bt *bt = *state;
	struct bt_frame frame;
	uint32_t rounds = bt_rounds(MUTATIONS);
	uint64_t taken = 0, left = 0;

	srandom(7);
	for (uint32_t i = 0; i < rounds; i++) {
		const struct ct_file *file = &files[i / 1000 % 3];
		uint32_t n = i % 1000 % file->datagrams;

		if (i % 1000 == 0) {
			taken += ct_count(bt, 0, 0).packets;
			three_policies(bt, 4);
			left = accounted(bt);
		}
		ct_frame(bt, &frame, 4, 0, file->data + n * CT_DATAGRAM, CT_DATAGRAM,
			 i & 1 ? CT_SUM : CT_SUM_ZERO);
		mutate(&frame);
		run_one(bt, &frame);
		if (i % 1000 == 999)
			assert_int_equal(accounted(bt), left + 1000);
	}
	/* Most of them still were of the stream, and policies went on taking frames out. */
	assert_true(taken > rounds / 2);
	assert_true(ct_count(bt, 0, 2).packets < ct_count(bt, 0, 0).packets);
}

/* Every bit may be another one, the length too; who wants all gets each datagram of the cast. */
static void random_mutations_of_rtp_make_nothing_vanish(void **state)
{
	struct bt *bt = *state;
	struct bt_frame frame;
	uint64_t left = 0;
	uint32_t length;

	srandom(8);
	for (uint32_t i = 0; i < bt_rounds(MUTATIONS); i++) {
		const uint8_t *data = ct_rtp(i / 500 % 3, i % 500, &length);

		if (i % 500 == 0) {
			three_policies(bt, 4);
			left = accounted(bt);
		}
		ct_frame(bt, &frame, 4, 0, data, length, i & 1 ? CT_SUM : CT_SUM_ZERO);
		for (int k = (int)(random() % 4); k > 0; k--)
			frame.data[CT_HEADERS4 + random() % 24] ^= (uint8_t)(1 << random() % 8);
		if (random() % 4 == 0)
			frame.data[CT_HEADERS4 + (uint32_t)random() % length] = (uint8_t)random();
		run_one(bt, &frame);
		if (i % 500 == 499)
			assert_int_equal(accounted(bt), left + 500);
	}
	assert_int_equal(ct_count(bt, 0, 0).packets, 500);
	assert_true(ct_count(bt, 0, 2).packets < 500);
}

static void cast_has_256_receivers_in_32_groups(void **state)
{
	struct ct_file file = ct_load(CT_H264);
	struct bt *bt = *state;
	struct bt_frame frame;

	cast = (struct ct_cast){};
	for (int i = 0; i < ECS_RECEIVERS_MAX; i++) {
		if (i % (ECS_RECEIVERS_MAX / ECS_CAST_GROUPS_MAX) == 0)
			ct_group(&cast, ECS_POLICY_DROP, ECS_FRAME_NONREF, (uint8_t)(i / 8));
		ct_to(&cast, bt, 1 + i % 3);
	}
	assert_int_equal(cast.plan.groups, ECS_CAST_GROUPS_MAX);
	ct_set(bt, &cast, 4, 0);
	for (uint32_t i = 0; i < file.datagrams; i++) {
		ct_frame(bt, &frame, 4, 0, file.data + i * CT_DATAGRAM, CT_DATAGRAM, CT_SUM);
		run_one(bt, &frame);
		if (i == 0) /* it holds no frame that may go */
			for (uint16_t k = 0; k < ECS_RECEIVERS_MAX; k++)
				assert_int_equal(ct_count(bt, 0, k).packets, 1);
	}
	for (uint16_t g = 0; g < ECS_CAST_GROUPS_MAX; g++) {
		struct ecs_cast_group_state group = ct_group_state(bt, 0, g);
		uint64_t nonref = group.sent[ECS_FRAME_NONREF] + group.dropped[ECS_FRAME_NONREF];

		assert_true(nonref > 10);
		assert_int_equal(group.dropped[ECS_FRAME_NONREF], nonref * g / 100);
		assert_int_equal(group.dropped[ECS_FRAME_REF] + group.dropped[ECS_FRAME_KEY], 0);
	}
	assert_int_equal(bt_drops_total(bt), 0);
}

static void sixty_four_casts_do_not_mix(void **state)
{
	struct ct_file file = ct_load(CT_H264);
	struct ecs_stream_key key = {.source = 1, .family = 4};
	struct ecs_stream stream = {};
	struct bt *bt = *state;
	struct bt_frame frame;

	for (uint16_t id = 0; id < ECS_STREAMS_MAX; id++) {
		cast = (struct ct_cast){.id = id};
		ct_group(&cast, ECS_POLICY_ALL, 0, 0);
		ct_to(&cast, bt, 1 + id % 3);
		ct_set(bt, &cast, id & 1 ? 6 : 4, 0);
	}
	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(bt->bpf->maps.ecs_streams), &key, &stream, 0),
		-E2BIG);
	for (uint32_t i = 0; i < 3 * ECS_STREAMS_MAX; i++) {
		uint16_t id = (uint16_t)(i % ECS_STREAMS_MAX);

		ct_frame(bt, &frame, id & 1 ? 6 : 4, id, file.data, CT_DATAGRAM, CT_SUM);
		run_one(bt, &frame);
	}
	for (uint16_t id = 0; id < ECS_STREAMS_MAX; id++) {
		assert_int_equal(ct_count(bt, id, 0).packets, 3);
		assert_int_equal(ct_state(bt, id).packets, 3);
	}
	assert_int_equal(bt_stats(bt, bt_slot(0)).flooded, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CT_TEST(frames_that_are_cut_are_left_to_the_switch),
		CT_TEST(datagrams_of_each_length_reach_who_wants_all),
		CT_TEST(random_mutations_make_nothing_vanish),
		CT_TEST(random_mutations_of_rtp_make_nothing_vanish),
		CT_TEST(cast_has_256_receivers_in_32_groups),
		CT_TEST(sixty_four_casts_do_not_mix),
	};

	return cmocka_run_group_tests_name("cast_hostile", tests, ct_setup, ct_teardown);
}
