/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A cast's copies leave one behind: a receiver is held until the next one is known, and then gets
 * a clone. So the last one can have the frame itself, which costs no clone. Whatever changes the
 * frame calls ecs_cast_flush() first.
 */
#ifndef ECS_KERNEL_CAST_SEND_H
#define ECS_KERNEL_CAST_SEND_H

#include "cast_maps.h"
#include "output.h"

/* Steps of a cast are BPF global functions: the verifier goes through each of them once, and not
 * once for each way that leads there. Such a function takes no pointers of ours, so each finds the
 * scratch anew. */
struct ecs_cast {
	struct __sk_buff *skb;
	struct ecs_ts_work *work;
};

static __always_inline struct ecs_ts_work *ecs_cast_scratch(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&ecs_cast_work, &zero);
}

/** ecs_cast_packets - ecs_ts_datagram(), of the cast @id, for all that look into TS packets. */
__noinline int ecs_cast_packets(__u32 id, __u32 packets)
{
	struct ecs_ts ts = {
		.work = ecs_cast_scratch(),
		.state = bpf_map_lookup_elem(&ecs_cast_states, &id),
		.pids = bpf_map_lookup_elem(&ecs_cast_pids, &id),
	};

	return !ts.work || !ts.state || !ts.pids || ecs_ts_datagram(&ts, packets);
}

/* From now on the frame, as it is, is for @to. */
static __always_inline void cast_hold(struct ecs_ts_work *work, const struct ecs_receiver *to,
				      __u32 count)
{
	work->frame.held = to->ifindex;
	work->frame.held_count = count;
	work->frame.held_host = (to->flags & ECS_RECEIVER_HOST) != 0;
}

static __noinline void cast_drop(struct __sk_buff *skb, enum ecs_drop reason)
{
	const struct ecs_pkt pkt = {.in = ecs_port_find(skb->ifindex), .len = skb->len};

	ecs_count_drop(&pkt, reason);
}

static __always_inline enum ecs_drop cast_fits(struct __sk_buff *skb, const struct ecs_port *out,
					       __u32 ifindex)
{
	__u32 l3_len = skb->len - ETH_HLEN;

	return l3_len <= out->mtu ? ECS_DROP_NONE : ecs_output_ask(skb, l3_len, ifindex);
}

/* The helper's positive results are drops of the output's queue. */
static __always_inline int cast_clone(struct __sk_buff *skb, const struct ecs_port *out,
				      __u32 ifindex)
{
	enum ecs_drop reason = cast_fits(skb, out, ifindex);
	__u32 mark = skb->mark;

	if (out->role == ECS_ROLE_UPLINK)
		skb->mark = ECS_MARK_TO_WIRE;
	if (!reason && bpf_clone_redirect(skb, ifindex, 0))
		reason = ECS_DROP_OUTPUT;
	skb->mark = mark;
	if (reason) {
		cast_drop(skb, reason);
		return 0;
	}
	ecs_count_tx(out->slot, skb->len);
	return 1;
}

/* Up the uplink's own stack: the mark tells from_port that the frame is done. */
static __always_inline int cast_clone_host(struct __sk_buff *skb, __u32 ifindex)
{
	__u32 mark = skb->mark;
	long ret;

	skb->mark = ECS_MARK_TO_HOST;
	ret = bpf_clone_redirect(skb, ifindex, BPF_F_INGRESS);
	skb->mark = mark;
	if (ret)
		cast_drop(skb, ECS_DROP_OUTPUT);
	return !ret;
}

/**
 * ecs_cast_flush - who is held gets a clone
 *
 * Return: 0.
 */
__noinline int ecs_cast_flush(struct __sk_buff *skb)
{
	struct ecs_ts_work *work = ecs_cast_scratch();
	struct ecs_receiver_count *count;
	const struct ecs_port *out;
	__u32 ifindex, index;
	int sent;

	if (!work || !work->frame.held)
		return 0;
	ifindex = work->frame.held;
	index = work->frame.held_count;
	work->frame.held = 0;
	count = bpf_map_lookup_elem(&ecs_receiver_counts, &index);
	if (!count)
		return 0;
	out = ecs_port_find(ifindex);
	if (out && out->role == ECS_ROLE_UPLINK && work->frame.held_host)
		sent = cast_clone_host(skb, ifindex);
	else
		sent = out && cast_clone(skb, out, ifindex);
	/* No port: it is leaving, and its place goes next. */
	if (!sent) {
		count->refused++;
		return 0;
	}
	count->packets++;
	count->bytes += skb->len;
	return 0;
}

/**
 * ecs_cast_last - whether who is held may get the frame itself
 *
 * If so, it is counted as sent. Of a port that is believed to be down only a clone tells whether
 * it was taken. Return: 1 if the frame is to be redirected; 0 if nothing is left to be done.
 */
__noinline int ecs_cast_last(struct __sk_buff *skb)
{
	struct ecs_ts_work *work = ecs_cast_scratch();
	struct ecs_receiver_count *count;
	const struct ecs_port *out;
	__u32 index;

	if (!work || !work->frame.held)
		return 0;
	index = work->frame.held_count;
	count = bpf_map_lookup_elem(&ecs_receiver_counts, &index);
	out = ecs_port_find(work->frame.held);
	if (!count || !out || (out->flags & ECS_PORT_DOWN) || work->frame.held_host ||
	    cast_fits(skb, out, work->frame.held)) {
		ecs_cast_flush(skb);
		return 0;
	}
	count->packets++;
	count->bytes += skb->len;
	return 1;
}

#endif
