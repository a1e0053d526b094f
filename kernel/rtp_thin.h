/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a policy makes of RTP packets: which go out, and with which numbers. Pure: compiled for
 * BPF, for the unit tests and for the fuzzer.
 *
 * A number that goes out is the one that came, less what was taken out before it. Of the last 64
 * it is known which were taken out, so that a packet that came late gets the number it had got in
 * time.
 */
#ifndef ECS_KERNEL_RTP_THIN_H
#define ECS_KERNEL_RTP_THIN_H

#include "rtp_stream.h"
#include "thin.h"

#define ECS_RTP_WHOLE 1 /* of ecs_rtp_thin() */
#define ECS_RTP_CUT 2	/* up to work->rtp.cut */

static __always_inline __u32 rtp_ones(__u64 x)
{
	x -= x >> 1 & 0x5555555555555555ull;
	x = (x & 0x3333333333333333ull) + (x >> 2 & 0x3333333333333333ull);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return x * 0x0101010101010101ull >> 56;
}

/**
 * ecs_rtp_meet - a policy sees a packet for the first time
 *
 * A new source starts over.
 */
static __always_inline void ecs_rtp_meet(struct ecs_thin *thin)
{
	const struct ecs_rtp_packet *rtp = &thin->work->rtp;
	struct ecs_cast_group_rtp *group = &thin->state->rtp;

	if (group->epoch != rtp->epoch) {
		*group = (struct ecs_cast_group_rtp){.epoch = rtp->epoch};
		thin->state->lane[0].drop = 0;
		thin->state->lane[0].broken = 0;
	}
	group->gone = rtp->advance < 64 ? group->gone << (rtp->advance & 63) : 0;
}

/** ecs_rtp_number - it goes out, with work->rtp.out as its number. */
static __always_inline void ecs_rtp_number(struct ecs_thin *thin)
{
	struct ecs_rtp_packet *rtp = &thin->work->rtp;
	const struct ecs_cast_group_rtp *group = &thin->state->rtp;
	__u64 newer = ~0ull;

	if (rtp->late < 64)
		newer = (1ull << (rtp->late & 63)) - 1;
	rtp->out = rtp->seq - (__u16)(group->taken - rtp_ones(group->gone & newer));
}

/** ecs_rtp_take_out - it does not go out. What came late, or twice, left its gap long ago. */
static __always_inline void ecs_rtp_take_out(struct ecs_thin *thin)
{
	const struct ecs_rtp_packet *rtp = &thin->work->rtp;
	struct ecs_cast_group_rtp *group = &thin->state->rtp;
	__u64 bit = 1ull << (rtp->late & 63);

	if (rtp->late > 63 || (group->gone & bit) || (rtp->late && !rtp->recalled))
		return;
	group->gone |= bit;
	group->taken++;
}

static __always_inline int rtp_dropped(const struct ecs_thin *thin)
{
	return thin->work->rtp.previous ? thin->state->rtp.before : thin->state->lane[0].drop;
}

static __always_inline __u8 rtp_held_bit(const struct ecs_rtp_packet *rtp)
{
	return 1u << (rtp->hold & (ECS_CAST_HELD - 1));
}

/* A packet that is held. The policy may be another one when it is recalled. */
static __always_inline int rtp_keep_early(struct ecs_thin *thin)
{
	struct ecs_cast_group_rtp *group = &thin->state->rtp;
	__u8 bit = rtp_held_bit(&thin->work->rtp);

	if (thin->policy.kind != ECS_POLICY_ALL) {
		group->early &= ~bit;
		return 0;
	}
	group->early |= bit;
	return ECS_RTP_WHOLE;
}

/* A packet that was held, now that the frame it belongs to is known. */
static __always_inline int rtp_keep_recalled(struct ecs_thin *thin)
{
	const struct ecs_rtp_packet *rtp = &thin->work->rtp;

	if (thin->state->rtp.early & rtp_held_bit(rtp)) /* got it when it came */
		return 0;
	if (!rtp->begins || rtp->sets || !thin->state->lane[0].drop)
		return ECS_RTP_WHOLE;
	ecs_rtp_take_out(thin);
	return 0;
}

static __always_inline int rtp_keep(struct ecs_thin *thin)
{
	const struct ecs_rtp_packet *rtp = &thin->work->rtp;

	if (rtp->recalled)
		return rtp_keep_recalled(thin);
	if (rtp->part == ECS_RTP_HOLD)
		return rtp_keep_early(thin);
	if (rtp->part != ECS_RTP_FRAME || !rtp_dropped(thin))
		return ECS_RTP_WHOLE;
	if (rtp->sets) /* never lose a parameter set */
		return rtp->slice && rtp->cut ? ECS_RTP_CUT : ECS_RTP_WHOLE;
	ecs_rtp_take_out(thin);
	return 0;
}

/* For those that wait: what comes before a keyframe, and the first packet of it. */
static __always_inline int rtp_keep_waiting(struct ecs_thin *thin)
{
	const struct ecs_rtp_packet *rtp = &thin->work->rtp;

	if (!rtp->begins) /* the hold was full: what the keyframe may need, at least */
		return rtp->recalled && rtp->sets ? ECS_RTP_WHOLE : 0;
	if (rtp->frame != ECS_FRAME_KEY || thin->state->lane[0].drop)
		return 0;
	thin->work->made.joins = !rtp->recalled;
	return ECS_RTP_WHOLE;
}

/**
 * ecs_rtp_thin - a policy on an RTP packet that ecs_rtp_datagram() has looked into
 * @waiting: once more, for receivers that have no keyframe yet
 *
 * Return: what goes out: 0, ECS_RTP_WHOLE or ECS_RTP_CUT; its number is in work->rtp.out.
 */
static __always_inline int ecs_rtp_thin(struct ecs_thin *thin, int waiting)
{
	struct ecs_rtp_packet *rtp = &thin->work->rtp;
	int keep;

	thin->work->made = (struct ecs_ts_made){};
	if (rtp->fresh && !waiting) {
		ecs_rtp_meet(thin);
		if (rtp->begins) {
			thin->state->rtp.before = thin->state->lane[0].drop;
			thin_begin(thin, &thin->state->lane[0], &thin->work->packet[0]);
		}
	}
	keep = waiting ? rtp_keep_waiting(thin) : rtp_keep(thin);
	if (keep)
		ecs_rtp_number(thin);
	if (keep && !waiting)
		ecs_decide_charge(&thin->policy, thin->state, thin->work->frame.length);
	thin->work->made.kept = keep;
	return keep;
}

/**
 * ecs_rtp_thin_ts - a policy on RTP that carries TS packets
 * @waiting: after that, once more for those that wait for a keyframe; a datagram of which nothing
 *	     is left becomes one of a null packet, for its number's sake
 *
 * Return: TS packets that are left.
 */
static __always_inline __u32 ecs_rtp_thin_ts(struct ecs_thin *thin, int waiting)
{
	struct ecs_ts_made *made = &thin->work->made;

	if (waiting) {
		ecs_thin_waiting(thin, thin->work->frame.packets);
		if (made->kept)
			return made->kept;
		thin->work->keep[0] = ECS_TS_NULL;
		made->kept = 1;
		return 1;
	}
	ecs_thin_datagram(thin, thin->work->frame.packets);
	ecs_rtp_meet(thin);
	if (made->kept)
		ecs_rtp_number(thin);
	else
		ecs_rtp_take_out(thin);
	return made->kept;
}

#endif
