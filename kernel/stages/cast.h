/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cast: a video stream to many receivers, thinned by frame. A datagram is looked into once
 * (ts.h), made once for each policy (thin.h, cast_output.h) and then cloned to its receivers.
 * What cannot be looked into goes to all of them as it is, with a counted reason.
 */
#ifndef ECS_STAGE_CAST_H
#define ECS_STAGE_CAST_H

#include "../cast_cut.h"
#include "../cast_find.h"
#include "../rtp_output.h"
#include "../vlan.h"

#define ECS_CAST_WAIT_NS 10000000000ull /* for a keyframe, before a receiver gets what there is */

/* One loop over the receivers of a group. */
struct ecs_cast_round {
	struct __sk_buff *skb;
	struct ecs_ts_work *work;
	__u32 id;
};

static __always_inline void cast_join(struct ecs_cast_round *c, struct ecs_receiver_count *count)
{
	__u32 index = c->work->frame.state;
	struct ecs_cast_group_state *state = bpf_map_lookup_elem(&ecs_cast_groups, &index);

	count->joined = 1;
	for (int i = 0; i < ECS_CLASSES && state; i++) {
		count->base_sent[i] = state->sent[i];
		count->base_dropped[i] = state->dropped[i];
	}
	if (c->work->frame.variant)
		count->base_sent[ECS_FRAME_KEY]--; /* the one that it joins with is among them */
}

/* Who wants it, and who waited for a keyframe too long, gets the stream without one. */
static __always_inline int cast_joined(struct ecs_cast_round *c, struct ecs_receiver_count *count)
{
	if (count->joined)
		return 1;
	if (!count->waits_ns)
		count->waits_ns = c->work->frame.now_ns;
	if (!(c->work->frame.policy.flags & ECS_POLICY_JOIN_NOW) &&
	    c->work->frame.now_ns - count->waits_ns < ECS_CAST_WAIT_NS)
		return 0;
	cast_join(c, count);
	return 1;
}

/* It came from another group, and waits for a keyframe again. */
static __always_inline void cast_turn(struct ecs_receiver_count *count, __u8 turn)
{
	count->turn = turn;
	count->joined = count->waits_ns = 0;
	count->rtp_again = 1;
}

static long cast_member(__u32 i, void *ctx)
{
	struct ecs_cast_round *c = ctx;
	__u32 place = c->work->frame.first + i, index;
	struct ecs_receiver *to = bpf_map_lookup_elem(&ecs_receivers, &place);
	struct ecs_receiver_count *count;

	if (!to || !to->ifindex)
		return 0;
	index = c->id * ECS_RECEIVERS_MAX + to->number;
	count = bpf_map_lookup_elem(&ecs_receiver_counts, &index);
	if (!count)
		return 0;
	if ((to->flags & ECS_RECEIVER_MEMBER) && to->ifindex == c->skb->ifindex)
		return 0;
	if (count->turn != to->turn)
		cast_turn(count, to->turn);
	/* What was not looked into goes to all at once. */
	if (c->work->frame.packets && cast_joined(c, count) == c->work->frame.variant) {
		c->work->frame.waiting = 1;
		if (c->work->frame.rtp && !c->work->frame.variant)
			count->rtp_again = 1;
		return 0;
	}
	ecs_cast_flush(c->skb);
	if (c->work->frame.rtp)
		rtp_go_on(&c->work->rtp, count);
	if ((to->flags & ECS_RECEIVER_REWRITES) || c->work->frame.own ||
	    (c->work->frame.rtp && c->work->rtp.less))
		ecs_cast_own(c->skb, place);
	cast_hold(c->work, to, index);
	if (c->work->frame.variant && c->work->made.joins)
		cast_join(c, count);
	return 0;
}

/** ecs_cast_members - the frame, as it is, to a group's receivers. Return: 0. */
__noinline int ecs_cast_members(struct __sk_buff *skb, __u32 id, __u32 count)
{
	struct ecs_cast_round c = {.skb = skb, .work = ecs_cast_scratch(), .id = id};

	if (!c.work)
		return 0;
	if (count > ECS_RECEIVERS_MAX)
		count = ECS_RECEIVERS_MAX;
	bpf_loop(count, cast_member, &c, 0);
	return 0;
}

/**
 * ecs_cast_thin - what work->frame.policy makes of the datagram, into work->made
 * @state:   of the group, in ecs_cast_groups
 * @waiting: after that, once more for those that wait for a keyframe
 *
 * Return: TS packets that are left.
 */
__noinline int ecs_cast_thin(__u32 state, __u32 waiting)
{
	struct ecs_thin thin = {
		.work = ecs_cast_scratch(),
		.state = bpf_map_lookup_elem(&ecs_cast_groups, &state),
	};

	if (!thin.work || !thin.state)
		return 0;
	thin.policy = thin.work->frame.policy;
	if (thin.work->frame.rtp)
		return ecs_rtp_thin_ts(&thin, waiting);
	if (waiting)
		ecs_thin_waiting(&thin, thin.work->frame.packets);
	else
		ecs_thin_datagram(&thin, thin.work->frame.packets);
	return thin.work->made.kept;
}

/* The datagram, or what a policy leaves of it, to a group; returns what is left. */
static __always_inline void cast_thinned(struct __sk_buff *skb, struct ecs_ts_work *work, __u32 id,
					 const struct ecs_cast_group *group)
{
	__u32 state = id * ECS_CAST_STATES_MAX + group->state;
	int kept;

	work->frame.policy = group->policy;
	kept = ecs_cast_thin(state, 0);
	work->frame.waiting = 0;
	work->frame.variant = 0;
	work->frame.state = state;
	if (kept <= 0)
		return;
	if ((work->made.changed || work->frame.dirty || work->frame.cut ||
	     (work->frame.rtp && work->rtp.out != work->rtp.sent)) &&
	    ecs_cast_write(skb, kept))
		return;
	ecs_cast_members(skb, id, group->count);
	if (!work->frame.waiting)
		return;
	kept = ecs_cast_thin(state, 1);
	if (kept <= 0 || ecs_cast_write(skb, kept))
		return;
	work->frame.variant = 1;
	ecs_cast_members(skb, id, group->count);
}

/* Receivers in a new group go on where their old one is now. */
static long cast_seed(__u32 i, void *ctx)
{
	__u32 *index = ctx, id = *index / 2, from, to;
	struct ecs_cast_plan *plan = bpf_map_lookup_elem(&ecs_cast_plans, index);
	struct ecs_cast_group_state *source, *state;

	if (!plan || i >= ECS_CAST_GROUPS_MAX || i >= plan->groups)
		return 1;
	if (!plan->group[i].seed)
		return 0;
	from = id * ECS_CAST_STATES_MAX + plan->group[i].seed - 1;
	to = id * ECS_CAST_STATES_MAX + plan->group[i].state;
	source = bpf_map_lookup_elem(&ecs_cast_groups, &from);
	state = bpf_map_lookup_elem(&ecs_cast_groups, &to);
	if (source && state)
		*state = *source;
	return 0;
}

/** ecs_cast_seeds - the first datagram after a change of policies. Return: 0. */
__noinline int ecs_cast_seeds(__u32 index)
{
	struct ecs_cast_plan *plan = bpf_map_lookup_elem(&ecs_cast_plans, &index);

	if (plan && plan->seeds) {
		bpf_loop(ECS_CAST_GROUPS_MAX, cast_seed, &index, 0);
		plan->seeds = 0;
	}
	return 0;
}

/* The same for an RTP packet that is a part of one frame. Nothing of it may go out, and yet those
 * that wait get it. */
static __always_inline void cast_rtp(struct __sk_buff *skb, struct ecs_ts_work *work, __u32 id,
				     const struct ecs_cast_group *group)
{
	__u32 state = id * ECS_CAST_STATES_MAX + group->state;
	int kept;

	work->frame.policy = group->policy;
	work->frame.waiting = 0;
	work->frame.variant = 0;
	work->frame.state = state;
	kept = ecs_rtp_policy(state, 0);
	if (kept > 0) {
		if (ecs_rtp_write(skb, kept))
			return;
		ecs_cast_members(skb, id, group->count);
		if (!work->frame.waiting)
			return;
	}
	kept = ecs_rtp_policy(state, 1);
	if (kept <= 0 || ecs_rtp_write(skb, kept))
		return;
	work->frame.variant = 1;
	ecs_cast_members(skb, id, group->count);
}

static long cast_group(__u32 i, void *ctx)
{
	struct ecs_cast *c = ctx;
	__u32 index = c->work->frame.plan;
	struct ecs_cast_plan *plan = bpf_map_lookup_elem(&ecs_cast_plans, &index);
	const struct ecs_cast_group *group;

	if (!plan || i >= ECS_CAST_GROUPS_MAX || i >= plan->groups)
		return 1;
	if (!i && plan->seeds)
		ecs_cast_seeds(index);
	group = &plan->group[i];
	c->work->frame.first = index * ECS_RECEIVERS_MAX + group->first;
	if (c->work->frame.rtp == ECS_CONTAINER_RTP)
		cast_rtp(c->skb, c->work, c->work->frame.id, group);
	else if (c->work->frame.packets)
		cast_thinned(c->skb, c->work, c->work->frame.id, group);
	else
		ecs_cast_members(c->skb, c->work->frame.id, group->count);
	return 0;
}

enum cast_look {
	CAST_LOOKED,
	CAST_RTP, /* cast_rtp_look() is to look */
	CAST_CUT, /* TS packets begin or end in other datagrams: cast_runs() is to look */
};

/**
 * ecs_cast_look - copy the payload and look into it
 *
 * If that cannot be, work->frame.packets stays 0, and the reason is counted.
 * Return: enum cast_look.
 */
__noinline int ecs_cast_look(struct __sk_buff *skb, __u32 id)
{
	struct ecs_ts ts = {
		.work = ecs_cast_scratch(),
		.state = bpf_map_lookup_elem(&ecs_cast_states, &id),
		.pids = bpf_map_lookup_elem(&ecs_cast_pids, &id),
	};
	__u32 packets, length, last;

	if (!ts.work || !ts.state || !ts.pids)
		return 0;
	length = ts.work->frame.length;
	packets = length / ECS_TS_LEN;
	ts.state->packets++;
	ts.state->bytes += length;
	if (skb->gso_size) {
		ts.state->passed[ECS_CAST_PASS_GSO]++;
		return 0;
	}
	last = length - 1;
	asm volatile("" : "+r"(last)); /* as in cast_store_head() */
	if (!ts.state->carried && last < ECS_TS_BYTES) {
		asm volatile("" : "+r"(last));
		if (bpf_skb_load_bytes(skb, ts.work->frame.l4 + ECS_UDP_HLEN, ts.work->data,
				       last + 1))
			return CAST_LOOKED;
		if (!ts.state->synced && ecs_rtp_is(ts.work))
			return CAST_RTP;
	}
	if (length > ts.state->largest)
		ts.state->largest = length;
	if (ts.state->carried || length < ECS_TS_LEN || length > ECS_TS_BYTES ||
	    packets * ECS_TS_LEN != length || ts.work->data[0] != ECS_TS_SYNC)
		return CAST_CUT;
	ts.state->synced = !ecs_cast_packets(id, packets);
	if (ts.state->synced) {
		ecs_rtp_none(&ts);
		ts.work->frame.packets = packets;
	} else {
		ts.state->passed[ECS_CAST_PASS_SYNC]++;
	}
	return CAST_LOOKED;
}

static long cast_restore_packet(__u32 i, void *ctx)
{
	struct ecs_cast *c = ctx;

	if (i >= ECS_CAST_PACKETS_MAX)
		return 1;
	c->work->keep[i] = ECS_TS_WHOLE;
	c->work->byte3[i] = c->work->packet[i].byte3;
	return 0;
}

/* The frame as it came, for its normal way. */
static __always_inline void cast_restore(struct ecs_cast *c)
{
	c->work->rtp.out = c->work->rtp.seq;
	if (c->work->frame.cut) {
		ecs_cast_uncut(c->skb);
	} else if (c->work->frame.rtp == ECS_CONTAINER_RTP) {
		ecs_rtp_write(c->skb, ECS_RTP_WHOLE);
	} else if (c->work->frame.dirty ||
		   (c->work->frame.rtp && c->work->rtp.sent != c->work->rtp.seq)) {
		bpf_loop(c->work->frame.packets, cast_restore_packet, c, 0);
		c->work->made.changed = 0;
		ecs_cast_write(c->skb, c->work->frame.packets);
	}
	if (c->work->frame.own)
		ecs_cast_own(c->skb, ~0u);
}

/* TS packets that begin or end in other datagrams, run by run. What is no TS stream passes. Not a
 * function of its own: eight calls are as deep as it goes. */
static __always_inline void cast_runs(struct ecs_cast *c)
{
	__u32 id = c->work->frame.id;

	int answer = ecs_cast_cut(c->skb, id);

	if (answer) {
		ecs_cast_odd(id, answer);
	} else {
		for (int i = 0; i < ECS_CUT_RUNS && ecs_cast_next(id); i++)
			bpf_loop(ECS_CAST_GROUPS_MAX, cast_group, c, 0);
		ecs_cast_leave(id);
		if (!c->work->cut.lost)
			return;
		ecs_cast_uncut(c->skb);
	}
	bpf_loop(ECS_CAST_GROUPS_MAX, cast_group, c, 0);
}

/* Packets that were held go before the one whose frame they belong to. Each policy decides about
 * that with the first of them. */
static __always_inline void cast_recall(struct ecs_cast *c, __u32 count)
{
	for (__u32 i = 0; i < ECS_CAST_HELD; i++) {
		if (i >= count || ecs_rtp_recall(c->skb, i))
			break;
		bpf_loop(ECS_CAST_GROUPS_MAX, cast_group, c, 0);
		c->work->rtp.fresh = 0;
	}
	ecs_rtp_recall(c->skb, ECS_RTP_CAME);
}

/* Return: enum cast_look. */
static __always_inline int cast_rtp_look(struct ecs_cast *c)
{
	__u32 id = c->work->frame.id;

	if (ecs_rtp_into(id))
		return CAST_CUT;
	if (c->work->frame.rtp != ECS_CONTAINER_RTP)
		return CAST_LOOKED;
	if (c->work->rtp.part == ECS_RTP_HOLD || c->work->rtp.cut)
		ecs_rtp_hold(c->skb, id);
	if (c->work->rtp.recall)
		cast_recall(c, c->work->rtp.recall);
	return CAST_LOOKED;
}

/**
 * ecs_cast_run - the stage, for a port at which a cast may begin
 * @network: of the frame, 0 = none
 * @tag:     TCI of the tag that the frame carries beside its payload, or -1
 *
 * Return: enum ecs_verdict; a drop is for ECS_DROP_VLAN.
 */
__noinline int ecs_cast_run(struct __sk_buff *skb, __u32 network, int tag)
{
	struct ecs_cast c = {.skb = skb, .work = ecs_cast_scratch()};
	int look;

	if (!c.work || !ecs_cast_find(skb, network))
		return ECS_CONTINUE;
	if (tag >= 0 && bpf_skb_vlan_pop(skb))
		return ECS_DROP;
	look = ecs_cast_look(skb, c.work->frame.id);
	if (look == CAST_RTP)
		look = cast_rtp_look(&c);
	if (look == CAST_CUT)
		cast_runs(&c);
	else
		bpf_loop(ECS_CAST_GROUPS_MAX, cast_group, &c, 0);
	if (!c.work->frame.keep)
		return ecs_cast_last(skb) ? ECS_FORWARD : ECS_DONE;
	ecs_cast_flush(skb);
	cast_restore(&c);
	if (tag >= 0 && bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), tag))
		return ECS_DROP;
	return ECS_CONTINUE;
}

static __always_inline enum ecs_verdict ecs_cast(struct __sk_buff *skb, struct ecs_pkt *pkt)
{
	struct ecs_ts_work *work;
	int verdict;

	/* Always set here, which the verifier cannot see. */
	if (!pkt->in || !(pkt->in->flags & ECS_PORT_CAST) || pkt->local || ecs_tag_foreign(pkt) ||
	    (pkt->tagged && !ecs_vlan_accelerated(skb)))
		return ECS_CONTINUE;
	verdict = ecs_cast_run(skb, pkt->dst.network, pkt->tagged ? pkt->vlan_tci : -1);
	if (verdict == ECS_DROP)
		return ecs_drop(pkt, ECS_DROP_VLAN);
	if (verdict != ECS_FORWARD)
		return verdict == ECS_DONE ? ECS_DONE : ECS_CONTINUE;
	work = ecs_cast_scratch();
	pkt->via = ECS_VIA_CAST;
	pkt->out_ifindex = work ? work->frame.held : 0;
	pkt->out = ecs_port_find(pkt->out_ifindex);
	return pkt->out ? ECS_FORWARD : ECS_DONE;
}

#endif
