/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * emit: carries the verdict out. Nobody else redirects, clones, counts a frame or ends a
 * program. Copies go first and the redirect last: a copy may run another of our programs on
 * this CPU, and that one's redirect would replace ours.
 */
#ifndef ECS_STAGE_EMIT_H
#define ECS_STAGE_EMIT_H

#include "../output.h"
#include "../vlan.h"

static __noinline int emit_drop(struct ecs_pkt *pkt, enum ecs_drop reason)
{
	if (!pkt->in) {
		pkt->in = ecs_port_find(pkt->ifindex);
		if (!pkt->in)
			return TC_ACT_UNSPEC;
	}
	ecs_count_drop(pkt, reason);
	return TC_ACT_SHOT;
}

/* What the host itself sends was not received by the switch. */
static __always_inline void emit_passed(const struct ecs_pkt *pkt)
{
	struct ecs_port_stats *stats;

	if (!pkt->in || pkt->hook == ECS_TO_UPLINK)
		return;
	stats = ecs_stats_find(pkt->in->slot);
	if (stats)
		stats->passed++;
}

/* The uplink has two sides: its wire and its own stack. The mark tells our program on the
 * other hook that the frame is done. */
static __noinline int emit_uplink(struct __sk_buff *skb, struct ecs_pkt *pkt)
{
	/* Cannot be NULL here, but the verifier does not tie it to the verdict. */
	if (!pkt->net || ecs_vlan_tag(skb, pkt->net->uplink_vid))
		return emit_drop(pkt, ECS_DROP_VLAN);
	if (pkt->via == ECS_VIA_WIRE) {
		skb->mark = ECS_MARK_TO_WIRE;
		return ecs_output_redirect(skb, pkt, 0);
	}
	emit_passed(pkt);
	skb->mark = ECS_MARK_TO_HOST;
	return ecs_output_redirect(skb, pkt, BPF_F_INGRESS);
}

/* What we send to the wire has been switched already; but not what NAT sends where a network is
 * bridged onto the same uplink. */
static __always_inline __u32 emit_mark(const struct ecs_pkt *pkt)
{
	int natted = pkt->via == ECS_VIA_NAT || pkt->via == ECS_VIA_NEIGH;

	return natted && pkt->out->network ? ECS_MARK_NAT : ECS_MARK_TO_WIRE;
}

/* The mark stays with the frame while the neighbour is asked for its address. */
static __noinline int emit_neighbour(struct __sk_buff *skb, struct ecs_pkt *pkt)
{
	struct bpf_redir_neigh next = {.nh_family = pkt->next_family};

	__builtin_memcpy(next.ipv6_nh, pkt->next_be, sizeof(next.ipv6_nh));
	if (pkt->out) {
		skb->mark = emit_mark(pkt);
		ecs_count_tx(pkt->out->slot, pkt->len);
	}
	if (!next.nh_family)
		return bpf_redirect_neigh(pkt->out_ifindex, 0, 0, 0);
	return bpf_redirect_neigh(pkt->out_ifindex, &next, sizeof(next), 0);
}

/* A copy went to a port that the daemon thinks is down; this is the original. TCX, on which an
 * uplink's programs may hang, takes TC_ACT_STOLEN for "next". And what the host sends must not
 * look dropped: its TCP would not believe the acknowledgement. It goes on to the wire, as if the
 * address were not known. */
static __noinline int emit_leftover(struct __sk_buff *skb, struct ecs_pkt *pkt)
{
	if (pkt->hook == ECS_FROM_VM)
		return TC_ACT_STOLEN;
	if (pkt->hook == ECS_FROM_UPLINK)
		return TC_ACT_SHOT;
	if (pkt->vlan_proto_be && !pkt->tagged && ecs_vlan_retag(skb, pkt))
		return emit_drop(pkt, ECS_DROP_VLAN);
	return TC_ACT_UNSPEC;
}

static __always_inline int emit_forward(struct __sk_buff *skb, struct ecs_pkt *pkt)
{
	int verdict;

	if (pkt->via == ECS_VIA_WIRE || pkt->via == ECS_VIA_HOST)
		return emit_uplink(skb, pkt);
	if (pkt->via == ECS_VIA_ANSWER)
		ecs_count_drop(pkt, pkt->reason);
	/* Counted as it came; what goes out is another frame. */
	if (pkt->via == ECS_VIA_CAST || pkt->via == ECS_VIA_ANSWER) {
		pkt->len = skb->len;
		pkt->l3_len = pkt->len - ETH_HLEN;
	}
	if (pkt->via >= ECS_VIA_PATCH) {
		if (pkt->out->role == ECS_ROLE_UPLINK)
			skb->mark = emit_mark(pkt);
	} else if (pkt->tagged && ecs_vlan_untag(skb, pkt)) {
		return emit_drop(pkt, ECS_DROP_VLAN);
	}
	verdict = ecs_output_redirect(skb, pkt, 0);
	return verdict == TC_ACT_STOLEN ? emit_leftover(skb, pkt) : verdict;
}

/* A patch whose near end the host uses too. */
static __noinline int emit_copy(struct __sk_buff *skb, struct ecs_pkt *pkt)
{
	__u32 mark = skb->mark;

	if (pkt->out->role == ECS_ROLE_UPLINK)
		skb->mark = ECS_MARK_TO_WIRE;
	ecs_output_copy(skb, pkt, pkt->out, pkt->out_ifindex, 0);
	skb->mark = mark;
	emit_passed(pkt);
	return TC_ACT_UNSPEC;
}

struct flood_walk {
	struct __sk_buff *skb;
	struct ecs_pkt *pkt;
	__u32 first;
	__u32 last_ifindex; /* the member found last: it may be the one that gets the original */
};

static __always_inline void flood_copy(struct __sk_buff *skb, struct ecs_pkt *pkt, __u32 ifindex)
{
	struct ecs_port *out = ecs_port_find(ifindex);

	/* Leaving: its place in ecs_flood goes next. */
	if (out && ecs_output_copy(skb, pkt, out, ifindex, 0))
		pkt->reached = 1;
}

static long flood_member(__u32 i, void *ctx)
{
	struct flood_walk *walk = ctx;
	__u32 index = walk->first + i;
	struct ecs_flood_member *member = bpf_map_lookup_elem(&ecs_flood, &index);
	__u32 ifindex = member ? member->ifindex : 0;

	if (!ifindex || ifindex == walk->pkt->ifindex)
		return 0;
	if (walk->last_ifindex)
		flood_copy(walk->skb, walk->pkt, walk->last_ifindex);
	walk->last_ifindex = ifindex;
	return 0;
}

/* A copy to every member but the sender and the last. Return: the last one's ifindex, or 0. */
static __noinline __u32 flood_members(struct __sk_buff *skb, struct ecs_pkt *pkt)
{
	struct flood_walk walk = {
		.skb = skb,
		.pkt = pkt,
		.first = pkt->dst.network * ECS_NETWORK_PORTS_MAX,
	};
	__u32 len = pkt->net->flood_len;

	if (len > ECS_NETWORK_PORTS_MAX)
		len = ECS_NETWORK_PORTS_MAX;
	bpf_loop(len, flood_member, &walk, 0);
	return walk.last_ifindex;
}

/* The original goes on to the host's stack as it came, with its tag. */
static __noinline int flood_from_uplink(struct __sk_buff *skb, struct ecs_pkt *pkt)
{
	int tagged = pkt->tagged;
	__u32 last;

	emit_passed(pkt);
	if (!pkt->net->flood_len)
		return TC_ACT_UNSPEC;
	if (tagged && ecs_vlan_untag(skb, pkt)) {
		ecs_count_drop(pkt, ECS_DROP_VLAN);
		return TC_ACT_UNSPEC;
	}
	last = flood_members(skb, pkt);
	if (last)
		flood_copy(skb, pkt, last);
	if (tagged && ecs_vlan_retag(skb, pkt))
		return emit_drop(pkt, ECS_DROP_VLAN);
	return TC_ACT_UNSPEC;
}

/* Members, then the wire, then the host; whoever is last gets the original. */
static __noinline int flood_from_vm(struct __sk_buff *skb, struct ecs_pkt *pkt)
{
	__u32 uplink = pkt->net->uplink;
	__u32 last = flood_members(skb, pkt);

	pkt->out = uplink ? ecs_port_uplink(pkt->net) : 0;
	if (!pkt->out) {
		pkt->out = last ? ecs_port_find(last) : 0;
		pkt->out_ifindex = last;
		pkt->via = ECS_VIA_PORT;
		return pkt->out ? emit_forward(skb, pkt) : emit_drop(pkt, ECS_DROP_NO_RECEIVER);
	}
	if (last)
		flood_copy(skb, pkt, last);
	if (ecs_vlan_tag(skb, pkt->net->uplink_vid))
		return emit_drop(pkt, ECS_DROP_VLAN);
	skb->mark = ECS_MARK_TO_WIRE;
	ecs_output_copy(skb, pkt, pkt->out, uplink, 0);
	emit_passed(pkt);
	skb->mark = ECS_MARK_TO_HOST;
	pkt->out_ifindex = uplink;
	return ecs_output_redirect(skb, pkt, BPF_F_INGRESS);
}

static __always_inline int emit_flood(struct __sk_buff *skb, struct ecs_pkt *pkt)
{
	struct ecs_port_stats *stats = ecs_stats_find(pkt->in->slot);

	if (stats)
		stats->flooded++;
	pkt->flooded = 1;
	return pkt->hook == ECS_FROM_VM ? flood_from_vm(skb, pkt) : flood_from_uplink(skb, pkt);
}

static __always_inline int ecs_emit(struct __sk_buff *skb, struct ecs_pkt *pkt,
				    enum ecs_verdict verdict)
{
	struct ecs_port_stats *stats;

	if (pkt->in && pkt->hook != ECS_TO_UPLINK) {
		stats = ecs_stats_find(pkt->in->slot);
		if (stats) {
			stats->rx_packets++;
			stats->rx_bytes += pkt->len;
		}
	}
	switch (verdict) {
	case ECS_FORWARD:
		if (pkt->via == ECS_VIA_NEIGH)
			return emit_neighbour(skb, pkt);
		return pkt->out ? emit_forward(skb, pkt) : TC_ACT_UNSPEC;
	case ECS_FLOOD:
		return pkt->in && pkt->net ? emit_flood(skb, pkt) : TC_ACT_UNSPEC;
	case ECS_COPY:
		return pkt->out ? emit_copy(skb, pkt) : TC_ACT_UNSPEC;
	case ECS_DROP:
		return emit_drop(pkt, pkt->reason);
	case ECS_DONE: /* TCX takes TC_ACT_STOLEN for "next" */
		return pkt->hook == ECS_FROM_VM ? TC_ACT_STOLEN : TC_ACT_SHOT;
	default:
		emit_passed(pkt);
		return TC_ACT_UNSPEC;
	}
}

#endif
