/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * guard: what a vm or host port may not send. Runs before anything is learned or forwarded.
 */
#ifndef ECS_STAGE_GUARD_H
#define ECS_STAGE_GUARD_H

#include "../vlan.h"

/* A network is untagged on its ports. A priority tag (VID 0) names no VLAN and is taken off;
 * the kernel then moves an inner tag up, which must not get out as if it were the outer one. */
static __noinline enum ecs_verdict guard_tag(struct __sk_buff *skb, struct ecs_pkt *pkt)
{
	if (ecs_tag_foreign(pkt) || ecs_vid(pkt))
		return ecs_drop(pkt, ECS_DROP_VLAN_TAGGED);
	if (ecs_vlan_untag(skb, pkt))
		return ecs_drop(pkt, ECS_DROP_VLAN);
	if (ecs_vlan_accelerated(skb))
		return ecs_drop(pkt, ECS_DROP_VLAN_TAGGED);
	return ECS_CONTINUE;
}

static __always_inline enum ecs_verdict ecs_guard(struct __sk_buff *skb, struct ecs_pkt *pkt)
{
	if (pkt->hook != ECS_FROM_VM)
		return ECS_CONTINUE;
	if (ecs_mac_multicast(&pkt->src) || !ecs_mac_word(pkt->src.mac))
		return ecs_drop(pkt, ECS_DROP_SRC_MAC);
	if (pkt->tagged && !pkt->patched)
		return guard_tag(skb, pkt);
	return ECS_CONTINUE;
}

#endif
