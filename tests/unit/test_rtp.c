// SPDX-License-Identifier: Apache-2.0
/*
 * RTP in casts, compiled for userspace: which packets are the video, and of which frame each is.
 */
#include "rtp_packets.h"

static void header_in_every_form_finds_its_payload(void **unused)
{
	struct ecs_ts ts = {&work, &state, &pids};
	static const struct {
		uint8_t first, bytes[40];
		uint32_t length, at, end;
	} forms[] = {
		{0x80, {}, 20, 12, 20},
		{0x82, {}, 30, 20, 30},			      /* two CSRC */
		{0x90, {[14] = 0, [15] = 2}, 30, 24, 30},     /* extension */
		{0x91, {[18] = 0, [19] = 1}, 30, 24, 30},     /* both */
		{0xa0, {[29] = 4}, 30, 12, 26},		      /* padding */
		{0xb1, {[19] = 1, [29] = 5}, 30, 24, 25},     /* all three */
		{0xa0, {[29] = 18}, 30, 0, 0},		      /* only padding */
		{0xa0, {[29] = 0}, 30, 0, 0},		      /* it counts itself */
		{0x8f, {}, 30, 0, 0},			      /* CSRC behind the end */
		{0x90, {[14] = 0xff, [15] = 0xff}, 30, 0, 0}, /* so is the extension */
		{0x80, {}, 12, 0, 0},
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		begin(NULL);
		memcpy(work.data, forms[i].bytes, sizeof(forms[i].bytes));
		work.data[0] = forms[i].first;
		work.frame.length = forms[i].length;
		ecs_rtp_header(&ts);
		if (work.rtp.at != forms[i].at || work.rtp.end != forms[i].end)
			fail_msg("form %zu: payload at %u to %u", i, work.rtp.at, work.rtp.end);
	}
}

static void codec_is_taken_from_proof_alone(void **unused)
{
	static const struct {
		uint8_t codec;
		uint8_t n, payload[24];
	} cases[] = {
		{ECS_CODEC_H264, 5, {SPS264}},
		{ECS_CODEC_H264, 12, {0x78, 0, 5, SPS264, 0, 2, 0x68, 0xee}},
		{ECS_CODEC_NONE, 12, {0x78, 0, 5, SPS264, 0, 3, 0x68, 0xee}}, /* lengths wrong */
		{ECS_CODEC_NONE, 5, {0x67, 0x64, 0x01, 0x1f, 0xac}},	      /* reserved bits */
		{ECS_CODEC_NONE, 5, {0x67, 0x63, 0x00, 0x1f, 0xac}},	      /* no profile */
		{ECS_CODEC_NONE, 5, {0x67, 0x64, 0x00, 0x27, 0xac}},	      /* no level */
		{ECS_CODEC_NONE, 5, {0x65, 0x88, 0x84, 0x00, 0x33}},	      /* a slice */
		{ECS_CODEC_HEVC, 7, {VPS265}},
		{ECS_CODEC_HEVC, 16, {0x60, 1, 0, 7, VPS265, 0, 3, 0x42, 1, 1}},
		{ECS_CODEC_NONE, 7, {0x40, 0x01, 0x0c, 0x01, 0xff, 0xfe, 1}},
		{ECS_CODEC_NONE, 5, {SPS265}}, /* H.264's type 2 looks so */
		{ECS_CODEC_NONE, 5, {0, 0, 0, 0, 0}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t length;

		begin(NULL);
		length = packet(PT, 1, 1, SSRC, cases[i].payload, cases[i].n);
		if (look(length, ECS_CODEC_NONE) !=
			    (cases[i].codec ? ECS_CONTAINER_RTP : ECS_CONTAINER_NONE) ||
		    state.video[0].codec != cases[i].codec)
			fail_msg("case %zu is codec %u", i, state.video[0].codec);
		assert_int_equal(state.passed[ECS_CAST_PASS_CODEC], !cases[i].codec);
	}
	/* Static payload types are something else, whatever they hold. */
	begin(NULL);
	assert_int_equal(look(packet(8, 1, 1, SSRC, BYTES(SPS264)), ECS_CODEC_NONE),
			 ECS_CONTAINER_NONE);
}

static void what_the_user_told_needs_no_proof(void **unused)
{
	begin(NULL);
	assert_int_equal(look(packet(PT, 1, 1, SSRC, BYTES(0x65, 0x88, 0x84)), ECS_CODEC_H264),
			 ECS_CONTAINER_RTP);
	assert_int_equal(state.video[0].codec, ECS_CODEC_H264);
	assert_int_equal(work.rtp.frame, ECS_FRAME_KEY);
	begin(NULL);
	assert_int_equal(look(packet(PT, 1, 1, SSRC, BYTES(SPS264)), ECS_CODEC_HEVC),
			 ECS_CONTAINER_RTP);
	assert_int_equal(state.video[0].codec, ECS_CODEC_HEVC);
}

/* Type of the frame whose first slice this packet holds; UNKNOWN if it holds none. */
static int frame_of(const uint8_t *payload, size_t n)
{
	static uint16_t seq = 1000;
	static uint32_t time = 90000;

	assert_int_equal(video(++seq, time += 3600, payload, n), ECS_CONTAINER_RTP);
	return work.rtp.begins ? work.rtp.frame : -1;
}

static void h264_packets_of_each_form_are_classified(void **unused)
{
	begin_h264();
	assert_int_equal(frame_of(BYTES(0x65, 0x88)), ECS_FRAME_KEY);
	assert_int_equal(frame_of(BYTES(0x41, 0x9a)), ECS_FRAME_REF);
	assert_int_equal(frame_of(BYTES(0x01, 0x9e)), ECS_FRAME_NONREF);
	assert_int_equal(frame_of(BYTES(0x78, 0, 2, 0x09, 0xf0, 0, 2, 0x01, 0x9e)),
			 ECS_FRAME_NONREF);
	assert_int_equal(frame_of(BYTES(0x7c, 0x85, 0x88)), ECS_FRAME_KEY);
	assert_int_equal(frame_of(BYTES(0x5c, 0x81, 0x9a)), ECS_FRAME_REF);
	assert_int_equal(frame_of(BYTES(0x1c, 0x81, 0x9a)), ECS_FRAME_NONREF);
	/* The beginning is lost: it is known what the frame is, but no keyframe is clean. */
	assert_int_equal(frame_of(BYTES(0x1c, 0x01, 0x9a)), ECS_FRAME_NONREF);
	assert_int_equal(frame_of(BYTES(0x7c, 0x05, 0x88)), ECS_FRAME_UNKNOWN);
	assert_int_equal(frame_of(BYTES(0x65, 0x08)), ECS_FRAME_UNKNOWN);
	/* Delimiter, parameter sets and SEI decide nothing. */
	assert_int_equal(frame_of(BYTES(0x09, 0xf0)), -1);
	assert_int_equal(work.rtp.part, ECS_RTP_HOLD);
	assert_int_equal(frame_of(BYTES(0x78, 0, 5, SPS264, 0, 4, PPS264)), -1);
	assert_int_equal(work.rtp.sets, 1);
	/* STAP-B, MTAP16, MTAP24, FU-B, 0, 31, and a STAP-A whose lengths are wrong. */
	for (int type = 25; type < 33; type++) {
		uint8_t first = type == 28 ? 24 : type & 31;

		assert_int_equal(frame_of(BYTES(first, 0x85, 0x88, 0, 0)), ECS_FRAME_UNKNOWN);
	}
	assert_int_equal(state.passed[ECS_CAST_PASS_RTP], 8);
}

static void hevc_packets_of_each_form_are_classified(void **unused)
{
	begin_hevc();
	assert_int_equal(frame_of(BYTES(0x26, 0x01, 0xaf)), ECS_FRAME_KEY);
	assert_int_equal(frame_of(BYTES(0x02, 0x01, 0xd0)), ECS_FRAME_REF);
	assert_int_equal(frame_of(BYTES(0x00, 0x01, 0xe0)), ECS_FRAME_NONREF);
	assert_int_equal(
		frame_of(BYTES(0x60, 0x01, 0, 3, 0x46, 0x01, 0x50, 0, 3, 0x00, 0x01, 0xe0)),
		ECS_FRAME_NONREF);
	assert_int_equal(frame_of(BYTES(0x62, 0x01, 0x93, 0xaf)), ECS_FRAME_KEY);
	assert_int_equal(frame_of(BYTES(0x62, 0x01, 0x13, 0xaf)), ECS_FRAME_UNKNOWN);
	assert_int_equal(frame_of(BYTES(0x62, 0x01, 0x80, 0xaf)), ECS_FRAME_NONREF);
	assert_int_equal(frame_of(BYTES(0x26, 0x01, 0x2f)), ECS_FRAME_UNKNOWN); /* not the first */
	assert_int_equal(frame_of(BYTES(0x64, 0x01, 0x2f)), ECS_FRAME_UNKNOWN); /* PACI */
	assert_int_equal(frame_of(BYTES(0x46, 0x01, 0x50)), -1);
	/* Another layer decides nothing; of three sub-layers only the highest may go. */
	assert_int_equal(frame_of(BYTES(0x02, 0x09, 0xd0)), -1);
	assert_int_equal(frame_of(BYTES(0x42, 0x01, 0x05, 0x01)), -1);
	assert_int_equal(frame_of(BYTES(0x00, 0x01, 0xe0)), ECS_FRAME_REF);
	assert_int_equal(frame_of(BYTES(0x00, 0x03, 0xe0)), ECS_FRAME_NONREF);
}

static void packets_of_one_timestamp_are_one_frame(void **unused)
{
	begin_h264();
	video(101, 1000, BYTES(0x5c, 0x81, 0x9a));
	assert_int_equal(work.rtp.begins, 1);
	video(102, 1000, BYTES(0x5c, 0x01, 0x9a));
	assert_int_equal(work.rtp.begins, 0);
	assert_int_equal(work.rtp.part, ECS_RTP_FRAME);
	video(104, 2000, BYTES(0x01, 0x9a));
	assert_int_equal(work.rtp.begins, 1);
	/* Late: of the frame before, and of none that is known. */
	video(103, 1000, BYTES(0x5c, 0x41, 0x9a));
	assert_int_equal(work.rtp.previous, 1);
	video(99, 500, BYTES(0x5c, 0x41, 0x9a));
	assert_int_equal(work.rtp.part, ECS_RTP_OTHER);
	assert_int_equal(state.frames[ECS_FRAME_REF], 1);
	assert_int_equal(state.frames[ECS_FRAME_NONREF], 1);
}

static void others_on_the_port_are_no_video(void **unused)
{
	begin_h264();
	assert_int_equal(look(packet(200, 1, 1, SSRC, BYTES(0, 0, 0, 0)), ECS_CODEC_NONE),
			 ECS_CONTAINER_NONE);
	assert_int_equal(state.passed[ECS_CAST_PASS_RTCP], 1);
	/* Another source; the same source with another payload type shares the numbers. */
	assert_int_equal(look(packet(97, 7, 1, 9, BYTES(0x65, 0x88)), ECS_CODEC_NONE),
			 ECS_CONTAINER_NONE);
	assert_int_equal(state.passed[ECS_CAST_PASS_SOURCE], 1);
	assert_int_equal(look(packet(97, 101, 1, SSRC, BYTES(0x65, 0x88)), ECS_CODEC_NONE),
			 ECS_CONTAINER_RTP);
	assert_int_equal(work.rtp.part, ECS_RTP_OTHER);
	assert_int_equal(state.rtp.seq, 101);
}

static void new_source_starts_over(void **unused)
{
	uint8_t epoch;

	begin_h264();
	epoch = state.rtp.epoch;
	video(101, 1000, BYTES(0x65, 0x88));
	assert_int_equal(look(packet(PT, 7, 1, 9, BYTES(0x65, 0x88)), ECS_CODEC_NONE),
			 ECS_CONTAINER_NONE);
	assert_int_equal(look(packet(PT, 8, 2, 9, BYTES(VPS265)), ECS_CODEC_NONE),
			 ECS_CONTAINER_RTP);
	assert_int_equal(state.video[0].codec, ECS_CODEC_HEVC);
	assert_int_equal(state.rtp.epoch, epoch + 1);
	/* One of whom nothing was proved takes over when the other is silent for long. */
	for (int i = 0; i < ECS_RTP_STRANGERS; i++)
		assert_int_equal(
			look(packet(PT, i, i, 10, BYTES(0x02, 0x01, 0xd0)), ECS_CODEC_HEVC),
			ECS_CONTAINER_NONE);
	assert_int_equal(look(packet(PT, 99, 99, 10, BYTES(0x02, 0x01, 0xd0)), ECS_CODEC_HEVC),
			 ECS_CONTAINER_RTP);
	assert_int_equal(state.rtp.ssrc, 10);
}

static void transport_stream_in_rtp_is_told_by_its_type(void **unused)
{
	uint8_t ts[2 * ECS_TS_LEN] = {ECS_TS_SYNC, [ECS_TS_LEN] = ECS_TS_SYNC};

	begin(NULL);
	assert_int_equal(look(packet(33, 1, 1, SSRC, ts, sizeof(ts)), ECS_CODEC_NONE),
			 ECS_CONTAINER_RTP_TS);
	assert_int_equal(state.container, ECS_CONTAINER_RTP_TS);
	assert_int_equal(work.rtp.at, 12);
	/* What is no whole number of packets keeps its place in the row of numbers. */
	assert_int_equal(look(packet(33, 2, 1, SSRC, ts, sizeof(ts) - 1), ECS_CODEC_NONE),
			 ECS_CONTAINER_RTP);
	assert_int_equal(work.rtp.part, ECS_RTP_OTHER);
	assert_int_equal(state.passed[ECS_CAST_PASS_SIZE], 1);
	begin(NULL);
	assert_int_equal(look(packet(100, 1, 1, SSRC, ts, sizeof(ts)), ECS_CODEC_TS),
			 ECS_CONTAINER_RTP_TS);
}

/* The tables of what was a transport stream before hold no more, and are found again. */
static void stream_that_becomes_another_is_known_anew(void **unused)
{
	struct ecs_ts ts = {&work, &state, &pids};

	begin(NULL);
	ecs_rtp_none(&ts);
	assert_int_equal(state.container, ECS_CONTAINER_TS);
	state.pat_crc = state.program[0].crc = 7;
	state.program[0].pmt_pid = 0x1000;
	state.program[0].pid[0] = 0x100;
	state.program[0].pids = 1;
	pids.kind[0x100] = ECS_PID_VIDEO;
	pids.kind[0x1000] = ECS_PID_PMT;
	/* What only begins like RTP is a part of a TS packet. */
	assert_int_equal(video(1, 1, BYTES(REF)), ECS_RTP_NOT);
	assert_int_equal(video(1, 1, BYTES(SPS264)), ECS_CONTAINER_RTP);
	assert_int_equal(state.pat_crc | state.program[0].crc | pids.kind[0x100], 0);
	ecs_rtp_none(&ts);
	assert_int_equal(state.container, ECS_CONTAINER_TS);
	assert_int_equal(state.video[0].codec, ECS_CODEC_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_in_every_form_finds_its_payload),
		cmocka_unit_test(codec_is_taken_from_proof_alone),
		cmocka_unit_test(what_the_user_told_needs_no_proof),
		cmocka_unit_test(h264_packets_of_each_form_are_classified),
		cmocka_unit_test(hevc_packets_of_each_form_are_classified),
		cmocka_unit_test(packets_of_one_timestamp_are_one_frame),
		cmocka_unit_test(others_on_the_port_are_no_video),
		cmocka_unit_test(new_source_starts_over),
		cmocka_unit_test(transport_stream_in_rtp_is_told_by_its_type),
		cmocka_unit_test(stream_that_becomes_another_is_known_anew),
	};

	return cmocka_run_group_tests_name("rtp", tests, NULL, NULL);
}
