/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The life of a flow that exists: found, kept alive, followed through its states, gone. How one
 * begins is in nat_new.h.
 */
#ifndef ECS_KERNEL_NAT_FLOW_H
#define ECS_KERNEL_NAT_FLOW_H

#include "maps.h"
#include "nat_parse.h"

static __always_inline struct ecs_nat_flow *nat_find(const struct ecs_nat_key *key)
{
	return bpf_map_lookup_elem(&ecs_nat_flows, key);
}

static __always_inline struct ecs_nat_flow *nat_other(const struct ecs_nat_flow *flow, __u8 proto)
{
	struct ecs_nat_key key;

	if (flow->flags & ECS_NAT_HOST)
		return 0;
	ecs_nat_other_key(&key, flow, proto);
	return nat_find(&key);
}

static __always_inline void nat_use_add(__u32 slot, __s32 n)
{
	struct ecs_nat_use *use = bpf_map_lookup_elem(&ecs_nat_used, &slot);

	if (use)
		__sync_fetch_and_add(&use->flows, n);
}

static __always_inline void nat_delete_entry(const struct ecs_nat_key *key, __u8 flags, __u16 slot)
{
	if (bpf_map_delete_elem(&ecs_nat_flows, key) || !(flags & ECS_NAT_ORIGIN))
		return;
	nat_use_add(0, -1);
	if (slot)
		nat_use_add(slot, -1);
}

/**
 * nat_delete - both entries of a flow; whoever gets the origin's gives the count back
 * @key:  of @flow
 * @flow: either entry; not to be used afterwards
 */
static __noinline void nat_delete(const struct ecs_nat_key *key, const struct ecs_nat_flow *flow)
{
	__u8 flags = flow->flags, other_flags = flags ^ ECS_NAT_ORIGIN;
	__u16 slot = flow->slot;
	struct ecs_nat_key other;

	ecs_nat_other_key(&other, flow, key->proto);
	nat_delete_entry(key, flags, slot);
	if (!(flags & ECS_NAT_HOST))
		nat_delete_entry(&other, other_flags, slot);
}

/* A flow lives as long as one of its directions does. */
static __noinline int nat_expired(const struct ecs_nat_key *key, const struct ecs_nat_flow *flow,
				  __u64 now)
{
	struct ecs_nat_flow *other;

	if (!ecs_nat_idle(flow, now))
		return 0;
	other = nat_other(flow, key->proto);
	return !other || ecs_nat_idle(other, now);
}

static __always_inline void nat_set_state(struct ecs_nat_flow *flow, __u8 proto, __u8 state)
{
	__u32 network = flow->network;
	struct ecs_network *net = bpf_map_lookup_elem(&ecs_networks, &network);
	__u32 timer = ecs_nat_timer(proto, state);

	flow->state = state;
	if (net && timer < ECS_NAT_TIMERS)
		flow->timeout_s = net->nat_timeout_s[timer];
}

/* Answers go to where the VM is now, as its own packets tell. */
static __always_inline int nat_same_sender(const struct ecs_frame *pkt,
					   const struct ecs_nat_flow *flow)
{
	return pkt->hook != ECS_FROM_VM ||
	       (flow->from_port == pkt->ifindex &&
		ecs_mac_word(flow->from_mac) == ecs_mac_word(pkt->src.mac));
}

static __always_inline void nat_teach(const struct ecs_frame *pkt, struct ecs_nat_flow *flow,
				      struct ecs_nat_flow *other)
{
	if (pkt->hook != ECS_FROM_VM)
		return;
	flow->from_port = pkt->ifindex;
	__builtin_memcpy(flow->from_mac, pkt->src.mac, sizeof(flow->from_mac));
	__builtin_memcpy(other->to_mac, pkt->src.mac, sizeof(other->to_mac));
}

#define NAT_TCP_PAST (ECS_NAT_FIN | ECS_NAT_ANSWERED | ECS_NAT_RESET)

/* Who goes on after a reset did not send it: somebody else did in its name, and nobody believed
 * it (RFC 5961 section 3). RFC 7857 section 2.2 asks us to tell such resets from true ones. */
static __always_inline __u8 nat_tcp_not_reset(struct ecs_nat_flow *flow, struct ecs_nat_flow *other)
{
	__u8 both = flow->flags | other->flags;

	flow->flags &= ~ECS_NAT_RESET;
	if (both & ECS_NAT_FIN || other->flags & ECS_NAT_RESET)
		return ECS_NAT_CLOSED;
	return both & ECS_NAT_ANSWERED ? ECS_NAT_ESTABLISHED : ECS_NAT_NEW;
}

/* RFC 5382 REQ-5: established is what both sides have acknowledged; a port scan never gets
 * there. RFC 793 figure 6 for the rest. */
static __always_inline __u8 nat_tcp_state(struct ecs_nat_flow *flow, struct ecs_nat_flow *other,
					  __u8 tcp)
{
	int origin = flow->flags & ECS_NAT_ORIGIN;

	if (tcp & NAT_TCP_RST) {
		flow->flags |= ECS_NAT_RESET;
		return ECS_NAT_CLOSED;
	}
	if ((tcp & (NAT_TCP_SYN | NAT_TCP_ACK)) == NAT_TCP_SYN && origin &&
	    flow->state >= ECS_NAT_CLOSING) {
		flow->flags &= ~NAT_TCP_PAST;
		other->flags &= ~NAT_TCP_PAST;
		return ECS_NAT_NEW;
	}
	if (flow->flags & ECS_NAT_RESET)
		return nat_tcp_not_reset(flow, other);
	if (tcp & NAT_TCP_FIN)
		flow->flags |= ECS_NAT_FIN;
	if (flow->flags & ECS_NAT_FIN)
		return other->flags & ECS_NAT_FIN ? ECS_NAT_CLOSED : ECS_NAT_CLOSING;
	if (flow->state != ECS_NAT_NEW)
		return flow->state;
	if (!origin)
		other->flags |= ECS_NAT_ANSWERED;
	else if ((flow->flags & ECS_NAT_ANSWERED) && !(tcp & NAT_TCP_SYN))
		return ECS_NAT_ESTABLISHED;
	return ECS_NAT_NEW;
}

/* The packet may change the flow's state, or tells that the VM has another MAC. */
__noinline int ecs_nat_step(const struct ecs_frame *pkt, const struct nat_pkt *np,
			    struct ecs_nat_flow *flow)
{
	struct ecs_nat_flow *other;
	__u8 proto, state;

	if (!pkt || !np || !flow)
		return 0;
	proto = np->key.proto;
	state = flow->state;
	other = nat_other(flow, proto);
	if (!other)
		return 0;
	nat_teach(pkt, flow, other);
	if (proto == IPPROTO_TCP)
		state = nat_later_fragment(np) ? state : nat_tcp_state(flow, other, np->tcp_flags);
	else if (!(flow->flags & ECS_NAT_ORIGIN))
		state = ECS_NAT_ESTABLISHED;
	if (state != flow->state)
		nat_set_state(flow, proto, state);
	if (state != other->state)
		nat_set_state(other, proto, state);
	return 0;
}

/* A packet without TCP's SYN, FIN and RST leaves its state as it is, and its sender is where it
 * was. */
static __always_inline int nat_steady(const struct ecs_frame *pkt, __u8 proto,
				      const struct ecs_nat_flow *flow)
{
	if (flow->flags & ECS_NAT_RESET)
		return 0;
	if (flow->state == ECS_NAT_NEW && (proto == IPPROTO_TCP || !(flow->flags & ECS_NAT_ORIGIN)))
		return 0;
	return nat_same_sender(pkt, flow);
}

/**
 * nat_live - the flow of a packet, unless it ended for want of packets; then it goes
 *
 * Return: NULL if there is none.
 */
static __always_inline struct ecs_nat_flow *nat_live(const struct nat_pkt *np)
{
	struct ecs_nat_flow *flow = nat_find(&np->key);

	if (!flow || np->tick == flow->seen || !nat_expired(&np->key, flow, np->now))
		return flow;
	nat_delete(&np->key, flow);
	return 0;
}

/** nat_account - the packet is the flow's: counters, time and state. Not for ICMP errors. */
static __always_inline void nat_account(struct ecs_frame *pkt, const struct nat_pkt *np,
					struct ecs_nat_flow *flow)
{
	flow->packets++;
	flow->bytes += pkt->l3_len;
	if ((np->tcp_flags & (NAT_TCP_SYN | NAT_TCP_FIN | NAT_TCP_RST)) ||
	    !nat_steady(pkt, np->key.proto, flow))
		ecs_nat_step(pkt, np, flow);
	else if (flow->seen == np->tick)
		pkt->learned = 1;
	if (flow->seen != np->tick)
		flow->seen = np->tick;
}

#endif
