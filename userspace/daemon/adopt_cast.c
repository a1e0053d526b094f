// SPDX-License-Identifier: Apache-2.0
/*
 * Casts that an earlier daemon left. They come out dirty, to be written once more, with their
 * ids, numbers and states: the streams go on, with what the data path has learned of them.
 */
#include "daemon.h"

#include <stdlib.h>
#include <string.h>

static void take_receiver(struct ecs_daemon *d, struct ecs_state_cast *cast,
			  const struct ecs_cast_group *group, const struct ecs_receiver *record)
{
	const struct ecs_state_port *port = ecs_state_port_get(&d->have, record->ifindex);
	struct ecs_state_receiver *to = &cast->receivers[cast->receiver_count];

	if (!record->ifindex || !port)
		return;
	if (record->flags & ECS_RECEIVER_HOST)
		strcpy(to->name, ECS_HOST_NAME);
	else
		memcpy(to->name, port->port.name, sizeof(to->name));
	to->ifindex = record->ifindex;
	to->policy = group->policy;
	to->state = group->state;
	to->record = *record;
	cast->receiver_count++;
}

static void take_stream(const struct ecs_stream_key *key, const struct ecs_stream *stream,
			const struct ecs_cast_plan *plan, const struct ecs_receiver *receivers,
			void *ctx)
{
	struct ecs_daemon *d = ctx;
	struct ecs_state_cast *cast = &d->have.casts[d->have.cast_count];

	if (d->have.cast_count == ECS_STREAMS_MAX || stream->id >= ECS_STREAMS_MAX)
		return;
	cast->id = stream->id;
	cast->key = *key;
	cast->flags = stream->flags;
	cast->live = cast->dirty = true;
	memcpy(cast->src, stream->src, sizeof(cast->src));
	memcpy(cast->name, stream->name, sizeof(cast->name) - 1);
	for (uint32_t g = 0; g < plan->groups && g < ECS_CAST_GROUPS_MAX; g++) {
		const struct ecs_cast_group *group = &plan->group[g];

		cast->groups[cast->group_count++] =
			(struct ecs_state_group){group->policy, group->state, 0};
		for (uint32_t i = group->first; i < group->first + group->count; i++)
			if (i < ECS_RECEIVERS_MAX && cast->receiver_count < ECS_RECEIVERS_MAX)
				take_receiver(d, cast, group, &receivers[i]);
	}
	d->have.cast_count++;
}

void ecs_adopt_casts(struct ecs_daemon *d)
{
	d->have.casts = calloc(ECS_STREAMS_MAX, sizeof(*d->have.casts));
	if (d->have.casts)
		ecs_datapath_streams(d->dp, take_stream, d);
}
