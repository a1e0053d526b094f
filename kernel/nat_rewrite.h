/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Changes a packet as its flow's entry says. Checksums are updated by difference (RFC 1624), by
 * the helpers that know what the kernel has not yet filled in (CHECKSUM_PARTIAL, GSO) or has
 * already summed (CHECKSUM_COMPLETE).
 */
#ifndef ECS_KERNEL_NAT_REWRITE_H
#define ECS_KERNEL_NAT_REWRITE_H

#include <stddef.h>
#include "nat_parse.h"

/* One's complement sums in memory order, so that no byte order matters. */
static __always_inline __u32 nat_fold32(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	return (sum & 0xffffffff) + (sum >> 32);
}

static __always_inline __u16 nat_fold16(__u64 sum)
{
	__u32 half = nat_fold32(sum);

	half = (half & 0xffff) + (half >> 16);
	return (half & 0xffff) + (half >> 16);
}

static __always_inline __u64 nat_diff(__u32 from, __u32 to)
{
	return (__u64)(__u32)~from + to;
}

/* A checksum field after its data changed by @diff. */
static __always_inline __u16 nat_check(__u16 check, __u32 diff)
{
	return ~nat_fold16((__u64)(__u16)~check + diff);
}

struct nat_diffs {
	__u32 addrs;
	__u32 ports;
};

static __always_inline void nat_diffs(struct nat_diffs *diffs, const struct ecs_nat_key *key,
				      const struct ecs_nat_flow *flow)
{
	diffs->addrs = nat_fold32(nat_diff(key->src_be, flow->src_be) +
				  nat_diff(key->dst_be, flow->dst_be));
	diffs->ports = 0;
	if (key->sport_be != flow->sport_be || key->dport_be != flow->dport_be)
		diffs->ports = nat_fold32(nat_diff(key->sport_be, flow->sport_be) +
					  nat_diff(key->dport_be, flow->dport_be));
}

/* Of TCP, and of UDP that has a checksum. The kernel tells nobody whether it still owes the sum
 * over the ports (CHECKSUM_PARTIAL), so both differences go by the helper. */
static __always_inline long nat_write_check(struct __sk_buff *skb, __u32 l4, __u8 proto,
					    const struct nat_diffs *diffs)
{
	int tcp = proto == IPPROTO_TCP;
	__u32 at = l4 + (tcp ? offsetof(struct tcphdr, check) : offsetof(struct udphdr, check));
	__u64 flags = tcp ? 0 : BPF_F_MARK_MANGLED_0;
	long err = 0;

	if (diffs->ports)
		err = bpf_l4_csum_replace(skb, at, 0, diffs->ports, flags);
	return err ?: bpf_l4_csum_replace(skb, at, 0, diffs->addrs, flags | BPF_F_PSEUDO_HDR);
}

/* The L4 checksum alone; the ports follow when no helper moves the packet any more. */
static __always_inline long nat_write_l4_check(struct __sk_buff *skb, const struct nat_pkt *np,
					       const struct nat_diffs *diffs)
{
	if (np->key.proto == IPPROTO_ICMP)
		return bpf_l4_csum_replace(skb, nat_l4(np) + offsetof(struct nat_icmp, check), 0,
					   diffs->ports, 0);
	return np->unsummed ? 0 : nat_write_check(skb, nat_l4(np), np->key.proto, diffs);
}

/* The quoted TCP or UDP checksum, if the quote reaches so far. A UDP checksum of 0 is none. */
static __always_inline long nat_write_quoted_check(struct __sk_buff *skb, __u32 at, int udp,
						   const struct nat_diffs *diffs, __u64 *diff)
{
	__u16 check, old;

	if (bpf_skb_load_bytes(skb, at, &check, sizeof(check)) || (udp && !check))
		return 0;
	old = check;
	check = nat_check(check, nat_fold32((__u64)diffs->addrs + diffs->ports));
	if (udp && !check)
		check = 0xffff;
	*diff += nat_diff(old, check);
	return bpf_skb_store_bytes(skb, at, &check, sizeof(check), 0);
}

static __always_inline long nat_write_quoted_l4(struct __sk_buff *skb, const struct nat_pkt *np,
						const struct ecs_nat_flow *flow,
						const struct nat_diffs *diffs, __u64 *diff)
{
	__u32 at = nat_l4(np) + sizeof(struct nat_icmp) + np->inner_ihl;
	__be16 ports_be[2] = {flow->dport_be, flow->sport_be};
	__be16 id_be = flow->sport_be | flow->dport_be;
	struct nat_diffs icmp = {
		.addrs = np->key.v6 ? diffs->addrs : 0, /* only ICMPv6 sums them, too */
		.ports = diffs->ports,
	};
	long err;

	*diff += diffs->ports;
	if (np->key.proto == IPPROTO_ICMP) {
		err = nat_write_quoted_check(skb, at + offsetof(struct nat_icmp, check), 0, &icmp,
					     diff);
		return err
			       ?: bpf_skb_store_bytes(skb, at + offsetof(struct nat_icmp, id_be),
						      &id_be, sizeof(id_be), 0);
	}
	err = np->key.proto == IPPROTO_UDP
		      ? nat_write_quoted_check(skb, at + offsetof(struct udphdr, check), 1, diffs,
					       diff)
		      : nat_write_quoted_check(skb, at + offsetof(struct tcphdr, check), 0, diffs,
					       diff);
	return err ?: bpf_skb_store_bytes(skb, at, ports_be, sizeof(ports_be), 0);
}

/* The quote becomes the packet that the receiver of the error once sent. */
static __noinline long nat_write_quote(struct __sk_buff *skb, const struct nat_pkt *np,
				       const struct ecs_nat_flow *flow)
{
	__u32 at = nat_l4(np) + sizeof(struct nat_icmp);
	__be32 addrs_be[2] = {flow->dst_be, flow->src_be};
	struct nat_diffs diffs;
	__u16 check, old;
	__u64 diff = 0;
	long err;

	nat_diffs(&diffs, &np->key, flow);
	err = bpf_skb_load_bytes(skb, at + offsetof(struct iphdr, check), &old, sizeof(old));
	check = nat_check(old, diffs.addrs);
	diff = (__u64)diffs.addrs + nat_diff(old, check);
	err = err
		      ?: bpf_skb_store_bytes(skb, at + offsetof(struct iphdr, check), &check,
					     sizeof(check), 0);
	err = err
		      ?: bpf_skb_store_bytes(skb, at + offsetof(struct iphdr, saddr), addrs_be,
					     sizeof(addrs_be), 0);
	err = err ?: nat_write_quoted_l4(skb, np, flow, &diffs, &diff);
	return err
		       ?: bpf_l4_csum_replace(skb, nat_l4(np) + offsetof(struct nat_icmp, check), 0,
					      nat_fold32(diff), 0);
}

/* Of an error: it goes to the flow's end. The router that sent it shows only where both know
 * it: towards a VM, and from the outside. */
static __always_inline __be32 nat_source(const struct nat_pkt *np, const struct ecs_nat_flow *flow)
{
	return np->kind == NAT_ERROR && np->key.scope == ECS_NAT_OUTSIDE ? np->src_be
									 : flow->src_be;
}

static __always_inline void nat_write_ip(struct iphdr *ip, __be32 src_be, __be32 dst_be)
{
	__u16 ttl_proto = *(__u16 *)&ip->ttl;
	__u64 diff = nat_diff(ip->saddr, src_be) + nat_diff(ip->daddr, dst_be);

	(*(__u8 *)&ttl_proto)--;
	diff += nat_diff(*(__u16 *)&ip->ttl, ttl_proto);
	*(__u16 *)&ip->ttl = ttl_proto;
	ip->check = nat_check(ip->check, nat_fold32(diff));
	ip->saddr = src_be;
	ip->daddr = dst_be;
}

static __always_inline void nat_write_macs(__u32 *eth, const struct nat_macs *macs)
{
	eth[0] = *(__u32 *)&macs->dst[0];
	eth[1] = *(__u32 *)&macs->dst[4];
	eth[2] = *(__u32 *)&macs->src[2];
}

/* What is before the IP header, and the ports behind it. */
static __always_inline long nat_write_around(void *data, void *end, const struct nat_pkt *np,
					     const struct ecs_nat_flow *flow, int ports, int macs)
{
	void *l4 = data + NAT_L3 + np->ihl;

	if (macs)
		nat_write_macs(data, &np->macs);
	if (!ports)
		return 0;
	if (l4 + sizeof(struct nat_icmp) > end)
		return -1;
	if (np->key.proto == IPPROTO_ICMP)
		((struct nat_icmp *)l4)->id_be = flow->sport_be | flow->dport_be;
	else
		*(__u32 *)l4 = *(__u32 *)&flow->sport_be;
	return 0;
}

/* In place: what a helper would do for each field is once done by the program's entry, which
 * the kernel has make the head of a cloned packet its own. */
static __always_inline long nat_write_heads(struct __sk_buff *skb, const struct nat_pkt *np,
					    const struct ecs_nat_flow *flow, int ports, int macs)
{
	void *data = (void *)(long)skb->data;
	void *end = (void *)(long)skb->data_end;

	if (data + NAT_L3 + sizeof(struct iphdr) > end)
		return -1;
	nat_write_ip(data + NAT_L3, nat_source(np, flow), flow->dst_be);
	return nat_write_around(data, end, np, flow, ports, macs);
}

/**
 * ecs_nat_rewrite - the packet as the far side of the NAT sees it, TTL decremented
 * @macs: write nat_pkt.macs too
 *
 * Return: 0; -errno, with the packet half changed.
 */
__noinline int ecs_nat_rewrite(struct __sk_buff *skb, const struct nat_pkt *np,
			       const struct ecs_nat_flow *flow, int macs)
{
	struct nat_diffs diffs = {0};
	long err = 0;

	if (!np || !flow)
		return -1;
	if (np->kind == NAT_ERROR) {
		err = nat_write_quote(skb, np, flow);
	} else if (!nat_later_fragment(np)) {
		nat_diffs(&diffs, &np->key, flow);
		err = nat_write_l4_check(skb, np, &diffs);
	}
	return err ?: nat_write_heads(skb, np, flow, diffs.ports != 0, macs);
}

#endif
