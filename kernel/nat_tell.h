/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the daemon hears of the table of flows, and the counts that limits are held against.
 */
#ifndef ECS_KERNEL_NAT_TELL_H
#define ECS_KERNEL_NAT_TELL_H

#include "nat_flow.h"

#define NAT_TELL_NS 1000000000ull
#define NAT_TELL_FULL_NS (NAT_TELL_NS / 10)

static __noinline void nat_tell(const struct ecs_frame *pkt, __u32 type, __u32 slot, __u64 now)
{
	struct ecs_nat_use *use = bpf_map_lookup_elem(&ecs_nat_used, &slot);
	__u64 pause_ns = type == ECS_EVENT_NAT_FULL ? NAT_TELL_FULL_NS : NAT_TELL_NS;
	struct ecs_event *event;

	if (!use)
		return;
	/* The first flow is always told: whoever sleeps would not expire it. */
	if (type != ECS_EVENT_NAT_FIRST) {
		if (use->told_ns && now - use->told_ns < pause_ns)
			return;
		use->told_ns = now;
	}
	event = bpf_ringbuf_reserve(&ecs_events, sizeof(*event), 0);
	if (!event)
		return;
	event->time_ns = now;
	event->type = type;
	event->ifindex = pkt->ifindex;
	event->old_ifindex = 0;
	event->network = pkt->src.network;
	__builtin_memcpy(event->mac, pkt->src.mac, sizeof(event->mac));
	bpf_ringbuf_submit(event, 0);
}

/* Counts a new flow, for the table and for the port that opened it. */
static __noinline void nat_count(const struct ecs_frame *pkt, __u32 slot, __u64 now)
{
	__u32 whole = 0;
	struct ecs_nat_use *use = bpf_map_lookup_elem(&ecs_nat_used, &whole);

	if (use && (__s32)__sync_fetch_and_add(&use->flows, 1) <= 0)
		nat_tell(pkt, ECS_EVENT_NAT_FIRST, 0, now);
	if (slot)
		nat_use_add(slot, 1);
}

#endif
