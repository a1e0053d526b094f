// SPDX-License-Identifier: Apache-2.0
/* Where NAT ends: ports, limits, timeouts, and what it refuses and counts. */
#include "nat_test.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <time.h>
#include <unistd.h>

#include "kernel/ecswitch.skel.h"

#define FRAME_MAX 128

struct frame {
	uint8_t data[FRAME_MAX];
	uint32_t len;
};

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value_be)
{
	memcpy(at, &value_be, 4);
}

static void seal_ip(uint8_t *ip)
{
	uint32_t sum = 0;

	put16(ip + 10, 0);
	for (int i = 0; i < (ip[0] & 15) * 4; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	put16(ip + 10, ~((sum & 0xffff) + (sum >> 16)));
}

/* From a VM, or from the LAN, with @payload bytes of L4, all zero but the ports. */
static struct frame *build(struct frame *f, const uint8_t *dst_mac, const uint8_t *src_mac,
			   uint8_t proto, const char *src, const char *dst, uint32_t payload)
{
	uint8_t *ip = f->data + 14;

	memset(f, 0, sizeof(*f));
	memcpy(f->data, dst_mac, 6);
	memcpy(f->data + 6, src_mac, 6);
	put16(f->data + 12, ETH_P_IP);
	ip[0] = 0x45;
	put16(ip + 2, 20 + payload);
	ip[8] = 64;
	ip[9] = proto;
	put32(ip + 12, inet_addr(src));
	put32(ip + 16, inet_addr(dst));
	seal_ip(ip);
	put16(ip + 20, 5000);
	put16(ip + 22, 7000);
	if (proto == IPPROTO_UDP)
		put16(ip + 24, payload);
	if (proto == IPPROTO_TCP) {
		ip[32] = 5 << 4;
		ip[33] = 2; /* SYN */
	}
	f->len = 34 + payload;
	return f;
}

static struct frame *from_vm(struct bt *bt, struct frame *f, uint8_t proto, const char *dst,
			     uint32_t payload)
{
	return build(f, nt_gateway_mac(1), bt->end[0].far_mac, proto, "10.77.0.10", dst, payload);
}

static int run_vm(struct bt *bt, const struct frame *f)
{
	return bt_run(bt, bt->bpf->progs.ecs_from_vm, bt->end[0].ifindex, NULL, f->data, f->len);
}

static int run_uplink(struct bt *bt, const struct frame *f)
{
	return bt_run(bt, bt->bpf->progs.ecs_from_uplink, bt->end[BT_LAN].ifindex, NULL, f->data,
		      f->len);
}

static void expect_drop(struct bt *bt, const struct frame *f, enum ecs_drop reason)
{
	uint64_t before = bt_drops(bt, bt_slot(0), reason);

	assert_int_equal(run_vm(bt, f), TC_ACT_SHOT);
	assert_int_equal(bt_drops(bt, bt_slot(0), reason), before + 1);
}

static void expect_way_out(struct bt *bt, const struct frame *f)
{
	assert_int_equal(run_vm(bt, f), TC_ACT_REDIRECT);
}

static void udp_port(struct frame *f, uint16_t sport, uint16_t dport)
{
	put16(f->data + 34, sport);
	put16(f->data + 36, dport);
}

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

static struct frame *answer(struct bt *bt, struct frame *f, uint8_t proto, uint16_t port)
{
	build(f, bt->end[BT_LAN].mac, bt->end[BT_LAN].far_mac, proto, NT_LAN, NT_UPLINK,
	      proto == IPPROTO_TCP ? 20 : 8);
	udp_port(f, 7000, port);
	return f;
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
		bt_run(bt, bt->bpf->progs.ecs_from_vm, bt->end[1].ifindex, NULL, f.data, f.len),
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

/* Every length of every kind of packet, and every length that its headers may claim. */
static void truncated(struct bt *bt, uint8_t proto, uint32_t payload, uint8_t icmp_type)
{
	struct frame f;

	from_vm(bt, &f, proto, NT_LAN, payload);
	if (proto == IPPROTO_ICMP)
		f.data[34] = icmp_type;
	if (icmp_type == 3)
		memcpy(f.data + 42, f.data + 14, 20); /* a quote without what it quotes */
	for (uint32_t len = 14; len < 34 + payload; len++) {
		int r = bt_run(bt, bt->bpf->progs.ecs_from_vm, bt->end[0].ifindex, NULL, f.data,
			       len);

		assert_true(r == TC_ACT_SHOT || r < 0);
		if (r == TC_ACT_SHOT && len < 34)
			assert_true(bt_drops(bt, bt_slot(0), ECS_DROP_NAT_MALFORMED) > 0);
	}
	for (uint32_t ihl = 0; ihl < 16; ihl++) {
		f.data[14] = (uint8_t)(0x40 | ihl);
		for (uint32_t claim = 0; claim < 20 + payload + 4; claim++) {
			put16(f.data + 16, claim);
			run_vm(bt, &f);
			run_uplink(bt, &f);
		}
	}
}

static void truncated_headers_are_malformed(void **state)
{
	struct bt *bt = *state;

	truncated(bt, IPPROTO_UDP, 8, 0);
	truncated(bt, IPPROTO_TCP, 20, 0);
	truncated(bt, IPPROTO_ICMP, 8, 8);
	truncated(bt, IPPROTO_ICMP, 36, 3);
	assert_true(bt_drops(bt, bt_slot(0), ECS_DROP_NAT_MALFORMED) > 50);
}

static void headers_that_contradict_themselves_are_malformed(void **state)
{
	struct bt *bt = *state;
	struct frame f;

	from_vm(bt, &f, IPPROTO_UDP, NT_LAN, 8);
	put16(f.data + 38, 7); /* UDP shorter than its header */
	expect_drop(bt, &f, ECS_DROP_NAT_MALFORMED);
	put16(f.data + 38, 9); /* and longer than the packet */
	expect_drop(bt, &f, ECS_DROP_NAT_MALFORMED);
	from_vm(bt, &f, IPPROTO_TCP, NT_LAN, 20);
	f.data[46] = 6 << 4; /* options that are not there */
	expect_drop(bt, &f, ECS_DROP_NAT_MALFORMED);
	f.data[46] = 4 << 4;
	expect_drop(bt, &f, ECS_DROP_NAT_MALFORMED);
	from_vm(bt, &f, IPPROTO_UDP, NT_LAN, 8);
	f.data[14] = 0x55;
	expect_drop(bt, &f, ECS_DROP_NAT_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NT_TEST(last_port_towards_one_remote_is_counted_as_no_port),
		NT_TEST(port_of_an_expired_flow_is_free),
		NT_TEST(port_of_a_closed_flow_is_free_when_no_other_is),
		NT_TEST(answer_after_the_timeout_is_the_hosts),
		NT_TEST(half_open_flow_does_not_live_like_an_established_one),
		NT_TEST(flood_of_one_vm_leaves_the_others_working),
		NT_TEST(wrong_count_below_zero_stops_nobody),
		NT_TEST(outside_has_a_limit_of_its_own),
		NT_TEST(full_table_refuses_and_tells),
		NT_TEST(without_an_address_nothing_leaves),
		NT_TEST(route_by_another_link_is_not_taken),
		NT_TEST(unreachable_destination_is_left_to_the_hosts_stack),
		NT_TEST(protocol_without_ports_is_refused),
		NT_TEST(what_belongs_to_no_flow_is_refused),
		NT_TEST(fragment_without_its_first_is_refused),
		NT_TEST(truncated_headers_are_malformed),
		NT_TEST(headers_that_contradict_themselves_are_malformed),
	};

	return cmocka_run_group_tests(tests, nt_setup, nt_teardown);
}
