/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * patch: a wire between two links. Everything goes to the other end as it is, tags and
 * link-local multicast included, and nothing is learned.
 */
#ifndef ECS_STAGE_PATCH_H
#define ECS_STAGE_PATCH_H

#include "../maps.h"

/* The host holds an address here: its own frames stay, and it hears what all should hear. */
static __noinline enum ecs_verdict patch_addressed(struct ecs_pkt *pkt)
{
	if (ecs_mac_word(pkt->dst.mac) == ecs_mac_word(pkt->in->mac) || !pkt->out)
		return ECS_PASS;
	return ecs_mac_multicast(&pkt->dst) ? ECS_COPY : ECS_FORWARD;
}

/* Does the other end send from this frame's destination address? Then it may have the frame by
 * a peer redirect. Each end of a two-way patch remembers one address, if it is such a peer. */
static __always_inline void patch_remember(struct ecs_pkt *pkt, struct ecs_patch *patch)
{
	struct ecs_patch *back;

	if ((pkt->in->flags & ECS_PORT_PEER) &&
	    ecs_mac_word(patch->near_mac) != ecs_mac_word(pkt->src.mac))
		__builtin_memcpy(patch->near_mac, pkt->src.mac, sizeof(patch->near_mac));
	if (!pkt->out || !(pkt->out->flags & ECS_PORT_PEER) || ecs_mac_multicast(&pkt->dst))
		return;
	back = bpf_map_lookup_elem(&ecs_patches, &pkt->out_ifindex);
	pkt->known = back && ecs_mac_word(back->near_mac) == ecs_mac_word(pkt->dst.mac);
}

static __always_inline enum ecs_verdict ecs_patch(struct __sk_buff *skb, struct ecs_pkt *pkt)
{
	struct ecs_patch *patch;

	if (!pkt->patched || pkt->local)
		return ECS_CONTINUE;
	patch = bpf_map_lookup_elem(&ecs_patches, &pkt->ifindex);
	if (patch) {
		pkt->via = ECS_VIA_PATCH;
		pkt->out_ifindex = patch->ifindex;
		pkt->out = ecs_port_find(patch->ifindex);
		patch_remember(pkt, patch);
	}
	if (pkt->in->flags & ECS_PORT_ADDRESSED)
		return patch_addressed(pkt);
	return pkt->out ? ECS_FORWARD : ecs_drop(pkt, ECS_DROP_OUTPUT);
}

#endif
