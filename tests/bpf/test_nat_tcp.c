// SPDX-License-Identifier: Apache-2.0
/* NAT and TCP: streams with every way of summing, the states of a flow, and the ICMP errors that
 * path MTU discovery and traceroute live on. */
#include "nat_test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <linux/if_ether.h>
#include <linux/icmp.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "kernel/ecswitch.skel.h"

#define STREAM_BYTES (1u << 20)

struct pair {
	int listener, client, server;
};

static void dial(int sock, const char *addr, uint16_t port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(addr), .sin_port = htons(port)};

	if (connect(sock, (struct sockaddr *)&to, sizeof(to)))
		fail_msg("connect %s:%u: %s", addr, port, strerror(errno));
}

static struct pair pair_open(struct bt *bt, uint16_t port)
{
	struct pair p = {.listener = nt_socket(bt, BT_LAN, SOCK_STREAM, NT_LAN, port)};

	assert_int_equal(listen(p.listener, 4), 0);
	p.client = nt_socket(bt, 0, SOCK_STREAM, "10.77.0.10", 0);
	dial(p.client, NT_LAN, port);
	p.server = accept(p.listener, NULL, NULL);
	assert_true(p.server >= 0);
	return p;
}

static void pair_close(struct pair *p)
{
	close(p->client);
	close(p->server);
	close(p->listener);
}

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 31 + (i >> 8));
}

/* Everything arrives as it was sent. Both ends are served from here, so neither may block. */
static void stream(int from, int to, size_t bytes)
{
	size_t sent = 0, got = 0;
	uint8_t buf[16384];

	while (got < bytes) {
		struct pollfd fds[] = {{.fd = sent < bytes ? from : -1, .events = POLLOUT},
				       {.fd = to, .events = POLLIN}};
		ssize_t n;

		if (poll(fds, 2, NT_DEADLINE_MS) <= 0)
			fail_msg("stream stalled after %zu of %zu bytes", got, bytes);
		if (fds[0].revents) {
			size_t len = bytes - sent < sizeof(buf) ? bytes - sent : sizeof(buf);

			for (size_t i = 0; i < len; i++)
				buf[i] = byte_at(sent + i);
			n = send(from, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
			sent += n > 0 ? (size_t)n : 0;
		}
		if (!fds[1].revents)
			continue;
		n = recv(to, buf, sizeof(buf), MSG_DONTWAIT);
		assert_true(n > 0 || errno == EAGAIN);
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(buf[i], byte_at(got + (size_t)i));
		got += n > 0 ? (size_t)n : 0;
	}
}

static void both_ways(struct bt *bt)
{
	struct pair p = pair_open(bt, 7100);

	stream(p.client, p.server, STREAM_BYTES);
	stream(p.server, p.client, STREAM_BYTES);
	pair_close(&p);
}

static void ethtool(int ns, struct bt *bt, const char *what)
{
	char command[128];

	snprintf(command, sizeof(command), "ethtool -K %s >/dev/null 2>&1", what);
	bt_enter(ns);
	if (system(command))
		fail_msg("failed: %s", command);
	bt_enter(bt->ns);
}

static void segments_stay_large(void **state)
{
	struct bt *bt = *state;
	struct ecs_port_stats stats;

	both_ways(bt);
	stats = bt_stats(bt, bt_slot(0));
	assert_true(stats.rx_packets < STREAM_BYTES / 1448);
	assert_int_equal(bt_drops_total(bt), 0);
}

/* The kernel fills the sum in at the uplink, and the receiver checks it. */
static void checksum_of_an_unfinished_packet_is_right_on_the_wire(void **state)
{
	struct bt *bt = *state;

	ethtool(bt->ns, bt, "near4 tx off");
	ethtool(bt->ns, bt, "near0 tx off");
	both_ways(bt);
	ethtool(bt->ns, bt, "near4 tx on");
	ethtool(bt->ns, bt, "near0 tx on");
}

/* The sender has summed; NAT changes a finished checksum, and the receiver checks it. */
static void checksum_of_a_finished_packet_stays_right(void **state)
{
	struct bt *bt = *state;

	ethtool(bt->end[0].far_ns, bt, "far0 tx off");
	ethtool(bt->end[BT_LAN].far_ns, bt, "far4 tx off");
	both_ways(bt);
	ethtool(bt->end[0].far_ns, bt, "far0 tx on");
	ethtool(bt->end[BT_LAN].far_ns, bt, "far4 tx on");
}

static void states_follow_the_handshake_and_the_end(void **state)
{
	struct bt *bt = *state;
	struct pair p = pair_open(bt, 7101);
	struct ecs_nat_flow flow;
	struct ecs_nat_key key;
	char byte;

	nt_origin(bt, &key, &flow);
	assert_int_equal(flow.state, ECS_NAT_ESTABLISHED);
	assert_int_equal(flow.timeout_s, 7440);
	shutdown(p.client, SHUT_WR);
	assert_int_equal(recv(p.server, &byte, 1, 0), 0);
	nt_origin(bt, &key, &flow);
	assert_int_equal(flow.state, ECS_NAT_CLOSING);
	shutdown(p.server, SHUT_WR);
	assert_int_equal(recv(p.client, &byte, 1, 0), 0);
	nt_origin(bt, &key, &flow);
	assert_int_equal(flow.state, ECS_NAT_CLOSED);
	assert_int_equal(flow.timeout_s, 240);
	pair_close(&p);
}

static void refused_connection_is_closed_at_once(void **state)
{
	struct bt *bt = *state;
	int client = nt_socket(bt, 0, SOCK_STREAM, "10.77.0.10", 0);
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(NT_LAN), .sin_port = htons(9)};
	struct ecs_nat_flow flow;
	struct ecs_nat_key key;

	assert_int_equal(connect(client, (struct sockaddr *)&to, sizeof(to)), -1);
	assert_int_equal(errno, ECONNREFUSED);
	nt_origin(bt, &key, &flow);
	assert_int_equal(flow.state, ECS_NAT_CLOSED);
	close(client);
}

static void forward_carries_a_stream(void **state)
{
	struct bt *bt = *state;
	struct pair p = {.listener = nt_socket(bt, 0, SOCK_STREAM, "10.77.0.10", 80)};

	nt_rule(bt, IPPROTO_TCP, 8080, 1, "10.77.0.10", 80);
	assert_int_equal(listen(p.listener, 4), 0);
	p.client = nt_socket(bt, BT_LAN, SOCK_STREAM, NT_LAN, 0);
	dial(p.client, NT_UPLINK, 8080);
	p.server = accept(p.listener, NULL, NULL);
	stream(p.client, p.server, STREAM_BYTES);
	stream(p.server, p.client, STREAM_BYTES);
	pair_close(&p);
}

/* An ICMP error as the socket's own kernel took it: its checksum and its quote were right. */
static void expect_error(int sock, int error, uint8_t type, const char *from, uint32_t info)
{
	char control[256], text[64];
	struct sockaddr_in to;
	struct iovec iov = {text, sizeof(text)};
	struct msghdr msg = {.msg_name = &to,
			     .msg_namelen = sizeof(to),
			     .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	struct pollfd fd = {.fd = sock, .events = 0};
	struct cmsghdr *c;

	assert_int_equal(poll(&fd, 1, NT_DEADLINE_MS), 1);
	assert_true(recvmsg(sock, &msg, MSG_ERRQUEUE) >= 0);
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		struct sock_extended_err *err = (struct sock_extended_err *)CMSG_DATA(c);

		if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_RECVERR)
			continue;
		assert_int_equal(err->ee_errno, error);
		assert_int_equal(err->ee_type, type);
		assert_int_equal(err->ee_info, info);
		assert_string_equal(
			inet_ntoa(((struct sockaddr_in *)SO_EE_OFFENDER(err))->sin_addr), from);
		return;
	}
	fail_msg("no ICMP error");
}

static int erring_socket(struct bt *bt, int i, const char *addr)
{
	int sock = nt_socket(bt, i, SOCK_DGRAM, addr, 0), on = 1;

	assert_int_equal(setsockopt(sock, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)), 0);
	return sock;
}

static void ttl_that_ran_out_is_answered(struct bt *bt)
{
	int vm = erring_socket(bt, 0, "10.77.0.10"), ttl = 1;

	setsockopt(vm, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
	nt_send(vm, NT_LAN, 33434, "trace");
	expect_error(vm, EHOSTUNREACH, ICMP_TIME_EXCEEDED, NT_GATEWAY, 0);
	close(vm);
}

static void ttl_that_ran_out_is_answered_by_the_gateway(void **state)
{
	struct bt *bt = *state;

	ttl_that_ran_out_is_answered(bt);
	assert_int_equal(bt_drops(bt, bt_slot(0), ECS_DROP_NAT_TTL), 1);
}

static void answer_about_a_finished_checksum_is_right(void **state)
{
	struct bt *bt = *state;

	ethtool(bt->end[0].far_ns, bt, "far0 tx off");
	ttl_that_ran_out_is_answered(bt);
	ethtool(bt->end[0].far_ns, bt, "far0 tx on");
}

/* The kernel fills the quoted checksum in at the VM's link; ours must be right all the same. */
static void answer_about_an_unfinished_checksum_is_right(void **state)
{
	struct bt *bt = *state;
	struct ecs_port port;

	assert_true(bt_port_get(bt, bt->end[0].ifindex, 0, &port));
	port.flags &= ~ECS_PORT_PEER;
	bt_port_set(bt, bt->end[0].ifindex, 0, &port);
	ethtool(bt->ns, bt, "near0 tx off");
	ttl_that_ran_out_is_answered(bt);
	ethtool(bt->ns, bt, "near0 tx on");
}

static void ttl_that_ran_out_from_outside_is_answered_by_the_uplinks_address(void **state)
{
	struct bt *bt = *state;
	int lan = erring_socket(bt, BT_LAN, NT_LAN), ttl = 1;

	nt_rule(bt, IPPROTO_UDP, 8080, 1, "10.77.0.10", 80);
	setsockopt(lan, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
	nt_send(lan, NT_UPLINK, 8080, "trace");
	expect_error(lan, EHOSTUNREACH, ICMP_TIME_EXCEEDED, NT_UPLINK, 0);
	close(lan);
}

static void set_uplink_mtu(struct bt *bt, int mtu)
{
	struct ecs_port port;

	bt_ip("link set near4 mtu %d", mtu);
	assert_true(bt_port_get(bt, bt->end[BT_LAN].ifindex, 0, &port));
	port.mtu = (uint32_t)mtu;
	bt_port_set(bt, bt->end[BT_LAN].ifindex, 0, &port);
}

static void packet_that_does_not_fit_is_answered_with_what_fits(void **state)
{
	struct bt *bt = *state;
	int vm = erring_socket(bt, 0, "10.77.0.10"), probe = IP_PMTUDISC_PROBE;
	char text[1401];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	set_uplink_mtu(bt, 1280);
	setsockopt(vm, IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof(probe));
	nt_send(vm, NT_LAN, 33434, text);
	expect_error(vm, EMSGSIZE, ICMP_DEST_UNREACH, NT_GATEWAY, 1280);
	assert_int_equal(bt_drops(bt, bt_slot(0), ECS_DROP_NAT_MTU), 1);
	set_uplink_mtu(bt, BT_MTU);
	close(vm);
}

/* Two datagrams in one packet, each of which is too large. */
static void segments_that_do_not_fit_are_answered_too(void **state)
{
	struct bt *bt = *state;
	int vm = erring_socket(bt, 0, "10.77.0.10"), probe = IP_PMTUDISC_PROBE, size = 1400;
	char text[2801];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	set_uplink_mtu(bt, 1280);
	setsockopt(vm, IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof(probe));
	assert_int_equal(setsockopt(vm, SOL_UDP, UDP_SEGMENT, &size, sizeof(size)), 0);
	nt_send(vm, NT_LAN, 33434, text);
	expect_error(vm, EMSGSIZE, ICMP_DEST_UNREACH, NT_GATEWAY, 1280);
	set_uplink_mtu(bt, BT_MTU);
	close(vm);
}

static void stream_finds_a_smaller_uplink(void **state)
{
	struct bt *bt = *state;

	set_uplink_mtu(bt, 1280);
	both_ways(bt);
	set_uplink_mtu(bt, BT_MTU);
	bt_enter(bt->end[0].far_ns);
	bt_ip("route flush cache");
	bt_enter(bt->ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NT_TEST(segments_stay_large),
		NT_TEST(checksum_of_an_unfinished_packet_is_right_on_the_wire),
		NT_TEST(checksum_of_a_finished_packet_stays_right),
		NT_TEST(states_follow_the_handshake_and_the_end),
		NT_TEST(refused_connection_is_closed_at_once),
		NT_TEST(forward_carries_a_stream),
		NT_TEST(ttl_that_ran_out_is_answered_by_the_gateway),
		NT_TEST(answer_about_a_finished_checksum_is_right),
		NT_TEST(answer_about_an_unfinished_checksum_is_right),
		NT_TEST(ttl_that_ran_out_from_outside_is_answered_by_the_uplinks_address),
		NT_TEST(packet_that_does_not_fit_is_answered_with_what_fits),
		NT_TEST(segments_that_do_not_fit_are_answered_too),
		NT_TEST(stream_finds_a_smaller_uplink),
	};

	return cmocka_run_group_tests(tests, nt_setup, nt_teardown);
}
