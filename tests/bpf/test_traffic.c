// SPDX-License-Identifier: Apache-2.0
/* Real frames between virtual machines in namespaces of their own: where they arrive, as what
 * packet type, and what MTU and carrier do to them. */
#include "bpf_test.h"

#include <linux/if_packet.h>

#include "kernel/ecswitch.skel.h"

static void vms(struct bt *bt, int n, uint32_t flags)
{
	bt_network(bt, BT_NETWORK);
	for (int i = 0; i < n; i++)
		bt_vm(bt, i, BT_NETWORK, flags);
}

static void send_vm(struct bt *bt, int from, const uint8_t *dst, uint32_t len)
{
	struct bt_frame frame;

	bt_build(&frame, dst, bt->end[from].far_mac, -1);
	frame.len = len;
	bt_send(bt->end[from].far_sock, &frame);
}

static void unicast_arrives_once(struct bt *bt, uint32_t flags)
{
	struct bt_frame got;

	vms(bt, 3, flags);
	bt_fdb_set(bt, BT_NETWORK, bt->end[1].far_mac, bt->end[1].ifindex, 0);
	send_vm(bt, 0, bt->end[1].far_mac, BT_FRAME);
	bt_expect(bt->end[1].far_sock, &got);
	assert_int_equal(got.len, BT_FRAME);
	assert_memory_equal(got.data, bt->end[1].far_mac, 6);
	assert_int_equal(got.pkt_type, PACKET_HOST);
	assert_int_equal(got.mark, 0);
	bt_expect_none(bt->end[1].far_sock);
	bt_expect_none(bt->end[2].far_sock);
	bt_expect_none(bt->end[0].far_sock);
}

static void known_unicast_arrives_at_its_port_only(void **state)
{
	unicast_arrives_once(*state, 0);
}

static void peer_redirect_arrives_as_the_hosts_own(void **state)
{
	unicast_arrives_once(*state, ECS_PORT_PEER);
}

static void flood_arrives_once_everywhere(struct bt *bt, const uint8_t *dst, int pkt_type)
{
	struct bt_frame got;

	vms(bt, BT_VMS, ECS_PORT_PEER);
	send_vm(bt, 1, dst, BT_FRAME);
	for (int i = 0; i < BT_VMS; i++) {
		if (i != 1) {
			bt_expect(bt->end[i].far_sock, &got);
			assert_int_equal(got.pkt_type, pkt_type);
			assert_int_equal(got.mark, 0);
		}
	}
	for (int i = 0; i < BT_VMS; i++)
		bt_expect_none(bt->end[i].far_sock);
}

static void broadcast_arrives_once_everywhere_as_broadcast(void **state)
{
	flood_arrives_once_everywhere(*state, bt_broadcast, PACKET_BROADCAST);
}

static void multicast_arrives_once_everywhere_as_multicast(void **state)
{
	const uint8_t group[6] = {1, 0, 0x5e, 1, 2, 3};

	flood_arrives_once_everywhere(*state, group, PACKET_MULTICAST);
}

/* A stack must not take a flooded frame for its own. */
static void unknown_unicast_arrives_as_another_hosts(void **state)
{
	flood_arrives_once_everywhere(*state, bt_nobody, PACKET_OTHERHOST);
}

/* A mark is the host's, and ends with its namespace as on any veth. */
static void mark_does_not_reach_another_namespace(void **state)
{
	struct bt *bt = *state;
	struct bt_frame got;

	vms(bt, BT_VMS, ECS_PORT_PEER);
	bt_fdb_set(bt, BT_NETWORK, bt->end[1].far_mac, bt->end[1].ifindex, 0);
	send_vm(bt, BT_MARKED, bt->end[1].far_mac, BT_FRAME);
	bt_expect(bt->end[1].far_sock, &got);
	assert_int_equal(got.mark, 0);
}

static void set_port_mtu(struct bt *bt, int i, uint32_t hint, uint32_t real)
{
	struct ecs_port port;

	bt_port_get(bt, bt->end[i].ifindex, 0, &port);
	port.mtu = hint;
	bt_port_set(bt, bt->end[i].ifindex, 0, &port);
	bt_ip("link set near%d mtu %u", i, real);
}

static void frame_above_the_mtu_is_dropped_as_mtu(void **state)
{
	struct bt *bt = *state;
	struct bt_frame got;

	vms(bt, 2, 0);
	set_port_mtu(bt, 1, 500, 500);
	bt_fdb_set(bt, BT_NETWORK, bt->end[1].far_mac, bt->end[1].ifindex, 0);
	send_vm(bt, 0, bt->end[1].far_mac, 14 + 501);
	bt_expect_none(bt->end[1].far_sock);
	assert_int_equal(bt_drops(bt, bt_slot(0), ECS_DROP_MTU), 1);
	send_vm(bt, 0, bt->end[1].far_mac, 14 + 500);
	bt_expect(bt->end[1].far_sock, &got);
	assert_int_equal(bt_stats(bt, bt_slot(1)).tx_packets, 1);
	bt_ip("link set near1 mtu %d", BT_MTU);
}

static void links_own_mtu_decides_over_a_stale_hint(void **state)
{
	struct bt *bt = *state;
	struct bt_frame got;

	vms(bt, 2, 0);
	set_port_mtu(bt, 1, 100, BT_MTU);
	bt_fdb_set(bt, BT_NETWORK, bt->end[1].far_mac, bt->end[1].ifindex, 0);
	send_vm(bt, 0, bt->end[1].far_mac, 14 + BT_MTU);
	bt_expect(bt->end[1].far_sock, &got);
	assert_int_equal(bt_drops_total(bt), 0);
}

static void flood_skips_only_the_member_whose_mtu_is_small(void **state)
{
	struct bt *bt = *state;
	struct bt_frame got;

	vms(bt, BT_VMS, 0);
	set_port_mtu(bt, 1, 500, 500);
	send_vm(bt, 0, bt_broadcast, 1000);
	bt_expect(bt->end[2].far_sock, &got);
	bt_expect(bt->end[3].far_sock, &got);
	bt_expect_none(bt->end[1].far_sock);
	assert_int_equal(bt_drops(bt, bt_slot(0), ECS_DROP_MTU), 1);
	bt_ip("link set near1 mtu %d", BT_MTU);
}

static void output_that_does_not_exist_is_dropped_as_output(void **state)
{
	struct bt *bt = *state;
	const struct ecs_port gone = {.slot = 2, .role = ECS_ROLE_VM, .network = BT_NETWORK};

	vms(bt, 1, 0);
	bt_port_set(bt, 9999, 0, &gone);
	bt_fdb_set(bt, BT_NETWORK, bt_nobody, 9999, 0);
	assert_int_equal(bt_run_vm(bt, 0, bt_nobody, bt->end[0].far_mac), TC_ACT_SHOT);
	assert_int_equal(bt_drops(bt, bt_slot(0), ECS_DROP_OUTPUT), 1);
	assert_int_equal(bt_stats(bt, 2).tx_packets, 0);
}

static void port_that_is_really_down_is_dropped_as_output(void **state)
{
	struct bt *bt = *state;

	vms(bt, 2, 0);
	bt_vm(bt, 1, BT_NETWORK, ECS_PORT_DOWN);
	bt_fdb_set(bt, BT_NETWORK, bt->end[1].far_mac, bt->end[1].ifindex, 0);
	bt_ip("link set near1 down");
	send_vm(bt, 0, bt->end[1].far_mac, BT_FRAME);
	bt_expect_none(bt->end[1].far_sock);
	bt_ip("link set near1 up");
	assert_int_equal(bt_drops(bt, bt_slot(0), ECS_DROP_OUTPUT), 1);
	assert_int_equal(bt_stats(bt, bt_slot(1)).tx_packets, 0);
}

/* What is meant for all costs nothing where nobody listens; what reaches nobody is told. */
static void flood_counts_a_port_that_is_down_only_when_nobody_else_is_there(void **state)
{
	struct bt *bt = *state;
	struct bt_frame got;

	vms(bt, 3, 0);
	bt_vm(bt, 1, BT_NETWORK, ECS_PORT_DOWN);
	bt_vm(bt, 2, BT_NETWORK, ECS_PORT_DOWN);
	bt_ip("link set near1 down");
	send_vm(bt, 0, bt_broadcast, BT_FRAME);
	bt_expect(bt->end[2].far_sock, &got);
	assert_int_equal(bt_drops_total(bt), 0);
	bt_ip("link set near2 down");
	send_vm(bt, 0, bt_broadcast, BT_FRAME);
	bt_expect_none(bt->end[2].far_sock);
	bt_ip("link set near1 up");
	bt_ip("link set near2 up");
	assert_int_equal(bt_drops(bt, bt_slot(0), ECS_DROP_NO_RECEIVER), 1);
	assert_int_equal(bt_drops_total(bt), 1);
}

/* The peer has no carrier: the port is up, but its queue takes nothing. */
static void port_without_carrier_is_dropped_as_output(void **state)
{
	struct bt *bt = *state;

	vms(bt, 2, 0);
	bt_vm(bt, 1, BT_NETWORK, ECS_PORT_DOWN | ECS_PORT_PEER);
	bt_fdb_set(bt, BT_NETWORK, bt->end[1].far_mac, bt->end[1].ifindex, 0);
	bt_enter(bt->end[1].far_ns);
	bt_ip("link set far1 down");
	bt_enter(bt->ns);
	for (int tries = 0; tries < 100 && !bt_drops(bt, bt_slot(0), ECS_DROP_OUTPUT); tries++) {
		send_vm(bt, 0, bt->end[1].far_mac, BT_FRAME);
		bt_expect_none(bt->end[1].far_sock);
	}
	bt_enter(bt->end[1].far_ns);
	bt_ip("link set far1 up");
	bt_enter(bt->ns);
	assert_true(bt_drops(bt, bt_slot(0), ECS_DROP_OUTPUT) > 0);
}

static void stale_down_hint_costs_nothing(void **state)
{
	struct bt *bt = *state;
	struct bt_frame got;

	vms(bt, 2, 0);
	bt_vm(bt, 1, BT_NETWORK, ECS_PORT_DOWN | ECS_PORT_PEER);
	bt_fdb_set(bt, BT_NETWORK, bt->end[1].far_mac, bt->end[1].ifindex, 0);
	send_vm(bt, 0, bt->end[1].far_mac, BT_FRAME);
	bt_expect(bt->end[1].far_sock, &got);
	assert_int_equal(bt_stats(bt, bt_slot(1)).tx_packets, 1);
	assert_int_equal(bt_drops_total(bt), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BT_TEST(known_unicast_arrives_at_its_port_only),
		BT_TEST(peer_redirect_arrives_as_the_hosts_own),
		BT_TEST(broadcast_arrives_once_everywhere_as_broadcast),
		BT_TEST(multicast_arrives_once_everywhere_as_multicast),
		BT_TEST(unknown_unicast_arrives_as_another_hosts),
		BT_TEST(mark_does_not_reach_another_namespace),
		BT_TEST(frame_above_the_mtu_is_dropped_as_mtu),
		BT_TEST(links_own_mtu_decides_over_a_stale_hint),
		BT_TEST(flood_skips_only_the_member_whose_mtu_is_small),
		BT_TEST(output_that_does_not_exist_is_dropped_as_output),
		BT_TEST(port_that_is_really_down_is_dropped_as_output),
		BT_TEST(flood_counts_a_port_that_is_down_only_when_nobody_else_is_there),
		BT_TEST(port_without_carrier_is_dropped_as_output),
		BT_TEST(stale_down_hint_costs_nothing),
	};

	return cmocka_run_group_tests(tests, bt_group_setup, bt_group_teardown);
}
