// SPDX-License-Identifier: Apache-2.0
/* Patches: a wire between two links that carries everything, and what the host keeps. */
#include "bpf_test.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <unistd.h>

#include "kernel/ecswitch.skel.h"

#define LAN(bt) ((bt)->end[BT_LAN])

static const uint8_t stp[6] = {0x01, 0x80, 0xc2, 0, 0, 0};

static void send_from(int sock, const uint8_t *dst, const uint8_t *src, int tci)
{
	struct bt_frame frame;

	bt_send(sock, bt_build(&frame, dst, src, tci));
}

static void both_ways(struct bt *bt)
{
	bt_patch(bt, 0, 1);
	bt_patch(bt, 1, 0);
}

static void add_flags(struct bt *bt, int i, uint32_t flags)
{
	struct ecs_port port;

	assert_true(bt_port_get(bt, bt->end[i].ifindex, 0, &port));
	port.flags |= flags;
	bt_port_set(bt, bt->end[i].ifindex, 0, &port);
}

static void everything_arrives(struct bt *bt, int from, int to)
{
	const uint8_t *dsts[] = {bt->end[to].far_mac, bt_nobody, bt_broadcast, stp};
	const int types[] = {PACKET_HOST, PACKET_OTHERHOST, PACKET_BROADCAST, PACKET_MULTICAST};
	const int tcis[] = {-1, 0xa064};
	struct bt_frame got;

	for (int i = 0; i < 4; i++) {
		for (int k = 0; k < 2; k++) {
			send_from(bt->end[from].far_sock, dsts[i], bt->end[from].far_mac, tcis[k]);
			bt_expect(bt->end[to].far_sock, &got);
			assert_memory_equal(got.data, dsts[i], 6);
			assert_int_equal(got.pkt_type, types[i]);
			assert_int_equal(got.tagged, tcis[k] >= 0);
			if (got.tagged)
				assert_int_equal(got.tci, tcis[k]);
		}
	}
	bt_expect_none(bt->end[to].far_sock);
	bt_expect_none(bt->end[from].far_sock);
}

static void patch_carries_everything_both_ways(void **state)
{
	struct bt *bt = *state;

	both_ways(bt);
	everything_arrives(bt, 0, 1);
	everything_arrives(bt, 1, 0);
	assert_int_equal(bt_fdb_used(bt, 0), 0);
	assert_int_equal(bt_stats(bt, bt_slot(0)).rx_packets, 8);
	assert_int_equal(bt_stats(bt, bt_slot(0)).tx_packets, 8);
}

static void patch_to_a_peer_keeps_packet_types_right(void **state)
{
	struct bt *bt = *state;

	both_ways(bt);
	add_flags(bt, 0, ECS_PORT_PEER);
	add_flags(bt, 1, ECS_PORT_PEER);
	everything_arrives(bt, 0, 1);
}

/* Whoever the frame is for: the far stack takes what comes by a peer redirect for its own. */
static void patch_uses_a_peer_redirect_for_the_far_ends_address_alone(void **state)
{
	struct bt *bt = *state;
	struct ecs_patch patch;

	both_ways(bt);
	add_flags(bt, 0, ECS_PORT_PEER);
	add_flags(bt, 1, ECS_PORT_PEER);
	everything_arrives(bt, 0, 1);
	everything_arrives(bt, 1, 0);
	everything_arrives(bt, 0, 1);
	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(bt->bpf->maps.ecs_patches),
					     &bt->end[1].ifindex, &patch),
			 0);
	assert_memory_equal(patch.near_mac, bt->end[1].far_mac, 6);
}

static void patch_wins_over_switching(void **state)
{
	struct bt *bt = *state;
	struct bt_frame got;

	bt_network(bt, BT_NETWORK);
	for (int i = 0; i < 3; i++)
		bt_vm(bt, i, BT_NETWORK, 0);
	bt_patch(bt, 0, 1);
	send_from(bt->end[0].far_sock, bt_broadcast, bt->end[0].far_mac, -1);
	bt_expect(bt->end[1].far_sock, &got);
	bt_expect_none(bt->end[2].far_sock);
	send_from(bt->end[1].far_sock, bt_broadcast, bt->end[1].far_mac, -1);
	bt_expect(bt->end[0].far_sock, &got);
	bt_expect(bt->end[2].far_sock, &got);
}

static void patch_end_that_is_missing_is_dropped_as_output(void **state)
{
	struct bt *bt = *state;

	bt_patch(bt, 0, 1);
	bt_port_del(bt, bt->end[1].ifindex, 0);
	assert_int_equal(bt_run_vm(bt, 0, bt_broadcast, bt->end[0].far_mac), TC_ACT_SHOT);
	assert_int_equal(
		bpf_map_delete_elem(bpf_map__fd(bt->bpf->maps.ecs_patches), &bt->end[0].ifindex),
		0);
	assert_int_equal(bt_run_vm(bt, 0, bt_broadcast, bt->end[0].far_mac), TC_ACT_SHOT);
	assert_int_equal(bt_drops(bt, bt_slot(0), ECS_DROP_OUTPUT), 2);
	add_flags(bt, 0, ECS_PORT_ADDRESSED);
	assert_int_equal(bt_run_vm(bt, 0, bt_broadcast, bt->end[0].far_mac), TC_ACT_UNSPEC);
	assert_int_equal(bt_run_vm(bt, 0, bt_nobody, bt->end[0].far_mac), TC_ACT_UNSPEC);
}

static void hostile_source_does_not_pass_a_patch(void **state)
{
	struct bt *bt = *state;

	both_ways(bt);
	assert_int_equal(bt_run_vm(bt, 0, bt_broadcast, bt_broadcast), TC_ACT_SHOT);
	assert_int_equal(bt_drops(bt, bt_slot(0), ECS_DROP_SRC_MAC), 1);
}

static void host_with_an_address_hears_its_own_and_what_all_hear(void **state)
{
	struct bt *bt = *state;
	int sock = bt_sock(bt->end[0].ifindex, BT_PROTO);
	struct bt_frame got;

	both_ways(bt);
	add_flags(bt, 0, ECS_PORT_ADDRESSED);
	send_from(bt->end[0].far_sock, bt->end[0].mac, bt->end[0].far_mac, -1);
	bt_expect(sock, &got);
	bt_expect_none(bt->end[1].far_sock);
	send_from(bt->end[0].far_sock, bt_broadcast, bt->end[0].far_mac, -1);
	bt_expect(sock, &got);
	bt_expect(bt->end[1].far_sock, &got);
	send_from(bt->end[0].far_sock, bt_nobody, bt->end[0].far_mac, -1);
	bt_expect_none(sock);
	bt_expect(bt->end[1].far_sock, &got);
	close(sock);
}

static void uplink_may_be_an_end(void **state)
{
	struct bt *bt = *state;
	struct bt_frame got;

	bt_network(bt, BT_NETWORK);
	bt_vm(bt, 2, BT_NETWORK, 0);
	bt_uplink(bt, BT_NETWORK, 0, 0);
	bt_patch(bt, 0, BT_LAN);
	bt_patch(bt, BT_LAN, 0);
	send_from(bt->end[0].far_sock, bt_broadcast, bt->end[0].far_mac, 100);
	bt_expect(LAN(bt).far_sock, &got);
	assert_int_equal(got.tci, 100);
	bt_expect(bt->tap_sock, &got);
	assert_int_equal(got.mark, 0);
	send_from(LAN(bt).far_sock, bt_broadcast, LAN(bt).far_mac, -1);
	bt_expect(bt->end[0].far_sock, &got);
	bt_expect_none(bt->end[2].far_sock);
	bt_expect_none(bt->host_sock);
	assert_int_equal(bt_fdb_used(bt, 0), 0);
}

/* Else the network of the uplink would take it for the host's own. */
static void patched_frame_out_of_an_uplink_is_the_wires_alone(void **state)
{
	struct bt *bt = *state;
	int sock = bt_sock(bt->end[0].ifindex, BT_PROTO);
	struct bt_frame got;

	bt_network(bt, BT_NETWORK);
	bt_vm(bt, 2, BT_NETWORK, 0);
	bt_uplink(bt, BT_NETWORK, 0, 0);
	bt_patch(bt, 0, BT_LAN);
	for (int addressed = 0; addressed < 2; addressed++) {
		send_from(bt->end[0].far_sock, bt_broadcast, bt->end[0].far_mac, -1);
		bt_expect(LAN(bt).far_sock, &got);
		bt_expect(bt->tap_sock, &got);
		assert_int_equal(got.mark, 0);
		bt_expect_none(bt->end[2].far_sock);
		if (addressed) {
			bt_expect(sock, &got);
			assert_int_equal(got.mark, 0);
		}
		add_flags(bt, 0, ECS_PORT_ADDRESSED);
	}
	assert_int_equal(bt_fdb_used(bt, 0), 0);
	close(sock);
}

static void host_reaches_vms_though_its_uplink_is_patched(void **state)
{
	struct bt *bt = *state;
	struct bt_frame got;

	bt_network(bt, BT_NETWORK);
	bt_vm(bt, 2, BT_NETWORK, 0);
	bt_uplink(bt, BT_NETWORK, 0, 0);
	bt_patch(bt, BT_LAN, 0);
	send_from(bt->host_sock, bt_broadcast, LAN(bt).mac, -1);
	bt_expect(bt->end[2].far_sock, &got);
	bt_expect(LAN(bt).far_sock, &got);
	bt_expect_none(bt->end[0].far_sock);
}

static void vlan_network_wins_over_the_uplinks_patch(void **state)
{
	struct bt *bt = *state;
	struct bt_frame got;

	bt_network(bt, BT_NETWORK);
	bt_vm(bt, 2, BT_NETWORK, 0);
	bt_uplink(bt, BT_NETWORK, 10, 0);
	bt_patch(bt, BT_LAN, 0);
	send_from(LAN(bt).far_sock, bt_broadcast, LAN(bt).far_mac, 10);
	bt_expect(bt->end[2].far_sock, &got);
	bt_expect_none(bt->end[0].far_sock);
	send_from(LAN(bt).far_sock, bt_broadcast, LAN(bt).far_mac, 11);
	bt_expect(bt->end[0].far_sock, &got);
	assert_int_equal(got.tci, 11);
	send_from(LAN(bt).far_sock, bt_broadcast, LAN(bt).far_mac, -1);
	bt_expect(bt->end[0].far_sock, &got);
	bt_expect_none(bt->end[2].far_sock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BT_TEST(patch_carries_everything_both_ways),
		BT_TEST(patch_to_a_peer_keeps_packet_types_right),
		BT_TEST(patch_uses_a_peer_redirect_for_the_far_ends_address_alone),
		BT_TEST(patch_wins_over_switching),
		BT_TEST(patch_end_that_is_missing_is_dropped_as_output),
		BT_TEST(hostile_source_does_not_pass_a_patch),
		BT_TEST(host_with_an_address_hears_its_own_and_what_all_hear),
		BT_TEST(uplink_may_be_an_end),
		BT_TEST(patched_frame_out_of_an_uplink_is_the_wires_alone),
		BT_TEST(host_reaches_vms_though_its_uplink_is_patched),
		BT_TEST(vlan_network_wins_over_the_uplinks_patch),
	};

	return cmocka_run_group_tests(tests, bt_group_setup, bt_group_teardown);
}
