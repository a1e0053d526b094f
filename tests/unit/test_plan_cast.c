// SPDX-License-Identifier: Apache-2.0
/*
 * Receivers of casts and the groups that they share, on links that exist only here.
 */
#include "plan_world.h"

#include <errno.h>
#include <stdlib.h>

#include "userspace/lib/policy.h"

static void begin(struct world *w)
{
	configure(w, "network add lan\nmatch add v* network lan\n"
		     "cast add tv from src dst 239.1.1.1 port 5000\nport add src network lan\n");
	appear(w, 2, "src", "tap");
}

static void appear_many(struct world *w, uint32_t first, uint32_t count)
{
	char name[16];

	for (uint32_t i = first; i < first + count; i++) {
		snprintf(name, sizeof(name), "v%u", i);
		appear(w, i, name, "tap");
	}
}

static const struct ecs_state_cast *cast_of(const struct world *w)
{
	return ecs_state_cast_by_name(&w->have, "tv");
}

static const struct ecs_state_receiver *get(const struct world *w, const char *name)
{
	return ecs_state_cast_receiver(cast_of(w), name);
}

static const struct ecs_state_group *group_of(const struct world *w, const char *name)
{
	return ecs_state_cast_group(cast_of(w), get(w, name)->state);
}

/* Each receiver is in a group of its policy, and no state or number is there twice. */
static void assert_sound(const struct world *w)
{
	const struct ecs_state_cast *cast = cast_of(w);

	assert_true(cast->group_count <= ECS_CAST_GROUPS_MAX);
	for (size_t i = 0; i < cast->receiver_count; i++) {
		const struct ecs_state_receiver *to = &cast->receivers[i];
		const struct ecs_state_group *group = ecs_state_cast_group(cast, to->state);

		assert_non_null(group);
		assert_true(ecs_policy_same(&group->policy, &to->policy));
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(to->record.number, cast->receivers[k].record.number);
	}
	for (size_t i = 0; i < cast->group_count; i++)
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(cast->groups[i].state, cast->groups[k].state);
}

static void receivers_of_one_policy_share_a_group(void **state)
{
	struct world *w = *state;

	begin(w);
	appear_many(w, 10, 3);
	configure(w, "cast to tv v10\ncast to tv v11 policy ref\ncast to tv v12\n");
	turn(w);
	assert_int_equal(cast_of(w)->group_count, 2);
	assert_int_equal(get(w, "v10")->state, get(w, "v12")->state);
	assert_sound(w);
	turn(w);
	assert_int_equal(w->plan.count, 0);
}

static void change_of_a_policy_takes_the_state_along(void **state)
{
	struct world *w = *state;
	uint16_t shared;

	begin(w);
	appear_many(w, 10, 3);
	configure(w, "cast to tv v10\ncast to tv v11\ncast to tv v12 policy ref\n");
	turn(w);
	shared = get(w, "v10")->state;
	/* Out of a group that others stay in, beside one that has the new policy already. */
	configure(w, "cast set tv v11 policy ref\n");
	turn(w);
	assert_int_equal(get(w, "v10")->state, shared);
	assert_int_equal(group_of(w, "v11")->seed, 1 + shared);
	assert_int_not_equal(get(w, "v11")->state, get(w, "v12")->state);
	assert_sound(w);
	/* Alone, it stays where it is. */
	shared = get(w, "v11")->state;
	configure(w, "cast set tv v11 policy key\n");
	turn(w);
	assert_int_equal(get(w, "v11")->state, shared);
	assert_int_equal(group_of(w, "v11")->seed, 0);
	assert_sound(w);
}

static void receivers_that_change_together_stay_together(void **state)
{
	struct world *w = *state;

	begin(w);
	appear_many(w, 10, 4);
	configure(w, "cast to tv v10\ncast to tv v11\ncast to tv v12\ncast to tv v13\n");
	turn(w);
	configure(w, "cast set tv v11 policy ref\ncast set tv v12 policy ref\n");
	turn(w);
	assert_int_equal(cast_of(w)->group_count, 2);
	assert_int_equal(get(w, "v11")->state, get(w, "v12")->state);
	assert_sound(w);
}

static void new_receiver_joins_the_group_of_its_policy(void **state)
{
	struct world *w = *state;

	begin(w);
	appear_many(w, 10, 2);
	configure(w, "cast to tv v10 policy ref\n");
	turn(w);
	configure(w, "cast to tv v11 policy ref\n");
	turn(w);
	assert_int_equal(cast_of(w)->group_count, 1);
	assert_sound(w);
}

/* Who does not go on where it was has another turn. Return: how many there are. */
static int assert_turns(const struct ecs_state_cast *old, const struct world *w)
{
	const struct ecs_state_cast *cast = cast_of(w);
	int turned = 0;

	for (size_t i = 0; i < cast->receiver_count; i++) {
		const struct ecs_state_receiver *to = &cast->receivers[i],
						*was = ecs_state_cast_receiver(old, to->name);
		bool goes_on = to->state == was->state ||
			       ecs_state_cast_group(cast, to->state)->seed == was->state + 1;

		assert_int_equal(to->record.turn, (uint8_t)(was->record.turn + !goes_on));
		turned += !goes_on;
	}
	return turned;
}

/* Everybody leaves one group for policies of its own and back: more groups than there can be. */
static void too_many_groups_are_merged(void **state)
{
	struct world *w = *state;
	struct ecs_state_cast old;
	char line[80];
	int turned = 0;

	begin(w);
	appear_many(w, 10, 100);
	for (int i = 10; i < 110; i++) {
		snprintf(line, sizeof(line), "cast to tv v%d\n", i);
		configure(w, line);
	}
	turn(w);
	srandom(1);
	for (int i = 0; i < 2000; i++) {
		snprintf(line, sizeof(line), "cast set tv v%ld policy gop %ld\n",
			 10 + random() % 100, 1 + random() % 30);
		configure(w, line);
		old = *cast_of(w);
		turn(w);
		assert_sound(w);
		turned += assert_turns(&old, w);
	}
	assert_true(turned > 0);
	assert_int_equal(cast_of(w)->group_count, ECS_CAST_GROUPS_MAX);
}

static void auto_counts_as_all_of_its_steps(void **state)
{
	struct world *w = *state;
	struct ecs_err err = {};
	bool changed;
	json_t *params =
		json_pack("{s:s, s:s, s:s}", "name", "tv", "port", "v99", "policy", "auto");
	const struct ecs_command *command = ecs_command_by_method("cast.to");
	char line[80];

	begin(w);
	for (int i = 1; i <= 28; i++) {
		snprintf(line, sizeof(line), "cast to tv v%d policy fps %d\n", i, i);
		configure(w, line);
	}
	assert_int_equal(ecs_config_apply(w->config, command, params, &changed, &err), -ENOSPC);
	configure(w, "cast off tv v1\n");
	assert_int_equal(ecs_config_apply(w->config, command, params, &changed, &err), 0);
	json_decref(params);
}

static void auto_goes_on_with_the_step_that_is_in_force(void **state)
{
	struct world *w = *state;
	struct ecs_state_receiver *to;

	begin(w);
	appear_many(w, 10, 1);
	configure(w, "cast to tv v10 policy auto\n");
	turn(w);
	assert_int_equal(get(w, "v10")->policy.kind, ECS_POLICY_ALL);
	to = (struct ecs_state_receiver *)get(w, "v10");
	to->ladder.step = 2;
	turn(w);
	assert_int_equal(w->plan.count, 1);
	assert_int_equal(get(w, "v10")->policy.kind, ECS_POLICY_REF);
	/* As an earlier daemon's maps tell it. */
	to = (struct ecs_state_receiver *)get(w, "v10");
	to->follows = false;
	to->ladder = (struct ecs_ladder){};
	turn(w);
	assert_int_equal(get(w, "v10")->ladder.step, 2);
	assert_int_equal(get(w, "v10")->policy.kind, ECS_POLICY_REF);
}

static void network_is_all_its_ports_but_the_source_and_those_named(void **state)
{
	struct world *w = *state;

	begin(w);
	appear_many(w, 10, 2);
	configure(w, "cast to tv network lan policy ref\ncast to tv v11 policy key\n");
	turn(w);
	assert_int_equal(cast_of(w)->receiver_count, 2);
	assert_int_equal(get(w, "v10")->record.flags, ECS_RECEIVER_MEMBER);
	assert_int_equal(get(w, "v11")->policy.kind, ECS_POLICY_KEY);
	assert_null(get(w, "src"));
	appear_many(w, 12, 1);
	turn(w);
	assert_non_null(get(w, "v12"));
	assert_sound(w);
	configure(w, "cast off tv v11\n");
	turn(w);
	assert_int_equal(get(w, "v11")->policy.kind, ECS_POLICY_REF);
	assert_int_equal(ecs_observed_link_del(&w->observed, 12), 1);
	turn(w);
	assert_null(get(w, "v12"));
}

/* Who is named has room, whatever ports a network has. */
static void network_gets_the_room_that_is_left(void **state)
{
	struct world *w = *state;

	begin(w);
	appear_many(w, 10, ECS_RECEIVERS_MAX + 10);
	configure(w, "cast to tv network lan\n");
	turn(w);
	assert_int_equal(cast_of(w)->receiver_count, ECS_RECEIVERS_MAX);
	assert_sound(w);
	configure(w, "cast to tv v275 policy key\ncast to tv later\n");
	turn(w);
	assert_int_equal(cast_of(w)->receiver_count, ECS_RECEIVERS_MAX);
	assert_non_null(get(w, "v275"));
	assert_non_null(get(w, "later"));
	assert_sound(w);
}

static void host_is_the_gateway_or_else_the_uplink(void **state)
{
	struct world *w = *state;

	begin(w);
	configure(w, "cast to tv host\n");
	turn(w);
	assert_int_equal(get(w, ECS_HOST_NAME)->ifindex, 0);
	appear(w, 3, "eth0", "");
	configure(w, "network set lan uplink eth0\n");
	turn(w);
	assert_int_equal(get(w, ECS_HOST_NAME)->ifindex, 3);
	assert_int_equal(get(w, ECS_HOST_NAME)->record.flags, ECS_RECEIVER_HOST);
	configure(w, "cast off tv host\ncast to tv host to 10.0.0.1\n");
	turn(w);
	assert_true(get(w, ECS_HOST_NAME)->record.flags & ECS_RECEIVER_MAC);
	assert_int_equal(get(w, ECS_HOST_NAME)->record.mac[5], 3);
}

/* Its MAC goes with an address of IPv6, too; that of a group makes its own. */
static void copies_of_ipv6_are_sent_to_other_addresses(void **state)
{
	static const uint8_t to[16] = {0xfd, [15] = 1}, group[16] = {0xff, 5, [15] = 9};
	static const uint8_t mac[6] = {0x33, 0x33, 0, 0, 0, 9};
	struct world *w = *state;

	begin(w);
	configure(w, "cast del tv\ncast add tv from src dst ff05::1 port 5000\n");
	appear_many(w, 9, 1);
	appear(w, 3, "eth0", "");
	configure(w, "network set lan uplink eth0\n");
	configure(w, "cast to tv host to [fd00::1]:6000\ncast to tv v9 to ff05::9\n");
	turn(w);
	assert_int_equal(get(w, ECS_HOST_NAME)->record.flags,
			 ECS_RECEIVER_HOST | ECS_RECEIVER_REWRITES);
	assert_memory_equal(get(w, ECS_HOST_NAME)->record.addr, to, sizeof(to));
	assert_int_equal(get(w, ECS_HOST_NAME)->record.mac[5], 3);
	assert_int_equal(get(w, "v9")->record.flags,
			 ECS_RECEIVER_MEMBER | ECS_RECEIVER_ADDR | ECS_RECEIVER_MAC);
	assert_memory_equal(get(w, "v9")->record.addr, group, sizeof(group));
	assert_memory_equal(get(w, "v9")->record.mac, mac, sizeof(mac));
}

static const struct ecs_op *set_of(const struct world *w)
{
	return find(w, ECS_OP_CAST_SET, 0);
}

/* Nothing that was learned of the stream goes on with another one under the same name. */
static void cast_with_another_destination_is_new(void **state)
{
	struct world *w = *state;

	begin(w);
	appear_many(w, 10, 1);
	configure(w, "cast to tv v10\n");
	turn(w);
	assert_null(set_of(w)->old);
	configure(w, "cast set tv v10 policy ref\n");
	turn(w);
	assert_non_null(set_of(w)->old);
	configure(w, "cast del tv\ncast add tv from src dst 239.1.1.2 port 5000\ncast to tv v10\n");
	turn(w);
	assert_int_equal(count(w, ECS_OP_CAST_DEL), 1);
	assert_null(set_of(w)->old);
}

/* But a policy or a word about the codec is no other stream. */
static void cast_with_another_codec_goes_on(void **state)
{
	struct world *w = *state;

	begin(w);
	appear_many(w, 10, 1);
	configure(w, "cast to tv v10\n");
	turn(w);
	configure(w, "cast del tv\ncast add tv from src dst 239.1.1.1 port 5000 codec hevc\n"
		     "cast to tv v10\n");
	turn(w);
	assert_int_equal(count(w, ECS_OP_CAST_DEL), 0);
	assert_non_null(set_of(w)->old);
}

/* A link may send into a network that it receives from: nobody gets its own stream back. */
static void link_that_is_named_gets_nothing_that_it_sends(void **state)
{
	struct world *w = *state;

	begin(w);
	configure(w, "cast del tv\ncast add tv network lan dst 239.1.1.1 port 5000\n"
		     "cast to tv src\ncast to tv host\n");
	turn(w);
	assert_int_equal(get(w, "src")->record.flags, ECS_RECEIVER_MEMBER);
	assert_int_equal(get(w, ECS_HOST_NAME)->record.flags, ECS_RECEIVER_HOST);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_new, world_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(receivers_of_one_policy_share_a_group),
		TEST(change_of_a_policy_takes_the_state_along),
		TEST(receivers_that_change_together_stay_together),
		TEST(new_receiver_joins_the_group_of_its_policy),
		TEST(too_many_groups_are_merged),
		TEST(auto_counts_as_all_of_its_steps),
		TEST(auto_goes_on_with_the_step_that_is_in_force),
		TEST(network_is_all_its_ports_but_the_source_and_those_named),
		TEST(network_gets_the_room_that_is_left),
		TEST(host_is_the_gateway_or_else_the_uplink),
		TEST(copies_of_ipv6_are_sent_to_other_addresses),
		TEST(cast_with_another_destination_is_new),
		TEST(cast_with_another_codec_goes_on),
		TEST(link_that_is_named_gets_nothing_that_it_sends),
	};

	return cmocka_run_group_tests_name("plan_cast", tests, NULL, NULL);
}
