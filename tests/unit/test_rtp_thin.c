// SPDX-License-Identifier: Apache-2.0
/*
 * RTP in casts, compiled for userspace: what a policy makes of packets and of their numbers, and
 * that no bytes at all do harm.
 */
#include "rtp_packets.h"

/* What a policy makes of the packet that was looked at; its number is in work.rtp.out. */
static int thin(uint8_t kind)
{
	struct ecs_thin t = {&work, &group, {.kind = kind}};

	return ecs_rtp_thin(&t, 0);
}

static int sent(uint16_t seq, uint32_t time, const uint8_t *payload, size_t n)
{
	video(seq, time, payload, n);
	return thin(ECS_POLICY_REF) ? work.rtp.out : -1;
}

static void numbers_are_input_less_taken_out(void **unused)
{
	begin(NULL);
	video(65532, 0, BYTES(SPS264));
	thin(ECS_POLICY_REF);
	assert_int_equal(sent(65533, 1, BYTES(REF)), 65533);
	assert_int_equal(sent(65534, 2, BYTES(NONREF)), -1);
	assert_int_equal(sent(65535, 2, BYTES(NONREF)), -1);
	assert_int_equal(sent(0, 3, BYTES(REF)), 65534);
	/* One is lost on its way to us: so it is behind us. */
	assert_int_equal(sent(2, 4, BYTES(REF)), 0);
	assert_int_equal(sent(3, 5, BYTES(NONREF)), -1);
	assert_int_equal(sent(4, 6, BYTES(REF)), 1);
	/* It was only late. What comes twice takes nobody's number. */
	assert_int_equal(sent(1, 4, BYTES(REF)), 65535);
	assert_int_equal(sent(3, 5, BYTES(NONREF)), -1);
	assert_int_equal(sent(4, 6, BYTES(REF)), 1);
	assert_int_equal(sent(5, 7, BYTES(REF)), 2);
	assert_int_equal(sent(200, 8, BYTES(REF)), 197);
}

/* Brings back a held packet, as the program in the kernel does. */
static void recall(uint16_t seq, int sets)
{
	work.rtp.recalled = 1;
	work.rtp.hold = seq - 100;
	work.rtp.seq = seq;
	work.rtp.late = state.rtp.seq - seq;
	work.rtp.sets = sets;
}

/* And then the one that came itself, as it was. */
static void recall_came(const struct ecs_rtp_packet *came)
{
	work.rtp = *came;
	work.rtp.fresh = 0;
}

static void what_comes_before_a_frame_shares_its_fate(void **unused)
{
	struct ecs_rtp_packet came;

	begin_h264();
	thin(ECS_POLICY_REF);
	video(101, 1, BYTES(0x09, 0xf0));
	assert_int_equal(work.rtp.hold, 1);
	assert_int_equal(thin(ECS_POLICY_REF), 0);
	video(102, 1, BYTES(NONREF));
	assert_int_equal(work.rtp.recall, 2);
	came = work.rtp;
	recall(100, 1); /* parameter sets are never lost */
	assert_int_equal(thin(ECS_POLICY_REF), ECS_RTP_WHOLE);
	assert_int_equal(work.rtp.out, 100);
	work.rtp.fresh = 0;
	recall(101, 0);
	assert_int_equal(thin(ECS_POLICY_REF), 0);
	recall_came(&came);
	assert_int_equal(thin(ECS_POLICY_REF), 0);
	assert_int_equal(sent(103, 2, BYTES(REF)), 101);
}

/* It goes out once, whatever the policy is by then. */
static void change_of_policy_behind_what_is_held_leaves_no_gap(void **unused)
{
	struct ecs_rtp_packet came;

	begin_h264();
	assert_int_equal(thin(ECS_POLICY_REF), 0);
	video(101, 1, BYTES(0x09, 0xf0));
	assert_int_equal(thin(ECS_POLICY_ALL), ECS_RTP_WHOLE);
	video(102, 1, BYTES(NONREF));
	came = work.rtp;
	recall(100, 0);
	assert_int_equal(thin(ECS_POLICY_ALL), ECS_RTP_WHOLE);
	assert_int_equal(work.rtp.out, 100);
	work.rtp.fresh = 0;
	recall(101, 0);
	assert_int_equal(thin(ECS_POLICY_REF), 0);
	recall_came(&came);
	assert_int_equal(thin(ECS_POLICY_ALL), ECS_RTP_WHOLE);
	assert_int_equal(work.rtp.out, 102);
}

static void hold_that_is_full_is_emptied(void **unused)
{
	begin_h264();
	for (int i = 1; i < ECS_CAST_HELD; i++) {
		video(100 + i, 1, BYTES(0x06, 0x05));
		assert_int_equal(work.rtp.hold, i);
	}
	video(120, 1, BYTES(0x06, 0x05));
	assert_int_equal(work.rtp.recall, ECS_CAST_HELD);
	assert_int_equal(work.rtp.part, ECS_RTP_OTHER);
	assert_int_equal(thin(ECS_POLICY_KEY), ECS_RTP_WHOLE);
	assert_int_equal(state.rtp.held, 0);
}

static void packet_with_parameter_sets_is_cut_before_its_slice(void **unused)
{
	begin_h264();
	thin(ECS_POLICY_REF);
	video(101, 1, BYTES(0x78, 0, 4, PPS264, 0, 2, NONREF));
	assert_int_equal(work.rtp.frame, ECS_FRAME_NONREF);
	assert_int_equal(thin(ECS_POLICY_REF), ECS_RTP_CUT);
	assert_int_equal(work.rtp.cut, 12 + 1 + 2 + 4);
	video(102, 2, BYTES(0x78, 0, 4, PPS264, 0, 2, REF));
	assert_int_equal(thin(ECS_POLICY_REF), ECS_RTP_WHOLE);
}

static void who_waits_starts_with_what_belongs_to_the_keyframe(void **unused)
{
	struct ecs_thin t = {&work, &group, {}};

	begin_h264();
	thin(ECS_POLICY_ALL);
	assert_int_equal(ecs_rtp_thin(&t, 1), 0);
	video(101, 1, BYTES(0x7c, 0x85, 0x88));
	assert_int_equal(work.rtp.recall, 1);
	recall(100, 1);
	assert_int_equal(thin(ECS_POLICY_ALL), 0);
	assert_int_equal(ecs_rtp_thin(&t, 1), ECS_RTP_WHOLE);
	assert_int_equal(work.made.joins, 0);
	work.rtp.recalled = 0;
	assert_int_equal(ecs_rtp_thin(&t, 1), ECS_RTP_WHOLE);
	assert_int_equal(work.made.joins, 1);
	video(102, 2, BYTES(REF));
	thin(ECS_POLICY_ALL);
	assert_int_equal(ecs_rtp_thin(&t, 1), 0);
}

/* An H.264 slice in each TS packet; the tables went before. */
static uint32_t ts_packet_of(uint8_t *p, uint8_t cc, uint8_t nal)
{
	const uint8_t head[] = {ECS_TS_SYNC, 0x41, 0, 0x10 | cc, 0, 0, 1, 0xe0, 0,
				0,	     0x80, 0, 0,	 0, 0, 1, nal};

	memset(p, 0xff, ECS_TS_LEN);
	memcpy(p, head, sizeof(head));
	return ECS_TS_LEN;
}

static int thin_ts(uint16_t seq, uint8_t nal, int waiting)
{
	struct ecs_ts ts = {&work, &state, &pids};
	struct ecs_thin t = {&work, &group, {.kind = ECS_POLICY_REF}};
	uint8_t packets[ECS_TS_LEN];
	int kept;

	assert_int_equal(look(packet(33, seq, 1, SSRC, packets, ts_packet_of(packets, seq, nal)),
			      ECS_CODEC_NONE),
			 ECS_CONTAINER_RTP_TS);
	memmove(work.data, work.data + work.rtp.at, sizeof(packets));
	work.frame.packets = 1;
	assert_int_equal(ecs_ts_datagram(&ts, 1), 0);
	kept = ecs_rtp_thin_ts(&t, 0);
	return waiting ? (int)ecs_rtp_thin_ts(&t, 1) : kept;
}

static void transport_stream_in_rtp_is_numbered_by_datagrams(void **unused)
{
	begin(NULL);
	state.video[0] = (struct ecs_cast_video){.pid = 0x100, .codec = ECS_CODEC_H264};
	pids.kind[0x100] = ECS_PID_VIDEO;
	assert_int_equal(thin_ts(10, 0x41, 0), 1);
	assert_int_equal(thin_ts(11, 0x01, 0), 0);
	assert_int_equal(thin_ts(12, 0x41, 0), 1);
	assert_int_equal(work.rtp.out, 11);
	/* Who waits gets a null packet, so that no number is missing. */
	assert_int_equal(thin_ts(13, 0x41, 1), 1);
	assert_int_equal(work.rtp.out, 12);
	assert_int_equal(work.keep[0], ECS_TS_NULL);
}

/* Under the sanitizers: whatever comes, nothing is read or written out of place. */
static void truncation_and_mutation_harm_nothing(void **unused)
{
	static const struct {
		uint8_t n, bytes[40];
	} seeds[] = {
		{5, {SPS264}},
		{7, {VPS265}},
		{20, {0x78, 0, 5, SPS264, 0, 4, PPS264, 0, 2, 0x65, 0x88}},
		{20, {0x60, 1, 0, 7, VPS265, 0, 5, SPS265}},
		{20, {0x7c, 0x85, 0x88}},
		{20, {0x62, 0x01, 0x93, 0xaf}},
		{20, {0x41, 0x9a}},
		{20, {0x02, 0x01, 0xd0}},
	};

	begin(NULL);
	srandom(1);
	for (int i = 0; i < 200000; i++) {
		size_t k = (size_t)random() % (sizeof(seeds) / sizeof(seeds[0]));
		uint32_t length = packet(PT, i + random() % 5, i / 3, SSRC + !(random() % 500),
					 seeds[k].bytes, seeds[k].n);

		for (int m = random() % 6; m > 0; m--)
			work.data[random() % length] = random();
		if (random() % 3 == 0)
			length = random() % (length + 1);
		if (random() % 1000 == 0)
			length = ECS_TS_BYTES;
		work.frame.length = length;
		if (!ecs_rtp_is(&work))
			continue;
		if (look(length, random() % 5) != ECS_CONTAINER_RTP)
			continue;
		assert_true(work.rtp.end <= length && work.rtp.cut <= length);
		thin(i & 1 ? ECS_POLICY_REF : ECS_POLICY_KEY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_input_less_taken_out),
		cmocka_unit_test(what_comes_before_a_frame_shares_its_fate),
		cmocka_unit_test(change_of_policy_behind_what_is_held_leaves_no_gap),
		cmocka_unit_test(hold_that_is_full_is_emptied),
		cmocka_unit_test(packet_with_parameter_sets_is_cut_before_its_slice),
		cmocka_unit_test(who_waits_starts_with_what_belongs_to_the_keyframe),
		cmocka_unit_test(transport_stream_in_rtp_is_numbered_by_datagrams),
		cmocka_unit_test(truncation_and_mutation_harm_nothing),
	};

	return cmocka_run_group_tests_name("rtp_thin", tests, NULL, NULL);
}
