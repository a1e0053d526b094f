/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which frames a policy keeps, and what that makes of a datagram's TS packets. Pure: compiled
 * for BPF, for the unit tests and for the fuzzer.
 */
#ifndef ECS_KERNEL_THIN_H
#define ECS_KERNEL_THIN_H

#include "ts.h"

enum ecs_ts_keep {
	ECS_TS_OUT = 0,
	ECS_TS_WHOLE,
	ECS_TS_CLOCK, /* only its clock reference: the payload is out */
};

struct ecs_thin {
	struct ecs_ts_work *work;
	struct ecs_cast_group_state *state;
	struct ecs_policy policy;
};

/* N percent of a type, spread evenly: the error is carried on. */
static __always_inline int thin_due(struct ecs_cast_lane *lane, __u32 percent)
{
	lane->due += percent;
	if (lane->due < 100)
		return 0;
	lane->due -= 100;
	return 1;
}

/**
 * ecs_thin_frame - the one decision of a policy about a frame
 *
 * After a reference is out, so is all that may have needed it. An unknown frame stays even then:
 * it may be the keyframe. Return: 1 to take it out.
 */
static __always_inline int ecs_thin_frame(const struct ecs_policy *policy,
					  struct ecs_cast_lane *lane, __u32 frame)
{
	if (frame == ECS_FRAME_UNKNOWN)
		return 0;
	if (policy->kind == ECS_POLICY_KEY)
		return frame != ECS_FRAME_KEY;
	if (policy->kind == ECS_POLICY_REF)
		return frame == ECS_FRAME_NONREF;
	if (policy->kind != ECS_POLICY_DROP)
		return 0;
	if (frame == policy->type && thin_due(lane, policy->percent)) {
		if (frame != ECS_FRAME_NONREF)
			lane->broken = 1;
		return 1;
	}
	if (frame == ECS_FRAME_KEY)
		lane->broken = 0;
	return lane->broken;
}

static __always_inline void thin_begin(struct ecs_thin *thin, struct ecs_cast_lane *lane,
				       __u32 frame)
{
	frame &= ECS_FRAMES - 1;
	lane->drop = ecs_thin_frame(&thin->policy, lane, frame);
	if (lane->drop)
		thin->state->dropped[frame]++;
	else
		thin->state->sent[frame]++;
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
			thin_begin(thin, lane, packet->frame);
			if (!lane->drop && packet->frame == ECS_FRAME_KEY &&
			    !thin->work->made.joins)
				thin->work->made.joins = i + 1;
		}
		if (lane->drop && (packet->flags & ECS_TS_PAYLOAD)) {
			keep = packet->flags & ECS_TS_PCR ? ECS_TS_CLOCK : ECS_TS_OUT;
			lane->cc += !(packet->flags & ECS_TS_REPEAT);
			if (keep == ECS_TS_CLOCK)
				byte3 = (byte3 & ~0x30) | 0x20;
		}
		byte3 = (byte3 & 0xf0) | ((byte3 - lane->cc) & 15);
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
