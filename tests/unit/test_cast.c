// SPDX-License-Identifier: Apache-2.0
/*
 * The stream parsing of casts, compiled for userspace: what is a keyframe, what a policy makes of
 * a datagram, and that no bytes at all make it read or write where it may not.
 */
#include "unit.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ts_world.h"

static void tables_tell_pid_and_codec(void **unused)
{
	begin(0x1b);
	assert_int_equal(state.video[0].pid, VIDEO_PID);
	assert_int_equal(state.video[0].codec, ECS_CODEC_H264);
	/* The same program with another codec is another table. */
	tables(0x24);
	assert_int_equal(look(2), 0);
	assert_int_equal(state.video[0].codec, ECS_CODEC_HEVC);
	/* A damaged table counts for nothing. */
	tables(0x02);
	work.data[ECS_TS_LEN + 20] ^= 1;
	assert_int_equal(look(2), 0);
	assert_int_equal(state.video[0].codec, ECS_CODEC_HEVC);
}

static void h264_is_classified_by_its_first_slice(void **unused)
{
	begin(0x1b);
	/* Delimiter, then a slice; the delimiter's nal_ref_idc of 0 says nothing. */
	assert_int_equal(TYPE_OF(0, 0, 0, 1, 9, 0xf0, 0, 0, 1, 0x65), ECS_FRAME_KEY);
	assert_int_equal(TYPE_OF(0, 0, 0, 1, 9, 0xf0, 0, 0, 1, 0x41), ECS_FRAME_REF);
	assert_int_equal(TYPE_OF(0, 0, 0, 1, 9, 0xf0, 0, 0, 1, 0x01), ECS_FRAME_NONREF);
	assert_int_equal(TYPE_OF(0, 0, 1, 6, 5, 0, 0, 1, 0x21), ECS_FRAME_REF);
	assert_int_equal(TYPE_OF(0, 0, 0, 1, 9, 0x10), ECS_FRAME_UNKNOWN);
	assert_int_equal(TYPE_OF(0, 0, 0, 1, 0x67, 0x42),
			 ECS_FRAME_KEY); /* SPS, the rest is late */
}

static void hevc_keeps_what_a_higher_sublayer_may_need(void **unused)
{
	begin(0x24);
	assert_int_equal(TYPE_OF(0, 0, 1, 0x00, 0x01, 0x80), ECS_FRAME_REF); /* no SPS yet */
	assert_int_equal(TYPE_OF(0, 0, 1, 0x42, 0x01, 0x01, 0, 0, 1, 0x26, 0x01), ECS_FRAME_KEY);
	assert_int_equal(TYPE_OF(0, 0, 1, 0x00, 0x01, 0x80), ECS_FRAME_NONREF);
	assert_int_equal(TYPE_OF(0, 0, 1, 0x02, 0x01, 0x80), ECS_FRAME_REF);
	/* Three sub-layers: only the highest may go. */
	assert_int_equal(TYPE_OF(0, 0, 1, 0x42, 0x01, 0x05, 0, 0, 1, 0x2a, 0x01), ECS_FRAME_KEY);
	assert_int_equal(TYPE_OF(0, 0, 1, 0x00, 0x01, 0x80), ECS_FRAME_REF);
	assert_int_equal(TYPE_OF(0, 0, 1, 0x00, 0x03, 0x80), ECS_FRAME_NONREF);
	/* A slice of another layer says nothing. */
	assert_int_equal(TYPE_OF(0, 0, 1, 0x00, 0x0b, 0, 0, 1, 0x02, 0x01, 0x80), ECS_FRAME_REF);
}

static void mpeg2_is_classified_by_its_picture_header(void **unused)
{
	begin(0x02);
	assert_int_equal(TYPE_OF(0, 0, 1, 0xb3, 1, 2, 0, 0, 1, 0, 0, 0x08), ECS_FRAME_KEY);
	assert_int_equal(TYPE_OF(0, 0, 1, 0, 0, 0x10), ECS_FRAME_REF);
	assert_int_equal(TYPE_OF(0, 0, 1, 0, 0, 0x18), ECS_FRAME_NONREF);
}

static const uint8_t nonref[] = {0, 0, 1, 0x01}, ref[] = {0, 0, 1, 0x41}, idr[] = {0, 0, 1, 0x65};

static void counters_are_input_less_dropped(void **unused)
{
	const struct ecs_policy policy = {.kind = ECS_POLICY_REF};

	begin(0x1b);
	frame(0, 1, ref, sizeof(ref));
	frame(1, 2, nonref, sizeof(nonref));
	packet(2, VIDEO_PID, 0, 3);
	frame(3, 4, ref, sizeof(ref));
	packet(4, 0x101, 1, 9);
	assert_int_equal(look(5), 0);
	thin_as(&policy, 5);
	assert_int_equal(work.made.kept, 3);
	assert_int_equal(work.keep[1], ECS_TS_OUT);
	assert_int_equal(work.keep[2], ECS_TS_OUT);
	assert_int_equal(work.byte3[3], 0x12);
	assert_int_equal(work.byte3[4], 0x19);
	assert_int_equal(group.dropped[ECS_FRAME_NONREF], 1);
	assert_int_equal(group.sent[ECS_CLASS_OTHER], 1);
}

static void clock_reference_of_a_dropped_packet_stays(void **unused)
{
	const struct ecs_policy policy = {.kind = ECS_POLICY_KEY};
	uint8_t *p;

	begin(0x1b);
	frame(0, 1, ref, sizeof(ref));
	p = packet(1, VIDEO_PID, 0, 2);
	p[3] = 0x32;
	p[4] = 7;
	p[5] = 0x10;
	assert_int_equal(look(2), 0);
	thin_as(&policy, 2);
	assert_int_equal(work.keep[0], ECS_TS_OUT);
	assert_int_equal(work.keep[1], ECS_TS_CLOCK);
	assert_int_equal(work.byte3[1], 0x20);
}

/* The counter jumps there, and who gets the rest must know. */
static void break_in_the_counter_stays_when_its_packet_is_dropped(void **unused)
{
	const struct ecs_policy policy = {.kind = ECS_POLICY_KEY};
	uint8_t *p;

	begin(0x1b);
	frame(0, 1, ref, sizeof(ref));
	p = packet(1, VIDEO_PID, 0, 9);
	p[3] = 0x39;
	p[4] = 1;
	p[5] = 0x80;
	frame(2, 10, idr, sizeof(idr));
	assert_int_equal(look(3), 0);
	thin_as(&policy, 3);
	assert_int_equal(work.keep[1], ECS_TS_CLOCK);
	assert_int_equal(work.byte3[1], 0x27);
	assert_int_equal(work.byte3[2], 0x18);
}

/* ISO/IEC 13818-1 2.4.3.3: a packet may be sent twice, that with which a frame begins too. */
static void copy_of_a_frames_first_packet_begins_no_frame(void **unused)
{
	const struct ecs_policy policy = {.kind = ECS_POLICY_REF};

	begin(0x1b);
	frame(0, 1, ref, sizeof(ref));
	frame(1, 1, ref, sizeof(ref));
	frame(2, 2, nonref, sizeof(nonref));
	frame(3, 2, nonref, sizeof(nonref));
	frame(4, 3, ref, sizeof(ref));
	assert_int_equal(look(5), 0);
	thin_as(&policy, 5);
	assert_int_equal(group.sent[ECS_FRAME_REF], 2);
	assert_int_equal(group.dropped[ECS_FRAME_NONREF], 1);
	assert_int_equal(work.keep[1], ECS_TS_WHOLE);
	assert_int_equal(work.keep[2] + work.keep[3], ECS_TS_OUT);
	assert_int_equal(work.byte3[1], 0x11);
	assert_int_equal(work.byte3[4], 0x12);
}

/* What cannot be looked into is no part of the frame that was dropped before it. */
static void scrambled_video_is_kept_behind_a_dropped_frame(void **unused)
{
	const struct ecs_policy policy = {.kind = ECS_POLICY_KEY};

	begin(0x1b);
	frame(0, 1, ref, sizeof(ref));
	packet(1, VIDEO_PID, 0, 2);
	frame(2, 3, ref, sizeof(ref))[3] |= 0x80;
	packet(3, VIDEO_PID, 0, 4)[3] |= 0xc0;
	frame(4, 5, ref, sizeof(ref));
	assert_int_equal(look(5), 0);
	thin_as(&policy, 5);
	assert_int_equal(work.keep[1], ECS_TS_OUT);
	assert_int_equal(work.keep[2], ECS_TS_WHOLE);
	assert_int_equal(work.keep[3], ECS_TS_WHOLE);
	assert_int_equal(work.keep[4], ECS_TS_OUT);
	assert_int_equal(state.passed[ECS_CAST_PASS_SCRAMBLED], 2);
}

/* Who has a keyframe policy and a stream that has none. */
static void stream_without_keyframes_passes_key_and_is_counted(void **unused)
{
	const struct ecs_policy policy = {.kind = ECS_POLICY_KEY};

	begin(0x1b);
	work.frame.now_ns = 1;
	for (int i = 0; i < 4; i++, work.frame.now_ns += 4000000000ull) {
		frame(0, i, ref, sizeof(ref));
		assert_int_equal(look(1), 0);
		thin_as(&policy, 1);
	}
	assert_int_equal(work.keep[0], ECS_TS_WHOLE);
	assert_int_equal(group.dropped[ECS_FRAME_REF], 3);
	assert_int_equal(group.sent[ECS_FRAME_UNKNOWN], 1);
}

/* A lost packet may have been the beginning of the next frame. */
static void frame_behind_a_loss_is_none_of_the_same_pes_packet(void **unused)
{
	begin(0x1b);
	frame(0, 1, nonref, sizeof(nonref));
	memcpy(packet(1, VIDEO_PID, 0, 3) + 100, ref, sizeof(ref));
	assert_int_equal(look(2), 0);
	assert_false(state.video[0].several);
}

static void frame_behind_a_loss_says_no_type_of_the_one_before(void **unused)
{
	static const uint8_t delimiter[] = {0, 0, 1, 9, 0xf0};

	begin(0x1b);
	frame(0, 1, delimiter, sizeof(delimiter));
	memcpy(packet(1, VIDEO_PID, 0, 3) + 100, nonref, sizeof(nonref));
	frame(2, 4, nonref, sizeof(nonref));
	assert_int_equal(look(3), 0);
	assert_int_equal(work.packet[0].frame, ECS_FRAME_UNKNOWN);
	assert_int_equal(work.packet[2].frame, ECS_FRAME_NONREF);
	assert_int_equal(state.frames[ECS_FRAME_UNKNOWN], 1);
}

static void nothing_follows_a_dropped_reference_before_a_keyframe(void **unused)
{
	const struct ecs_policy policy = {
		.kind = ECS_POLICY_DROP, .type = ECS_FRAME_REF, .percent = 100};

	begin(0x1b);
	frame(0, 1, idr, sizeof(idr));
	frame(1, 2, ref, sizeof(ref));
	frame(2, 3, nonref, sizeof(nonref));
	frame(3, 4, idr, sizeof(idr));
	frame(4, 5, nonref, sizeof(nonref));
	assert_int_equal(look(5), 0);
	thin_as(&policy, 5);
	assert_int_equal(work.keep[0], ECS_TS_WHOLE);
	assert_int_equal(work.keep[1], ECS_TS_OUT);
	assert_int_equal(work.keep[2], ECS_TS_OUT);
	assert_int_equal(work.keep[3], ECS_TS_WHOLE);
	assert_int_equal(work.keep[4], ECS_TS_WHOLE);
}

static void who_waits_gets_no_video_before_the_keyframe(void **unused)
{
	struct ecs_thin thin = {&work, &group, {}};

	begin(0x1b);
	frame(0, 1, ref, sizeof(ref));
	packet(1, 0x101, 1, 9);
	frame(2, 2, idr, sizeof(idr));
	assert_int_equal(look(3), 0);
	ecs_thin_datagram(&thin, 3);
	assert_int_equal(work.made.joins, 3);
	ecs_thin_waiting(&thin, 3);
	assert_int_equal(work.keep[0], ECS_TS_OUT);
	assert_int_equal(work.keep[1], ECS_TS_WHOLE);
	assert_int_equal(work.keep[2], ECS_TS_WHOLE);
	assert_int_equal(work.made.kept, 2);
}

static void thinning_spreads_evenly(void **unused)
{
	const struct ecs_policy policy = {
		.kind = ECS_POLICY_DROP, .type = ECS_FRAME_NONREF, .percent = 25};
	int out = 0;

	begin(0x1b);
	for (int i = 0; i < 40; i++) {
		frame(0, i & 15, nonref, sizeof(nonref));
		assert_int_equal(look(1), 0);
		thin_as(&policy, 1);
		out += work.keep[0] == ECS_TS_OUT;
		assert_int_equal(out, (i + 1) / 4);
	}
}

/* Under the sanitizers: whatever comes, nothing is read or written out of place. */
static void hostile_bytes_harm_nothing(void **unused)
{
	const struct ecs_policy policy = {.kind = ECS_POLICY_REF};
	static const uint8_t types[] = {0x1b, 0x24, 0x02};

	srandom(1);
	for (int i = 0; i < 20000; i++) {
		uint32_t packets = 1 + i % ECS_CAST_PACKETS_MAX;

		if (i % 1000 == 0)
			begin(types[i / 1000 % 3]);
		for (uint32_t k = 0; k < packets; k++)
			frame(k, k & 15, k & 1 ? ref : nonref, 4);
		if (i & 1)
			tables(types[i % 3]);
		for (int k = 0; k < 12; k++)
			work.data[(uint32_t)random() % (packets * ECS_TS_LEN)] = random();
		if (look(packets) == 0)
			thin_as(&policy, packets);
	}
}

/* What ts_search() leaves out, because no start code can be in it, has none. */
static void search_by_words_finds_what_bytes_would(void **unused)
{
	struct ecs_ts ts = {.work = &work, .state = &state, .pids = &pids};
	struct ecs_cast_video *video = &state.video[0], slow;

	srandom(2);
	for (int i = 0; i < 200000; i++) {
		uint32_t start = 4 + (uint32_t)random() % (ECS_TS_LEN - 4);

		for (int k = 0; k < ECS_TS_LEN; k++)
			work.data[k] = 1 + random() % 255;
		for (int k = random() % 4; k > 0; k--)
			memset(&work.data[random() % (ECS_TS_LEN - 4)], 0, 1 + random() % 3);
		for (int k = random() % 4; k > 0; k--)
			memcpy(&work.data[random() % (ECS_TS_LEN - 4)], "\0\0\1", 3);
		*video = (struct ecs_cast_video){.codec = 1 + i % 3,
						 .looking = 1,
						 .begun = 1 + ECS_LOOK_ALL,
						 .window = i % 7 ? ~0ull : 0x0000010600000001};
		slow = *video;
		for (uint32_t k = start; k < ECS_TS_LEN && slow.looking; k++)
			slow.looking = !ecs_nal_byte(&slow, work.data[k]);
		work.cursor = (struct ecs_ts_cursor){.from = start};
		bpf_loop((ECS_TS_LEN - start + 7) / 8, ts_search, &ts, 0);
		assert_memory_equal(video, &slow, sizeof(slow));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_tell_pid_and_codec),
		cmocka_unit_test(h264_is_classified_by_its_first_slice),
		cmocka_unit_test(hevc_keeps_what_a_higher_sublayer_may_need),
		cmocka_unit_test(mpeg2_is_classified_by_its_picture_header),
		cmocka_unit_test(counters_are_input_less_dropped),
		cmocka_unit_test(clock_reference_of_a_dropped_packet_stays),
		cmocka_unit_test(break_in_the_counter_stays_when_its_packet_is_dropped),
		cmocka_unit_test(copy_of_a_frames_first_packet_begins_no_frame),
		cmocka_unit_test(scrambled_video_is_kept_behind_a_dropped_frame),
		cmocka_unit_test(stream_without_keyframes_passes_key_and_is_counted),
		cmocka_unit_test(frame_behind_a_loss_is_none_of_the_same_pes_packet),
		cmocka_unit_test(frame_behind_a_loss_says_no_type_of_the_one_before),
		cmocka_unit_test(nothing_follows_a_dropped_reference_before_a_keyframe),
		cmocka_unit_test(who_waits_gets_no_video_before_the_keyframe),
		cmocka_unit_test(thinning_spreads_evenly),
		cmocka_unit_test(hostile_bytes_harm_nothing),
		cmocka_unit_test(search_by_words_finds_what_bytes_would),
	};

	return cmocka_run_group_tests_name("cast", tests, NULL, NULL);
}
