/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The part of the map ABI that casts use. Included by abi.h alone, whose rules hold here too.
 */
#ifndef ECSWITCH_ABI_CAST_H
#define ECSWITCH_ABI_CAST_H

#define ECS_STREAMS_MAX 64	/* casts; also the ids of their state, 0 .. this - 1 */
#define ECS_RECEIVERS_MAX 256	/* of one cast; also the numbers of their counters */
#define ECS_CAST_GROUPS_MAX 32	/* distinct policies of one cast */
#define ECS_CAST_STATES_MAX 64	/* of groups: twice as many, so that a change finds free ones */
#define ECS_CAST_VIDEOS 4	/* video PIDs of one stream that are thinned */
#define ECS_CAST_PROGRAMS 4	/* programs of one stream that are followed */
#define ECS_CAST_PIDS 32	/* elementary streams of one program that are known */
#define ECS_CAST_PACKETS_MAX 64 /* TS packets of a datagram that is looked into */
#define ECS_TS_LEN 188
#define ECS_TS_PIDS 8192

/* Of a datagram that is no whole number of TS packets: its bytes, and TS packets of a copy. */
#define ECS_CAST_CUT_BYTES 10240
#define ECS_CAST_CUT_MAX 32

#define ECS_CAST_SECTIONS 8 /* of tables, gathered at once: the PAT, and each program's */
#define ECS_SECTION_MAX 1024
_Static_assert(1 + ECS_CAST_PROGRAMS <= ECS_CAST_SECTIONS, "one for each");

/* ecs_streams: hash. Where a datagram came from and where it goes -> the cast. The source is an
 * ifindex, or a network's id with ECS_STREAM_NETWORK; IPv4 is in the first 4 bytes of dst. */
#define ECS_STREAM_NETWORK 0x80000000u

struct ecs_stream_key {
	__u32 source;
	__be16 port_be;
	__u8 family; /* 4, 6 */
	__u8 pad;
	__u8 dst[16];
};
_Static_assert(sizeof(struct ecs_stream_key) == 24, "map ABI");

#define ECS_STREAM_KEEP (1u << 0) /* the original goes its normal way, too */
#define ECS_STREAM_SRC (1u << 1)  /* only from src */
#define ECS_STREAM_CODEC 4	  /* flags >> this: enum ecs_codec that RTP carries, 0 = find out */

struct ecs_stream {
	__u16 id;
	__u8 bank; /* which half of ecs_cast_plans and ecs_receivers holds: one write changes all */
	__u8 flags; /* ECS_STREAM_* */
	__u8 src[16];
	char name[ECS_NAME_MAX]; /* for the next daemon */
};
_Static_assert(sizeof(struct ecs_stream) == 52, "map ABI");

enum ecs_codec {
	ECS_CODEC_NONE = 0,
	ECS_CODEC_MPEG2,
	ECS_CODEC_H264,
	ECS_CODEC_HEVC,
	ECS_CODEC_TS, /* only as what the user says that RTP carries */
};

/* What the datagrams of a stream are. */
enum ecs_container {
	ECS_CONTAINER_NONE = 0, /* not known yet */
	ECS_CONTAINER_TS,
	ECS_CONTAINER_RTP_TS,
	ECS_CONTAINER_RTP,
};

/* What other frames lose when a frame is missing. */
enum ecs_frame_type {
	ECS_FRAME_KEY = 0, /* nothing before it is needed */
	ECS_FRAME_REF,	   /* others refer to it, or may */
	ECS_FRAME_NONREF,  /* nobody refers to it */
	ECS_FRAME_UNKNOWN, /* its type did not come in its first datagram: always kept */
	ECS_FRAMES,
};

/* What a policy's counters tell apart: frames by their type, and besides video TS packets. */
enum ecs_cast_class {
	ECS_CLASS_AUDIO = ECS_FRAMES,
	ECS_CLASS_OTHER, /* tables, stuffing and whatever else */
	ECS_CLASSES,
};

enum ecs_policy_kind {
	ECS_POLICY_ALL = 0,
	ECS_POLICY_KEY,
	ECS_POLICY_REF,
	ECS_POLICY_DROP, /* percent of the frames of type; "thin" is that of ECS_FRAME_NONREF */
	ECS_POLICY_FPS,	 /* value frames a second */
	ECS_POLICY_GOP,	 /* value frames of each GOP; 0 = half of them */
	ECS_POLICY_RATE, /* value bits a second */
	ECS_POLICY_AUTO, /* of the daemon alone: the data path gets the step that holds */
};

#define ECS_POLICY_NO_AUDIO (1u << 0)
#define ECS_POLICY_NO_NULLS (1u << 1)
#define ECS_POLICY_JOIN_NOW (1u << 2) /* receivers do not wait for a keyframe */

struct ecs_policy {
	__u8 kind; /* enum ecs_policy_kind */
	__u8 type; /* enum ecs_frame_type; ECS_POLICY_DROP */
	__u8 percent;
	__u8 flags; /* ECS_POLICY_* */
	__u32 value;
};
_Static_assert(sizeof(struct ecs_policy) == 8, "map ABI");

/* The receivers of one policy: the payload is made once for them. */
struct ecs_cast_group {
	struct ecs_policy policy;
	__u16 state; /* index in ecs_cast_groups of this cast, its own as long as it lives */
	__u16 first; /* in ecs_receivers of this cast and bank */
	__u16 count;
	__u16 seed; /* 1 + the state of the group that its receivers come from; with plan.seeds */
};
_Static_assert(sizeof(struct ecs_cast_group) == 16, "map ABI");

/* ecs_cast_plans: array, index id * 2 + bank. */
struct ecs_cast_plan {
	__u32 groups;
	__u32 seeds; /* the first datagram copies groups' states, and makes this 0 */
	struct ecs_cast_group group[ECS_CAST_GROUPS_MAX];
};
_Static_assert(sizeof(struct ecs_cast_plan) == 520, "map ABI");

#define ECS_RECEIVER_MAC (1u << 0)
#define ECS_RECEIVER_ADDR (1u << 1) /* of the stream's family */
#define ECS_RECEIVER_PORT (1u << 2)
#define ECS_RECEIVER_REWRITES (ECS_RECEIVER_MAC | ECS_RECEIVER_ADDR | ECS_RECEIVER_PORT)
#define ECS_RECEIVER_HOST (1u << 3)   /* the host's own stack; of an uplink's link: its ingress */
#define ECS_RECEIVER_MEMBER (1u << 4) /* a link: not if it sends the stream itself */

/* ecs_receivers: array, index (id * 2 + bank) * ECS_RECEIVERS_MAX + i. */
struct ecs_receiver {
	__u32 ifindex; /* 0 = empty */
	__u16 number;  /* of its counters, its own as long as it lives */
	__u8 flags;    /* ECS_RECEIVER_* */
	__u8 turn;     /* another one than that of its counters: it begins anew, in another group */
	__be16 port_be;
	__u8 mac[6];
	__u8 addr[16];
};
_Static_assert(sizeof(struct ecs_receiver) == 32, "map ABI");

/* ecs_receiver_counts: array, index id * ECS_RECEIVERS_MAX + number. Frames are counted by group:
 * a receiver's are those of its group less what the group had when it joined. */
struct ecs_receiver_count {
	__u64 packets;
	__u64 bytes;
	__u64 refused;	/* copies that its link did not take */
	__u64 waits_ns; /* when it began to wait for a keyframe */
	__u32 joined;	/* it has got a keyframe, or need not */
	__u32 pad;
	__u64 base_sent[ECS_CLASSES];
	__u64 base_dropped[ECS_CLASSES];
	__u16 rtp_less; /* what its RTP numbers are lower by than its group's */
	__u16 rtp_last; /* the last one that it got */
	__u8 rtp_epoch; /* of the source that they are of, 0 = none */
	__u8 rtp_again; /* the next number follows the last one, whatever the group's is */
	__u8 turn;	/* the receiver's */
	__u8 pad2;
};
_Static_assert(sizeof(struct ecs_receiver_count) == 144, "map ABI");

/* A policy's view of one video. Times are in ticks of 90 kHz, of the stream's own clock. */
struct ecs_cast_lane {
	__u8 drop;    /* the frame that is under way is not sent */
	__u8 broken;  /* a reference was taken out: nothing until the next keyframe */
	__u8 cc;      /* packets with payload taken out, modulo 16 */
	__u8 keyed;   /* a keyframe was seen */
	__u8 leading; /* frames that refer to before this keyframe cannot be shown */
	__u8 starved; /* references of this GOP did not fit into the rate */
	__u8 tight;   /* those of the last one did not */
	__u8 pad;
	__u32 due;	   /* part of a frame, as the policy measures it, that is carried on */
	__u32 began;	   /* time of the last keyframe */
	__u32 lasted;	   /* of the last whole GOP; 0 = not known */
	__u32 frames;	   /* of the GOP under way */
	__u32 refs;	   /* those that others may need, the keyframe among them */
	__u32 last_frames; /* of the last whole GOP; 0 = not known */
	__u32 last_refs;
	__u32 target;	/* frames of this GOP that should go out */
	__u32 carry;	/* of the division that gave it */
	__u32 sent;	/* frames of this GOP that went out */
	__u64 since_ns; /* the last keyframe, or the group's first frame */
};
_Static_assert(sizeof(struct ecs_cast_lane) == 56, "map ABI");

/* The RTP packets that a policy took out. */
struct ecs_cast_group_rtp {
	__u64 gone;  /* which of the last 64; bit 0 is the last one */
	__u16 taken; /* all of them, modulo 65536 */
	__u8 epoch;  /* of the source that this is about */
	__u8 before; /* the frame before the one under way is not sent */
	__u8 early;  /* which of the packets that are held went out when they came */
	__u8 pad[3];
};
_Static_assert(sizeof(struct ecs_cast_group_rtp) == 16, "map ABI");

/* ecs_cast_groups: array, index id * ECS_CAST_STATES_MAX + state. */
struct ecs_cast_group_state {
	struct ecs_cast_lane lane[ECS_CAST_VIDEOS];
	__u64 sent[ECS_CLASSES];
	__u64 dropped[ECS_CLASSES];
	__s64 tokens;	 /* ECS_POLICY_RATE: what may be sent at once, in millionths of a bit */
	__u64 filled_us; /* when the last of them came; 0 = never */
	struct ecs_cast_group_rtp rtp;
};
_Static_assert(sizeof(struct ecs_cast_group_state) == 352, "map ABI");

/* Why a datagram went to every receiver as it was. */
enum ecs_cast_pass {
	ECS_CAST_PASS_SIZE = 0,	 /* too large or too small to be looked into */
	ECS_CAST_PASS_SYNC,	 /* a TS packet that does not begin with 0x47 */
	ECS_CAST_PASS_GSO,	 /* several datagrams in one, not looked into */
	ECS_CAST_PASS_SCRAMBLED, /* TS packets of a video that is scrambled; they alone are meant */
	ECS_CAST_PASS_CODEC,	 /* RTP whose codec is not known yet */
	ECS_CAST_PASS_SOURCE,	 /* RTP of another source than the video */
	ECS_CAST_PASS_RTCP,
	ECS_CAST_PASS_RTP, /* RTP packets of a kind that is not looked into; they alone are meant */
	ECS_CAST_PASS_DAMAGED, /* a wrong checksum, which a datagram cut anew would hide */
	ECS_CAST_PASS_SEVERAL, /* pictures in one PES packet; such packets alone are meant */
	ECS_CAST_PASSES,
};

struct ecs_cast_video {
	__u64 window; /* its last bytes, across TS packets, while a frame's type is looked for */
	__u16 pid;
	__u16 pending; /* 1 + index, in this datagram, of the packet whose frame has no type yet */
	__u8 codec;    /* enum ecs_codec, 0 = unused */
	__u8 program;
	__u8 frame;	/* enum ecs_frame_type of the frame under way */
	__u8 looking;	/* ECS_LOOK_*: its type is not known yet, or others behind it are sought */
	__u8 hint;	/* what was seen of it belongs to keyframes */
	__u8 last_cc;	/* 0x80, 0x40 if a frame began | counter of the last packet with payload */
	__u8 sublayers; /* HEVC: 1 + the highest TemporalId, from the SPS; 0 = not known */
	__u8 leading;	/* of the frame whose type was found: it refers to before its keyframe */
	__u8 anchor;	/* the last frame that others refer to: 1 = a keyframe */
	__u8 begun;	/* frames, from 255 on to 32: which of them are looked through */
	__u8 several;	/* how sure it is, from 8 on quite, that a PES packet is no frame */
	__u8 pad;
};
_Static_assert(sizeof(struct ecs_cast_video) == 24 + 0, "map ABI");

struct ecs_cast_program {
	__u32 crc; /* of its PMT, as received */
	__u16 pmt_pid;
	__u16 number;
	__u16 pids; /* of those below that are used */
	__u16 pid[ECS_CAST_PIDS];
	__u16 pad;
};
_Static_assert(sizeof(struct ecs_cast_program) == 76, "map ABI");

/* A section of a table that is being gathered in ecs_cast_pids. */
struct ecs_cast_section {
	__u16 have; /* bytes */
	__u8 cc;    /* of the last packet */
	__u8 pad;
};
_Static_assert(sizeof(struct ecs_cast_section) == 4, "map ABI");

/* The RTP source that carries the video. */
struct ecs_cast_rtp {
	__u32 ssrc;
	__u32 timestamp; /* of the frame that was decided on last */
	__u32 before;	 /* of the one before it */
	__u16 seq;	 /* the highest number so far */
	__u8 type;	 /* payload type of the video */
	__u8 epoch; /* counts sources, 0 = none yet: policies and receivers start over with each */
	__u8 decided;	/* how many of the two timestamps hold */
	__u8 strangers; /* packets of others in a row */
	__u8 held;	/* packets in ecs_cast_held */
	__u8 pad;
};
_Static_assert(sizeof(struct ecs_cast_rtp) == 20, "map ABI");

/* ecs_cast_held: array, by id * ECS_CAST_HELD + number: RTP packets that came before the first
 * slice of their frame, which decides about them, too. */
#define ECS_CAST_HELD 8
#define ECS_CAST_HELD_LEN 2048

struct ecs_cast_held {
	__u16 length;
	__u16 seq;
	__u8 sets; /* it holds parameter sets */
	__u8 pad[3];
	__u8 data[ECS_CAST_HELD_LEN] __attribute__((aligned(8))); /* zeroes behind the end */
};
_Static_assert(sizeof(struct ecs_cast_held) == 2056, "map ABI");

/* ecs_cast_states: array, by id: what the stream itself has told. */
struct ecs_cast_state {
	struct ecs_cast_video video[ECS_CAST_VIDEOS];
	struct ecs_cast_program program[ECS_CAST_PROGRAMS];
	struct ecs_cast_rtp rtp;
	__u32 pat_crc;
	__u8 container; /* enum ecs_container */
	__u8 pad[7];
	__u64 packets; /* datagrams */
	__u64 bytes;
	__u64 frames[ECS_FRAMES];
	__u64 passed[ECS_CAST_PASSES];
	__u64 torn;    /* TS packets of which one end did not come */
	__u16 carried; /* bytes in ecs_cast_carries, the last datagram's end */
	__u16 largest; /* payload of a datagram */
	__u8 synced;   /* where TS packets begin is known from the last datagram */
	__u8 pad2[3];
	struct ecs_cast_section section[ECS_CAST_SECTIONS];
};
_Static_assert(sizeof(struct ecs_cast_state) == 608, "map ABI");

/* ecs_cast_carries: array, by id. Datagrams that are no whole number of TS packets are one stream
 * of bytes: whole packets that did not fit into the last copy, and at most one that is not whole.
 */
struct ecs_cast_carry {
	__u32 data[ECS_CAST_CUT_MAX * ECS_TS_LEN / 4];
};
_Static_assert(sizeof(struct ecs_cast_carry) == 6016, "map ABI");

#define ECS_PID_OTHER 0
#define ECS_PID_VIDEO 0x10 /* | index in ecs_cast_state.video */
#define ECS_PID_AUDIO 0x20
#define ECS_PID_PMT 0x40      /* | index in ecs_cast_state.program */
#define ECS_PID_STUFFING 0x80 /* null packets; in struct ecs_ts_packet alone */

/* ecs_cast_pids: array, by id: what each PID carries, ECS_PID_*, and the tables that tell it. */
struct ecs_cast_pids {
	__u8 kind[ECS_TS_PIDS];
	__u8 section[ECS_CAST_SECTIONS][ECS_SECTION_MAX];
};
_Static_assert(sizeof(struct ecs_cast_pids) == 16384, "map ABI");

#endif
