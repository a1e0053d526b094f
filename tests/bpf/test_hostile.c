// SPDX-License-Identifier: Apache-2.0
/* Hostile frames: every truncation of sample frames, absurd headers, and random mutations. A
 * program always ends with a legal verdict, and calls malformed only what is. */
#include "bpf_test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "kernel/ecswitch.skel.h"

#define MUTATIONS 100000
#define SAMPLE_MAX 128

struct sample {
	const char *name;
	uint32_t len;
	uint8_t after_macs[SAMPLE_MAX - 12];
};

/* From the EtherType on; the addresses are the test's. The rest is zero. */
static const struct sample samples[] = {
	{"ARP", 42, {0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1}},
	{"IPv4 UDP", 60, {0x08, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17}},
	{"IPv4 first fragment", 60, {0x08, 0, 0x45, 0, 0, 46, 0, 1, 0x20, 0, 64, 17}},
	{"IPv4 last fragment", 60, {0x08, 0, 0x45, 0, 0, 46, 0, 1, 0x00, 0xb9, 64, 17}},
	{"IPv4 with options", 74, {0x08, 0, 0x4f, 0, 0, 60, 0, 0, 0, 0, 64, 6}},
	{"IPv4, IHL 0, length 0xffff", 60, {0x08, 0, 0x40, 0, 0xff, 0xff, 0, 0, 0, 0, 64, 17}},
	{"IPv4, IHL 60 in a runt", 34, {0x08, 0, 0x4f, 0, 0xff, 0xff, 0, 0, 0, 0, 64, 6}},
	{"IPv6 UDP", 78, {0x86, 0xdd, 0x60, 0, 0, 0, 0, 24, 17, 64}},
	{"IPv6 fragment, 0xffff", 78, {0x86, 0xdd, 0x60, 0, 0, 0, 0xff, 0xff, 44, 64}},
	{"802.1Q", 64, {0x81, 0, 0, 10, 0x08, 0, 0x45}},
	{"802.1Q VID 0", 64, {0x81, 0, 0xe0, 0, 0x08, 0, 0x45}},
	{"802.1Q in 802.1Q", 68, {0x81, 0, 0, 10, 0x81, 0, 0, 20, 0x08, 0}},
	{"802.1Q behind VID 0", 68, {0x81, 0, 0, 0, 0x81, 0, 0, 20, 0x08, 0}},
	{"802.1ad", 68, {0x88, 0xa8, 0, 10, 0x81, 0, 0, 20, 0x08, 0}},
	{"802.3 length", 60, {0x00, 0x20, 0x42, 0x42, 0x03}},
	{"length 0xffff", 60, {0xff, 0xff, 0xff, 0xff}},
};

#define SAMPLES ((int)(sizeof(samples) / sizeof(samples[0])))

static void whole_switch(struct bt *bt)
{
	bt_network(bt, BT_NETWORK);
	bt_network(bt, 2);
	bt_vm(bt, 0, BT_NETWORK, 0);
	bt_vm(bt, 1, BT_NETWORK, ECS_PORT_PEER);
	bt_vm(bt, 2, 2, 0);
	bt_uplink(bt, BT_NETWORK, 0, 0);
	bt_uplink(bt, 2, 10, 0);
	bt_fdb_set(bt, BT_NETWORK, bt->end[1].far_mac, bt->end[1].ifindex, ECS_FDB_STATIC);
	bt_fdb_set(bt, 2, bt->end[2].far_mac, bt->end[2].ifindex, ECS_FDB_STATIC);
}

/* The three hooks: from a VM, from the wire, from the host. */
static int run_hook(struct bt *bt, int hook, const uint8_t *data, uint32_t len)
{
	struct bpf_program *prog =
		hook == 2 ? bt->bpf->progs.ecs_to_uplink : bt->bpf->progs.ecs_from_port;

	return bt_run(bt, prog, bt->end[hook ? BT_LAN : 0].ifindex, NULL, data, len);
}

static bool is_malformed(const uint8_t *data, uint32_t len)
{
	uint16_t proto = (uint16_t)(data[12] << 8 | data[13]);

	return (proto == 0x8100 || proto == 0x88a8) && len < 18;
}

/* BPF_PROG_TEST_RUN of 6.18 refuses these; the real links do not. */
static bool is_refused(const uint8_t *data, uint32_t len)
{
	uint16_t proto = (uint16_t)(data[12] << 8 | data[13]);

	return (proto == 0x0800 && len < 34) || (proto == 0x86dd && len < 54);
}

static void check_frame(struct bt *bt, int hook, const uint8_t *data, uint32_t len)
{
	uint64_t before = bt_drops(bt, bt_slot(0), ECS_DROP_MALFORMED);
	int verdict = run_hook(bt, hook, data, len);
	uint64_t after = bt_drops(bt, bt_slot(0), ECS_DROP_MALFORMED);

	if (verdict == -EINVAL && is_refused(data, len))
		return;
	if (verdict != TC_ACT_UNSPEC && verdict != TC_ACT_SHOT && verdict != TC_ACT_REDIRECT)
		fail_msg("verdict %d for hook %d, %u bytes", verdict, hook, len);
	if (after - before != (hook == 0 && is_malformed(data, len)))
		fail_msg("malformed is wrong for hook %d, %u bytes, type %02x%02x", hook, len,
			 data[12], data[13]);
	if (hook && is_malformed(data, len))
		assert_int_equal(verdict, TC_ACT_UNSPEC);
}

static uint32_t make_sample(struct bt *bt, int i, int hook, uint8_t *data)
{
	const uint8_t *src = bt->end[hook == 0 ? 0 : BT_LAN].far_mac;

	memset(data, 0, SAMPLE_MAX);
	memcpy(data, bt->end[1].far_mac, 6);
	memcpy(data + 6, src, 6);
	memcpy(data + 12, samples[i].after_macs, sizeof(samples[i].after_macs));
	return samples[i].len;
}

static void truncated_frames_get_the_right_verdict(void **state)
{
	struct bt *bt = *state;
	uint8_t data[SAMPLE_MAX];

	whole_switch(bt);
	for (int i = 0; i < SAMPLES; i++) {
		for (int hook = 0; hook < 3; hook++) {
			uint32_t full = make_sample(bt, i, hook, data);

			for (uint32_t len = 14; len <= full; len++)
				check_frame(bt, hook, data, len);
		}
	}
}

/* skb_vlan_untag() runs before clsact, and drops what ends in a tag or within 2 bytes behind. */
static bool is_dropped_by_kernel(const uint8_t *data, uint32_t len)
{
	uint16_t proto = (uint16_t)(data[12] << 8 | data[13]);

	return (proto == 0x8100 || proto == 0x88a8) && len < 20;
}

static void truncated_frames_on_a_real_link_are_all_accounted_for(void **state)
{
	struct bt *bt = *state;
	struct bt_frame frame;
	uint64_t sent = 0, rx = 0;

	whole_switch(bt);
	for (int i = 0; i < SAMPLES; i++) {
		uint32_t full = make_sample(bt, i, 0, frame.data);

		for (frame.len = 15; frame.len <= full; frame.len++) {
			bt_send(bt->end[0].far_sock, &frame);
			sent += !is_dropped_by_kernel(frame.data, frame.len);
		}
	}
	for (int tries = 0; tries < 100 && rx < sent; tries++) {
		rx = bt_stats(bt, bt_slot(0)).rx_packets;
		if (rx < sent)
			usleep(10000);
	}
	assert_int_equal(rx, sent);
	assert_int_equal(bt_drops(bt, bt_slot(0), ECS_DROP_MALFORMED), 0);
	assert_int_equal(bt_stats(bt, bt_slot(1)).tx_packets + bt_drops_total(bt), sent);
}

static void vm_frame_cut_in_its_tag_is_dropped_as_malformed(void **state)
{
	struct bt *bt = *state;
	struct bt_frame frame;

	whole_switch(bt);
	bt_build(&frame, bt_broadcast, bt->end[0].far_mac, 0);
	for (uint32_t len = 14; len < 18; len++)
		assert_int_equal(run_hook(bt, 0, frame.data, len), TC_ACT_SHOT);
	assert_int_equal(bt_drops(bt, bt_slot(0), ECS_DROP_MALFORMED), 4);
}

static void absurd_payload_is_switched_like_any_other(void **state)
{
	struct bt *bt = *state;
	uint8_t data[SAMPLE_MAX];

	whole_switch(bt);
	for (int i = 0; i < SAMPLES; i++) {
		uint32_t len = make_sample(bt, i, 0, data);
		uint16_t proto = (uint16_t)(data[12] << 8 | data[13]);

		if (proto == 0x8100 || proto == 0x88a8)
			continue;
		if (run_hook(bt, 0, data, len) != TC_ACT_REDIRECT)
			fail_msg("%s was not forwarded", samples[i].name);
	}
	assert_int_equal(bt_drops_total(bt), 0);
}

static void random_mutations_never_get_a_wrong_verdict(void **state)
{
	struct bt *bt = *state;
	uint8_t data[SAMPLE_MAX];
	unsigned int seed = 0xec5;

	whole_switch(bt);
	for (uint32_t n = 0; n < bt_rounds(MUTATIONS); n++) {
		int hook = rand_r(&seed) % 3;
		uint32_t len = make_sample(bt, rand_r(&seed) % SAMPLES, hook, data);

		for (int flips = rand_r(&seed) % 8; flips > 0; flips--)
			data[(uint32_t)rand_r(&seed) % len] = (uint8_t)rand_r(&seed);
		if (rand_r(&seed) % 4 == 0)
			len = 14 + (uint32_t)rand_r(&seed) % (len - 13);
		check_frame(bt, hook, data, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BT_TEST(truncated_frames_get_the_right_verdict),
		BT_TEST(truncated_frames_on_a_real_link_are_all_accounted_for),
		BT_TEST(vm_frame_cut_in_its_tag_is_dropped_as_malformed),
		BT_TEST(absurd_payload_is_switched_like_any_other),
		BT_TEST(random_mutations_never_get_a_wrong_verdict),
	};

	return cmocka_run_group_tests(tests, bt_group_setup, bt_group_teardown);
}
