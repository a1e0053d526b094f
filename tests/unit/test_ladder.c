// SPDX-License-Identifier: Apache-2.0
/* When a receiver with the policy "auto" goes a step down or up. */
#include "unit.h"

#include "userspace/daemon/ladder_step.h"
#include "userspace/lib/policy.h"

static struct ecs_ladder ladder;
static uint64_t drops;

static void begin(void)
{
	ladder = (struct ecs_ladder){};
	drops = 1000; /* of a time before the cast */
	assert_false(ecs_ladder_step(&ladder, drops));
}

/* Seconds without a drop until a step up. */
static unsigned int quiet(void)
{
	for (unsigned int s = 1; s < 1000; s++)
		if (ecs_ladder_step(&ladder, drops))
			return s;
	return 0;
}

static bool lossy_second(void)
{
	return ecs_ladder_step(&ladder, drops += 3);
}

static void old_drops_count_for_nothing(void **unused)
{
	begin();
	assert_false(ecs_ladder_step(&ladder, drops));
	assert_int_equal(ladder.step, 0);
}

static void each_lossy_second_is_a_step_down_to_the_last(void **unused)
{
	begin();
	for (unsigned int step = 1; step < ECS_POLICY_STEPS; step++) {
		assert_true(lossy_second());
		assert_int_equal(ladder.step, step);
	}
	assert_false(lossy_second());
	assert_int_equal(ladder.step, ECS_POLICY_STEPS - 1);
}

static void quiet_time_leads_up_and_no_further_than_all(void **unused)
{
	begin();
	lossy_second();
	lossy_second();
	assert_int_equal(quiet(), ECS_LADDER_WAIT_S);
	assert_int_equal(ladder.step, 1);
	assert_int_equal(quiet(), ECS_LADDER_WAIT_S);
	assert_int_equal(ladder.step, 0);
	assert_int_equal(quiet(), 0);
}

static void failed_climbs_wait_longer_but_not_for_ever(void **unused)
{
	unsigned int wait = ECS_LADDER_WAIT_S;

	begin();
	lossy_second();
	for (int i = 0; i < 10; i++) {
		assert_int_equal(quiet(), wait);
		assert_true(lossy_second());
		wait = wait * 2 < ECS_LADDER_WAIT_MAX_S ? wait * 2 : ECS_LADDER_WAIT_MAX_S;
	}
	assert_int_equal(wait, ECS_LADDER_WAIT_MAX_S);
}

static void climb_that_held_makes_the_next_one_short_again(void **unused)
{
	begin();
	lossy_second();
	quiet();
	lossy_second();
	assert_int_equal(quiet(), 2 * ECS_LADDER_WAIT_S);
	for (int s = 0; s <= ECS_LADDER_PROOF_S; s++)
		ecs_ladder_step(&ladder, drops);
	lossy_second();
	assert_int_equal(quiet(), ECS_LADDER_WAIT_S);
}

static void counter_that_begins_anew_is_no_drop(void **unused)
{
	begin();
	assert_false(ecs_ladder_step(&ladder, 5));
	assert_true(ecs_ladder_step(&ladder, 6));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(old_drops_count_for_nothing),
		cmocka_unit_test(each_lossy_second_is_a_step_down_to_the_last),
		cmocka_unit_test(quiet_time_leads_up_and_no_further_than_all),
		cmocka_unit_test(failed_climbs_wait_longer_but_not_for_ever),
		cmocka_unit_test(climb_that_held_makes_the_next_one_short_again),
		cmocka_unit_test(counter_that_begins_anew_is_no_drop),
	};

	return cmocka_run_group_tests_name("ladder", tests, NULL, NULL);
}
