// SPDX-License-Identifier: Apache-2.0
/*
 * Casts and receivers in the desired configuration: what is refused and why, and the limits.
 */
#include "config_unit.h"

#include <errno.h>

#define TV "cast add tv from eth0 dst 239.1.1.1 port 5000"
#define T6 "cast add t6 from eth0 dst ff05::1 port 5000"

static void receivers_survive_a_dump(void **state)
{
	struct ecs_config *config =
		MAKE(TV " src 10.0.0.9 codec hevc original keep", T6, "cast to tv v0",
		     "cast to tv v1 policy ref to 10.0.0.7:6000 mac 02:00:00:00:00:07",
		     "cast to tv v2 policy gop half audio drop to 239.9.9.9",
		     "cast to t6 v0 to fd00::7 mac 02:00:00:00:00:07",
		     "cast to t6 v1 to [FF05:0::9]:6000", "cast to t6 host to [fd00::1]:7000");

	assert_dump(config,
		    TV " src 10.0.0.9 codec hevc original keep\n" T6 "\ncast to tv v0 policy all\n"
		       "cast to tv v1 policy ref to 10.0.0.7:6000 mac 02:00:00:00:00:07\n"
		       "cast to tv v2 policy \"gop half audio drop\" to 239.9.9.9 mac "
		       "01:00:5e:09:09:09\n"
		       "cast to t6 v0 policy all to fd00::7 mac 02:00:00:00:00:07\n"
		       "cast to t6 v1 policy all to [ff05::9]:6000 mac 33:33:00:00:00:09\n"
		       "cast to t6 host policy all to [fd00::1]:7000\n");
}

static void wrong_casts_are_refused(void **state)
{
	struct ecs_config *config = MAKE("network add lan", TV);

	assert_refused(config, "cast add tv from eth0 dst 239.1.1.2 port 5000", -EEXIST,
		       "first: cast del tv");
	assert_refused(config, "cast add tw from eth0 dst 239.1.1.1 port 5000 src 10.0.0.9",
		       -EEXIST, "cast to tv IF");
	assert_refused(config, "cast add tw dst 239.1.1.2 port 5000", -EINVAL, "either from IF");
	assert_refused(config, "cast add tw from eth0 network lan dst 239.1.1.2 port 5000", -EINVAL,
		       "either from IF");
	assert_refused(config, "cast add tw network no dst 239.1.1.2 port 5000", -ENOENT,
		       "network add no");
	assert_refused(config, "cast add tw from eth0 dst 239.1.1.2 port 5000 src ff05::1", -EINVAL,
		       "both be IPv4 or both IPv6");
	assert_refused(config, "cast add tw from eth0 dst 0.0.0.0 port 5000", -EINVAL,
		       "no stream goes");
	assert_refused(config, "cast add tw from eth0 dst 127.0.0.1 port 5000", -EINVAL,
		       "no stream goes");
	assert_refused(config, "cast add tw from eth0 dst :: port 5000", -EINVAL, "no stream goes");
	assert_refused(config, "cast add tw from eth0 dst ::1 port 5000", -EINVAL,
		       "no stream goes");
	assert_refused(config, "cast del tw", -ENOENT, "cast list");
	ecs_config_free(config);
}

static void wrong_receivers_are_refused(void **state)
{
	struct ecs_config *config = MAKE("network add lan", TV, T6, "cast to tv v0");

	assert_refused(config, "cast to tw v0", -ENOENT, "cast list");
	assert_refused(config, "cast to tv", -EINVAL, "either IF, or network NAME, or host");
	assert_refused(config, "cast to tv v1 network lan", -EINVAL, "either IF");
	assert_refused(config, "cast to tv v1 host", -EINVAL, "either IF");
	assert_refused(config, "cast to tv v0 policy ref", -EEXIST, "cast set tv v0");
	assert_refused(config, "cast to tv eth0", -EINVAL, "name another link");
	assert_refused(config, "cast to tv network no", -ENOENT, "network add no");
	assert_refused(config, "cast to tv v1 to 10.0.0.7", -EINVAL, "mac MAC");
	assert_refused(config, "cast to tv v1 to 0.0.0.0:5 mac 02:00:00:00:00:07", -EINVAL,
		       "nobody can be reached");
	assert_refused(config, "cast to tv v1 to fd00::7 mac 02:00:00:00:00:07", -EINVAL,
		       "tv is IPv4");
	assert_refused(config, "cast to t6 v1 to 10.0.0.7 mac 02:00:00:00:00:07", -EINVAL,
		       "t6 is IPv6");
	assert_refused(config, "cast to t6 v1 to [fd00::7]:5", -EINVAL, "to [fd00::7]:5 needs");
	assert_refused(config, "cast set tv v1 policy ref", -ENOENT, "cast show tv");
	assert_refused(config, "cast off tv v1", -ENOENT, "cast show tv");
	assert_refused(config, "cast off tv", -EINVAL, "either IF");
	ecs_config_free(config);
}

/* Frames to 00:00:00:00:00:00 reach nobody, and one receiver's address has no group's MAC. */
static void macs_that_no_receiver_has_are_refused(void **state)
{
	struct ecs_config *config = MAKE(TV, T6);

	assert_refused(config, "cast to tv v1 to 10.0.0.7 mac 00:00:00:00:00:00", -EINVAL,
		       "mac 00:00:00:00:00:00 is no address of a station");
	assert_refused(config, "cast to tv v1 to 239.9.9.9 mac 00:00:00:00:00:00", -EINVAL,
		       "no address of a station");
	assert_refused(config, "cast to tv host to 10.0.0.1 mac 00:00:00:00:00:00", -EINVAL,
		       "no address of a station");
	assert_refused(config, "cast to tv v1 mac 00:00:00:00:00:00", -EINVAL,
		       "no address of a station");
	assert_refused(config, "cast to tv v1 to 10.0.0.7:5 mac 01:00:5e:09:09:09", -EINVAL,
		       "to 10.0.0.7:5: 01:00:5e:09:09:09 is the MAC address of a group");
	assert_refused(config, "cast to t6 v1 to fd00::7 mac ff:ff:ff:ff:ff:ff", -EINVAL,
		       "of a group");
	/* A group's stream can be sent to one member alone, and 10.0.0.255 may be a broadcast
	 * address. */
	assert_done(config, "cast to tv v4 to 10.0.0.255 mac ff:ff:ff:ff:ff:ff", true);
	assert_done(config, "cast to tv v1 to 239.9.9.9 mac 02:00:00:00:00:07", true);
	assert_done(config, "cast to tv v2 to 239.9.9.9 mac 01:00:5e:09:09:09", true);
	assert_done(config, "cast to tv v3 mac 02:00:00:00:00:07", true);
	ecs_config_free(config);
}

static void fill(struct ecs_config *config, const char *format, int count)
{
	char line[128];

	for (int i = 0; i < count; i++) {
		snprintf(line, sizeof(line), format, i, i);
		assert_done(config, line, true);
	}
}

static void there_are_64_casts_and_no_more(void **state)
{
	struct ecs_config *config = ecs_config_new();

	fill(config, "cast add c%d from eth0 dst 239.1.1.%d port 5000", ECS_STREAMS_MAX);
	assert_refused(config, "cast add tv from eth0 dst 239.2.1.1 port 5000", -ENOSPC,
		       "there are 64 casts");
	assert_done(config, "cast del c7", true);
	assert_done(config, "cast add tv from eth0 dst 239.2.1.1 port 5000", true);
	ecs_config_free(config);
}

static void cast_has_256_receivers_and_no_more(void **state)
{
	struct ecs_config *config = MAKE(TV, T6, "network add lan", "cast to tv network lan");

	fill(config, "cast to tv v%d", ECS_RECEIVERS_MAX);
	assert_refused(config, "cast to tv more", -ENOSPC, "tv has 256 receivers");
	assert_done(config, "cast to t6 more", true);
	assert_done(config, "cast set tv v9 policy ref", true);
	assert_done(config, "cast off tv v9", true);
	assert_done(config, "cast to tv more", true);
	ecs_config_free(config);
}

static void cast_has_32_policies_and_no_more(void **state)
{
	struct ecs_config *config = MAKE(TV);

	fill(config, "cast to tv v%d policy fps 1%d", ECS_CAST_GROUPS_MAX);
	assert_refused(config, "cast to tv more policy ref", -ENOSPC, "32 different policies");
	assert_done(config, "cast to tv more policy fps 17", true);
	assert_refused(config, "cast set tv more policy ref", -ENOSPC, "32 different policies");
	assert_done(config, "cast set tv v0 policy ref", true);
	/* Those of the steps of "auto" count; this cast has one of them. */
	fill(config, "cast off tv v%d", 4);
	assert_refused(config, "cast to tv v0 policy auto", -ENOSPC, "auto counts as 5");
	assert_done(config, "cast off tv v4", true);
	assert_done(config, "cast to tv v0 policy auto", true);
	ecs_config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(receivers_survive_a_dump),
		cmocka_unit_test(wrong_casts_are_refused),
		cmocka_unit_test(wrong_receivers_are_refused),
		cmocka_unit_test(macs_that_no_receiver_has_are_refused),
		cmocka_unit_test(there_are_64_casts_and_no_more),
		cmocka_unit_test(cast_has_256_receivers_and_no_more),
		cmocka_unit_test(cast_has_32_policies_and_no_more),
	};

	return cmocka_run_group_tests_name("config_cast", tests, NULL, NULL);
}
