/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * parse: the Ethernet header and the outermost VLAN tag, once, into struct ecs_pkt. Nothing
 * behind them is read: a switch has no opinion on a payload.
 */
#ifndef ECS_STAGE_PARSE_H
#define ECS_STAGE_PARSE_H

#include "../pkt.h"

/* Ethernet header in the words in which it fills two FDB keys. */
struct ecs_eth {
	__u16 dst0;
	__u16 dst[2];
	__u16 src0;
	__u16 src[2];
	__be16 proto_be;
};
_Static_assert(sizeof(struct ecs_eth) == ETH_HLEN, "IEEE 802.3 header");

struct ecs_vlan {
	__be16 tci_be;
	__be16 proto_be;
};

/* The host comes first: what is odd on an uplink is its own stack's to judge. */
static __always_inline enum ecs_verdict malformed(struct ecs_pkt *pkt)
{
	return pkt->hook == ECS_FROM_VM ? ecs_drop(pkt, ECS_DROP_MALFORMED) : ECS_PASS;
}

/* A tag in the payload: at egress, of links without tag offload. At ingress the kernel has
 * moved the outermost tag out of the payload before clsact runs. */
static __noinline enum ecs_verdict parse_payload_tag(struct __sk_buff *skb, struct ecs_pkt *pkt,
						     __be16 proto_be)
{
	struct ecs_vlan vlan;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, &vlan, sizeof(vlan)))
		return malformed(pkt);
	pkt->tagged = 1;
	pkt->vlan_proto_be = proto_be;
	pkt->vlan_tci = bpf_ntohs(vlan.tci_be);
	pkt->l3_len -= ECS_VLAN_HLEN;
	return ECS_CONTINUE;
}

static __always_inline enum ecs_verdict ecs_parse(struct __sk_buff *skb, struct ecs_pkt *pkt)
{
	void *data = (void *)(long)skb->data;
	void *end = (void *)(long)skb->data_end;
	struct ecs_eth *eth = data;
	struct ecs_eth copy;

	if (data + sizeof(*eth) > end) {
		/* The head may be in a page fragment. */
		if (bpf_skb_load_bytes(skb, 0, &copy, sizeof(copy)))
			return malformed(pkt);
		eth = &copy;
	}
	*(__u16 *)&pkt->dst.mac[0] = eth->dst0;
	*(__u32 *)&pkt->dst.mac[2] = *(__u32 *)eth->dst;
	*(__u16 *)&pkt->src.mac[0] = eth->src0;
	*(__u32 *)&pkt->src.mac[2] = *(__u32 *)eth->src;
	pkt->l3_len = pkt->len - ETH_HLEN;
	if (skb->vlan_present) {
		pkt->tagged = 1;
		pkt->vlan_proto_be = skb->vlan_proto;
		pkt->vlan_tci = skb->vlan_tci;
		return ECS_CONTINUE;
	}
	if (eth->proto_be == bpf_htons(ETH_P_8021Q) || eth->proto_be == bpf_htons(ETH_P_8021AD))
		return parse_payload_tag(skb, pkt, eth->proto_be);
	return ECS_CONTINUE;
}

#endif
