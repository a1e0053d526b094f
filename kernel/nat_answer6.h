/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * As nat_answer.h, for IPv6 (RFC 4443). The checksum sums the addresses and the quoted header,
 * which has none of its own.
 */
#ifndef ECS_KERNEL_NAT_ANSWER6_H
#define ECS_KERNEL_NAT_ANSWER6_H

#include "nat_answer.h"

#define NAT_TOO_BIG 2
#define NAT_HOPS_EXCEEDED 3

struct nat_answer_head6 {
	__be32 version_be;
	__be16 len_be;
	__u8 next;
	__u8 hops;
	struct ecs_nat_addr src;
	struct ecs_nat_addr dst;
	__u8 type;
	__u8 code;
	__u16 check;
	__be32 mtu_be;
};
_Static_assert(sizeof(struct nat_answer_head6) == 48, "no padding");

static __always_inline __u64 nat_sum6(const void *words, int n)
{
	const __u32 *word = words;
	__u64 sum = 0;

	for (int i = 0; i < n; i++)
		sum += word[i];
	return sum;
}

/* The packet's addresses to the answer, whatever else of its headers counts to @sum.
 * Return: the pseudo header's sum, or 0 if the packet is too short after all. */
static __always_inline __u16 nat_answer_read6(struct __sk_buff *skb, const struct nat_pkt *np,
					      struct nat_answer_head6 *head, __u64 *sum)
{
	void *data = (void *)(long)skb->data;
	void *end = (void *)(long)skb->data_end;
	struct ipv6hdr *ip = data + NAT_L3;
	__u8 proto = np->key.proto == IPPROTO_ICMP ? IPPROTO_ICMPV6 : np->key.proto;

	if ((void *)(ip + 1) > end)
		return 0;
	*sum = nat_sum6(ip, sizeof(*ip) / 4);
	if (np->ihl > sizeof(*ip)) {
		if ((void *)(ip + 1) + sizeof(struct nat_fragment6) > end)
			return 0;
		*sum += nat_sum6(ip + 1, sizeof(struct nat_fragment6) / 4);
	}
	__builtin_memcpy(&head->dst, &ip->saddr, sizeof(head->dst));
	__builtin_memcpy(&head->src, &ip->daddr, sizeof(head->src));
	return nat_fold16(nat_sum6(&ip->saddr, 8) + bpf_htons(proto) + bpf_htons(nat_payload(np)));
}

static __always_inline void nat_answer_seal6(struct nat_answer_head6 *head,
					     const struct nat_pkt *np, __u32 mtu, __u64 quote_sum)
{
	__u32 len = 8 + np->ihl + nat_quote_len(np);

	head->version_be = bpf_htonl(6u << 28);
	head->len_be = bpf_htons(len);
	head->next = IPPROTO_ICMPV6;
	head->hops = NAT_ANSWER_TTL;
	head->type = mtu ? NAT_TOO_BIG : NAT_HOPS_EXCEEDED;
	head->mtu_be = bpf_htonl(mtu);
	head->check = ~nat_fold16(quote_sum + nat_sum6(&head->src, 8) + bpf_htons(len) +
				  bpf_htons(IPPROTO_ICMPV6) + nat_sum6(&head->type, 2));
}

/* A VM knows us as the gateway, the outside by the address that it wrote to. */
static __always_inline int nat_answer_from6(const struct ecs_frame *pkt,
					    struct nat_answer_head6 *head)
{
	__u32 network = pkt->src.network;
	struct ecs_network *net;

	if (pkt->hook != ECS_FROM_VM)
		return 1;
	net = bpf_map_lookup_elem(&ecs_networks, &network);
	if (net)
		__builtin_memcpy(&head->src, net->gateway6, sizeof(head->src));
	return net != 0;
}

/** ecs_nat_answer6 - as ecs_nat_answer(). */
__noinline int ecs_nat_answer6(struct __sk_buff *skb, struct ecs_frame *pkt,
			       const struct nat_pkt *np, __u32 mtu)
{
	struct nat_answer_head6 head = {0};
	__u64 sum = 0;
	__u16 pseudo;

	if (!pkt || !np)
		return ECS_DROP;
	if (!nat_answer_begin(pkt, np, mtu))
		return ECS_DROP;
	pseudo = nat_answer_read6(skb, np, &head, &sum);
	if (!pseudo || !nat_answer_from6(pkt, &head))
		return ECS_DROP;
	nat_answer_seal6(&head, np, mtu, sum + nat_quote_sum(skb, np, pseudo));
	return nat_answer_send(skb, pkt, np, &head, sizeof(head));
}

#endif
