// SPDX-License-Identifier: Apache-2.0
/*
 * Gateways and NAT: what desired.c wants of them and what plan.c does about it, on links that
 * exist only here.
 */
#include "plan_world.h"

#include <arpa/inet.h>

/* The pair of network vms as the kernel would show it, new and down. */
static void pair_appears(struct world *w, uint32_t host, uint32_t port)
{
	struct ecs_link link = link_of(host, "ecs-vms", "veth");

	link.peer_elsewhere = false;
	link.flags = 0;
	link.peer = port;
	ecs_observed_link_set(&w->observed, &link);
	link = link_of(port, "ecp-vms", "veth");
	link.peer_elsewhere = false;
	link.flags = 0;
	link.peer = host;
	ecs_observed_link_set(&w->observed, &link);
}

static void set_up(struct world *w, uint32_t ifindex)
{
	struct ecs_link link = *ecs_observed_by_index(&w->observed, ifindex);

	link.flags = IFF_UP;
	ecs_observed_link_set(&w->observed, &link);
}

static void addr_appears(struct world *w, uint32_t ifindex, uint8_t last, uint8_t len)
{
	struct ecs_addr addr = {.ifindex = ifindex,
				.family = AF_INET,
				.prefix_len = len,
				.scope = RT_SCOPE_UNIVERSE,
				.addr = {10, 77, 0, last}};

	ecs_observed_addr_add(&w->observed, &addr);
}

/* A gateway that is complete. */
static void gateway_new(struct world *w)
{
	configure(w, "network add vms gateway 10.77.0.1/24\n");
	pair_appears(w, 5, 6);
	set_up(w, 5);
	set_up(w, 6);
	addr_appears(w, 5, 1, 24);
	turn(w);
	turn(w);
}

static void a_gateway_is_made_once_and_completed_when_it_is_seen(void **state)
{
	struct world *w = *state;

	configure(w, "network add vms gateway 10.77.0.1/24\n");
	turn(w);
	assert_int_equal(count(w, ECS_OP_GATEWAY_ADD), 1);
	assert_int_equal(count(w, ECS_OP_ADDR_ADD), 0);
	pair_appears(w, 5, 6);
	turn(w);
	assert_int_equal(count(w, ECS_OP_GATEWAY_ADD), 0);
	assert_int_equal(count(w, ECS_OP_ADDR_ADD), 1);
	assert_int_equal(count(w, ECS_OP_LINK_UP), 2);
	assert_int_equal(find(w, ECS_OP_PORT_SET, 6)->port.role, ECS_ROLE_HOST);
	assert_int_equal(find(w, ECS_OP_FILTER_SET, 6)->prog, ECS_PROG_FROM_PORT);
	assert_null(ecs_state_port_get(&w->have, 5));
	set_up(w, 5);
	set_up(w, 6);
	addr_appears(w, 5, 1, 24);
	turn(w);
	assert_int_equal(w->plan.count, 0);
}

static void the_gateways_address_is_static_on_its_port(void **state)
{
	struct world *w = *state;
	struct ecs_fdb_key key = {.network = 1, .mac = {2, 0, 0, 0, 0, 5}};

	gateway_new(w);
	assert_int_equal(ecs_state_fdb_get(&w->have, &key)->ifindex, 6);
}

static void a_gateway_goes_with_its_network(void **state)
{
	struct world *w = *state;

	gateway_new(w);
	configure(w, "network del vms\n");
	turn(w);
	assert_int_equal(count(w, ECS_OP_GATEWAY_DEL), 1);
	assert_non_null(find(w, ECS_OP_FILTER_DEL, 6));
	assert_non_null(find(w, ECS_OP_PORT_DEL, 6));
}

static void a_gateway_that_went_away_is_made_again_with_its_mac(void **state)
{
	struct world *w = *state;

	gateway_new(w);
	ecs_observed_link_del(&w->observed, 5);
	ecs_observed_link_del(&w->observed, 6);
	turn(w);
	assert_int_equal(count(w, ECS_OP_GATEWAY_DEL), 0);
	assert_int_equal(count(w, ECS_OP_GATEWAY_ADD), 1);
	for (size_t i = 0; i < w->plan.count; i++)
		if (w->plan.ops[i].verb == ECS_OP_GATEWAY_ADD)
			assert_int_equal(w->plan.ops[i].gateway.host_mac[5], 5);
}

static void a_renamed_gateway_is_replaced(void **state)
{
	struct world *w = *state;
	struct ecs_link link;

	gateway_new(w);
	link = *ecs_observed_by_index(&w->observed, 5);
	strcpy(link.name, "other");
	ecs_observed_link_set(&w->observed, &link);
	turn(w);
	assert_int_equal(count(w, ECS_OP_GATEWAY_DEL), 1);
	assert_int_equal(count(w, ECS_OP_GATEWAY_ADD), 1);
	assert_null(ecs_state_port_get(&w->have, 6));
}

static void a_strangers_link_of_the_name_is_left_alone(void **state)
{
	struct world *w = *state;

	configure(w, "network add vms gateway 10.77.0.1/24\n");
	appear(w, 5, "ecs-vms", "bridge");
	turn(w);
	assert_int_equal(count(w, ECS_OP_GATEWAY_ADD), 0);
	assert_int_equal(count(w, ECS_OP_GATEWAY_DEL), 0);
	assert_non_null(strstr(reason(w, "ecs-vms"), "rename"));
}

static void a_new_address_replaces_ours_and_no_other(void **state)
{
	struct world *w = *state;

	gateway_new(w);
	addr_appears(w, 5, 99, 24);
	configure(w, "network set vms gateway 10.77.0.2/24\n");
	turn(w);
	assert_int_equal(count(w, ECS_OP_ADDR_DEL), 1);
	assert_int_equal(count(w, ECS_OP_ADDR_ADD), 1);
	for (size_t i = 0; i < w->plan.count; i++)
		if (w->plan.ops[i].verb == ECS_OP_ADDR_DEL)
			assert_int_equal(w->plan.ops[i].addr.addr[3], 1);
}

static void no_match_adopts_the_hosts_end(void **state)
{
	struct world *w = *state;

	gateway_new(w);
	configure(w, "match add ec* network vms\n");
	turn(w);
	assert_null(ecs_state_port_get(&w->have, 5));
	assert_null(reason(w, "ecs-vms"));
}

/* A NAT network behind eth0 (ifindex 2, address 10.77.0.@last), one VM at ifindex 7. */
static void nat_new(struct world *w, uint8_t last)
{
	configure(w, "network add vms uplink eth0 gateway 10.77.1.1/24 nat\n"
		     "match add vnet* network vms\n");
	appear(w, 2, "eth0", "");
	appear(w, 7, "vnet0", "tap");
	addr_appears(w, 2, last, 24);
	turn(w);
}

static uint32_t be(uint8_t last)
{
	return htonl(10u << 24 | 77 << 16 | last);
}

static void the_uplink_of_nat_is_only_the_way_out(void **state)
{
	struct world *w = *state;
	const struct ecs_network *net;

	nat_new(w, 9);
	net = &w->have.networks[1];
	assert_int_equal(net->uplink, 0);
	assert_int_equal(net->nat_uplink, 2);
	assert_int_equal(net->nat4_be, be(9));
	assert_int_equal(net->flags, ECS_NETWORK_NAT4);
	assert_int_equal(ecs_state_port_get(&w->have, 2)->port.network, 0);
	assert_true(ecs_state_port_get(&w->have, 2)->port.flags & ECS_PORT_NAT);
	assert_true(ecs_state_port_get(&w->have, 7)->port.flags & ECS_PORT_NAT);
	assert_int_equal(count(w, ECS_OP_PROMISC_ON), 0);
}

/* Else the host, which forwards from the gateway's link, would carry its packets as they are. */
static void nat_holds_for_a_network_whose_uplink_is_away(void **state)
{
	struct world *w = *state;

	nat_new(w, 9);
	configure(w, "network set vms gateway6 fd77::1/64 nat66\n");
	ecs_observed_link_del(&w->observed, 2);
	turn(w);
	assert_int_equal(w->have.networks[1].nat_uplink, 0);
	assert_int_equal(w->have.networks[1].flags, ECS_NETWORK_NAT4 | ECS_NETWORK_NAT6);
	assert_int_equal(ecs_state_port_get(&w->have, 7)->port.flags &
				 (ECS_PORT_NAT | ECS_PORT_NAT6),
			 ECS_PORT_NAT | ECS_PORT_NAT6);
}

static void the_host_routes_for_the_gateway_of_a_nat_network_alone(void **state)
{
	struct world *w = *state;
	const struct ecs_op *op;

	gateway_new(w);
	assert_int_equal(count(w, ECS_OP_GATEWAY_ROUTE), 0);
	configure(w, "network del vms\nnetwork add vms uplink eth0 gateway 10.77.0.1/24 nat\n");
	turn(w);
	op = find(w, ECS_OP_GATEWAY_ROUTE, 0);
	assert_int_equal(count(w, ECS_OP_GATEWAY_ROUTE), 1);
	assert_int_equal(op->family, ECS_GATEWAY_IPV4);
	assert_true(op->gateway.routes[ECS_GATEWAY_IPV4]);
	turn(w);
	assert_int_equal(count(w, ECS_OP_GATEWAY_ROUTE), 0);
	w->have.gateways[1].routes[ECS_GATEWAY_IPV4] = false; /* as after a notification */
	turn(w);
	assert_int_equal(count(w, ECS_OP_GATEWAY_ROUTE), 1);
	configure(w, "network del vms\nnetwork add vms gateway 10.77.0.1/24\n");
	turn(w);
	op = find(w, ECS_OP_GATEWAY_ROUTE, 0);
	assert_false(op->gateway.routes[ECS_GATEWAY_IPV4]);
}

static void many_nat_networks_and_a_bridged_one_share_an_uplink(void **state)
{
	struct world *w = *state;

	nat_new(w, 9);
	configure(w, "network add red uplink eth0 gateway 10.77.1.1/24 nat\n"
		     "network add lan uplink eth0\n");
	turn(w);
	assert_int_equal(w->have.networks[2].nat_uplink, 2);
	assert_int_equal(w->have.networks[3].uplink, 2);
	assert_int_equal(ecs_state_port_get(&w->have, 2)->port.network, 3);
	turn(w);
	/* Only the gateways, which nobody makes here, are still to be made. */
	assert_int_equal(w->plan.count, 2);
}

static void nat_moves_to_a_new_address_and_ends_the_old_flows(void **state)
{
	struct world *w = *state;

	nat_new(w, 9);
	configure(w, "nat forward add tcp 8080-8081 to 10.77.1.10:80 network vms\n");
	turn(w);
	assert_int_equal(count(w, ECS_OP_NAT_RULE_SET), 2);
	ecs_observed_clear_addrs(&w->observed);
	addr_appears(w, 2, 8, 24);
	turn(w);
	assert_int_equal(w->have.networks[1].nat4_be, be(8));
	assert_int_equal(count(w, ECS_OP_NAT_END_NETWORK), 1);
	assert_int_equal(count(w, ECS_OP_NAT_RULE_DEL), 2);
	assert_int_equal(count(w, ECS_OP_NAT_RULE_SET), 2);
}

static void nat_stays_at_its_address_while_that_is_there(void **state)
{
	struct world *w = *state;

	nat_new(w, 9);
	ecs_observed_clear_addrs(&w->observed);
	addr_appears(w, 2, 8, 24);
	addr_appears(w, 2, 9, 24);
	turn(w);
	assert_int_equal(w->have.networks[1].nat4_be, be(9));
	assert_int_equal(count(w, ECS_OP_NAT_END_NETWORK), 0);
}

static void addr6_appears(struct world *w, uint8_t last, bool usable, bool temporary)
{
	struct ecs_addr addr = {.ifindex = 2,
				.family = AF_INET6,
				.prefix_len = 64,
				.scope = RT_SCOPE_UNIVERSE,
				.usable = usable,
				.temporary = temporary,
				.addr = {0x20, 1, 0x0d, 0xb8, [15] = last}};

	ecs_observed_addr_add(&w->observed, &addr);
}

static void nat66_takes_a_usable_address_and_moves_alone(void **state)
{
	struct world *w = *state;
	const struct ecs_network *net;

	nat_new(w, 9);
	configure(w, "network set vms gateway6 fd77::1/64 nat66\n");
	addr6_appears(w, 1, false, false);
	turn(w);
	net = &w->have.networks[1];
	assert_int_equal(net->flags, ECS_NETWORK_NAT4 | ECS_NETWORK_NAT6);
	assert_int_equal(net->nat6[15], 0);
	assert_true(ecs_state_port_get(&w->have, 2)->port.flags & ECS_PORT_NAT6);
	assert_true(ecs_state_port_get(&w->have, 7)->port.flags & ECS_PORT_NAT6);
	addr6_appears(w, 2, true, true);
	addr6_appears(w, 3, true, false);
	turn(w);
	assert_int_equal(net->nat6[15], 3);
	assert_int_equal(count(w, ECS_OP_NAT_END_NETWORK), 0);
	ecs_observed_clear_addrs(&w->observed);
	addr_appears(w, 2, 9, 24);
	addr6_appears(w, 2, true, true);
	addr6_appears(w, 3, false, false);
	turn(w);
	assert_int_equal(net->nat6[15], 2);
	assert_int_equal(count(w, ECS_OP_NAT_END_NETWORK), 1);
	assert_int_equal(find(w, ECS_OP_NAT_END_NETWORK, 0)->family, ECS_GATEWAY_IPV6);
	assert_int_equal(net->nat4_be, be(9));
}

static void a_forward_is_a_rule_for_each_port(void **state)
{
	struct world *w = *state;
	struct ecs_state_rule_key key = {
		.family = AF_INET, .port_be = htons(8082), .proto = IPPROTO_TCP};
	__be32 addr_be = be(9);

	memcpy(key.addr, &addr_be, sizeof(addr_be));
	nat_new(w, 9);
	configure(w, "nat forward add tcp 8080-8089 to 10.77.1.10:80 network vms\n");
	turn(w);
	assert_int_equal(w->have.rule_count, 10);
	assert_int_equal(ecs_state_rule_get(&w->have, &key)->inside_port_be, htons(82));
	assert_int_equal(count(w, ECS_OP_RESERVE), 1);
	configure(w, "nat forward del tcp 8080-8089 network vms\n");
	turn(w);
	assert_int_equal(count(w, ECS_OP_NAT_RULE_DEL), 10);
}

static void nat_ports_are_beside_those_of_sockets(void **state)
{
	struct world *w = *state;

	w->observed.local_ports = (struct ecs_ports){32768, 60999};
	nat_new(w, 9);
	assert_int_equal(w->have.networks[1].nat_port_high, 32767);
	w->observed.local_ports = (struct ecs_ports){1024, 40000};
	turn(w);
	assert_int_equal(w->have.networks[1].nat_port_low, 40001);
	assert_int_equal(w->have.networks[1].nat_port_high, 65535);
	assert_int_equal(count(w, ECS_OP_NAT_END_NETWORK), 0);
}

static void flows_of_a_port_that_goes_are_ended(void **state)
{
	struct world *w = *state;

	nat_new(w, 9);
	ecs_observed_link_del(&w->observed, 7);
	turn(w);
	assert_non_null(find(w, ECS_OP_NAT_END_PORT, 7));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_gateway_is_made_once_and_completed_when_it_is_seen),
		T(the_gateways_address_is_static_on_its_port),
		T(a_gateway_goes_with_its_network),
		T(a_gateway_that_went_away_is_made_again_with_its_mac),
		T(a_renamed_gateway_is_replaced),
		T(a_strangers_link_of_the_name_is_left_alone),
		T(a_new_address_replaces_ours_and_no_other),
		T(no_match_adopts_the_hosts_end),
		T(the_uplink_of_nat_is_only_the_way_out),
		T(nat_holds_for_a_network_whose_uplink_is_away),
		T(the_host_routes_for_the_gateway_of_a_nat_network_alone),
		T(many_nat_networks_and_a_bridged_one_share_an_uplink),
		T(nat_moves_to_a_new_address_and_ends_the_old_flows),
		T(nat_stays_at_its_address_while_that_is_there),
		T(nat66_takes_a_usable_address_and_moves_alone),
		T(a_forward_is_a_rule_for_each_port),
		T(nat_ports_are_beside_those_of_sockets),
		T(flows_of_a_port_that_goes_are_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
