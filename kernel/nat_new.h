/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How a flow begins: limits, the choice of a port, and two entries without a race. The mapping
 * is endpoint-dependent (RFC 4787 section 4.1): a port serves many flows to different remotes.
 */
#ifndef ECS_KERNEL_NAT_NEW_H
#define ECS_KERNEL_NAT_NEW_H

#include "nat_tell.h"

#define NAT_PROBES 512	     /* ports that are tried before there is none */
#define NAT_PROBES_CLOSED 16 /* from here on a closed flow's port is as good as a free one */
#define NAT_EEXIST 17
/* The golden section of a range of ports: probes lie evenly, and so beside blocks of forwards. */
#define NAT_STRIDE(range) (((range)*40503u >> 16) | 1)

/* What the first packet should look like behind us. */
struct nat_want {
	__be32 src_be;
	__be32 dst_be;
	__be16 dport_be;
	__u16 scope;
	__u16 port_low; /* of its source port; host order */
	__u16 port_high;
	__u16 network; /* whose limits and timeouts hold */
	__u8 flags;    /* ECS_NAT_* of the origin's entry */
	__u8 keep;     /* the source is the remote's own and not to be chosen */
};

/* The stack is short. */
struct nat_scratch {
	struct ecs_nat_flow entry;
	struct {
		struct ecs_nat_addr src, dst;
		__be16 sport_be, dport_be;
	} ipv6; /* of the answers, as bpf_sock_tuple has them */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct nat_scratch);
} ecs_nat_scratch SEC(".maps");

struct nat_probe {
	struct __sk_buff *skb;
	const struct nat_want *want;
	struct ecs_nat_key back; /* of the answers; its insertion decides who has the port */
	struct nat_scratch *scratch;
	__u32 first; /* port to try first */
	__u32 base;  /* then from here on; index into the range */
	__u32 range;
	__u32 stride;
	__u16 closed; /* a port that a closed flow still has */
	__u16 found;
	__s32 err;
	__u32 tick;
};

static __always_inline enum ecs_drop nat_refuse(const struct ecs_frame *pkt,
						const struct nat_pkt *np, enum ecs_drop reason)
{
	if (reason == ECS_DROP_NAT_TABLE_FULL)
		nat_tell(pkt, ECS_EVENT_NAT_FULL, 0, np->now);
	else
		nat_tell(pkt,
			 reason == ECS_DROP_NAT_LIMIT ? ECS_EVENT_NAT_LIMIT : ECS_EVENT_NAT_NO_PORT,
			 np->slot, np->now);
	return reason;
}

/* A wrong number, until the daemon finds it, may be below zero. */
static __always_inline int nat_reached(const struct ecs_nat_use *use, __u32 limit)
{
	return (__s32)use->flows >= (__s32)limit;
}

/* Of one port, so that none can take the table from the others; and of the table. */
static __noinline enum ecs_drop nat_limits(const struct ecs_frame *pkt, const struct nat_pkt *np,
					   const struct ecs_network *net)
{
	__u32 limit = pkt->hook == ECS_FROM_VM ? net->nat_limit : net->nat_limit_in;
	__u32 slot = np->slot, whole = 0;
	struct ecs_nat_use *use = bpf_map_lookup_elem(&ecs_nat_used, &slot);
	struct ecs_nat_use *total = bpf_map_lookup_elem(&ecs_nat_used, &whole);

	if (!use || !total)
		return ECS_DROP_NAT_TABLE_FULL;
	if (limit && nat_reached(use, limit))
		return nat_refuse(pkt, np, ECS_DROP_NAT_LIMIT);
	if (!total->limit || !nat_reached(total, total->limit - total->limit / 8))
		return ECS_DROP_NONE;
	nat_tell(pkt, ECS_EVENT_NAT_FULL, 0, np->now);
	return nat_reached(total, total->limit) ? ECS_DROP_NAT_TABLE_FULL : ECS_DROP_NONE;
}

static __always_inline struct bpf_sock *nat_find_socket(struct __sk_buff *skb, __u8 proto,
							void *addrs, __u32 size)
{
	struct bpf_sock_tuple *tuple = addrs; /* no more of it is there, nor read */

	if (proto == IPPROTO_TCP)
		return bpf_skc_lookup_tcp(skb, tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (proto == IPPROTO_UDP)
		return bpf_sk_lookup_udp(skb, tuple, size, BPF_F_CURRENT_NETNS, 0);
	return 0;
}

/* As the next one. The addresses are in the scratch already. */
static __noinline int nat_port_is_hosts6(struct __sk_buff *skb, struct nat_scratch *scratch,
					 const struct ecs_nat_key *back)
{
	struct bpf_sock *sk;

	if (!scratch)
		return 0;
	scratch->ipv6.sport_be = back->sport_be;
	scratch->ipv6.dport_be = back->dport_be;
	sk = nat_find_socket(skb, back->proto, &scratch->ipv6, sizeof(scratch->ipv6));
	if (!sk)
		return 0;
	bpf_sk_release(sk);
	return 1;
}

/* The host's own sockets come first, also those that sit in NAT's range on purpose. */
static __noinline int nat_port_is_hosts(struct __sk_buff *skb, const struct ecs_nat_key *back)
{
	struct {
		__be32 src_be;
		__be32 dst_be;
		__be16 sport_be;
		__be16 dport_be;
	} ipv4 = {back->src_be, back->dst_be, back->sport_be, back->dport_be};
	struct bpf_sock *sk = nat_find_socket(skb, back->proto, &ipv4, sizeof(ipv4));

	if (!sk)
		return 0;
	bpf_sk_release(sk);
	return 1;
}

static __noinline const struct ecs_nat_rule *nat_port_rule(const struct ecs_nat_key *back)
{
	struct ecs_nat_rule_key key = {
		.addr_be = back->dst_be,
		.port_be = back->dport_be,
		.proto = back->proto,
		.v6 = back->v6,
	};

	return bpf_map_lookup_elem(&ecs_nat_rules, &key);
}

/* What a VM sends from a forwarded port goes by that port: the other side knows it by this one, and
 * what it sends to the forward belongs to the same flow. */
static __always_inline int nat_rule_is_senders(const struct nat_probe *probe,
					       const struct ecs_nat_rule *rule)
{
	const struct ecs_nat_flow *inside = &probe->scratch->entry;

	return rule->inside_be == inside->dst_be && rule->inside_port_be == inside->dport_be &&
	       rule->network == inside->scope;
}

/* Another's forwarded port, or a socket's. */
static __always_inline int nat_port_is_taken(struct nat_probe *probe)
{
	const struct ecs_nat_rule *rule;

	if (probe->want->keep)
		return 0;
	rule = nat_port_rule(&probe->back);
	if (rule && !nat_rule_is_senders(probe, rule))
		return 1;
	if (probe->back.v6)
		return nat_port_is_hosts6(probe->skb, probe->scratch, &probe->back);
	return nat_port_is_hosts(probe->skb, &probe->back);
}

static __always_inline int nat_take(struct nat_probe *probe)
{
	probe->err = bpf_map_update_elem(&ecs_nat_flows, &probe->back, &probe->scratch->entry,
					 BPF_NOEXIST);
	if (probe->err == -NAT_EEXIST)
		return 0;
	if (!probe->err)
		probe->found = 1;
	return 1;
}

/* Return: 1 ends the search. */
static long nat_probe_port(__u32 i, void *ctx)
{
	struct nat_probe *probe = ctx;
	__u32 port = i ? probe->want->port_low + (probe->base + i * probe->stride) % probe->range
		       : probe->first;
	struct ecs_nat_flow *there;

	probe->back.dport_be = bpf_htons(port);
	there = nat_find(&probe->back);
	if (there && nat_expired(&probe->back, there, (__u64)probe->tick << ECS_NAT_TICK_SHIFT)) {
		nat_delete(&probe->back, there);
		there = 0;
	}
	if (there) {
		if (there->state == ECS_NAT_CLOSED && !probe->closed)
			probe->closed = port;
		return probe->closed && i >= NAT_PROBES_CLOSED;
	}
	return nat_port_is_taken(probe) ? 0 : nat_take(probe);
}

/* Under pressure also the port of a flow that has ended but whose timeout still runs. */
static __always_inline void nat_take_closed(struct nat_probe *probe)
{
	struct ecs_nat_flow *there;

	probe->back.dport_be = bpf_htons(probe->closed);
	there = nat_find(&probe->back);
	if (there)
		nat_delete(&probe->back, there);
	nat_take(probe);
}

/* RFC 4787 section 4.2: the VM's own port if it is free, else one that depends on the VM, so
 * that two of them rarely meet. */
static __always_inline enum ecs_drop nat_choose(const struct nat_pkt *np, struct nat_probe *probe)
{
	const struct nat_want *want = probe->want;
	const struct ecs_nat_rule *rule;
	__u32 own = bpf_ntohs(np->key.sport_be);
	__u32 probes;

	if (want->port_low > want->port_high)
		return ECS_DROP_NAT_NO_PORT;
	probe->range = want->port_high - want->port_low + 1;
	probe->stride = probe->range > NAT_PROBES ? NAT_STRIDE(probe->range) : 1; /* or each once */
	probe->base = (own + (np->key.src_be ^ np->key.scope) * 0x9e3779b1u) % probe->range;
	probe->first = own;
	if (own < want->port_low || own > want->port_high) {
		probe->back.dport_be = np->key.sport_be;
		rule = nat_port_rule(&probe->back);
		if (!rule || !nat_rule_is_senders(probe, rule))
			probe->first = want->port_low + probe->base;
	}
	probes = probe->range + 1 < NAT_PROBES ? probe->range + 1 : NAT_PROBES;
	bpf_loop(probes, nat_probe_port, probe, 0);
	if (!probe->found && probe->closed && (!probe->err || probe->err == -NAT_EEXIST))
		nat_take_closed(probe);
	if (probe->found)
		return ECS_DROP_NONE;
	return !probe->err || probe->err == -NAT_EEXIST ? ECS_DROP_NAT_NO_PORT
							: ECS_DROP_NAT_TABLE_FULL;
}

static __always_inline void nat_fill(const struct nat_pkt *np, const struct nat_want *want,
				     struct ecs_nat_flow *flow)
{
	flow->state = ECS_NAT_NEW;
	flow->seen = np->tick;
	flow->created = np->tick;
	flow->network = want->network;
	flow->slot = np->slot;
	nat_set_state(flow, np->key.proto, ECS_NAT_NEW);
}

/* The answers' entry translates back to exactly what the first packet was. */
static __always_inline void nat_fill_back(const struct ecs_frame *pkt, const struct nat_pkt *np,
					  struct nat_probe *probe)
{
	const struct nat_want *want = probe->want;
	struct ecs_nat_flow *entry = &probe->scratch->entry;

	probe->back.src_be = want->dst_be;
	probe->back.dst_be = want->src_be;
	probe->back.sport_be = want->dport_be;
	probe->back.scope = want->scope;
	probe->back.proto = np->key.proto;
	probe->back.v6 = np->key.v6;
	__builtin_memset(entry, 0, sizeof(*entry));
	ecs_nat_reverse(entry, &np->key);
	entry->flags = want->flags & ~ECS_NAT_ORIGIN;
	nat_fill(np, want, entry);
	if (pkt->hook == ECS_FROM_VM)
		__builtin_memcpy(entry->to_mac, pkt->src.mac, sizeof(pkt->src.mac));
}

/* The port is ours; now the way there. Another CPU may have been faster with the same flow. */
static __always_inline enum ecs_drop nat_enter(const struct ecs_frame *pkt,
					       const struct nat_pkt *np, struct nat_probe *probe)
{
	const struct nat_want *want = probe->want;
	struct ecs_nat_flow *entry = &probe->scratch->entry;
	struct ecs_nat_key key = np->key; /* 6.1 takes no key from a global function's argument */
	__s32 err;

	__builtin_memset(entry, 0, sizeof(*entry));
	entry->src_be = want->src_be;
	entry->dst_be = want->dst_be;
	entry->sport_be = probe->back.dport_be;
	entry->dport_be = want->dport_be;
	entry->scope = want->scope;
	entry->flags = want->flags;
	nat_fill(np, want, entry);
	entry->seen--; /* so that the first packet's sender is still learned */
	entry->from_port = pkt->ifindex;
	if (pkt->hook == ECS_FROM_VM)
		__builtin_memcpy(entry->from_mac, pkt->src.mac, sizeof(entry->from_mac));
	err = bpf_map_update_elem(&ecs_nat_flows, &key, entry, BPF_NOEXIST);
	if (err) {
		bpf_map_delete_elem(&ecs_nat_flows, &probe->back);
		return err == -NAT_EEXIST ? ECS_DROP_NONE : ECS_DROP_NAT_TABLE_FULL;
	}
	nat_count(pkt, entry->slot, np->now);
	return ECS_DROP_NONE;
}

static __always_inline void nat_fill_tuple6(struct nat_probe *probe)
{
	const struct ecs_nat_addr *src = nat_addr(probe->back.src_be);
	const struct ecs_nat_addr *dst = nat_addr(probe->back.dst_be);

	if (!src || !dst)
		return;
	probe->scratch->ipv6.src = *src;
	probe->scratch->ipv6.dst = *dst;
}

/** nat_may_open - Return: ECS_DROP_NONE; the limit for which the packet may not open a flow. */
static __noinline enum ecs_drop nat_may_open(const struct ecs_frame *pkt, const struct nat_pkt *np,
					     const struct nat_want *want)
{
	__u32 network = pkt->hook == ECS_FROM_VM ? pkt->src.network : want->network;
	struct ecs_network *net = bpf_map_lookup_elem(&ecs_networks, &network);

	return net ? nat_limits(pkt, np, net) : ECS_DROP_NAT_TABLE_FULL;
}

/**
 * ecs_nat_begin - a flow for the packet's tuple, as @want says
 *
 * Return: ECS_DROP_NONE, and the entry is there; the reason for which it is not.
 */
__noinline int ecs_nat_begin(struct __sk_buff *skb, const struct ecs_frame *pkt,
			     const struct nat_pkt *np, const struct nat_want *want)
{
	struct nat_probe probe = {0};
	enum ecs_drop reason;
	__u32 zero = 0;

	if (!pkt || !np || !want)
		return ECS_DROP_NAT_TABLE_FULL;
	probe.skb = skb;
	probe.want = want;
	probe.tick = np->tick;
	probe.scratch = bpf_map_lookup_elem(&ecs_nat_scratch, &zero);
	if (!probe.scratch)
		return ECS_DROP_NAT_TABLE_FULL;
	nat_fill_back(pkt, np, &probe);
	if (probe.back.v6)
		nat_fill_tuple6(&probe);
	reason = nat_choose(np, &probe) ?: nat_enter(pkt, np, &probe);
	return reason ? nat_refuse(pkt, np, reason) : ECS_DROP_NONE;
}

#endif
