/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * switch: where a network's frame goes, by its destination address. Decides only; tags, marks
 * and copies are emit's.
 */
#ifndef ECS_STAGE_SWITCH_H
#define ECS_STAGE_SWITCH_H

#include "../recent.h"

/* Behind the uplink. The host comes first: on its own hooks the frame goes its normal way. */
static __always_inline enum ecs_verdict switch_uplink(struct ecs_pkt *pkt, __u32 flags)
{
	if (pkt->hook != ECS_FROM_VM)
		return ECS_PASS;
	pkt->out = ecs_port_uplink(pkt->net);
	if (!pkt->out)
		return ECS_FLOOD;
	pkt->out_ifindex = pkt->net->uplink;
	pkt->via = flags & ECS_FDB_HOST ? ECS_VIA_HOST : ECS_VIA_WIRE;
	return ECS_FORWARD;
}

struct switch_way {
	__u32 ifindex;
	__u32 flags; /* ECS_FDB_* */
};

/* Return: 0 if nobody knows the address. */
static __always_inline int switch_find(const struct ecs_pkt *pkt, struct switch_way *way)
{
	struct ecs_recent *recent = ecs_recent_find(pkt);
	struct ecs_fdb_entry *entry;

	if (recent && ecs_fdb_key_same(&recent->dst, &pkt->dst)) {
		way->ifindex = recent->dst_ifindex;
		way->flags = recent->dst_flags;
		return 1;
	}
	entry = bpf_map_lookup_elem(&ecs_fdb, &pkt->dst);
	if (!entry)
		return 0;
	way->ifindex = entry->ifindex;
	way->flags = entry->flags;
	if (recent) {
		recent->dst = pkt->dst;
		recent->dst_ifindex = way->ifindex;
		recent->dst_flags = way->flags;
	}
	return 1;
}

/* An entry may outlive its port, or the port's stay in this network: then it says nothing. */
static __always_inline enum ecs_verdict switch_unicast(struct ecs_pkt *pkt)
{
	struct switch_way way;

	if (!switch_find(pkt, &way))
		return ECS_FLOOD;
	if (way.ifindex == pkt->net->uplink)
		return switch_uplink(pkt, way.flags);
	if (way.ifindex == pkt->ifindex)
		return ecs_drop(pkt, ECS_DROP_HAIRPIN);
	pkt->out = ecs_port_find(way.ifindex);
	if (!pkt->out || pkt->out->network != pkt->dst.network || pkt->out->role == ECS_ROLE_UPLINK)
		return ECS_FLOOD;
	pkt->out_ifindex = way.ifindex;
	pkt->via = ECS_VIA_PORT;
	pkt->known = 1;
	return ECS_FORWARD;
}

static __always_inline enum ecs_verdict ecs_switch(struct __sk_buff *skb, struct ecs_pkt *pkt)
{
	if (ecs_mac_multicast(&pkt->dst)) {
		if (!ecs_mac_reserved(&pkt->dst))
			return ECS_FLOOD;
		return pkt->hook == ECS_FROM_VM ? ecs_drop(pkt, ECS_DROP_RESERVED_MULTICAST)
						: ECS_PASS;
	}
	if (pkt->hook == ECS_FROM_UPLINK &&
	    ecs_mac_word(pkt->dst.mac) == ecs_mac_word(pkt->in->mac))
		return ECS_PASS;
	return switch_unicast(pkt);
}

#endif
