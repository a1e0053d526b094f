/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * VLAN tags off and on. The helpers change the frame: no packet pointer survives them.
 */
#ifndef ECS_KERNEL_VLAN_H
#define ECS_KERNEL_VLAN_H

#include "pkt.h"

/* Not inline: the compiler would share the field's address between two reads, and the verifier
 * refuses a context pointer that was added to. */
static __noinline __u32 ecs_vlan_accelerated(struct __sk_buff *skb)
{
	return skb->vlan_present;
}

/**
 * ecs_vlan_untag - take the outermost tag off, accelerated or in the payload
 *
 * The kernel accelerates an inner tag in its place; if that one is truncated it refuses half
 * way, with the outer tag already gone. And it takes nothing off, without an error, if a tag in
 * the payload is not in skb->protocol (a packet socket may say anything there).
 * Return: 0; not 0, with the frame as it was.
 */
static __always_inline long ecs_vlan_untag(struct __sk_buff *skb, struct ecs_pkt *pkt)
{
	__u32 accelerated = ecs_vlan_accelerated(skb);
	long ret;

	if (!pkt->tagged)
		return 0;
	ret = bpf_skb_vlan_pop(skb);
	if (!ret) {
		if (!accelerated && skb->len == pkt->len)
			return -1;
		pkt->tagged = 0;
		return 0;
	}
	if (accelerated && !ecs_vlan_accelerated(skb))
		bpf_skb_vlan_push(skb, pkt->vlan_proto_be, pkt->vlan_tci);
	return ret;
}

/** ecs_vlan_retag - undo ecs_vlan_untag(), priority bits included. Return: 0; -errno. */
static __always_inline long ecs_vlan_retag(struct __sk_buff *skb, struct ecs_pkt *pkt)
{
	return bpf_skb_vlan_push(skb, pkt->vlan_proto_be, pkt->vlan_tci);
}

/** ecs_vlan_tag - put a network's tag on an untagged frame; 0 = none. Return: 0; -errno. */
static __always_inline long ecs_vlan_tag(struct __sk_buff *skb, __u16 vid)
{
	return vid ? bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), vid) : 0;
}

#endif
