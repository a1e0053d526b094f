/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a port asked the FDB last, per CPU, so that a stream of frames asks it once and not
 * twice a frame. Holds for one generation of the FDB, so that it never says what the FDB no
 * longer says, and for a moment, so that entries in use are still refreshed. Only for vm and
 * host ports: behind an uplink there are too many addresses.
 */
#ifndef ECS_KERNEL_RECENT_H
#define ECS_KERNEL_RECENT_H

#include "maps.h"

/* The jiffies are one load, the clock is three calls. 0.1 s at HZ=1000, 1 s at HZ=100. */
#define ECS_FDB_CHECK_JIFFIES 100

static __always_inline int ecs_fdb_key_same(const struct ecs_fdb_key *a,
					    const struct ecs_fdb_key *b)
{
	return *(__u32 *)&a->mac[2] == *(__u32 *)&b->mac[2] &&
	       *(__u16 *)a->mac == *(__u16 *)b->mac && a->network == b->network;
}

/** ecs_recent_find - this CPU's record of the frame's port. Return: NULL if it has none. */
static __always_inline struct ecs_recent *ecs_recent_find(const struct ecs_pkt *pkt)
{
	__u32 slot;

	if (pkt->hook != ECS_FROM_VM || !pkt->in)
		return 0;
	slot = pkt->in->slot;
	return bpf_map_lookup_elem(&ecs_recent, &slot);
}

/**
 * ecs_recent_validate - forget what may no longer be true
 *
 * The generation is read here, before the FDB: what changes later makes another one. Every frame
 * comes by here before it uses the record.
 */
static __always_inline void ecs_recent_validate(struct ecs_recent *recent)
{
	__u32 now = (__u32)bpf_jiffies64(), whole = 0, generation;
	struct ecs_fdb_use *use = bpf_map_lookup_elem(&ecs_fdb_used, &whole);

	if (!use)
		return;
	generation = use->generation;
	if (recent->generation == generation && now - recent->since < ECS_FDB_CHECK_JIFFIES)
		return;
	recent->generation = generation;
	recent->since = now;
	recent->src.network = 0;
	recent->dst.network = 0;
}

/** ecs_fdb_changed - an entry says something else than before, or is gone. */
static __always_inline void ecs_fdb_changed(void)
{
	__u32 whole = 0;
	struct ecs_fdb_use *use = bpf_map_lookup_elem(&ecs_fdb_used, &whole);

	if (use)
		__sync_fetch_and_add(&use->generation, 1);
}

#endif
