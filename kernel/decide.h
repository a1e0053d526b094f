/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which frames a policy keeps: one decision a frame, at its start, from its type, its time and
 * what went out before. Knows no container. Pure: compiled for BPF, for the unit tests and for
 * the fuzzer.
 */
#ifndef ECS_KERNEL_DECIDE_H
#define ECS_KERNEL_DECIDE_H

#include <linux/types.h>
#include <ecswitch/abi.h>

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

#define ECS_CLOCK_HZ 90000
#define ECS_GOP_TICKS_MAX (60 * ECS_CLOCK_HZ) /* what is longer is no GOP but a jump in time */
#define ECS_KEYLESS_NS 10000000000ull /* without any keyframe: then there are none to wait for */
#define ECS_KEYED_NS 60000000000ull   /* the same since the last one */
#define ECS_RATE_UNIT 1000000	      /* of ecs_cast_group_state.tokens, in a bit */
#define ECS_RATE_GAP_US 60000000ull

/* A frame that begins. */
struct ecs_picture {
	__u32 type;    /* enum ecs_frame_type */
	__u32 leading; /* it refers to before the last keyframe */
	__u32 time;    /* in 90 kHz; differences alone count */
	__u64 now_ns;
};

/* N percent of a type, spread evenly: the error is carried on. */
static __always_inline int decide_share(struct ecs_cast_lane *lane, __u32 percent)
{
	lane->due += percent;
	if (lane->due < 100)
		return 0;
	lane->due -= 100;
	if (lane->due >= 100) /* of another policy's measure */
		lane->due = 0;
	return 1;
}

/* Bucket of a policy "rate": what is sent within one GOP, 0.1 to 10 s. */
static __always_inline __s64 decide_depth(const struct ecs_policy *policy,
					  const struct ecs_cast_lane *lane)
{
	__u32 ticks = lane->lasted ? lane->lasted : ECS_CLOCK_HZ;

	if (ticks < ECS_CLOCK_HZ / 10)
		ticks = ECS_CLOCK_HZ / 10;
	if (ticks > ECS_CLOCK_HZ * 10)
		ticks = ECS_CLOCK_HZ * 10;
	return (__u64)policy->value * ((__u64)ticks * 100 / 9);
}

static __always_inline void decide_fill(const struct ecs_policy *policy,
					struct ecs_cast_group_state *state, __s64 depth,
					__u64 now_ns)
{
	__u64 now_us = now_ns / 1000, gap = now_us - state->filled_us;

	if (!state->filled_us)
		state->tokens = depth >> 2;
	else
		state->tokens +=
			(__u64)policy->value * (gap < ECS_RATE_GAP_US ? gap : ECS_RATE_GAP_US);
	if (state->tokens > depth)
		state->tokens = depth;
	if (state->tokens < -8 * depth) /* what is not video is more than the rate by itself */
		state->tokens = -8 * depth;
	state->filled_us = now_us;
}

/* What frames that nobody refers to must leave: the later in the GOP, the more, so that three
 * quarters of the bucket are there for the next keyframe. */
static __always_inline __s64 decide_reserve(const struct ecs_policy *policy,
					    const struct ecs_cast_lane *lane, __u32 time)
{
	__u32 ticks = lane->lasted ? lane->lasted : ECS_CLOCK_HZ, past = time - lane->began;

	if (past & 1u << 31) /* shown before its keyframe */
		past = 0;
	if (past > ticks)
		past = ticks;
	if (past > ECS_CLOCK_HZ * 10) /* as decide_depth() */
		past = ECS_CLOCK_HZ * 10;
	return (__u64)policy->value * ((__u64)past * 25 / 3);
}

/* If references did not fit, the next GOP is for them alone. */
static __always_inline int decide_rate(const struct ecs_policy *policy,
				       struct ecs_cast_group_state *state,
				       struct ecs_cast_lane *lane, const struct ecs_picture *frame)
{
	__s64 depth = decide_depth(policy, lane);
	int out;

	decide_fill(policy, state, depth, frame->now_ns);
	if (frame->type == ECS_FRAME_NONREF)
		return lane->tight || state->tokens <= decide_reserve(policy, lane, frame->time);
	out = state->tokens <= (frame->type == ECS_FRAME_KEY ? -depth : 0);
	lane->starved |= out;
	return out;
}

/* Frames of the GOP that begins that should go out. */
static __always_inline void decide_target(const struct ecs_policy *policy,
					  struct ecs_cast_lane *lane)
{
	__u64 wanted;

	lane->target = ~0u;
	if (policy->kind == ECS_POLICY_GOP && policy->value) {
		lane->target = policy->value;
	} else if (policy->kind == ECS_POLICY_GOP && lane->last_frames) {
		lane->target = (lane->last_frames + 1) / 2;
	} else if (policy->kind == ECS_POLICY_FPS && lane->last_frames && lane->lasted) {
		wanted = (__u64)policy->value * lane->lasted + lane->carry;
		lane->target = wanted / ECS_CLOCK_HZ;
		lane->carry = wanted % ECS_CLOCK_HZ;
		if (!lane->target)
			lane->target = 1;
	}
}

/* A keyframe: what was learned of the GOP before it, and what that means for the next one. */
static __always_inline void decide_gop(const struct ecs_policy *policy, struct ecs_cast_lane *lane,
				       __u32 time)
{
	__u32 lasted = time - lane->began;

	if (lane->keyed) {
		lane->last_frames = lane->frames;
		lane->last_refs = lane->refs;
		if (lasted && lasted <= ECS_GOP_TICKS_MAX)
			lane->lasted = lasted;
	}
	lane->keyed = 1;
	lane->began = time;
	lane->frames = 0;
	lane->refs = 0;
	lane->sent = 0;
	lane->tight = lane->starved;
	lane->starved = 0;
	decide_target(policy, lane);
}

/* fps, gop: the droppable frames first and evenly, then the tail of the GOP. */
static __always_inline int decide_decimated(const struct ecs_policy *policy,
					    struct ecs_cast_lane *lane, __u32 type)
{
	__u32 spare = lane->last_frames - lane->last_refs, share;

	if (!lane->last_frames || (policy->kind == ECS_POLICY_GOP && lane->sent >= lane->target))
		return lane->sent >= lane->target;
	if (lane->target < lane->last_refs)
		return type == ECS_FRAME_NONREF || lane->sent >= lane->target;
	share = lane->target - lane->last_refs;
	if (type != ECS_FRAME_NONREF || share >= spare)
		return 0;
	if (lane->due >= spare)
		lane->due = 0;
	lane->due += share;
	if (lane->due < spare)
		return 1;
	lane->due -= spare;
	return 0;
}

/* What the policy says of a frame whose type is known, whatever is broken. */
static __always_inline int decide_kind(const struct ecs_policy *policy,
				       struct ecs_cast_group_state *state,
				       struct ecs_cast_lane *lane, const struct ecs_picture *frame)
{
	switch (policy->kind) {
	case ECS_POLICY_KEY:
		return frame->type != ECS_FRAME_KEY;
	case ECS_POLICY_REF:
		return frame->type == ECS_FRAME_NONREF;
	case ECS_POLICY_DROP:
		return frame->type == policy->type && decide_share(lane, policy->percent);
	case ECS_POLICY_RATE:
		/* Without keyframes there is no way back from a dropped reference. */
		return decide_rate(policy, state, lane, frame) &&
		       (lane->keyed || frame->type == ECS_FRAME_NONREF);
	case ECS_POLICY_FPS:
	case ECS_POLICY_GOP:
		return lane->keyed && frame->type != ECS_FRAME_KEY &&
		       decide_decimated(policy, lane, frame->type);
	default:
		return 0;
	}
}

/* A stream that has no keyframes, or no more: nothing would ever mend a break. */
static __always_inline int decide_keyless(struct ecs_cast_lane *lane, __u64 now_ns)
{
	if (now_ns - lane->since_ns < (lane->keyed ? ECS_KEYED_NS : ECS_KEYLESS_NS))
		return 0;
	lane->keyed = 0;
	lane->broken = 0;
	return 1;
}

/**
 * ecs_decide_frame - the one decision of a policy about a frame
 *
 * After a reference is out, so is all that may have needed it, up to the next keyframe, and the
 * frames of that one that refer to before it. An unknown frame stays even then: it may be the
 * keyframe. So does all of a stream without keyframes that only these could thin.
 *
 * Return: 1 to take it out.
 */
static __always_inline int ecs_decide_frame(const struct ecs_policy *policy,
					    struct ecs_cast_group_state *state,
					    struct ecs_cast_lane *lane,
					    const struct ecs_picture *frame)
{
	__u32 type = frame->type;
	int out = 0, follows = 0, keyless = 0;

	if (type == ECS_FRAME_KEY || !lane->since_ns)
		lane->since_ns = frame->now_ns;
	if (type == ECS_FRAME_KEY)
		decide_gop(policy, lane, frame->time);
	else
		keyless = decide_keyless(lane, frame->now_ns);
	lane->frames++;
	lane->refs += type != ECS_FRAME_NONREF;
	if (type != ECS_FRAME_UNKNOWN && !(keyless && policy->kind == ECS_POLICY_KEY))
		out = decide_kind(policy, state, lane, frame);
	if (type == ECS_FRAME_KEY && !out) {
		lane->leading = lane->broken;
		lane->broken = 0;
	} else if (type != ECS_FRAME_UNKNOWN && !out) {
		out = follows = lane->broken || (lane->leading && frame->leading);
	}
	if (out && !follows && type != ECS_FRAME_NONREF)
		lane->broken = 1;
	lane->sent += !out;
	return out;
}

/** ecs_decide_charge - so many bytes of payload go to the group. */
static __always_inline void ecs_decide_charge(const struct ecs_policy *policy,
					      struct ecs_cast_group_state *state, __u32 bytes)
{
	if (policy->kind == ECS_POLICY_RATE)
		state->tokens -= (__s64)bytes * 8 * ECS_RATE_UNIT;
}

#endif
