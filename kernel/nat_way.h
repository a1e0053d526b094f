/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which way a translated packet goes: the host's routes and neighbours towards the outside, the
 * FDB towards a VM. Decides only; the packet is still as it came.
 */
#ifndef ECS_KERNEL_NAT_WAY_H
#define ECS_KERNEL_NAT_WAY_H

#include "nat_flow.h"

#define NAT_AF_INET 2
#define NAT_HOP_NS NAT_NS_PER_S

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

/* Every second one packet goes by the neighbour code, also if the address is known: else the
 * kernel would not notice that the neighbour is in use, and never ask it again. */
static __always_inline enum ecs_verdict nat_route_found(struct ecs_frame *pkt,
							const struct nat_pkt *np,
							const struct bpf_fib_lookup *fib,
							struct nat_macs *macs, int known)
{
	if (fib->ifindex != np->net->nat_uplink)
		return nat_drop(pkt, ECS_DROP_NAT_NO_ROUTE);
	nat_by_neighbour(pkt, fib->ifindex, fib->ipv4_dst);
	if (fib->family != NAT_AF_INET) { /* an IPv4 route by an IPv6 neighbour */
		pkt->next_family = fib->family;
		__builtin_memcpy(pkt->next_be, fib->ipv6_dst, sizeof(pkt->next_be));
	}
	if (known) {
		__builtin_memcpy(macs->dst, fib->dmac, sizeof(macs->dst));
		__builtin_memcpy(macs->src, fib->smac, sizeof(macs->src));
	}
	return ECS_FORWARD;
}

/**
 * nat_route - the host's route to an outside address, as for a packet from the gateway's link
 * @macs: out, set only if the neighbour is known
 *
 * Addresses of the host itself, and what cannot be reached, are left to its stack: CONTINUE.
 */
static __noinline enum ecs_verdict nat_route(struct __sk_buff *skb, struct ecs_frame *pkt,
					     struct nat_pkt *np, struct nat_macs *macs)
{
	struct bpf_fib_lookup fib = {
		.family = NAT_AF_INET,
		.l4_protocol = np->key.proto,
		.sport = np->key.sport_be,
		.dport = np->key.dport_be,
		.ipv4_src = np->src_be,
		.ipv4_dst = np->dst_be,
	};

	if (!np->net)
		return ECS_CONTINUE;
	fib.ifindex = np->net->gateway;
	np->out = ecs_port_find(np->net->nat_uplink);
	if (!np->out)
		return nat_drop(pkt, ECS_DROP_NAT_NO_ROUTE);
	switch (bpf_fib_lookup(skb, &fib, sizeof(fib), 0)) {
	case BPF_FIB_LKUP_RET_SUCCESS:
		return nat_route_found(pkt, np, &fib, macs, 1);
	case BPF_FIB_LKUP_RET_NO_NEIGH:
	case BPF_FIB_LKUP_RET_FRAG_NEEDED: /* our own check comes, and answers */
		return nat_route_found(pkt, np, &fib, macs, 0);
	case BPF_FIB_LKUP_RET_FWD_DISABLED: /* somebody reset the gateway's forwarding sysctl */
		nat_by_neighbour(pkt, np->net->nat_uplink, 0);
		pkt->next_family = 0;
		return ECS_FORWARD;
	default:
		return ECS_CONTINUE;
	}
}

static __always_inline void nat_keep_hop(struct ecs_nat_flow *flow, const struct nat_macs *macs,
					 __u64 now)
{
	if (!ecs_mac_word(macs->src))
		return;
	__builtin_memcpy(flow->dst_mac, macs->dst, sizeof(flow->dst_mac));
	__builtin_memcpy(flow->src_mac, macs->src, sizeof(flow->src_mac));
	flow->hop_ns = now + NAT_HOP_NS;
}

static __noinline enum ecs_verdict nat_way_out_new(struct __sk_buff *skb, struct ecs_frame *pkt,
						   struct nat_pkt *np, struct ecs_nat_flow *flow)
{
	enum ecs_verdict verdict;
	struct nat_macs macs = {0};

	verdict = nat_route(skb, pkt, np, &macs);
	if (verdict == ECS_FORWARD)
		nat_keep_hop(flow, &macs, np->now);
	return verdict;
}

static __always_inline enum ecs_verdict nat_way_out(struct __sk_buff *skb, struct ecs_frame *pkt,
						    struct nat_pkt *np, struct ecs_nat_flow *flow,
						    struct nat_macs *macs)
{
	if (np->now >= flow->hop_ns || np->kind == NAT_ERROR)
		return nat_way_out_new(skb, pkt, np, flow);
	np->out = ecs_port_find(np->net->nat_uplink);
	if (!np->out)
		return nat_drop(pkt, ECS_DROP_NAT_NO_ROUTE);
	pkt->out_ifindex = np->net->nat_uplink;
	pkt->via = ECS_VIA_NAT;
	__builtin_memcpy(macs, flow->dst_mac, sizeof(*macs));
	return ECS_FORWARD;
}

/* The FDB knows where the VM is now, also after it moved. */
static __always_inline enum ecs_verdict nat_way_in(struct ecs_frame *pkt, struct nat_pkt *np,
						   const struct ecs_nat_flow *flow,
						   struct nat_macs *macs)
{
	struct ecs_fdb_key key = {.network = flow->scope};
	__u32 network = flow->scope;
	struct ecs_network *net = bpf_map_lookup_elem(&ecs_networks, &network);
	struct ecs_fdb_entry *entry;

	if (!net)
		return nat_drop(pkt, ECS_DROP_NAT_NO_ROUTE);
	__builtin_memcpy(key.mac, flow->dst_mac, sizeof(key.mac));
	entry = bpf_map_lookup_elem(&ecs_fdb, &key);
	np->out = entry ? ecs_port_find(entry->ifindex) : 0;
	if (!np->out || np->out->network != network || np->out->role == ECS_ROLE_UPLINK) {
		np->out = 0;
		if (!net->gateway)
			return nat_drop(pkt, ECS_DROP_NAT_NO_ROUTE);
		return nat_by_neighbour(pkt, net->gateway, flow->dst_be);
	}
	pkt->out_ifindex = entry->ifindex;
	pkt->via = ECS_VIA_PORT;
	pkt->known = 1;
	__builtin_memcpy(macs->dst, flow->dst_mac, sizeof(macs->dst));
	__builtin_memcpy(macs->src, net->gateway_mac, sizeof(macs->src));
	return ECS_FORWARD;
}

/**
 * nat_way - where the flow's packet goes: nat_pkt.out, ecs_frame.out_ifindex and via
 * @macs: out, set unless the neighbour code sends the packet
 *
 * Return: FORWARD; CONTINUE if the host's stack should see to it; DROP.
 */
static __always_inline enum ecs_verdict nat_way(struct __sk_buff *skb, struct ecs_frame *pkt,
						struct nat_pkt *np, struct ecs_nat_flow *flow,
						struct nat_macs *macs)
{
	if (flow->scope != ECS_NAT_OUTSIDE)
		return nat_way_in(pkt, np, flow, macs);
	return np->net ? nat_way_out(skb, pkt, np, flow, macs) : ECS_CONTINUE;
}

#endif
