/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the host itself sends out of an uplink behind which NAT hides VMs: only looked at, so that
 * no flow takes the answers away from it.
 */
#ifndef ECS_KERNEL_NAT_HOST_H
#define ECS_KERNEL_NAT_HOST_H

#include "nat_tell.h"

#define NAT_HOST_S 120	    /* an echo of the host's own keeps its identifier for so long */
#define NAT_HOST_TCP_S 7440 /* as a VM's: what is bound to a link keeps its port */
#define NAT_HOST_FIN_S 240

/* Set once; the global functions below cannot take them along. */
static __always_inline int nat_init(struct nat_run *np, const struct __sk_buff *skb,
				    const struct ecs_frame *pkt)
{
	__u32 network = pkt->src.network;

	np->now = bpf_ktime_get_coarse_ns();
	np->tick = np->now >> ECS_NAT_TICK_SHIFT;
	np->in = ecs_port_find(pkt->ifindex);
	np->net = network ? bpf_map_lookup_elem(&ecs_networks, &network) : 0;
	np->slot = np->in ? np->in->slot : 0;
	np->key.v6 = skb->protocol == bpf_htons(ETH_P_IPV6);
	return np->in != 0;
}

/* May the packet open a flow? An answer, a reset or an error has lost its own. A TCP segment
 * from the middle may: its flow was evicted, or is older than we are. */
static __always_inline int nat_opens(const struct nat_pkt *np)
{
	if (np->kind != NAT_PLAIN || nat_later_fragment(np))
		return 0;
	if (np->key.proto == IPPROTO_ICMP)
		return np->icmp_type == ICMP_ECHO;
	return !(np->tcp_flags & NAT_TCP_RST);
}

struct nat_range {
	__u32 ifindex;
	__u16 port;
	__u16 has;
};

static long nat_range_has(__u32 i, void *ctx)
{
	struct nat_range *range = ctx;
	__u32 network = i + 1;
	struct ecs_network *net = bpf_map_lookup_elem(&ecs_networks, &network);

	range->has = net && net->nat_uplink == range->ifindex && range->port >= net->nat_port_low &&
		     range->port <= net->nat_port_high;
	return range->has;
}

/* A socket that is bound to the uplink (SO_BINDTODEVICE) is not found from a VM's port, where one
 * is looked for when a flow begins: what it sends from NAT's ports is noted. */
static __noinline int nat_is_bound(struct __sk_buff *skb, const struct ecs_frame *pkt,
				   const struct nat_pkt *np)
{
	struct nat_range range = {.ifindex = pkt->ifindex, .port = bpf_ntohs(np->key.sport_be)};
	struct bpf_sock *sk = skb->sk;

	if (!sk || !sk->bound_dev_if)
		return 0;
	bpf_loop(ECS_NETWORKS_MAX, nat_range_has, &range, 0);
	return range.has;
}

static __always_inline __u32 nat_host_timeout(const struct nat_pkt *np)
{
	if (np->key.proto != IPPROTO_TCP)
		return NAT_HOST_S;
	return np->tcp_flags & NAT_TCP_FIN ? NAT_HOST_FIN_S : NAT_HOST_TCP_S;
}

/* Only what will be noted needs numbers; of the rest a flow has them, or there is none. */
static __always_inline int nat_host_numbers(struct __sk_buff *skb, struct nat_pkt *np, int noted)
{
	if (noted)
		nat_take_numbers(skb, np);
	return np->key.src_be && np->key.dst_be;
}

/* The host opens something that would look like a flow of ours from outside: it is the host's
 * from now on. Sockets are seen when a port is chosen; an echo has none and is noted here. */
__noinline int ecs_nat_from_host(struct __sk_buff *skb, struct ecs_frame *pkt)
{
	struct ecs_nat_flow *flow, mine = {0};
	struct ecs_nat_key key = {0};
	struct nat_run np = {0};
	int noted;

	if (!pkt || !nat_init(&np, skb, pkt))
		return ECS_CONTINUE;
	if (ecs_nat_parse(skb, pkt, nat_of(&np)) != NAT_PLAIN || !nat_opens(nat_of(&np)))
		return ECS_CONTINUE;
	noted = np.key.proto == IPPROTO_ICMP || nat_is_bound(skb, pkt, nat_of(&np));
	if (np.key.proto == IPPROTO_TCP && (np.tcp_flags & NAT_TCP_ACK) && !noted)
		return ECS_CONTINUE;
	if (np.key.v6 && !nat_host_numbers(skb, nat_of(&np), noted))
		return ECS_CONTINUE;
	ecs_nat_reverse(&mine, &np.key);
	key.src_be = mine.src_be;
	key.dst_be = mine.dst_be;
	key.sport_be = mine.sport_be;
	key.dport_be = mine.dport_be;
	key.proto = np.key.proto;
	key.v6 = np.key.v6;
	flow = nat_find(&key);
	if (flow && (flow->flags & ECS_NAT_HOST)) {
		flow->seen = np.tick;
		flow->timeout_s = nat_host_timeout(nat_of(&np));
		return ECS_CONTINUE;
	}
	if (flow)
		nat_delete(&key, flow);
	if (!noted)
		return ECS_CONTINUE;
	mine.flags = ECS_NAT_HOST | ECS_NAT_ORIGIN | (np.key.v6 ? ECS_NAT_IPV6 : 0);
	mine.state = ECS_NAT_ESTABLISHED;
	mine.seen = np.tick;
	mine.created = np.tick;
	mine.timeout_s = nat_host_timeout(nat_of(&np));
	if (!bpf_map_update_elem(&ecs_nat_flows, &key, &mine, BPF_NOEXIST))
		nat_count(pkt, 0, np.now);
	return ECS_CONTINUE;
}

#endif
