// SPDX-License-Identifier: Apache-2.0
/*
 * Casts in the data path whose datagrams are no whole number of TS packets: copies hold whole
 * packets, all of them, with the right checksums; originals stay what they were.
 */
#include "cast_test.h"

#include <stdlib.h>
#include <string.h>

#include <ecswitch/cleanup.h>
#include "kernel/ecswitch.skel.h"

#define SIZE 1472 /* what ffmpeg sends if it is not told otherwise */

static uint32_t file_bytes(const struct ct_file *file)
{
	return file->datagrams * CT_DATAGRAM;
}

static uint8_t *payload_of(struct bt_frame *frame)
{
	return frame->data + (frame->data[12] == 8 ? CT_HEADERS4 : CT_HEADERS6);
}

/* All that receiver @i, at VM @vm, was sent goes to @out. Return: its bytes. */
static uint32_t drain(struct bt *bt, struct ct_cast *cast, uint32_t i, int vm, uint8_t *out)
{
	struct bt_frame got;
	uint32_t bytes = 0;

	while (ct_copy(bt, cast, i, vm, &got)) {
		uint32_t len = ct_check(&got);

		assert_int_equal(len % ECS_TS_LEN, 0);
		assert_true(len <= SIZE);
		memcpy(out + bytes, payload_of(&got), len);
		bytes += len;
	}
	return bytes;
}

static void send_part(struct bt *bt, int family, enum ct_sum sum, const uint8_t *data, uint32_t len)
{
	struct bt_frame frame;

	ct_frame(bt, &frame, family, 0, data, len, sum);
	ct_run(bt, &frame);
}

/* One receiver of "all", two of "ref", one of them with an address of its own. */
static void cut_stream(struct bt *bt, enum ct_stream stream, int family, enum ct_sum sum)
{
	struct ct_file file = ct_load(stream);
	uint32_t total = file_bytes(&file), got[3] = {};
	struct ct_cast cast = {};
	uint8_t *out[3];

	for (int i = 0; i < 3; i++)
		out[i] = malloc(total);
	ct_group(&cast, ECS_POLICY_REF, 0, 0);
	ct_to(&cast, bt, 1)->flags = ECS_RECEIVER_ADDR | ECS_RECEIVER_PORT | ECS_RECEIVER_MAC;
	memset(cast.receivers[0].addr, 0xfd, 16);
	memset(cast.receivers[0].mac, 0x0a, 6);
	ct_to(&cast, bt, 2);
	ct_group(&cast, ECS_POLICY_ALL, 0, 0);
	ct_to(&cast, bt, 3);
	ct_sink(&cast, bt);
	ct_set(bt, &cast, family, 0);
	for (uint32_t at = 0; at < total; at += SIZE) {
		send_part(bt, family, sum, file.data + at, total - at < SIZE ? total - at : SIZE);
		for (int i = 0; i < 3; i++)
			got[i] += drain(bt, &cast, i, i + 1, out[i] + got[i]);
	}
	assert_int_equal(got[2], total);
	assert_memory_equal(out[2], file.data, total);
	assert_in_range(got[1], total / 10, total - 10 * ECS_TS_LEN);
	assert_int_equal(got[0], got[1]);
	assert_memory_equal(out[0], out[1], got[0]);
	for (int i = 0; i < 3; i++)
		free(out[i]);
}

static void torn_ipv4_packets_come_whole_and_with_right_checksums(void **state)
{
	cut_stream(*state, CT_H264, 4, CT_SUM);
}

static void torn_ipv6_packets_come_whole_and_with_right_checksums(void **state)
{
	cut_stream(*state, CT_HEVC, 6, CT_SUM);
}

static void torn_packets_change_no_checksum_of_zero(void **state)
{
	cut_stream(*state, CT_MPEG2, 4, CT_SUM_ZERO);
}

/* VM 1 gets copies, the others the original, which the switch floods. */
static void original_is_kept_as_it_came(void **state)
{
	struct ct_file file = ct_load(CT_H264);
	struct bt_frame frame, got;
	struct ct_cast cast = {};
	struct bt *bt = *state;

	ct_group(&cast, ECS_POLICY_KEY, 0, 0);
	ct_to(&cast, bt, 1)->flags = ECS_RECEIVER_MAC;
	for (int family = 4; family <= 6; family += 2) {
		ct_set(bt, &cast, family, ECS_STREAM_KEEP);
		/* With IPv6's header, too, it fits into a frame. */
		for (uint32_t at = 0; at + 1400 <= file_bytes(&file); at += 1400) {
			ct_frame(bt, &frame, family, 0, file.data + at, 1400, CT_SUM);
			ct_send(bt, &frame);
			for (int vm = 2; vm < BT_VMS; vm++) {
				ct_expect(bt, vm, &got);
				assert_int_equal(got.len, frame.len);
				assert_memory_equal(got.data, frame.data, frame.len);
			}
		}
	}
	assert_true(ct_count(bt, 0, 0).packets > 5);
}

/* A missing datagram tears two packets; what comes next is whole, and thinned. */
static void stream_is_found_again_after_a_loss(void **state)
{
	struct ct_file file = ct_load(CT_H264);
	uint32_t total = file_bytes(&file), got = 0, lost = 0;
	struct ct_cast cast = {};
	struct bt *bt = *state;
	uint8_t *out = malloc(total);

	ct_group(&cast, ECS_POLICY_ALL, 0, 0);
	ct_to(&cast, bt, 1);
	ct_sink(&cast, bt);
	ct_set(bt, &cast, 4, 0);
	for (uint32_t at = 0, i = 1; at < total; at += SIZE, i++) {
		if (i % 5 == 0 && total - at > SIZE) {
			lost++;
			continue;
		}
		send_part(bt, 4, CT_SUM, file.data + at, total - at < SIZE ? total - at : SIZE);
		got += drain(bt, &cast, 0, 1, out + got);
	}
	assert_true(lost > 3);
	assert_in_range(got, total - lost * (SIZE + 2 * ECS_TS_LEN), total - lost * SIZE);
	assert_in_range(ct_state(bt, 0).torn, 1, lost);
	assert_int_equal(ct_state(bt, 0).passed[ECS_CAST_PASS_SYNC], 0);
	for (uint32_t i = 0, at = 0; i < got; i += ECS_TS_LEN, at += ECS_TS_LEN) {
		while (at < total && memcmp(file.data + at, out + i, ECS_TS_LEN))
			at += ECS_TS_LEN;
		assert_true(at < total);
	}
	free(out);
}

static void what_is_no_ts_stream_passes_whole(void **state)
{
	static const uint32_t sizes[] = {1, 4, 20, 100, 187, 188, 189, 400, 1000, 1316, 1472};
	struct ct_cast cast = {};
	struct bt *bt = *state;
	struct bt_frame frame, got;
	uint8_t data[SIZE];
	uint64_t passed = 0;

	ct_group(&cast, ECS_POLICY_REF, 0, 0);
	ct_to(&cast, bt, 1);
	ct_sink(&cast, bt);
	ct_set(bt, &cast, 4, 0);
	srandom(1);
	for (uint32_t i = 0; i < 200; i++) {
		uint32_t size = sizes[i % ECS_ARRAY_SIZE(sizes)];

		for (uint32_t k = 0; k < size; k++)
			data[k] = (uint8_t)random();
		ct_frame(bt, &frame, 4, 0, data, size, CT_SUM);
		ct_run(bt, &frame);
		assert_true(ct_copy(bt, &cast, 0, 1, &got));
		assert_int_equal(got.len, frame.len);
		assert_memory_equal(got.data, frame.data, frame.len);
	}
	/* Some of it looks like RTP or RTCP. */
	for (size_t i = 0; i < ECS_CAST_PASSES; i++)
		passed += ct_state(bt, 0).passed[i];
	assert_int_equal(passed, 200);
}

/* A copy made of it would have a right checksum, and nobody would know. */
static void damaged_datagram_stays_damaged(void **state)
{
	struct ct_file file = ct_load(CT_H264);
	uint32_t total = file_bytes(&file), damaged = 0;
	struct ct_cast cast = {};
	struct bt *bt = *state;
	struct bt_frame frame, got;
	uint8_t out[4 * SIZE];

	ct_group(&cast, ECS_POLICY_ALL, 0, 0);
	ct_to(&cast, bt, 1);
	ct_sink(&cast, bt);
	ct_set(bt, &cast, 4, 0);
	for (uint32_t at = 0, i = 1; at + SIZE <= total; at += SIZE, i++) {
		ct_frame(bt, &frame, 4, 0, file.data + at, SIZE, CT_SUM);
		if (i % 5 == 0)
			payload_of(&frame)[i * 7] ^= 1;
		ct_run(bt, &frame);
		if (i % 5) {
			drain(bt, &cast, 0, 1, out);
			continue;
		}
		damaged++;
		assert_true(ct_copy(bt, &cast, 0, 1, &got));
		assert_int_equal(got.len, frame.len);
		assert_memory_equal(got.data, frame.data, frame.len);
	}
	assert_true(damaged > 3);
	assert_int_equal(ct_state(bt, 0).passed[ECS_CAST_PASS_DAMAGED], damaged);
}

/* The destination that one receiver of a policy wants is not that of the next policy's. */
static void address_of_one_policy_is_not_the_next_ones(void **state)
{
	struct ct_file file = ct_load(CT_H264);
	struct bt_frame frame, got;
	struct ct_cast cast = {};
	struct bt *bt = *state;

	ct_group(&cast, ECS_POLICY_REF, 0, 0);
	ct_to(&cast, bt, 1)->flags = ECS_RECEIVER_MAC;
	memset(cast.receivers[0].mac, 0x0a, 6);
	ct_group(&cast, ECS_POLICY_KEY, 0, 0);
	ct_to(&cast, bt, 2);
	ct_sink(&cast, bt);
	ct_set(bt, &cast, 4, 0);
	for (uint32_t i = 0; i < file.datagrams; i++) {
		ct_frame(bt, &frame, 4, 0, file.data + i * CT_DATAGRAM, CT_DATAGRAM, CT_SUM);
		ct_run(bt, &frame);
		while (ct_copy(bt, &cast, 0, 1, &got))
			assert_memory_equal(got.data, cast.receivers[0].mac, 6);
		while (ct_copy(bt, &cast, 1, 2, &got))
			assert_memory_equal(got.data, frame.data, 6);
	}
	assert_true(ct_count(bt, 0, 1).packets > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CT_TEST(torn_ipv4_packets_come_whole_and_with_right_checksums),
		CT_TEST(torn_ipv6_packets_come_whole_and_with_right_checksums),
		CT_TEST(torn_packets_change_no_checksum_of_zero),
		CT_TEST(original_is_kept_as_it_came),
		CT_TEST(stream_is_found_again_after_a_loss),
		CT_TEST(what_is_no_ts_stream_passes_whole),
		CT_TEST(damaged_datagram_stays_damaged),
		CT_TEST(address_of_one_policy_is_not_the_next_ones),
	};

	return cmocka_run_group_tests_name("cast_cut", tests, ct_setup, ct_teardown);
}
