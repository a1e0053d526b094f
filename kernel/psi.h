/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Program tables (ISO/IEC 13818-1 2.4.4): which PIDs carry which codec. Sections are gathered
 * byte by byte, across packets and datagrams, one at a time for the PAT and for each PMT's PID. A
 * table counts if its checksum is right, and is parsed again only if that differs from the last
 * one's; what is in both stays as it is. Included by ts.h alone.
 */
#ifndef ECS_KERNEL_PSI_H
#define ECS_KERNEL_PSI_H

#define ECS_PSI_PAT 0x00
#define ECS_PSI_PMT 0x02
#define ECS_PSI_STUFFING 0xff /* where a table id would be */
#define ECS_PSI_PRIVATE 0x06
#define ECS_PSI_HEADER 8
#define ECS_PSI_SHORTEST 16 /* one program, or a PMT without streams */

/* Byte @i of the section under work; what is out of bounds reads as anything. */
static __always_inline __u8 psi_byte(const struct ecs_ts *ts, __u32 i)
{
	__u32 slot = ecs_bound(ts->work->cursor.slot, ECS_CAST_SECTIONS);

	return ts->pids->section[slot][ecs_bound(i, ECS_SECTION_MAX)];
}

static __always_inline __u32 psi_be16(const struct ecs_ts *ts, __u32 i)
{
	return psi_byte(ts, i) << 8 | psi_byte(ts, i + 1);
}

static __always_inline __u32 psi_be32(const struct ecs_ts *ts, __u32 i)
{
	return psi_be16(ts, i) << 16 | psi_be16(ts, i + 2);
}

static __always_inline __u32 psi_length(const struct ecs_ts *ts)
{
	return 3 + (psi_be16(ts, 1) & 0xfff);
}

static __always_inline struct ecs_cast_section *psi_section(const struct ecs_ts *ts)
{
	return &ts->state->section[ecs_bound(ts->work->cursor.slot, ECS_CAST_SECTIONS)];
}

static long psi_crc_byte(__u32 i, void *ctx)
{
	struct ecs_ts *ts = ctx;
	__u32 crc = ts->work->cursor.crc ^ (__u32)psi_byte(ts, i) << 24;

	for (int bit = 0; bit < 8; bit++) {
		__u32 top = crc >> 31;

		asm volatile("" : "+r"(top)); /* or clang makes of it what 6.18 verifies two ways */
		crc = crc << 1 ^ (-top & 0x04c11db7u);
	}
	ts->work->cursor.crc = crc;
	return 0;
}

static __always_inline void psi_set_kind(struct ecs_ts *ts, __u32 pid, __u8 kind)
{
	ts->pids->kind[ecs_bound(pid, ECS_TS_PIDS)] = kind;
}

static __always_inline struct ecs_cast_program *psi_program(const struct ecs_ts *ts)
{
	return &ts->state->program[ecs_bound(ts->work->cursor.program, ECS_CAST_PROGRAMS)];
}

static long psi_forget_pid(__u32 i, void *ctx)
{
	struct ecs_ts *ts = ctx;

	psi_set_kind(ts, psi_program(ts)->pid[ecs_bound(i, ECS_CAST_PIDS)], ECS_PID_OTHER);
	return 0;
}

/* The streams of cursor.program, but the videos whose bits are set in cursor.same, are forgotten.
 */
static __noinline void psi_forget(struct ecs_ts *ts)
{
	__u32 index = ecs_bound(ts->work->cursor.program, ECS_CAST_PROGRAMS);
	struct ecs_cast_program *program = psi_program(ts);

	bpf_loop(program->pids, psi_forget_pid, ts, 0);
	program->pids = 0;
	ECS_UNROLL
	for (__u32 i = 0; i < ECS_CAST_VIDEOS; i++)
		if (ts->state->video[i].program == index && !(ts->work->cursor.same >> i & 1))
			ts->state->video[i].codec = ECS_CODEC_NONE;
}

/* What others list, too, and this one had is free now: their tables are to be read once more. */
static __always_inline void psi_reread(struct ecs_ts *ts, __u32 but)
{
	ECS_UNROLL
	for (__u32 i = 0; i < ECS_CAST_PROGRAMS; i++)
		if (i != but)
			ts->state->program[i].crc = 0;
}

/* Entry @i of the PAT. Return: whether it is one of a program; then @pid and @number are its. */
static __always_inline int psi_pat_entry(struct ecs_ts *ts, __u32 i, __u32 *pid, __u32 *number)
{
	__u32 at = ECS_PSI_HEADER + 4 * i;

	*number = psi_be16(ts, at);
	*pid = psi_be16(ts, at + 2) & 0x1fff;
	return *number && *pid; /* 0 is the network's own table */
}

/* Programs that are there already go on as they are. */
static long psi_pat_keep(__u32 i, void *ctx)
{
	struct ecs_ts *ts = ctx;
	__u32 pid, number;

	if (ECS_PSI_HEADER + 4 * i + 4 > ts->work->cursor.stop)
		return 1;
	if (!psi_pat_entry(ts, i, &pid, &number))
		return 0;
	ECS_UNROLL
	for (__u32 k = 0; k < ECS_CAST_PROGRAMS; k++)
		if (ts->state->program[k].pmt_pid == pid && ts->state->program[k].number == number)
			ts->work->cursor.same |= 1 << k;
	return 0;
}

static long psi_pat_add(__u32 i, void *ctx)
{
	struct ecs_ts *ts = ctx;
	struct ecs_cast_program *room = 0;
	__u32 pid, number;

	if (ECS_PSI_HEADER + 4 * i + 4 > ts->work->cursor.stop)
		return 1;
	if (!psi_pat_entry(ts, i, &pid, &number))
		return 0;
	ECS_UNROLL
	for (int k = ECS_CAST_PROGRAMS - 1; k >= 0; k--) {
		struct ecs_cast_program *program = &ts->state->program[k];

		if (program->pmt_pid == pid && program->number == number)
			return 0;
		if (!program->pmt_pid)
			room = program;
	}
	if (!room)
		return 1;
	room->pmt_pid = pid;
	room->number = number;
	return 0;
}

static __always_inline void psi_pat(struct ecs_ts *ts)
{
	__u32 same;

	ts->work->cursor.same = 0;
	bpf_loop(ECS_SECTION_MAX / 4, psi_pat_keep, ts, 0);
	same = ts->work->cursor.same;
	ts->work->cursor.same = 0;
	ECS_UNROLL
	for (__u32 i = 0; i < ECS_CAST_PROGRAMS; i++) {
		struct ecs_cast_program *program = &ts->state->program[i];

		if (!program->pmt_pid || (same >> i & 1))
			continue;
		ts->work->cursor.program = i;
		psi_forget(ts);
		psi_set_kind(ts, program->pmt_pid, ECS_PID_OTHER);
		program->pmt_pid = 0;
		psi_reread(ts, ECS_CAST_PROGRAMS);
	}
	bpf_loop(ECS_SECTION_MAX / 4, psi_pat_add, ts, 0);
	ECS_UNROLL
	for (__u32 i = 0; i < ECS_CAST_PROGRAMS; i++)
		if (ts->state->program[i].pmt_pid)
			psi_set_kind(ts, ts->state->program[i].pmt_pid, ECS_PID_PMT | i);
}

/* ISO/IEC 13818-1 table 2-34. */
static __always_inline __u8 psi_codec(__u8 type)
{
	return type == 0x01 || type == 0x02 ? ECS_CODEC_MPEG2
	       : type == 0x1b		    ? ECS_CODEC_H264
	       : type == 0x24		    ? ECS_CODEC_HEVC
					    : ECS_CODEC_NONE;
}

static __always_inline int psi_audio(__u8 type)
{
	return type == 0x03 || type == 0x04 || type == 0x0f || type == 0x11 || type == 0x1c ||
	       type == 0x2d || type == 0x2e || type == 0x81 || type == 0x87;
}

/* Private data is audio by one of its first descriptors: AC-3, Enhanced AC-3, DTS, AAC (ETSI EN
 * 300 468 table 12), or a registration (2.6.8) of one of these, Opus or SMPTE 302M. */
static __always_inline int psi_private_audio(const struct ecs_ts *ts, __u32 at, __u32 end)
{
	int found = 0;

	ECS_UNROLL
	for (int i = 0; i < 4; i++) {
		__u8 tag = psi_byte(ts, at);
		__u32 name = psi_be32(ts, at + 2);

		if (at + 2 > end)
			break;
		found |= tag == 0x6a || tag == 0x7a || tag == 0x7b || tag == 0x7c;
		if (tag == 0x05)
			found |= name == 0x4f707573 || name == 0x41432d33 || name == 0x45414333 ||
				 name == 0x42535344 || name >> 8 == 0x445453;
		at += 2 + psi_byte(ts, at + 1);
	}
	return found;
}

/* The video that a stream of the program is already. Return: its index; ECS_CAST_VIDEOS. */
static __always_inline __u32 psi_video(const struct ecs_ts *ts, __u32 pid, __u8 codec)
{
	__u32 found = ECS_CAST_VIDEOS;

	ECS_UNROLL
	for (__u32 i = 0; i < ECS_CAST_VIDEOS; i++) {
		const struct ecs_cast_video *video = &ts->state->video[i];

		if (codec && video->codec == codec && video->pid == pid &&
		    video->program == ts->work->cursor.program)
			found = i;
	}
	return found;
}

/* The elementary stream at cursor.from, which moves on to the next. Return: its type; -1 at the
 * end. */
static __always_inline int psi_pmt_entry(struct ecs_ts *ts, __u32 *pid)
{
	__u32 at = ts->work->cursor.from;

	if (at + 5 > ts->work->cursor.stop)
		return -1;
	*pid = psi_be16(ts, at + 1) & 0x1fff;
	ts->work->cursor.from = at + 5 + (psi_be16(ts, at + 3) & 0xfff);
	return psi_byte(ts, at);
}

/* Videos that are there already go on as they are. */
static long psi_pmt_keep(__u32 i, void *ctx)
{
	struct ecs_ts *ts = ctx;
	__u32 pid = 0, video;
	int type = psi_pmt_entry(ts, &pid);

	if (type < 0)
		return 1;
	video = psi_video(ts, pid, psi_codec(type));
	if (video < ECS_CAST_VIDEOS)
		ts->work->cursor.same |= 1 << video;
	return 0;
}

static __always_inline __u8 psi_add_video(struct ecs_ts *ts, __u32 pid, __u8 codec)
{
	__u32 index = psi_video(ts, pid, codec);

	if (index < ECS_CAST_VIDEOS)
		return ECS_PID_VIDEO | index;
	ECS_UNROLL
	for (__u32 i = 0; i < ECS_CAST_VIDEOS; i++) {
		struct ecs_cast_video *video = &ts->state->video[i];

		if (video->codec)
			continue;
		*video = (struct ecs_cast_video){
			.pid = pid, .codec = codec, .program = ts->work->cursor.program};
		return ECS_PID_VIDEO | i;
	}
	return ECS_PID_OTHER;
}

/* One more known stream. A PID that something else has is not taken from it. */
static __always_inline void psi_add(struct ecs_ts *ts, __u32 pid, __u8 kind)
{
	struct ecs_cast_program *program = psi_program(ts);
	__u32 pids = program->pids;

	if (pids >= ECS_CAST_PIDS)
		return;
	psi_set_kind(ts, pid, kind);
	program->pid[ecs_bound(pids, ECS_CAST_PIDS)] = pid;
	program->pids = pids + 1;
}

static __always_inline int psi_is_free(const struct ecs_ts *ts, __u32 pid)
{
	return pid != ECS_PID_PAT && !ts->pids->kind[ecs_bound(pid, ECS_TS_PIDS)];
}

static long psi_pmt_add(__u32 i, void *ctx)
{
	struct ecs_ts *ts = ctx;
	__u8 kind = ECS_PID_OTHER;
	__u32 pid = 0;
	int type = psi_pmt_entry(ts, &pid);

	if (type < 0)
		return 1;
	if (!psi_is_free(ts, pid))
		return 0;
	if (psi_codec(type))
		kind = psi_add_video(ts, pid, psi_codec(type));
	else if (psi_audio(type))
		kind = ECS_PID_AUDIO;
	if (kind != ECS_PID_OTHER)
		psi_add(ts, pid, kind);
	return 0;
}

/* Apart from the others for the sake of the stack. */
static long psi_pmt_add_private(__u32 i, void *ctx)
{
	struct ecs_ts *ts = ctx;
	__u32 pid = 0, at = ts->work->cursor.from;
	int type = psi_pmt_entry(ts, &pid);

	if (type < 0)
		return 1;
	if (type == ECS_PSI_PRIVATE && psi_is_free(ts, pid) &&
	    psi_private_audio(ts, at + 5, ts->work->cursor.from))
		psi_add(ts, pid, ECS_PID_AUDIO);
	return 0;
}

static __always_inline void psi_pmt(struct ecs_ts *ts)
{
	__u32 from = 12 + (psi_be16(ts, 10) & 0xfff);

	ts->work->cursor.same = 0;
	ts->work->cursor.from = from;
	bpf_loop(ECS_SECTION_MAX / 5, psi_pmt_keep, ts, 0);
	psi_forget(ts);
	ts->work->cursor.from = from;
	bpf_loop(ECS_SECTION_MAX / 5, psi_pmt_add, ts, 0);
	ts->work->cursor.from = from;
	bpf_loop(ECS_SECTION_MAX / 5, psi_pmt_add_private, ts, 0);
}

/* Several programs may have their tables on one PID: cursor.program says whose this one is. To the
 * verifier what is read back is one unknown number, and not a path for each of them.
 * Return: whether it is a program's. */
static __always_inline int psi_find_owner(struct ecs_ts *ts)
{
	struct ecs_ts_cursor *cursor = &ts->work->cursor;
	__u32 slot = ecs_bound(cursor->slot - 1, ECS_CAST_PROGRAMS);
	__u32 pid = ts->state->program[slot].pmt_pid, number = psi_be16(ts, 3);

	cursor->program = ECS_CAST_PROGRAMS;
	ECS_UNROLL
	for (__u32 i = 0; i < ECS_CAST_PROGRAMS; i++)
		if (ts->state->program[i].pmt_pid == pid && ts->state->program[i].number == number)
			cursor->program = i;
	asm volatile("" ::: "memory");
	return cursor->program < ECS_CAST_PROGRAMS;
}

/* A section is whole. It counts if it is in force, the first of its table, and undamaged. */
static __always_inline void psi_whole(struct ecs_ts *ts, __u32 length)
{
	__u32 pmt = ts->work->cursor.slot, crc;
	__u32 *known = &ts->state->pat_crc;

	if (length < ECS_PSI_SHORTEST || psi_byte(ts, 0) != (pmt ? ECS_PSI_PMT : ECS_PSI_PAT) ||
	    !(psi_byte(ts, 5) & 1) || psi_byte(ts, 6))
		return;
	if (pmt) {
		if (!psi_find_owner(ts))
			return;
		known = &psi_program(ts)->crc;
	}
	crc = psi_be32(ts, length - 4);
	if (*known == crc)
		return;
	ts->work->cursor.crc = ~0u;
	bpf_loop(length, psi_crc_byte, ts, 0);
	if (ts->work->cursor.crc)
		return;
	if (pmt && *known) /* not its first one, nor one that is read once more */
		psi_reread(ts, ts->work->cursor.program);
	*known = crc;
	ts->work->cursor.stop = length - 4;
	if (pmt)
		psi_pmt(ts);
	else
		psi_pat(ts);
}

/* One more byte. Return: 1 at the end of the packet or of the section, or if it is too long. */
static long psi_gather(__u32 i, void *ctx)
{
	struct ecs_ts *ts = ctx;
	struct ecs_ts_cursor *cursor = &ts->work->cursor;
	struct ecs_cast_section *section = psi_section(ts);
	__u32 have = section->have;
	__u8 byte = ecs_ts_byte(ts, cursor->next);

	if (cursor->next >= cursor->end || (!have && byte == ECS_PSI_STUFFING))
		return 1;
	ts->pids->section[ecs_bound(cursor->slot, ECS_CAST_SECTIONS)]
			 [ecs_bound(have, ECS_SECTION_MAX)] = byte;
	cursor->next++;
	section->have = ++have;
	return have >= 3 && (have >= psi_length(ts) || psi_length(ts) > ECS_SECTION_MAX);
}

/* A section that is whole in the packet, and the same as the last one: as almost all are. */
static __always_inline int psi_known(struct ecs_ts *ts)
{
	struct ecs_ts_cursor *cursor = &ts->work->cursor;
	__u32 length = 3 + (ecs_ts_be16(ts, cursor->next + 1) & 0xfff);
	__u32 known = ts->state->pat_crc;

	if (cursor->slot)
		known = ts->state->program[ecs_bound(cursor->slot - 1, ECS_CAST_PROGRAMS)].crc;
	if (length < ECS_PSI_SHORTEST || cursor->next + length > cursor->end ||
	    ecs_ts_be32(ts, cursor->next + length - 4) != known)
		return 0;
	cursor->next += length;
	return 1;
}

static long psi_next(__u32 i, void *ctx)
{
	struct ecs_ts *ts = ctx;
	struct ecs_cast_section *section = psi_section(ts);
	__u32 length;

	if (!section->have && psi_known(ts))
		return 0;
	bpf_loop(ECS_TS_LEN, psi_gather, ts, 0);
	if (section->have < 3)
		return 1;
	length = psi_length(ts);
	if (length > ECS_SECTION_MAX) { /* none of ours: no more before the next one's start */
		section->have = 0;
		return 1;
	}
	if (section->have < length)
		return 1;
	section->have = 0;
	psi_whole(ts, length);
	return 0;
}

/**
 * ecs_psi - a packet of a PID that carries tables
 * @start: offset of its payload, in the packet
 * @slot:  of the section that is gathered: 0 = PAT, 1 + index of a program
 */
static __always_inline void ecs_psi(struct ecs_ts *ts, __u32 start, __u32 slot)
{
	struct ecs_ts_cursor *cursor = &ts->work->cursor;
	struct ecs_cast_section *section;
	__u32 first;
	__u8 cc = ecs_ts_byte(ts, cursor->at + 3) & 15, follows;

	cursor->slot = slot;
	cursor->next = cursor->at + start;
	cursor->end = cursor->at + ECS_TS_LEN;
	section = psi_section(ts);
	follows = section->have && cc == ((section->cc + 1) & 15);
	if (ecs_ts_byte(ts, cursor->at + 1) & 0x40) {
		/* The rest of an old section, and where a new one begins. */
		first = cursor->next + 1 + ecs_ts_byte(ts, cursor->next);
		cursor->next++;
		if (follows && first < cursor->end) {
			cursor->end = first;
			bpf_loop(1, psi_next, ts, 0);
			cursor->end = cursor->at + ECS_TS_LEN;
		}
		section->have = 0;
		cursor->next = first;
	} else if (!follows) {
		/* Sent twice: it is in there already. Else some of it is missing. */
		if (cc != section->cc)
			section->have = 0;
		return;
	}
	section->cc = cc;
	bpf_loop(ECS_TS_LEN / ECS_PSI_SHORTEST + 1, psi_next, ts, 0);
}

#endif
