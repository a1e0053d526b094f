// SPDX-License-Identifier: Apache-2.0
/* Where NAT ends: ports, limits, timeouts, and what it refuses and counts. */
#include "nat_frame.h"

#include <errno.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <time.h>
#include <unistd.h>

static void last_port_towards_one_remote_is_counted_as_no_port(void **state)
{
	struct bt *bt = *state;
	struct frame f;

	nt_ports(bt, 1, NT_LOW, NT_LOW + 1);
	from_vm(bt, &f, IPPROTO_UDP, NT_LAN, 8);
	for (uint16_t i = 0; i < 2; i++) {
		udp_port(&f, 5000 + i, 7000);
		expect_way_out(bt, &f);
	}
	udp_port(&f, 5002, 7000);
	expect_drop(bt, &f, ECS_DROP_NAT_NO_PORT);
	assert_int_equal(bt_events(bt), 3); /* the VM's address, the first flow, and this */
	assert_int_equal(bt->event.type, ECS_EVENT_NAT_NO_PORT);
	udp_port(&f, 5002, 7001); /* another remote: the same ports again */
	expect_way_out(bt, &f);
	udp_port(&f, 5000, 7000);
	expect_way_out(bt, &f);
	assert_int_equal(nt_flows(bt), 6);
}

static void flows_find_a_port_beside_a_block_of_forwards(void **state)
{
	struct bt *bt = *state;
	struct frame f;

	for (uint16_t i = 0; i < 700; i++)
		nt_rule(bt, IPPROTO_UDP, NT_LOW + i, 1, "10.77.0.11", 80);
	from_vm(bt, &f, IPPROTO_UDP, NT_LAN, 8);
	for (uint16_t i = 0; i < 100; i++) { /* where they begin to look depends on it */
		udp_port(&f, 30000 + 10 * i, 7000);
		expect_way_out(bt, &f);
	}
	assert_int_equal(bt_drops_total(bt), 0);
	assert_int_equal(nt_flows(bt), 200);
}

/* A flow's two entries become older than any timeout. */
static void age_all(struct bt *bt)
{
	int fd = bpf_map__fd(bt->bpf->maps.ecs_nat_flows);
	struct ecs_nat_key key, *prev = NULL;
	struct ecs_nat_flow flow;

	while (!bpf_map_get_next_key(fd, prev, &key)) {
		prev = &key;
		assert_true(nt_flow_get(bt, &key, &flow));
		flow.seen = 0;
		flow.timeout_s = 1;
		nt_flow_set(bt, &key, &flow);
	}
}

static void port_of_an_expired_flow_is_free(void **state)
{
	struct bt *bt = *state;
	struct frame f;

	nt_ports(bt, 1, NT_LOW, NT_LOW);
	from_vm(bt, &f, IPPROTO_UDP, NT_LAN, 8);
	expect_way_out(bt, &f);
	age_all(bt);
	udp_port(&f, 5001, 7000);
	expect_way_out(bt, &f);
	assert_int_equal(nt_flows(bt), 2);
	assert_int_equal(nt_used(bt, 0).flows, 1);
	assert_int_equal(nt_used(bt, bt_slot(0)).flows, 1);
}

static void port_of_a_closed_flow_is_free_when_no_other_is(void **state)
{
	struct bt *bt = *state;
	struct frame f;

	nt_ports(bt, 1, NT_LOW, NT_LOW);
	from_vm(bt, &f, IPPROTO_TCP, NT_LAN, 20);
	expect_way_out(bt, &f);
	f.data[47] = 4; /* RST */
	expect_way_out(bt, &f);
	f.data[47] = 2;
	udp_port(&f, 5001, 7000);
	expect_way_out(bt, &f);
	assert_int_equal(nt_flows(bt), 2);
	udp_port(&f, 5002, 7000);
	expect_drop(bt, &f, ECS_DROP_NAT_NO_PORT);
}

/* As long as there are others nearby: a closed flow may still have a segment under way. */
static void port_of_a_closed_flow_is_left_to_it_when_others_are_free(void **state)
{
	struct bt *bt = *state;
	struct frame f;

	from_vm(bt, &f, IPPROTO_TCP, NT_LAN, 20);
	udp_port(&f, NT_LOW, 7000);
	expect_way_out(bt, &f);
	f.data[47] = 4; /* RST */
	expect_way_out(bt, &f);
	build(&f, nt_gateway_mac(1), bt->end[1].far_mac, IPPROTO_TCP, "10.77.0.11", NT_LAN, 20);
	udp_port(&f, NT_LOW, 7000);
	assert_int_equal(
		bt_run(bt, bt->bpf->progs.ecs_from_port, bt->end[1].ifindex, NULL, f.data, f.len),
		TC_ACT_REDIRECT);
	assert_int_equal(nt_flows(bt), 4);
}

static void answer_after_the_timeout_is_the_hosts(void **state)
{
	struct bt *bt = *state;
	struct frame f;

	nt_ports(bt, 1, NT_LOW, NT_LOW);
	expect_way_out(bt, from_vm(bt, &f, IPPROTO_UDP, NT_LAN, 8));
	assert_int_equal(run_uplink(bt, answer(bt, &f, IPPROTO_UDP, NT_LOW)), TC_ACT_REDIRECT);
	age_all(bt);
	assert_int_equal(run_uplink(bt, answer(bt, &f, IPPROTO_UDP, NT_LOW)), TC_ACT_UNSPEC);
	assert_int_equal(nt_flows(bt), 0);
	assert_int_equal(nt_used(bt, 0).flows, 0);
}

/* A port scan, and one that is answered but never completed. */
static void half_open_flow_does_not_live_like_an_established_one(void **state)
{
	struct bt *bt = *state;
	struct ecs_nat_flow flow;
	struct ecs_nat_key key;
	struct frame f;

	nt_ports(bt, 1, NT_LOW, NT_LOW);
	expect_way_out(bt, from_vm(bt, &f, IPPROTO_TCP, NT_LAN, 20));
	answer(bt, &f, IPPROTO_TCP, NT_LOW);
	f.data[47] = 0x12; /* SYN, ACK */
	assert_int_equal(run_uplink(bt, &f), TC_ACT_REDIRECT);
	nt_origin(bt, &key, &flow);
	assert_int_equal(flow.state, ECS_NAT_NEW);
	assert_int_equal(flow.timeout_s, 240);
	from_vm(bt, &f, IPPROTO_TCP, NT_LAN, 20);
	f.data[47] = 0x10;
	expect_way_out(bt, &f);
	nt_origin(bt, &key, &flow);
	assert_int_equal(flow.state, ECS_NAT_ESTABLISHED);
	assert_int_equal(flow.timeout_s, 7440);
}

static void set_limit(struct bt *bt, uint32_t limit, uint32_t limit_in)
{
	struct ecs_network network;

	bt_network_get(bt, 1, &network);
	network.nat_limit = limit;
	network.nat_limit_in = limit_in;
	bt_network_set(bt, 1, &network);
}

static void flood_of_one_vm_leaves_the_others_working(void **state)
{
	struct bt *bt = *state;
	struct frame f;

	set_limit(bt, 100, 0);
	from_vm(bt, &f, IPPROTO_TCP, NT_LAN, 20);
	for (uint16_t i = 0; i < 100; i++) {
		udp_port(&f, 1000 + i, 7000);
		expect_way_out(bt, &f);
	}
	for (uint16_t i = 100; i < 110; i++) {
		udp_port(&f, 1000 + i, 7000);
		expect_drop(bt, &f, ECS_DROP_NAT_LIMIT);
	}
	assert_int_equal(bt_events(bt), 3);
	assert_int_equal(bt->event.type, ECS_EVENT_NAT_LIMIT);
	build(&f, nt_gateway_mac(1), bt->end[1].far_mac, IPPROTO_TCP, "10.77.0.11", NT_LAN, 20);
	assert_int_equal(
		bt_run(bt, bt->bpf->progs.ecs_from_port, bt->end[1].ifindex, NULL, f.data, f.len),
		TC_ACT_REDIRECT);
}

/* As after a daemon that was killed while it took flows away. */
static void wrong_count_below_zero_stops_nobody(void **state)
{
	const uint32_t slots[] = {0, bt_slot(0)};
	struct bt *bt = *state;
	struct frame f;

	set_limit(bt, 100, 0);
	for (int i = 0; i < 2; i++) {
		struct ecs_nat_use use = {.flows = (uint32_t)-3, .limit = i ? 0 : 1000};

		bpf_map_update_elem(bpf_map__fd(bt->bpf->maps.ecs_nat_used), &slots[i], &use, 0);
	}
	expect_way_out(bt, from_vm(bt, &f, IPPROTO_UDP, NT_LAN, 8));
	assert_int_equal(bt_drops_total(bt), 0);
}

static void outside_has_a_limit_of_its_own(void **state)
{
	struct bt *bt = *state;
	struct frame f;

	set_limit(bt, 0, 1);
	nt_rule(bt, IPPROTO_UDP, 8080, 1, "10.77.0.10", 80);
	answer(bt, &f, IPPROTO_UDP, 8080);
	assert_int_equal(run_uplink(bt, &f), TC_ACT_REDIRECT);
	udp_port(&f, 7001, 8080);
	assert_int_equal(run_uplink(bt, &f), TC_ACT_SHOT);
	assert_int_equal(bt_drops(bt, BT_UPLINK_SLOT, ECS_DROP_NAT_LIMIT), 1);
	expect_way_out(bt, from_vm(bt, &f, IPPROTO_UDP, NT_LAN, 8));
}

static void full_table_refuses_and_tells(void **state)
{
	struct bt *bt = *state;
	struct frame f;

	nt_limit(bt, 2);
	from_vm(bt, &f, IPPROTO_UDP, NT_LAN, 8);
	for (uint16_t i = 0; i < 2; i++) {
		udp_port(&f, 5000 + i, 7000);
		expect_way_out(bt, &f);
	}
	udp_port(&f, 5002, 7000);
	expect_drop(bt, &f, ECS_DROP_NAT_TABLE_FULL);
	assert_true(bt_events(bt) >= 2);
	assert_int_equal(bt->event.type, ECS_EVENT_NAT_FULL);
	udp_port(&f, 5000, 7000); /* who is in stays in */
	expect_way_out(bt, &f);
}

static void table_that_fills_up_is_told_before_it_refuses(void **state)
{
	struct bt *bt = *state;
	struct frame f;

	nt_limit(bt, 16);
	from_vm(bt, &f, IPPROTO_UDP, NT_LAN, 8);
	for (uint16_t i = 0; i < 14; i++) {
		udp_port(&f, 5000 + i, 7000);
		expect_way_out(bt, &f);
	}
	assert_int_equal(bt_events(bt), 2); /* the VM's address and the first flow */
	udp_port(&f, 5014, 7000);
	expect_way_out(bt, &f);
	assert_int_equal(bt_events(bt), 1);
	assert_int_equal(bt->event.type, ECS_EVENT_NAT_FULL);
	assert_int_equal(bt_drops_total(bt), 0);
}

static void without_an_address_nothing_leaves(void **state)
{
	struct bt *bt = *state;
	struct ecs_network network;
	struct frame f;

	bt_network_get(bt, 1, &network);
	network.nat4_be = 0;
	bt_network_set(bt, 1, &network);
	expect_drop(bt, from_vm(bt, &f, IPPROTO_UDP, NT_LAN, 8), ECS_DROP_NAT_NO_ADDRESS);
}

static void without_an_uplink_nothing_leaves_and_the_host_is_reached(void **state)
{
	struct bt *bt = *state;
	struct ecs_network network;
	struct frame f;

	bt_network_get(bt, 1, &network);
	network.nat_uplink = 0;
	network.nat4_be = 0;
	bt_network_set(bt, 1, &network);
	expect_drop(bt, from_vm(bt, &f, IPPROTO_UDP, NT_LAN, 8), ECS_DROP_NAT_NO_ROUTE);
	expect_drop(bt, from_vm(bt, &f, IPPROTO_UDP, NT_FAR, 8), ECS_DROP_NAT_NO_ROUTE);
	assert_int_equal(nt_flows(bt), 0);
	from_vm(bt, &f, IPPROTO_UDP, NT_UPLINK, 8); /* flooded, for the FDB is empty */
	assert_int_equal(run_vm(bt, &f), TC_ACT_REDIRECT);
}

static void route_by_another_link_is_not_taken(void **state)
{
	struct bt *bt = *state;
	struct frame f;

	bt_ip("route add 198.51.100.0/24 via 10.77.0.99 dev ecs-2");
	expect_drop(bt, from_vm(bt, &f, IPPROTO_UDP, "198.51.100.1", 8), ECS_DROP_NAT_NO_ROUTE);
	bt_ip("route del 198.51.100.0/24");
}

static void unreachable_destination_is_left_to_the_hosts_stack(void **state)
{
	struct bt *bt = *state;
	struct frame f;

	/* To the gateway's address: flooded, for the FDB is empty. */
	assert_int_equal(run_vm(bt, from_vm(bt, &f, IPPROTO_UDP, "198.51.100.1", 8)),
			 TC_ACT_REDIRECT);
	assert_int_equal(nt_flows(bt), 0);
	assert_int_equal(bt_stats(bt, bt_slot(0)).flooded, 1);
}

static void protocol_without_ports_is_refused(void **state)
{
	struct bt *bt = *state;
	struct frame f;

	expect_drop(bt, from_vm(bt, &f, IPPROTO_GRE, NT_LAN, 20), ECS_DROP_NAT_PROTO);
}

static void what_belongs_to_no_flow_is_refused(void **state)
{
	struct bt *bt = *state;
	struct frame f;

	from_vm(bt, &f, IPPROTO_TCP, NT_LAN, 20);
	f.data[47] = 4; /* RST */
	expect_drop(bt, &f, ECS_DROP_NAT_UNSOLICITED);
	from_vm(bt, &f, IPPROTO_ICMP, NT_LAN, 8);
	f.data[34] = 0; /* echo reply */
	expect_drop(bt, &f, ECS_DROP_NAT_UNSOLICITED);
	assert_int_equal(nt_flows(bt), 0);
}

static void fragment_without_its_first_is_refused(void **state)
{
	struct bt *bt = *state;
	struct frame f;

	from_vm(bt, &f, IPPROTO_UDP, NT_LAN, 8);
	put16(f.data + 20, 0x0010);
	seal_ip(f.data + 14);
	expect_drop(bt, &f, ECS_DROP_NAT_FRAGMENT);
	build(&f, bt->end[BT_LAN].mac, bt->end[BT_LAN].far_mac, IPPROTO_UDP, NT_LAN, NT_UPLINK, 8);
	put16(f.data + 20, 0x0010);
	seal_ip(f.data + 14);
	assert_int_equal(run_uplink(bt, &f), TC_ACT_UNSPEC); /* the host's, for all we know */
}

/* An identifier is used again (RFC 4787 section 11): ports are good for one datagram. */
static void fragment_long_after_its_first_is_refused(void **state)
{
	struct bt *bt = *state;
	int fd = bpf_map__fd(bt->bpf->maps.ecs_nat_fragments);
	struct ecs_nat_fragment_key key;
	struct ecs_nat_fragment first;
	struct frame f;

	from_vm(bt, &f, IPPROTO_UDP, NT_LAN, 8);
	put16(f.data + 20, 0x2000);
	seal_ip(f.data + 14);
	expect_way_out(bt, &f);
	put16(f.data + 20, 0x0001);
	seal_ip(f.data + 14);
	expect_way_out(bt, &f);
	assert_int_equal(bpf_map_get_next_key(fd, NULL, &key), 0);
	assert_int_equal(bpf_map_lookup_elem(fd, &key, &first), 0);
	first.seen -= 31;
	assert_int_equal(bpf_map_update_elem(fd, &key, &first, BPF_EXIST), 0);
	expect_drop(bt, &f, ECS_DROP_NAT_FRAGMENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NT_TEST(last_port_towards_one_remote_is_counted_as_no_port),
		NT_TEST(flows_find_a_port_beside_a_block_of_forwards),
		NT_TEST(port_of_an_expired_flow_is_free),
		NT_TEST(port_of_a_closed_flow_is_free_when_no_other_is),
		NT_TEST(port_of_a_closed_flow_is_left_to_it_when_others_are_free),
		NT_TEST(answer_after_the_timeout_is_the_hosts),
		NT_TEST(half_open_flow_does_not_live_like_an_established_one),
		NT_TEST(flood_of_one_vm_leaves_the_others_working),
		NT_TEST(wrong_count_below_zero_stops_nobody),
		NT_TEST(outside_has_a_limit_of_its_own),
		NT_TEST(full_table_refuses_and_tells),
		NT_TEST(table_that_fills_up_is_told_before_it_refuses),
		NT_TEST(without_an_address_nothing_leaves),
		NT_TEST(without_an_uplink_nothing_leaves_and_the_host_is_reached),
		NT_TEST(route_by_another_link_is_not_taken),
		NT_TEST(unreachable_destination_is_left_to_the_hosts_stack),
		NT_TEST(protocol_without_ports_is_refused),
		NT_TEST(what_belongs_to_no_flow_is_refused),
		NT_TEST(fragment_without_its_first_is_refused),
		NT_TEST(fragment_long_after_its_first_is_refused),
	};

	return cmocka_run_group_tests(tests, nt_setup, nt_teardown);
}
