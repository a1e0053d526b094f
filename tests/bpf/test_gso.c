// SPDX-License-Identifier: Apache-2.0
/* TCP between two virtual machines: segmentation offload survives the switch, and a segment
 * that the output's MTU does not take is dropped as such. */
#include "bpf_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/ecswitch.skel.h"

#define STREAM_BYTES (4u << 20)
#define DEADLINE_MS 10000
#define STEP_MS 50

struct stream {
	int listener, sender, receiver;
};

static void two_vms(struct bt *bt, uint32_t flags)
{
	bt_network(bt, BT_NETWORK);
	bt_vm(bt, 0, BT_NETWORK, flags);
	bt_vm(bt, 1, BT_NETWORK, flags);
	for (int i = 0; i < 2; i++) {
		bt_enter(bt->end[i].far_ns);
		bt_ip("address replace 10.99.0.%d/24 dev far%d", i + 1, i);
		bt_ip("neighbour flush dev far%d", i);
	}
	bt_enter(bt->ns);
}

static int tcp_socket(int ns, int home_ns)
{
	int sock;

	bt_enter(ns);
	sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bt_enter(home_ns);
	assert_true(sock >= 0);
	return sock;
}

static struct stream stream_open(struct bt *bt)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_addr.s_addr = inet_addr("10.99.0.2")};
	const struct timeval limit = {.tv_sec = 5};
	socklen_t len = sizeof(addr);
	struct stream s;

	s.listener = tcp_socket(bt->end[1].far_ns, bt->ns);
	assert_int_equal(bind(s.listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(s.listener, 1), 0);
	assert_int_equal(getsockname(s.listener, (struct sockaddr *)&addr, &len), 0);
	s.sender = tcp_socket(bt->end[0].far_ns, bt->ns);
	setsockopt(s.sender, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	setsockopt(s.listener, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	assert_int_equal(connect(s.sender, (struct sockaddr *)&addr, sizeof(addr)), 0);
	s.receiver = accept(s.listener, NULL, NULL);
	assert_true(s.receiver >= 0);
	assert_int_equal(fcntl(s.sender, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(fcntl(s.receiver, F_SETFL, O_NONBLOCK), 0);
	return s;
}

static void stream_close(struct stream *s)
{
	close(s->sender);
	close(s->receiver);
	close(s->listener);
}

/* One turn of sending what fits and reading what is there. Return: bytes read. */
static size_t stream_step(struct stream *s)
{
	static char buf[65536];
	struct pollfd fds[] = {{.fd = s->sender, .events = POLLOUT},
			       {.fd = s->receiver, .events = POLLIN}};
	ssize_t got = 0;

	poll(fds, 2, STEP_MS);
	if (fds[0].revents && send(s->sender, buf, sizeof(buf), MSG_NOSIGNAL) < 0)
		assert_true(errno == EAGAIN);
	if (fds[1].revents)
		got = recv(s->receiver, buf, sizeof(buf), 0);
	return got > 0 ? (size_t)got : 0;
}

static void stream_keeps_its_large_packets(struct bt *bt, uint32_t flags)
{
	struct ecs_port_stats stats;
	struct stream s;
	size_t total = 0;

	two_vms(bt, flags);
	s = stream_open(bt);
	for (int steps = 0; total < STREAM_BYTES && steps < DEADLINE_MS; steps++)
		total += stream_step(&s);
	stream_close(&s);
	assert_true(total >= STREAM_BYTES);
	stats = bt_stats(bt, bt_slot(0));
	assert_true(stats.rx_bytes / stats.rx_packets > 3000);
	assert_int_equal(bt_drops_total(bt), 0);
}

static void tcp_keeps_its_large_packets(void **state)
{
	stream_keeps_its_large_packets(*state, 0);
}

static void tcp_keeps_its_large_packets_to_a_peer(void **state)
{
	stream_keeps_its_large_packets(*state, ECS_PORT_PEER);
}

/* The daemon's hint says 1500; the link itself takes 1000. */
static void segments_above_the_mtu_are_dropped_as_mtu(void **state)
{
	struct bt *bt = *state;
	struct stream s;

	two_vms(bt, 0);
	s = stream_open(bt);
	bt_ip("link set near1 mtu 1000");
	for (int steps = 0; steps < 100 && !bt_drops(bt, bt_slot(0), ECS_DROP_MTU); steps++)
		assert_int_equal(stream_step(&s), 0);
	bt_ip("link set near1 mtu %d", BT_MTU);
	stream_close(&s);
	assert_true(bt_drops(bt, bt_slot(0), ECS_DROP_MTU) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BT_TEST(tcp_keeps_its_large_packets),
		BT_TEST(tcp_keeps_its_large_packets_to_a_peer),
		BT_TEST(segments_above_the_mtu_are_dropped_as_mtu),
	};

	return cmocka_run_group_tests(tests, bt_group_setup, bt_group_teardown);
}
