/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which way a translated packet goes: the host's routes and neighbours towards the outside, the
 * FDB towards a VM. Decides only; the packet is still as it came.
 */
#ifndef ECS_KERNEL_NAT_WAY_H
#define ECS_KERNEL_NAT_WAY_H

#include "nat_flow.h"

#define NAT_AF_INET 2
#define NAT_AF_INET6 10
#define NAT_HOP_IPV6 0x8000 /* in a hop's scope: its address is a number */
#define NAT_HOP_OUT 0x4000  /* towards the outside, of a network, which may have its own routes */
#define NAT_HOPS 1024

/* What the host's routes and neighbours, or the FDB, said about a destination, good for one tick.
 * By CPU, so that nobody reads it half written; places are taken by hash, and the last one in
 * has it. */
struct nat_hop {
	__u64 jiffies; /* when tick was the clock's: the jiffies are one load, the clock is three
			  calls */
	__be32 dst_be;
	__u32 tick;
	__u32 ifindex;
	__u32 generation; /* towards a VM: of the FDB that said so */
	__u16 scope;	  /* as in a flow, or NAT_HOP_OUT and the sender's; with NAT_HOP_IPV6 */
	__u16 pad;
	struct nat_macs macs;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NAT_HOPS);
	__type(key, __u32);
	__type(value, struct nat_hop);
} ecs_nat_hops SEC(".maps");

/* The kernel's own neighbour code sends the packet, and resolves the address first if it must. */
static __always_inline enum ecs_verdict nat_by_neighbour(struct ecs_frame *pkt, __u32 ifindex,
							 __be32 next_be)
{
	pkt->via = ECS_VIA_NEIGH;
	pkt->out_ifindex = ifindex;
	pkt->next_family = NAT_AF_INET;
	pkt->next_be[0] = next_be;
	return ECS_FORWARD;
}

static __always_inline struct nat_hop *nat_hop(__be32 dst_be, __u32 scope)
{
	__u32 place = (dst_be ^ scope) * 0x9e3779b1u >> 22;

	_Static_assert(NAT_HOPS == 1 << (32 - 22), "hash to place");
	return bpf_map_lookup_elem(&ecs_nat_hops, &place);
}

/* Return: does it hold for a packet of this tick? */
static __always_inline int nat_hop_holds(const struct nat_hop *hop, __be32 dst_be, __u32 scope,
					 __u32 tick)
{
	return hop->tick == tick && hop->dst_be == dst_be && hop->scope == scope;
}

static __always_inline __u32 nat_hop_scope(const struct nat_pkt *np, __u32 scope)
{
	return scope | (np->key.v6 ? NAT_HOP_IPV6 : 0);
}

static __always_inline __u32 nat_generation(void)
{
	__u32 whole = 0;
	struct ecs_fdb_use *use = bpf_map_lookup_elem(&ecs_fdb_used, &whole);

	return use ? use->generation : 0;
}

static __noinline void nat_hop_keep(const struct nat_pkt *np, __be32 dst_be, __u32 scope,
				    __u32 ifindex, __u32 generation)
{
	struct nat_hop *hop = nat_hop(dst_be, nat_hop_scope(np, scope));

	if (!hop || !dst_be)
		return;
	hop->dst_be = dst_be;
	hop->scope = nat_hop_scope(np, scope);
	hop->ifindex = ifindex;
	hop->generation = generation;
	hop->macs = np->macs;
	hop->tick = np->tick;
	hop->jiffies = bpf_jiffies64();
}

static __always_inline enum ecs_verdict nat_route_found(struct ecs_frame *pkt, struct nat_run *np,
							const struct bpf_fib_lookup *fib)
{
	if (fib->ifindex != np->net->nat_uplink)
		return nat_drop(pkt, ECS_DROP_NAT_NO_ROUTE);
	nat_by_neighbour(pkt, fib->ifindex, fib->ipv4_dst);
	if (fib->family != NAT_AF_INET) { /* an IPv4 route by an IPv6 neighbour */
		pkt->next_family = fib->family;
		__builtin_memcpy(pkt->next_be, fib->ipv6_dst, sizeof(pkt->next_be));
	}
	return ECS_FORWARD;
}

static __always_inline long nat_route_addrs6(struct __sk_buff *skb, struct bpf_fib_lookup *fib)
{
	fib->family = NAT_AF_INET6;
	return bpf_skb_load_bytes(skb, NAT_L3 + offsetof(struct ipv6hdr, saddr), fib->ipv6_src,
				  sizeof(fib->ipv6_src))
		       ?: bpf_skb_load_bytes(skb, NAT_L3 + offsetof(struct ipv6hdr, daddr),
					     fib->ipv6_dst, sizeof(fib->ipv6_dst));
}

static __noinline enum ecs_verdict nat_route_ask(struct __sk_buff *skb, struct ecs_frame *pkt,
						 struct nat_run *np)
{
	struct bpf_fib_lookup fib = {
		.family = NAT_AF_INET,
		.l4_protocol = np->key.proto,
		.sport = np->key.sport_be,
		.dport = np->key.dport_be,
		.ipv4_src = np->src_be,
		.ipv4_dst = np->dst_be,
	};

	if (!np->net || (np->key.v6 && nat_route_addrs6(skb, &fib)))
		return ECS_CONTINUE;
	fib.ifindex = np->net->gateway;
	switch (bpf_fib_lookup(skb, &fib, sizeof(fib), 0)) {
	case BPF_FIB_LKUP_RET_SUCCESS:
		__builtin_memcpy(np->macs.dst, fib.dmac, sizeof(np->macs.dst));
		__builtin_memcpy(np->macs.src, fib.smac, sizeof(np->macs.src));
		nat_hop_keep(nat_of(np), np->dst_be, NAT_HOP_OUT | pkt->src.network, fib.ifindex,
			     0);
		return nat_route_found(pkt, np, &fib);
	case BPF_FIB_LKUP_RET_NO_NEIGH:
	case BPF_FIB_LKUP_RET_FRAG_NEEDED: /* our own check comes, and answers */
		return nat_route_found(pkt, np, &fib);
	case BPF_FIB_LKUP_RET_FWD_DISABLED: /* somebody reset the gateway's forwarding sysctl */
		if (!np->net->nat_uplink)
			return nat_drop(pkt, ECS_DROP_NAT_NO_ROUTE);
		nat_by_neighbour(pkt, np->net->nat_uplink, 0);
		pkt->next_family = 0;
		return ECS_FORWARD;
	default:
		return ECS_CONTINUE;
	}
}

/**
 * nat_route - the host's route to an outside address, as for a packet from the gateway's link
 *
 * Addresses of the host itself, and what cannot be reached, are left to its stack: CONTINUE.
 * Once a tick a packet to each destination goes by the neighbour code, also if its address is
 * known: else the kernel would not notice that the neighbour is in use, and never ask it again.
 */
static __always_inline enum ecs_verdict nat_route(struct __sk_buff *skb, struct ecs_frame *pkt,
						  struct nat_run *np)
{
	__u32 scope = nat_hop_scope(nat_of(np), NAT_HOP_OUT | pkt->src.network);
	struct nat_hop *hop = nat_hop(np->dst_be, scope);

	if (!np->net || !hop)
		return ECS_CONTINUE;
	np->out = ecs_port_find(np->net->nat_uplink);
	if (!np->out && np->net->nat_uplink)
		return nat_drop(pkt, ECS_DROP_NAT_NO_ROUTE);
	if (!nat_hop_holds(hop, np->dst_be, scope, np->tick) || !np->dst_be ||
	    hop->ifindex != np->net->nat_uplink)
		return nat_route_ask(skb, pkt, np);
	pkt->out_ifindex = hop->ifindex;
	pkt->via = ECS_VIA_NAT;
	np->macs = hop->macs;
	return ECS_FORWARD;
}

static __always_inline enum ecs_verdict nat_by_neighbour6(struct ecs_frame *pkt, __u32 ifindex,
							  __u32 number)
{
	const struct ecs_nat_addr *addr = nat_addr(number);

	if (!addr)
		return nat_drop(pkt, ECS_DROP_NAT_NO_ROUTE);
	nat_by_neighbour(pkt, ifindex, 0);
	pkt->next_family = NAT_AF_INET6;
	__builtin_memcpy(pkt->next_be, addr, sizeof(pkt->next_be));
	return ECS_FORWARD;
}

/* The FDB knows where the VM is now, also after it moved. */
static __always_inline enum ecs_verdict nat_way_in(struct ecs_frame *pkt, struct nat_run *np,
						   const struct ecs_nat_flow *flow)
{
	struct ecs_fdb_key key = {.network = flow->scope};
	__u32 network = flow->scope, generation = nat_generation();
	struct ecs_network *net = bpf_map_lookup_elem(&ecs_networks, &network);
	struct ecs_fdb_entry *entry;

	if (!net)
		return nat_drop(pkt, ECS_DROP_NAT_NO_ROUTE);
	__builtin_memcpy(key.mac, flow->to_mac, sizeof(key.mac));
	entry = bpf_map_lookup_elem(&ecs_fdb, &key);
	np->out = entry ? ecs_port_find(entry->ifindex) : 0;
	if (!np->out || np->out->network != network || np->out->role == ECS_ROLE_UPLINK) {
		np->out = 0;
		if (!net->gateway)
			return nat_drop(pkt, ECS_DROP_NAT_NO_ROUTE);
		return np->key.v6 ? nat_by_neighbour6(pkt, net->gateway, flow->dst_be)
				  : nat_by_neighbour(pkt, net->gateway, flow->dst_be);
	}
	pkt->out_ifindex = entry->ifindex;
	pkt->via = ECS_VIA_PORT;
	pkt->known = 1;
	__builtin_memcpy(np->macs.dst, flow->to_mac, sizeof(np->macs.dst));
	__builtin_memcpy(np->macs.src, net->gateway_mac, sizeof(np->macs.src));
	nat_hop_keep(nat_of(np), flow->dst_be, network, entry->ifindex, generation);
	return ECS_FORWARD;
}

/**
 * nat_way - where the flow's packet goes: nat_pkt.out and macs, ecs_frame.out_ifindex and via
 *
 * Return: FORWARD; CONTINUE if the host's stack should see to it; DROP.
 */
static __always_inline enum ecs_verdict nat_way(struct __sk_buff *skb, struct ecs_frame *pkt,
						struct nat_run *np, const struct ecs_nat_flow *flow)
{
	if (flow->scope != ECS_NAT_OUTSIDE)
		return nat_way_in(pkt, np, flow);
	return np->routed ? ECS_FORWARD : nat_route(skb, pkt, np);
}

#endif
