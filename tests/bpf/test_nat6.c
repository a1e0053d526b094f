// SPDX-License-Identifier: Apache-2.0
/* NAT66: what it takes, what it leaves to the host, and what becomes of broken packets. */
#include "nat_test.h"

#include <linux/if_ether.h>
#include <linux/ipv6.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernel/ecswitch.skel.h"

#define VM "fd77::10"
#define GATEWAY "fd77::1"
#define UPLINK "2001:db8::1"
#define LAN "2001:db8::2"
#define L4 (14 + 40)
#define MUTATIONS 20000

struct frame {
	uint8_t data[160];
	uint32_t len;
};

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void set_sysctl(const char *name)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s", name);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(strstr(name, "disable") ? "0" : "1", file);
	assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
	if (nt_setup(state))
		return -1;
	set_sysctl("near4/disable_ipv6");
	set_sysctl("ecs-1/disable_ipv6");
	set_sysctl("ecs-1/forwarding");
	bt_ip("address add " UPLINK "/64 dev near%d nodad", BT_LAN);
	bt_ip("address add " GATEWAY "/64 dev ecs-1 nodad");
	bt_ip("neigh replace " LAN " lladdr 02:00:00:00:00:05 dev near%d", BT_LAN);
	return 0;
}

static int test_setup(void **state)
{
	struct bt *bt = *state;
	struct ecs_network network;
	struct ecs_nat_addr addr;
	uint32_t number;

	nt_test_setup(state);
	while (!bpf_map_get_next_key(bpf_map__fd(bt->bpf->maps.ecs_nat_numbers), NULL, &addr))
		bpf_map_delete_elem(bpf_map__fd(bt->bpf->maps.ecs_nat_numbers), &addr);
	while (!bpf_map_get_next_key(bpf_map__fd(bt->bpf->maps.ecs_nat_addrs), NULL, &number))
		bpf_map_delete_elem(bpf_map__fd(bt->bpf->maps.ecs_nat_addrs), &number);
	bt_network_get(bt, 1, &network);
	network.flags |= ECS_NETWORK_NAT6;
	network.gateway6_len = 64;
	inet_pton(AF_INET6, GATEWAY, network.gateway6);
	inet_pton(AF_INET6, UPLINK, network.nat6);
	bt_network_set(bt, 1, &network);
	bt_vm(bt, 0, 1, ECS_PORT_PEER | ECS_PORT_NAT | ECS_PORT_NAT6);
	bt_uplink(bt, 0, 0, ECS_PORT_NAT | ECS_PORT_NAT6);
	return 0;
}

static int numbers(struct bt *bt)
{
	struct ecs_nat_addr key, *prev = NULL;
	int n = 0;

	while (!bpf_map_get_next_key(bpf_map__fd(bt->bpf->maps.ecs_nat_numbers), prev, &key)) {
		prev = &key;
		n++;
	}
	return n;
}

/* From the VM, or from the LAN to the uplink's address, with @payload bytes behind the header. */
static struct frame *build(struct frame *f, const uint8_t *dst_mac, const uint8_t *src_mac,
			   uint8_t next, const char *src, const char *dst, uint32_t payload)
{
	memset(f, 0, sizeof(*f));
	memcpy(f->data, dst_mac, 6);
	memcpy(f->data + 6, src_mac, 6);
	put16(f->data + 12, ETH_P_IPV6);
	f->data[14] = 0x60;
	put16(f->data + 18, payload);
	f->data[20] = next;
	f->data[21] = 64;
	inet_pton(AF_INET6, src, f->data + 22);
	inet_pton(AF_INET6, dst, f->data + 38);
	put16(f->data + L4, 5000);
	put16(f->data + L4 + 2, 7000);
	if (next == IPPROTO_UDP)
		put16(f->data + L4 + 4, payload);
	if (next == IPPROTO_TCP) {
		f->data[L4 + 12] = 5 << 4;
		f->data[L4 + 13] = 2; /* SYN */
	}
	f->len = L4 + payload;
	return f;
}

static struct frame *from_vm(struct bt *bt, struct frame *f, uint8_t next, const char *dst,
			     uint32_t payload)
{
	return build(f, nt_gateway_mac(1), bt->end[0].far_mac, next, VM, dst, payload);
}

static int run_vm(struct bt *bt, const struct frame *f)
{
	return bt_run(bt, bt->bpf->progs.ecs_from_port, bt->end[0].ifindex, NULL, f->data, f->len);
}

static int run_uplink(struct bt *bt, const struct frame *f)
{
	return bt_run(bt, bt->bpf->progs.ecs_from_port, bt->end[BT_LAN].ifindex, NULL, f->data,
		      f->len);
}

static void a_flow_begins_with_a_vms_packet_and_takes_three_numbers(void **state)
{
	struct bt *bt = *state;
	struct ecs_nat_key key;
	struct ecs_nat_flow flow;
	struct frame f;

	from_vm(bt, &f, IPPROTO_UDP, LAN, 8);
	assert_int_equal(run_vm(bt, &f), TC_ACT_REDIRECT);
	nt_origin(bt, &key, &flow);
	assert_int_equal(key.v6, 1);
	assert_true(flow.flags & ECS_NAT_IPV6);
	assert_in_range(ntohs(flow.sport_be), NT_LOW, NT_HIGH);
	assert_int_equal(nt_flows(bt), 2);
	assert_int_equal(numbers(bt), 3);
	assert_int_equal(run_vm(bt, &f), TC_ACT_REDIRECT);
	assert_int_equal(numbers(bt), 3);
	assert_int_equal(nt_used(bt, bt_slot(0)).flows, 1);
}

static void what_opens_no_flow_takes_no_number(void **state)
{
	struct bt *bt = *state;
	struct ecs_network network;
	struct frame f;

	build(&f, bt->end[BT_LAN].mac, bt->end[BT_LAN].far_mac, IPPROTO_UDP, LAN, UPLINK, 8);
	assert_int_equal(run_uplink(bt, &f), TC_ACT_UNSPEC);
	bt_network_get(bt, 1, &network);
	network.nat_limit = 1;
	bt_network_set(bt, 1, &network);
	from_vm(bt, &f, IPPROTO_UDP, LAN, 8);
	assert_int_equal(run_vm(bt, &f), TC_ACT_REDIRECT);
	from_vm(bt, &f, IPPROTO_UDP, "2001:db8::3", 8);
	assert_int_equal(run_vm(bt, &f), TC_ACT_SHOT);
	assert_int_equal(bt_drops(bt, bt_slot(0), ECS_DROP_NAT_LIMIT), 1);
	assert_int_equal(numbers(bt), 3);
}

static void expect_host(struct bt *bt, const char *src, const char *dst)
{
	struct frame f;

	build(&f, nt_gateway_mac(1), bt->end[0].far_mac, IPPROTO_UDP, src, dst, 8);
	run_vm(bt, &f);
	assert_int_equal(nt_flows(bt), 0);
	assert_int_equal(bt_drops_total(bt), 0);
}

static void what_stays_in_the_network_is_the_hosts(void **state)
{
	struct bt *bt = *state;

	expect_host(bt, VM, GATEWAY);
	expect_host(bt, VM, "fd77::99");
	expect_host(bt, VM, UPLINK);
	expect_host(bt, VM, "fe80::1");
	expect_host(bt, VM, "ff02::1");
	expect_host(bt, "fe80::10", LAN);
	expect_host(bt, "::", LAN);
	expect_host(bt, "ff02::1", LAN);
}

static void add_number(struct bt *bt, const char *text, uint32_t number)
{
	struct ecs_nat_number known = {.number = number};
	struct ecs_nat_addr addr;

	inet_pton(AF_INET6, text, &addr);
	bpf_map_update_elem(bpf_map__fd(bt->bpf->maps.ecs_nat_addrs), &number, &addr, 0);
	bpf_map_update_elem(bpf_map__fd(bt->bpf->maps.ecs_nat_numbers), &addr, &known, 0);
}

/* UDP port 8080 of the uplink's address is port 80 of the VM. */
static void make_forward(struct bt *bt)
{
	struct ecs_nat_rule_key key = {
		.addr_be = 7, .port_be = htons(8080), .proto = IPPROTO_UDP, .v6 = 1};
	struct ecs_nat_rule rule = {.inside_be = 8, .inside_port_be = htons(80), .network = 1};

	add_number(bt, UPLINK, 7);
	add_number(bt, VM, 8);
	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(bt->bpf->maps.ecs_nat_rules), &key, &rule, 0), 0);
}

static struct frame *from_lan(struct bt *bt, struct frame *f, const char *src)
{
	build(f, bt->end[BT_LAN].mac, bt->end[BT_LAN].far_mac, IPPROTO_UDP, src, UPLINK, 8);
	put16(f->data + L4 + 2, 8080);
	return f;
}

static void forward_shows_the_vm_who_asks(void **state)
{
	struct bt *bt = *state;
	struct ecs_nat_flow flow;
	struct ecs_nat_key key;
	struct frame f;

	make_forward(bt);
	assert_int_equal(run_uplink(bt, from_lan(bt, &f, LAN)), TC_ACT_REDIRECT);
	nt_origin(bt, &key, &flow);
	assert_int_equal(flow.src_be, key.src_be);
	assert_int_equal(flow.dst_be, 8);
	assert_int_equal(ntohs(flow.dport_be), 80);
	assert_int_equal(flow.flags, ECS_NAT_ORIGIN | ECS_NAT_FORWARD | ECS_NAT_IPV6);
	from_vm(bt, &f, IPPROTO_UDP, LAN, 8);
	put16(f.data + L4, 80);
	put16(f.data + L4 + 2, 5000);
	assert_int_equal(run_vm(bt, &f), TC_ACT_REDIRECT);
	assert_int_equal(nt_flows(bt), 2);
}

static void forward_used_by_a_vm_shows_the_gateway(void **state)
{
	struct bt *bt = *state;
	struct ecs_nat_number gateway;
	struct ecs_nat_addr addr;
	struct ecs_nat_flow flow;
	struct ecs_nat_key key;
	struct frame f;

	make_forward(bt);
	from_vm(bt, &f, IPPROTO_UDP, UPLINK, 8);
	put16(f.data + L4 + 2, 8080);
	assert_int_equal(run_vm(bt, &f), TC_ACT_REDIRECT);
	nt_origin(bt, &key, &flow);
	inet_pton(AF_INET6, GATEWAY, &addr);
	assert_int_equal(
		bpf_map_lookup_elem(bpf_map__fd(bt->bpf->maps.ecs_nat_numbers), &addr, &gateway),
		0);
	assert_int_equal(flow.src_be, gateway.number);
	assert_true(flow.flags & ECS_NAT_HAIRPIN);
	assert_in_range(ntohs(flow.sport_be), NT_LOW, NT_HIGH);
}

static void disguised_outsider_reaches_no_forward(void **state)
{
	static const char *const sources[] = {"fd77::99", UPLINK, "fe80::1", "::1", "ff02::1"};
	struct bt *bt = *state;
	struct frame f;

	make_forward(bt);
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		assert_int_equal(run_uplink(bt, from_lan(bt, &f, sources[i])), TC_ACT_UNSPEC);
	assert_int_equal(nt_flows(bt), 0);
}

static void expect_drop(struct bt *bt, const struct frame *f, enum ecs_drop reason)
{
	uint64_t before = bt_drops(bt, bt_slot(0), reason);

	assert_int_equal(run_vm(bt, f), TC_ACT_SHOT);
	assert_int_equal(bt_drops(bt, bt_slot(0), reason), before + 1);
}

/* The host's stack would send it on as if it came from the host. */
static void source_that_is_the_hosts_own_is_forged(void **state)
{
	struct bt *bt = *state;
	struct frame f;

	build(&f, nt_gateway_mac(1), bt->end[0].far_mac, IPPROTO_UDP, UPLINK, LAN, 8);
	expect_drop(bt, &f, ECS_DROP_NAT_FORGED);
	build(&f, nt_gateway_mac(1), bt->end[0].far_mac, IPPROTO_UDP, GATEWAY, LAN, 8);
	expect_drop(bt, &f, ECS_DROP_NAT_FORGED);
	assert_int_equal(nt_flows(bt), 0);
}

static void what_cannot_be_translated_is_refused_by_name(void **state)
{
	struct bt *bt = *state;
	struct ecs_network network;
	struct frame f;

	from_vm(bt, &f, IPPROTO_UDP, LAN, 8);
	f.data[20] = 0; /* hop-by-hop options */
	expect_drop(bt, &f, ECS_DROP_NAT_PROTO);
	f.data[20] = IPPROTO_ICMP; /* that of IPv4 */
	expect_drop(bt, &f, ECS_DROP_NAT_PROTO);
	from_vm(bt, &f, 44, LAN, 16);
	f.data[L4] = IPPROTO_UDP;
	put16(f.data + L4 + 2, 8 << 3); /* a later fragment, and there was no first */
	expect_drop(bt, &f, ECS_DROP_NAT_FRAGMENT);
	from_vm(bt, &f, IPPROTO_ICMPV6, LAN, 8);
	f.data[L4] = 129; /* an answer that nobody asked for */
	expect_drop(bt, &f, ECS_DROP_NAT_UNSOLICITED);
	bt_network_get(bt, 1, &network);
	memset(network.nat6, 0, sizeof(network.nat6));
	bt_network_set(bt, 1, &network);
	from_vm(bt, &f, IPPROTO_UDP, LAN, 8);
	expect_drop(bt, &f, ECS_DROP_NAT_NO_ADDRESS);
}

static void later_fragments_follow_their_first(void **state)
{
	struct bt *bt = *state;
	struct frame f;

	from_vm(bt, &f, 44, LAN, 16);
	f.data[L4] = IPPROTO_UDP;
	put16(f.data + L4 + 2, 1); /* more follow */
	put16(f.data + L4 + 4, 0x1234);
	put16(f.data + L4 + 8, 5000);
	put16(f.data + L4 + 10, 7000);
	put16(f.data + L4 + 12, 2000);
	assert_int_equal(run_vm(bt, &f), TC_ACT_REDIRECT);
	put16(f.data + L4 + 2, 1 << 3);
	assert_int_equal(run_vm(bt, &f), TC_ACT_REDIRECT);
	put16(f.data + L4 + 4, 0x1235); /* the upper half of another one's number */
	expect_drop(bt, &f, ECS_DROP_NAT_FRAGMENT);
	assert_int_equal(nt_flows(bt), 2);
}

static void truncated(struct bt *bt, uint8_t next, uint32_t payload, uint8_t type)
{
	struct frame f;

	from_vm(bt, &f, next, LAN, payload);
	if (next == IPPROTO_ICMPV6 || next == 44)
		f.data[L4] = type;
	for (uint32_t len = 14; len < L4 + payload; len++) {
		int r = bt_run(bt, bt->bpf->progs.ecs_from_port, bt->end[0].ifindex, NULL, f.data,
			       len);

		assert_true(r == TC_ACT_SHOT || r < 0);
	}
	for (uint32_t claim = 0; claim < payload; claim++) {
		put16(f.data + 18, claim);
		assert_int_equal(run_vm(bt, &f), TC_ACT_SHOT);
		run_uplink(bt, &f);
	}
}

static void truncated_headers_are_malformed(void **state)
{
	struct bt *bt = *state;

	truncated(bt, IPPROTO_UDP, 8, 0);
	truncated(bt, IPPROTO_TCP, 20, 0);
	truncated(bt, IPPROTO_ICMPV6, 8, 128);
	truncated(bt, IPPROTO_ICMPV6, 8 + 40 + 8, 1);
	truncated(bt, 44, 16, IPPROTO_UDP);
	assert_true(bt_drops(bt, bt_slot(0), ECS_DROP_NAT_MALFORMED) > 50);
	assert_int_equal(nt_flows(bt), 0);
}

static void random_mutations_always_get_a_verdict(void **state)
{
	static const uint8_t next[] = {IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMPV6, 44};
	struct bt *bt = *state;
	struct frame f;

	srand(6);
	for (int i = 0; i < MUTATIONS; i++) {
		int r;

		from_vm(bt, &f, next[i % 4], LAN, 64);
		for (int n = rand() % 5; n >= 0; n--)
			f.data[14 + rand() % (f.len - 14)] = (uint8_t)rand();
		f.len = 14 + (uint32_t)rand() % (f.len - 13);
		r = i & 8 ? run_uplink(bt, &f) : run_vm(bt, &f);
		assert_true(r < 0 || r == TC_ACT_SHOT || r == TC_ACT_REDIRECT ||
			    r == TC_ACT_UNSPEC || r == TC_ACT_STOLEN);
	}
}

#define NT6_TEST(f) cmocka_unit_test_setup(f, test_setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NT6_TEST(a_flow_begins_with_a_vms_packet_and_takes_three_numbers),
		NT6_TEST(what_opens_no_flow_takes_no_number),
		NT6_TEST(what_stays_in_the_network_is_the_hosts),
		NT6_TEST(forward_shows_the_vm_who_asks),
		NT6_TEST(forward_used_by_a_vm_shows_the_gateway),
		NT6_TEST(disguised_outsider_reaches_no_forward),
		NT6_TEST(source_that_is_the_hosts_own_is_forged),
		NT6_TEST(what_cannot_be_translated_is_refused_by_name),
		NT6_TEST(later_fragments_follow_their_first),
		NT6_TEST(truncated_headers_are_malformed),
		NT6_TEST(random_mutations_always_get_a_verdict),
	};

	return cmocka_run_group_tests(tests, setup, nt_teardown);
}
