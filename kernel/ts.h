/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * MPEG transport streams (ISO/IEC 13818-1): one datagram's packets, their PIDs and the frames
 * that begin in them. Pure: compiled for BPF, for the unit tests and for the fuzzer; it reads a
 * copy of the datagram and writes what it finds to struct ecs_ts_packet and the stream's state.
 */
#ifndef ECS_KERNEL_TS_H
#define ECS_KERNEL_TS_H

#include "nal.h"

#ifdef __bpf__
#include <bpf/bpf_helpers.h>
#else
static inline long bpf_loop(__u32 n, long (*fn)(__u32 i, void *ctx), void *ctx, __u64 flags)
{
	__u32 i = 0;

	(void)flags;
	while (i < n && !fn(i, ctx))
		i++;
	return i;
}
#endif

#define ECS_TS_SYNC 0x47
#define ECS_TS_BYTES (ECS_CAST_PACKETS_MAX * ECS_TS_LEN)
#define ECS_TS_ROOM 16384 /* a power of two, so that a mask bounds an offset */
#define ECS_TS_SLACK 4096 /* behind any such offset */
_Static_assert(ECS_TS_BYTES <= ECS_TS_ROOM, "a datagram fits");
_Static_assert(ECS_CAST_CUT_MAX *ECS_TS_LEN + ECS_CAST_CUT_BYTES <= ECS_TS_ROOM,
	       "so does one behind what the last one left");
#define ECS_PID_PAT 0
#define ECS_PID_NULL 0x1fff

/* Bits of an adaptation field's first byte (2.4.3.4). */
#define ECS_TS_BREAK 0x80
#define ECS_TS_RANDOM 0x40
#define ECS_TS_CLOCKED 0x10

/* What is looked for in a video. */
#define ECS_LOOK_TYPE 1
#define ECS_LOOK_MORE 2
#define ECS_LOOK_ALL 32	   /* of the first frames, and then of every such one */
#define ECS_SEVERAL_SURE 8 /* of ecs_cast_video.several: a PES packet is no frame here */

/* Flags of struct ecs_ts_packet. */
#define ECS_TS_START (1u << 0)	 /* a frame begins */
#define ECS_TS_PAYLOAD (1u << 1) /* its counter counts */
#define ECS_TS_PCR (1u << 2)	 /* a clock, or a break in clock or counter, which stays */
#define ECS_TS_REPEAT (1u << 3)	 /* sent twice in a row, with one counter (2.4.3.3) */
#define ECS_TS_LEADING (1u << 4) /* the frame refers to before the last keyframe */

/* One TS packet of a datagram. */
struct ecs_ts_packet {
	__u8 flags;
	__u8 byte3; /* scrambling, adaptation field, counter, as they came */
	__u8 video; /* 1 + index of its video, 0 = anything else: always kept */
	__u8 frame; /* enum ecs_frame_type of the frame that begins */
	__u8 kind;  /* ECS_PID_* */
	__u8 pad[3];
	__u32 time; /* of the frame that begins, in 90 kHz: the stream's own, else its arrival's */
};

/* Where the walk is. Whatever changes from one packet to the next stands in map memory and not on
 * the stack: the verifier would follow each of its values. */
struct ecs_ts_cursor {
	__u32 at;    /* offset of the packet under work */
	__u32 index; /* of it */
	__u32 from;  /* first byte of a search */
	__u32 video; /* index of the video under search */
	/* Of tables, see psi.h. */
	__u32 slot;    /* of the section under work */
	__u32 next;    /* byte of the packet */
	__u32 end;     /* of what is to be gathered */
	__u32 stop;    /* of a section's entries */
	__u32 program; /* whose table it is */
	__u32 same;    /* what the table knew already, by bits of indices */
	__u32 crc;
};

/* What a policy makes of the datagram. */
struct ecs_ts_made {
	__u32 kept;    /* packets that go out */
	__u32 changed; /* something is not as it came */
	__u32 joins;   /* 1 + index of the first packet of a keyframe that goes out */
	__u32 written; /* packets that are in the frame already */
	__u32 sum;     /* what that changed, as a one's complement sum */
};

/* The frame that carries it, as it came and as it is now. */
struct ecs_ts_frame {
	__u32 l4;      /* offset of the UDP header */
	__u32 length;  /* bytes of payload, as it came */
	__u32 current; /* the same, now */
	__u32 packets; /* TS packets that were looked into, 0 = goes as it is */
	__u32 base;    /* of the first of them, in work->data */
	__u32 origin;  /* of the payload as it came, in work->data */
	__u32 lead;    /* bytes of payload before them, */
	__u32 tail;    /* and behind them, which always go along */
	__u32 first;   /* of the group, in ecs_receivers */
	__u32 state;   /* of the group, in ecs_cast_groups */
	__u16 ip_sum;  /* the header's fields as they came */
	__u16 udp_sum;
	__u8 v6;
	__u8 probed; /* partial is known */
	__u8 partial;
	__u8 dirty;		  /* the payload is not what came */
	__u8 own;		  /* the headers are those of one receiver */
	__u8 waiting;		  /* somebody in the group waits for a keyframe */
	__u8 variant;		  /* 1: for those that wait */
	__u8 keep;		  /* the original goes its normal way, too */
	__u8 cut;		  /* the TS packets are not those of this datagram: realign.h */
	__u8 rtp;		  /* enum ecs_container, if work->rtp tells of it */
	__u8 told;		  /* enum ecs_codec that RTP carries, by the user's word */
	__u16 id;		  /* of the cast */
	__u16 plan;		  /* index in ecs_cast_plans */
	__u32 held;		  /* ifindex of who the frame is for as it is now; 0 = nobody */
	__u32 held_count;	  /* its index in ecs_receiver_counts */
	__u8 held_host;		  /* it is the host */
	struct ecs_policy policy; /* of the group */
	__u64 now_ns;		  /* when it came; as bpf_ktime_get_coarse_ns() tells */
};

/* How a stream of bytes is cut: see realign.h. */
struct ecs_ts_cut {
	__u32 total; /* bytes in work->data */
	__u32 from;  /* the first that was not given out */
	__u32 end;   /* of what can be given out without a break */
	__u32 then;  /* where it goes on behind that; 0 = nowhere else */
	__u32 per;   /* TS packets that fit into one copy */
	__u32 at;    /* of a search for sync bytes */
	__u8 miss;   /* the search met something else */
	__u8 flush;  /* all whole packets go out */
	__u8 given;  /* some went */
	__u8 lost;   /* no TS packets were found: the datagram goes as it is */
};

/* What an RTP packet is to its frame. */
enum ecs_rtp_part {
	ECS_RTP_OTHER = 0, /* no part of the video, but numbered with it */
	ECS_RTP_FRAME,
	ECS_RTP_HOLD, /* it comes before its frame's first slice, and waits for that */
};

/* The RTP packet that the datagram is; rtp.h. */
struct ecs_rtp_packet {
	__u32 ssrc;
	__u32 timestamp;
	__u32 at;   /* of the payload */
	__u32 end;  /* of it; padding follows */
	__u32 cut;  /* where its first slice begins, if parameter sets come before that */
	__u32 next; /* of a search */
	__u16 seq;
	__u16 advance; /* numbers beyond the highest before it; 0 = it is late, or came twice */
	__u16 late;    /* numbers that it is behind the highest */
	__u16 out;     /* its number as the group at work sends it */
	__u16 sent;    /* the one that is in the frame now */
	__u16 less;    /* what the receiver at work wants it to be lower by */
	__u8 type;
	__u8 part;  /* enum ecs_rtp_part */
	__u8 frame; /* enum ecs_frame_type, if it holds a slice */
	__u8 slice;
	__u8 sets;     /* parameter sets are in it, before any slice */
	__u8 decided;  /* its timestamp has a decision, */
	__u8 previous; /* which is that about the frame before the one under way */
	__u8 begins;   /* its frame is decided on now */
	__u8 hold;     /* number in ecs_cast_held */
	__u8 recall;   /* packets held that go before it */
	__u8 recalled; /* it is one of those */
	__u8 fresh;    /* no policy has seen it yet */
	__u8 codec;    /* of the search */
	__u8 asking;   /* for proof of the codec, */
	__u8 proof;    /* which was found */
	__u8 epoch;    /* of the source */
};

/* A datagram under work, and what one policy makes of it. One a CPU. */
struct ecs_ts_work {
	__u8 data[ECS_TS_ROOM + ECS_TS_SLACK];
	struct ecs_ts_packet packet[ECS_CAST_PACKETS_MAX];
	struct ecs_ts_cursor cursor;
	struct ecs_ts_made made;
	struct ecs_ts_frame frame;
	struct ecs_ts_cut cut;
	struct ecs_rtp_packet rtp, rtp_came;
	struct ecs_ts_frame frame_came; /* while a held packet is in the frame */
	struct ecs_cast_held scratch;
	__u8 keep[ECS_CAST_PACKETS_MAX];  /* enum ecs_ts_keep, by the group at work */
	__u8 byte3[ECS_CAST_PACKETS_MAX]; /* the same, with the group's counter */
	__u8 clock[ECS_TS_LEN];		  /* a packet that carries a PCR and nothing else */
	__u8 head[132];			  /* headers before the payload, as the group sends them */
	__u8 own[132];			  /* the same, as one receiver wants them */
};

struct ecs_ts {
	struct ecs_ts_work *work;
	struct ecs_cast_state *state;
	struct ecs_cast_pids *pids;
};

/* Byte @i of the datagram; what is out of bounds reads as anything. */
static __always_inline __u8 ecs_ts_byte(const struct ecs_ts *ts, __u32 i)
{
	return ts->work->data[ecs_bound(i, ECS_TS_ROOM)];
}

static __always_inline __u32 ecs_ts_be16(const struct ecs_ts *ts, __u32 i)
{
	return ecs_ts_byte(ts, i) << 8 | ecs_ts_byte(ts, i + 1);
}

static __always_inline __u32 ecs_ts_be32(const struct ecs_ts *ts, __u32 i)
{
	return ecs_ts_be16(ts, i) << 16 | ecs_ts_be16(ts, i + 2);
}

#include "psi.h"

/* Bytes @i to @i + 7 of the datagram, the first one highest. */
static __always_inline __u64 ecs_ts_be64(const struct ecs_ts *ts, __u32 i)
{
	__u64 word;

	i = ecs_bound(i, ECS_TS_ROOM);
	if (i > ECS_TS_ROOM - sizeof(word))
		return 0;
#ifdef __bpf__
	word = *(const __u64 *)&ts->work->data[i]; /* clang takes a copy apart into bytes */
#else
	__builtin_memcpy(&word, &ts->work->data[i], sizeof(word));
#endif
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

/* One more byte. Most PES packets hold one picture, or the two fields of one. If another one
 * behind it is needed by more than the first, the first cannot decide about both. Return: 1 if no
 * more is looked for. */
static __always_inline int ts_look(struct ecs_cast_video *video, __u8 byte)
{
	__u8 frame = video->frame, leading = video->leading, anchor = video->anchor;

	if (!ecs_nal_byte(video, byte))
		return 0;
	if (video->looking == ECS_LOOK_TYPE) {
		video->looking = video->begun > ECS_LOOK_ALL && video->begun % ECS_LOOK_ALL
					 ? 0
					 : ECS_LOOK_MORE;
	} else {
		if (video->frame < frame)
			video->several = ECS_SEVERAL_SURE;
		video->frame = frame;
		video->leading = leading;
		video->anchor = anchor;
	}
	return !video->looking;
}

/* Eight bytes of a packet, or what is left of it. Almost all of them hold no zero. */
static long ts_search(__u32 i, void *ctx)
{
	struct ecs_ts *ts = ctx;
	struct ecs_ts_cursor *cursor = &ts->work->cursor;
	struct ecs_cast_video *video = &ts->state->video[ecs_bound(cursor->video, ECS_CAST_VIDEOS)];
	__u32 from = cursor->from + 8 * i, left = cursor->at + ECS_TS_LEN - from;
	__u64 next = ecs_ts_be64(ts, from);

	if (left >= 8 && ecs_nal_quiet(video->window, next)) {
		video->window = next;
		return 0;
	}
	for (__u32 k = 0; k < 8; k++) {
		if (k >= left)
			return 1;
		if (ts_look(video, next >> (56 - 8 * k)))
			return 1;
	}
	return 0;
}

/* What began without a type in an earlier datagram was decided on then. */
static __always_inline void ts_found(struct ecs_ts *ts, struct ecs_cast_video *video)
{
	__u32 pending = video->pending;

	ts->state->frames[ecs_bound(video->frame, 4)]++;
	video->pending = 0;
	if (!pending || pending > ECS_CAST_PACKETS_MAX)
		return;
	pending = ecs_bound(pending - 1, ECS_CAST_PACKETS_MAX);
	ts->work->packet[pending].frame = video->frame;
	if (video->leading)
		ts->work->packet[pending].flags |= ECS_TS_LEADING;
}

/* When the frame of a PES packet is to be shown (2.4.3.7), or else when it came. */
static __always_inline __u32 ts_time(const struct ecs_ts *ts, __u32 start)
{
	__u32 from = ts->work->cursor.at + start;

	if (start + 14 > ECS_TS_LEN || ecs_ts_be32(ts, from) >> 8 != 1 ||
	    !(ecs_ts_byte(ts, from + 7) & 0x80))
		return ts->work->frame.now_ns * 9 / 100000;
	return (__u32)(ecs_ts_byte(ts, from + 9) >> 1 & 7) << 30 |
	       ecs_ts_be16(ts, from + 10) >> 1 << 15 | ecs_ts_be16(ts, from + 12) >> 1;
}

/* Whether a PES packet begins in the middle of a frame, which 2.4.3.7 allows, or is scrambled
 * itself: its payload begins with no start code, or with one of a slice that is not the first. */
static __always_inline int ts_is_part(const struct ecs_ts *ts, __u32 start, __u8 codec)
{
	__u32 from = ts->work->cursor.at + start, at = start + 9 + ecs_ts_byte(ts, from + 8);
	__u8 unit, type;

	if (at + 7 > ECS_TS_LEN || ecs_ts_be32(ts, from) >> 8 != 1)
		return 0;
	from = ts->work->cursor.at + at;
	if (!(ecs_ts_be32(ts, from) >> 8))
		from++;
	if (ecs_ts_be32(ts, from) >> 8 != 1) /* leading zeros, or none of ours */
		return ecs_ts_be32(ts, from) >> 8 > 1;
	unit = ecs_ts_byte(ts, from + 3);
	if (codec == ECS_CODEC_MPEG2)
		return unit >= ECS_MPEG2_SLICE && unit <= ECS_MPEG2_LAST_SLICE;
	if (codec == ECS_CODEC_HEVC) /* of the base layer */
		return unit >> 1 < ECS_HEVC_VCL && !(ecs_ts_byte(ts, from + 4) & 0xf8) &&
		       !(ecs_ts_byte(ts, from + 5) & 0x80);
	type = unit & 0x1f;
	return (type == ECS_H264_SLICE || type == ECS_H264_IDR) &&
	       !(ecs_ts_byte(ts, from + 4) & 0x80);
}

/* One such packet may be a damaged one; of two slices a frame every other one is. */
static __always_inline void ts_suspect(struct ecs_cast_video *video, int part)
{
	if (video->several >= ECS_SEVERAL_SURE)
		return;
	if (part)
		video->several += 2;
	else if (video->several)
		video->several--;
}

static __always_inline void ts_begin(struct ecs_ts *ts, struct ecs_cast_video *video, int random)
{
	if (video->looking == ECS_LOOK_TYPE)
		ts->state->frames[ECS_FRAME_UNKNOWN]++;
	video->looking = ECS_LOOK_TYPE;
	video->hint = random;
	video->leading = 0;
	video->window = ~0ull;
	video->frame = ECS_FRAME_UNKNOWN;
	video->pending = ts->work->cursor.index + 1;
	video->begun = video->begun < 255 ? video->begun + 1 : ECS_LOOK_ALL;
	if (video->several < ECS_SEVERAL_SURE)
		return;
	ts->state->passed[ECS_CAST_PASS_SEVERAL]++;
	ts->state->frames[ECS_FRAME_UNKNOWN]++;
	video->looking = 0;
	video->pending = 0;
}

/* A packet with payload may be a copy of the last one (2.4.3.3). Behind one that is missing,
 * another frame may be under way, which tells nothing of the one that began. */
static __always_inline void ts_count(struct ecs_ts *ts, struct ecs_ts_packet *packet,
				     struct ecs_cast_video *video, __u32 adaptation)
{
	__u8 seen = 0x80 | (packet->flags & ECS_TS_START ? 0x40 : 0) | (packet->byte3 & 15);

	if (video->last_cc == seen && !(adaptation & ECS_TS_BREAK)) {
		packet->flags |= ECS_TS_REPEAT;
		packet->flags &= ~ECS_TS_START;
	} else if (video->looking && ((seen - video->last_cc) & 15) != 1) {
		if (video->looking == ECS_LOOK_TYPE)
			ts->state->frames[ECS_FRAME_UNKNOWN]++;
		video->looking = 0;
	}
	video->last_cc = seen;
}

static __noinline void ts_video(struct ecs_ts *ts, struct ecs_ts_packet *packet, __u32 start,
				__u32 adaptation)
{
	struct ecs_cast_video *video;
	__u8 looked;

	video = &ts->state->video[ecs_bound(ts->work->cursor.video, ECS_CAST_VIDEOS)];
	packet->video = ts->work->cursor.video + 1;
	if (packet->flags & ECS_TS_PAYLOAD)
		ts_count(ts, packet, video, adaptation);
	if (packet->byte3 & 0xc0) { /* scrambled: nothing to see, nothing to thin */
		ts->state->passed[ECS_CAST_PASS_SCRAMBLED]++;
		packet->flags &= ~ECS_TS_START;
		video->looking = 0;
		return;
	}
	if (packet->flags & ECS_TS_START) {
		packet->frame = ECS_FRAME_UNKNOWN;
		packet->time = ts_time(ts, start);
		ts_suspect(video, ts_is_part(ts, start, video->codec));
		ts_begin(ts, video, adaptation & ECS_TS_RANDOM);
	}
	looked = video->looking;
	if (!looked || !(packet->flags & ECS_TS_PAYLOAD) || (packet->flags & ECS_TS_REPEAT))
		return;
	ts->work->cursor.from = ts->work->cursor.at + start;
	bpf_loop((ECS_TS_LEN - start + 7) / 8, ts_search, ts, 0);
	if (looked == ECS_LOOK_TYPE && video->looking != ECS_LOOK_TYPE)
		ts_found(ts, video);
}

/* One packet of the datagram. Return: 1 ends the walk: it is no TS packet. */
static long ts_packet(__u32 i, void *ctx)
{
	struct ecs_ts *ts = ctx;
	struct ecs_ts_packet *packet;
	__u32 start = 4, length, pid, adaptation = 0;

	if (i >= ECS_CAST_PACKETS_MAX)
		return 1;
	packet = &ts->work->packet[i];
	ts->work->cursor.index = i;
	ts->work->cursor.at = ts->work->frame.base + i * ECS_TS_LEN;
	if (ecs_ts_byte(ts, ts->work->cursor.at) != ECS_TS_SYNC)
		return 1;
	pid = ecs_ts_be16(ts, ts->work->cursor.at + 1) & 0x1fff;
	*packet = (struct ecs_ts_packet){.byte3 = ecs_ts_byte(ts, ts->work->cursor.at + 3)};
	packet->kind = pid == ECS_PID_NULL ? ECS_PID_STUFFING
					   : ts->pids->kind[ecs_bound(pid, ECS_TS_PIDS)];
	if (packet->byte3 & 0x10)
		packet->flags |= ECS_TS_PAYLOAD;
	if (packet->byte3 & 0x20) {
		length = ecs_ts_byte(ts, ts->work->cursor.at + 4);
		if (length)
			adaptation = ecs_ts_byte(ts, ts->work->cursor.at + 5);
		start += 1 + length;
	}
	if (start > ECS_TS_LEN)
		start = ECS_TS_LEN;
	if (((adaptation & ECS_TS_CLOCKED) && start >= 12) || (adaptation & ECS_TS_BREAK))
		packet->flags |= ECS_TS_PCR;
	if ((ecs_ts_byte(ts, ts->work->cursor.at + 1) & 0x40) && (packet->flags & ECS_TS_PAYLOAD))
		packet->flags |= ECS_TS_START;
	if (packet->kind & ECS_PID_VIDEO) {
		ts->work->cursor.video = packet->kind & (ECS_CAST_VIDEOS - 1);
		ts_video(ts, packet, start, adaptation);
	} else if ((packet->flags & ECS_TS_PAYLOAD) && !(packet->byte3 & 0xc0) &&
		   (pid == ECS_PID_PAT || (packet->kind & ECS_PID_PMT))) {
		ecs_psi(ts, start,
			pid == ECS_PID_PAT ? 0 : 1 + (packet->kind & (ECS_CAST_PROGRAMS - 1)));
	}
	return 0;
}

/* A frame whose type did not come in this datagram: the random access indicator and parameter
 * sets say that it is a keyframe, which only ever keeps it. */
static __always_inline void ts_settle(struct ecs_ts *ts)
{
	for (int i = 0; i < ECS_CAST_VIDEOS; i++) {
		struct ecs_cast_video *video = &ts->state->video[i];
		__u32 pending = video->pending;

		if (!pending)
			continue;
		video->pending = 0;
		if (pending <= ECS_CAST_PACKETS_MAX && video->hint)
			ts->work->packet[ecs_bound(pending - 1, ECS_CAST_PACKETS_MAX)].frame =
				ECS_FRAME_KEY;
	}
}

/**
 * ecs_ts_datagram - look into a datagram that is in ts->work->data, at frame.base
 * @packets: TS packets in it, at most ECS_CAST_PACKETS_MAX
 *
 * Return: 0; 1 if it holds something else than TS packets.
 */
static __always_inline int ecs_ts_datagram(struct ecs_ts *ts, __u32 packets)
{
	__u32 i = 0;

	if (packets > ECS_CAST_PACKETS_MAX)
		return 1;
	bpf_loop(packets, ts_packet, ts, 0);
	ts_settle(ts);
	i = ts->work->cursor.index;
	return i + 1 != packets || ecs_ts_byte(ts, ts->work->cursor.at) != ECS_TS_SYNC;
}

#endif
