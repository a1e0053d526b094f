/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Changes a packet as its flow's entry says. Checksums are updated by difference (RFC 1624), by
 * the helpers that know what the kernel has not yet filled in (CHECKSUM_PARTIAL, GSO) or has
 * already summed (CHECKSUM_COMPLETE).
 */
#ifndef ECS_KERNEL_NAT_REWRITE_H
#define ECS_KERNEL_NAT_REWRITE_H

#include <stddef.h>
#include "nat_pkt.h"

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

static __always_inline long nat_write_udp_tcp(struct __sk_buff *skb, const struct nat_pkt *np,
					      const struct ecs_nat_flow *flow,
					      const struct nat_diffs *diffs)
{
	int tcp = np->key.proto == IPPROTO_TCP;
	__u32 at = nat_l4(np),
	      check = at + (tcp ? offsetof(struct tcphdr, check) : offsetof(struct udphdr, check));
	__u64 flags = tcp ? 0 : BPF_F_MARK_MANGLED_0;
	long err;

	err = bpf_l4_csum_replace(skb, check, 0, diffs->addrs, flags | BPF_F_PSEUDO_HDR);
	if (!diffs->ports)
		return err;
	err = err ?: bpf_l4_csum_replace(skb, check, 0, diffs->ports, flags);
	return err ?: bpf_skb_store_bytes(skb, at, &flow->sport_be, 4, 0);
}

static __always_inline long nat_write_echo(struct __sk_buff *skb, const struct nat_pkt *np,
					   const struct ecs_nat_flow *flow,
					   const struct nat_diffs *diffs)
{
	__be16 id_be = flow->sport_be | flow->dport_be;
	long err;

	if (!diffs->ports)
		return 0;
	err = bpf_l4_csum_replace(skb, nat_l4(np) + offsetof(struct nat_icmp, check), 0,
				  diffs->ports, 0);
	return err
		       ?: bpf_skb_store_bytes(skb, nat_l4(np) + offsetof(struct nat_icmp, id_be),
					      &id_be, sizeof(id_be), 0);
}

/* The quoted TCP or UDP checksum, if the quote reaches so far. A UDP checksum of 0 is none. */
static __noinline long nat_write_quoted_check(struct __sk_buff *skb, __u32 at, int udp,
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

static __noinline long nat_write_quoted_l4(struct __sk_buff *skb, const struct nat_pkt *np,
					   const struct ecs_nat_flow *flow,
					   const struct nat_diffs *diffs, __u64 *diff)
{
	__u32 at = nat_l4(np) + sizeof(struct nat_icmp) + np->inner_ihl;
	__be16 ports_be[2] = {flow->dport_be, flow->sport_be};
	__be16 id_be = flow->sport_be | flow->dport_be;
	struct nat_diffs no_addrs = {.ports = diffs->ports};
	long err;

	*diff += diffs->ports;
	if (np->key.proto == IPPROTO_ICMP) {
		err = nat_write_quoted_check(skb, at + offsetof(struct nat_icmp, check), 0,
					     &no_addrs, diff);
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
	if (np->kind == NAT_ERROR && np->key.scope == ECS_NAT_OUTSIDE &&
	    np->src_be != np->key.src_be)
		return np->src_be;
	return flow->src_be;
}

static __always_inline long nat_write_ip(struct __sk_buff *skb, const struct nat_pkt *np,
					 const struct ecs_nat_flow *flow)
{
	struct {
		__u16 ttl_proto;
		__u16 check;
		__be32 src_be;
		__be32 dst_be;
	} ip = {
		.ttl_proto = np->ttl_proto,
		.src_be = nat_source(np, flow),
		.dst_be = flow->dst_be,
	};
	__u64 diff;

	(*(__u8 *)&ip.ttl_proto)--;
	diff = nat_diff(np->src_be, ip.src_be) + nat_diff(np->dst_be, ip.dst_be);
	ip.check = nat_check(np->check, nat_fold32(diff + nat_diff(np->ttl_proto, ip.ttl_proto)));
	return bpf_skb_store_bytes(skb, NAT_L3 + offsetof(struct iphdr, ttl), &ip, sizeof(ip), 0);
}

/**
 * nat_rewrite - the packet as the far side of the NAT sees it, TTL decremented
 *
 * The Ethernet addresses are the caller's. Return: 0; -errno, with the packet half changed.
 */
static __noinline long nat_rewrite(struct __sk_buff *skb, const struct nat_pkt *np,
				   const struct ecs_nat_flow *flow)
{
	struct nat_diffs diffs;
	long err = 0;

	if (np->kind == NAT_ERROR) {
		err = nat_write_quote(skb, np, flow);
	} else if (!nat_later_fragment(np)) {
		nat_diffs(&diffs, &np->key, flow);
		err = np->key.proto == IPPROTO_ICMP ? nat_write_echo(skb, np, flow, &diffs)
						    : nat_write_udp_tcp(skb, np, flow, &diffs);
	}
	return err ?: nat_write_ip(skb, np, flow);
}

#endif
