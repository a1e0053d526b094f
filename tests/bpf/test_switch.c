// SPDX-License-Identifier: Apache-2.0
/* What ecs_from_port decides for a network without an uplink: guard, switch, and every drop. */
#include "bpf_test.h"

#include "kernel/ecswitch.skel.h"

static void three_vms(struct bt *bt)
{
	bt_network(bt, BT_NETWORK);
	for (int i = 0; i < 3; i++)
		bt_vm(bt, i, BT_NETWORK, 0);
}

static void known_unicast_is_redirected_to_its_port(void **state)
{
	struct bt *bt = *state;

	three_vms(bt);
	bt_fdb_set(bt, BT_NETWORK, bt->end[1].far_mac, bt->end[1].ifindex, 0);
	assert_int_equal(bt_run_vm(bt, 0, bt->end[1].far_mac, bt->end[0].far_mac), TC_ACT_REDIRECT);
	assert_int_equal(bt_stats(bt, bt_slot(1)).tx_packets, 1);
	assert_int_equal(bt_stats(bt, bt_slot(1)).tx_bytes, BT_FRAME);
	assert_int_equal(bt_stats(bt, bt_slot(0)).rx_packets, 1);
	assert_int_equal(bt_stats(bt, bt_slot(0)).rx_bytes, BT_FRAME);
	assert_int_equal(bt_stats(bt, bt_slot(2)).tx_packets, 0);
	assert_int_equal(bt_stats(bt, bt_slot(0)).flooded, 0);
}

static void unknown_unicast_is_flooded_to_each_other_port_once(void **state)
{
	struct bt *bt = *state;

	three_vms(bt);
	assert_int_equal(bt_run_vm(bt, 0, bt_nobody, bt->end[0].far_mac), TC_ACT_REDIRECT);
	assert_int_equal(bt_stats(bt, bt_slot(0)).tx_packets, 0);
	assert_int_equal(bt_stats(bt, bt_slot(1)).tx_packets, 1);
	assert_int_equal(bt_stats(bt, bt_slot(2)).tx_packets, 1);
	assert_int_equal(bt_stats(bt, bt_slot(0)).flooded, 1);
	assert_int_equal(bt_drops_total(bt), 0);
}

static void entry_of_a_port_that_has_gone_floods(void **state)
{
	struct bt *bt = *state;

	three_vms(bt);
	bt_fdb_set(bt, BT_NETWORK, bt_nobody, bt->end[3].ifindex, 0);
	assert_int_equal(bt_run_vm(bt, 0, bt_nobody, bt->end[0].far_mac), TC_ACT_REDIRECT);
	assert_int_equal(bt_stats(bt, bt_slot(0)).flooded, 1);
}

static void entry_of_a_port_that_changed_networks_never_leaks(void **state)
{
	struct bt *bt = *state;

	three_vms(bt);
	bt_network(bt, 2);
	bt_vm(bt, 3, 2, 0);
	bt_fdb_set(bt, BT_NETWORK, bt->end[3].far_mac, bt->end[3].ifindex, 0);
	bt_run_vm(bt, 0, bt->end[3].far_mac, bt->end[0].far_mac);
	assert_int_equal(bt_stats(bt, bt_slot(3)).tx_packets, 0);
	assert_int_equal(bt_stats(bt, bt_slot(0)).flooded, 1);
}

static void networks_do_not_hear_each_other(void **state)
{
	struct bt *bt = *state;

	three_vms(bt);
	bt_network(bt, 2);
	bt_vm(bt, 3, 2, 0);
	bt_run_vm(bt, 0, bt_broadcast, bt->end[0].far_mac);
	assert_int_equal(bt_stats(bt, bt_slot(3)).tx_packets, 0);
	assert_int_equal(bt_run_vm(bt, 3, bt_broadcast, bt->end[3].far_mac), TC_ACT_SHOT);
}

static void frame_to_its_own_port_is_dropped_as_hairpin(void **state)
{
	struct bt *bt = *state;

	three_vms(bt);
	bt_fdb_set(bt, BT_NETWORK, bt_nobody, bt->end[0].ifindex, 0);
	assert_int_equal(bt_run_vm(bt, 0, bt_nobody, bt->end[0].far_mac), TC_ACT_SHOT);
	assert_int_equal(bt_drops(bt, bt_slot(0), ECS_DROP_HAIRPIN), 1);
}

static void lonely_port_drops_as_no_receiver(void **state)
{
	struct bt *bt = *state;

	bt_network(bt, BT_NETWORK);
	bt_vm(bt, 0, BT_NETWORK, 0);
	assert_int_equal(bt_run_vm(bt, 0, bt_broadcast, bt->end[0].far_mac), TC_ACT_SHOT);
	assert_int_equal(bt_drops(bt, bt_slot(0), ECS_DROP_NO_RECEIVER), 1);
}

static void link_local_multicast_is_not_forwarded(void **state)
{
	struct bt *bt = *state;
	uint8_t dst[6] = {0x01, 0x80, 0xc2, 0, 0, 0};

	three_vms(bt);
	for (int i = 0; i < 16; i++) {
		dst[5] = (uint8_t)i;
		assert_int_equal(bt_run_vm(bt, 0, dst, bt->end[0].far_mac), TC_ACT_SHOT);
	}
	assert_int_equal(bt_drops(bt, bt_slot(0), ECS_DROP_RESERVED_MULTICAST), 16);
	dst[5] = 0x10;
	assert_int_equal(bt_run_vm(bt, 0, dst, bt->end[0].far_mac), TC_ACT_REDIRECT);
}

static void multicast_or_zero_source_is_dropped(void **state)
{
	struct bt *bt = *state;
	const uint8_t zero[6] = {0}, group[6] = {1, 0, 0x5e, 0, 0, 1};

	three_vms(bt);
	assert_int_equal(bt_run_vm(bt, 0, bt_broadcast, group), TC_ACT_SHOT);
	assert_int_equal(bt_run_vm(bt, 0, bt_broadcast, zero), TC_ACT_SHOT);
	assert_int_equal(bt_drops(bt, bt_slot(0), ECS_DROP_SRC_MAC), 2);
	assert_int_equal(bt_fdb_used(bt, 0), 0);
}

static int run_tagged(struct bt *bt, int tci)
{
	struct bt_frame frame;

	bt_build(&frame, bt_broadcast, bt->end[0].far_mac, tci);
	return bt_run(bt, bt->bpf->progs.ecs_from_port, bt->end[0].ifindex, NULL, frame.data,
		      frame.len);
}

static void tagged_frame_of_a_vm_is_dropped(void **state)
{
	struct bt *bt = *state;

	three_vms(bt);
	assert_int_equal(run_tagged(bt, 10), TC_ACT_SHOT);
	assert_int_equal(run_tagged(bt, 0xe000 | 4095), TC_ACT_SHOT);
	assert_int_equal(bt_drops(bt, bt_slot(0), ECS_DROP_VLAN_TAGGED), 2);
}

static void priority_tag_is_taken_off(void **state)
{
	struct bt *bt = *state;

	three_vms(bt);
	assert_int_equal(run_tagged(bt, 0xe000), TC_ACT_REDIRECT);
	assert_int_equal(bt_drops_total(bt), 0);
}

/* Otherwise a VM could put frames into any VLAN of the uplink. */
static void tag_behind_a_priority_tag_is_dropped(void **state)
{
	struct bt *bt = *state;
	struct bt_frame frame;

	three_vms(bt);
	bt_build(&frame, bt_broadcast, bt->end[0].far_mac, 0);
	memcpy(frame.data + 16, "\x81\x00\x00\x64\x88\xb5", 6);
	assert_int_equal(bt_run(bt, bt->bpf->progs.ecs_from_port, bt->end[0].ifindex, NULL,
				frame.data, frame.len),
			 TC_ACT_SHOT);
	assert_int_equal(bt_drops(bt, bt_slot(0), ECS_DROP_VLAN_TAGGED), 1);
}

/* The kernel's helper cannot move up an inner tag that ends after its first bytes. */
static void truncated_tag_behind_a_priority_tag_is_dropped_as_vlan(void **state)
{
	struct bt *bt = *state;
	struct bt_frame frame;

	three_vms(bt);
	bt_build(&frame, bt_broadcast, bt->end[0].far_mac, 0);
	memcpy(frame.data + 16, "\x81\x00\x00\x64", 4);
	assert_int_equal(
		bt_run(bt, bt->bpf->progs.ecs_from_port, bt->end[0].ifindex, NULL, frame.data, 19),
		TC_ACT_SHOT);
	assert_int_equal(bt_drops(bt, bt_slot(0), ECS_DROP_VLAN), 1);
}

static void port_without_network_drops_as_no_network(void **state)
{
	struct bt *bt = *state;

	bt_vm(bt, 0, 0, 0);
	assert_int_equal(bt_run_vm(bt, 0, bt_broadcast, bt->end[0].far_mac), TC_ACT_SHOT);
	assert_int_equal(bt_drops(bt, bt_slot(0), ECS_DROP_NO_NETWORK), 1);
}

static void link_that_is_no_port_is_left_alone(void **state)
{
	struct bt *bt = *state;
	const struct ecs_port none = {.slot = 1, .role = ECS_ROLE_NONE};

	assert_int_equal(bt_run_vm(bt, 0, bt_broadcast, bt->end[0].far_mac), TC_ACT_UNSPEC);
	bt_port_set(bt, bt->end[0].ifindex, 0, &none);
	assert_int_equal(bt_run_vm(bt, 0, bt_broadcast, bt->end[0].far_mac), TC_ACT_UNSPEC);
	assert_int_equal(bt_drops_total(bt), 0);
}

static void member_that_has_left_the_ports_is_skipped(void **state)
{
	struct bt *bt = *state;

	three_vms(bt);
	bt_port_del(bt, bt->end[1].ifindex, 0);
	assert_int_equal(bt_run_vm(bt, 0, bt_broadcast, bt->end[0].far_mac), TC_ACT_REDIRECT);
	assert_int_equal(bt_stats(bt, bt_slot(2)).tx_packets, 1);
	bt_port_del(bt, bt->end[2].ifindex, 0);
	assert_int_equal(bt_run_vm(bt, 0, bt_broadcast, bt->end[0].far_mac), TC_ACT_SHOT);
}

/* Two links whose numbers fall on one place of ecs_ports_near. */
static void port_whose_near_place_is_another_links_is_found(void **state)
{
	struct bt *bt = *state;
	struct ecs_port port;

	three_vms(bt);
	bt_fdb_set(bt, BT_NETWORK, bt->end[1].far_mac, bt->end[1].ifindex, 0);
	for (int i = 0; i < 3; i++) {
		bt_port_get(bt, bt->end[i].ifindex, 0, &port);
		port.network = 2;
		bt_port_near(bt, bt->end[i].ifindex, NULL);
		bt_port_near(bt, bt->end[i].ifindex + ECS_PORTS_NEAR_MAX, &port);
	}
	assert_int_equal(bt_run_vm(bt, 0, bt->end[1].far_mac, bt->end[0].far_mac), TC_ACT_REDIRECT);
	assert_int_equal(bt_stats(bt, bt_slot(1)).tx_packets, 1);
	for (int i = 0; i < 3; i++)
		bt_port_near(bt, bt->end[i].ifindex, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BT_TEST(known_unicast_is_redirected_to_its_port),
		BT_TEST(unknown_unicast_is_flooded_to_each_other_port_once),
		BT_TEST(entry_of_a_port_that_has_gone_floods),
		BT_TEST(entry_of_a_port_that_changed_networks_never_leaks),
		BT_TEST(networks_do_not_hear_each_other),
		BT_TEST(frame_to_its_own_port_is_dropped_as_hairpin),
		BT_TEST(lonely_port_drops_as_no_receiver),
		BT_TEST(link_local_multicast_is_not_forwarded),
		BT_TEST(multicast_or_zero_source_is_dropped),
		BT_TEST(tagged_frame_of_a_vm_is_dropped),
		BT_TEST(priority_tag_is_taken_off),
		BT_TEST(tag_behind_a_priority_tag_is_dropped),
		BT_TEST(truncated_tag_behind_a_priority_tag_is_dropped_as_vlan),
		BT_TEST(port_without_network_drops_as_no_network),
		BT_TEST(link_that_is_no_port_is_left_alone),
		BT_TEST(port_whose_near_place_is_another_links_is_found),
		BT_TEST(member_that_has_left_the_ports_is_skipped),
	};

	return cmocka_run_group_tests(tests, bt_group_setup, bt_group_teardown);
}
