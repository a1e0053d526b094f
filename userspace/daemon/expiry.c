// SPDX-License-Identifier: Apache-2.0
/*
 * Ends flows of NAT that were idle longer than they may, a part of the table at a time, and
 * makes room when the table fills up. Sleeps while there are no flows.
 */
#include "daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ecswitch/cleanup.h>
#include "userspace/lib/log.h"

#define SWEEP_S 5
#define FORGET_S 10
#define RECOUNT_US 100000  /* until a number that seems wrong is looked at again */
#define STEP_ENTRIES 16384 /* of one turn of the loop, about 10 ms */
#define NS_PER_S 1000000000ull
#define PRESSURE_US                                                                                \
	250000 /* after an eviction: the data path tells of a full table at times only */

struct sweep {
	struct ecs_datapath *dp;
	uint64_t now_ns;
};

static struct ecs_nat_census census;

/* A flow lives as long as one of its directions does. */
static bool is_over(const struct ecs_nat_key *key, const struct ecs_nat_flow *flow, void *ctx)
{
	const struct sweep *sweep = ctx;
	struct ecs_nat_flow other;

	if (!ecs_nat_idle(flow, sweep->now_ns))
		return false;
	return !ecs_datapath_nat_other(sweep->dp, key, flow, &other) ||
	       ecs_nat_idle(&other, sweep->now_ns);
}

/* What stays is counted on the way. */
static bool sweep_entry(const struct ecs_nat_key *key, const struct ecs_nat_flow *flow, void *ctx)
{
	if (is_over(key, flow, ctx))
		return true;
	ecs_datapath_nat_census_add(&census, flow);
	return false;
}

/* The table of IPv6 addresses; a flow that begins meanwhile has asked for its own just now. */
static void forget_addrs(struct ecs_daemon *d)
{
	uint32_t tick = (uint32_t)(ecs_clock_ns() >> ECS_NAT_TICK_SHIFT);
	int r;

	if (tick - d->forgot_tick < FORGET_S) {
		d->addrs_left = true; /* not known, so there will be another sweep */
		return;
	}
	d->forgot_tick = tick;
	r = ecs_datapath_nat_forget(d->dp, tick - FORGET_S);
	d->addrs_left = r != 0;
	if (r < 0)
		ecs_debug("addresses of flows: %s", strerror(-r));
}

static void arm(struct ecs_daemon *d, uint64_t wait_us)
{
	uint64_t usec;

	sd_event_now(d->event, CLOCK_MONOTONIC, &usec);
	sd_event_source_set_time(d->expiry, usec + wait_us);
	sd_event_source_set_enabled(d->expiry, SD_EVENT_ONESHOT);
}

static int on_sweep(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct ecs_daemon *d = ctx;
	struct sweep sweep = {d->dp, ecs_clock_ns()};
	bool doubtful = false;
	int r;

	(void)source, (void)usec;
	if (!d->expiry_cursor.started)
		ecs_datapath_nat_census_begin(d->dp, &census);
	r = ecs_datapath_nat_walk(d->dp, &d->expiry_cursor, STEP_ENTRIES, sweep_entry, &sweep);
	if (r < 0) {
		ecs_debug("flows: %s", strerror(-r));
		d->expiry_cursor = (struct ecs_nat_cursor){.done = true};
	} else if (d->expiry_cursor.done) {
		doubtful = ecs_datapath_nat_census_end(d->dp, &census);
	}
	if (d->expiry_cursor.done)
		forget_addrs(d);
	if (ecs_datapath_nat_used(d->dp, 0) > ecs_datapath_nat_size(d->dp) / 8 * 7)
		ecs_expiry_evict(d);
	else if (!d->expiry_cursor.done)
		arm(d, 0);
	else if (doubtful)
		arm(d, RECOUNT_US);
	else if (census.counted[0] || ecs_datapath_nat_used(d->dp, 0) || d->addrs_left)
		arm(d, SWEEP_S * 1000000ull);
	return 0;
}

void ecs_expiry_wake(struct ecs_daemon *d)
{
	int enabled = SD_EVENT_OFF;

	if (d->expiry && sd_event_source_get_enabled(d->expiry, &enabled) == 0)
		arm(d, SWEEP_S * 1000000ull);
}

int ecs_expiry_open(struct ecs_daemon *d)
{
	int r = sd_event_add_time(d->event, &d->expiry, CLOCK_MONOTONIC, 0, 0, on_sweep, d);

	return r < 0 ? r : sd_event_source_set_enabled(d->expiry, SD_EVENT_ONESHOT);
}

/* --- eviction ---------------------------------------------------------------------------- */

struct candidate {
	struct ecs_nat_key key;
	struct ecs_nat_flow flow;
	uint64_t worth; /* what goes first is worth least */
};

struct candidates {
	struct candidate *list;
	size_t count, room;
	uint32_t slot;			 /* of its port alone; 0 = all */
	uint32_t by_slot[ECS_PORTS_MAX]; /* flows of each port */
};

/* What a flow is worth before its age counts: an established connection cannot begin again
 * where it was, a question that nobody answered hardly matters. */
static unsigned int rank(const struct ecs_nat_key *key, const struct ecs_nat_flow *flow)
{
	switch (flow->state) {
	case ECS_NAT_CLOSED:
		return 0;
	case ECS_NAT_NEW:
		return 1;
	case ECS_NAT_CLOSING:
		return 2;
	default:
		return key->proto == IPPROTO_TCP ? 4 : 3;
	}
}

static bool note_candidate(const struct ecs_nat_key *key, const struct ecs_nat_flow *flow,
			   void *ctx)
{
	struct candidates *candidates = ctx;

	if ((flow->flags & ECS_NAT_ORIGIN) && candidates->count < candidates->room &&
	    (!candidates->slot || flow->slot == candidates->slot))
		candidates->list[candidates->count++] = (struct candidate){*key, *flow, 0};
	candidates->by_slot[flow->slot % ECS_PORTS_MAX]++;
	return false;
}

/* By rank; then whoever has most gives first, so that a flood costs its sender alone; then by
 * age, which is too coarse to tell a flood's flows from those that begin in its midst. */
static void set_worth(struct candidates *candidates)
{
	for (size_t i = 0; i < candidates->count; i++) {
		struct candidate *c = &candidates->list[i];
		uint64_t few =
			ECS_NAT_FLOWS_MAX * 2 - candidates->by_slot[c->flow.slot % ECS_PORTS_MAX];

		c->worth = (uint64_t)rank(&c->key, &c->flow) << 60 | few << 32 | c->flow.seen;
	}
}

static int compare_worth(const void *a, const void *b)
{
	uint64_t x = ((const struct candidate *)a)->worth;
	uint64_t y = ((const struct candidate *)b)->worth;

	return (x > y) - (x < y);
}

void ecs_expiry_evict(struct ecs_daemon *d)
{
	uint32_t size = ecs_datapath_nat_size(d->dp), used = ecs_datapath_nat_used(d->dp, 0);
	static struct candidates candidates;
	struct sweep sweep = {d->dp, ecs_clock_ns()};
	struct ecs_nat_cursor cursor = {};
	uint32_t goal = size - size / 4, ended = 0;

	if (used <= goal)
		return;
	ecs_datapath_nat_walk(d->dp, &cursor, UINT32_MAX, is_over, &sweep);
	used = ecs_datapath_nat_used(d->dp, 0);
	candidates = (struct candidates){.room = used + used / 8};
	candidates.list = calloc(candidates.room, sizeof(*candidates.list));
	if (used > goal && candidates.list) {
		cursor = (struct ecs_nat_cursor){};
		ecs_datapath_nat_walk(d->dp, &cursor, UINT32_MAX, note_candidate, &candidates);
		set_worth(&candidates);
		qsort(candidates.list, candidates.count, sizeof(*candidates.list), compare_worth);
		for (size_t i = 0; i < candidates.count && used - ended > goal; i++)
			ended += ecs_datapath_nat_del(d->dp, &candidates.list[i].key,
						      &candidates.list[i].flow);
	}
	free(candidates.list);
	ecs_debug("flows: %u of %u were in use, %u had to go", used, size, ended);
	arm(d, PRESSURE_US);
}

/* Half of what hardly matters, the longest idle first: a flood at a port, of a VM's own or from
 * outside at a forward, must not keep all others from it until its flows time out. */
void ecs_expiry_relieve(struct ecs_daemon *d, uint32_t ifindex)
{
	const struct ecs_state_port *port = ecs_state_port_get(&d->have, ifindex);
	static struct candidates candidates;
	struct ecs_nat_cursor cursor = {};
	size_t cheap = 0, ended = 0;

	if (!port)
		return;
	candidates = (struct candidates){
		.room = ecs_datapath_nat_used(d->dp, port->port.slot) + 64,
		.slot = port->port.slot,
	};
	candidates.list = calloc(candidates.room, sizeof(*candidates.list));
	if (!candidates.list)
		return;
	ecs_datapath_nat_walk(d->dp, &cursor, UINT32_MAX, note_candidate, &candidates);
	set_worth(&candidates);
	qsort(candidates.list, candidates.count, sizeof(*candidates.list), compare_worth);
	while (cheap < candidates.count &&
	       rank(&candidates.list[cheap].key, &candidates.list[cheap].flow) <= 1)
		cheap++;
	for (size_t i = 0; i < cheap / 2 + 1 && i < cheap; i++)
		ended += ecs_datapath_nat_del(d->dp, &candidates.list[i].key,
					      &candidates.list[i].flow);
	free(candidates.list);
	ecs_debug("flows of %s: %zu of %zu had to go", port->port.name, ended, candidates.count);
}
