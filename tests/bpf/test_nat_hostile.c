// SPDX-License-Identifier: Apache-2.0
/* NAT and those who mean it no good: forged resets and sources, floods, broken headers. */
#include "nat_frame.h"

/* The flow of from_vm() to NT_LAN:7000 by NT_LOW, which both sides have acknowledged. */
static void establish(struct bt *bt)
{
	struct frame f;

	nt_ports(bt, 1, NT_LOW, NT_LOW);
	expect_way_out(bt, from_vm(bt, &f, IPPROTO_TCP, NT_LAN, 20));
	answer(bt, &f, IPPROTO_TCP, NT_LOW);
	f.data[47] = 0x12; /* SYN, ACK */
	assert_int_equal(run_uplink(bt, &f), TC_ACT_REDIRECT);
	from_vm(bt, &f, IPPROTO_TCP, NT_LAN, 20);
	f.data[47] = 0x10;
	expect_way_out(bt, &f);
}

static void from_lan(struct bt *bt, uint8_t flags)
{
	struct frame f;

	answer(bt, &f, IPPROTO_TCP, NT_LOW);
	f.data[47] = flags;
	assert_int_equal(run_uplink(bt, &f), TC_ACT_REDIRECT);
}

static void expect_state(struct bt *bt, enum ecs_nat_state state, uint32_t timeout_s)
{
	struct ecs_nat_flow flow;
	struct ecs_nat_key key;

	nt_origin(bt, &key, &flow);
	assert_int_equal(flow.state, state);
	assert_int_equal(flow.timeout_s, timeout_s);
}

/* A blind one in the server's name, which the VM did not believe: both go on. */
static void who_goes_on_after_a_reset_did_not_send_it(void **state)
{
	struct bt *bt = *state;
	struct frame f;

	establish(bt);
	from_lan(bt, 0x04);
	expect_state(bt, ECS_NAT_CLOSED, 240);
	from_vm(bt, &f, IPPROTO_TCP, NT_LAN, 20);
	f.data[47] = 0x10;
	expect_way_out(bt, &f);
	expect_state(bt, ECS_NAT_CLOSED, 240);
	from_lan(bt, 0x10);
	expect_state(bt, ECS_NAT_ESTABLISHED, 7440);
}

static void who_resets_again_has_reset(void **state)
{
	struct bt *bt = *state;
	struct frame f;

	establish(bt);
	from_lan(bt, 0x14);
	from_vm(bt, &f, IPPROTO_TCP, NT_LAN, 20);
	f.data[47] = 0x10;
	expect_way_out(bt, &f);
	from_lan(bt, 0x14);
	expect_state(bt, ECS_NAT_CLOSED, 240);
	f.data[47] = 0x02; /* the VM begins anew, from the same port */
	expect_way_out(bt, &f);
	expect_state(bt, ECS_NAT_NEW, 240);
}

/* Whatever comes after it: one that has ended does not live as long as one that goes on. */
static void reset_after_an_end_is_believed(void **state)
{
	struct bt *bt = *state;

	establish(bt);
	from_lan(bt, 0x11); /* FIN, ACK */
	expect_state(bt, ECS_NAT_CLOSING, 240);
	from_lan(bt, 0x04);
	from_lan(bt, 0x10);
	expect_state(bt, ECS_NAT_CLOSED, 240);
}

static void reset_by_both_is_believed_though_one_goes_on(void **state)
{
	struct bt *bt = *state;
	struct frame f;

	establish(bt);
	from_lan(bt, 0x04);
	from_vm(bt, &f, IPPROTO_TCP, NT_LAN, 20);
	f.data[47] = 0x04;
	expect_way_out(bt, &f);
	from_lan(bt, 0x10);
	expect_state(bt, ECS_NAT_CLOSED, 240);
}

/* Answers, and segments from the middle: they may belong to the host. */
static void forward_begins_with_a_syn_alone(void **state)
{
	static const uint8_t others[] = {0x00, 0x01, 0x04, 0x10, 0x12, 0x14};
	struct bt *bt = *state;
	struct frame f;

	nt_rule(bt, IPPROTO_TCP, 8080, 1, "10.77.0.10", 80);
	answer(bt, &f, IPPROTO_TCP, 8080);
	for (size_t i = 0; i < sizeof(others); i++) {
		f.data[47] = others[i];
		assert_int_equal(run_uplink(bt, &f), TC_ACT_UNSPEC);
	}
	assert_int_equal(nt_flows(bt), 0);
	f.data[47] = 0x02;
	assert_int_equal(run_uplink(bt, &f), TC_ACT_REDIRECT);
}

static void source_that_no_vm_can_have_is_forged(void **state)
{
	static const char *const sources[] = {"127.0.0.1",	 "0.0.0.0",  "224.0.0.1",
					      "255.255.255.255", NT_GATEWAY, NT_UPLINK};
	struct bt *bt = *state;
	struct frame f;

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		build(&f, nt_gateway_mac(1), bt->end[0].far_mac, IPPROTO_UDP, sources[i], NT_LAN,
		      8);
		expect_drop(bt, &f, ECS_DROP_NAT_FORGED);
	}
	assert_int_equal(nt_flows(bt), 0);
}

/* As a VM's neighbour, as the uplink, or as nobody: to the host's stack, which knows such. */
static void disguised_outsider_reaches_no_forward(void **state)
{
	static const char *const sources[] = {"10.77.0.99", NT_UPLINK, "127.0.0.1", "224.0.0.1"};
	struct bt *bt = *state;
	struct frame f;

	nt_rule(bt, IPPROTO_UDP, 8080, 1, "10.77.0.10", 80);
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		build(&f, bt->end[BT_LAN].mac, bt->end[BT_LAN].far_mac, IPPROTO_UDP, sources[i],
		      NT_UPLINK, 8);
		udp_port(&f, 7000, 8080);
		assert_int_equal(run_uplink(bt, &f), TC_ACT_UNSPEC);
	}
	assert_int_equal(nt_flows(bt), 0);
	assert_int_equal(run_uplink(bt, answer(bt, &f, IPPROTO_UDP, 8080)), TC_ACT_REDIRECT);
}

/* However slow we are: in the end there are more than a thousand a second. */
static void answers_about_ttl_are_limited(void **state)
{
	struct bt *bt = *state;
	uint32_t told = 0;
	struct frame f;

	from_vm(bt, &f, IPPROTO_UDP, NT_LAN, 8);
	f.data[22] = 1;
	seal_ip(f.data + 14);
	while (told < 1000000 && run_vm(bt, &f) == TC_ACT_REDIRECT)
		told++;
	assert_in_range(told, 50, 999999);
	assert_int_equal(bt_drops(bt, bt_slot(0), ECS_DROP_NAT_TTL), told);
	assert_int_equal(bt_drops(bt, bt_slot(0), ECS_DROP_NAT_TTL_QUIET), 1);
	build(&f, nt_gateway_mac(1), bt->end[1].far_mac, IPPROTO_UDP, "10.77.0.11", NT_LAN, 8);
	f.data[22] = 1;
	seal_ip(f.data + 14);
	assert_int_equal(
		bt_run(bt, bt->bpf->progs.ecs_from_port, bt->end[1].ifindex, NULL, f.data, f.len),
		TC_ACT_REDIRECT);
}

/* Not as the answer that is made of it. By another VM than the one that has no answers left. */
static void answered_packet_is_counted_as_it_came(void **state)
{
	struct bt *bt = *state;
	struct frame f;

	build(&f, nt_gateway_mac(1), bt->end[1].far_mac, IPPROTO_UDP, "10.77.0.11", NT_LAN, 80);
	f.data[22] = 1;
	seal_ip(f.data + 14);
	assert_int_equal(
		bt_run(bt, bt->bpf->progs.ecs_from_port, bt->end[1].ifindex, NULL, f.data, f.len),
		TC_ACT_REDIRECT);
	assert_int_equal(bt_stats(bt, bt_slot(1)).rx_bytes, f.len);
	assert_int_equal(bt_stats(bt, bt_slot(1)).tx_bytes, 14 + 28 + 28);
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
		int r = bt_run(bt, bt->bpf->progs.ecs_from_port, bt->end[0].ifindex, NULL, f.data,
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
		NT_TEST(who_goes_on_after_a_reset_did_not_send_it),
		NT_TEST(who_resets_again_has_reset),
		NT_TEST(reset_after_an_end_is_believed),
		NT_TEST(reset_by_both_is_believed_though_one_goes_on),
		NT_TEST(forward_begins_with_a_syn_alone),
		NT_TEST(source_that_no_vm_can_have_is_forged),
		NT_TEST(disguised_outsider_reaches_no_forward),
		NT_TEST(answered_packet_is_counted_as_it_came),
		NT_TEST(answers_about_ttl_are_limited),
		NT_TEST(truncated_headers_are_malformed),
		NT_TEST(headers_that_contradict_themselves_are_malformed),
	};

	return cmocka_run_group_tests(tests, nt_setup, nt_teardown);
}
