/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * As nat_rewrite.h, for IPv6: there is no header checksum, and the addresses are summed by every
 * L4 protocol. They come from the numbers that the flow has for them.
 */
#ifndef ECS_KERNEL_NAT_REWRITE6_H
#define ECS_KERNEL_NAT_REWRITE6_H

#include "nat_rewrite.h"

static __always_inline __u64 nat_diff6(const struct ecs_nat_addr *from,
				       const struct ecs_nat_addr *to)
{
	__u64 sum = 0;

	for (int i = 0; i < 4; i++)
		sum += nat_diff(from->be[i], to->be[i]);
	return sum;
}

/* The stack is short: one address at a time. */
static __noinline __u32 nat_diff_numbers(__u32 from, __u32 to)
{
	const struct ecs_nat_addr *old = nat_addr(from), *new = nat_addr(to);

	return old && new ? nat_fold32(nat_diff6(old, new)) : 0;
}

/* The quote becomes the packet that the receiver of the error once sent. */
static __noinline long nat_write_quote6(struct __sk_buff *skb, const struct nat_pkt *np,
					const struct ecs_nat_flow *flow)
{
	const struct ecs_nat_addr *src = nat_addr(flow->src_be), *dst = nat_addr(flow->dst_be);
	__u32 at = nat_l4(np) + sizeof(struct nat_icmp);
	struct nat_diffs diffs;
	__u64 diff;
	long err;

	if (!src || !dst)
		return -1;
	nat_diffs(&diffs, &np->key, flow); /* of the ports; the addresses are numbers there */
	diffs.addrs = nat_fold32((__u64)nat_diff_numbers(np->key.src_be, flow->src_be) +
				 nat_diff_numbers(np->key.dst_be, flow->dst_be));
	diff = diffs.addrs;
	err = bpf_skb_store_bytes(skb, at + offsetof(struct ipv6hdr, saddr), dst, sizeof(*dst), 0);
	err = err
		      ?: bpf_skb_store_bytes(skb, at + offsetof(struct ipv6hdr, daddr), src,
					     sizeof(*src), 0);
	err = err ?: nat_write_quoted_l4(skb, np, flow, &diffs, &diff);
	return err
		       ?: bpf_l4_csum_replace(skb, nat_l4(np) + offsetof(struct nat_icmp, check), 0,
					      nat_fold32(diff), 0);
}

/* What the addresses' change means to a checksum that sums them. */
static __always_inline long nat_write_check6(struct __sk_buff *skb, const struct nat_pkt *np,
					     const struct nat_diffs *diffs)
{
	__u32 at = nat_l4(np) + offsetof(struct nat_icmp, check);
	long err = 0;

	if (np->key.proto != IPPROTO_ICMP && np->kind != NAT_ERROR)
		return np->unsummed ? 0 : nat_write_check(skb, nat_l4(np), np->key.proto, diffs);
	if (diffs->ports)
		err = bpf_l4_csum_replace(skb, at, 0, diffs->ports, 0);
	return err ?: bpf_l4_csum_replace(skb, at, 0, diffs->addrs, BPF_F_PSEUDO_HDR);
}

struct nat_heads6 {
	const struct ecs_nat_addr *src; /* NULL = it stays */
	const struct ecs_nat_addr *dst;
};

/* As nat_source(): the router that sent an error shows where both sides know it. */
static __always_inline int nat_heads6(struct nat_heads6 *heads, const struct nat_pkt *np,
				      const struct ecs_nat_flow *flow)
{
	int stays = np->kind == NAT_ERROR && np->key.scope == ECS_NAT_OUTSIDE;

	heads->src = stays ? 0 : nat_addr(flow->src_be);
	heads->dst = nat_addr(flow->dst_be);
	return heads->dst && (stays || heads->src);
}

/* How much more the header sums up to. */
static __always_inline __u64 nat_heads6_diff(const struct ipv6hdr *ip,
					     const struct nat_heads6 *heads)
{
	__u64 diff = nat_diff6((const void *)&ip->daddr, heads->dst);

	if (heads->src)
		diff += nat_diff6((const void *)&ip->saddr, heads->src);
	return diff;
}

static __always_inline void nat_write_addr6(void *to, const struct ecs_nat_addr *addr)
{
	__be32 *be = to;

	for (int i = 0; i < 4; i++)
		be[i] = addr->be[i];
}

static __always_inline long nat_write_heads6(struct __sk_buff *skb, const struct nat_pkt *np,
					     const struct ecs_nat_flow *flow,
					     const struct nat_heads6 *heads, int ports, int macs)
{
	void *data = (void *)(long)skb->data;
	void *end = (void *)(long)skb->data_end;
	struct ipv6hdr *ip = data + NAT_L3;

	if ((void *)(ip + 1) > end)
		return -1;
	ip->hop_limit--;
	nat_write_addr6(&ip->daddr, heads->dst);
	if (heads->src)
		nat_write_addr6(&ip->saddr, heads->src);
	return nat_write_around(data, end, np, flow, ports, macs);
}

/**
 * ecs_nat_rewrite6 - as ecs_nat_rewrite()
 *
 * A sum over the whole packet (CHECKSUM_COMPLETE) grows by the hop limit's change: what the
 * addresses add the checksum takes away, but bpf_l4_csum_replace() with BPF_F_PSEUDO_HDR takes
 * for granted that a header checksum does, as in IPv4. bpf_csum_update() minds only such sums.
 */
__noinline int ecs_nat_rewrite6(struct __sk_buff *skb, const struct nat_pkt *np,
				const struct ecs_nat_flow *flow, int macs)
{
	struct nat_diffs diffs = {0};
	struct nat_heads6 heads;
	struct ipv6hdr *ip;
	long err = 0;

	if (!np || !flow || !nat_heads6(&heads, np, flow))
		return -1;
	ip = (void *)(long)skb->data + NAT_L3;
	if ((void *)(ip + 1) > (void *)(long)skb->data_end)
		return -1;
	if (np->kind == NAT_ERROR)
		err = nat_write_quote6(skb, np, flow);
	else if (!nat_later_fragment(np))
		nat_diffs(&diffs, &np->key, flow);
	ip = (void *)(long)skb->data + NAT_L3;
	if (err || (void *)(ip + 1) > (void *)(long)skb->data_end)
		return -1;
	diffs.addrs = nat_fold32(nat_heads6_diff(ip, &heads));
	if (!nat_later_fragment(np))
		err = nat_write_check6(skb, np, &diffs);
	/* The hop limit is the second byte of its half-word, and loses 1: it adds ~1. */
	bpf_csum_update(skb, nat_fold32((__u64)diffs.addrs + (__u16)~bpf_htons(1)));
	return err ?: nat_write_heads6(skb, np, flow, &heads, diffs.ports != 0, macs);
}

#endif
