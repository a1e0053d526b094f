// SPDX-License-Identifier: Apache-2.0
/*
 * The desired configuration: each rule that needs no live link.
 */
#include "config_unit.h"

#include <errno.h>

static void networks_start_with_the_defaults(void **state)
{
	struct ecs_config *config = MAKE("network add lan");
	const struct ecs_config_network *lan = ecs_config_network(config, "lan");

	assert_int_equal(lan->ageing_s, 300);
	assert_int_equal(lan->vlan, 0);
	assert_int_equal(lan->fdb_limit, 0);
	assert_string_equal(lan->uplink, "");
	assert_null(ecs_config_network(config, "la"));
	assert_dump(config, "network add lan\n");
}

static void network_set_changes_what_it_names(void **state)
{
	struct ecs_config *config =
		MAKE("network add lan uplink eth0 vlan 5 ageing 20", "network set lan fdb-limit 9",
		     "network set lan vlan none", "network set lan uplink eth1");

	assert_done(config, "network set lan ageing 20", false);
	assert_true(ecs_config_is_uplink(config, "eth1"));
	assert_false(ecs_config_is_uplink(config, "eth0"));
	assert_dump(config, "network add lan uplink eth1 ageing 20 fdb-limit 9\n");
}

static void networks_that_cannot_stand_together_are_refused(void **state)
{
	struct ecs_config *config =
		MAKE("network add lan uplink eth0", "network add v5 uplink eth0 vlan 5",
		     "network add v6 uplink eth0 vlan 6", "network add alone");

	assert_refused(config, "network add lan", -EEXIST, "network lan exists");
	assert_refused(config, "network add x uplink eth0", -EBUSY, "eth0 untagged");
	assert_refused(config, "network add x uplink eth0 vlan 5", -EBUSY, "eth0 vlan 5");
	assert_refused(config, "network set v5 vlan none", -EBUSY, "belongs to network lan");
	assert_refused(config, "network set v5 vlan 6", -EBUSY, "belongs to network v6");
	assert_refused(config, "network set v5 uplink none", -EINVAL, "vlan 5 but no uplink");
	assert_refused(config, "network add x vlan 7", -EINVAL, "vlan 7 but no uplink");
	assert_refused(config, "network set nope ageing 0", -ENOENT, "no network nope");
	assert_refused(config, "network del nope", -ENOENT, "no network nope");
	assert_done(config, "network set v5 uplink none vlan none", true);
	ecs_config_free(config);
}

static void a_network_in_use_cannot_go(void **state)
{
	struct ecs_config *config =
		MAKE("network add lan", "match add v* network lan", "port add p network lan",
		     "fdb add 02:00:00:00:00:01 q network lan");

	assert_refused(config, "network del lan", -EBUSY, "3 things; first: match del v*");
	assert_done(config, "match del v*", true);
	assert_refused(config, "network del lan", -EBUSY, "first: port del p");
	assert_done(config, "port del p", true);
	assert_refused(config, "network del lan", -EBUSY, "first: fdb del 02:00:00:00:00:01");
	assert_done(config, "fdb del 02:00:00:00:00:01 network lan", true);
	assert_done(config, "network del lan", true);
	assert_dump(config, "");
}

static void wrong_ports_and_matches_are_refused(void **state)
{
	struct ecs_config *config = MAKE("network add lan uplink eth0", "network add dmz",
					 "port add p network lan", "match add m network lan",
					 "match add v* network lan kind tap", "patch add a b");

	assert_refused(config, "port add x network nope", -ENOENT, "no network nope");
	assert_refused(config, "port set p network nope", -ENOENT, "no network nope");
	assert_refused(config, "match add x network nope", -ENOENT, "no network nope");
	assert_refused(config, "port add eth0 network dmz", -EBUSY, "eth0 is an uplink");
	assert_refused(config, "match add eth0 network dmz", -EBUSY, "eth0 is an uplink");
	assert_refused(config, "port add p network dmz", -EEXIST, "port set p network dmz");
	assert_refused(config, "port add p network lan", -EEXIST, "already");
	assert_refused(config, "port add a network lan", -EBUSY, "first: patch del a b");
	assert_refused(config, "port add b network lan", -EBUSY, "first: patch del a b");
	assert_refused(config, "match add v* network dmz", -EEXIST, "first: match del v*");
	assert_refused(config, "network set dmz uplink p", -EBUSY, "first: port del p");
	assert_refused(config, "network add x uplink m", -EBUSY, "first: match del m");
	assert_refused(config, "port del x", -ENOENT, "x was not added");
	assert_refused(config, "port del m", -ENOENT, "match del m");
	assert_refused(config, "port set m network dmz", -ENOENT, "match del m");
	assert_refused(config, "match del x", -ENOENT, "no match x");
	/* Wildcards may meet an uplink, and a match may name a port or a patch's end. */
	assert_done(config, "match add eth* network dmz", true);
	ecs_config_free(config);
}

static void wrong_patches_are_refused(void **state)
{
	struct ecs_config *config =
		MAKE("network add lan uplink eth0", "port add p network lan", "patch add a b",
		     "patch add c d oneway", "patch add e d oneway", "patch add eth0 x");

	assert_refused(config, "patch add y y", -EINVAL, "to itself");
	assert_refused(config, "patch add a y", -EEXIST, "first: patch del a b");
	assert_refused(config, "patch add b y", -EEXIST, "first: patch del a b");
	assert_refused(config, "patch add y b", -EBUSY, "b is patched already");
	assert_refused(config, "patch add y c", -EBUSY, "c is patched already");
	assert_refused(config, "patch add p y", -EBUSY, "first: port del p");
	assert_refused(config, "patch add y p oneway", -EBUSY, "first: port del p");
	assert_refused(config, "patch del y", -ENOENT, "y is not patched");
	assert_refused(config, "patch del d", -ENOENT, "one from c to d");
	assert_refused(config, "patch del a d", -ENOENT, "one from a to b");
	assert_done(config, "patch add y b oneway", true);
	assert_done(config, "patch del y b", true);
	assert_done(config, "patch add d c oneway", true);
	assert_done(config, "patch del b a", true);
	assert_done(config, "patch del e", true);
	assert_dump(config, "network add lan uplink eth0\nport add p network lan\n"
			    "patch add c d oneway\npatch add eth0 x\npatch add d c oneway\n");
}

static void wrong_static_addresses_are_refused(void **state)
{
	struct ecs_config *config =
		MAKE("network add lan uplink eth0", "network add v5 uplink eth0 vlan 5",
		     "port add p network lan", "fdb add 02:00:00:00:00:01 p");

	assert_refused(config, "fdb add 01:00:00:00:00:01 p", -EINVAL, "multicast");
	assert_refused(config, "fdb add ff:ff:ff:ff:ff:ff p", -EINVAL, "multicast");
	assert_refused(config, "fdb add 00:00:00:00:00:00 p", -EINVAL, "no address");
	assert_refused(config, "fdb add 02:00:00:00:00:01 p", -EEXIST, "bound to p");
	assert_refused(config, "fdb add 02:00:00:00:00:01 q network lan", -EEXIST, "bound to p");
	assert_refused(config, "fdb add 02:00:00:00:00:02 p network v5", -EINVAL,
		       "port of network lan, not of v5");
	assert_refused(config, "fdb add 02:00:00:00:00:02 p network x", -EINVAL, "not of x");
	assert_refused(config, "fdb add 02:00:00:00:00:02 q network x", -ENOENT, "no network x");
	assert_refused(config, "fdb add 02:00:00:00:00:02 eth0", -EINVAL, "say which");
	assert_refused(config, "fdb del 02:00:00:00:00:09", -ENOENT, "no static entry");
	assert_refused(config, "fdb del 02:00:00:00:00:01 network v5", -ENOENT, "in network v5");
	assert_done(config, "fdb add 02:00:00:00:00:01 eth0 network v5", true);
	assert_refused(config, "fdb del 02:00:00:00:00:01", -EINVAL, "several networks");
	assert_done(config, "fdb del 02:00:00:00:00:01 network v5", true);
	assert_done(config, "fdb del 02:00:00:00:00:01", true);
	ecs_config_free(config);
}

static void static_addresses_follow_their_port(void **state)
{
	struct ecs_config *config = MAKE(
		"network add lan", "network add dmz", "fdb add 02:00:00:00:00:01 p",
		"fdb add 02:00:00:00:00:02 q", "port add p network lan", "port set p network dmz");

	assert_dump(config, "fdb add 02:00:00:00:00:02 q\nnetwork add lan\nnetwork add dmz\n"
			    "port add p network dmz\nfdb add 02:00:00:00:00:01 p network dmz\n");
}

static void a_port_cannot_join_where_its_address_is_taken(void **state)
{
	struct ecs_config *config =
		MAKE("network add lan", "network add dmz", "port add p network lan",
		     "fdb add 02:00:00:00:00:01 p", "fdb add 02:00:00:00:00:01 q network dmz",
		     "fdb add 02:00:00:00:00:01 r");

	assert_refused(config, "port set p network dmz", -EEXIST, "network dmz has that too");
	assert_refused(config, "port add q network lan", -EBUSY, "in network dmz; first");
	assert_refused(config, "port add r network dmz", -EEXIST, "network dmz has that too");
	ecs_config_free(config);
}

static void an_uplink_gives_its_only_network_to_an_address(void **state)
{
	assert_dump(MAKE("network add lan uplink eth0", "fdb add 02:00:00:00:00:01 eth0"),
		    "network add lan uplink eth0\nfdb add 02:00:00:00:00:01 eth0 network lan\n");
}

static void if_needed_takes_what_is_so_already(void **state)
{
	struct ecs_config *config =
		MAKE("network add lan uplink eth0 vlan 5", "match add v* network lan kind veth",
		     "port add p network lan", "patch add a b", "patch add c d oneway",
		     "fdb add 02:00:00:00:00:01 p");
	static const char *const same[] = {
		"network add lan --if-needed",
		"network add lan uplink eth0 vlan 5 --if-needed",
		"network del x --if-needed",
		"match add v* network lan kind veth --if-needed",
		"match del x --if-needed",
		"port add p network lan --if-needed",
		"port del x --if-needed",
		"patch add a b --if-needed",
		"patch add b a --if-needed",
		"patch add c d oneway --if-needed",
		"patch del x --if-needed",
		"patch del d --if-needed",
		"fdb add 02:00:00:00:00:01 p --if-needed",
		"fdb add 02:00:00:00:00:01 p network lan --if-needed",
		"fdb del 02:00:00:00:00:02 --if-needed",
	};

	for (size_t i = 0; i < ECS_ARRAY_SIZE(same); i++)
		assert_done(config, same[i], false);
	ecs_config_free(config);
}

static void if_needed_refuses_what_is_otherwise(void **state)
{
	struct ecs_config *config =
		MAKE("network add lan uplink eth0", "network add dmz",
		     "match add v* network lan kind veth", "port add p network lan",
		     "patch add a b", "patch add c d oneway", "fdb add 02:00:00:00:00:01 p");

	assert_refused(config, "network add lan uplink eth1 --if-needed", -EEXIST, "other options");
	assert_refused(config, "match add v* network lan --if-needed", -EEXIST, "kind veth");
	assert_refused(config, "port add p network dmz --if-needed", -EEXIST, "network lan");
	assert_refused(config, "patch add a c --if-needed", -EEXIST, "patched already");
	assert_refused(config, "patch add a b oneway --if-needed", -EEXIST, "patched already");
	assert_refused(config, "patch add c d --if-needed", -EEXIST, "patched already");
	assert_refused(config, "fdb add 02:00:00:00:00:01 q network lan --if-needed", -EEXIST,
		       "bound to p");
	assert_refused(config, "network del lan --if-needed", -EBUSY, "in use");
	ecs_config_free(config);
}

static void only_configuration_can_be_applied(void **state)
{
	struct ecs_config *config = ecs_config_new();

	assert_refused(config, "show", -EINVAL, "configures nothing");
	assert_refused(config, "fdb flush", -EINVAL, "configures nothing");
	for (const struct ecs_command *c = ecs_commands; c->words; c++) {
		json_t *none = json_object();
		struct ecs_err err = {};
		bool changed;

		if (c->flags & ECS_COMMAND_CONFIG)
			ecs_config_apply(config, c, none, &changed, &err);
		assert_null(strstr(err.text, "configures nothing"));
		json_decref(none);
	}
	ecs_config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(networks_start_with_the_defaults),
		cmocka_unit_test(network_set_changes_what_it_names),
		cmocka_unit_test(networks_that_cannot_stand_together_are_refused),
		cmocka_unit_test(a_network_in_use_cannot_go),
		cmocka_unit_test(wrong_ports_and_matches_are_refused),
		cmocka_unit_test(wrong_patches_are_refused),
		cmocka_unit_test(wrong_static_addresses_are_refused),
		cmocka_unit_test(static_addresses_follow_their_port),
		cmocka_unit_test(a_port_cannot_join_where_its_address_is_taken),
		cmocka_unit_test(an_uplink_gives_its_only_network_to_an_address),
		cmocka_unit_test(if_needed_takes_what_is_so_already),
		cmocka_unit_test(if_needed_refuses_what_is_otherwise),
		cmocka_unit_test(only_configuration_can_be_applied),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
