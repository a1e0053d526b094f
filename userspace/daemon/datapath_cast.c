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

static int clear_groups(struct ecs_datapath *dp, const struct ecs_state_cast *cast,
			const struct ecs_state_cast *old)
{
	static const struct ecs_cast_group_state zero;

	for (size_t i = 0; i < cast->group_count; i++) {
		size_t was = old ? ecs_state_cast_group(old, &cast->policies[i]) : 0;
		int r;

		if (old && was < old->group_count && old->states[was] == cast->states[i])
			continue;
		r = set(dp->cast.groups, cast->id * ECS_CAST_STATES_MAX + cast->states[i], &zero);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Frames are those of the group less a base, which now refers to another group. */
static int change_policy(struct ecs_datapath *dp, const struct ecs_state_cast *cast,
			 const struct ecs_state_cast *old, const struct ecs_state_receiver *to,
			 const struct ecs_state_receiver *was)
{
	uint16_t from_state = old->states[ecs_state_cast_group(old, &was->policy)];
	uint16_t to_state = cast->states[ecs_state_cast_group(cast, &to->policy)];
	struct ecs_cast_group_state a = {}, b = {};
	struct ecs_receiver_count count;
	int r = ecs_datapath_cast_count(dp, cast->id, to->record.number, &count);

	r = r ?: ecs_datapath_cast_group(dp, cast->id, from_state, &a);
	r = r ?: ecs_datapath_cast_group(dp, cast->id, to_state, &b);
	if (r < 0)
		return r;
	for (int i = 0; i < ECS_FRAMES; i++) {
		count.base_sent[i] += b.sent[i] - a.sent[i];
		count.base_dropped[i] += b.dropped[i] - a.dropped[i];
	}
	/* Who missed references can show nothing before the next keyframe. */
	if (!ecs_policy_clean(&was->policy) && to->policy.kind != ECS_POLICY_KEY)
		count.joined = count.waits_ns = 0;
	return set(dp->cast.counts, cast->id * ECS_RECEIVERS_MAX + to->record.number, &count);
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
		else if (!ecs_policy_same(&was->policy, &to->policy))
			r = change_policy(dp, cast, old, to, was);
	}
	return r;
}

/* Groups that change nothing first: the frame is still as it came. */
static int set_bank(struct ecs_datapath *dp, const struct ecs_state_cast *cast, uint32_t bank)
{
	struct ecs_cast_plan plan = {};
	uint32_t index = cast->id * 2 + bank, place = 0;
	int r = 0;

	for (int changing = 0; changing < 2; changing++) {
		for (size_t g = 0; g < cast->group_count; g++) {
			struct ecs_cast_group *group = &plan.group[plan.groups];

			if (ecs_policy_changes(&cast->policies[g]) != changing)
				continue;
			*group = (struct ecs_cast_group){.policy = cast->policies[g],
							 .state = cast->states[g],
							 .first = place};
			for (size_t i = 0; i < cast->receiver_count && r == 0; i++) {
				const struct ecs_state_receiver *to = &cast->receivers[i];

				if (!to->ifindex || !ecs_policy_same(&to->policy, &group->policy))
					continue;
				r = set(dp->cast.receivers, index * ECS_RECEIVERS_MAX + place++,
					&to->record);
			}
			group->count = place - group->first;
			plan.groups++;
		}
	}
	return r ?: set(dp->cast.plans, index, &plan);
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
	return bpf_map_update_elem(dp->cast.streams, &cast->key, &stream, BPF_ANY) < 0 ? -errno : 0;
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
