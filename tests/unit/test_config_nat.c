// SPDX-License-Identifier: Apache-2.0
/*
 * Gateways, NAT and forwards in the desired configuration: each rule that needs no live link.
 */
#include "config_unit.h"

#include <errno.h>

#define VMS "network add vms uplink eth0 gateway 10.77.0.1/24 nat"

static void nat_survives_a_dump(void **state)
{
	struct ecs_config *config = MAKE(
		VMS
		" nat-ports 20000-30000 nat-limit 9 tcp-timeout 60 udp-timeout 5 icmp-timeout 2",
		"network add six gateway6 FD00:0::1/64",
		"nat forward add tcp 8080-8090 to 10.77.0.10:80 network vms",
		"nat forward add udp 53 to 10.77.0.10 network vms force");

	assert_dump(config, VMS " nat-ports 20000-30000 nat-limit 9 tcp-timeout 60 udp-timeout 5 "
				"icmp-timeout 2\n"
				"network add six gateway6 fd00::1/64\n"
				"nat forward add tcp 8080-8090 to 10.77.0.10:80 network vms\n"
				"nat forward add udp 53 to 10.77.0.10 network vms force\n");
}

static void nat66_needs_nat_and_an_ipv6_gateway(void **state)
{
	struct ecs_config *config = MAKE(VMS);

	assert_refused(config, "network set vms nat66", -EINVAL, "gateway6");
	assert_done(config, "network set vms gateway6 fd77::1/64 nat66", true);
	assert_refused(config, "network set vms nat none", -EINVAL, "without nat");
	assert_refused(config, "network set vms gateway6 none", -EINVAL, "gateway6");
	assert_done(config, "network set vms nat66 none", true);
	assert_done(config, "network set vms nat66", true);
	assert_dump(config, "network add vms uplink eth0 gateway 10.77.0.1/24 "
			    "gateway6 fd77::1/64 nat nat66\n");
}

static void set_takes_gateway_and_nat_away(void **state)
{
	struct ecs_config *config = MAKE(VMS);

	assert_refused(config, "network set vms gateway none", -EINVAL, "no gateway");
	assert_refused(config, "network set vms uplink none", -EINVAL, "no uplink");
	assert_done(config, "network set vms nat none gateway none", true);
	assert_dump(config, "network add vms uplink eth0\n");
}

static void gateways_that_no_host_can_have_are_refused(void **state)
{
	struct ecs_config *config = MAKE("network add lan");

	assert_refused(config, "network set lan gateway 10.0.0.0/24", -EINVAL, "network itself");
	assert_refused(config, "network set lan gateway 10.0.0.255/24", -EINVAL, "broadcast");
	assert_refused(config, "network set lan gateway 127.0.0.1/8", -EINVAL,
		       "no address of a host");
	assert_refused(config, "network set lan gateway 224.0.0.1/24", -EINVAL,
		       "no address of a host");
	assert_refused(config, "network set lan gateway 10.0.0.1/31", -EINVAL, "8 to 30");
	assert_refused(config, "network set lan gateway6 fe80::1/64", -EINVAL, "link-local");
	assert_refused(config, "network add twelve-chars gateway 10.0.0.1/24", -EINVAL,
		       "at most 11");
	assert_done(config, "network add eleven-char gateway 10.0.0.1/24", true);
	ecs_config_free(config);
}

static void nat_networks_and_one_bridged_network_share_an_uplink(void **state)
{
	struct ecs_config *config =
		MAKE(VMS, "network add red uplink eth0 gateway 10.77.0.1/24 nat",
		     "network add lan uplink eth0");

	assert_refused(config, "network set red nat none", -EBUSY, "eth0 untagged");
	assert_refused(config, "network set red vlan 5", -EINVAL, "VLAN's own link");
	assert_refused(config, "network set red nat-ports 80-90", -EINVAL, "1024");
	ecs_config_free(config);
}

static void forwards_need_nat_and_a_target_in_the_network(void **state)
{
	struct ecs_config *config = MAKE(VMS, "network add lan");

	assert_refused(config, "nat forward add tcp 80 to 10.77.0.9 network lan", -EINVAL,
		       "no nat");
	assert_refused(config, "nat forward add tcp 80 to 10.77.0.9 network x", -ENOENT,
		       "network x");
	assert_refused(config, "nat forward add tcp 80 to 10.78.0.9 network vms", -EINVAL,
		       "no address of network");
	assert_refused(config, "nat forward add tcp 80 to 10.77.0.1 network vms", -EINVAL,
		       "gateway");
	assert_refused(config, "nat forward add tcp 80 to 10.77.0.255 network vms", -EINVAL,
		       "broadcast");
	assert_refused(config, "nat forward add tcp 80 to 10.77.0.0 network vms", -EINVAL,
		       "network itself");
	assert_refused(config, "nat forward add tcp 80-86 to 10.77.0.9:65530 network vms", -EINVAL,
		       "beyond 65535");
	assert_refused(config, "nat forward del tcp 80 network vms", -ENOENT, "no forward");
	assert_done(config, "nat forward add tcp 80 to 10.77.0.9 network vms", true);
	assert_done(config, "nat forward add tcp 80 to 10.77.0.9 network vms --if-needed", false);
	assert_refused(config, "network set vms nat none", -EBUSY, "nat forward del tcp 80");
	assert_refused(config, "network del vms", -EBUSY, "nat forward del tcp 80");
	assert_refused(config, "network set vms gateway 10.78.0.1/24", -EBUSY, "10.77.0.9");
	assert_refused(config, "nat forward add udp 1-20000 to 10.77.0.9 network vms", -ENOSPC,
		       "16384");
	ecs_config_free(config);
}

static void a_port_is_forwarded_once_in_each_family(void **state)
{
	struct ecs_config *config = MAKE("network add vms uplink eth0 gateway 10.77.0.1/24 nat");

	assert_refused(config, "nat forward add tcp 80 to [fd77::9]:8 network vms", -EINVAL,
		       "nat66");
	assert_done(config, "network set vms gateway6 fd77::1/64 nat66", true);
	assert_refused(config, "nat forward add tcp 80 to fd78::9 network vms", -EINVAL,
		       "no address of network");
	assert_refused(config, "nat forward add tcp 80 to fd77::1 network vms", -EINVAL, "gateway");
	assert_done(config, "nat forward add tcp 80 to 10.77.0.9 network vms", true);
	assert_done(config, "nat forward add tcp 80 to [fd77::9]:8 network vms", true);
	assert_done(config, "nat forward add tcp 80 to [fd77::9]:8 network vms --if-needed", false);
	assert_refused(config, "nat forward add tcp 70-90 to fd77::8 network vms", -EEXIST,
		       "already");
	assert_refused(config, "network set vms nat66 none", -EBUSY, "nat66");
	assert_done(config, "nat forward del tcp 80 network vms", true);
	assert_refused(config, "nat forward del tcp 80 network vms", -ENOENT, "no forward");
	ecs_config_free(config);
}

static void a_port_of_an_uplink_is_forwarded_once(void **state)
{
	struct ecs_config *config =
		MAKE(VMS, "network add red uplink eth0 gateway 10.78.0.1/24 nat",
		     "network add blue uplink eth1 gateway 10.79.0.1/24 nat",
		     "nat forward add tcp 80-90 to 10.77.0.9 network vms");

	assert_refused(config, "nat forward add tcp 85 to 10.77.0.8 network vms", -EEXIST,
		       "already");
	assert_refused(config, "nat forward add tcp 85 to 10.78.0.8 network red", -EEXIST,
		       "already");
	assert_done(config, "nat forward add udp 85 to 10.78.0.8 network red", true);
	assert_done(config, "nat forward add tcp 85 to 10.79.0.8 network blue", true);
	assert_refused(config, "network set blue uplink eth0", -EBUSY, "already");
	ecs_config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nat_survives_a_dump),
		cmocka_unit_test(nat66_needs_nat_and_an_ipv6_gateway),
		cmocka_unit_test(set_takes_gateway_and_nat_away),
		cmocka_unit_test(gateways_that_no_host_can_have_are_refused),
		cmocka_unit_test(nat_networks_and_one_bridged_network_share_an_uplink),
		cmocka_unit_test(forwards_need_nat_and_a_target_in_the_network),
		cmocka_unit_test(a_port_is_forwarded_once_in_each_family),
		cmocka_unit_test(a_port_of_an_uplink_is_forwarded_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
