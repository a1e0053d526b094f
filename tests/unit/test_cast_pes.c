// SPDX-License-Identifier: Apache-2.0
/* Transport streams whose PES packets are not one picture each: seen, passed and counted. */
#include "unit.h"

#include "ts_world.h"

/* One PES packet of pictures whose types are given by their start codes. Return: whether its video
 * is taken for one of several pictures a PES packet. */
static int several(uint8_t stream_type, const char *bytes, size_t n)
{
	begin(stream_type);
	frame(0, 1, (const uint8_t *)bytes, n);
	assert_int_equal(look(1), 0);
	return state.video[0].several;
}

#define SEVERAL(type, bytes) several(type, bytes, sizeof(bytes) - 1)

static void pictures_behind_the_first_that_are_needed_more_are_seen(void **unused)
{
	assert_true(SEVERAL(0x1b, "\0\0\1\x01\300abc \0\0\1\x09\xf0\0\0\1\x41"));
	assert_true(SEVERAL(0x1b, "\0\0\1\x41\300abc \0\0\1\x41 abc \0\0\1\x65"));
	assert_true(SEVERAL(0x24, "\0\0\1\x02\1\300abc \0\0\1\x26\1"));
	assert_true(SEVERAL(0x02, "\0\0\1\0\0\x18\300abc \0\0\1\0\0\x10"));
	/* Slices, fields, and pictures that the first one's fate does no harm. */
	assert_false(SEVERAL(0x1b, "\0\0\1\x65\300abc \0\0\1\x65 abc \0\0\1\x41"));
	assert_false(SEVERAL(0x1b, "\0\0\1\x01\300abc \0\0\1\x01"));
	assert_false(SEVERAL(0x1b, "\0\0\1\x01\300abc \0\0\1\x67\0\0\1\x68"));
	assert_false(SEVERAL(0x02, "\0\0\1\0\0\x08\300abc \0\0\1\0\0\x10"));
	assert_false(SEVERAL(0x02, "\0\0\1\0\0\x18\300abc \0\0\1\0\0\x18"));
	assert_int_equal(state.video[0].frame, ECS_FRAME_NONREF);
}

/* 2.4.3.7 lets a PES packet begin anywhere; such ones are no frames to decide on. */
static void pes_packets_that_begin_inside_a_picture_are_seen(void **unused)
{
	assert_true(SEVERAL(0x1b, "what goes on here"));
	assert_true(SEVERAL(0x1b, "\0\0\1\x41\x12 abc"));
	assert_true(SEVERAL(0x24, "\0\0\0\1\x02\1\x12 abc"));
	assert_true(SEVERAL(0x02, "\0\0\1\x11 abc"));
	assert_false(SEVERAL(0x1b, "\0\0\0\1\x41\x9a abc"));
	assert_false(SEVERAL(0x24, "\0\0\1\x02\1\x92 abc"));
	assert_false(SEVERAL(0x02, "\0\0\1\0\0\x18 abc"));
}

/* One may be damaged; of frames with two slices every other one is the beginning of none. */
static void pes_packets_inside_pictures_must_be_many(void **unused)
{
	const uint8_t whole[9] = {0, 0, 1, 0x41, 0x9a}, part[9] = {0, 0, 1, 0x41, 0x12};
	int i;

	begin(0x1b);
	for (i = 0; i < 30; i++) {
		frame(0, i & 15, i % 10 ? whole : part, sizeof(part));
		assert_int_equal(look(1), 0);
		assert_true(state.video[0].several < ECS_SEVERAL_SURE);
	}
	for (; i < 50; i++) {
		frame(0, i & 15, i % 2 ? whole : part, sizeof(part));
		assert_int_equal(look(1), 0);
	}
	assert_int_equal(state.video[0].several, ECS_SEVERAL_SURE);
	assert_true(state.passed[ECS_CAST_PASS_SEVERAL] > 0);
}

/* Across packets, and of later frames at least some are looked through. */
static void video_of_several_pictures_a_pes_packet_passes_and_is_counted(void **unused)
{
	const uint8_t nonref[] = {0, 0, 1, 0x01}, ref[] = {0, 0, 1, 0x41};
	const struct ecs_policy policy = {.kind = ECS_POLICY_REF};
	int cc = 0, kept = 0;

	begin(0x1b);
	for (int i = 0; i < 200; i++) {
		frame(0, cc++ & 15, nonref, sizeof(nonref));
		memcpy(packet(1, VIDEO_PID, 0, cc++ & 15) + 100, ref, sizeof(ref));
		assert_int_equal(look(2), 0);
		thin_as(&policy, 2);
		kept += work.keep[0] == ECS_TS_WHOLE;
		if (i == 0)
			assert_true(state.video[0].several);
		if (i == 100) { /* as if the first ones had held one picture each */
			state.video[0].several = 0;
			assert_true(state.video[0].begun > 2 * ECS_LOOK_ALL);
		}
	}
	assert_in_range(kept, 199 - 2 * ECS_LOOK_ALL, 198);
	assert_int_equal(state.passed[ECS_CAST_PASS_SEVERAL], kept);
	assert_int_equal(group.sent[ECS_FRAME_UNKNOWN], kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pictures_behind_the_first_that_are_needed_more_are_seen),
		cmocka_unit_test(pes_packets_that_begin_inside_a_picture_are_seen),
		cmocka_unit_test(pes_packets_inside_pictures_must_be_many),
		cmocka_unit_test(video_of_several_pictures_a_pes_packet_passes_and_is_counted),
	};

	return cmocka_run_group_tests_name("cast_pes", tests, NULL, NULL);
}
