/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A cast's datagrams that are no whole number of TS packets: what the last one left is fetched
 * from the stream's map, what this one leaves goes there, and the frame becomes again what it was
 * where it is needed as it came. How they are cut is in realign.h. Only stages/cast.h calls in
 * here.
 */
#ifndef ECS_KERNEL_CAST_CUT_H
#define ECS_KERNEL_CAST_CUT_H

#include "cast_output.h"

#define ECS_CUT_WORDS (ECS_TS_LEN / 4)

/* One loop over blocks of what is carried from one datagram to the next. */
struct ecs_cut_copy {
	struct ecs_ts_work *work;
	struct ecs_cast_carry *carry;
};

static long cut_fetch_block(__u32 i, void *ctx)
{
	struct ecs_cut_copy *c = ctx;
	__u32 *to;

	if (i >= ECS_CAST_CUT_MAX)
		return 1;
	to = (__u32 *)&c->work->data[i * ECS_TS_LEN];
	for (int k = 0; k < ECS_CUT_WORDS; k++)
		to[k] = c->carry->data[i * ECS_CUT_WORDS + k];
	return 0;
}

/* Packets stand anywhere if the stream was found in the middle: words may be unaligned here. */
static long cut_leave_block(__u32 i, void *ctx)
{
	struct ecs_cut_copy *c = ctx;
	__u32 at = c->work->cut.from + i * ECS_TS_LEN;
	const __u32 *from;

	if (i >= ECS_CAST_CUT_MAX)
		return 1;
	from = (const __u32 *)&c->work->data[ecs_bound(at, ECS_TS_ROOM)];
	for (int k = 0; k < ECS_CUT_WORDS; k++)
		c->carry->data[i * ECS_CUT_WORDS + k] = from[k];
	return 0;
}

static long cut_sum_block(__u32 i, void *ctx)
{
	struct ecs_cut_copy *c = ctx;
	__u32 at = ecs_bound(c->work->frame.origin + i * ECS_TS_LEN, ECS_TS_ROOM);

	c->work->made.sum =
		bpf_csum_diff(0, 0, (__be32 *)&c->work->data[at], ECS_TS_LEN, c->work->made.sum);
	return 0;
}

/* Whether the payload is not what was sent. Its bytes go on in datagrams of our own, whose
 * checksums would hide that; elsewhere a wrong checksum stays wrong. */
static __noinline int cut_is_damaged(struct __sk_buff *skb, struct ecs_cut_copy *c)
{
	struct ecs_ts_work *work = c->work;
	struct ecs_cast cast = {.skb = skb, .work = work};
	__u32 length = work->frame.length;

	if (!work->frame.probed)
		cast_probe(&cast);
	if (work->frame.partial || !work->frame.udp_sum ||
	    bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY) >= 0)
		return 0;
	__builtin_memset(&work->data[ecs_bound(work->frame.origin + length, ECS_TS_ROOM)], 0,
			 ECS_TS_LEN);
	work->made.sum = 0;
	bpf_loop((length + ECS_TS_LEN - 1) / ECS_TS_LEN, cut_sum_block, c, 0);
	return cast_fold(cast_sum_head(work) + work->made.sum + work->frame.udp_sum +
			 2ull * bpf_htons(length + ECS_UDP_HLEN)) != 0xffff;
}

/**
 * ecs_cast_cut - put the payload behind what the last datagram left, and see where to cut
 *
 * Return: 0; if that cannot be, 1 + why (enum ecs_cast_pass), and the datagram is to go as it is.
 */
__noinline int ecs_cast_cut(struct __sk_buff *skb, __u32 id)
{
	struct ecs_cut_copy c = {.work = ecs_cast_scratch(),
				 .carry = bpf_map_lookup_elem(&ecs_cast_carries, &id)};
	struct ecs_ts ts = {.work = c.work, .state = bpf_map_lookup_elem(&ecs_cast_states, &id)};
	__u32 length, carried;

	if (!c.work || !c.carry || !ts.state)
		return 1 + ECS_CAST_PASS_SIZE;
	carried = ecs_bound(ts.state->carried, 8192);
	length = c.work->frame.length - 1;
	asm volatile("" : "+r"(length));
	if (length >= ECS_CAST_CUT_BYTES)
		return 1 + ECS_CAST_PASS_SIZE;
	asm volatile("" : "+r"(length));
	bpf_loop((carried + ECS_TS_LEN - 1) / ECS_TS_LEN, cut_fetch_block, &c, 0);
	if (bpf_skb_load_bytes(skb, c.work->frame.l4 + ECS_UDP_HLEN, &c.work->data[carried],
			       length + 1))
		return 1 + ECS_CAST_PASS_SIZE;
	c.work->frame.origin = carried;
	if (cut_is_damaged(skb, &c))
		return 1 + ECS_CAST_PASS_DAMAGED;
	c.work->frame.cut = 1;
	ecs_cut_begin(&ts);
	return 0;
}

/** ecs_cast_next - cut the next run of TS packets, and look into it. Return: 1; 0 at the end. */
__noinline int ecs_cast_next(__u32 id)
{
	struct ecs_ts ts = {
		.work = ecs_cast_scratch(),
		.state = bpf_map_lookup_elem(&ecs_cast_states, &id),
		.pids = bpf_map_lookup_elem(&ecs_cast_pids, &id),
	};

	if (!ts.work || !ts.state || !ts.pids || !ecs_cut_next(ts.work))
		return 0;
	ecs_rtp_none(&ts);
	ecs_cast_packets(id, ts.work->frame.packets);
	return 1;
}

/** ecs_cast_leave - keep what is left for the next datagram. Return: 0. */
__noinline int ecs_cast_leave(__u32 id)
{
	struct ecs_cut_copy c = {.work = ecs_cast_scratch(),
				 .carry = bpf_map_lookup_elem(&ecs_cast_carries, &id)};
	struct ecs_cast_state *state = bpf_map_lookup_elem(&ecs_cast_states, &id);
	__u32 left;

	if (!c.work || !c.carry || !state)
		return 0;
	left = ecs_cut_left(c.work);
	bpf_loop((left + ECS_TS_LEN - 1) / ECS_TS_LEN, cut_leave_block, &c, 0);
	state->carried = left;
	if (c.work->cut.lost)
		state->passed[ECS_CAST_PASS_SYNC]++;
	return 0;
}

/**
 * ecs_cast_odd - ecs_cast_cut() did not take the datagram, by its @answer
 *
 * Whole packets that wait go out with the next one. Return: 0.
 */
__noinline int ecs_cast_odd(__u32 id, __u32 answer)
{
	struct ecs_cast_state *state = bpf_map_lookup_elem(&ecs_cast_states, &id);
	__u32 half;

	if (!state)
		return 0;
	half = state->carried % ECS_TS_LEN;
	state->torn += half > 0;
	state->carried -= half;
	state->synced = state->carried > 0;
	if (answer == 1 + ECS_CAST_PASS_DAMAGED)
		state->passed[ECS_CAST_PASS_DAMAGED]++;
	else
		state->passed[ECS_CAST_PASS_SIZE]++;
	return 0;
}

/** ecs_cast_uncut - make the frame what it was when it came. Return: 0; 1 if that failed. */
__noinline int ecs_cast_uncut(struct __sk_buff *skb)
{
	struct ecs_cast c = {.skb = skb, .work = ecs_cast_scratch()};
	__u32 length, origin;

	if (!c.work)
		return 1;
	origin = ecs_bound(c.work->frame.origin, 8192);
	length = c.work->frame.length - 1;
	asm volatile("" : "+r"(length));
	if (length >= ECS_CAST_CUT_BYTES)
		return 1;
	asm volatile("" : "+r"(length));
	c.work->frame.cut = 0;
	c.work->frame.packets = 0;
	if (!c.work->frame.dirty)
		return 0;
	ecs_cast_flush(skb);
	if (c.work->frame.current != c.work->frame.length &&
	    bpf_skb_change_tail(skb, c.work->frame.l4 + ECS_UDP_HLEN + c.work->frame.length, 0))
		return 1;
	bpf_skb_store_bytes(skb, c.work->frame.l4 + ECS_UDP_HLEN, &c.work->data[origin], length + 1,
			    BPF_F_RECOMPUTE_CSUM);
	c.work->frame.current = c.work->frame.length;
	c.work->frame.dirty = 0;
	c.work->made.sum = 0;
	cast_make_head(&c);
	cast_store_head(&c, c.work->head);
	return 0;
}

#endif
