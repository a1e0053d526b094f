// SPDX-License-Identifier: Apache-2.0
/*
 * Receivers with the policy "auto": once a second the drops of their links decide whether they go
 * a step up or down. The step is a policy like any other and takes the way of every change. Sleeps
 * while there is no such receiver.
 */
#include "daemon.h"

#include <string.h>

#include "events.h"
#include "ladder_step.h"
#include "userspace/lib/log.h"
#include "userspace/lib/policy.h"

#define PERIOD_US 1000000ull

static void arm(struct ecs_daemon *d)
{
	uint64_t usec;

	sd_event_now(d->event, CLOCK_MONOTONIC, &usec);
	sd_event_source_set_time(d->ladders, usec + PERIOD_US);
	sd_event_source_set_enabled(d->ladders, SD_EVENT_ONESHOT);
}

/* What the link itself dropped, and what it refused before. Into the host's stack goes no link. */
static bool read_drops(struct ecs_daemon *d, const struct ecs_state_cast *cast,
		       const struct ecs_state_receiver *to, uint64_t *drops)
{
	struct ecs_receiver_count count = {};
	struct ecs_link link = {};

	if (ecs_datapath_cast_count(d->dp, cast->id, to->record.number, &count) < 0)
		return false;
	if (!(to->record.flags & ECS_RECEIVER_HOST) &&
	    ecs_link_get(d->nl, to->ifindex, &link, NULL) < 0)
		return false;
	*drops = count.refused + link.tx_dropped;
	return true;
}

static bool follow(struct ecs_daemon *d, const struct ecs_state_cast *cast,
		   struct ecs_state_receiver *to)
{
	const char *name = to->record.flags & ECS_RECEIVER_HOST ? "host" : to->name;
	char old_step[ECS_POLICY_TEXT_MAX], step[ECS_POLICY_TEXT_MAX];
	struct ecs_policy follower = {.kind = ECS_POLICY_AUTO}, policy;
	uint64_t drops;

	policy = ecs_policy_step(&follower, to->ladder.step);
	if (!read_drops(d, cast, to, &drops) || !ecs_ladder_step(&to->ladder, drops))
		return false;
	ecs_policy_format(&policy, old_step);
	policy = ecs_policy_step(&follower, to->ladder.step);
	ecs_policy_format(&policy, step);
	ecs_info("cast %s: %s goes from %s to %s", cast->name, name, old_step, step);
	ecs_event_step(d, cast->name, name, old_step, step);
	return true;
}

static bool is_followed(const struct ecs_state_cast *cast, const struct ecs_state_receiver *to)
{
	return cast->live && to->follows && to->ifindex;
}

static int on_second(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct ecs_daemon *d = ctx;
	bool changed = false, any = false;

	(void)source, (void)usec;
	for (size_t i = 0; i < d->have.cast_count; i++) {
		struct ecs_state_cast *cast = &d->have.casts[i];

		for (size_t k = 0; k < cast->receiver_count; k++) {
			if (!is_followed(cast, &cast->receivers[k]))
				continue;
			any = true;
			changed |= follow(d, cast, &cast->receivers[k]);
		}
	}
	if (any)
		arm(d);
	if (changed)
		ecs_reconcile_request(d);
	return 0;
}

void ecs_ladder_wake(struct ecs_daemon *d)
{
	int enabled = SD_EVENT_OFF;

	if (!d->ladders || sd_event_source_get_enabled(d->ladders, &enabled) > 0)
		return;
	for (size_t i = 0; i < d->have.cast_count; i++)
		for (size_t k = 0; k < d->have.casts[i].receiver_count; k++)
			if (is_followed(&d->have.casts[i], &d->have.casts[i].receivers[k]))
				return arm(d);
}

int ecs_ladder_open(struct ecs_daemon *d)
{
	int r = sd_event_add_time(d->event, &d->ladders, CLOCK_MONOTONIC, 0, 0, on_second, d);

	if (r < 0)
		return r;
	sd_event_source_set_enabled(d->ladders, SD_EVENT_OFF);
	ecs_ladder_wake(d);
	return 0;
}
