// SPDX-License-Identifier: Apache-2.0
/*
 * Who becomes a port and what is done about it: desired.c and plan.c, which make no system
 * call, on links that exist only here.
 */
#include "plan_world.h"

static void a_matching_tap_becomes_a_port(void **state)
{
	struct world *w = *state;

	configure(w, "network add lan\nmatch add vnet* network lan\n");
	appear(w, 7, "vnet0", "tap");
	turn(w);
	assert_non_null(ecs_state_port_get(&w->have, 7));
	assert_non_null(find(w, ECS_OP_PORT_SET, 7));
	assert_non_null(find(w, ECS_OP_FLOOD_SET, 7));
	assert_int_equal(find(w, ECS_OP_FILTER_SET, 7)->prog, ECS_PROG_FROM_PORT);
}

static void a_second_turn_does_nothing(void **state)
{
	struct world *w = *state;

	configure(w, "network add lan uplink eth0\nmatch add vnet* network lan\n"
		     "network add red uplink eth0 vlan 5\npatch add p0 p1\nfdb add "
		     "02:00:00:00:00:99 vnet0\n");
	appear(w, 2, "eth0", "");
	appear(w, 7, "vnet0", "tap");
	appear(w, 8, "p0", "tap");
	appear(w, 9, "p1", "tap");
	turn(w);
	assert_true(w->plan.count > 10);
	turn(w);
	assert_int_equal(w->plan.count, 0);
}

static void programs_come_after_the_maps(void **state)
{
	struct world *w = *state;
	bool attached = false;

	configure(w, "network add lan uplink eth0\nmatch add vnet* network lan\n");
	appear(w, 2, "eth0", "");
	appear(w, 7, "vnet0", "tap");
	turn(w);
	for (size_t i = 0; i < w->plan.count; i++) {
		enum ecs_op_verb verb = w->plan.ops[i].verb;

		attached |= verb == ECS_OP_FILTER_SET;
		if (attached)
			assert_true(verb >= ECS_OP_PROMISC_ON);
	}
	assert_true(attached);
}

static void a_link_with_a_master_waits(void **state)
{
	struct world *w = *state;
	struct ecs_link link = link_of(7, "vnet0", "tap");

	configure(w, "network add lan\nmatch add vnet* network lan\n");
	appear(w, 3, "br0", "bridge");
	link.master = 3;
	ecs_observed_link_set(&w->observed, &link);
	turn(w);
	assert_null(ecs_state_port_get(&w->have, 7));
	assert_non_null(strstr(reason(w, "vnet0"), "br0"));
}

static void a_veth_with_its_peer_here_waits(void **state)
{
	struct world *w = *state;
	struct ecs_link link = link_of(7, "veth0", "veth");

	configure(w, "network add lan\nmatch add veth* network lan\n");
	link.peer_elsewhere = false;
	link.peer = 8;
	ecs_observed_link_set(&w->observed, &link);
	turn(w);
	assert_null(ecs_state_port_get(&w->have, 7));
	link.peer_elsewhere = true;
	ecs_observed_link_set(&w->observed, &link);
	turn(w);
	assert_non_null(ecs_state_port_get(&w->have, 7));
	assert_true(ecs_state_port_get(&w->have, 7)->port.flags & ECS_PORT_PEER);
}

static void both_ends_of_a_veth_pair_are_never_ports(void **state)
{
	struct world *w = *state;
	struct ecs_link a = link_of(7, "va", "veth"), b = link_of(8, "vb", "veth");

	configure(w, "network add lan\nport add va network lan\nport add vb network lan\n");
	a.peer_elsewhere = b.peer_elsewhere = false;
	a.peer = 8;
	b.peer = 7;
	ecs_observed_link_set(&w->observed, &a);
	ecs_observed_link_set(&w->observed, &b);
	turn(w);
	assert_non_null(ecs_state_port_get(&w->have, 7));
	assert_null(ecs_state_port_get(&w->have, 8));
	assert_non_null(strstr(reason(w, "vb"), "va"));
}

static void a_link_with_an_address_is_not_matched(void **state)
{
	struct world *w = *state;
	struct ecs_addr addr = {.ifindex = 7, .scope = RT_SCOPE_UNIVERSE};

	configure(w, "network add lan\nmatch add tap* network lan\n");
	appear(w, 7, "tap0", "tap");
	ecs_observed_addr_add(&w->observed, &addr);
	turn(w);
	assert_null(ecs_state_port_get(&w->have, 7));
}

static void the_first_match_decides(void **state)
{
	struct world *w = *state;

	configure(w, "network add a\nnetwork add b\nmatch add tap1* network a\nmatch add tap* "
		     "network b\n");
	appear(w, 7, "tap10", "tap");
	appear(w, 8, "tap20", "tap");
	turn(w);
	assert_int_equal(ecs_state_port_get(&w->have, 7)->port.network,
			 ecs_state_network_id(&w->have, "a"));
	assert_int_equal(ecs_state_port_get(&w->have, 8)->port.network,
			 ecs_state_network_id(&w->have, "b"));
}

static void a_reused_ifindex_leaves_no_trace_of_the_old_port(void **state)
{
	struct world *w = *state;
	const struct ecs_op *set;

	configure(w, "network add lan\nmatch add tap* network lan\n");
	appear(w, 7, "tap0", "tap");
	turn(w);
	appear(w, 7, "tap9", "tap");
	turn(w);
	assert_non_null(find(w, ECS_OP_FDB_FLUSH_PORT, 7));
	assert_non_null(find(w, ECS_OP_SLOT_CLEAR, 7));
	set = find(w, ECS_OP_PORT_SET, 7);
	assert_string_equal(set->port.name, "tap9");
	assert_true(find(w, ECS_OP_FDB_FLUSH_PORT, 7) < set);
}

static void a_gone_link_is_removed_without_touching_its_hooks(void **state)
{
	struct world *w = *state;

	configure(w, "network add lan\nmatch add tap* network lan\n");
	appear(w, 7, "tap0", "tap");
	turn(w);
	ecs_observed_link_del(&w->observed, 7);
	turn(w);
	assert_non_null(find(w, ECS_OP_PORT_DEL, 7));
	assert_non_null(find(w, ECS_OP_FLOOD_CLEAR, 7));
	assert_non_null(find(w, ECS_OP_FDB_FLUSH_PORT, 7));
	assert_int_equal(count(w, ECS_OP_FILTER_DEL), 0);
	assert_int_equal(w->have.port_count, 0);
}

static void ports_keep_their_places_when_others_go(void **state)
{
	struct world *w = *state;
	uint32_t place;

	configure(w, "network add lan\nmatch add tap* network lan\n");
	appear(w, 7, "tap0", "tap");
	appear(w, 8, "tap1", "tap");
	turn(w);
	place = ecs_state_port_get(&w->have, 8)->place;
	ecs_observed_link_del(&w->observed, 7);
	turn(w);
	assert_int_equal(ecs_state_port_get(&w->have, 8)->place, place);
	assert_int_equal(count(w, ECS_OP_FLOOD_SET), 0);
	appear(w, 9, "tap2", "tap");
	turn(w);
	assert_int_equal(ecs_state_port_get(&w->have, 9)->place, 0);
	assert_int_equal(w->have.networks[1].flood_len, 2);
}

static void a_vlan_is_an_entry_of_its_own(void **state)
{
	struct world *w = *state;
	bool found = false;

	configure(w, "network add red uplink eth0 vlan 5\n");
	appear(w, 2, "eth0", "");
	turn(w);
	for (size_t i = 0; i < w->plan.count; i++)
		found |= w->plan.ops[i].verb == ECS_OP_PORT_SET && w->plan.ops[i].key.vid == 5 &&
			 w->plan.ops[i].port.network == 1;
	assert_true(found);
	assert_int_equal(ecs_state_port_get(&w->have, 2)->port.network, 0);
	configure(w, "network set red vlan 6\n");
	turn(w);
	found = false;
	for (size_t i = 0; i < w->plan.count; i++)
		found |= w->plan.ops[i].verb == ECS_OP_PORT_DEL && w->plan.ops[i].key.vid == 5;
	assert_true(found);
}

static void a_vlan_follows_its_uplink(void **state)
{
	struct world *w = *state;
	struct ecs_link link = link_of(7, "eth0", "");
	uint32_t mtu = 0;

	configure(w, "network add dmz uplink eth0 vlan 5\n");
	ecs_observed_link_set(&w->observed, &link);
	turn(w);
	link.mtu = 9000;
	ecs_observed_link_set(&w->observed, &link);
	turn(w);
	for (size_t i = 0; i < w->plan.count; i++)
		if (w->plan.ops[i].verb == ECS_OP_PORT_SET && w->plan.ops[i].key.vid == 5)
			mtu = w->plan.ops[i].port.mtu;
	assert_int_equal(mtu, 9000);
}

static void a_vlan_is_no_way_out_of_nat(void **state)
{
	struct world *w = *state;
	bool seen = false;

	configure(w, "network add dmz uplink eth0 vlan 5\n"
		     "network add vms uplink eth0 gateway 10.0.0.1/24 nat\n");
	appear(w, 7, "eth0", "");
	turn(w);
	for (size_t i = 0; i < w->plan.count; i++) {
		const struct ecs_op *op = &w->plan.ops[i];

		if (op->verb != ECS_OP_PORT_SET || op->ifindex != 7)
			continue;
		seen |= op->key.vid == 5;
		assert_int_equal(!(op->port.flags & ECS_PORT_NAT), op->key.vid == 5);
	}
	assert_true(seen);
}

static void a_port_that_changes_its_network_gets_a_place_there(void **state)
{
	struct world *w = *state;

	configure(w, "network add a\nnetwork add b\nport add tap0 network a\n"
		     "port add tap1 network b\n");
	appear(w, 7, "tap0", "tap");
	appear(w, 8, "tap1", "tap");
	turn(w);
	configure(w, "port set tap0 network b\n");
	turn(w);
	assert_int_not_equal(ecs_state_port_get(&w->have, 7)->place,
			     ecs_state_port_get(&w->have, 8)->place);
}

static void lro_that_we_switched_off_comes_back(void **state)
{
	struct world *w = *state;

	configure(w, "network add lan uplink eth0\n");
	appear(w, 7, "eth0", "");
	turn(w);
	ecs_state_port_get(&w->have, 7)->port.flags |= ECS_PORT_OWN_LRO;
	configure(w, "network del lan\n");
	turn(w);
	assert_non_null(find(w, ECS_OP_LRO_ON, 7));
}

static void a_patch_waits_for_its_second_end(void **state)
{
	struct world *w = *state;

	configure(w, "patch add p0 p1\n");
	appear(w, 7, "p0", "tap");
	turn(w);
	assert_int_equal(count(w, ECS_OP_PATCH_SET), 0);
	assert_non_null(reason(w, "p1"));
	appear(w, 8, "p1", "tap");
	turn(w);
	assert_int_equal(count(w, ECS_OP_PATCH_SET), 2);
	assert_int_equal(find(w, ECS_OP_PATCH_SET, 7)->patch.ifindex, 8);
	ecs_observed_link_del(&w->observed, 8);
	turn(w);
	assert_non_null(find(w, ECS_OP_PATCH_DEL, 7));
}

static void a_oneway_patch_attaches_to_one_end(void **state)
{
	struct world *w = *state;

	configure(w, "patch add p0 p1 oneway\n");
	appear(w, 7, "p0", "tap");
	appear(w, 8, "p1", "tap");
	turn(w);
	assert_non_null(find(w, ECS_OP_FILTER_SET, 7));
	assert_null(find(w, ECS_OP_FILTER_SET, 8));
}

static void the_uplinks_address_is_the_hosts(void **state)
{
	struct world *w = *state;
	struct ecs_fdb_key key = {.network = 1, .mac = {2, 0, 0, 0, 0, 2}};

	configure(w, "network add lan uplink eth0\n");
	appear(w, 2, "eth0", "");
	turn(w);
	assert_int_equal(ecs_state_fdb_get(&w->have, &key)->flags, ECS_FDB_HOST);
}

static void a_deleted_network_is_flushed_before_its_id_is_taken(void **state)
{
	struct world *w = *state;

	configure(w, "network add a\n");
	turn(w);
	configure(w, "network del a\nnetwork add b\n");
	turn(w);
	assert_int_equal(count(w, ECS_OP_FDB_FLUSH_NETWORK), 1);
	assert_int_equal(ecs_state_network_id(&w->have, "b"), 2);
}

static void a_dirty_port_is_done_again(void **state)
{
	struct world *w = *state;

	configure(w, "network add lan\nmatch add tap* network lan\n");
	appear(w, 7, "tap0", "tap");
	turn(w);
	ecs_state_port_get(&w->have, 7)->dirty = true;
	turn(w);
	assert_non_null(find(w, ECS_OP_PORT_SET, 7));
	assert_non_null(find(w, ECS_OP_FILTER_SET, 7));
	assert_int_equal(count(w, ECS_OP_FDB_FLUSH_PORT), 0);
}

static void the_1025th_port_of_a_network_waits(void **state)
{
	struct world *w = *state;
	char name[16];

	configure(w, "network add lan\nmatch add tap* network lan\n");
	for (uint32_t i = 0; i <= ECS_NETWORK_PORTS_MAX; i++) {
		snprintf(name, sizeof(name), "tap%u", i);
		appear(w, 10 + i, name, "tap");
	}
	turn(w);
	assert_int_equal(w->have.port_count, ECS_NETWORK_PORTS_MAX);
	assert_int_equal(w->have.waiting_count, 1);
	assert_non_null(strstr(w->have.waiting[0].reason, "full"));
	for (size_t i = 1; i < w->have.port_count; i++)
		assert_int_not_equal(w->have.ports[i].port.slot, w->have.ports[i - 1].port.slot);
}

static void an_uplink_hangs_on_tcx_where_there_is_tcx(void **state)
{
	struct world *w = *state;

	configure(w, "network add lan uplink eth0\n");
	appear(w, 2, "eth0", "");
	w->have.tcx = true;
	turn(w);
	assert_int_equal(count(w, ECS_OP_TCX_SET), 2);
	assert_int_equal(count(w, ECS_OP_CLSACT_ADD), 0);
	turn(w);
	assert_int_equal(w->plan.count, 0);
	ecs_observed_link_del(&w->observed, 2);
	turn(w);
	assert_int_equal(count(w, ECS_OP_TCX_DEL), 2);
}

static void a_port_that_becomes_an_uplink_leaves_clsact(void **state)
{
	struct world *w = *state;

	configure(w, "network add lan\nport add eth0 network lan\n");
	appear(w, 2, "eth0", "");
	w->have.tcx = true;
	turn(w);
	ecs_state_port_get(&w->have, 2)->port.flags |= ECS_PORT_OWN_CLSACT;
	configure(w, "port del eth0\nnetwork set lan uplink eth0\n");
	turn(w);
	assert_int_equal(count(w, ECS_OP_FILTER_DEL), 1);
	assert_int_equal(count(w, ECS_OP_CLSACT_DEL), 1);
	assert_int_equal(count(w, ECS_OP_TCX_SET), 2);
	assert_false(ecs_state_port_get(&w->have, 2)->port.flags & ECS_PORT_OWN_CLSACT);
}

static void set_promisc(struct world *w, uint32_t ifindex, bool on)
{
	struct ecs_link link = *ecs_observed_by_index(&w->observed, ifindex);

	link.flags = on ? link.flags | IFF_PROMISC : link.flags & ~IFF_PROMISC;
	ecs_observed_link_set(&w->observed, &link);
}

static void promiscuity_is_remembered_as_ours(void **state)
{
	struct world *w = *state;

	configure(w, "network add lan uplink eth0\n");
	appear(w, 2, "eth0", "");
	turn(w);
	assert_int_equal(count(w, ECS_OP_PROMISC_ON), 1);
	turn(w);
	assert_int_equal(w->plan.count, 0);
	configure(w, "network del lan\n");
	turn(w);
	assert_int_equal(count(w, ECS_OP_PROMISC_OFF), 1);
}

/* Somebody turned it off, or the daemon was killed before it turned it on. */
static void promiscuity_that_is_missing_comes_back(void **state)
{
	struct world *w = *state;

	configure(w, "network add lan uplink eth0\n");
	appear(w, 2, "eth0", "");
	set_promisc(w, 2, true);
	turn(w);
	assert_int_equal(count(w, ECS_OP_PROMISC_ON), 0);
	for (int i = 0; i < 2; i++) {
		set_promisc(w, 2, false);
		turn(w);
		assert_int_equal(count(w, ECS_OP_PROMISC_ON), 1);
	}
}

static void promiscuity_ends_when_the_uplink_is_only_the_way_out_of_nat(void **state)
{
	struct world *w = *state;

	configure(w, "network add lan uplink eth0\n");
	appear(w, 2, "eth0", "");
	turn(w);
	configure(w, "network set lan gateway 10.0.0.1/24 nat\n");
	turn(w);
	assert_int_equal(count(w, ECS_OP_PROMISC_OFF), 1);
	assert_false(ecs_state_port_get(&w->have, 2)->port.flags & ECS_PORT_OWN_PROMISC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_matching_tap_becomes_a_port),
		T(a_second_turn_does_nothing),
		T(programs_come_after_the_maps),
		T(a_link_with_a_master_waits),
		T(a_veth_with_its_peer_here_waits),
		T(both_ends_of_a_veth_pair_are_never_ports),
		T(a_link_with_an_address_is_not_matched),
		T(the_first_match_decides),
		T(a_reused_ifindex_leaves_no_trace_of_the_old_port),
		T(a_gone_link_is_removed_without_touching_its_hooks),
		T(ports_keep_their_places_when_others_go),
		T(a_vlan_is_an_entry_of_its_own),
		T(a_vlan_follows_its_uplink),
		T(a_vlan_is_no_way_out_of_nat),
		T(a_port_that_changes_its_network_gets_a_place_there),
		T(lro_that_we_switched_off_comes_back),
		T(a_patch_waits_for_its_second_end),
		T(a_oneway_patch_attaches_to_one_end),
		T(the_uplinks_address_is_the_hosts),
		T(a_deleted_network_is_flushed_before_its_id_is_taken),
		T(a_dirty_port_is_done_again),
		T(the_1025th_port_of_a_network_waits),
		T(an_uplink_hangs_on_tcx_where_there_is_tcx),
		T(a_port_that_becomes_an_uplink_leaves_clsact),
		T(promiscuity_is_remembered_as_ours),
		T(promiscuity_that_is_missing_comes_back),
		T(promiscuity_ends_when_the_uplink_is_only_the_way_out_of_nat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
