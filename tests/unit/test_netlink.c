// SPDX-License-Identifier: Apache-2.0
/* Links, addresses, routes and offloads as netlink/ reads and changes them. */
#include "netlink_test.h"
#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <linux/if_tun.h>
#include "netlink/nl.h"
#include "netlink/veth.h"

static void kinds_of_taps_tuns_veths_and_bridges_are_told_apart(void **state)
{
	run("ip tuntap add tap0 mode tap && ip tuntap add tun0 mode tun");
	run("ip link add va type veth peer name vb && ip link add br0 type bridge");
	run("ip link add mv0 link va type macvlan");
	assert_string_equal(link_of("tap0").kind, "tap");
	assert_true(link_of("tap0").ethernet);
	assert_string_equal(link_of("tun0").kind, "tun");
	assert_false(link_of("tun0").ethernet);
	assert_string_equal(link_of("va").kind, "veth");
	assert_string_equal(link_of("br0").kind, "bridge");
	assert_string_equal(link_of("mv0").kind, "macvlan");
	assert_int_equal(link_of("mv0").peer, index_of("va"));
	assert_string_equal(link_of("lo").kind, "");
	assert_false(link_of("lo").ethernet);
}

static void link_carries_its_name_mac_mtu_master_and_peer(void **state)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 5};
	struct ecs_link link;

	run("ip link add va address 02:00:00:00:00:05 mtu 1400 type veth peer name vb");
	run("ip link add br0 type bridge && ip link set va master br0");
	link = link_of("va");
	assert_string_equal(link.name, "va");
	assert_memory_equal(link.mac, mac, sizeof(mac));
	assert_true(link.ethernet);
	assert_int_equal(link.mtu, 1400);
	assert_int_equal(link.master, index_of("br0"));
	assert_int_equal(link.peer, index_of("vb"));
	assert_false(link.peer_elsewhere);
	assert_int_equal(link_of("vb").peer, index_of("va"));
}

static void peer_in_another_namespace_is_seen_and_seen_back(void **state)
{
	run("ip link add va type veth peer name vb");
	run("ip link set vb netns %s", path_of(world.there));
	assert_true(link_of("va").peer_elsewhere);
	run("nsenter --net=%s ip link set vb netns %s", path_of(world.there), path_of(world.here));
	assert_false(link_of("va").peer_elsewhere);
	assert_int_equal(link_of("va").peer, index_of("vb"));
}

static void persistent_tap_has_carrier_only_while_it_is_open(void **state)
{
	struct ifreq ifr = {.ifr_name = "tap0", .ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd;

	run("ip tuntap add tap0 mode tap && ip link set tap0 up");
	assert_false(link_of("tap0").carrier);
	fd = open("/dev/net/tun", O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
	assert_true(link_of("tap0").carrier);
	run("ip link set tap0 down");
	assert_false(link_of("tap0").carrier);
	run("ip link set tap0 up");
	close(fd);
	assert_false(link_of("tap0").carrier);
}

static void count_veths(const struct ecs_link *link, void *ctx)
{
	*(size_t *)ctx += strcmp(link->kind, "veth") == 0;
}

static void many_veths(int pairs)
{
	for (int i = 0; i < pairs; i++) {
		char name[IFNAMSIZ], peer[IFNAMSIZ];

		snprintf(name, sizeof(name), "a%d", i);
		snprintf(peer, sizeof(peer), "b%d", i);
		assert_int_equal(ecs_veth_add(world.nl, name, peer, 0, NULL, NULL), 0);
	}
}

static void list_of_many_links_is_complete_and_without_bridge_port_views(void **state)
{
	size_t veths = 0;

	many_veths(150);
	run("ip link add br0 type bridge && ip link set a0 master br0");
	assert_int_equal(ecs_link_list(world.nl, count_veths, &veths, NULL), 0);
	assert_int_equal(veths, 300);
}

static atomic_bool churning;
static atomic_int changes; /* that are still to come */

/* Makes and deletes a pair of its own, so that dumps beside it get interrupted. */
static void *churn(void *arg)
{
	struct ecs_nl *nl;

	if (ecs_nl_open(&nl, NULL) < 0)
		return NULL;
	while (churning) {
		if (changes == 0) {
			sched_yield();
			continue;
		}
		ecs_veth_add(nl, "x", "y", 0, NULL, NULL);
		ecs_link_del(nl, if_nametoindex("x"), NULL);
		changes--;
	}
	ecs_nl_close(nl);
	return NULL;
}

static void count_lasting(const struct ecs_link *link, void *ctx)
{
	*(size_t *)ctx += link->name[0] == 'a' || link->name[0] == 'b';
}

static void interrupted_list_is_started_again_until_it_is_whole(void **state)
{
	pthread_t thread;
	int failed = 0;

	many_veths(200);
	churning = true;
	assert_int_equal(pthread_create(&thread, NULL, churn, NULL), 0);
	for (int i = 0; i < 30; i++) {
		size_t lasting = 0;

		changes = ECS_NL_DUMP_TRIES / 8; /* each interrupts up to four starts */
		failed += ecs_link_list(world.nl, count_lasting, &lasting, NULL) < 0 ||
			  lasting != 400;
	}
	churning = false;
	pthread_join(thread, NULL);
	assert_int_equal(failed, 0);
}

static void absent_link_is_enodev_everywhere(void **state)
{
	struct ecs_link link = {.ifindex = 7};
	struct ecs_err err = {0};
	bool on = true;

	assert_int_equal(ecs_link_get(world.nl, 4711, &link, &err), -ENODEV);
	assert_non_null(strstr(err.text, "4711"));
	assert_int_equal(link.ifindex, 7);
	assert_int_equal(ecs_link_get(world.nl, 0, &link, NULL), -ENODEV);
	assert_int_equal(ecs_link_set_promisc(world.nl, 4711, true, NULL), -ENODEV);
	assert_int_equal(ecs_link_set_up(world.nl, 4711, true, NULL), -ENODEV);
	assert_int_equal(ecs_link_del(world.nl, 4711, NULL), -ENODEV);
	assert_int_equal(ecs_lro_get(world.nl, "nosuch0", &on, NULL), -ENODEV);
	assert_true(on);
}

static void promiscuous_flag_goes_on_and_off_and_leaves_others(void **state)
{
	uint32_t ifindex;

	run("ip link add va type veth peer name vb && ip link set va up");
	ifindex = index_of("va");
	assert_int_equal(ecs_link_set_promisc(world.nl, ifindex, true, NULL), 0);
	assert_true(link_of("va").flags & IFF_PROMISC);
	assert_true(link_of("va").flags & IFF_UP);
	assert_int_equal(ecs_link_set_promisc(world.nl, ifindex, false, NULL), 0);
	assert_false(link_of("va").flags & IFF_PROMISC);
	assert_true(link_of("va").flags & IFF_UP);
}

struct addr_search {
	struct ecs_addr want;
	size_t found;
};

static void find_addr(const struct ecs_addr *addr, void *ctx)
{
	struct addr_search *search = ctx;

	search->found += memcmp(addr, &search->want, offsetof(struct ecs_addr, usable)) == 0;
}

static void addr_comes_and_goes(const struct ecs_addr *addr)
{
	struct addr_search search = {.want = *addr};

	assert_int_equal(ecs_addr_add(world.nl, addr, NULL), 0);
	assert_int_equal(ecs_addr_add(world.nl, addr, NULL), -EEXIST);
	assert_int_equal(ecs_addr_list(world.nl, find_addr, &search, NULL), 0);
	assert_int_equal(search.found, 1);
	assert_int_equal(ecs_addr_del(world.nl, addr, NULL), 0);
	assert_int_equal(ecs_addr_del(world.nl, addr, NULL), -EADDRNOTAVAIL);
	search.found = 0;
	assert_int_equal(ecs_addr_list(world.nl, find_addr, &search, NULL), 0);
	assert_int_equal(search.found, 0);
}

static void addresses_of_both_families_are_added_listed_and_deleted(void **state)
{
	struct ecs_addr addr = {.family = AF_INET, .prefix_len = 24};

	run("ip link add va type veth peer name vb");
	addr.ifindex = index_of("va");
	inet_pton(AF_INET, "10.1.2.3", addr.addr);
	addr_comes_and_goes(&addr);
	if (access("/proc/net/if_inet6", F_OK) < 0)
		return;
	addr.family = AF_INET6;
	addr.prefix_len = 64;
	inet_pton(AF_INET6, "fd00::1", addr.addr);
	addr_comes_and_goes(&addr);
}

static void default_route_is_the_lowest_metric_of_the_main_table(void **state)
{
	uint32_t ifindex = 1;

	assert_int_equal(ecs_route_default_link(world.nl, &ifindex, NULL), 0);
	assert_int_equal(ifindex, 0);
	run("ip link add va type veth peer name vb && ip link set va up && ip link set vb up");
	run("ip addr add 10.0.0.1/24 dev va && ip addr add 10.0.1.1/24 dev vb");
	run("ip route add default via 10.0.1.2 table 100");
	run("ip route add unreachable default metric 5");
	assert_int_equal(ecs_route_default_link(world.nl, &ifindex, NULL), 0);
	assert_int_equal(ifindex, 0);
	run("ip route add default via 10.0.0.2 metric 200");
	assert_int_equal(ecs_route_default_link(world.nl, &ifindex, NULL), 0);
	assert_int_equal(ifindex, index_of("va"));
	run("ip route add default via 10.0.1.2 metric 100");
	assert_int_equal(ecs_route_default_link(world.nl, &ifindex, NULL), 0);
	assert_int_equal(ifindex, index_of("vb"));
}

static void default_route_falls_back_to_ipv6(void **state)
{
	uint32_t ifindex = 0;

	if (access("/proc/net/if_inet6", F_OK) < 0)
		skip();
	run("ip link add va type veth peer name vb && ip link set va up && ip link set vb up");
	run("ip addr add fd00::1/64 dev va nodad && ip -6 route add default via fd00::2 dev va");
	assert_int_equal(ecs_route_default_link(world.nl, &ifindex, NULL), 0);
	assert_int_equal(ifindex, index_of("va"));
}

static void feature_is_switched_and_read_back(void **state)
{
	bool on = true;

	run("ip link add va type veth peer name vb");
	assert_int_equal(ecs_feature_set(world.nl, "va", "tx-checksum-ip-generic", false, NULL), 0);
	assert_int_equal(ecs_feature_get(world.nl, "va", "tx-checksum-ip-generic", &on, NULL), 0);
	assert_false(on);
	assert_int_equal(ecs_feature_set(world.nl, "va", "tx-checksum-ip-generic", true, NULL), 0);
	assert_int_equal(ecs_feature_get(world.nl, "va", "tx-checksum-ip-generic", &on, NULL), 0);
	assert_true(on);
}

static void link_without_lro_is_eopnotsupp(void **state)
{
	struct ecs_err err = {0};
	bool on;

	run("ip link add va type veth peer name vb");
	assert_int_equal(ecs_lro_get(world.nl, "va", &on, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "va"));
	assert_int_equal(ecs_lro_set(world.nl, "va", false, NULL), -EOPNOTSUPP);
}

static void veth_pair_has_its_mtu_and_is_refused_twice(void **state)
{
	struct ecs_err err = {0};

	assert_int_equal(ecs_veth_add(world.nl, "gw", "gw-peer", 1400, NULL, NULL), 0);
	assert_int_equal(link_of("gw").mtu, 1400);
	assert_int_equal(link_of("gw-peer").mtu, 1400);
	assert_int_equal(link_of("gw").peer, index_of("gw-peer"));
	assert_int_equal(ecs_veth_add(world.nl, "other", "gw-peer", 0, NULL, &err), -EEXIST);
	assert_non_null(strstr(err.text, "gw-peer"));
	assert_int_equal(if_nametoindex("other"), 0);
	assert_int_equal(ecs_link_set_up(world.nl, index_of("gw"), true, NULL), 0);
	assert_true(link_of("gw").flags & IFF_UP);
	assert_int_equal(ecs_link_del(world.nl, index_of("gw"), NULL), 0);
	assert_int_equal(if_nametoindex("gw-peer"), 0);
}

static void libnl_codes_become_errno(void **state)
{
	assert_int_equal(ecs_nle_errno(0), 0);
	for (int nle = 1; nle < 64; nle++)
		assert_true(ecs_nle_errno(-nle) < 0);
	assert_int_equal(ecs_nle_errno(-5 /* NLE_NOMEM */), -ENOMEM);
	assert_int_equal(ecs_nle_errno(-31 /* NLE_NODEV */), -ENODEV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(kinds_of_taps_tuns_veths_and_bridges_are_told_apart),
		IN_WORLD(link_carries_its_name_mac_mtu_master_and_peer),
		IN_WORLD(peer_in_another_namespace_is_seen_and_seen_back),
		IN_WORLD(persistent_tap_has_carrier_only_while_it_is_open),
		IN_WORLD(list_of_many_links_is_complete_and_without_bridge_port_views),
		IN_WORLD(interrupted_list_is_started_again_until_it_is_whole),
		IN_WORLD(absent_link_is_enodev_everywhere),
		IN_WORLD(promiscuous_flag_goes_on_and_off_and_leaves_others),
		IN_WORLD(addresses_of_both_families_are_added_listed_and_deleted),
		IN_WORLD(default_route_is_the_lowest_metric_of_the_main_table),
		IN_WORLD(default_route_falls_back_to_ipv6),
		IN_WORLD(feature_is_switched_and_read_back),
		IN_WORLD(link_without_lro_is_eopnotsupp),
		IN_WORLD(veth_pair_has_its_mtu_and_is_refused_twice),
		cmocka_unit_test(libnl_codes_become_errno),
	};

	if (!privileged())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
