/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * RTP packets (RFC 3550) that carry H.264 (RFC 6184) or HEVC (RFC 7798): the header, the NAL
 * units and what they prove. Pure: compiled for BPF, for the unit tests and for the fuzzer. What
 * is found stands in ts->work->rtp; rtp_stream.h makes frames of it.
 */
#ifndef ECS_KERNEL_RTP_H
#define ECS_KERNEL_RTP_H

#include "ts.h"

#define ECS_RTP_HEADER 12
#define ECS_RTP_PADDED 0x20 /* in the first byte */
#define ECS_RTP_MP2T 33	    /* payload type (RFC 3551) */
#define ECS_RTP_DYNAMIC 96  /* and above, to 127 */
#define ECS_RTP_UNITS 32    /* NAL units of one packet that are looked at */

/* RFC 6184 table 3; H.264 table 7-1. */
#define ECS_H264_LAST_VCL 5
#define ECS_H264_PPS 8
#define ECS_H264_SPS_EXTENSION 13
#define ECS_H264_SUBSET_SPS 15
#define ECS_H264_LAST_UNIT 23
#define ECS_H264_STAP_A 24
#define ECS_H264_FU_A 28
/* RFC 7798 4.4; H.265 table 7-1. */
#define ECS_HEVC_VPS 32
#define ECS_HEVC_PPS 34
#define ECS_HEVC_AP 48
#define ECS_HEVC_FU 49

/** ecs_rtp_is - may this be RTP, by its first byte? TS packets begin with 0x47. */
static __always_inline int ecs_rtp_is(const struct ecs_ts_work *work)
{
	return work->frame.length >= ECS_RTP_HEADER && work->data[0] >> 6 == 2;
}

/* RTCP that shares the port (RFC 5761 4). */
static __always_inline int ecs_rtp_is_control(const struct ecs_ts_work *work)
{
	return work->data[1] >= 192 && work->data[1] < 224;
}

/**
 * ecs_rtp_header - the fixed header, and where the payload is
 *
 * A packet that contradicts itself has no payload.
 */
static __noinline void ecs_rtp_header(struct ecs_ts *ts)
{
	struct ecs_rtp_packet *rtp = &ts->work->rtp;
	__u32 length = ts->work->frame.length, at, padding = 0;

	*rtp = (struct ecs_rtp_packet){.fresh = 1};
	rtp->type = ecs_ts_byte(ts, 1) & 0x7f;
	rtp->seq = ecs_ts_be16(ts, 2);
	rtp->timestamp = ecs_ts_be32(ts, 4);
	rtp->ssrc = ecs_ts_be32(ts, 8);
	at = ECS_RTP_HEADER + 4 * (ecs_ts_byte(ts, 0) & 15);
	if (ecs_ts_byte(ts, 0) & 0x10)
		at += 4 + 4 * ecs_ts_be16(ts, at + 2);
	if (ecs_ts_byte(ts, 0) & 0x20)
		padding = ecs_ts_byte(ts, length - 1) ?: ECS_TS_ROOM;
	if (at + padding >= length)
		return;
	rtp->at = at;
	rtp->end = length - padding;
}

/* The profiles, reserved bits and levels that a sequence parameter set can have (H.264 7.4.2.1.1,
 * annex A). Read as HEVC, its first byte would be that of layer 32 or above. */
static __always_inline int rtp_proves_h264(const struct ecs_ts *ts, __u32 at)
{
	__u8 profile = ecs_ts_byte(ts, at + 1), level = ecs_ts_byte(ts, at + 3);

	if ((ecs_ts_byte(ts, at) & 0x9f) != ECS_H264_SPS || !(ecs_ts_byte(ts, at) & 0x60) ||
	    (ecs_ts_byte(ts, at + 2) & 3))
		return 0;
	switch (profile) {
	case 44:
	case 66:
	case 77:
	case 83:
	case 86:
	case 88:
	case 100:
	case 110:
	case 118:
	case 122:
	case 128:
	case 134:
	case 138:
	case 139:
	case 244:
		return level >= 9 && level <= 62 && level % 10 <= 3;
	default:
		return 0;
	}
}

/* A video parameter set of the base layer, with its 16 reserved one bits (H.265 7.3.2.1). Read as
 * H.264 it would be a NAL unit of type 0, which there is not. */
static __always_inline int rtp_proves_hevc(const struct ecs_ts *ts, __u32 at)
{
	return ecs_ts_be16(ts, at) == (ECS_HEVC_VPS << 9 | 1) &&
	       (ecs_ts_byte(ts, at + 2) & 0x0c) == 0x0c && ecs_ts_be16(ts, at + 4) == 0xffff;
}

/* Whether the picture begins with this slice: first_mb_in_slice is 0, and so is its code 1;
 * first_slice_segment_in_pic_flag. What begins later lost its beginning. */
static __always_inline int rtp_is_first(const struct ecs_ts *ts, __u32 at)
{
	return at < ts->work->rtp.end && (ecs_ts_byte(ts, at) & 0x80);
}

/* The first slice of the packet. A frame that was decided on is not asked for its type again. */
static __always_inline void rtp_slice(struct ecs_ts *ts, __u32 unit, int first)
{
	struct ecs_rtp_packet *rtp = &ts->work->rtp;

	rtp->slice = 1;
	rtp->cut = rtp->sets && unit <= ECS_CAST_HELD_LEN ? unit : 0;
	rtp->frame = ts->state->video[0].frame;
	if (rtp->frame == ECS_FRAME_KEY && !first)
		rtp->frame = ECS_FRAME_UNKNOWN;
}

/* A NAL unit, or a part of one: its header, and where the bytes behind that are.
 * @unit: where it begins in the packet; @whole: its first byte is here */
static __noinline void rtp_h264(struct ecs_ts *ts, __u32 unit, __u8 header, __u32 body, int whole)
{
	struct ecs_cast_video *video = &ts->state->video[0];
	__u8 type = header & 0x1f;

	if (ts->work->rtp.slice)
		return;
	if (type == ECS_H264_SPS || type == ECS_H264_PPS || type == ECS_H264_SPS_EXTENSION ||
	    type == ECS_H264_SUBSET_SPS)
		ts->work->rtp.sets = 1;
	if (!type || type > ECS_H264_LAST_VCL)
		return;
	video->window = 1;
	if (!ts->work->rtp.decided && !ecs_nal_byte(video, header))
		video->frame = header & 0x60 ? ECS_FRAME_REF : ECS_FRAME_NONREF;
	rtp_slice(ts, unit, whole && rtp_is_first(ts, body));
}

static __noinline void rtp_hevc(struct ecs_ts *ts, __u32 unit, __u16 header, __u32 body, int whole)
{
	struct ecs_cast_video *video = &ts->state->video[0];
	__u8 type = header >> 9 & 0x3f;

	if (ts->work->rtp.slice || (header & 0x1f8)) /* only the base layer tells */
		return;
	if (type >= ECS_HEVC_VPS && type <= ECS_HEVC_PPS)
		ts->work->rtp.sets = 1;
	video->window = 1;
	if (type == ECS_HEVC_SPS && whole && body < ts->work->rtp.end) {
		ecs_nal_byte(video, header >> 8);
		ecs_nal_byte(video, header);
		ecs_nal_byte(video, ecs_ts_byte(ts, body));
	}
	if (type >= ECS_HEVC_VCL)
		return;
	if (!ts->work->rtp.decided) {
		ecs_nal_byte(video, header >> 8);
		ecs_nal_byte(video, header);
	}
	rtp_slice(ts, unit, whole && rtp_is_first(ts, body));
}

static __always_inline void rtp_unit(struct ecs_ts *ts, __u32 unit, __u32 at)
{
	if (ts->work->rtp.codec == ECS_CODEC_H264)
		rtp_h264(ts, unit, ecs_ts_byte(ts, at), at + 1, 1);
	else
		rtp_hevc(ts, unit, ecs_ts_be16(ts, at), at + 2, 1);
}

static __noinline int rtp_proves(const struct ecs_ts *ts, __u32 at, __u32 length)
{
	if (ts->work->rtp.codec == ECS_CODEC_H264)
		return length >= 4 && rtp_proves_h264(ts, at);
	return length >= 6 && rtp_proves_hevc(ts, at);
}

/* One unit of a STAP-A or an AP: 16 bits of length before it. */
static long rtp_aggregated(__u32 i, void *ctx)
{
	struct ecs_ts *ts = ctx;
	struct ecs_rtp_packet *rtp = &ts->work->rtp;
	__u32 unit = rtp->next, length;

	if (unit + 2 > rtp->end)
		return 1;
	length = ecs_ts_be16(ts, unit);
	if (!length || unit + 2 + length > rtp->end)
		return 1;
	rtp->next = unit + 2 + length;
	if (!rtp->asking)
		rtp_unit(ts, unit, unit + 2);
	else if (rtp_proves(ts, unit + 2, length))
		rtp->proof = 1;
	return 0;
}

/* Return: 1 if the lengths are right to the last byte. */
static __always_inline int rtp_aggregate(struct ecs_ts *ts, __u32 at)
{
	ts->work->rtp.next = at;
	bpf_loop(ECS_RTP_UNITS, rtp_aggregated, ts, 0);
	return ts->work->rtp.next == ts->work->rtp.end;
}

/**
 * ecs_rtp_proves - do these bytes prove that the payload is of this codec?
 *
 * Only a parameter set does that the other codec cannot have, alone or among others whose lengths
 * are right. Nothing but work->rtp is written.
 */
static __noinline int ecs_rtp_proves(struct ecs_ts *ts, __u8 codec)
{
	struct ecs_rtp_packet *rtp = &ts->work->rtp;
	__u32 at = rtp->at;

	if (at >= rtp->end)
		return 0;
	rtp->codec = codec;
	rtp->asking = 1;
	rtp->proof = 0;
	if (codec == ECS_CODEC_H264) {
		if ((ecs_ts_byte(ts, at) & 0x9f) != ECS_H264_STAP_A)
			return rtp_proves(ts, at, rtp->end - at);
		return rtp_aggregate(ts, at + 1) && rtp->proof;
	}
	if (ecs_ts_be16(ts, at) != (ECS_HEVC_AP << 9 | 1))
		return rtp_proves(ts, at, rtp->end - at);
	return rtp_aggregate(ts, at + 2) && rtp->proof;
}

static __always_inline int rtp_look_h264(struct ecs_ts *ts, __u32 at)
{
	__u8 header = ecs_ts_byte(ts, at), type = header & 0x1f, fu = ecs_ts_byte(ts, at + 1);

	if ((header & 0x80) || ts->work->rtp.end <= at)
		return 0;
	if (type == ECS_H264_STAP_A)
		return rtp_aggregate(ts, at + 1);
	if (type == ECS_H264_FU_A && at + 2 < ts->work->rtp.end)
		rtp_h264(ts, at, (header & 0xe0) | (fu & 0x1f), at + 2, fu >> 7);
	else if (type && type <= ECS_H264_LAST_UNIT)
		rtp_h264(ts, at, header, at + 1, 1);
	else
		return 0;
	return 1;
}

static __always_inline int rtp_look_hevc(struct ecs_ts *ts, __u32 at)
{
	__u16 header = ecs_ts_be16(ts, at);
	__u8 type = header >> 9 & 0x3f, fu = ecs_ts_byte(ts, at + 2);

	if ((header & 0x8000) || ts->work->rtp.end < at + 2)
		return 0;
	if (type == ECS_HEVC_AP)
		return rtp_aggregate(ts, at + 2);
	if (type == ECS_HEVC_FU && at + 3 < ts->work->rtp.end)
		rtp_hevc(ts, at, (header & 0x81ff) | (fu & 0x3f) << 9, at + 3, fu >> 7);
	else if (type < ECS_HEVC_AP)
		rtp_hevc(ts, at, header, at + 2, 1);
	else
		return 0;
	return 1;
}

/**
 * ecs_rtp_look - the NAL units of a packet: work->rtp.slice, frame, sets and cut
 *
 * Return: 1; 0 if they cannot be told: other packet types (STAP-B, MTAP, FU-B, PACI), damage.
 */
static __always_inline int ecs_rtp_look(struct ecs_ts *ts, __u8 codec)
{
	struct ecs_rtp_packet *rtp = &ts->work->rtp;

	rtp->codec = codec;
	rtp->asking = 0;
	return codec == ECS_CODEC_H264 ? rtp_look_h264(ts, rtp->at) : rtp_look_hevc(ts, rtp->at);
}

#endif
