// SPDX-License-Identifier: Apache-2.0
/*
 * Casts of RTP in the kernel: what packets become on their way, to the byte: their numbers, what
 * was held or cut, lengths and checksums, in IPv4 and IPv6, whole and for the card to finish.
 */
#include "cast_test.h"

#include <arpa/inet.h>

#include "kernel/ecswitch.skel.h"

#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__})
#define SPS 0x67, 0x64, 0x00, 0x1f, 0xac
#define PPS 0x68, 0xee, 0x3c, 0x80
#define SETS 0x78, 0, 5, SPS, 0, 4, PPS
#define IDR 0x65, 0x88, 0x84, 0x21, 0xa0
#define REF 0x41, 0x9a, 0x21, 0x6c
#define NONREF 0x01, 0x9e, 0x41
#define AUD 0x09, 0xf0

/* A stream to two receivers, and how its checksums are to be. */
struct rtp {
	struct bt *bt;
	struct ct_cast cast;
	int family;
	enum ct_sum sum;
	uint16_t seq;
	uint32_t time;
	struct bt_frame sent;
	uint8_t first; /* byte of a packet; 0 = 0x80 */
};

static void set_count(struct bt *bt, uint32_t index, const struct ecs_receiver_count *count)
{
	int fd = bpf_map__fd(bt->bpf->maps.ecs_receiver_counts);

	assert_return_code(bpf_map_update_elem(fd, &index, count, BPF_ANY), 0);
}

/* VM 1 gets all, VM 2 what others refer to. */
static void begin(struct rtp *rtp, struct bt *bt, int family, enum ct_sum sum)
{
	*rtp = (struct rtp){.bt = bt, .family = family, .sum = sum, .seq = 65530};
	ct_group(&rtp->cast, ECS_POLICY_ALL, 0, 0);
	ct_to(&rtp->cast, bt, 1);
	ct_group(&rtp->cast, ECS_POLICY_REF, 0, 0);
	ct_to(&rtp->cast, bt, 2);
	ct_sink(&rtp->cast, bt);
	ct_set(bt, &rtp->cast, family, 0);
}

static void send_packet(struct rtp *rtp, const uint8_t *payload, uint32_t n)
{
	uint8_t data[1500] = {
		0x80, 96, rtp->seq >> 8, rtp->seq, 0, 0, rtp->time >> 8, rtp->time, 1, 2, 3, 4};

	data[0] = rtp->first ?: data[0];
	rtp->seq++;
	memcpy(data + 12, payload, n);
	ct_frame(rtp->bt, &rtp->sent, rtp->family, 0, data, 12 + n, rtp->sum);
	if (rtp->sum == CT_SUM_PSEUDO)
		ct_send_unfinished(rtp->bt, &rtp->sent);
	else
		ct_send(rtp->bt, &rtp->sent);
}

/* The next packet that a VM gets: right in itself, with this number and payload. */
static void expect(struct rtp *rtp, int vm, uint16_t seq, const uint8_t *payload, uint32_t n)
{
	uint32_t headers = rtp->family == 4 ? CT_HEADERS4 : CT_HEADERS6;
	struct bt_frame got;
	const uint8_t *data = got.data + headers;

	ct_expect(rtp->bt, vm, &got);
	assert_int_equal(ct_check(&got), 12 + n);
	assert_int_equal(got.unfinished, rtp->sum == CT_SUM_PSEUDO);
	assert_int_equal(data[0], rtp->first ?: 0x80);
	assert_int_equal(data[2] << 8 | data[3], seq);
	assert_memory_equal(data + 12, payload, n);
	if (rtp->sum == CT_SUM_ZERO)
		assert_int_equal(got.data[headers - 2] | got.data[headers - 1], 0);
}

/* A keyframe behind its parameter sets, one that goes behind its delimiter, and one that stays. */
static void thin(struct bt *bt, int family, enum ct_sum sum)
{
	struct rtp rtp;
	uint16_t n;

	begin(&rtp, bt, family, sum);
	n = rtp.seq;
	send_packet(&rtp, BYTES(SETS));
	send_packet(&rtp, BYTES(IDR));
	rtp.time++;
	send_packet(&rtp, BYTES(AUD));
	send_packet(&rtp, BYTES(NONREF));
	rtp.time++;
	send_packet(&rtp, BYTES(AUD));
	send_packet(&rtp, BYTES(REF));
	expect(&rtp, 1, n++, BYTES(SETS));
	expect(&rtp, 1, n++, BYTES(IDR));
	expect(&rtp, 1, n++, BYTES(AUD));
	expect(&rtp, 1, n++, BYTES(NONREF));
	expect(&rtp, 1, n++, BYTES(AUD));
	expect(&rtp, 1, n++, BYTES(REF));
	n -= 6;
	expect(&rtp, 2, n++, BYTES(SETS));
	expect(&rtp, 2, n++, BYTES(IDR));
	expect(&rtp, 2, n++, BYTES(AUD));
	expect(&rtp, 2, n++, BYTES(REF));
}

static void numbers_have_no_gap_in_ipv4(void **state)
{
	thin(*state, 4, CT_SUM);
}

static void numbers_have_no_gap_in_ipv6(void **state)
{
	thin(*state, 6, CT_SUM);
}

static void numbers_have_no_gap_without_checksum(void **state)
{
	thin(*state, 4, CT_SUM_ZERO);
}

static void numbers_have_no_gap_in_unfinished_ipv4(void **state)
{
	thin(*state, 4, CT_SUM_PSEUDO);
}

static void numbers_have_no_gap_in_unfinished_ipv6(void **state)
{
	thin(*state, 6, CT_SUM_PSEUDO);
}

/* The parameter set in front of a slice goes out alone; the next receiver gets all of it. */
static void cut(struct bt *bt, int family, enum ct_sum sum)
{
	struct rtp rtp;

	begin(&rtp, bt, family, sum);
	send_packet(&rtp, BYTES(SETS));
	rtp.time++;
	send_packet(&rtp, BYTES(0x78, 0, 4, PPS, 0, 3, NONREF));
	expect(&rtp, 1, 65530, BYTES(SETS));
	expect(&rtp, 1, 65531, BYTES(0x78, 0, 4, PPS, 0, 3, NONREF));
	expect(&rtp, 2, 65530, BYTES(SETS));
	expect(&rtp, 2, 65531, BYTES(0x78, 0, 4, PPS));
}

static void parameter_sets_are_cut_from_a_slice(void **state)
{
	cut(*state, 4, CT_SUM);
	ct_test_setup(state);
	cut(*state, 6, CT_SUM);
	ct_test_setup(state);
	cut(*state, 4, CT_SUM_PSEUDO);
}

/* Padding goes with the slice that it stands behind, and so does the bit that says that there is
 * some (RFC 3550 5.1); between two groups that cut there is one that does not. */
static void cut_padded(struct bt *bt, int family, enum ct_sum sum)
{
	static const uint8_t padded[] = {0x78, 0, 4, PPS, 0, 3, NONREF, 0, 0, 0, 4};
	static const uint8_t policies[] = {ECS_POLICY_REF, ECS_POLICY_ALL, ECS_POLICY_KEY};
	struct rtp rtp = {.bt = bt, .family = family, .sum = sum, .seq = 65530};

	for (int i = 0; i < 3; i++) {
		ct_group(&rtp.cast, policies[i], 0, 0);
		ct_to(&rtp.cast, bt, 1 + i);
	}
	ct_sink(&rtp.cast, bt);
	ct_set(bt, &rtp.cast, family, 0);
	send_packet(&rtp, BYTES(SETS));
	rtp.time++;
	rtp.first = 0xa0;
	send_packet(&rtp, padded, sizeof(padded));
	for (int vm = 1; vm <= 3; vm++) {
		rtp.first = 0x80;
		expect(&rtp, vm, 65530, BYTES(SETS));
		rtp.first = policies[vm - 1] == ECS_POLICY_ALL ? 0xa0 : 0x80;
		expect(&rtp, vm, 65531, padded, rtp.first == 0xa0 ? sizeof(padded) : 7);
	}
}

static void cut_packet_has_no_padding(void **state)
{
	cut_padded(*state, 4, CT_SUM);
	ct_test_setup(state);
	cut_padded(*state, 6, CT_SUM);
	ct_test_setup(state);
	cut_padded(*state, 4, CT_SUM_PSEUDO);
}

/* It would have a checksum of our own, and a receiver could not tell. */
static void damaged_packet_is_not_held(void **state)
{
	uint8_t damaged[] = {0x80, 96, 0xff, 0xfb, 0, 0, 0, 1, 1, 2, 3, 4, AUD};
	struct bt_frame got;
	struct rtp rtp;

	begin(&rtp, *state, 4, CT_SUM);
	send_packet(&rtp, BYTES(SETS));
	send_packet(&rtp, BYTES(IDR));
	ct_frame(rtp.bt, &rtp.sent, 4, 0, damaged, sizeof(damaged), CT_SUM);
	rtp.sent.data[CT_HEADERS4 + 13] ^= 4;
	rtp.seq++;
	ct_send(rtp.bt, &rtp.sent);
	expect(&rtp, 2, 65530, BYTES(SETS));
	expect(&rtp, 2, 65531, BYTES(IDR));
	ct_expect(rtp.bt, 2, &got);
	assert_int_equal(got.len, rtp.sent.len);
	assert_memory_equal(got.data, rtp.sent.data, got.len);
	rtp.time++;
	send_packet(&rtp, BYTES(REF));
	expect(&rtp, 2, 65533, BYTES(REF));
}

/* An own address and a number of its own at once. */
static void receiver_with_an_address_gets_its_numbers(void **state)
{
	struct rtp rtp = {.bt = *state, .family = 4, .sum = CT_SUM};
	struct ecs_receiver *to;
	struct bt_frame got;

	ct_group(&rtp.cast, ECS_POLICY_REF, 0, 0);
	to = ct_to(&rtp.cast, rtp.bt, 1);
	to->flags = ECS_RECEIVER_ADDR | ECS_RECEIVER_PORT;
	memcpy(to->addr, (uint8_t[]){10, 0, 0, 9}, 4);
	to->port_be = htons(6000);
	ct_to(&rtp.cast, rtp.bt, 2);
	ct_sink(&rtp.cast, rtp.bt);
	ct_set(rtp.bt, &rtp.cast, 4, 0);
	send_packet(&rtp, BYTES(SETS));
	rtp.time++;
	send_packet(&rtp, BYTES(NONREF));
	rtp.time++;
	send_packet(&rtp, BYTES(REF));
	for (uint16_t n = 0; n < 2; n++) {
		ct_expect(rtp.bt, 1, &got);
		ct_check(&got);
		assert_memory_equal(got.data + 30, to->addr, 4);
		assert_int_equal(got.data[CT_HEADERS4 + 3], n);
	}
	expect(&rtp, 2, 0, BYTES(SETS));
	expect(&rtp, 2, 1, BYTES(REF));
}

/* Who comes to another group waits for a keyframe; its numbers go on, in frames and in the map. */
static void receiver_goes_on_where_its_numbers_were(void **state)
{
	int receivers;
	struct rtp rtp;
	uint32_t index = 0; /* of the first receiver */

	begin(&rtp, *state, 4, CT_SUM);
	send_packet(&rtp, BYTES(SETS));
	rtp.time++;
	send_packet(&rtp, BYTES(REF));
	expect(&rtp, 1, 65530, BYTES(SETS));
	expect(&rtp, 1, 65531, BYTES(REF));
	assert_int_equal(ct_count(rtp.bt, 0, 0).rtp_last, 65531);
	receivers = bpf_map__fd(rtp.bt->bpf->maps.ecs_receivers);
	rtp.cast.receivers[0].turn++;
	assert_return_code(bpf_map_update_elem(receivers, &index, rtp.cast.receivers, BPF_ANY), 0);
	rtp.seq += 100;
	rtp.time++;
	send_packet(&rtp, BYTES(REF));
	assert_int_equal(ct_count(rtp.bt, 0, 0).joined, 0);
	rtp.time++;
	send_packet(&rtp, BYTES(SETS));
	send_packet(&rtp, BYTES(IDR));
	rtp.time++;
	send_packet(&rtp, BYTES(REF));
	expect(&rtp, 1, 65532, BYTES(SETS));
	expect(&rtp, 1, 65533, BYTES(IDR));
	expect(&rtp, 1, 65534, BYTES(REF));
	expect(&rtp, 2, 65530, BYTES(SETS));
	expect(&rtp, 2, 65531, BYTES(REF));
	expect(&rtp, 2, (uint16_t)(65532 + 100), BYTES(REF));
}

/* VM 1 and VM 2 exchange their policies, as by the daemon's one write. */
static void exchange_policies(struct rtp *rtp)
{
	struct ecs_cast_group *group = rtp->cast.plan.group;
	struct ecs_policy first = group[0].policy;
	int fd = bpf_map__fd(rtp->bt->bpf->maps.ecs_cast_plans);
	uint32_t index = 0;

	group[0].policy = group[1].policy;
	group[1].policy = first;
	assert_return_code(bpf_map_update_elem(fd, &index, &rtp->cast.plan, BPF_ANY), 0);
}

/* What is held goes out once, whenever the policy changes. */
static void change_of_policy_amid_a_frame_leaves_no_gap(void **state)
{
	struct rtp rtp;
	uint16_t n;

	begin(&rtp, *state, 4, CT_SUM);
	n = rtp.seq;
	send_packet(&rtp, BYTES(AUD));
	send_packet(&rtp, BYTES(SETS));
	exchange_policies(&rtp);
	send_packet(&rtp, BYTES(IDR));
	rtp.time++;
	send_packet(&rtp, BYTES(AUD));
	exchange_policies(&rtp);
	send_packet(&rtp, BYTES(REF));
	for (int vm = 1; vm <= 2; vm++) {
		expect(&rtp, vm, n, BYTES(AUD));
		expect(&rtp, vm, n + 1, BYTES(SETS));
		expect(&rtp, vm, n + 2, BYTES(IDR));
		expect(&rtp, vm, n + 3, BYTES(AUD));
		expect(&rtp, vm, n + 4, BYTES(REF));
	}
}

/* What waits to join gets nothing before the keyframe's own parameter sets. */
static void late_receiver_begins_with_parameter_sets(void **state)
{
	struct rtp rtp;
	uint32_t index = 1;
	struct ecs_receiver_count count;

	begin(&rtp, *state, 4, CT_SUM);
	send_packet(&rtp, BYTES(SETS));
	send_packet(&rtp, BYTES(IDR));
	expect(&rtp, 2, 65530, BYTES(SETS));
	expect(&rtp, 2, 65531, BYTES(IDR));
	count = ct_count(rtp.bt, 0, 1);
	count.joined = 0;
	set_count(rtp.bt, index, &count);
	rtp.time++;
	send_packet(&rtp, BYTES(REF));
	rtp.time++;
	send_packet(&rtp, BYTES(AUD));
	send_packet(&rtp, BYTES(SETS));
	send_packet(&rtp, BYTES(IDR));
	/* Its numbers go on, as if nothing had come in between. */
	expect(&rtp, 2, 65532, BYTES(AUD));
	expect(&rtp, 2, 65533, BYTES(SETS));
	expect(&rtp, 2, 65534, BYTES(IDR));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CT_TEST(numbers_have_no_gap_in_ipv4),
		CT_TEST(numbers_have_no_gap_in_ipv6),
		CT_TEST(numbers_have_no_gap_without_checksum),
		CT_TEST(numbers_have_no_gap_in_unfinished_ipv4),
		CT_TEST(numbers_have_no_gap_in_unfinished_ipv6),
		CT_TEST(parameter_sets_are_cut_from_a_slice),
		CT_TEST(cut_packet_has_no_padding),
		CT_TEST(damaged_packet_is_not_held),
		CT_TEST(receiver_with_an_address_gets_its_numbers),
		CT_TEST(receiver_goes_on_where_its_numbers_were),
		CT_TEST(change_of_policy_amid_a_frame_leaves_no_gap),
		CT_TEST(late_receiver_begins_with_parameter_sets),
	};

	return cmocka_run_group_tests_name("cast_rtp", tests, ct_setup, ct_teardown);
}
