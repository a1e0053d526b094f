/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Statistics and drop counters: per CPU, so plain additions are enough.
 */
#ifndef ECS_KERNEL_COUNT_H
#define ECS_KERNEL_COUNT_H

#include "maps.h"

/** ecs_stats_find - this CPU's counters of a slot. Return: NULL if there is no such slot. */
static __always_inline struct ecs_port_stats *ecs_stats_find(__u32 slot)
{
	return bpf_map_lookup_elem(&ecs_stats, &slot);
}

/** ecs_count_tx - one frame was handed to the link of @slot. */
static __always_inline void ecs_count_tx(__u32 slot, __u32 bytes)
{
	struct ecs_port_stats *stats = ecs_stats_find(slot);

	if (!stats)
		return;
	stats->tx_packets++;
	stats->tx_bytes += bytes;
}

/** ecs_count_drop - one frame, or one copy of it, was dropped for @reason. */
static __noinline void ecs_count_drop(const struct ecs_pkt *pkt, enum ecs_drop reason)
{
	struct ecs_drop_key key = {.slot = pkt->in ? pkt->in->slot : 0, .reason = reason};
	struct ecs_drop_count first = {.packets = 1, .bytes = pkt->len};
	struct ecs_drop_count *count;

	count = bpf_map_lookup_elem(&ecs_drops, &key);
	if (!count) {
		if (!bpf_map_update_elem(&ecs_drops, &key, &first, BPF_NOEXIST))
			return;
		/* Another CPU made it at the same time. */
		count = bpf_map_lookup_elem(&ecs_drops, &key);
		if (!count)
			return;
	}
	count->packets++;
	count->bytes += pkt->len;
}

#endif
