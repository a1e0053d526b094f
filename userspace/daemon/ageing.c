// SPDX-License-Identifier: Apache-2.0
/*
 * Deletes learned FDB entries that were idle longer than their network allows. Sleeps while
 * the table holds nothing that could age.
 */
#include "daemon.h"

#include <string.h>

#include "events.h"

#define SWEEP_MIN_S 1
#define SWEEP_MAX_S 30

struct sweep {
	struct ecs_daemon *d;
	uint64_t now_ns;
	uint64_t limit_ns[ECS_NETWORKS_MAX + 1]; /* 0 = never */
	bool left;				 /* something may age later */
};

/* The shortest ageing time decides how often to look; a quarter of it is precise enough. */
static unsigned int fill_limits(const struct ecs_daemon *d, uint64_t limit_ns[])
{
	unsigned int every_s = SWEEP_MAX_S;

	for (size_t i = 0; i < d->config->networks_len; i++) {
		const struct ecs_config_network *net = &d->config->networks[i];

		limit_ns[ecs_state_network_id(&d->have, net->name)] = net->ageing_s * 1000000000ull;
		if (net->ageing_s && net->ageing_s / 4 < every_s)
			every_s = net->ageing_s / 4;
	}
	return every_s < SWEEP_MIN_S ? SWEEP_MIN_S : every_s;
}

static bool is_idle(const struct ecs_fdb_key *key, const struct ecs_fdb_entry *entry, void *ctx)
{
	struct sweep *sweep = ctx;
	uint64_t limit = key->network <= ECS_NETWORKS_MAX ? sweep->limit_ns[key->network] : 0;

	if ((entry->flags & ECS_FDB_STATIC) || !limit)
		return false;
	if (entry->seen_ns + limit > sweep->now_ns) {
		sweep->left = true;
		return false;
	}
	ecs_event_fdb(sweep->d, "fdb_aged", key, entry->ifindex);
	return true;
}

static void arm(struct ecs_daemon *d, unsigned int every_s)
{
	uint64_t usec;

	sd_event_now(d->event, CLOCK_MONOTONIC, &usec);
	sd_event_source_set_time(d->ageing, usec + every_s * 1000000ull);
	sd_event_source_set_enabled(d->ageing, SD_EVENT_ONESHOT);
}

static int on_sweep(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct ecs_daemon *d = ctx;
	struct sweep sweep = {.d = d, .now_ns = ecs_clock_ns()};
	unsigned int every_s = fill_limits(d, sweep.limit_ns);

	(void)source, (void)usec;
	ecs_datapath_fdb_walk(d->dp, is_idle, &sweep);
	if (sweep.left)
		arm(d, every_s);
	return 0;
}

void ecs_ageing_wake(struct ecs_daemon *d)
{
	uint64_t limit_ns[ECS_NETWORKS_MAX + 1] = {};
	int enabled = SD_EVENT_OFF;

	if (!d->ageing || sd_event_source_get_enabled(d->ageing, &enabled) > 0)
		return;
	arm(d, fill_limits(d, limit_ns));
}

int ecs_ageing_open(struct ecs_daemon *d)
{
	int r = sd_event_add_time(d->event, &d->ageing, CLOCK_MONOTONIC, 0, 0, on_sweep, d);

	return r < 0 ? r : sd_event_source_set_enabled(d->ageing, SD_EVENT_ONESHOT);
}
