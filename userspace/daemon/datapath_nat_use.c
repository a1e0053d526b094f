// SPDX-License-Identifier: Apache-2.0
/*
 * The counters of NAT's use, which both sides change by atomic adds: how many flows there are,
 * and how many each port has opened. A daemon that was killed between a deletion and its count
 * leaves a wrong number, which is found by counting and taken out as a difference: flows come and
 * go meanwhile, and a number that overtook theirs would be wrong for good.
 */
#include "datapath_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <ecswitch/cleanup.h>

static size_t used_bytes(void)
{
	return sizeof(struct ecs_nat_use) * ECS_PORTS_MAX;
}

int ecs_nat_use_open(struct ecs_datapath *dp, struct ecs_err *err)
{
	void *p = mmap(NULL, used_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, dp->nat_used_fd, 0);

	if (p == MAP_FAILED)
		return ecs_fail(err, -errno, "cannot map ecs_nat_used: %s", strerror(errno));
	dp->nat_used = p;
	__atomic_store_n(&dp->nat_used[0].limit, dp->nat_size, __ATOMIC_RELAXED);
	return 0;
}

void ecs_nat_close(struct ecs_datapath *dp)
{
	if (dp->nat_used)
		munmap(dp->nat_used, used_bytes());
}

static uint32_t used(const struct ecs_datapath *dp, uint32_t slot)
{
	return __atomic_load_n(&dp->nat_used[slot].flows, __ATOMIC_RELAXED);
}

void ecs_nat_use_add(struct ecs_datapath *dp, uint16_t slot, int flows)
{
	if (slot && slot < ECS_PORTS_MAX)
		__atomic_fetch_add(&dp->nat_used[slot].flows, flows, __ATOMIC_RELAXED);
}

void ecs_datapath_nat_census_begin(const struct ecs_datapath *dp, struct ecs_nat_census *census)
{
	for (uint32_t slot = 0; slot < ECS_PORTS_MAX; slot++)
		census->before[slot] = used(dp, slot);
	memset(census->counted, 0, sizeof(census->counted));
}

void ecs_datapath_nat_census_add(struct ecs_nat_census *census, const struct ecs_nat_flow *flow)
{
	if (!(flow->flags & ECS_NAT_ORIGIN))
		return;
	census->counted[0]++;
	if (flow->slot && flow->slot < ECS_PORTS_MAX)
		census->counted[flow->slot]++;
}

/* Flows that opened and ended while we counted may look like a wrong number, but not twice. */
static bool correct(struct ecs_datapath *dp, struct ecs_nat_census *census, uint32_t slot)
{
	int32_t off = (int32_t)(census->counted[slot] - census->before[slot]);
	int32_t last = census->off[slot];

	if (used(dp, slot) != census->before[slot])
		off = 0;
	census->off[slot] = off;
	if (!off || off != last)
		return off;
	__atomic_fetch_add(&dp->nat_used[slot].flows, off, __ATOMIC_RELAXED);
	census->off[slot] = 0;
	return false;
}

bool ecs_datapath_nat_census_end(struct ecs_datapath *dp, struct ecs_nat_census *census)
{
	bool doubtful = false;

	for (uint32_t slot = 0; slot < ECS_PORTS_MAX; slot++)
		doubtful |= correct(dp, census, slot);
	return doubtful;
}

static bool count_entry(const struct ecs_nat_key *key, const struct ecs_nat_flow *flow, void *ctx)
{
	(void)key;
	ecs_datapath_nat_census_add(ctx, flow);
	return false;
}

int ecs_nat_use_recount(struct ecs_datapath *dp)
{
	ECS_FREE struct ecs_nat_census *census = calloc(1, sizeof(*census));
	struct ecs_nat_cursor cursor = {};
	int r;

	if (!census)
		return -ENOMEM;
	ecs_datapath_nat_census_begin(dp, census);
	r = ecs_datapath_nat_walk(dp, &cursor, UINT32_MAX, count_entry, census);
	for (uint32_t slot = 0; r >= 0 && slot < ECS_PORTS_MAX; slot++)
		__atomic_fetch_add(&dp->nat_used[slot].flows,
				   census->counted[slot] - census->before[slot], __ATOMIC_RELAXED);
	return r < 0 ? r : 0;
}

uint32_t ecs_datapath_nat_size(const struct ecs_datapath *dp)
{
	return dp->nat_size;
}

uint32_t ecs_datapath_nat_used(const struct ecs_datapath *dp, uint32_t slot)
{
	int32_t flows = slot < ECS_PORTS_MAX ? (int32_t)used(dp, slot) : 0;

	return flows > 0 ? (uint32_t)flows : 0;
}
