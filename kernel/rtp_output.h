/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * RTP packets of a cast in the frame that carries them: renumbered, cut, held until their frame
 * is decided on, and brought back. Only stages/cast.h calls in here.
 */
#ifndef ECS_KERNEL_RTP_OUTPUT_H
#define ECS_KERNEL_RTP_OUTPUT_H

#include "cast_output.h"

#define ECS_RTP_CAME ECS_CAST_HELD /* for ecs_rtp_recall(): the packet that came */

/* One's complement sum of a packet with zeroes behind it. The helper takes 512 bytes at a time. */
static __always_inline __u64 rtp_sum(const struct ecs_cast_held *held)
{
	__u32 sum = 0;

	for (int i = 0; i < ECS_CAST_HELD_LEN; i += 512)
		sum = bpf_csum_diff(0, 0, (__be32 *)(held->data + i), 512, sum);
	return sum;
}

/* clang takes no more than 1024 bytes at a time, and bytes one by one unless it knows better. */
static __always_inline void rtp_clear(struct ecs_cast_held *held)
{
	for (int i = 0; i < ECS_CAST_HELD_LEN; i += 512) {
		__builtin_memset(__builtin_assume_aligned(held->data + i, 8), 0, 512);
		asm volatile("" ::: "memory");
	}
}

/* The headers' sums as if this payload had come with them; those of the frame are no part of it. */
static __noinline void rtp_rebase(struct ecs_cast *c, __u32 length, __u64 payload)
{
	struct ecs_ts_frame *frame = &c->work->frame;
	__u16 was = bpf_htons(frame->length), now = bpf_htons(length);
	__u64 sum = payload;

	frame->ip_sum = ~cast_fold((__u64)(__u16)~frame->ip_sum + (__u16)~was + now);
	if (frame->partial) {
		frame->udp_sum = cast_fold((__u64)frame->udp_sum + (__u16)~was + now);
	} else if (frame->udp_sum) {
		sum += cast_sum_head(c->work) + 2ull * bpf_htons(length + ECS_UDP_HLEN);
		frame->udp_sum = (__u16)~cast_fold(sum) ?: 0xffff;
	}
	frame->length = length;
}

static __always_inline void rtp_store(struct ecs_cast *c, const __u8 *data, __u32 length, __u32 max)
{
	__u32 last = length - 1;

	asm volatile("" : "+r"(last)); /* as in cast_store_head() */
	if (last >= max)
		return;
	asm volatile("" : "+r"(last));
	bpf_skb_store_bytes(c->skb, c->work->frame.l4 + ECS_UDP_HLEN, data, last + 1,
			    BPF_F_RECOMPUTE_CSUM);
}

/* The frame holds this many bytes of payload from now on. Return: 0; 1 if that cannot be. */
static __always_inline int rtp_resize(struct ecs_cast *c, __u32 length)
{
	if (!c->work->frame.probed)
		cast_probe(c);
	if (length == c->work->frame.current)
		return 0;
	if (bpf_skb_change_tail(c->skb, c->work->frame.l4 + ECS_UDP_HLEN + length, 0))
		return 1;
	c->work->frame.current = length;
	return 0;
}

static __always_inline void rtp_head(struct ecs_cast *c)
{
	c->work->made.sum = 0;
	cast_make_head(c);
	cast_store_head(c, c->work->head);
	if (c->work->frame.own) /* the last receiver's address */
		bpf_skb_store_bytes(c->skb, 0, c->work->head, ETH_ALEN, 0);
	c->work->frame.own = 0;
}

/* What of the packet is left when its slices are out. */
static __always_inline void rtp_cut(struct ecs_cast *c)
{
	struct ecs_cast_held *held = &c->work->scratch;
	__u32 last = c->work->rtp.cut - 1, length = c->work->frame.length;
	__u16 ip_sum = c->work->frame.ip_sum, udp_sum = c->work->frame.udp_sum;

	rtp_clear(held);
	asm volatile("" : "+r"(last)); /* as in cast_store_head() */
	if (last >= ECS_CAST_HELD_LEN)
		return;
	asm volatile("" : "+r"(last));
	bpf_skb_load_bytes(c->skb, c->work->frame.l4 + ECS_UDP_HLEN, held->data, last + 1);
	held->data[0] &= ~ECS_RTP_PADDED; /* that went, too */
	cast_set16(c->work->head, c->work->frame.l4 + ECS_UDP_HLEN,
		   held->data[0] | held->data[1] << 8);
	cast_set16(held->data, 2, bpf_htons(c->work->rtp.seq));
	rtp_rebase(c, c->work->rtp.cut, rtp_sum(held));
	rtp_head(c);
	c->work->frame.length = length;
	c->work->frame.ip_sum = ip_sum;
	c->work->frame.udp_sum = udp_sum;
}

/**
 * ecs_rtp_write - make the frame what ecs_rtp_thin() said
 * @kept: ECS_RTP_WHOLE or ECS_RTP_CUT
 *
 * Return: 0; 1, and the frame is not to be sent.
 */
__noinline int ecs_rtp_write(struct __sk_buff *skb, __u32 kept)
{
	struct ecs_cast c = {.skb = skb, .work = ecs_cast_scratch()};
	__u32 length, was;

	if (!c.work)
		return 1;
	was = c.work->frame.current;
	length = kept == ECS_RTP_CUT ? c.work->rtp.cut : c.work->frame.length;
	if (length == was && c.work->rtp.out == c.work->rtp.sent)
		return 0;
	ecs_cast_flush(skb);
	if (rtp_resize(&c, length))
		return 1;
	if (c.work->rtp.cut)
		cast_set16(c.work->head, c.work->frame.l4 + ECS_UDP_HLEN,
			   c.work->data[0] | c.work->data[1] << 8);
	if (length > was)
		rtp_store(&c, c.work->data, length, ECS_TS_BYTES);
	if (kept == ECS_RTP_CUT)
		rtp_cut(&c);
	else
		rtp_head(&c);
	return 0;
}

/* Whether the packet is not what was sent. Where its bytes go on with a checksum of our own, that
 * would hide it. */
static __always_inline int rtp_is_damaged(struct ecs_cast *c, const struct ecs_cast_held *held)
{
	struct ecs_ts_frame *frame = &c->work->frame;

	if (!frame->probed)
		cast_probe(c);
	if (frame->partial || !frame->udp_sum || bpf_csum_level(c->skb, BPF_CSUM_LEVEL_QUERY) >= 0)
		return 0;
	return cast_fold(cast_sum_head(c->work) + rtp_sum(held) + frame->udp_sum +
			 2ull * bpf_htons(frame->length + ECS_UDP_HLEN)) != 0xffff;
}

/**
 * ecs_rtp_hold - keep the packet until the first slice of its frame comes
 *
 * One that may have to be cut is only looked at. A damaged one is neither held nor cut, and passes
 * as it is. Return: 0.
 */
__noinline int ecs_rtp_hold(struct __sk_buff *skb, __u32 id)
{
	struct ecs_cast c = {.skb = skb, .work = ecs_cast_scratch()};
	struct ecs_cast_state *state = bpf_map_lookup_elem(&ecs_cast_states, &id);
	struct ecs_cast_held *held;
	__u32 place, last;

	if (!c.work || !state)
		return 0;
	place = id * ECS_CAST_HELD + (c.work->rtp.hold & (ECS_CAST_HELD - 1));
	held = &c.work->scratch;
	if (c.work->rtp.part == ECS_RTP_HOLD)
		held = bpf_map_lookup_elem(&ecs_cast_holds, &place);
	if (!held)
		return 0;
	rtp_clear(held);
	held->seq = c.work->rtp.seq;
	held->sets = c.work->rtp.sets;
	last = c.work->frame.length - 1;
	held->length = last + 1;
	asm volatile("" : "+r"(last)); /* as in cast_store_head() */
	if (last < ECS_CAST_HELD_LEN) {
		asm volatile("" : "+r"(last));
		bpf_skb_load_bytes(skb, c.work->frame.l4 + ECS_UDP_HLEN, held->data, last + 1);
		if (!rtp_is_damaged(&c, held))
			return 0;
	}
	c.work->rtp.cut = 0;
	if (c.work->rtp.part == ECS_RTP_HOLD) {
		state->rtp.held--;
		c.work->rtp.part = ECS_RTP_OTHER;
	}
	return 0;
}

/* The first bytes of RTP stand behind the headers, as they came. */
static __always_inline void rtp_number_head(struct ecs_ts_work *work, const __u8 *data)
{
	cast_set16(work->head, work->frame.l4 + ECS_UDP_HLEN, data[0] | data[1] << 8);
	cast_set16(work->head, work->frame.l4 + ECS_UDP_HLEN + 2, data[2] | data[3] << 8);
}

static __always_inline int rtp_recall_held(struct ecs_cast *c, const struct ecs_cast_held *held,
					   __u32 which)
{
	struct ecs_rtp_packet *rtp = &c->work->rtp;

	if (rtp_resize(c, held->length))
		return 1;
	rtp_store(c, held->data, held->length, ECS_CAST_HELD_LEN);
	rtp_number_head(c->work, held->data);
	rtp_rebase(c, held->length, rtp_sum(held));
	rtp->recalled = 1;
	rtp->hold = which;
	rtp->seq = rtp->out = held->seq;
	rtp->late = c->work->rtp_came.seq - held->seq;
	rtp->sets = held->sets;
	rtp->slice = rtp->cut = 0;
	rtp_head(c);
	return 0;
}

/**
 * ecs_rtp_recall - put a packet that was held into the frame, or at last the one that came
 * @which: number in the hold, or ECS_RTP_CAME
 *
 * Return: 0; 1, and there is none to be sent.
 */
__noinline int ecs_rtp_recall(struct __sk_buff *skb, __u32 which)
{
	struct ecs_cast c = {.skb = skb, .work = ecs_cast_scratch()};
	const struct ecs_cast_held *held;
	__u32 place, current, fresh;

	if (!c.work)
		return 1;
	ecs_cast_flush(skb);
	if (which < ECS_CAST_HELD) {
		if (!which) {
			if (!c.work->frame.probed)
				cast_probe(&c);
			c.work->rtp_came = c.work->rtp;
			c.work->frame_came = c.work->frame;
		}
		place = c.work->frame.id * ECS_CAST_HELD + which;
		held = bpf_map_lookup_elem(&ecs_cast_holds, &place);
		return !held || rtp_recall_held(&c, held, which);
	}
	current = c.work->frame.current;
	fresh = c.work->rtp.fresh;
	c.work->frame_came.own = c.work->frame.own;
	c.work->rtp = c.work->rtp_came;
	c.work->frame = c.work->frame_came;
	c.work->rtp.fresh = fresh;
	c.work->rtp.out = c.work->rtp.seq;
	c.work->frame.current = current;
	if (rtp_resize(&c, c.work->frame.length))
		return 1;
	rtp_store(&c, c.work->data, c.work->frame.length, ECS_TS_BYTES);
	rtp_number_head(c.work, c.work->data);
	rtp_head(&c);
	return 0;
}

/**
 * ecs_rtp_policy - what work->frame.policy makes of the packet
 * @state:   of the group, in ecs_cast_groups
 * @waiting: after that, once more for those that wait for a keyframe
 *
 * Return: as ecs_rtp_thin().
 */
__noinline int ecs_rtp_policy(__u32 state, __u32 waiting)
{
	struct ecs_thin thin = {
		.work = ecs_cast_scratch(),
		.state = bpf_map_lookup_elem(&ecs_cast_groups, &state),
	};

	if (!thin.work || !thin.state)
		return 0;
	thin.policy = thin.work->frame.policy;
	return ecs_rtp_thin(&thin, waiting);
}

/* After ecs_rtp_datagram() said what it is. Return: 1 if TS packets are to be looked at. */
static __always_inline int rtp_take_in(struct ecs_ts_work *work, int container)
{
	struct ecs_ts_frame *frame = &work->frame;

	frame->rtp = container;
	frame->packets = container == ECS_CONTAINER_RTP;
	if (container == ECS_CONTAINER_NONE)
		return 0;
	rtp_number_head(work, work->data);
	if (container != ECS_CONTAINER_RTP_TS)
		return 0;
	frame->base = frame->lead = work->rtp.at;
	frame->tail = frame->length - work->rtp.end;
	return 1;
}

/** ecs_rtp_into - look into RTP that is in work->data. Return: 0; 1 if it is none. */
__noinline int ecs_rtp_into(__u32 id)
{
	struct ecs_ts ts = {
		.work = ecs_cast_scratch(),
		.state = bpf_map_lookup_elem(&ecs_cast_states, &id),
		.pids = bpf_map_lookup_elem(&ecs_cast_pids, &id),
	};
	int container;
	__u32 packets;

	if (!ts.work || !ts.state || !ts.pids)
		return 0;
	container = ecs_rtp_datagram(&ts, ts.work->frame.told);
	if (container == ECS_RTP_NOT)
		return 1;
	if (!rtp_take_in(ts.work, container))
		return 0;
	packets = (ts.work->rtp.end - ts.work->rtp.at) / ECS_TS_LEN;
	if (!ecs_cast_packets(id, packets)) {
		ts.work->frame.packets = packets;
		return 0;
	}
	ts.state->passed[ECS_CAST_PASS_SYNC]++;
	ts.work->frame.rtp = ECS_CONTAINER_RTP; /* numbered as the others are */
	ts.work->frame.packets = 1;
	return 0;
}

/* A receiver's RTP numbers go on where they were when it changed its policy, or had to wait. */
static __always_inline void rtp_go_on(struct ecs_rtp_packet *rtp, struct ecs_receiver_count *count)
{
	if (count->rtp_epoch != rtp->epoch) {
		count->rtp_epoch = rtp->epoch;
		count->rtp_less = 0;
		count->rtp_last = rtp->out - 1;
	} else if (count->rtp_again) {
		count->rtp_less = rtp->out - count->rtp_last - 1;
	}
	count->rtp_again = 0;
	rtp->less = count->rtp_less;
	if ((__s16)(rtp->out - rtp->less - count->rtp_last) > 0)
		count->rtp_last = rtp->out - rtp->less;
}

#endif
