/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a coded picture is to the others, from the first bytes of its first slice. Pure: compiled
 * for BPF, for the unit tests and for the fuzzer. One byte at a time and with no look ahead, so
 * that a search goes on where the last TS packet or datagram ended it.
 */
#ifndef ECS_KERNEL_NAL_H
#define ECS_KERNEL_NAL_H

#include <linux/types.h>
#include <ecswitch/abi.h>

#ifndef __noinline
#define __noinline __attribute__((noinline))
#endif
#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/* Linux 6.1 takes no loop whose end falls through to its beginning, as clang likes to arrange it.
 */
#ifdef __bpf__
#define ECS_UNROLL _Pragma("unroll")
#else
#define ECS_UNROLL
#endif

/* An index below a power of two. The compiler may neither forget a bound that the verifier must
 * see, nor leave the mask out because it knows better: Linux 6.1 knows nothing behind a |. */
static __always_inline __u32 ecs_bound(__u32 i, __u32 end)
{
	asm volatile("" : "+r"(i));
	i &= end - 1;
	asm volatile("" : "+r"(i));
	return i;
}

/* Rec. ITU-T H.264 table 7-1; H.265 table 7-1; H.262 table 6-1. */
#define ECS_H264_SLICE 1
#define ECS_H264_PARTITION_A 2
#define ECS_H264_IDR 5
#define ECS_H264_SPS 7
#define ECS_HEVC_RASL_N 8
#define ECS_HEVC_RASL_R 9
#define ECS_HEVC_RSV_VCL_N14 14 /* up to here even types are sub-layer non-reference */
#define ECS_HEVC_BLA_W_LP 16	/* first of the IRAP types */
#define ECS_HEVC_RSV_IRAP_VCL23 23
#define ECS_HEVC_VCL 32 /* types below are slices */
#define ECS_HEVC_SPS 33
#define ECS_MPEG2_PICTURE 0x00
#define ECS_MPEG2_SLICE 0x01
#define ECS_MPEG2_LAST_SLICE 0xaf
#define ECS_MPEG2_SEQUENCE 0xb3
#define ECS_MPEG2_I 1
#define ECS_MPEG2_B 3

/* The byte @back bytes ago, and whether a start code ended right before it. */
static inline __u8 ecs_nal_at(__u64 window, int back)
{
	return window >> (8 * back);
}

static inline int ecs_nal_begins(__u64 window, int back)
{
	return (window >> (8 * (back + 1)) & 0xffffff) == 1;
}

/* nal_ref_idc tells of slices alone: that of parameter sets, SEI and delimiters says nothing. */
static inline int ecs_nal_h264(struct ecs_cast_video *video)
{
	__u8 header = ecs_nal_at(video->window, 0), type = header & 0x1f;

	if (!ecs_nal_begins(video->window, 0) || (header & 0x80))
		return 0;
	if (type == ECS_H264_SPS)
		video->hint = 1;
	if (type == ECS_H264_IDR)
		video->frame = ECS_FRAME_KEY;
	else if (type == ECS_H264_SLICE || type == ECS_H264_PARTITION_A)
		video->frame = header & 0x60 ? ECS_FRAME_REF : ECS_FRAME_NONREF;
	else
		return 0;
	return 1;
}

/* A sub-layer non-reference picture may still serve those of higher sub-layers (H.265 3.149). */
static inline int ecs_nal_hevc(struct ecs_cast_video *video)
{
	__u64 window = video->window;
	__u8 type = ecs_nal_at(window, 1) >> 1 & 0x3f;

	if (ecs_nal_begins(window, 2) && (ecs_nal_at(window, 2) & 0xfe) == ECS_HEVC_SPS << 1) {
		video->sublayers = 1 + (ecs_nal_at(window, 0) >> 1 & 7);
		video->hint = 1;
		return 0;
	}
	/* Only the base layer tells: the first 6 of the header's bits behind the type are 0. */
	if (!ecs_nal_begins(window, 1) || (ecs_nal_at(window, 1) & 0x81) || type >= ECS_HEVC_VCL ||
	    (ecs_nal_at(window, 0) & 0xf8))
		return 0;
	video->leading = type == ECS_HEVC_RASL_N || type == ECS_HEVC_RASL_R;
	if (type >= ECS_HEVC_BLA_W_LP && type <= ECS_HEVC_RSV_IRAP_VCL23)
		video->frame = ECS_FRAME_KEY;
	else if (type <= ECS_HEVC_RSV_VCL_N14 && !(type & 1) && video->sublayers &&
		 (ecs_nal_at(window, 0) & 7) == video->sublayers)
		video->frame = ECS_FRAME_NONREF;
	else
		video->frame = ECS_FRAME_REF;
	return 1;
}

static inline int ecs_nal_mpeg2(struct ecs_cast_video *video)
{
	__u64 window = video->window;
	__u8 type = ecs_nal_at(window, 0) >> 3 & 7; /* after 10 bits of temporal_reference */

	if (ecs_nal_begins(window, 0) && ecs_nal_at(window, 0) == ECS_MPEG2_SEQUENCE)
		video->hint = 1;
	if (!ecs_nal_begins(window, 2) || ecs_nal_at(window, 2) != ECS_MPEG2_PICTURE)
		return 0;
	video->frame = type == ECS_MPEG2_I   ? ECS_FRAME_KEY
		       : type == ECS_MPEG2_B ? ECS_FRAME_NONREF
					     : ECS_FRAME_REF;
	/* B-pictures right behind an I-picture are shown before it (open GOP, 6.1.1.6). */
	video->leading = video->frame == ECS_FRAME_NONREF && video->anchor;
	if (video->frame != ECS_FRAME_NONREF)
		video->anchor = video->frame == ECS_FRAME_KEY;
	return 1;
}

/**
 * ecs_nal_byte - one more byte of a picture whose type is looked for
 *
 * The PES header needs no parsing: its start code names no slice of any of the codecs.
 * Return: 1 when the type is known, in video->frame; 0 to go on.
 */
static inline int ecs_nal_byte(struct ecs_cast_video *video, __u8 byte)
{
	video->window = video->window << 8 | byte;
	switch (video->codec) {
	case ECS_CODEC_H264:
		return ecs_nal_h264(video);
	case ECS_CODEC_HEVC:
		return ecs_nal_hevc(video);
	case ECS_CODEC_MPEG2:
		return ecs_nal_mpeg2(video);
	default:
		return 0;
	}
}

/* Whether one of the bytes is 0: only then is some byte's high bit borrowed from. */
static inline int ecs_nal_zero(__u64 bytes)
{
	return !!((bytes - 0x0101010101010101ull) & ~bytes & 0x8080808080808080ull);
}

/**
 * ecs_nal_quiet - whether no start code, and nothing that stands right behind one, is in 8 bytes
 * @window: the bytes before
 * @next:   the 8 bytes, the first one highest
 *
 * A start code has zeros, and what is looked at ends at most 5 bytes behind the first of them.
 */
static inline int ecs_nal_quiet(__u64 window, __u64 next)
{
	return !ecs_nal_zero(next) && !ecs_nal_zero(window | 0xffffff0000000000ull);
}

#endif
