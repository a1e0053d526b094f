// SPDX-License-Identifier: Apache-2.0
/*
 * The flows and forwards of NAT as the daemon sees them: walks that may end flows, and the
 * counters of use, which both sides change by atomic adds.
 */
#include "datapath_priv.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>

#include <ecswitch/cleanup.h>

#define NAT_BATCH 1024

static size_t used_bytes(void)
{
	return sizeof(struct ecs_nat_use) * ECS_PORTS_MAX;
}

static void count_flow(uint32_t counts[], const struct ecs_nat_flow *flow)
{
	counts[0]++;
	if (flow->slot && flow->slot < ECS_PORTS_MAX)
		counts[flow->slot]++;
}

static bool count_entry(const struct ecs_nat_key *key, const struct ecs_nat_flow *flow, void *ctx)
{
	(void)key;
	if (flow->flags & ECS_NAT_ORIGIN)
		count_flow(ctx, flow);
	return false;
}

/* A daemon that was killed between a deletion and its count leaves a wrong number. */
static int used_recount(struct ecs_datapath *dp)
{
	ECS_FREE uint32_t *counts = calloc(ECS_PORTS_MAX, sizeof(*counts));
	struct ecs_nat_cursor cursor = {};
	int r;

	if (!counts)
		return -ENOMEM;
	r = ecs_datapath_nat_walk(dp, &cursor, UINT32_MAX, count_entry, counts);
	for (int i = 0; r >= 0 && i < ECS_PORTS_MAX; i++)
		__atomic_store_n(&dp->nat_used[i].flows, counts[i], __ATOMIC_RELAXED);
	return r < 0 ? r : 0;
}

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
	void *p = mmap(NULL, used_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, dp->nat_used_fd, 0);

	if (p == MAP_FAILED)
		return ecs_fail(err, -errno, "cannot map ecs_nat_used: %s", strerror(errno));
	dp->nat_used = p;
	if (dp->old_flows.fd >= 0)
		flows_copy(dp, 0);
	__atomic_store_n(&dp->nat_used[0].limit, dp->nat_size, __ATOMIC_RELAXED);
	return used_recount(dp);
}

int ecs_nat_settle(struct ecs_datapath *dp)
{
	flows_copy(dp, dp->taken_ns >> ECS_NAT_TICK_SHIFT);
	return used_recount(dp);
}

void ecs_nat_close(struct ecs_datapath *dp)
{
	if (dp->nat_used)
		munmap(dp->nat_used, used_bytes());
}

uint32_t ecs_datapath_nat_size(const struct ecs_datapath *dp)
{
	return dp->nat_size;
}

uint32_t ecs_datapath_nat_used(const struct ecs_datapath *dp, uint32_t slot)
{
	return slot < ECS_PORTS_MAX ? __atomic_load_n(&dp->nat_used[slot].flows, __ATOMIC_RELAXED)
				    : 0;
}

static void use_sub(struct ecs_datapath *dp, const struct ecs_nat_flow *flow)
{
	__atomic_fetch_sub(&dp->nat_used[0].flows, 1, __ATOMIC_RELAXED);
	if (flow->slot && flow->slot < ECS_PORTS_MAX)
		__atomic_fetch_sub(&dp->nat_used[flow->slot].flows, 1, __ATOMIC_RELAXED);
}

static bool del_entry(struct ecs_datapath *dp, const struct ecs_nat_key *key,
		      const struct ecs_nat_flow *flow, bool origin)
{
	if (bpf_map_delete_elem(dp->flows_fd, key) < 0)
		return false;
	if (origin)
		use_sub(dp, flow);
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
	if (flow->slot && flow->slot < ECS_PORTS_MAX)
		__atomic_fetch_sub(&dp->nat_used[flow->slot].flows, 1, __ATOMIC_RELAXED);
	if (slot)
		__atomic_fetch_add(&dp->nat_used[slot].flows, 1, __ATOMIC_RELAXED);
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

int ecs_datapath_nat_rule_set(struct ecs_datapath *dp, const struct ecs_nat_rule_key *key,
			      const struct ecs_nat_rule *rule)
{
	return bpf_map_update_elem(dp->rules_fd, key, rule, BPF_ANY) < 0 ? -errno : 0;
}

int ecs_datapath_nat_rule_del(struct ecs_datapath *dp, const struct ecs_nat_rule_key *key)
{
	return bpf_map_delete_elem(dp->rules_fd, key) < 0 ? -errno : 0;
}

int ecs_datapath_nat_rules(const struct ecs_datapath *dp,
			   void (*fn)(const struct ecs_nat_rule_key *key,
				      const struct ecs_nat_rule *rule, void *ctx),
			   void *ctx)
{
	struct ecs_nat_rule_key key, *prev = NULL;
	struct ecs_nat_rule rule;

	while (bpf_map_get_next_key(dp->rules_fd, prev, &key) == 0) {
		prev = &key;
		if (bpf_map_lookup_elem(dp->rules_fd, &key, &rule) == 0)
			fn(&key, &rule, ctx);
	}
	return 0;
}
