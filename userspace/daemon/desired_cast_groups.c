// SPDX-License-Identifier: Apache-2.0
/*
 * Groups of a cast's receivers. A receiver that changes its policy takes along what was left out
 * of its copy so far: counters that go on and frames that are under way must fit what it got
 * before. So it stays in its group, if it is alone there, or gets one of its own that begins with
 * that group's state. Only if there are too many groups for that it joins another one, as a new
 * receiver does, at a keyframe. Pure.
 */
#include "desired_priv.h"

#include <string.h>

#include "userspace/lib/policy.h"

#define NO_STATE UINT16_MAX

struct grouping {
	struct ecs_state_cast *cast;
	const struct ecs_state_cast *old;
};

static struct ecs_state_group *find_policy(struct ecs_state_cast *cast,
					   const struct ecs_policy *policy, uint16_t seed)
{
	for (size_t i = 0; i < cast->group_count; i++)
		if (ecs_policy_same(&cast->groups[i].policy, policy) &&
		    (!seed || cast->groups[i].seed == seed))
			return &cast->groups[i];
	return NULL;
}

/* A state that no group has or had: twice as many as groups are enough. */
static uint16_t new_state(const struct grouping *g)
{
	uint16_t state = 0;

	while (state < ECS_CAST_STATES_MAX - 1 && (ecs_state_cast_group(g->cast, state) ||
						   (g->old && ecs_state_cast_group(g->old, state))))
		state++;
	return state;
}

static struct ecs_state_group *add_group(struct grouping *g, const struct ecs_policy *policy,
					 uint16_t state, uint16_t seed)
{
	struct ecs_state_group *group = &g->cast->groups[g->cast->group_count];

	*group = (struct ecs_state_group){*policy, state, seed};
	g->cast->group_count++;
	return group;
}

static const struct ecs_state_receiver *old_self(const struct grouping *g,
						 const struct ecs_state_receiver *to)
{
	return g->old ? ecs_state_cast_receiver(g->old, to->name) : NULL;
}

/* A group goes on with those that keep its policy; if none does, with those of its first one. */
static void keep_group(struct grouping *g, const struct ecs_state_group *was)
{
	const struct ecs_policy *policy = NULL;

	for (size_t i = 0; i < g->cast->receiver_count; i++) {
		const struct ecs_state_receiver *to = &g->cast->receivers[i];
		const struct ecs_state_receiver *self = old_self(g, to);

		if (!self || self->state != was->state)
			continue;
		if (!policy || ecs_policy_same(&to->policy, &was->policy))
			policy = &to->policy;
	}
	if (!policy)
		return;
	add_group(g, policy, was->state, 0);
	for (size_t i = 0; i < g->cast->receiver_count; i++) {
		struct ecs_state_receiver *to = &g->cast->receivers[i];
		const struct ecs_state_receiver *self = old_self(g, to);

		if (self && self->state == was->state && ecs_policy_same(&to->policy, policy))
			to->state = was->state;
	}
}

/* Groups that policies need which have none. */
static size_t count_missing(const struct grouping *g)
{
	struct ecs_policy seen[ECS_CAST_GROUPS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < g->cast->receiver_count; i++) {
		const struct ecs_policy *policy = &g->cast->receivers[i].policy;
		size_t k = 0;

		if (find_policy(g->cast, policy, 0))
			continue;
		while (k < n && !ecs_policy_same(&seen[k], policy))
			k++;
		if (k == n && n < ECS_CAST_GROUPS_MAX)
			seen[n++] = *policy;
	}
	return n;
}

/* Two groups of one policy become one. */
static bool merge_groups(struct ecs_state_cast *cast)
{
	for (size_t i = 0; i < cast->group_count; i++) {
		struct ecs_state_group gone = cast->groups[i];
		struct ecs_state_group *first = find_policy(cast, &gone.policy, 0);
		uint16_t state = first->state;

		if (first == &cast->groups[i])
			continue;
		memmove(&cast->groups[i], &cast->groups[i + 1],
			(cast->group_count - i - 1) * sizeof(gone));
		cast->group_count--;
		for (size_t k = 0; k < cast->receiver_count; k++)
			if (cast->receivers[k].state == gone.state)
				cast->receivers[k].state = state;
		return true;
	}
	return false;
}

/* Who comes from a group of another policy. */
static void move_receiver(struct grouping *g, struct ecs_state_receiver *to)
{
	const struct ecs_state_receiver *self = old_self(g, to);
	struct ecs_state_group *group;
	uint16_t seed;

	if (!self || !self->ifindex || self->ifindex != to->ifindex ||
	    !ecs_state_cast_group(g->old, self->state))
		return;
	seed = 1 + self->state;
	group = find_policy(g->cast, &to->policy, seed);
	if (!group && g->cast->group_count + count_missing(g) <
			      ECS_CAST_GROUPS_MAX + !find_policy(g->cast, &to->policy, 0))
		group = add_group(g, &to->policy, new_state(g), seed);
	if (group)
		to->state = group->state;
}

static void join_receiver(struct grouping *g, struct ecs_state_receiver *to)
{
	struct ecs_state_group *group = find_policy(g->cast, &to->policy, 0);

	if (!group && g->cast->group_count == ECS_CAST_GROUPS_MAX && !merge_groups(g->cast))
		return; /* more policies than groups: the configuration does not allow that */
	if (!group)
		group = add_group(g, &to->policy, new_state(g), 0);
	to->state = group->state;
}

/* Who does not go on where it was begins anew, in the very datagram that its group changes with. */
static void count_turn(const struct grouping *g, struct ecs_state_receiver *to)
{
	const struct ecs_state_receiver *self = old_self(g, to);
	const struct ecs_state_group *group = ecs_state_cast_group(g->cast, to->state);

	if (!self)
		return;
	to->record.turn = self->record.turn;
	if (group && self->state != to->state && group->seed != self->state + 1)
		to->record.turn++;
}

void ecs_desired_cast_groups(struct ecs_state_cast *cast, const struct ecs_state_cast *old)
{
	struct grouping g = {cast, old};

	for (size_t i = 0; i < cast->receiver_count; i++)
		cast->receivers[i].state = NO_STATE;
	for (size_t i = 0; old && i < old->group_count; i++)
		keep_group(&g, &old->groups[i]);
	for (size_t i = 0; i < cast->receiver_count; i++)
		if (cast->receivers[i].state == NO_STATE)
			move_receiver(&g, &cast->receivers[i]);
	for (size_t i = 0; i < cast->receiver_count; i++)
		if (cast->receivers[i].state == NO_STATE)
			join_receiver(&g, &cast->receivers[i]);
	for (size_t i = 0; i < cast->receiver_count; i++)
		count_turn(&g, &cast->receivers[i]);
}
