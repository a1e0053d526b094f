// SPDX-License-Identifier: Apache-2.0
/* Masquerade and forwards with real sockets: who reaches whom, as whom. */
#include "nat_test.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "kernel/ecswitch.skel.h"

/* One datagram there and one back. Return: the port that the far end saw. */
static uint16_t talk(int near, int far, const char *addr, uint16_t port, const char *seen_as)
{
	struct sockaddr_in from;
	char text[16];

	nt_send(near, addr, port, "ask");
	from = nt_recv(far, text, sizeof(text));
	assert_string_equal(text, "ask");
	assert_string_equal(inet_ntoa(from.sin_addr), seen_as);
	assert_int_equal(sendto(far, "say", 3, 0, (struct sockaddr *)&from, sizeof(from)), 3);
	port = ntohs(from.sin_port);
	from = nt_recv(near, text, sizeof(text));
	assert_string_equal(text, "say");
	assert_int_equal(from.sin_addr.s_addr, inet_addr(addr));
	return port;
}

static void udp_from_a_vm_appears_from_the_uplinks_address(void **state)
{
	struct bt *bt = *state;
	int lan = nt_socket(bt, BT_LAN, SOCK_DGRAM, NT_LAN, 7000);
	int vm = nt_socket(bt, 0, SOCK_DGRAM, "10.77.0.10", 5000);

	assert_in_range(talk(vm, lan, NT_LAN, 7000, NT_UPLINK), NT_LOW, NT_HIGH);
	assert_int_equal(nt_flows(bt), 2);
	assert_int_equal(nt_used(bt, bt_slot(0)).flows, 1);
	assert_int_equal(nt_used(bt, 0).flows, 1);
	close(lan);
	close(vm);
}

static void host_two_hops_away_is_reached_by_the_hosts_routes(void **state)
{
	struct bt *bt = *state;
	int far = nt_socket(bt, BT_LAN, SOCK_DGRAM, NT_FAR, 7000);
	int vm = nt_socket(bt, 0, SOCK_DGRAM, "10.77.0.10", 5000);

	for (int i = 0; i < 20; i++) /* by the neighbour code first, then by itself */
		talk(vm, far, NT_FAR, 7000, NT_UPLINK);
	assert_int_equal(nt_flows(bt), 2);
	close(far);
	close(vm);
}

static void forwarding(const char *value)
{
	FILE *file = fopen("/proc/sys/net/ipv4/conf/ecs-1/forwarding", "we");

	assert_non_null(file);
	assert_true(fputs(value, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* As after "sysctl net.ipv4.ip_forward=0", which resets every link's. */
static void forwarding_that_was_switched_off_does_not_stop_nat(void **state)
{
	struct bt *bt = *state;
	int far = nt_socket(bt, BT_LAN, SOCK_DGRAM, NT_FAR, 7000);
	int vm = nt_socket(bt, 0, SOCK_DGRAM, "10.77.0.10", 5000);

	forwarding("0");
	talk(vm, far, NT_FAR, 7000, NT_UPLINK);
	talk(vm, far, NT_FAR, 7000, NT_UPLINK);
	forwarding("1");
	close(far);
	close(vm);
}

static void port_inside_the_range_is_kept(void **state)
{
	struct bt *bt = *state;
	int lan = nt_socket(bt, BT_LAN, SOCK_DGRAM, NT_LAN, 7000);
	int vm = nt_socket(bt, 0, SOCK_DGRAM, "10.77.0.10", NT_LOW + 5);

	assert_int_equal(talk(vm, lan, NT_LAN, 7000, NT_UPLINK), NT_LOW + 5);
	close(lan);
	close(vm);
}

static void same_address_and_port_in_two_networks_are_two_flows(void **state)
{
	struct bt *bt = *state;
	int lan = nt_socket(bt, BT_LAN, SOCK_DGRAM, NT_LAN, 7000);
	int vm0 = nt_socket(bt, 0, SOCK_DGRAM, "10.77.0.10", NT_LOW + 7);
	int vm2 = nt_socket(bt, 2, SOCK_DGRAM, "10.77.0.10", NT_LOW + 7);
	uint16_t first, second;

	first = talk(vm0, lan, NT_LAN, 7000, NT_UPLINK);
	second = talk(vm2, lan, NT_LAN, 7000, NT_UPLINK);
	assert_int_equal(first, NT_LOW + 7);
	assert_int_not_equal(second, first);
	assert_int_equal(talk(vm0, lan, NT_LAN, 7000, NT_UPLINK), first);
	nt_quiet(vm2);
	close(lan);
	close(vm0);
	close(vm2);
}

static void ping(struct bt *bt, int i, const char *addr, const char *options)
{
	char command[128];
	int r;

	snprintf(command, sizeof(command), "ping -c 2 -i 0.05 -W 2 %s %s >/dev/null", options,
		 addr);
	bt_enter(bt->end[i].far_ns);
	r = system(command);
	bt_enter(bt->ns);
	assert_int_equal(r, 0);
}

static void echo_is_answered(void **state)
{
	struct bt *bt = *state;

	ping(bt, 0, NT_LAN, "");
	ping(bt, 0, NT_FAR, "");
	ping(bt, 0, NT_GATEWAY, "");
	ping(bt, 0, NT_UPLINK, "");
	assert_int_equal(bt_drops_total(bt), 0);
}

static void fragments_follow_their_first(void **state)
{
	struct bt *bt = *state;

	ping(bt, 0, NT_LAN, "-s 5000");
	assert_int_equal(bt_drops_total(bt), 0);
}

static void hosts_own_echo_is_answered_next_to_a_vms_of_the_same_identifier(void **state)
{
	struct bt *bt = *state;

	ping(bt, 0, NT_LAN, "-e 20010");
	assert_int_equal(system("ping -c 2 -i 0.05 -W 2 -e 20010 " NT_LAN " >/dev/null"), 0);
	ping(bt, 0, NT_LAN, "-e 20010");
	assert_int_equal(system("ping -c 2 -i 0.05 -W 2 -e 20010 " NT_LAN " >/dev/null"), 0);
}

static void closed_port_is_reported_to_the_vm(void **state)
{
	struct bt *bt = *state;
	int vm = nt_socket(bt, 0, SOCK_DGRAM, "10.77.0.10", 5000);
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(NT_LAN), .sin_port = htons(9)};
	char text[8];

	assert_int_equal(connect(vm, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(send(vm, "ask", 3, 0), 3);
	assert_int_equal(recv(vm, text, sizeof(text), 0), -1);
	assert_int_equal(errno, ECONNREFUSED);
	close(vm);
}

static void closed_port_of_a_forward_is_reported_to_the_lan(void **state)
{
	struct bt *bt = *state;
	int lan = nt_socket(bt, BT_LAN, SOCK_DGRAM, NT_LAN, 0);
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_addr.s_addr = inet_addr(NT_UPLINK),
				 .sin_port = htons(8080)};
	char text[8];

	nt_rule(bt, IPPROTO_UDP, 8080, 1, "10.77.0.10", 9);
	assert_int_equal(connect(lan, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(send(lan, "ask", 3, 0), 3);
	assert_int_equal(recv(lan, text, sizeof(text), 0), -1);
	assert_int_equal(errno, ECONNREFUSED);
	close(lan);
}

static void forward_from_the_lan_shows_who_it_is(void **state)
{
	struct bt *bt = *state;
	int lan = nt_socket(bt, BT_LAN, SOCK_DGRAM, NT_LAN, 6000);
	int vm = nt_socket(bt, 0, SOCK_DGRAM, "10.77.0.10", 80);

	nt_rule(bt, IPPROTO_UDP, 8080, 1, "10.77.0.10", 80);
	assert_int_equal(talk(lan, vm, NT_UPLINK, 8080, NT_LAN), 6000);
	assert_int_equal(talk(lan, vm, NT_UPLINK, 8080, NT_LAN), 6000);
	assert_int_equal(nt_used(bt, BT_UPLINK_SLOT).flows, 1);
	close(lan);
	close(vm);
}

static void forward_from_another_network_shows_the_gateway(void **state)
{
	struct bt *bt = *state;
	int asker = nt_socket(bt, 2, SOCK_DGRAM, "10.77.0.10", 6000);
	int vm = nt_socket(bt, 0, SOCK_DGRAM, "10.77.0.10", 80);

	nt_rule(bt, IPPROTO_UDP, 8080, 1, "10.77.0.10", 80);
	assert_in_range(talk(asker, vm, NT_UPLINK, 8080, NT_GATEWAY), NT_LOW, NT_HIGH);
	talk(asker, vm, NT_UPLINK, 8080, NT_GATEWAY);
	close(asker);
	close(vm);
}

static void forward_from_the_same_network_is_a_hairpin(void **state)
{
	struct bt *bt = *state;
	int asker = nt_socket(bt, 1, SOCK_DGRAM, "10.77.0.11", 6000);
	int self = nt_socket(bt, 0, SOCK_DGRAM, "10.77.0.10", 6000);
	int vm = nt_socket(bt, 0, SOCK_DGRAM, "10.77.0.10", 80);

	nt_rule(bt, IPPROTO_UDP, 8080, 1, "10.77.0.10", 80);
	talk(asker, vm, NT_UPLINK, 8080, NT_GATEWAY);
	talk(asker, vm, NT_UPLINK, 8080, NT_GATEWAY);
	talk(self, vm, NT_UPLINK, 8080, NT_GATEWAY);
	close(asker);
	close(self);
	close(vm);
}

static void vm_sends_from_its_forwarded_port_by_that_port(void **state)
{
	static const uint16_t ports[] = {8080, NT_LOW + 30};
	struct bt *bt = *state;
	int lan = nt_socket(bt, BT_LAN, SOCK_DGRAM, NT_LAN, 7000);

	for (size_t i = 0; i < sizeof(ports) / sizeof(*ports); i++) {
		int other = nt_socket(bt, 1, SOCK_DGRAM, "10.77.0.11", ports[i]);
		int vm = nt_socket(bt, 0, SOCK_DGRAM, "10.77.0.10", ports[i]);

		nt_rule(bt, IPPROTO_UDP, ports[i], 1, "10.77.0.10", ports[i]);
		assert_int_not_equal(talk(other, lan, NT_LAN, 7000, NT_UPLINK), ports[i]);
		assert_int_equal(talk(vm, lan, NT_LAN, 7000, NT_UPLINK), ports[i]);
		assert_int_equal(talk(lan, vm, NT_UPLINK, ports[i], NT_LAN), 7000);
		close(other);
		close(vm);
	}
	close(lan);
}

static void vm_whose_forward_changes_the_port_sends_by_another(void **state)
{
	struct bt *bt = *state;
	int lan = nt_socket(bt, BT_LAN, SOCK_DGRAM, NT_LAN, 7000);
	int vm = nt_socket(bt, 0, SOCK_DGRAM, "10.77.0.10", 80);

	nt_rule(bt, IPPROTO_UDP, 8080, 1, "10.77.0.10", 80);
	assert_in_range(talk(vm, lan, NT_LAN, 7000, NT_UPLINK), NT_LOW, NT_HIGH);
	close(lan);
	close(vm);
}

static void stay_on_this_cpu(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
}

static void route_of_one_network_does_not_serve_anothers_packets(void **state)
{
	struct bt *bt = *state;
	int far = nt_socket(bt, BT_LAN, SOCK_DGRAM, NT_FAR, 7000);
	int vm0 = nt_socket(bt, 0, SOCK_DGRAM, "10.77.0.10", 5000);
	int vm2 = nt_socket(bt, 2, SOCK_DGRAM, "10.77.0.10", 5001);
	cpu_set_t any;

	assert_int_equal(sched_getaffinity(0, sizeof(any), &any), 0);
	stay_on_this_cpu(); /* what a route said is kept by each */
	bt_ip("rule add iif ecs-2 to 203.0.113.0/24 blackhole");
	talk(vm0, far, NT_FAR, 7000, NT_UPLINK);
	talk(vm0, far, NT_FAR, 7000, NT_UPLINK);
	nt_send(vm2, NT_FAR, 7000, "ask");
	nt_quiet(far);
	assert_int_equal(sched_setaffinity(0, sizeof(any), &any), 0);
	bt_ip("rule del iif ecs-2 to 203.0.113.0/24 blackhole");
	close(far);
	close(vm0);
	close(vm2);
}

static void hosts_socket_in_the_range_keeps_its_port(void **state)
{
	struct bt *bt = *state;
	int lan = nt_socket(bt, BT_LAN, SOCK_DGRAM, NT_LAN, 7000);
	int host = nt_socket(bt, -1, SOCK_DGRAM, NT_UPLINK, NT_LOW + 9);
	int vm = nt_socket(bt, 0, SOCK_DGRAM, "10.77.0.10", NT_LOW + 9);

	assert_int_equal(talk(host, lan, NT_LAN, 7000, NT_UPLINK), NT_LOW + 9);
	assert_int_not_equal(talk(vm, lan, NT_LAN, 7000, NT_UPLINK), NT_LOW + 9);
	assert_int_equal(talk(host, lan, NT_LAN, 7000, NT_UPLINK), NT_LOW + 9);
	close(lan);
	close(host);
	close(vm);
}

/* It is not found from the VM's side, where a socket is looked for when a flow begins. */
static void hosts_socket_that_is_bound_to_the_uplink_keeps_its_port(void **state)
{
	struct bt *bt = *state;
	int lan = nt_socket(bt, BT_LAN, SOCK_DGRAM, NT_LAN, 7000);
	int host = nt_socket(bt, -1, SOCK_DGRAM, NT_UPLINK, NT_LOW + 9);
	int vm = nt_socket(bt, 0, SOCK_DGRAM, "10.77.0.10", NT_LOW + 9);
	char link[16];

	snprintf(link, sizeof(link), "near%d", BT_LAN);
	assert_int_equal(setsockopt(host, SOL_SOCKET, SO_BINDTODEVICE, link, sizeof(link)), 0);
	assert_int_equal(talk(host, lan, NT_LAN, 7000, NT_UPLINK), NT_LOW + 9);
	assert_int_not_equal(talk(vm, lan, NT_LAN, 7000, NT_UPLINK), NT_LOW + 9);
	assert_int_equal(talk(host, lan, NT_LAN, 7000, NT_UPLINK), NT_LOW + 9);
	close(lan);
	close(host);
	close(vm);
}

static void host_takes_a_port_over_from_a_flow(void **state)
{
	struct bt *bt = *state;
	int lan = nt_socket(bt, BT_LAN, SOCK_DGRAM, NT_LAN, 7000);
	int vm = nt_socket(bt, 0, SOCK_DGRAM, "10.77.0.10", NT_LOW + 9);
	int host;

	assert_int_equal(talk(vm, lan, NT_LAN, 7000, NT_UPLINK), NT_LOW + 9);
	host = nt_socket(bt, -1, SOCK_DGRAM, NT_UPLINK, NT_LOW + 9);
	assert_int_equal(talk(host, lan, NT_LAN, 7000, NT_UPLINK), NT_LOW + 9);
	nt_quiet(vm);
	assert_int_not_equal(talk(vm, lan, NT_LAN, 7000, NT_UPLINK), NT_LOW + 9);
	assert_int_equal(talk(host, lan, NT_LAN, 7000, NT_UPLINK), NT_LOW + 9);
	close(lan);
	close(host);
	close(vm);
}

static void unsolicited_packet_to_the_range_reaches_the_host(void **state)
{
	struct bt *bt = *state;
	int lan = nt_socket(bt, BT_LAN, SOCK_DGRAM, NT_LAN, 7000);
	int other = nt_socket(bt, BT_LAN, SOCK_DGRAM, NT_LAN, 7001);
	int vm = nt_socket(bt, 0, SOCK_DGRAM, "10.77.0.10", NT_LOW + 9);
	int host;
	char text[8];

	assert_int_equal(talk(vm, lan, NT_LAN, 7000, NT_UPLINK), NT_LOW + 9);
	host = nt_socket(bt, -1, SOCK_DGRAM, NT_UPLINK, NT_LOW + 9);
	nt_send(other, NT_UPLINK, NT_LOW + 9, "hey");
	nt_recv(host, text, sizeof(text));
	assert_string_equal(text, "hey");
	nt_quiet(vm);
	close(lan);
	close(other);
	close(host);
	close(vm);
}

static void vm_that_moved_keeps_its_flow(void **state)
{
	struct bt *bt = *state;
	int lan = nt_socket(bt, BT_LAN, SOCK_DGRAM, NT_LAN, 7000);
	int vm = nt_socket(bt, 0, SOCK_DGRAM, "10.77.0.10", NT_LOW + 9);
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_addr.s_addr = inet_addr(NT_UPLINK),
				 .sin_port = htons(NT_LOW + 9)};
	struct pollfd arrives = {.fd = bt->end[1].far_sock, .events = POLLIN};
	char buf[128];

	talk(vm, lan, NT_LAN, 7000, NT_UPLINK);
	while (recv(bt->end[1].far_sock, buf, sizeof(buf), 0) > 0)
		;
	bt_fdb_set(bt, 1, bt->end[0].far_mac, bt->end[1].ifindex, 0);
	assert_int_equal(sendto(lan, "say", 3, 0, (struct sockaddr *)&to, sizeof(to)), 3);
	assert_int_equal(poll(&arrives, 1, NT_DEADLINE_MS), 1);
	assert_true(recv(bt->end[1].far_sock, buf, sizeof(buf), 0) >= 42);
	assert_memory_equal(buf, bt->end[0].far_mac, 6);
	assert_memory_equal(buf + 6, nt_gateway_mac(1), 6);
	nt_quiet(vm);
	close(lan);
	close(vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NT_TEST(udp_from_a_vm_appears_from_the_uplinks_address),
		NT_TEST(host_two_hops_away_is_reached_by_the_hosts_routes),
		NT_TEST(forwarding_that_was_switched_off_does_not_stop_nat),
		NT_TEST(port_inside_the_range_is_kept),
		NT_TEST(same_address_and_port_in_two_networks_are_two_flows),
		NT_TEST(echo_is_answered),
		NT_TEST(fragments_follow_their_first),
		NT_TEST(hosts_own_echo_is_answered_next_to_a_vms_of_the_same_identifier),
		NT_TEST(closed_port_is_reported_to_the_vm),
		NT_TEST(closed_port_of_a_forward_is_reported_to_the_lan),
		NT_TEST(forward_from_the_lan_shows_who_it_is),
		NT_TEST(forward_from_another_network_shows_the_gateway),
		NT_TEST(forward_from_the_same_network_is_a_hairpin),
		NT_TEST(vm_sends_from_its_forwarded_port_by_that_port),
		NT_TEST(vm_whose_forward_changes_the_port_sends_by_another),
		NT_TEST(route_of_one_network_does_not_serve_anothers_packets),
		NT_TEST(hosts_socket_in_the_range_keeps_its_port),
		NT_TEST(hosts_socket_that_is_bound_to_the_uplink_keeps_its_port),
		NT_TEST(host_takes_a_port_over_from_a_flow),
		NT_TEST(unsolicited_packet_to_the_range_reaches_the_host),
		NT_TEST(vm_that_moved_keeps_its_flow),
	};

	return cmocka_run_group_tests(tests, nt_setup, nt_teardown);
}
