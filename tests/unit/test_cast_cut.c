// SPDX-License-Identifier: Apache-2.0
/*
 * Transport streams in datagrams of any size: however a stream is cut, a policy leaves the same
 * TS packets of it, nothing is held back at its end, and no copy is larger than the stream's own
 * datagrams. What is lost, comes twice or late damages no more than it must.
 */
#include "unit.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/realign.h"
#include "kernel/thin.h"
#include "ts_stream.h"

#define PMT_PID 0x1000
#define VIDEO_PID 0x100
#define AUDIO_PID 0x101

static struct ecs_ts_work work;
static struct ecs_cast_state state;
static struct ecs_cast_pids pids;
static struct ecs_cast_group_state group;
static uint8_t carry[sizeof(struct ecs_cast_carry)];
static struct ts_stream stream;
static const struct ecs_policy policy_all = {.kind = ECS_POLICY_ALL};
static const struct ecs_policy policy_ref = {.kind = ECS_POLICY_REF};

/* What a policy let through: packets, or datagrams as they were. */
struct output {
	uint8_t data[2 * sizeof(stream.data)];
	size_t bytes;
	size_t datagrams;
	size_t largest;
	size_t passed;
};
static struct output aligned, got;

static void put(struct output *out, const uint8_t *data, size_t n)
{
	memcpy(&out->data[out->bytes], data, n);
	out->bytes += n;
}

/* One run of packets, thinned, as a copy. */
static void send_run(struct output *out, const struct ecs_policy *policy)
{
	struct ecs_thin thin = {&work, &group, *policy};
	size_t before = out->bytes;

	ecs_thin_datagram(&thin, work.frame.packets);
	for (uint32_t i = 0; i < work.frame.packets; i++) {
		uint8_t *p = &work.data[work.frame.base + i * ECS_TS_LEN], packet[ECS_TS_LEN];

		if (work.keep[i] == ECS_TS_OUT)
			continue;
		memcpy(packet, p, ECS_TS_LEN);
		packet[3] = work.byte3[i];
		put(out, packet, ECS_TS_LEN);
	}
	if (out->bytes == before)
		return;
	out->datagrams++;
	if (out->bytes - before > out->largest)
		out->largest = out->bytes - before;
}

/* Whole packets, none of which began before: stages/cast.h does not cut these. */
static int whole(struct output *out, const struct ecs_policy *policy, size_t n)
{
	struct ecs_ts ts = {&work, &state, &pids};

	if (state.carried || n % ECS_TS_LEN || n > ECS_TS_BYTES || work.data[0] != ECS_TS_SYNC)
		return 0;
	state.synced = !ecs_ts_datagram(&ts, n / ECS_TS_LEN);
	work.frame.packets = n / ECS_TS_LEN;
	if (state.synced)
		send_run(out, policy);
	else
		put(out, work.data, n);
	return 1;
}

/* What kernel/cast_cut.h does, with memory for maps and frames. */
static void feed(struct output *out, const struct ecs_policy *policy, const uint8_t *p, size_t n)
{
	struct ecs_ts ts = {&work, &state, &pids};

	if (n > state.largest)
		state.largest = n;
	memset(&work.frame, 0, sizeof(work.frame));
	memset(work.data, 0xa5, sizeof(work.data));
	memcpy(work.data, carry, state.carried);
	memcpy(&work.data[state.carried], p, n);
	if (whole(out, policy, n))
		return;
	work.frame.origin = state.carried;
	work.frame.length = n;
	ecs_cut_begin(&ts);
	for (int i = 0; i < ECS_CUT_RUNS && ecs_cut_next(&work); i++) {
		assert_int_equal(ecs_ts_datagram(&ts, work.frame.packets), 0);
		send_run(out, policy);
	}
	state.carried = ecs_cut_left(&work);
	memcpy(carry, &work.data[work.cut.from], state.carried);
	if (!work.cut.lost)
		return;
	assert_int_equal(state.carried, 0);
	put(out, p, n);
	out->passed++;
}

static void reset(struct output *out)
{
	memset(&state, 0, sizeof(state));
	memset(&pids, 0, sizeof(pids));
	memset(&group, 0, sizeof(group));
	memset(out, 0, sizeof(*out));
}

/* The stream in datagrams of @size bytes; 0 = of any size from @low to @high. */
static void play(struct output *out, const struct ecs_policy *policy, size_t size, size_t low,
		 size_t high)
{
	size_t at = 0, total = stream.packets * ECS_TS_LEN;

	reset(out);
	while (at < total) {
		size_t n = size ?: low + (size_t)random() % (high - low + 1);

		n = n < total - at ? n : total - at;
		feed(out, policy, &stream.data[at], n);
		at += n;
		/* What waits is less than a copy and a packet. */
		assert_true(state.carried < (state.largest / ECS_TS_LEN ?: 1) * ECS_TS_LEN + 188);
	}
}

static void frame_add(int n)
{
	static const uint8_t nonref[] = {0, 0, 1, 0x01}, ref[] = {0, 0, 1, 0x41},
			     idr[] = {0, 0, 1, 0x65};

	ts_frame_add(&stream, VIDEO_PID,
		     n % 12 == 0 ? idr
		     : n % 3	 ? nonref
				 : ref,
		     4, 1 + random() % 20);
}

/* Tables, sound, and frames whose bytes look like anything, sync bytes among them. */
static void stream_make(int frames)
{
	const struct ts_es es[] = {{0x1b, VIDEO_PID, 0}, {0x03, AUDIO_PID, 0}};
	uint8_t bytes[64];
	uint16_t pmt_pid = PMT_PID;

	memset(&stream, 0, sizeof(stream));
	for (int i = 0; i < frames; i++) {
		size_t from;

		if (i % 10 == 0) {
			ts_sections_add(&stream, 0, bytes, ts_pat(bytes, &pmt_pid, 1, 0), 0);
			ts_sections_add(&stream, PMT_PID, bytes, ts_pmt(bytes, es, 2, 0), 0);
		}
		ts_packet_add(&stream, AUDIO_PID, 1);
		from = stream.packets;
		frame_add(i);
		for (size_t k = from; k < stream.packets; k++)
			for (int b = 30; b < ECS_TS_LEN; b++)
				stream.data[k * ECS_TS_LEN + b] =
					random() % 8 ? (uint8_t)random() | 2 : ECS_TS_SYNC;
	}
	play(&aligned, &policy_ref, 7 * ECS_TS_LEN, 0, 0);
	assert_int_equal(aligned.passed, 0);
	assert_in_range(aligned.bytes, 1, stream.packets * ECS_TS_LEN - 1);
}

static void assert_as_aligned(void)
{
	assert_int_equal(got.passed, 0);
	assert_int_equal(state.torn, 0);
	assert_int_equal(state.carried, 0);
	assert_int_equal(got.bytes, aligned.bytes);
	assert_memory_equal(got.data, aligned.data, aligned.bytes);
}

static void any_size_of_datagrams_leaves_the_same_packets(void **unused)
{
	static const size_t sizes[] = {188, 189, 376, 1000, 1316, 1328, 1400, 1472, 8972};

	srandom(1);
	for (int round = 0; round < 8; round++) {
		stream_make(100);
		for (size_t i = 0; i < ECS_ARRAY_SIZE(sizes); i++) {
			play(&got, &policy_ref, sizes[i], 0, 0);
			assert_as_aligned();
			assert_true(got.largest <= sizes[i]);
		}
		for (int i = 0; i < 8; i++) {
			/* The first one must hold two packets' beginnings. */
			play(&got, &policy_ref, 0, i & 1 ? 200 : 400, i & 1 ? 250 : 2000);
			assert_as_aligned();
		}
	}
}

static void copies_are_hardly_more_than_datagrams(void **unused)
{
	srandom(2);
	stream_make(200);
	play(&got, &policy_all, 1472, 0, 0);
	assert_int_equal(got.bytes, stream.packets * ECS_TS_LEN);
	assert_in_range(got.datagrams, stream.packets / 7, stream.packets / 7 + got.bytes / 40000);
	assert_int_equal(got.largest, 7 * ECS_TS_LEN);
}

static void end_of_a_stream_is_not_held_back(void **unused)
{
	srandom(3);
	for (int i = 0; i < 40; i++) {
		stream_make(5 + i);
		play(&got, &policy_all, 200 + i * 37, 0, 0);
		assert_int_equal(got.bytes, stream.packets * ECS_TS_LEN);
		assert_int_equal(state.carried, 0);
	}
}

/* As before a pause: nobody waits for what is there. */
static void short_datagram_leaves_no_whole_packet_waiting(void **unused)
{
	size_t at = 0;

	srandom(11);
	stream_make(100);
	reset(&got);
	for (int i = 0; i < 60; i++) {
		size_t n = i % 4 == 3 ? 900 : 1472;

		feed(&got, &policy_all, &stream.data[at], n);
		at += n;
		if (n == 900)
			assert_true(state.carried < ECS_TS_LEN);
	}
	assert_int_equal(got.bytes + state.carried, at);
}

static void stream_may_begin_in_the_middle(void **unused)
{
	srandom(4);
	stream_make(40);
	for (size_t skip = 1; skip < ECS_TS_LEN; skip++) {
		size_t total = stream.packets * ECS_TS_LEN, at;

		reset(&got);
		for (at = skip; at < total; at += 1472)
			feed(&got, &policy_all, &stream.data[at],
			     total - at < 1472 ? total - at : 1472);
		assert_int_equal(got.passed, 0);
		assert_int_equal(got.bytes, total - ECS_TS_LEN);
		assert_memory_equal(got.data, &stream.data[ECS_TS_LEN], got.bytes);
		assert_int_equal(state.torn, 1);
	}
}

/* Each packet that comes is one that was sent, and what came whole comes through. */
static void damage_is_the_lost_datagram_and_what_it_tore(void **unused)
{
	size_t total, at, lost = 0;

	srandom(5);
	stream_make(200);
	total = stream.packets * ECS_TS_LEN;
	reset(&got);
	for (at = 0; at < total; at += 1472) {
		size_t n = total - at < 1472 ? total - at : 1472;

		if (at && random() % 10 == 0 && n == 1472)
			lost++;
		else
			feed(&got, &policy_all, &stream.data[at], n);
	}
	assert_true(lost > 20);
	assert_int_equal(got.passed, 0);
	assert_int_equal(got.bytes % ECS_TS_LEN, 0);
	assert_true(got.bytes >= total - lost * (1472 + 2 * 188));
	assert_true(state.torn <= lost);
	at = 0;
	for (size_t i = 0; i < got.bytes; i += ECS_TS_LEN) {
		while (at < total && memcmp(&stream.data[at], &got.data[i], ECS_TS_LEN))
			at += ECS_TS_LEN;
		assert_true(at < total);
	}
}

static void copies_and_disorder_of_datagrams_end_nothing(void **unused)
{
	size_t total, at, last = 0;

	srandom(6);
	stream_make(100);
	total = stream.packets * ECS_TS_LEN;
	reset(&got);
	for (at = 0; at + 2944 < total; at += 1472) {
		int what = random() % 10;

		feed(&got, &policy_all, &stream.data[at + (what == 0 ? 1472 : 0)], 1472);
		if (what == 1) {
			feed(&got, &policy_all, &stream.data[at], 1472);
		} else if (what == 0) {
			feed(&got, &policy_all, &stream.data[at], 1472);
			at += 1472;
		}
	}
	assert_int_equal(got.passed, 0);
	last = got.bytes;
	/* Order again: all comes through but what the last disorder tore. */
	feed(&got, &policy_all, &stream.data[at], total - at);
	assert_true(got.bytes - last + state.carried + 188 >= total - at);
}

static void what_is_no_ts_stream_passes_whole(void **unused)
{
	uint8_t data[2000];
	size_t sent = 0;

	srandom(7);
	reset(&got);
	for (int i = 0; i < 1000; i++) {
		size_t n = 1 + (size_t)random() % sizeof(data);

		for (size_t k = 0; k < n; k++)
			data[k] = random();
		feed(&got, &policy_ref, data, n);
		sent += n;
	}
	/* Four sync bytes in a row by chance may cost a little. */
	assert_in_range(got.bytes, sent - sent / 100, sent);
	assert_in_range(got.passed, 975, 1000);
}

static void rtp_headers_are_no_torn_packets(void **unused)
{
	uint8_t data[12 + 7 * ECS_TS_LEN] = {0x80, 33};

	srandom(8);
	stream_make(20);
	reset(&got);
	memcpy(data + 12, stream.data, 7 * ECS_TS_LEN);
	for (int i = 0; i < 5; i++)
		feed(&got, &policy_ref, data, sizeof(data));
	assert_int_equal(got.passed, 5);
	assert_int_equal(got.bytes, 5 * sizeof(data));
}

static void stream_may_change_between_whole_and_torn(void **unused)
{
	size_t at = 0, total;

	srandom(9);
	stream_make(100);
	total = stream.packets * ECS_TS_LEN;
	reset(&got);
	for (int i = 0; at < total; i++) {
		size_t n = i / 10 % 2 ? 1472 : 1316;

		n = n < total - at ? n : total - at;
		feed(&got, &policy_ref, &stream.data[at], n);
		at += n;
	}
	assert_as_aligned();
}

/* Counters of each PID of what came out go on without a gap. */
static void assert_no_gap(const struct output *out)
{
	static uint8_t last[ECS_TS_PIDS];

	memset(last, 0xff, sizeof(last));
	for (size_t i = 0; i < out->bytes; i += ECS_TS_LEN) {
		const uint8_t *p = &out->data[i];
		uint16_t pid = (p[1] & 0x1f) << 8 | p[2];

		if (last[pid] != 0xff)
			assert_int_equal(p[3] & 15, (last[pid] + 1) & 15);
		last[pid] = p[3] & 15;
	}
}

static void video_may_move_to_another_pid(void **unused)
{
	const struct ts_es before[] = {{0x1b, VIDEO_PID, 0}, {0x03, AUDIO_PID, 0}};
	const struct ts_es after[] = {{0x03, AUDIO_PID, 0}, {0x1b, VIDEO_PID + 9, 0}};
	static const uint8_t nonref[] = {0, 0, 1, 0x01}, idr[] = {0, 0, 1, 0x65};
	uint8_t bytes[64];
	uint16_t pmt_pid = PMT_PID;

	memset(&stream, 0, sizeof(stream));
	ts_sections_add(&stream, 0, bytes, ts_pat(bytes, &pmt_pid, 1, 0), 0);
	for (int i = 0; i < 40; i++) {
		const struct ts_es *es = i < 20 ? before : after;
		uint16_t pid = i < 20 ? VIDEO_PID : VIDEO_PID + 9;

		if (i % 10 == 0)
			ts_sections_add(&stream, PMT_PID, bytes, ts_pmt(bytes, es, 2, i / 20), 0);
		ts_packet_add(&stream, AUDIO_PID, 1);
		ts_frame_add(&stream, pid, i % 2 ? nonref : idr, 4, 1 + i % 7);
	}
	play(&got, &policy_ref, 1472, 0, 0);
	assert_int_equal(group.sent[ECS_FRAME_KEY], 20);
	assert_int_equal(group.dropped[ECS_FRAME_NONREF], 20);
	assert_no_gap(&got);
}

/* Under the sanitizers. */
static void hostile_bytes_harm_nothing(void **unused)
{
	srandom(10);
	stream_make(60);
	reset(&got);
	for (int i = 0; i < 20000; i++) {
		size_t n = 1 + (size_t)random() % ECS_CAST_CUT_BYTES;
		size_t at = (size_t)random() % (stream.packets * ECS_TS_LEN - n);
		uint8_t data[ECS_CAST_CUT_BYTES];

		memcpy(data, &stream.data[at], n);
		if (i & 1)
			memset(data, ECS_TS_SYNC, n / 2);
		data[(size_t)random() % n] = random();
		got.bytes = 0;
		feed(&got, &policy_ref, data, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_size_of_datagrams_leaves_the_same_packets),
		cmocka_unit_test(copies_are_hardly_more_than_datagrams),
		cmocka_unit_test(end_of_a_stream_is_not_held_back),
		cmocka_unit_test(short_datagram_leaves_no_whole_packet_waiting),
		cmocka_unit_test(stream_may_begin_in_the_middle),
		cmocka_unit_test(damage_is_the_lost_datagram_and_what_it_tore),
		cmocka_unit_test(copies_and_disorder_of_datagrams_end_nothing),
		cmocka_unit_test(what_is_no_ts_stream_passes_whole),
		cmocka_unit_test(rtp_headers_are_no_torn_packets),
		cmocka_unit_test(stream_may_change_between_whole_and_torn),
		cmocka_unit_test(video_may_move_to_another_pid),
		cmocka_unit_test(hostile_bytes_harm_nothing),
	};

	(void)ecs_thin_waiting; /* what waits for a keyframe is test_cast's */
	return cmocka_run_group_tests_name("cast_cut", tests, NULL, NULL);
}
