// SPDX-License-Identifier: Apache-2.0
/* A network with an untagged uplink: all directions between VMs, the wire and the host, and
 * that the host comes first. */
#include "bpf_test.h"

#include <linux/if_packet.h>

#include "kernel/ecswitch.skel.h"

#define LAN(bt) ((bt)->end[BT_LAN])

static void switch_with_uplink(struct bt *bt)
{
	bt_network(bt, BT_NETWORK);
	bt_vm(bt, 0, BT_NETWORK, ECS_PORT_PEER);
	bt_vm(bt, 1, BT_NETWORK, ECS_PORT_PEER);
	bt_uplink(bt, BT_NETWORK, 0, ECS_PORT_PEER); /* a veth, as in a container host */
	bt_fdb_set(bt, BT_NETWORK, LAN(bt).mac, LAN(bt).ifindex, ECS_FDB_STATIC | ECS_FDB_HOST);
}

static void send_from(int sock, const uint8_t *dst, const uint8_t *src)
{
	struct bt_frame frame;

	bt_send(sock, bt_build(&frame, dst, src, -1));
}

/* Exactly the receivers of the mask get one frame: bits 0 and 1 the VMs, then wire and host. */
enum { VM0 = 1, VM1 = 2, WIRE = 4, HOST = 8 };

static void expect_at(struct bt *bt, int mask)
{
	const int socks[] = {bt->end[0].far_sock, bt->end[1].far_sock, LAN(bt).far_sock,
			     bt->host_sock};
	struct bt_frame got;

	for (int i = 0; i < 4; i++) {
		if (!(mask & (1 << i)))
			continue;
		if (socks[i] == bt->host_sock)
			bt_expect_host(bt, &got);
		else
			bt_expect(socks[i], &got);
		assert_int_equal(got.len, BT_FRAME);
		assert_int_equal(got.mark, 0);
		assert_false(got.tagged);
	}
	for (int i = 0; i < 4; i++)
		bt_expect_none(socks[i]);
}

static void vm_to_host_goes_up_the_uplinks_stack(void **state)
{
	struct bt *bt = *state;

	switch_with_uplink(bt);
	send_from(bt->end[0].far_sock, LAN(bt).mac, bt->end[0].far_mac);
	expect_at(bt, HOST);
	assert_int_equal(bt_stats(bt, bt_slot(0)).passed, 1);
	assert_int_equal(bt_stats(bt, BT_UPLINK_SLOT).rx_packets, 0);
	assert_int_equal(bt_fdb_used(bt, BT_NETWORK), 1); /* the VM, which nobody takes for wire */
}

static void vm_to_wire_leaves_by_the_uplink_and_stays_the_vms(void **state)
{
	struct bt *bt = *state;
	struct ecs_fdb_entry entry;
	struct bt_frame got;

	switch_with_uplink(bt);
	bt_fdb_set(bt, BT_NETWORK, LAN(bt).far_mac, LAN(bt).ifindex, 0);
	send_from(bt->end[0].far_sock, LAN(bt).far_mac, bt->end[0].far_mac);
	expect_at(bt, WIRE);
	assert_int_equal(bt_stats(bt, BT_UPLINK_SLOT).tx_packets, 1);
	bt_expect(bt->tap_sock, &got);
	assert_int_equal(got.pkt_type, PACKET_OUTGOING);
	assert_int_equal(got.mark, 0);
	bt_fdb_get(bt, BT_NETWORK, bt->end[0].far_mac, &entry);
	assert_int_equal(entry.ifindex, bt->end[0].ifindex);
	assert_int_equal(entry.moves, 0);
}

static void vm_broadcast_reaches_vms_wire_and_host(void **state)
{
	struct bt *bt = *state;

	switch_with_uplink(bt);
	send_from(bt->end[0].far_sock, bt_broadcast, bt->end[0].far_mac);
	expect_at(bt, VM1 | WIRE | HOST);
	assert_int_equal(bt_stats(bt, bt_slot(0)).flooded, 1);
	assert_int_equal(bt_fdb_used(bt, 0), 1);
}

static void vm_unknown_unicast_reaches_the_host_too(void **state)
{
	struct bt *bt = *state;

	switch_with_uplink(bt);
	send_from(bt->end[0].far_sock, bt_nobody, bt->end[0].far_mac);
	expect_at(bt, VM1 | WIRE | HOST);
}

static void wire_to_vm_does_not_reach_the_host(void **state)
{
	struct bt *bt = *state;

	switch_with_uplink(bt);
	bt_fdb_set(bt, BT_NETWORK, bt->end[1].far_mac, bt->end[1].ifindex, 0);
	send_from(LAN(bt).far_sock, bt->end[1].far_mac, LAN(bt).far_mac);
	expect_at(bt, VM1);
	assert_int_equal(bt_stats(bt, BT_UPLINK_SLOT).rx_packets, 1);
	assert_int_equal(bt_stats(bt, bt_slot(1)).tx_packets, 1);
}

static void wire_to_host_goes_its_normal_way(void **state)
{
	struct bt *bt = *state;
	struct ecs_fdb_entry entry;

	switch_with_uplink(bt);
	send_from(LAN(bt).far_sock, LAN(bt).mac, LAN(bt).far_mac);
	expect_at(bt, HOST);
	assert_int_equal(bt_stats(bt, BT_UPLINK_SLOT).passed, 1);
	assert_true(bt_fdb_get(bt, BT_NETWORK, LAN(bt).far_mac, &entry));
	assert_int_equal(entry.ifindex, LAN(bt).ifindex);
	assert_int_equal(entry.flags, 0);
}

static void host_receives_its_frames_without_any_fdb_entry(void **state)
{
	struct bt *bt = *state;

	bt_network(bt, BT_NETWORK);
	bt_vm(bt, 0, BT_NETWORK, 0);
	bt_uplink(bt, BT_NETWORK, 0, 0);
	send_from(LAN(bt).far_sock, LAN(bt).mac, LAN(bt).far_mac);
	expect_at(bt, HOST);
}

static void wire_broadcast_reaches_vms_and_host(void **state)
{
	struct bt *bt = *state;

	switch_with_uplink(bt);
	send_from(LAN(bt).far_sock, bt_broadcast, LAN(bt).far_mac);
	expect_at(bt, VM0 | VM1 | HOST);
	assert_int_equal(bt_stats(bt, BT_UPLINK_SLOT).flooded, 1);
}

static void wire_to_wire_stays_out_of_the_vms(void **state)
{
	struct bt *bt = *state;

	switch_with_uplink(bt);
	bt_fdb_set(bt, BT_NETWORK, bt_nobody, LAN(bt).ifindex, 0);
	send_from(LAN(bt).far_sock, bt_nobody, LAN(bt).far_mac);
	expect_at(bt, HOST);
}

static void host_to_vm_does_not_reach_the_wire(void **state)
{
	struct bt *bt = *state;

	switch_with_uplink(bt);
	bt_fdb_set(bt, BT_NETWORK, bt->end[0].far_mac, bt->end[0].ifindex, 0);
	send_from(bt->host_sock, bt->end[0].far_mac, LAN(bt).mac);
	expect_at(bt, VM0);
}

static void host_to_wire_goes_its_normal_way(void **state)
{
	struct bt *bt = *state;

	switch_with_uplink(bt);
	bt_fdb_set(bt, BT_NETWORK, LAN(bt).far_mac, LAN(bt).ifindex, 0);
	send_from(bt->host_sock, LAN(bt).far_mac, LAN(bt).mac);
	expect_at(bt, WIRE);
}

static void host_broadcast_reaches_vms_and_wire(void **state)
{
	struct bt *bt = *state;

	switch_with_uplink(bt);
	send_from(bt->host_sock, bt_broadcast, LAN(bt).mac);
	expect_at(bt, VM0 | VM1 | WIRE);
}

static void link_local_multicast_stays_between_wire_and_host(void **state)
{
	struct bt *bt = *state;
	const uint8_t lldp[6] = {0x01, 0x80, 0xc2, 0, 0, 0x0e};

	switch_with_uplink(bt);
	send_from(LAN(bt).far_sock, lldp, LAN(bt).far_mac);
	expect_at(bt, HOST);
	send_from(bt->host_sock, lldp, LAN(bt).mac);
	expect_at(bt, WIRE);
}

/* A macvlan on the uplink: VMs reach it in the host's stack, until its address moves away. */
static void second_address_of_the_host_is_learned_and_may_move_to_the_wire(void **state)
{
	struct bt *bt = *state;
	struct ecs_fdb_entry entry;

	switch_with_uplink(bt);
	send_from(bt->host_sock, bt_broadcast, bt_nobody);
	expect_at(bt, VM0 | VM1 | WIRE);
	bt_fdb_get(bt, BT_NETWORK, bt_nobody, &entry);
	assert_int_equal(entry.flags, ECS_FDB_HOST);
	assert_int_equal(entry.ifindex, LAN(bt).ifindex);
	send_from(bt->end[0].far_sock, bt_nobody, bt->end[0].far_mac);
	expect_at(bt, HOST);
	send_from(LAN(bt).far_sock, LAN(bt).mac, bt_nobody);
	expect_at(bt, HOST);
	bt_fdb_get(bt, BT_NETWORK, bt_nobody, &entry);
	assert_int_equal(entry.flags, 0);
	assert_int_equal(entry.moves, 1);
	send_from(bt->end[0].far_sock, bt_nobody, bt->end[0].far_mac);
	expect_at(bt, WIRE);
}

static void address_may_move_from_the_wire_to_the_host(void **state)
{
	struct bt *bt = *state;
	struct ecs_fdb_entry entry;

	switch_with_uplink(bt);
	send_from(LAN(bt).far_sock, LAN(bt).mac, bt_nobody);
	expect_at(bt, HOST);
	send_from(bt->host_sock, bt_broadcast, bt_nobody);
	expect_at(bt, VM0 | VM1 | WIRE);
	bt_fdb_get(bt, BT_NETWORK, bt_nobody, &entry);
	assert_int_equal(entry.flags, ECS_FDB_HOST);
	send_from(bt->end[0].far_sock, bt_nobody, bt->end[0].far_mac);
	expect_at(bt, HOST);
}

static void hosts_address_on_the_wire_does_not_move_it(void **state)
{
	struct bt *bt = *state;
	struct ecs_fdb_entry entry;

	switch_with_uplink(bt);
	send_from(LAN(bt).far_sock, bt_broadcast, LAN(bt).mac);
	expect_at(bt, VM0 | VM1 | HOST);
	bt_fdb_get(bt, BT_NETWORK, LAN(bt).mac, &entry);
	assert_int_equal(entry.flags, ECS_FDB_STATIC | ECS_FDB_HOST);
}

static void multicast_source_on_the_wire_is_not_learned(void **state)
{
	struct bt *bt = *state;
	const uint8_t group[6] = {1, 0, 0x5e, 0, 0, 1};

	switch_with_uplink(bt);
	send_from(LAN(bt).far_sock, LAN(bt).mac, group);
	expect_at(bt, HOST);
	assert_int_equal(bt_fdb_used(bt, 0), 0);
}

static void uplink_with_a_stale_down_hint_loses_nothing(void **state)
{
	struct bt *bt = *state;

	switch_with_uplink(bt);
	bt_uplink(bt, BT_NETWORK, 0, ECS_PORT_PEER | ECS_PORT_DOWN);
	send_from(bt->end[0].far_sock, LAN(bt).mac, bt->end[0].far_mac);
	expect_at(bt, HOST);
	bt_fdb_set(bt, BT_NETWORK, LAN(bt).far_mac, LAN(bt).ifindex, 0);
	send_from(bt->end[0].far_sock, LAN(bt).far_mac, bt->end[0].far_mac);
	expect_at(bt, WIRE);
	send_from(bt->end[0].far_sock, bt_broadcast, bt->end[0].far_mac);
	expect_at(bt, VM1 | WIRE | HOST);
	assert_int_equal(bt_drops_total(bt), 0);
}

static void uplink_without_a_network_is_untouched(void **state)
{
	struct bt *bt = *state;

	bt_network(bt, BT_NETWORK);
	bt_vm(bt, 0, BT_NETWORK, 0);
	send_from(LAN(bt).far_sock, bt_broadcast, LAN(bt).far_mac);
	expect_at(bt, HOST);
	bt_uplink(bt, 0, 0, 0);
	send_from(LAN(bt).far_sock, bt_broadcast, LAN(bt).far_mac);
	expect_at(bt, HOST);
	send_from(bt->host_sock, bt_broadcast, LAN(bt).mac);
	expect_at(bt, WIRE);
	assert_int_equal(bt_fdb_used(bt, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BT_TEST(vm_to_host_goes_up_the_uplinks_stack),
		BT_TEST(vm_to_wire_leaves_by_the_uplink_and_stays_the_vms),
		BT_TEST(vm_broadcast_reaches_vms_wire_and_host),
		BT_TEST(vm_unknown_unicast_reaches_the_host_too),
		BT_TEST(wire_to_vm_does_not_reach_the_host),
		BT_TEST(wire_to_host_goes_its_normal_way),
		BT_TEST(host_receives_its_frames_without_any_fdb_entry),
		BT_TEST(wire_broadcast_reaches_vms_and_host),
		BT_TEST(wire_to_wire_stays_out_of_the_vms),
		BT_TEST(host_to_vm_does_not_reach_the_wire),
		BT_TEST(host_to_wire_goes_its_normal_way),
		BT_TEST(host_broadcast_reaches_vms_and_wire),
		BT_TEST(link_local_multicast_stays_between_wire_and_host),
		BT_TEST(second_address_of_the_host_is_learned_and_may_move_to_the_wire),
		BT_TEST(address_may_move_from_the_wire_to_the_host),
		BT_TEST(hosts_address_on_the_wire_does_not_move_it),
		BT_TEST(multicast_source_on_the_wire_is_not_learned),
		BT_TEST(uplink_with_a_stale_down_hint_loses_nothing),
		BT_TEST(uplink_without_a_network_is_untouched),
	};

	return cmocka_run_group_tests(tests, bt_group_setup, bt_group_teardown);
}
