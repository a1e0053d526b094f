/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * learn: the source address is behind the port that the frame came from. Throttled, bounded
 * by the network's limit and the table's size, and never touches a static entry.
 */
#ifndef ECS_STAGE_LEARN_H
#define ECS_STAGE_LEARN_H

#include "../count.h"
#include "../recent.h"

#define ECS_NS_PER_MS 1000000ull
#define ECS_FDB_REFRESH_NS (1000 * ECS_NS_PER_MS)
#define ECS_FDB_MOVED_NS (100 * ECS_NS_PER_MS)
#define ECS_FDB_FULL_NS (1000 * ECS_NS_PER_MS)

/* A full ring loses events, never frames. */
static __always_inline void learn_event(const struct ecs_pkt *pkt, __u32 type, __u64 now,
					__u32 old_ifindex)
{
	struct ecs_event *event = bpf_ringbuf_reserve(&ecs_events, sizeof(*event), 0);

	if (!event)
		return;
	event->time_ns = now;
	event->type = type;
	event->ifindex = pkt->ifindex;
	event->old_ifindex = old_ifindex;
	event->network = pkt->src.network;
	__builtin_memcpy(event->mac, pkt->src.mac, sizeof(event->mac));
	bpf_ringbuf_submit(event, 0);
}

static __always_inline void learn_full(const struct ecs_pkt *pkt, struct ecs_fdb_use *use,
				       __u64 now)
{
	struct ecs_port_stats *stats = ecs_stats_find(pkt->in->slot);

	if (stats)
		stats->fdb_full++;
	if (now - use->full_ns < ECS_FDB_FULL_NS && use->full_ns)
		return;
	use->full_ns = now;
	learn_event(pkt, ECS_EVENT_FDB_FULL, now, 0);
}

static __noinline void learn_new(struct ecs_pkt *pkt, __u32 side)
{
	__u64 now = bpf_ktime_get_coarse_ns();
	struct ecs_fdb_entry entry = {.ifindex = pkt->ifindex, .flags = side, .seen_ns = now};
	__u32 network = pkt->src.network, whole = 0;
	struct ecs_fdb_use *use, *total;
	long ret;

	use = bpf_map_lookup_elem(&ecs_fdb_used, &network);
	total = bpf_map_lookup_elem(&ecs_fdb_used, &whole);
	if (!use || !total)
		return;
	if (pkt->net->fdb_limit && use->entries >= pkt->net->fdb_limit) {
		learn_full(pkt, use, now);
		return;
	}
	ret = bpf_map_update_elem(&ecs_fdb, &pkt->src, &entry, BPF_NOEXIST);
	if (ret == -17) /* EEXIST: another CPU was faster */
		return;
	if (ret) {
		learn_full(pkt, use, now);
		return;
	}
	__sync_fetch_and_add(&use->entries, 1);
	__sync_fetch_and_add(&total->entries, 1);
	learn_event(pkt, ECS_EVENT_FDB_LEARNED, now, 0);
}

static __noinline void learn_move(struct ecs_pkt *pkt, struct ecs_fdb_entry *entry, __u32 side)
{
	struct ecs_port_stats *stats = ecs_stats_find(pkt->in->slot);
	__u64 now = bpf_ktime_get_coarse_ns();
	__u32 old = entry->ifindex;

	entry->flags = (entry->flags & ~ECS_FDB_HOST) | side;
	entry->ifindex = pkt->ifindex;
	entry->seen_ns = now;
	entry->moves++;
	ecs_fdb_changed();
	if (stats)
		stats->fdb_moved++;
	if (entry->moved_ns && now - entry->moved_ns < ECS_FDB_MOVED_NS)
		return;
	entry->moved_ns = now;
	learn_event(pkt, ECS_EVENT_FDB_MOVED, now, old);
}

static __noinline void learn_refresh(struct ecs_fdb_entry *entry)
{
	__u64 now = bpf_ktime_get_coarse_ns();

	entry->checked = (__u32)bpf_jiffies64();
	if (now - entry->seen_ns >= ECS_FDB_REFRESH_NS)
		entry->seen_ns = now;
}

static __always_inline enum ecs_verdict ecs_learn(struct __sk_buff *skb, struct ecs_pkt *pkt)
{
	__u32 side = pkt->hook == ECS_TO_UPLINK ? ECS_FDB_HOST : 0;
	struct ecs_recent *recent;
	struct ecs_fdb_entry *entry;

	/* NAT's way out has no network. */
	if (!pkt->net || !pkt->in)
		return ECS_CONTINUE;
	if (ecs_mac_multicast(&pkt->src) || !ecs_mac_word(pkt->src.mac))
		return ECS_CONTINUE;
	recent = ecs_recent_find(pkt);
	if (recent) {
		ecs_recent_validate(recent);
		if (ecs_fdb_key_same(&recent->src, &pkt->src))
			return ECS_CONTINUE;
	}
	entry = bpf_map_lookup_elem(&ecs_fdb, &pkt->src);
	if (!entry) {
		learn_new(pkt, side);
		return ECS_CONTINUE;
	}
	if (entry->flags & ECS_FDB_STATIC)
		return ECS_CONTINUE;
	if (entry->ifindex != pkt->ifindex || (entry->flags & ECS_FDB_HOST) != side) {
		learn_move(pkt, entry, side);
		return ECS_CONTINUE;
	}
	if ((__u32)bpf_jiffies64() - entry->checked >= ECS_FDB_CHECK_JIFFIES)
		learn_refresh(entry);
	if (recent)
		recent->src = pkt->src;
	return ECS_CONTINUE;
}

#endif
