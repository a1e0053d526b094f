// SPDX-License-Identifier: Apache-2.0
/* A network on one VLAN of the uplink: tags come off towards the VMs and go on towards wire and
 * host, and the original that the host gets keeps its tag and priority. */
#include "bpf_test.h"

#include <linux/if_ether.h>
#include <unistd.h>

#include "kernel/ecswitch.skel.h"

#define LAN(bt) ((bt)->end[BT_LAN])
#define VID 10
#define TCI (0xa000 | VID) /* priority 5 */

static void switch_with_vlan(struct bt *bt)
{
	bt_network(bt, BT_NETWORK);
	bt_vm(bt, 0, BT_NETWORK, ECS_PORT_PEER);
	bt_vm(bt, 1, BT_NETWORK, 0);
	bt_uplink(bt, BT_NETWORK, VID, ECS_PORT_PEER);
	bt_fdb_set(bt, BT_NETWORK, LAN(bt).mac, LAN(bt).ifindex, ECS_FDB_STATIC | ECS_FDB_HOST);
}

static void send_from(int sock, const uint8_t *dst, const uint8_t *src, int tci)
{
	struct bt_frame frame;

	bt_send(sock, bt_build(&frame, dst, src, tci));
}

/* The next frame on a socket has this tag; < 0 = none. */
static void expect_tag(struct bt *bt, int sock, int tci)
{
	struct bt_frame got;

	if (sock == bt->host_sock)
		bt_expect_host(bt, &got);
	else
		bt_expect(sock, &got);
	assert_int_equal(got.mark, 0);
	assert_int_equal(got.tagged, tci >= 0);
	if (tci >= 0)
		assert_int_equal(got.tci, tci);
	assert_int_equal(got.len, BT_FRAME);
}

static void expect_none(struct bt *bt)
{
	bt_expect_none(bt->end[0].far_sock);
	bt_expect_none(bt->end[1].far_sock);
	bt_expect_none(LAN(bt).far_sock);
	bt_expect_none(bt->host_sock);
}

static void vm_broadcast_is_tagged_for_wire_and_host(void **state)
{
	struct bt *bt = *state;

	switch_with_vlan(bt);
	send_from(bt->end[0].far_sock, bt_broadcast, bt->end[0].far_mac, -1);
	expect_tag(bt, bt->end[1].far_sock, -1);
	expect_tag(bt, LAN(bt).far_sock, VID);
	expect_tag(bt, bt->host_sock, VID);
	expect_none(bt);
}

static void vm_unicast_is_tagged_for_wire_or_host(void **state)
{
	struct bt *bt = *state;

	switch_with_vlan(bt);
	bt_fdb_set(bt, BT_NETWORK, LAN(bt).far_mac, LAN(bt).ifindex, 0);
	send_from(bt->end[0].far_sock, LAN(bt).far_mac, bt->end[0].far_mac, -1);
	expect_tag(bt, LAN(bt).far_sock, VID);
	send_from(bt->end[0].far_sock, LAN(bt).mac, bt->end[0].far_mac, -1);
	expect_tag(bt, bt->host_sock, VID);
	expect_none(bt);
}

static void wire_unicast_reaches_the_vm_untagged(void **state)
{
	struct bt *bt = *state;

	switch_with_vlan(bt);
	for (int i = 0; i < 2; i++) {
		bt_fdb_set(bt, BT_NETWORK, bt->end[i].far_mac, bt->end[i].ifindex, 0);
		send_from(LAN(bt).far_sock, bt->end[i].far_mac, LAN(bt).far_mac, TCI);
		expect_tag(bt, bt->end[i].far_sock, -1);
	}
	expect_none(bt);
}

static void wire_broadcast_reaches_vms_untagged_and_the_host_as_it_came(void **state)
{
	struct bt *bt = *state;

	switch_with_vlan(bt);
	send_from(LAN(bt).far_sock, bt_broadcast, LAN(bt).far_mac, TCI);
	expect_tag(bt, bt->end[0].far_sock, -1);
	expect_tag(bt, bt->end[1].far_sock, -1);
	expect_tag(bt, bt->host_sock, TCI);
	expect_none(bt);
}

/* An inner tag is the VMs' own business. */
static void inner_tag_reaches_vms_and_host(void **state)
{
	struct bt *bt = *state;
	struct bt_frame frame;

	switch_with_vlan(bt);
	bt_build(&frame, bt_broadcast, LAN(bt).far_mac, TCI);
	memcpy(frame.data + 16, "\x81\x00\x00\x07\x88\xb5", 6);
	bt_send(LAN(bt).far_sock, &frame);
	bt_expect(bt->end[0].far_sock, &frame);
	assert_true(frame.tagged);
	assert_int_equal(frame.tci, 7);
	assert_int_equal(frame.data[12], BT_PROTO >> 8);
	bt_expect(bt->tap_sock, &frame);
	assert_int_equal(frame.tci, TCI);
	assert_memory_equal(frame.data + 12, "\x81\x00\x00\x07\x88\xb5", 6);
}

/* A packet socket puts the tag into the payload, as a link without tag offload has it. */
static void host_frame_with_a_payload_tag_reaches_vms_untagged(void **state)
{
	struct bt *bt = *state;

	switch_with_vlan(bt);
	send_from(bt->tap_sock, bt_broadcast, LAN(bt).mac, TCI);
	expect_tag(bt, bt->end[0].far_sock, -1);
	expect_tag(bt, bt->end[1].far_sock, -1);
	expect_tag(bt, LAN(bt).far_sock, TCI);
	expect_none(bt);
	bt_fdb_set(bt, BT_NETWORK, bt->end[0].far_mac, bt->end[0].ifindex, 0);
	send_from(bt->tap_sock, bt->end[0].far_mac, LAN(bt).mac, TCI);
	expect_tag(bt, bt->end[0].far_sock, -1);
	expect_none(bt);
}

/* skb->protocol does not tell of the tag, so the kernel cannot take it off. */
static void host_frame_with_a_hidden_tag_reaches_the_wire_alone(void **state)
{
	struct bt *bt = *state;

	switch_with_vlan(bt);
	send_from(bt->host_sock, bt_broadcast, LAN(bt).mac, TCI);
	expect_tag(bt, LAN(bt).far_sock, TCI);
	expect_none(bt);
	assert_int_equal(bt_drops(bt, BT_UPLINK_SLOT, ECS_DROP_VLAN), 1);
}

static void other_vlans_and_untagged_frames_are_the_hosts(void **state)
{
	struct bt *bt = *state;

	switch_with_vlan(bt);
	send_from(LAN(bt).far_sock, bt_broadcast, LAN(bt).far_mac, -1);
	expect_tag(bt, bt->host_sock, -1);
	send_from(LAN(bt).far_sock, bt_broadcast, LAN(bt).far_mac, VID + 1);
	expect_tag(bt, bt->host_sock, VID + 1);
	expect_none(bt);
	assert_int_equal(bt_fdb_used(bt, 0), 0);
}

static void provider_tag_is_the_hosts(void **state)
{
	struct bt *bt = *state;
	struct bt_frame frame;

	switch_with_vlan(bt);
	bt_build(&frame, bt_broadcast, LAN(bt).far_mac, VID);
	frame.data[12] = 0x88;
	frame.data[13] = 0xa8;
	bt_send(LAN(bt).far_sock, &frame);
	expect_tag(bt, bt->host_sock, VID);
	expect_none(bt);
	assert_int_equal(bt_fdb_used(bt, 0), 0);
}

static void two_networks_of_one_uplink_stay_apart(void **state)
{
	struct bt *bt = *state;

	switch_with_vlan(bt);
	bt_network(bt, 2);
	bt_vm(bt, 2, 2, 0);
	bt_uplink(bt, 2, 0, 0);
	send_from(LAN(bt).far_sock, bt_broadcast, LAN(bt).far_mac, -1);
	expect_tag(bt, bt->end[2].far_sock, -1);
	expect_tag(bt, bt->host_sock, -1);
	expect_none(bt);
	send_from(bt->end[2].far_sock, bt_broadcast, bt->end[2].far_mac, -1);
	expect_tag(bt, LAN(bt).far_sock, -1);
	expect_tag(bt, bt->host_sock, -1);
	expect_none(bt);
	bt_expect_none(bt->end[2].far_sock);
}

static void tagged_frame_is_not_the_untagged_networks(void **state)
{
	struct bt *bt = *state;

	bt_network(bt, BT_NETWORK);
	bt_vm(bt, 0, BT_NETWORK, 0);
	bt_uplink(bt, BT_NETWORK, 0, 0);
	send_from(LAN(bt).far_sock, bt_broadcast, LAN(bt).far_mac, 20);
	expect_tag(bt, bt->host_sock, 20);
	expect_none(bt);
	assert_int_equal(bt_fdb_used(bt, 0), 0);
}

/* The kernel takes the outer tag off before it finds the inner one cut. */
static void frame_whose_inner_tag_is_cut_reaches_the_host_alone_and_whole(void **state)
{
	struct bt *bt = *state;
	int sock = bt_sock(LAN(bt).ifindex, ETH_P_8021Q);
	struct bt_frame frame;

	switch_with_vlan(bt);
	bt_build(&frame, bt_broadcast, LAN(bt).far_mac, TCI);
	memcpy(frame.data + 16, "\x81\x00\x00\x07", 4);
	frame.len = 20;
	bt_send(LAN(bt).far_sock, &frame);
	bt_expect_after(sock, &frame);
	assert_true(frame.tagged);
	assert_int_equal(frame.tci, TCI);
	assert_int_equal(frame.len, 16);
	expect_none(bt);
	assert_int_equal(bt_drops(bt, BT_UPLINK_SLOT, ECS_DROP_VLAN), 1);
	close(sock);
}

/* The host's socket must not see a drop: its TCP would take the answer for a forgery. */
static void host_frame_to_a_port_with_a_stale_down_hint_is_sent(void **state)
{
	struct bt *bt = *state;

	switch_with_vlan(bt);
	bt_vm(bt, 0, BT_NETWORK, ECS_PORT_DOWN);
	bt_fdb_set(bt, BT_NETWORK, bt->end[0].far_mac, bt->end[0].ifindex, 0);
	send_from(bt->tap_sock, bt->end[0].far_mac, LAN(bt).mac, TCI);
	expect_tag(bt, bt->end[0].far_sock, -1);
	expect_tag(bt, LAN(bt).far_sock, TCI);
	expect_none(bt);
	send_from(LAN(bt).far_sock, bt->end[0].far_mac, LAN(bt).far_mac, TCI);
	expect_tag(bt, bt->end[0].far_sock, -1);
	expect_none(bt);
	assert_int_equal(bt_drops_total(bt), 0);
}

/* VID 0 says priority, not VLAN: the frame belongs to the untagged network. */
static void priority_tag_on_the_wire_is_the_untagged_networks(void **state)
{
	struct bt *bt = *state;

	bt_network(bt, BT_NETWORK);
	bt_vm(bt, 0, BT_NETWORK, 0);
	bt_uplink(bt, BT_NETWORK, 0, 0);
	send_from(LAN(bt).far_sock, bt_broadcast, LAN(bt).far_mac, 0xa000);
	expect_tag(bt, bt->end[0].far_sock, -1);
	expect_tag(bt, bt->host_sock, 0xa000);
	expect_none(bt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BT_TEST(vm_broadcast_is_tagged_for_wire_and_host),
		BT_TEST(vm_unicast_is_tagged_for_wire_or_host),
		BT_TEST(wire_unicast_reaches_the_vm_untagged),
		BT_TEST(wire_broadcast_reaches_vms_untagged_and_the_host_as_it_came),
		BT_TEST(inner_tag_reaches_vms_and_host),
		BT_TEST(host_frame_with_a_payload_tag_reaches_vms_untagged),
		BT_TEST(host_frame_with_a_hidden_tag_reaches_the_wire_alone),
		BT_TEST(other_vlans_and_untagged_frames_are_the_hosts),
		BT_TEST(provider_tag_is_the_hosts),
		BT_TEST(two_networks_of_one_uplink_stay_apart),
		BT_TEST(tagged_frame_is_not_the_untagged_networks),
		BT_TEST(frame_whose_inner_tag_is_cut_reaches_the_host_alone_and_whole),
		BT_TEST(host_frame_to_a_port_with_a_stale_down_hint_is_sent),
		BT_TEST(priority_tag_on_the_wire_is_the_untagged_networks),
	};

	return cmocka_run_group_tests(tests, bt_group_setup, bt_group_teardown);
}
