// SPDX-License-Identifier: Apache-2.0
/*
 * The maps of casts. Receivers and policies of a cast stand in two banks: the idle one is
 * written, and the write to ecs_streams makes it the one that holds.
 */
#include "datapath_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <ecswitch/cleanup.h>
#include "state.h"
#include "userspace/lib/policy.h"

static int set(int fd, uint32_t index, const void *value)
{
	return bpf_map_update_elem(fd, &index, value, BPF_ANY) < 0 ? -errno : 0;
}

static int get(int fd, uint32_t index, void *value)
{
	return bpf_map_lookup_elem(fd, &index, value) < 0 ? -errno : 0;
}

/* A cast that is new knows nothing of the one that had its id before. */
static int clear_cast(struct ecs_datapath *dp, uint16_t id)
{
	static const struct ecs_cast_state state;
	static const struct ecs_cast_pids pids;

	return set(dp->cast.states, id, &state) ?: set(dp->cast.pids, id, &pids);
}

/* A state that is new is empty, or as far as the one that it continues: the data path takes that
 * over once more, in the moment of the change. */
static int clear_groups(struct ecs_datapath *dp, const struct ecs_state_cast *cast,
			const struct ecs_state_cast *old)
{
	uint32_t first = cast->id * ECS_CAST_STATES_MAX;

	for (size_t i = 0; i < cast->group_count; i++) {
		const struct ecs_state_group *group = &cast->groups[i];
		struct ecs_cast_group_state state = {};
		int r = 0;

		if (old && ecs_state_cast_group(old, group->state))
			continue;
		if (group->seed)
			r = get(dp->cast.groups, first + group->seed - 1, &state);
		r = r ?: set(dp->cast.groups, first + group->state, &state);
		if (r < 0)
			return r;
	}
	return 0;
}

static int set_counts(struct ecs_datapath *dp, const struct ecs_state_cast *cast,
		      const struct ecs_state_cast *old)
{
	static const struct ecs_receiver_count zero;
	int r = 0;

	for (size_t i = 0; i < cast->receiver_count && r == 0; i++) {
		const struct ecs_state_receiver *to = &cast->receivers[i];
		const struct ecs_state_receiver *was =
			old ? ecs_state_cast_receiver(old, to->name) : NULL;

		if (!was || was->ifindex != to->ifindex)
			r = set(dp->cast.counts, cast->id * ECS_RECEIVERS_MAX + to->record.number,
				&zero);
	}
	return r;
}

/* The receivers of one group that are there, from @place on. */
static int set_group(struct ecs_datapath *dp, const struct ecs_state_cast *cast, uint32_t index,
		     const struct ecs_state_group *from, struct ecs_cast_group *group)
{
	int r = 0;

	for (size_t i = 0; i < cast->receiver_count && r == 0; i++) {
		const struct ecs_state_receiver *to = &cast->receivers[i];
		uint32_t place = group->first + group->count;

		if (!to->ifindex || to->state != from->state)
			continue;
		r = set(dp->cast.receivers, index * ECS_RECEIVERS_MAX + place, &to->record);
		group->count++;
	}
	return r;
}

/* Groups that change nothing first: the frame is still as it came. */
static int set_bank(struct ecs_datapath *dp, const struct ecs_state_cast *cast, uint32_t bank)
{
	struct ecs_cast_plan plan = {};
	uint32_t index = cast->id * 2 + bank, place = 0;

	for (int changing = 0; changing < 2; changing++) {
		for (size_t g = 0; g < cast->group_count; g++) {
			const struct ecs_state_group *from = &cast->groups[g];
			struct ecs_cast_group *group = &plan.group[plan.groups];
			int r;

			if (ecs_policy_changes(&from->policy) != changing)
				continue;
			*group = (struct ecs_cast_group){.policy = from->policy,
							 .state = from->state,
							 .first = place,
							 .seed = from->seed};
			r = set_group(dp, cast, index, from, group);
			if (r < 0)
				return r;
			place += group->count;
			plan.seeds |= from->seed != 0;
			plan.groups++;
		}
	}
	return set(dp->cast.plans, index, &plan);
}

int ecs_datapath_cast_set(struct ecs_datapath *dp, const struct ecs_state_cast *cast,
			  const struct ecs_state_cast *old)
{
	struct ecs_stream stream = {}, now;
	int r = 0;

	if (old && bpf_map_lookup_elem(dp->cast.streams, &cast->key, &now) == 0)
		stream.bank = !now.bank;
	if (!old)
		r = clear_cast(dp, cast->id);
	r = r ?: clear_groups(dp, cast, old);
	r = r ?: set_counts(dp, cast, old);
	r = r ?: set_bank(dp, cast, stream.bank);
	if (r < 0)
		return r;
	stream.id = cast->id;
	stream.flags = cast->flags;
	memcpy(stream.src, cast->src, sizeof(stream.src));
	memcpy(stream.name, cast->name, sizeof(stream.name));
	if (bpf_map_update_elem(dp->cast.streams, &cast->key, &stream, BPF_ANY) < 0)
		return -errno;
	/* What was learned by another word about RTP does not hold. */
	if (old && (old->flags ^ cast->flags) >> ECS_STREAM_CODEC)
		return clear_cast(dp, cast->id);
	return 0;
}

int ecs_datapath_cast_del(struct ecs_datapath *dp, const struct ecs_stream_key *key)
{
	return bpf_map_delete_elem(dp->cast.streams, key) < 0 ? -errno : 0;
}

int ecs_datapath_streams(const struct ecs_datapath *dp,
			 void (*fn)(const struct ecs_stream_key *key,
				    const struct ecs_stream *stream,
				    const struct ecs_cast_plan *plan,
				    const struct ecs_receiver *receivers, void *ctx),
			 void *ctx)
{
	ECS_FREE struct ecs_receiver *receivers = calloc(ECS_RECEIVERS_MAX, sizeof(*receivers));
	struct ecs_stream_key key, *prev = NULL;
	struct ecs_cast_plan plan;
	struct ecs_stream stream;

	if (!receivers)
		return -ENOMEM;
	while (bpf_map_get_next_key(dp->cast.streams, prev, &key) == 0) {
		uint32_t index;

		prev = &key;
		if (bpf_map_lookup_elem(dp->cast.streams, &key, &stream) < 0)
			continue;
		index = stream.id * 2 + stream.bank;
		if (get(dp->cast.plans, index, &plan) < 0)
			continue;
		for (uint32_t i = 0; i < ECS_RECEIVERS_MAX; i++)
			get(dp->cast.receivers, index * ECS_RECEIVERS_MAX + i, &receivers[i]);
		fn(&key, &stream, &plan, receivers, ctx);
	}
	return 0;
}

int ecs_datapath_cast_state(const struct ecs_datapath *dp, uint16_t id, struct ecs_cast_state *out)
{
	return get(dp->cast.states, id, out);
}

int ecs_datapath_cast_group(const struct ecs_datapath *dp, uint16_t id, uint16_t state,
			    struct ecs_cast_group_state *out)
{
	return get(dp->cast.groups, id * ECS_CAST_STATES_MAX + state, out);
}

int ecs_datapath_cast_count(const struct ecs_datapath *dp, uint16_t id, uint16_t number,
			    struct ecs_receiver_count *out)
{
	return get(dp->cast.counts, id * ECS_RECEIVERS_MAX + number, out);
}
