// SPDX-License-Identifier: Apache-2.0
/*
 * The flows of NAT as the daemon sees them: walks that may end flows.
 */
#include "datapath_priv.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include <ecswitch/cleanup.h>

#define NAT_BATCH 1024

/* A flow is taken over whole or not at all. Return: whether there is room for more. */
static bool flow_copy(struct ecs_datapath *dp, const struct ecs_nat_key *key, bool host,
		      const struct ecs_nat_flow *flow)
{
	struct ecs_nat_flow back;
	struct ecs_nat_key other;

	ecs_nat_other_key(&other, flow, key->proto);
	if (!host && ecs_old_get(&dp->old_flows, &other, &back, sizeof(back)) < 0)
		return true;
	if (!host && bpf_map_update_elem(dp->flows_fd, &other, &back, BPF_NOEXIST) < 0)
		return errno != E2BIG;
	if (bpf_map_update_elem(dp->flows_fd, key, flow, BPF_NOEXIST) == 0)
		return true;
	if (errno != E2BIG)
		return true;
	if (!host)
		bpf_map_delete_elem(dp->flows_fd, &other);
	return false; /* smaller than what there is: the rest begins again */
}

/* Flows that were opened since @since, and not those that are here. */
static void flows_copy(struct ecs_datapath *dp, uint32_t since)
{
	const struct ecs_old_map *old = &dp->old_flows;
	struct ecs_nat_key key, *prev = NULL;
	struct ecs_nat_flow flow;

	while (bpf_map_get_next_key(old->fd, prev, &key) == 0) {
		prev = &key;
		if (ecs_old_get(old, &key, &flow, sizeof(flow)) < 0 ||
		    !(flow.flags & ECS_NAT_ORIGIN) || flow.created < since)
			continue;
		if (!flow_copy(dp, &key, flow.flags & ECS_NAT_HOST, &flow))
			break;
	}
}

int ecs_nat_open(struct ecs_datapath *dp, struct ecs_err *err)
{
	int r = ecs_nat_use_open(dp, err);

	if (r < 0)
		return r;
	if (dp->old_flows.fd >= 0)
		flows_copy(dp, 0);
	return ecs_nat_use_recount(dp);
}

int ecs_nat_settle(struct ecs_datapath *dp)
{
	flows_copy(dp, dp->taken_ns >> ECS_NAT_TICK_SHIFT);
	return ecs_nat_use_recount(dp);
}

static bool del_entry(struct ecs_datapath *dp, const struct ecs_nat_key *key,
		      const struct ecs_nat_flow *flow, bool origin)
{
	if (bpf_map_delete_elem(dp->flows_fd, key) < 0)
		return false;
	if (origin) {
		__atomic_fetch_sub(&dp->nat_used[0].flows, 1, __ATOMIC_RELAXED);
		ecs_nat_use_add(dp, flow->slot, -1);
	}
	return true;
}

bool ecs_datapath_nat_del(struct ecs_datapath *dp, const struct ecs_nat_key *key,
			  const struct ecs_nat_flow *flow)
{
	bool origin = flow->flags & ECS_NAT_ORIGIN;
	struct ecs_nat_key other;

	/* The data path makes the answers' entry first and deletes it last. */
	ecs_nat_other_key(&other, flow, key->proto);
	if (flow->flags & ECS_NAT_HOST)
		return del_entry(dp, key, flow, origin);
	if (origin) {
		bool done = del_entry(dp, key, flow, true);

		del_entry(dp, &other, flow, false);
		return done;
	}
	origin = del_entry(dp, &other, flow, true);
	return del_entry(dp, key, flow, false) || origin;
}

bool ecs_datapath_nat_other(const struct ecs_datapath *dp, const struct ecs_nat_key *key,
			    const struct ecs_nat_flow *flow, struct ecs_nat_flow *out)
{
	struct ecs_nat_key other;

	if (flow->flags & ECS_NAT_HOST)
		return false;
	ecs_nat_other_key(&other, flow, key->proto);
	return bpf_map_lookup_elem(dp->flows_fd, &other, out) == 0;
}

int ecs_datapath_nat_move(struct ecs_datapath *dp, const struct ecs_nat_key *key,
			  const struct ecs_nat_flow *flow, uint16_t slot)
{
	struct ecs_nat_flow both[2] = {*flow};
	struct ecs_nat_key other;

	ecs_nat_other_key(&other, flow, key->proto);
	if (bpf_map_lookup_elem(dp->flows_fd, &other, &both[1]) < 0)
		return -errno;
	both[0].slot = both[1].slot = slot;
	if (bpf_map_update_elem(dp->flows_fd, key, &both[0], BPF_EXIST) < 0 ||
	    bpf_map_update_elem(dp->flows_fd, &other, &both[1], BPF_EXIST) < 0)
		return -errno;
	ecs_nat_use_add(dp, flow->slot, -1);
	ecs_nat_use_add(dp, slot, 1);
	return 0;
}

int ecs_datapath_nat_walk(struct ecs_datapath *dp, struct ecs_nat_cursor *cursor, uint32_t entries,
			  ecs_nat_visit_fn *fn, void *ctx)
{
	ECS_FREE struct ecs_nat_key *keys = calloc(NAT_BATCH, sizeof(*keys));
	ECS_FREE struct ecs_nat_flow *flows = calloc(NAT_BATCH, sizeof(*flows));
	uint32_t seen = 0;
	int removed = 0;

	if (!keys || !flows)
		return -ENOMEM;
	cursor->done = false;
	while (!cursor->done && seen < entries) {
		uint32_t count = NAT_BATCH, next = 0;

		if (bpf_map_lookup_batch(dp->flows_fd, cursor->started ? &cursor->at : NULL, &next,
					 keys, flows, &count, NULL) < 0) {
			if (errno != ENOENT)
				return -errno;
			cursor->done = true;
		}
		for (uint32_t i = 0; i < count; i++)
			if (fn(&keys[i], &flows[i], ctx))
				removed += ecs_datapath_nat_del(dp, &keys[i], &flows[i]);
		seen += count;
		cursor->at = next;
		cursor->started = true;
	}
	if (cursor->done)
		*cursor = (struct ecs_nat_cursor){.done = true};
	return removed;
}
