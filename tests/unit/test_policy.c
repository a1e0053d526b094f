// SPDX-License-Identifier: Apache-2.0
/*
 * The words of a cast's policies, and the steps of "auto".
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "userspace/lib/policy.h"

static const char *const same[] = {"all",
				   "key",
				   "ref",
				   "thin 50%",
				   "drop ref 10% force",
				   "drop key 100% force",
				   "fps 12",
				   "gop 1000",
				   "gop half",
				   "rate 2M",
				   "rate 1500k",
				   "rate 64001",
				   "auto",
				   "ref audio drop nulls strip join now",
				   "auto join now",
				   "drop ref 100% force audio drop nulls strip join now"};

static const char *const wrong[] = {"",
				    "none",
				    "thin",
				    "thin 50",
				    "thin 101%",
				    "thin %",
				    "drop ref 10%",
				    "drop 10%",
				    "ref ref",
				    "thin 5% force",
				    "drop nonref 5% please",
				    "audio drop",
				    "ref audio",
				    "ref audio strip",
				    "ref audio drop audio drop",
				    "ref all",
				    "fps",
				    "fps 0",
				    "fps 241",
				    "fps 12.5",
				    "gop 0",
				    "gop 1001",
				    "rate 0",
				    "rate 999",
				    "rate 5G",
				    "rate M",
				    "rate 5000M",
				    "rate -1",
				    "auto 3",
				    "thin 0050%"};

static void policies_parse_and_come_back(void **unused)
{
	char text[ECS_POLICY_TEXT_MAX];
	struct ecs_policy policy;

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		assert_int_equal(ecs_policy_parse(same[i], &policy), 0);
		assert_string_equal(ecs_policy_format(&policy, text), same[i]);
	}
}

static void policies_come_back_in_their_shortest_words(void **unused)
{
	char text[ECS_POLICY_TEXT_MAX];
	struct ecs_policy policy;

	assert_int_equal(ecs_policy_parse("drop nonref 50%", &policy), 0);
	assert_string_equal(ecs_policy_format(&policy, text), "thin 50%");
	assert_int_equal(ecs_policy_parse("ref join now nulls keep audio drop", &policy), 0);
	assert_string_equal(ecs_policy_format(&policy, text), "ref audio drop join now");
	assert_int_equal(ecs_policy_parse("rate 2000000", &policy), 0);
	assert_string_equal(ecs_policy_format(&policy, text), "rate 2M");
}

static void wrong_policies_are_refused(void **unused)
{
	struct ecs_policy policy;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (ecs_policy_parse(wrong[i], &policy) == 0)
			fail_msg("\"%s\" was taken", wrong[i]);
}

static int words_of(const char *line)
{
	char copy[128], *words[16], *save = NULL;
	int n = 0;

	strcpy(copy, line);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		words[n++] = word;
	return ecs_policy_words(n, words);
}

static void policy_ends_where_the_next_keyword_begins(void **unused)
{
	assert_int_equal(words_of("all to 10.0.0.1"), 1);
	assert_int_equal(words_of("thin 50% mac 02:00:00:00:00:01"), 2);
	assert_int_equal(words_of("drop ref 10% force audio drop to 10.0.0.1"), 6);
	assert_int_equal(words_of("rate 2M nulls strip join now to 10.0.0.1"), 6);
	assert_int_equal(words_of("gop"), 1);
	assert_int_equal(words_of("auto audio"), 2);
}

static void auto_steps_are_policies_that_tell_their_step(void **unused)
{
	static const char *const steps[] = {"all", "thin 50%", "ref", "gop half", "key"};
	struct ecs_policy policy, step;
	char text[ECS_POLICY_TEXT_MAX], wanted[ECS_POLICY_TEXT_MAX];

	assert_int_equal(ecs_policy_parse("auto audio drop", &policy), 0);
	for (unsigned int i = 0; i < ECS_POLICY_STEPS; i++) {
		step = ecs_policy_step(&policy, i);
		snprintf(wanted, sizeof(wanted), "%s audio drop", steps[i]);
		assert_string_equal(ecs_policy_format(&step, text), wanted);
		assert_int_equal(ecs_policy_step_of(&step), i);
	}
	assert_int_equal(ecs_policy_parse("fps 5", &policy), 0);
	step = ecs_policy_step(&policy, 3);
	assert_true(ecs_policy_same(&step, &policy));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policies_parse_and_come_back),
		cmocka_unit_test(policies_come_back_in_their_shortest_words),
		cmocka_unit_test(wrong_policies_are_refused),
		cmocka_unit_test(policy_ends_where_the_next_keyword_begins),
		cmocka_unit_test(auto_steps_are_policies_that_tell_their_step),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
