/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a policy makes of a datagram's TS packets. Pure: compiled
 * for BPF, for the unit tests and for the fuzzer.
 */
#ifndef ECS_KERNEL_THIN_H
#define ECS_KERNEL_THIN_H

#include "decide.h"
#include "ts.h"

enum ecs_ts_keep {
	ECS_TS_OUT = 0,
	ECS_TS_WHOLE,
	ECS_TS_CLOCK, /* only its clock reference: the payload is out */
	ECS_TS_NULL,  /* a null packet in its place */
};

struct ecs_thin {
	struct ecs_ts_work *work;
	struct ecs_cast_group_state *state;
	struct ecs_policy policy;
};

static __always_inline void thin_begin(struct ecs_thin *thin, struct ecs_cast_lane *lane,
				       const struct ecs_ts_packet *packet)
{
	const struct ecs_picture frame = {
		.type = packet->frame & (ECS_FRAMES - 1),
		.leading = packet->flags & ECS_TS_LEADING,
		.time = packet->time,
		.now_ns = thin->work->frame.now_ns,
	};

	lane->drop = ecs_decide_frame(&thin->policy, thin->state, lane, &frame);
	if (lane->drop)
		thin->state->dropped[frame.type]++;
	else if (thin->policy.kind == ECS_POLICY_KEY && frame.type != ECS_FRAME_KEY)
		thin->state->sent[ECS_FRAME_UNKNOWN]++; /* for want of keyframes */
	else
		thin->state->sent[frame.type]++;
}

/* Sound and stuffing that the policy leaves out; the sound's clock stays, with one counter. */
static __always_inline __u8 thin_beside(const struct ecs_thin *thin,
					const struct ecs_ts_packet *packet, __u8 *byte3)
{
	if (packet->kind == ECS_PID_STUFFING && (thin->policy.flags & ECS_POLICY_NO_NULLS))
		return ECS_TS_OUT;
	if (packet->kind != ECS_PID_AUDIO || !(thin->policy.flags & ECS_POLICY_NO_AUDIO))
		return ECS_TS_WHOLE;
	if (!(packet->flags & ECS_TS_PCR))
		return ECS_TS_OUT;
	*byte3 = (*byte3 & 0xc0) | 0x20;
	return ECS_TS_CLOCK;
}

/* A packet of no video. */
static __always_inline __u8 thin_other(struct ecs_thin *thin, const struct ecs_ts_packet *packet,
				       __u8 *byte3)
{
	__u8 keep = thin_beside(thin, packet, byte3);
	__u32 class = packet->kind == ECS_PID_AUDIO ? ECS_CLASS_AUDIO : ECS_CLASS_OTHER;

	if (keep == ECS_TS_WHOLE)
		thin->state->sent[class]++;
	else
		thin->state->dropped[class]++;
	return keep;
}

/* One TS packet of the datagram: kept or not, and with which counter. */
static long thin_packet(__u32 i, void *ctx)
{
	struct ecs_thin *thin = ctx;
	const struct ecs_ts_packet *packet;
	struct ecs_cast_lane *lane;
	__u8 keep = ECS_TS_WHOLE, byte3;

	if (i >= ECS_CAST_PACKETS_MAX)
		return 1;
	packet = &thin->work->packet[i];
	byte3 = packet->byte3;
	if (packet->video && packet->video <= ECS_CAST_VIDEOS) {
		lane = &thin->state->lane[ecs_bound(packet->video - 1, ECS_CAST_VIDEOS)];
		if (packet->flags & ECS_TS_START) {
			thin_begin(thin, lane, packet);
			if (!lane->drop && packet->frame == ECS_FRAME_KEY &&
			    !thin->work->made.joins)
				thin->work->made.joins = i + 1;
		}
		if (packet->byte3 & 0xc0) /* scrambled: where its frame begins is not known */
			lane->drop = 0;
		if (lane->drop && (packet->flags & ECS_TS_PAYLOAD)) {
			keep = packet->flags & ECS_TS_PCR ? ECS_TS_CLOCK : ECS_TS_OUT;
			lane->cc += !(packet->flags & ECS_TS_REPEAT);
			if (keep == ECS_TS_CLOCK)
				byte3 = (byte3 & ~0x30) | 0x20;
		}
		byte3 = (byte3 & 0xf0) | ((byte3 - lane->cc) & 15);
	} else {
		keep = thin_other(thin, packet, &byte3);
	}
	thin->work->keep[i] = keep;
	thin->work->byte3[i] = byte3;
	thin->work->made.kept += keep != ECS_TS_OUT;
	thin->work->made.changed |= keep != ECS_TS_WHOLE || byte3 != packet->byte3;
	return 0;
}

/**
 * ecs_thin_datagram - a policy on a datagram that ecs_ts_datagram() has looked into
 *
 * The answer is in thin->work->keep, byte3 and made.
 */
static __noinline void ecs_thin_datagram(struct ecs_thin *thin, __u32 packets)
{
	thin->work->made = (struct ecs_ts_made){};
	bpf_loop(packets, thin_packet, thin, 0);
	ecs_decide_charge(&thin->policy, thin->state, thin->work->made.kept * ECS_TS_LEN);
}

/* For those that wait for a keyframe: no video before it. */
static long thin_waiting(__u32 i, void *ctx)
{
	struct ecs_thin *thin = ctx;

	if (i >= ECS_CAST_PACKETS_MAX)
		return 1;
	if (!thin->work->packet[i].video || thin->work->keep[i] == ECS_TS_OUT)
		return 0;
	if (thin->work->made.joins && i + 1 >= thin->work->made.joins)
		return 0;
	thin->work->keep[i] = ECS_TS_OUT;
	thin->work->made.kept--;
	thin->work->made.changed = 1;
	return 0;
}

/** ecs_thin_waiting - the same datagram for receivers that have no keyframe yet. */
static __noinline void ecs_thin_waiting(struct ecs_thin *thin, __u32 packets)
{
	bpf_loop(packets, thin_waiting, thin, 0);
}

#endif
