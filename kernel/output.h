/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How one frame, or one copy of it, reaches one link: whether it fits, and the helper that
 * sends it. Only stages/emit.h calls in here.
 */
#ifndef ECS_KERNEL_OUTPUT_H
#define ECS_KERNEL_OUTPUT_H

#include "count.h"

/* The link's own MTU decides. With BPF_MTU_CHK_SEGS the helper takes no length of ours, and
 * measures a GSO packet's segments; without, it takes the L3 length, which leaves the tag out. */
static __noinline enum ecs_drop ecs_output_ask(struct __sk_buff *skb, __u32 l3_len, __u32 ifindex)
{
	__u32 mtu_len = skb->gso_size ? 0 : l3_len;
	long ret;

	ret = bpf_check_mtu(skb, ifindex, &mtu_len, 0, skb->gso_size ? BPF_MTU_CHK_SEGS : 0);
	if (ret < 0)
		return ECS_DROP_OUTPUT;
	return ret ? ECS_DROP_MTU : ECS_DROP_NONE;
}

/** ecs_output_check - may the frame go out of this link? Return: ECS_DROP_NONE; the reason. */
static __always_inline enum ecs_drop ecs_output_check(struct __sk_buff *skb,
						      const struct ecs_pkt *pkt,
						      const struct ecs_port *out, __u32 ifindex)
{
	if (pkt->l3_len <= out->mtu) /* then each GSO segment fits, too */
		return ECS_DROP_NONE;
	return ecs_output_ask(skb, pkt->l3_len, ifindex);
}

/**
 * ecs_output_copy - send a copy, and count it or why it did not go
 * @flags: 0, or BPF_F_INGRESS for the link's own stack
 *
 * The helper's positive results are drops of the output's queue. Return: 1 if it went.
 */
static __noinline int ecs_output_copy(struct __sk_buff *skb, const struct ecs_pkt *pkt,
				      const struct ecs_port *out, __u32 ifindex, __u64 flags)
{
	enum ecs_drop reason = ECS_DROP_NONE;

	if (!(flags & BPF_F_INGRESS))
		reason = ecs_output_check(skb, pkt, out, ifindex);
	if (!reason && bpf_clone_redirect(skb, ifindex, flags))
		reason = ECS_DROP_OUTPUT;
	if (!reason) {
		if (!(flags & BPF_F_INGRESS))
			ecs_count_tx(out->slot, pkt->len);
		return 1;
	}
	/* A port that is known to be down misses nothing that was meant for all. */
	if (!pkt->flooded || !(out->flags & ECS_PORT_DOWN))
		ecs_count_drop(pkt, reason);
	return 0;
}

/* A port that was down when the daemon last looked. The daemon may be gone and the port up
 * again, so a copy is tried all the same, which tells how it went. Return: TC_ACT_STOLEN if the
 * copy did it, and the frame is left over. */
static __noinline int output_doubtful(struct __sk_buff *skb, const struct ecs_pkt *pkt, __u64 flags)
{
	if (ecs_output_copy(skb, pkt, pkt->out, pkt->out_ifindex, flags))
		return TC_ACT_STOLEN;
	if (pkt->flooded && !pkt->reached)
		ecs_count_drop(pkt, ECS_DROP_NO_RECEIVER);
	return TC_ACT_SHOT;
}

/**
 * ecs_output_redirect - send the frame itself to ecs_pkt.out
 * @flags: 0, or BPF_F_INGRESS for the link's own stack
 *
 * bpf_redirect_peer() skips the veth's queue, but also eth_type_trans(): the frame keeps the
 * packet type that its first link gave it, and 6.16 and later make it PACKET_HOST. Right for
 * an address that is known to be there, wrong for any other. Egress hooks may not use it.
 *
 * Return: TC_ACT_REDIRECT or SHOT; STOLEN if a copy went, and the caller has the frame left.
 */
static __always_inline int ecs_output_redirect(struct __sk_buff *skb, struct ecs_pkt *pkt,
					       __u64 flags)
{
	const struct ecs_port *out = pkt->out;
	enum ecs_drop reason = ECS_DROP_NONE;

	if (out->flags & ECS_PORT_DOWN)
		return output_doubtful(skb, pkt, flags);
	if (!(flags & BPF_F_INGRESS)) {
		reason = ecs_output_check(skb, pkt, out, pkt->out_ifindex);
		if (reason) {
			ecs_count_drop(pkt, reason);
			return TC_ACT_SHOT;
		}
		ecs_count_tx(out->slot, pkt->len);
	}
	if (pkt->known && (out->flags & ECS_PORT_PEER) && pkt->hook != ECS_TO_UPLINK) {
		bpf_skb_change_type(skb, PACKET_HOST);
		skb->mark = 0; /* as on any way into another namespace */
		return bpf_redirect_peer(pkt->out_ifindex, 0);
	}
	return bpf_redirect(pkt->out_ifindex, flags);
}

#endif
