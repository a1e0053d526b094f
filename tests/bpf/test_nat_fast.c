// SPDX-License-Identifier: Apache-2.0
/* The short way of a flow in use: what is odd about a packet still has its say there. */
#include "nat_frame.h"

/* An answer whose like has just gone to the VM: the next one takes the short way. */
static struct frame *answer_in_use(struct bt *bt, struct frame *f)
{
	nt_ports(bt, 1, NT_LOW, NT_LOW);
	expect_way_out(bt, from_vm(bt, f, IPPROTO_UDP, NT_LAN, 8));
	answer(bt, f, IPPROTO_UDP, NT_LOW);
	for (int i = 0; i < 2; i++)
		assert_int_equal(run_uplink(bt, f), TC_ACT_REDIRECT);
	assert_int_equal(bt_stats(bt, bt_slot(0)).tx_packets, 2);
	return f;
}

static void ttl_that_runs_out_in_a_flow_in_use_is_told(void **state)
{
	struct bt *bt = *state;
	struct frame f;

	answer_in_use(bt, &f)->data[22] = 1;
	seal_ip(f.data + 14);
	run_uplink(bt, &f);
	assert_int_equal(bt_drops(bt, BT_UPLINK_SLOT, ECS_DROP_NAT_TTL), 1);
	assert_int_equal(bt_stats(bt, bt_slot(0)).tx_packets, 2);
}

static void length_that_lies_in_a_flow_in_use_is_not_translated(void **state)
{
	struct bt *bt = *state;
	struct frame f;

	put16(answer_in_use(bt, &f)->data + 38, 9);
	assert_int_equal(run_uplink(bt, &f), TC_ACT_UNSPEC);
	put16(f.data + 38, 7);
	assert_int_equal(run_uplink(bt, &f), TC_ACT_UNSPEC);
}

/* The hop says where the VM was, and its port says that it is no more. */
static void port_that_changed_its_network_gets_no_more_of_a_flow_in_use(void **state)
{
	struct bt *bt = *state;
	struct ecs_port port;
	struct frame f;

	answer_in_use(bt, &f);
	assert_true(bt_port_get(bt, bt->end[0].ifindex, 0, &port));
	port.network = 2;
	bt_port_set(bt, bt->end[0].ifindex, 0, &port);
	run_uplink(bt, &f);
	assert_int_equal(bt_stats(bt, bt_slot(0)).tx_packets, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NT_TEST(ttl_that_runs_out_in_a_flow_in_use_is_told),
		NT_TEST(length_that_lies_in_a_flow_in_use_is_not_translated),
		NT_TEST(port_that_changed_its_network_gets_no_more_of_a_flow_in_use),
	};

	return cmocka_run_group_tests(tests, nt_setup, nt_teardown);
}
