// SPDX-License-Identifier: Apache-2.0
/*
 * Casts in the data path, on real datagrams: copies go where they should, as long as they should
 * be and with the right checksums.
 */
#include "cast_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <arpa/inet.h>

#include "kernel/ecswitch.skel.h"

static const uint8_t *payload_of(const struct bt_frame *frame)
{
	return frame->data +
	       (frame->data[12] == 8 ? 14 + (frame->data[14] & 15) * 4 + 8 : CT_HEADERS6);
}

/* Options of IPv4, that do nothing, behind the rest of its header. */
static void add_options(struct bt_frame *frame, uint8_t bytes)
{
	uint8_t *data = frame->data;
	uint32_t sum = (uint32_t)data[16] << 8 | data[17];

	assert_true(frame->len + bytes <= sizeof(frame->data));
	memmove(data + 34 + bytes, data + 34, frame->len - 34);
	memset(data + 34, 1, bytes);
	frame->len += bytes;
	data[14] = (uint8_t)(0x45 + bytes / 4);
	sum += bytes;
	memcpy(data + 16, (uint8_t[]){sum >> 8, sum, data[18], data[19]}, 4);
	data[24] = data[25] = 0;
	sum = 0;
	for (uint32_t i = 14; i < 34u + bytes; i += 2)
		sum += data[i] << 8 | data[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	data[24] = (uint8_t)(sum >> 8);
	data[25] = (uint8_t)sum;
}

/* Counters change, and what is left of a dropped packet with a clock reference is that alone. */
static bool same_packet(const uint8_t *got, const uint8_t *came)
{
	if (got[0] != came[0] || ((got[1] ^ came[1]) & 0x1f) || got[2] != came[2])
		return false;
	if (!((got[3] ^ came[3]) & 0xf0))
		return got[1] == came[1] && !memcmp(got + 4, came + 4, ECS_TS_LEN - 4);
	return (came[3] & 0x20) && (came[5] & 0x10) &&
	       (got[3] & 0xf0) == ((came[3] & 0xc0) | 0x20) && got[4] == ECS_TS_LEN - 5 &&
	       !memcmp(got + 6, came + 6, 6) && got[12] == 0xff &&
	       !memcmp(got + 12, got + 13, ECS_TS_LEN - 13);
}

/* TS packets of the frame that are not in the datagram, in order; -1 if they are not part of it. */
static int missing(const struct bt_frame *frame, const uint8_t *datagram)
{
	uint32_t len = ct_check(frame), at = 0, out = 0;

	assert_int_equal(len % ECS_TS_LEN, 0);
	for (uint32_t i = 0; i < CT_DATAGRAM; i += ECS_TS_LEN) {
		if (at < len && same_packet(payload_of(frame) + at, datagram + i))
			at += ECS_TS_LEN;
		else
			out++;
	}
	return at == len ? (int)out : -1;
}

static void copies_of_all_are_the_datagram_itself(void **state)
{
	struct ct_file file = ct_load(CT_H264);
	struct bt_frame frame, got;
	struct ct_cast cast = {};
	struct bt *bt = *state;

	ct_group(&cast, ECS_POLICY_ALL, 0, 0);
	for (int vm = 1; vm < BT_VMS; vm++)
		ct_to(&cast, bt, vm);
	ct_set(bt, &cast, 4, 0);
	for (uint32_t i = 0; i < file.datagrams; i++) {
		ct_frame(bt, &frame, 4, 0, file.data + i * CT_DATAGRAM, CT_DATAGRAM, CT_SUM);
		ct_send(bt, &frame);
		for (int vm = 1; vm < BT_VMS; vm++) {
			ct_expect(bt, vm, &got);
			assert_int_equal(got.len, frame.len);
			assert_memory_equal(got.data, frame.data, frame.len);
		}
	}
	for (uint16_t i = 0; i < 3; i++)
		assert_int_equal(ct_count(bt, 0, i).packets, file.datagrams);
	assert_int_equal(bt_drops_total(bt), 0);
}

/* What every policy keeps is part of what came, with lengths and checksums that are right. */
static void thin_stream(struct bt *bt, enum ct_stream stream, int family, enum ct_sum sum,
			uint8_t options)
{
	struct ct_file file = ct_load(stream);
	struct bt_frame frame, got;
	struct ct_cast cast = {};
	int shrunk = 0;

	ct_group(&cast, ECS_POLICY_KEY, 0, 0);
	ct_to(&cast, bt, 1);
	ct_group(&cast, ECS_POLICY_REF, 0, 0);
	ct_to(&cast, bt, 2);
	ct_group(&cast, ECS_POLICY_ALL, 0, 0);
	ct_to(&cast, bt, 3);
	ct_sink(&cast, bt);
	ct_set(bt, &cast, family, 0);
	for (uint32_t i = 0; i < file.datagrams; i++) {
		const uint8_t *datagram = file.data + i * CT_DATAGRAM;

		ct_frame(bt, &frame, family, 0, datagram, CT_DATAGRAM, sum);
		if (options)
			add_options(&frame, options);
		ct_run(bt, &frame);
		for (int vm = 1; vm < 3; vm++) {
			if (!ct_copy(bt, &cast, (uint32_t)vm - 1, vm, &got))
				continue;
			assert_int_not_equal(missing(&got, datagram), -1);
			shrunk += got.len < frame.len;
			if (sum == CT_SUM_ZERO)
				assert_memory_equal(payload_of(&got) - 2, "\0\0", 2);
		}
		/* It comes last: what the others made of the frame is undone. */
		ct_expect(bt, 3, &got);
		assert_int_equal(got.len, frame.len);
		assert_memory_equal(got.data, frame.data, frame.len);
	}
	assert_true(shrunk > 5);
	assert_int_equal(ct_state(bt, 0).frames[ECS_FRAME_UNKNOWN], 0);
	assert_true(ct_group_state(bt, 0, 1).dropped[ECS_FRAME_NONREF] > 5);
	assert_int_equal(ct_group_state(bt, 0, 1).dropped[ECS_FRAME_REF], 0);
}

static void thinned_ipv4_has_right_lengths_and_checksums(void **state)
{
	thin_stream(*state, CT_H264, 4, CT_SUM, 0);
}

static void options_of_ipv4_stay_in_front_of_what_is_thinned(void **state)
{
	thin_stream(*state, CT_H264, 4, CT_SUM, 4);
	ct_test_setup(state);
	thin_stream(*state, CT_HEVC, 4, CT_SUM, 40);
}

static void thinned_ipv6_has_right_lengths_and_checksums(void **state)
{
	thin_stream(*state, CT_HEVC, 6, CT_SUM, 0);
}

static void checksum_of_zero_stays_zero(void **state)
{
	thin_stream(*state, CT_MPEG2, 4, CT_SUM_ZERO, 0);
}

/* The last receiver gets the frame itself, if nobody else is to have it. */
static void last_receiver_needs_no_clone(void **state)
{
	struct ct_file file = ct_load(CT_H264);
	struct bt_frame frame, got;
	struct ct_cast cast = {};
	struct bt *bt = *state;

	ct_group(&cast, ECS_POLICY_ALL, 0, 0);
	ct_to(&cast, bt, 1);
	ct_to(&cast, bt, 2)->flags = ECS_RECEIVER_PORT;
	ct_set(bt, &cast, 4, 0);
	ct_frame(bt, &frame, 4, 0, file.data, CT_DATAGRAM, CT_SUM);
	assert_int_equal(ct_run(bt, &frame), TC_ACT_REDIRECT);
	assert_true(ct_copy(bt, &cast, 0, 1, &got));
	assert_memory_equal(got.data, frame.data, frame.len);
	assert_int_equal(ct_count(bt, 0, 1).packets, 1);
	bt_expect_none(bt->end[2].far_sock);
	ct_send(bt, &frame);
	ct_expect(bt, 1, &got);
	assert_memory_equal(got.data, frame.data, frame.len);
	ct_expect(bt, 2, &got);
	assert_int_equal(missing(&got, file.data), 0);
	assert_int_equal(ct_count(bt, 0, 1).bytes, 2 * frame.len);
	assert_int_equal(bt_stats(bt, bt_slot(2)).tx_bytes, 2 * frame.len);
}

static void consumed_original_goes_nowhere_else(void **state)
{
	struct ct_file file = ct_load(CT_H264);
	struct bt_frame frame;
	struct ct_cast cast = {};
	struct bt *bt = *state;

	ct_group(&cast, ECS_POLICY_KEY, 0, 0);
	ct_to(&cast, bt, 1);
	ct_set(bt, &cast, 4, 0);
	for (uint32_t i = 0; i < file.datagrams; i++) {
		int verdict;

		ct_frame(bt, &frame, 4, 0, file.data + i * CT_DATAGRAM, CT_DATAGRAM, CT_SUM);
		verdict = ct_run(bt, &frame);
		assert_true(verdict == TC_ACT_REDIRECT || verdict == TC_ACT_STOLEN);
	}
	assert_int_equal(bt_stats(bt, bt_slot(2)).tx_packets, 0);
	assert_int_equal(bt_stats(bt, bt_slot(1)).tx_packets, ct_count(bt, 0, 0).packets);
}

/* The switch floods it to the other machines, whatever the cast did with it. */
static void kept_original_is_as_it_came(void **state)
{
	struct ct_file file = ct_load(CT_H264);
	struct bt_frame frame, got;
	struct ct_cast cast = {};
	struct bt *bt = *state;

	ct_group(&cast, ECS_POLICY_KEY, 0, 0);
	ct_to(&cast, bt, 1)->flags = ECS_RECEIVER_PORT;
	ct_set(bt, &cast, 4, ECS_STREAM_KEEP);
	for (uint32_t i = 0; i < file.datagrams; i++) {
		ct_frame(bt, &frame, 4, 0, file.data + i * CT_DATAGRAM, CT_DATAGRAM, CT_SUM);
		ct_send(bt, &frame);
		ct_expect(bt, 2, &got);
		assert_int_equal(got.len, frame.len);
		assert_memory_equal(got.data, frame.data, frame.len);
	}
	assert_int_equal(bt_stats(bt, bt_slot(2)).tx_packets, file.datagrams);
}

/* Each gets its own addresses, and who has none the stream's. */
static void address_copies(struct bt *bt, int family, enum ct_sum sum)
{
	static const uint8_t mac[6] = {2, 9, 9, 9, 9, 9};
	struct ct_file file = ct_load(CT_H264);
	uint32_t l3 = 14, ip = family == 4 ? 4 : 16, l4 = family == 4 ? 34 : 54;
	struct ct_cast cast = {};
	struct bt_frame frame, got;
	struct ecs_receiver *to;

	ct_group(&cast, ECS_POLICY_REF, 0, 0);
	to = ct_to(&cast, bt, 1);
	to->flags = ECS_RECEIVER_MAC | ECS_RECEIVER_ADDR | ECS_RECEIVER_PORT;
	to->port_be = htons(6000);
	memcpy(to->mac, mac, 6);
	memset(to->addr, 0xfd, 16);
	to = ct_to(&cast, bt, 2);
	to->flags = ECS_RECEIVER_PORT;
	to->port_be = htons(7000);
	ct_to(&cast, bt, 3);
	ct_sink(&cast, bt);
	ct_set(bt, &cast, family, 0);
	for (uint32_t i = 0; i < file.datagrams; i++) {
		const uint8_t *datagram = file.data + i * CT_DATAGRAM;

		ct_frame(bt, &frame, family, 0, datagram, CT_DATAGRAM, sum);
		ct_run(bt, &frame);
		if (!ct_copy(bt, &cast, 0, 1, &got))
			continue;
		assert_int_not_equal(missing(&got, datagram), -1);
		assert_memory_equal(got.data, mac, 6);
		assert_memory_equal(got.data + l4 - ip, cast.receivers[0].addr, ip);
		assert_memory_equal(got.data + l4 + 2, &cast.receivers[0].port_be, 2);
		ct_expect(bt, 2, &got);
		assert_int_not_equal(missing(&got, datagram), -1);
		assert_memory_equal(got.data, frame.data, 14);
		assert_memory_equal(got.data + l4 + 2, &cast.receivers[1].port_be, 2);
		assert_memory_equal(got.data + l4 - ip, frame.data + l4 - ip, ip);
		ct_expect(bt, 3, &got);
		assert_int_not_equal(missing(&got, datagram), -1);
		assert_memory_equal(got.data, frame.data, l3);
		assert_memory_equal(got.data + l4 - ip, frame.data + l4 - ip, ip + 4);
	}
	assert_true(ct_count(bt, 0, 0).packets > 5);
}

static void receivers_get_their_own_addresses(void **state)
{
	address_copies(*state, 4, CT_SUM);
}

static void receivers_get_their_own_addresses_in_ipv6(void **state)
{
	address_copies(*state, 6, CT_SUM);
}

static void addresses_change_no_checksum_of_zero(void **state)
{
	address_copies(*state, 4, CT_SUM_ZERO);
}

static void who_waits_gets_no_video_before_the_keyframe(void **state)
{
	const struct ecs_receiver_count waiting = {};
	struct ct_file file = ct_load(CT_H264);
	struct ct_cast cast = {};
	struct bt *bt = *state;
	struct bt_frame frame, got;
	uint32_t number = 1, packets = 0;

	ct_group(&cast, ECS_POLICY_ALL, 0, 0);
	ct_to(&cast, bt, 1);
	ct_to(&cast, bt, 2);
	ct_sink(&cast, bt);
	ct_set(bt, &cast, 4, 0);
	for (uint32_t i = 0; i < file.datagrams; i++) {
		const uint8_t *datagram = file.data + i * CT_DATAGRAM;

		if (i == 3) /* the stream's first keyframe has begun */
			bpf_map_update_elem(bpf_map__fd(bt->bpf->maps.ecs_receiver_counts), &number,
					    &waiting, 0);
		ct_frame(bt, &frame, 4, 0, datagram, CT_DATAGRAM, CT_SUM);
		ct_run(bt, &frame);
		assert_true(ct_copy(bt, &cast, 0, 1, &got));
		assert_memory_equal(got.data, frame.data, frame.len);
		if (i == 3) /* counted anew */
			cast.seen[1] = 0;
		if (!ct_copy(bt, &cast, 1, 2, &got))
			continue;
		assert_int_not_equal(missing(&got, datagram), -1);
		if (i < 3 || ct_count(bt, 0, 1).joined)
			continue;
		packets += ct_check(&got) / ECS_TS_LEN;
		for (const uint8_t *at = payload_of(&got); at < got.data + got.len;
		     at += ECS_TS_LEN)
			assert_false((at[1] & 0x1f) == 1 && at[2] == 0);
	}
	assert_true(packets > 0);
	assert_int_equal(ct_count(bt, 0, 1).joined, 1);
}

/* A frame of a machine that leaves the checksum to the card: of each copy it is still to do. */
static void leave_unfinished(struct bt *bt, int family)
{
	struct ct_file file = ct_load(CT_H264);
	struct bt_frame frame, got;
	struct ct_cast cast = {};
	int shrunk = 0;

	ct_group(&cast, ECS_POLICY_REF, 0, 0);
	ct_to(&cast, bt, 1)->flags = ECS_RECEIVER_PORT | ECS_RECEIVER_ADDR;
	cast.receivers[0].port_be = htons(7);
	ct_group(&cast, ECS_POLICY_ALL, 0, 0);
	ct_to(&cast, bt, 2);
	ct_set(bt, &cast, family, 0);
	for (uint32_t i = 0; i < file.datagrams; i++) {
		const uint8_t *datagram = file.data + i * CT_DATAGRAM;

		ct_frame(bt, &frame, family, 0, datagram, CT_DATAGRAM, CT_SUM_PSEUDO);
		ct_send_unfinished(bt, &frame);
		ct_expect(bt, 2, &got); /* the other one's is before it */
		assert_true(got.unfinished);
		assert_int_equal(missing(&got, datagram), 0);
		if (!ct_copy(bt, &cast, 0, 1, &got))
			continue;
		assert_true(got.unfinished);
		assert_int_not_equal(missing(&got, datagram), -1);
		shrunk += got.len < frame.len;
	}
	assert_true(shrunk > 0);
}

static void unfinished_checksum_stays_unfinished(void **state)
{
	leave_unfinished(*state, 4);
	ct_test_setup(state);
	leave_unfinished(*state, 6);
}

/* Copies of RTP: what was held is brought back, numbers have no gap, and every sum is right. */
static void thin_rtp(struct bt *bt, enum ct_rtp stream, int family, enum ct_sum sum)
{
	uint32_t length, copies = 0, packets = 0, number = 0;
	struct bt_frame frame, got;
	struct ct_cast cast = {};

	ct_group(&cast, ECS_POLICY_REF, 0, 0);
	ct_to(&cast, bt, 1)->flags = ECS_RECEIVER_PORT;
	ct_group(&cast, ECS_POLICY_ALL, 0, 0);
	ct_to(&cast, bt, 2);
	ct_sink(&cast, bt);
	ct_set(bt, &cast, family, 0);
	/* Before the recording ends. */
	for (uint32_t i = 0; i < (stream == CT_RTP_TS ? 9 : 60); i++) {
		const uint8_t *data = ct_rtp(stream, i, &length);

		if (data[1] >= 192 && data[1] < 224) /* RTCP has no number */
			continue;
		ct_frame(bt, &frame, family, 0, data, length, sum);
		ct_run(bt, &frame);
		packets++;
		assert_true(ct_copy(bt, &cast, 1, 2, &got));
		assert_int_equal(got.len, frame.len);
		assert_memory_equal(got.data, frame.data, frame.len);
		while (ct_copy(bt, &cast, 0, 1, &got)) {
			const uint8_t *rtp = payload_of(&got);
			uint32_t next = (uint32_t)(rtp[2] << 8 | rtp[3]);

			ct_check(&got);
			assert_true(!copies || next == ((number + 1) & 0xffff));
			number = next;
			copies++;
		}
	}
	assert_true(copies > 5 && (stream == CT_RTP_TS || copies < packets));
}

static void thinned_rtp_has_right_numbers_and_checksums(void **state)
{
	static const enum ct_rtp streams[] = {CT_RTP_H264, CT_RTP_HEVC, CT_RTP_TS};

	for (int i = 0; i < 3; i++) {
		ct_test_setup(state);
		thin_rtp(*state, streams[i], 4, CT_SUM);
		ct_test_setup(state);
		thin_rtp(*state, streams[i], 6, CT_SUM);
		ct_test_setup(state);
		thin_rtp(*state, streams[i], 4, CT_SUM_ZERO);
	}
}

static void vanished_receiver_harms_no_other(void **state)
{
	struct ct_file file = ct_load(CT_H264);
	struct ct_cast cast = {};
	struct bt *bt = *state;
	struct bt_frame frame, got;

	ct_group(&cast, ECS_POLICY_ALL, 0, 0);
	ct_to(&cast, bt, 1);
	ct_to(&cast, bt, 2)->ifindex = 9999; /* no port at all */
	ct_to(&cast, bt, 3);
	ct_sink(&cast, bt);
	ct_set(bt, &cast, 4, 0);
	for (uint32_t i = 0; i < file.datagrams; i++) {
		if (i == 20)
			bt_port_del(bt, bt->end[1].ifindex, 0);
		ct_frame(bt, &frame, 4, 0, file.data + i * CT_DATAGRAM, CT_DATAGRAM, CT_SUM);
		ct_run(bt, &frame);
		assert_int_equal(ct_copy(bt, &cast, 0, 1, &got), i < 20);
		assert_true(ct_copy(bt, &cast, 2, 3, &got));
		assert_memory_equal(got.data, frame.data, frame.len);
	}
	assert_int_equal(ct_count(bt, 0, 0).refused, file.datagrams - 20);
	assert_int_equal(ct_count(bt, 0, 1).refused, file.datagrams);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CT_TEST(copies_of_all_are_the_datagram_itself),
		CT_TEST(thinned_ipv4_has_right_lengths_and_checksums),
		CT_TEST(options_of_ipv4_stay_in_front_of_what_is_thinned),
		CT_TEST(thinned_ipv6_has_right_lengths_and_checksums),
		CT_TEST(checksum_of_zero_stays_zero),
		CT_TEST(last_receiver_needs_no_clone),
		CT_TEST(consumed_original_goes_nowhere_else),
		CT_TEST(kept_original_is_as_it_came),
		CT_TEST(receivers_get_their_own_addresses),
		CT_TEST(receivers_get_their_own_addresses_in_ipv6),
		CT_TEST(addresses_change_no_checksum_of_zero),
		CT_TEST(who_waits_gets_no_video_before_the_keyframe),
		CT_TEST(unfinished_checksum_stays_unfinished),
		CT_TEST(thinned_rtp_has_right_numbers_and_checksums),
		CT_TEST(vanished_receiver_harms_no_other),
	};

	return cmocka_run_group_tests_name("cast", tests, ct_setup, ct_teardown);
}
