// SPDX-License-Identifier: Apache-2.0
/*
 * What the watch tells, and what the kernel does not tell it: the daemon's observation rests on
 * the second as much as on the first.
 */
#include "netlink_test.h"
#include "netlink/veth.h"

static bool is_up_with_carrier(const struct ecs_link *link)
{
	return link->carrier;
}

static bool lost_carrier_to_elsewhere(const struct ecs_link *link)
{
	return !link->carrier && link->peer_elsewhere;
}

static bool has_master(const struct ecs_link *link)
{
	return link->master != 0;
}

static bool is_renamed(const struct ecs_link *link)
{
	return strcmp(link->name, "vx") == 0;
}

static void veth_pair(void)
{
	run("ip link add va type veth peer name vb");
}

/* The first end is announced before the second exists, and not again. */
static void new_veth_pair_is_announced_once_per_end_the_first_without_peer(void **state)
{
	watch_open(0);
	veth_pair();
	settle();
	assert_int_equal(count(SAW_LINK, index_of("va")), 1);
	assert_int_equal(count(SAW_LINK, index_of("vb")), 1);
	assert_int_equal(wait_for(SAW_LINK, index_of("vb"), NULL)->peer, 0);
	assert_int_equal(wait_for(SAW_LINK, index_of("va"), NULL)->peer, index_of("vb"));
}

static void near_end_is_silent_when_its_peer_moves_while_down(void **state)
{
	uint32_t va, vb;

	veth_pair();
	va = index_of("va");
	vb = index_of("vb");
	watch_open(0);
	run("ip link set vb netns %s", path_of(world.there));
	settle();
	assert_int_equal(count(SAW_GONE, vb), 1);
	assert_int_equal(count(SAW_LINK, va), 0);
	run("nsenter --net=%s ip link set vb netns %s", path_of(world.there), path_of(world.here));
	settle();
	assert_int_equal(count(SAW_LINK, vb), 1);
	assert_int_equal(count(SAW_LINK, va), 0);
}

static void near_end_tells_of_its_peers_move_when_both_were_up(void **state)
{
	uint32_t va, vb;

	veth_pair();
	va = index_of("va");
	vb = index_of("vb");
	watch_open(0);
	run("ip link set va up && ip link set vb up");
	wait_for(SAW_LINK, va, is_up_with_carrier);
	wait_for(SAW_LINK, vb, is_up_with_carrier);
	forget();
	run("ip link set vb netns %s", path_of(world.there));
	wait_for(SAW_GONE, vb, NULL);
	wait_for(SAW_LINK, va, lost_carrier_to_elsewhere);
}

static void rename_is_one_change_of_the_same_index(void **state)
{
	uint32_t va;

	veth_pair();
	va = index_of("va");
	watch_open(0);
	run("ip link set va name vx");
	wait_for(SAW_LINK, va, is_renamed);
	assert_int_equal(count(SAW_LINK, va), 1);
	assert_int_equal(count(SAW_GONE, va), 0);
}

static void leaving_a_bridge_is_no_deletion(void **state)
{
	uint32_t va;

	veth_pair();
	run("ip link add br0 type bridge");
	va = index_of("va");
	watch_open(0);
	run("ip link set va master br0");
	wait_for(SAW_LINK, va, has_master);
	forget();
	run("ip link set va nomaster");
	settle();
	assert_int_equal(count(SAW_GONE, va), 0);
	/* The last word is the one that counts: the first still names the old master. */
	for (size_t i = world.seen_len; i-- > 0;) {
		if (world.seen[i].what == SAW_LINK && world.seen[i].link.ifindex == va) {
			assert_int_equal(world.seen[i].link.master, 0);
			return;
		}
	}
	fail_msg("no event of va");
}

static void bridge_itself_is_announced(void **state)
{
	watch_open(0);
	run("ip link add br0 type bridge");
	assert_string_equal(wait_for(SAW_LINK, index_of("br0"), NULL)->kind, "bridge");
}

static void recreation_under_the_same_index_is_gone_then_new(void **state)
{
	run("ip link add va index 100 type veth peer name vb index 101");
	watch_open(0);
	run("ip link del va && ip link add va index 100 type veth peer name vb index 101");
	settle();
	wait_for(SAW_LINK, 100, NULL);
	assert_int_equal(count(SAW_GONE, 100), 1);
	for (size_t i = 0; i < world.seen_len && world.seen[i].what != SAW_GONE; i++)
		assert_int_not_equal(world.seen[i].what, SAW_LINK);
}

static void address_and_main_route_changes_come_once_per_dispatch(void **state)
{
	veth_pair();
	/* Without addresses of their own, which IPv6 would tell of a second later. */
	run("ip link set va addrgenmode none up && ip link set vb addrgenmode none up");
	watch_open(0);
	run("ip addr add 10.0.0.1/24 dev va");
	wait_for(SAW_ADDR, 0, NULL);
	forget();
	run("for i in 1 2 3; do ip route add 10.$i.0.0/16 via 10.0.0.2; done");
	assert_int_equal(ecs_watch_dispatch(world.watch, NULL), 0);
	assert_int_equal(count(SAW_ROUTE, 0), 1);
	run("ip addr add 10.0.0.9/32 dev va && ip addr add 10.0.0.8/32 dev va");
	assert_int_equal(ecs_watch_dispatch(world.watch, NULL), 0);
	assert_int_equal(count(SAW_ADDR, 0), 1);
}

static void forwarding_that_is_switched_off_is_told(void **state)
{
	uint32_t ifindex;

	veth_pair();
	ifindex = if_nametoindex("va");
	run("sysctl -qw net.ipv4.conf.va.forwarding=1");
	watch_open(0);
	run("sysctl -qw net.ipv4.conf.vb.forwarding=1");
	run("sysctl -qw net.ipv4.conf.va.forwarding=0");
	wait_for(SAW_FORWARDING, ifindex, NULL);
	assert_int_equal(count(SAW_FORWARDING, if_nametoindex("vb")), 0);
	forget();
	run("sysctl -qw net.ipv4.ip_forward=1");
	run("sysctl -qw net.ipv4.ip_forward=0");
	wait_for(SAW_FORWARDING, ifindex, NULL);
}

static void routes_of_other_tables_do_not_wake_the_reader(void **state)
{
	struct pollfd poller = {.events = POLLIN};

	veth_pair();
	run("ip link set va up && ip link set vb up && ip addr add 10.0.0.1/24 dev va");
	watch_open(0);
	/* Late work of the links above (carrier, IPv6 addresses) comes first. */
	poller.fd = ecs_watch_fd(world.watch);
	while (poll(&poller, 1, 2500) > 0)
		forget();
	run("ip route add 10.1.0.0/16 via 10.0.0.2 table 100");
	assert_int_equal(poll(&poller, 1, 0), 0);
	run("ip route add 10.1.0.0/16 via 10.0.0.2");
	assert_int_equal(poll(&poller, 1, 0), 1);
}

static void flap(uint32_t ifindex, int times)
{
	for (int i = 0; i < times; i++)
		assert_int_equal(ecs_link_set_promisc(world.nl, ifindex, i % 2 == 0, NULL), 0);
}

static void overrun_is_told_before_anything_else_and_only_once(void **state)
{
	uint32_t va;

	veth_pair();
	va = index_of("va");
	watch_open(2048);
	flap(va, 100);
	settle();
	/* What stood in the queue is older than the dump that the caller makes now. */
	assert_int_equal(world.seen_len, 1);
	assert_int_equal(world.seen[0].what, SAW_OVERRUN);
}

static void changes_after_an_overrun_are_told_again(void **state)
{
	uint32_t va;

	veth_pair();
	va = index_of("va");
	watch_open(2048);
	for (int i = 1; i <= 3; i++) {
		flap(va, 100);
		settle();
		assert_int_equal(count(SAW_OVERRUN, 0), i);
		flap(va, 1);
		settle();
		assert_int_equal(count(SAW_LINK, va), i);
	}
}

static void default_buffer_holds_a_storm_of_links(void **state)
{
	watch_open(0);
	for (int i = 0; i < 200; i++) {
		char name[IFNAMSIZ], peer[IFNAMSIZ];

		snprintf(name, sizeof(name), "a%d", i);
		snprintf(peer, sizeof(peer), "b%d", i);
		assert_int_equal(ecs_veth_add(world.nl, name, peer, 0, NULL, NULL), 0);
	}
	settle();
	assert_int_equal(count(SAW_OVERRUN, 0), 0);
	assert_int_equal(count(SAW_LINK, index_of("a0")), 1);
	assert_int_equal(count(SAW_LINK, index_of("b199")), 1);
}

static void one_dispatch_is_bounded_and_leaves_the_rest_readable(void **state)
{
	struct pollfd poller = {.events = POLLIN};

	veth_pair();
	watch_open(0);
	flap(index_of("va"), 300);
	poller.fd = ecs_watch_fd(world.watch);
	assert_int_equal(ecs_watch_dispatch(world.watch, NULL), 0);
	assert_int_equal(count(SAW_LINK, index_of("va")), 256);
	assert_int_equal(poll(&poller, 1, 0), 1);
	assert_int_equal(ecs_watch_dispatch(world.watch, NULL), 0);
	assert_int_equal(count(SAW_LINK, index_of("va")), 300);
	assert_int_equal(poll(&poller, 1, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(new_veth_pair_is_announced_once_per_end_the_first_without_peer),
		IN_WORLD(near_end_is_silent_when_its_peer_moves_while_down),
		IN_WORLD(near_end_tells_of_its_peers_move_when_both_were_up),
		IN_WORLD(rename_is_one_change_of_the_same_index),
		IN_WORLD(leaving_a_bridge_is_no_deletion),
		IN_WORLD(bridge_itself_is_announced),
		IN_WORLD(recreation_under_the_same_index_is_gone_then_new),
		IN_WORLD(address_and_main_route_changes_come_once_per_dispatch),
		IN_WORLD(forwarding_that_is_switched_off_is_told),
		IN_WORLD(routes_of_other_tables_do_not_wake_the_reader),
		IN_WORLD(overrun_is_told_before_anything_else_and_only_once),
		IN_WORLD(changes_after_an_overrun_are_told_again),
		IN_WORLD(default_buffer_holds_a_storm_of_links),
		IN_WORLD(one_dispatch_is_bounded_and_leaves_the_rest_readable),
	};

	if (!privileged())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
