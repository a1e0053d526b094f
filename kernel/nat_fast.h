/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The way of nearly every packet: TCP or UDP of a flow that is in use, with nothing in its
 * headers that needs a thought, to where the last one of the tick went. One hash lookup, no
 * calls but the helpers that are needed. Any doubt is left to the whole stage, which sees to it
 * and leaves a nat_hop behind. Changes nothing before all is certain.
 */
#ifndef ECS_KERNEL_NAT_FAST_H
#define ECS_KERNEL_NAT_FAST_H

#include "nat_rewrite.h"
#include "nat_way.h"

#define NAT_FAST_TCP (NAT_L3 + sizeof(struct iphdr) + sizeof(struct tcphdr))
#define NAT_FAST_UDP (NAT_L3 + sizeof(struct iphdr) + sizeof(struct udphdr))

static __always_inline int nat_fast_udp(struct __sk_buff *skb, struct ecs_pkt *pkt,
					const struct udphdr *udp, __u32 payload)
{
	__u32 len = bpf_ntohs(udp->len);

	pkt->nat_l4_len = sizeof(*udp);
	return skb->gso_size || (len >= sizeof(*udp) && len <= payload);
}

static __always_inline int nat_fast_tcp(struct ecs_pkt *pkt, const struct tcphdr *tcp,
					__u32 payload)
{
	__u32 len = tcp->doff * 4;

	pkt->nat_l4_len = len;
	return len >= sizeof(*tcp) && len <= payload &&
	       !(((const __u8 *)tcp)[13] & (NAT_TCP_SYN | NAT_TCP_FIN | NAT_TCP_RST));
}

/* Return: the IP header, if it has no options, is of no fragment, and nothing is odd. */
static __always_inline struct iphdr *nat_fast_parse(struct __sk_buff *skb, struct ecs_pkt *pkt)
{
	void *data = (void *)(long)skb->data;
	void *end = (void *)(long)skb->data_end;
	struct iphdr *ip = data + NAT_L3;
	__u32 len;
	int fine;

	if (data + NAT_FAST_UDP > end)
		return 0;
	len = bpf_ntohs(ip->tot_len);
	if (*(__u8 *)ip != 0x45 || ip->ttl <= 1 || len > pkt->l3_len ||
	    len < sizeof(*ip) + sizeof(struct udphdr) ||
	    ip->frag_off & bpf_htons(NAT_IP_OFFSET | NAT_IP_MF))
		return 0;
	len -= sizeof(*ip);
	if (ip->protocol == IPPROTO_UDP)
		fine = nat_fast_udp(skb, pkt, (void *)(ip + 1), len);
	else
		fine = ip->protocol == IPPROTO_TCP && data + NAT_FAST_TCP <= end &&
		       nat_fast_tcp(pkt, (void *)(ip + 1), len);
	return fine ? ip : 0;
}

static __always_inline int nat_fast_for_us(const struct ecs_pkt *pkt)
{
	__u64 dst = ecs_mac_word(pkt->dst.mac);

	if (pkt->hook == ECS_FROM_UPLINK)
		return dst == ecs_mac_word(pkt->in->mac);
	return pkt->net && (pkt->net->flags & ECS_NETWORK_NAT4) &&
	       dst == ecs_mac_word(pkt->net->gateway_mac);
}

/* Return: where the flow's last packet of this tick went; NULL if that is not certain any more. */
static __always_inline const struct nat_hop *nat_fast_hop(const struct ecs_pkt *pkt,
							  const struct ecs_nat_flow *flow)
{
	__u32 scope = flow->scope ?: NAT_HOP_OUT | pkt->src.network;
	struct nat_hop *hop = nat_hop(flow->dst_be, scope);

	_Static_assert(!ECS_NAT_OUTSIDE, "no network");
	if (!hop || hop->dst_be != flow->dst_be || hop->scope != scope)
		return 0;
	if (hop->jiffies != bpf_jiffies64()) {
		if ((__u32)(bpf_ktime_get_coarse_ns() >> ECS_NAT_TICK_SHIFT) != hop->tick)
			return 0;
		hop->jiffies = bpf_jiffies64();
	}
	if (hop->tick - flow->seen > flow->timeout_s)
		return 0;
	if (flow->scope == ECS_NAT_OUTSIDE)
		return pkt->net && hop->ifindex == pkt->net->nat_uplink ? hop : 0;
	return hop->generation == nat_generation() &&
			       ecs_mac_word(hop->macs.dst) == ecs_mac_word(flow->to_mac)
		       ? hop
		       : 0;
}

/* A GSO packet goes out in segments, each with its headers. */
static __always_inline int nat_fast_fits(struct __sk_buff *skb, const struct ecs_pkt *pkt)
{
	__u32 len = pkt->l3_len;

	if (skb->gso_size)
		len = sizeof(struct iphdr) + pkt->nat_l4_len + skb->gso_size;
	return len <= pkt->out->mtu;
}

static __always_inline enum ecs_verdict nat_fast_send(struct __sk_buff *skb, struct ecs_pkt *pkt,
						      struct iphdr *ip,
						      const struct ecs_nat_flow *flow,
						      const struct nat_hop *hop)
{
	__u8 proto = pkt->nat_key.proto;
	struct udphdr *udp = (void *)(ip + 1);
	int summed = proto == IPPROTO_TCP || udp->check;
	struct nat_diffs diffs;

	nat_write_macs((void *)ip - NAT_L3, &hop->macs);
	nat_write_ip(ip, flow->src_be, flow->dst_be);
	*(__u32 *)udp = *(__u32 *)&flow->sport_be;
	pkt->out_ifindex = hop->ifindex;
	pkt->via = flow->scope == ECS_NAT_OUTSIDE ? ECS_VIA_NAT : ECS_VIA_PORT;
	pkt->known = flow->scope != ECS_NAT_OUTSIDE;
	if (!summed)
		return ECS_FORWARD;
	nat_diffs(&diffs, &pkt->nat_key, flow);
	if (nat_write_check(skb, NAT_L3 + sizeof(*ip), proto, &diffs))
		return ecs_drop(pkt, ECS_DROP_NAT_MALFORMED);
	return ECS_FORWARD;
}

/* Return: the packet's flow, which it follows without changing more of it than counters. */
static __always_inline struct ecs_nat_flow *nat_fast_find(struct ecs_pkt *pkt,
							  const struct iphdr *ip)
{
	struct ecs_nat_key *key = &pkt->nat_key;
	struct ecs_nat_flow *flow;

	key->src_be = ip->saddr;
	key->dst_be = ip->daddr;
	*(__u32 *)&key->sport_be = *(__u32 *)(ip + 1);
	key->scope = pkt->hook == ECS_FROM_VM ? pkt->src.network : ECS_NAT_OUTSIDE;
	key->proto = ip->protocol;
	key->v6 = 0;
	flow = nat_find(key);
	if (!flow || (flow->flags & ECS_NAT_HOST))
		return 0;
	return nat_steady((const struct ecs_frame *)&pkt->dst, key->proto, flow) ? flow : 0;
}

/** nat_fast - Return: FORWARD; CONTINUE if the whole stage has to look; DROP. */
static __always_inline enum ecs_verdict nat_fast(struct __sk_buff *skb, struct ecs_pkt *pkt)
{
	struct iphdr *ip = nat_fast_for_us(pkt) ? nat_fast_parse(skb, pkt) : 0;
	struct ecs_nat_flow *flow = ip ? nat_fast_find(pkt, ip) : 0;
	const struct nat_hop *hop = flow ? nat_fast_hop(pkt, flow) : 0;

	if (!hop)
		return ECS_CONTINUE;
	pkt->out = ecs_port_find(hop->ifindex);
	if (!pkt->out || !nat_fast_fits(skb, pkt) ||
	    (flow->scope != ECS_NAT_OUTSIDE && pkt->out->network != flow->scope))
		return ECS_CONTINUE;
	flow->packets++;
	flow->bytes += pkt->l3_len;
	if (flow->seen == hop->tick)
		pkt->learned = 1;
	else
		flow->seen = hop->tick;
	return nat_fast_send(skb, pkt, ip, flow, hop);
}

#endif
