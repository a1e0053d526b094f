/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which RTP packets are those of a cast's video, and of which frame each is: all packets of one
 * timestamp are one frame, decided on with the first that holds a slice. What comes before that
 * (delimiters, parameter sets, SEI) waits for it. Pure: compiled for BPF, for the unit tests and
 * for the fuzzer.
 */
#ifndef ECS_KERNEL_RTP_STREAM_H
#define ECS_KERNEL_RTP_STREAM_H

#include "rtp.h"

#define ECS_RTP_LATE_MAX 1000 /* numbers further back are those of a sender that started anew */
#define ECS_RTP_NOT (-1)
#define ECS_RTP_STRANGERS 16 /* packets in a row that another sender needs to take over */

/* No table of a transport stream holds any more. */
static __noinline void rtp_forget_tables(struct ecs_ts *ts)
{
	struct ecs_cast_state *state = ts->state;

	ts->work->cursor.same = 0;
	for (__u32 i = 0; i < ECS_CAST_PROGRAMS; i++) {
		ts->work->cursor.program = i;
		psi_forget(ts);
		psi_set_kind(ts, state->program[i].pmt_pid, ECS_PID_OTHER);
		state->program[i].pmt_pid = 0;
		state->program[i].crc = 0;
	}
	for (int i = 0; i < ECS_CAST_SECTIONS; i++)
		state->section[i].have = 0;
	state->pat_crc = 0;
}

/* What the stream is, in the words of enum ecs_container and enum ecs_codec. */
static __always_inline void rtp_become(struct ecs_ts *ts, __u8 container, __u8 codec)
{
	struct ecs_cast_state *state = ts->state;

	if (container != ECS_CONTAINER_RTP && state->container != ECS_CONTAINER_RTP) {
		state->container = container; /* transport streams both: the tables hold */
		return;
	}
	state->container = container;
	rtp_forget_tables(ts);
	for (int i = 0; i < ECS_CAST_VIDEOS; i++)
		state->video[i] = (struct ecs_cast_video){};
	state->video[0].codec = codec;
}

/** ecs_rtp_none - the datagram begins as a TS packet does, and not as RTP. */
static __always_inline void ecs_rtp_none(struct ecs_ts *ts)
{
	if (ts->state->container == ECS_CONTAINER_TS)
		return;
	rtp_become(ts, ECS_CONTAINER_TS, ECS_CODEC_NONE);
	ts->state->rtp.epoch = 0;
}

static __always_inline int rtp_is_ts(const struct ecs_ts *ts)
{
	const struct ecs_rtp_packet *rtp = &ts->work->rtp;
	__u32 length = rtp->end - rtp->at;

	return length >= ECS_TS_LEN && !(length % ECS_TS_LEN) &&
	       ecs_ts_byte(ts, rtp->at) == ECS_TS_SYNC;
}

/* What a packet proves to be; @told by the user, or ECS_CODEC_NONE. */
static __always_inline __u8 rtp_detect(struct ecs_ts *ts, __u8 told)
{
	const struct ecs_rtp_packet *rtp = &ts->work->rtp;
	const struct ecs_cast_rtp *known = &ts->state->rtp;

	if (told == ECS_CODEC_TS || (told == ECS_CODEC_NONE && rtp->type == ECS_RTP_MP2T))
		return rtp_is_ts(ts) ? ECS_CODEC_TS : ECS_CODEC_NONE;
	if (rtp->type < ECS_RTP_DYNAMIC)
		return ECS_CODEC_NONE;
	if (told != ECS_CODEC_HEVC && ecs_rtp_proves(ts, ECS_CODEC_H264))
		return ECS_CODEC_H264;
	if (told != ECS_CODEC_H264 && ecs_rtp_proves(ts, ECS_CODEC_HEVC))
		return ECS_CODEC_HEVC;
	/* Parameter sets need not come in the stream: then the user's word is all there is. */
	if (told == ECS_CODEC_NONE)
		return ECS_CODEC_NONE;
	return !known->epoch || (rtp->type == known->type && known->strangers >= ECS_RTP_STRANGERS)
		       ? told
		       : ECS_CODEC_NONE;
}

static __always_inline void rtp_take(struct ecs_ts *ts, __u8 codec)
{
	const struct ecs_rtp_packet *rtp = &ts->work->rtp;
	struct ecs_cast_rtp *known = &ts->state->rtp;
	__u8 container = codec == ECS_CODEC_TS ? ECS_CONTAINER_RTP_TS : ECS_CONTAINER_RTP;

	rtp_become(ts, container, codec);
	*known = (struct ecs_cast_rtp){.ssrc = rtp->ssrc,
				       .type = rtp->type,
				       .seq = rtp->seq - 1,
				       .epoch = (__u8)(known->epoch + 1) ?: 1};
}

/* Return: 1 if the packet's number counts: it is of the video's source. */
static __always_inline int rtp_belongs(struct ecs_ts *ts, __u8 told)
{
	const struct ecs_rtp_packet *rtp = &ts->work->rtp;
	struct ecs_cast_rtp *known = &ts->state->rtp;
	int same = known->epoch && known->ssrc == rtp->ssrc;
	__u8 codec;

	if (same)
		known->strangers = 0;
	if (same && known->type == rtp->type)
		return 1;
	codec = rtp_detect(ts, told);
	if (codec != ECS_CODEC_NONE && !same) {
		rtp_take(ts, codec);
		return 1;
	}
	if (codec != ECS_CODEC_NONE) { /* the same source, with another payload type */
		rtp_become(ts, codec == ECS_CODEC_TS ? ECS_CONTAINER_RTP_TS : ECS_CONTAINER_RTP,
			   codec);
		known->type = rtp->type;
		known->decided = 0;
	}
	if (!same && known->strangers < ECS_RTP_STRANGERS)
		known->strangers++;
	return same;
}

static __always_inline void rtp_count(struct ecs_ts *ts)
{
	struct ecs_rtp_packet *rtp = &ts->work->rtp;
	struct ecs_cast_rtp *known = &ts->state->rtp;
	__s16 ahead = rtp->seq - known->seq;

	if (ahead <= 0 && ahead >= -ECS_RTP_LATE_MAX) {
		rtp->late = -ahead;
		return;
	}
	rtp->advance = ahead > 0 ? ahead : ECS_RTP_LATE_MAX;
	known->seq = rtp->seq;
}

/* A frame whose timestamp was not seen before: now, or when its first slice comes. */
static __always_inline void rtp_begin(struct ecs_ts *ts, int looked)
{
	struct ecs_rtp_packet *rtp = &ts->work->rtp;
	struct ecs_cast_rtp *known = &ts->state->rtp;

	if (looked && !rtp->slice) {
		if (known->held < ECS_CAST_HELD && ts->work->frame.length <= ECS_CAST_HELD_LEN) {
			rtp->part = ECS_RTP_HOLD;
			rtp->hold = known->held++;
			return;
		}
	} else {
		known->before = known->timestamp;
		known->timestamp = rtp->timestamp;
		if (known->decided < 2)
			known->decided++;
		rtp->begins = 1;
		rtp->part = ECS_RTP_FRAME;
		if (!looked)
			rtp->frame = ECS_FRAME_UNKNOWN;
		ts->work->packet[0] = (struct ecs_ts_packet){
			.flags = ECS_TS_START, .frame = rtp->frame, .time = rtp->timestamp};
		if (looked && ts->state->video[0].leading)
			ts->work->packet[0].flags |= ECS_TS_LEADING;
		ts->state->frames[ecs_bound(rtp->frame, ECS_FRAMES)]++;
	}
	rtp->recall = known->held;
	known->held = 0;
}

/* Which frame it is a part of. What comes late, and is of none that is known, just passes. */
static __always_inline void rtp_frame(struct ecs_ts *ts)
{
	struct ecs_rtp_packet *rtp = &ts->work->rtp;
	struct ecs_cast_rtp *known = &ts->state->rtp;
	int looked;

	if (known->decided > 0 && rtp->timestamp == known->timestamp)
		rtp->decided = 1;
	else if (known->decided > 1 && rtp->timestamp == known->before)
		rtp->decided = rtp->previous = 1;
	looked = ecs_rtp_look(ts, ts->state->video[0].codec);
	if (!looked) {
		rtp->cut = 0;
		rtp->sets = 0;
		ts->state->passed[ECS_CAST_PASS_RTP]++;
	}
	if (rtp->decided)
		rtp->part = ECS_RTP_FRAME;
	else if (rtp->advance)
		rtp_begin(ts, looked);
}

/**
 * ecs_rtp_datagram - look into an RTP packet that is in ts->work->data
 * @told: enum ecs_codec that the user said it carries; ECS_CODEC_NONE: find out
 *
 * Return: enum ecs_container. ECS_CONTAINER_NONE: it goes to all as it is; ECS_CONTAINER_RTP_TS:
 * what is at work->rtp.at are TS packets; ECS_CONTAINER_RTP: work->rtp tells of it. ECS_RTP_NOT:
 * the stream is one of TS packets, which datagrams cut anywhere.
 */
static __always_inline int ecs_rtp_datagram(struct ecs_ts *ts, __u8 told)
{
	struct ecs_rtp_packet *rtp = &ts->work->rtp;
	struct ecs_cast_state *state = ts->state;

	if (state->container != ECS_CONTAINER_TS && ecs_rtp_is_control(ts->work)) {
		state->passed[ECS_CAST_PASS_RTCP]++;
		return ECS_CONTAINER_NONE;
	}
	ecs_rtp_header(ts);
	if (!rtp_belongs(ts, told)) {
		if (state->container == ECS_CONTAINER_TS)
			return ECS_RTP_NOT;
		state->passed[state->rtp.epoch ? ECS_CAST_PASS_SOURCE : ECS_CAST_PASS_CODEC]++;
		return ECS_CONTAINER_NONE;
	}
	rtp_count(ts);
	rtp->epoch = state->rtp.epoch;
	rtp->sent = rtp->seq;
	if (rtp->type != state->rtp.type)
		return ECS_CONTAINER_RTP;
	if (state->container == ECS_CONTAINER_RTP) {
		rtp_frame(ts);
		return ECS_CONTAINER_RTP;
	}
	if (rtp_is_ts(ts))
		return ECS_CONTAINER_RTP_TS;
	state->passed[ECS_CAST_PASS_SIZE]++;
	return ECS_CONTAINER_RTP;
}

#endif
