/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Program tables (ISO/IEC 13818-1 2.4.4): which PIDs carry which codec. A table counts if its
 * checksum is right, and is parsed again only if that differs from the last one's. A section
 * that does not end in the TS packet in which it begins is not followed. Included by ts.h alone.
 */
#ifndef ECS_KERNEL_PSI_H
#define ECS_KERNEL_PSI_H

#define ECS_PSI_PAT 0x00
#define ECS_PSI_PMT 0x02

static long psi_crc_byte(__u32 i, void *ctx)
{
	struct ecs_ts *ts = ctx;
	__u32 crc = ts->work->cursor.crc ^ (__u32)ecs_ts_byte(ts, ts->work->cursor.from + i) << 24;

	for (int bit = 0; bit < 8; bit++)
		crc = crc & 0x80000000u ? crc << 1 ^ 0x04c11db7u : crc << 1;
	ts->work->cursor.crc = crc;
	return 0;
}

/* Finds the section that begins in this packet and says where its entries end.
 * Return: offset of its first byte; 0 if it is not whole, not in force, damaged or @known. */
static __noinline __u32 psi_section(struct ecs_ts *ts, __u32 start, __u32 table, __u32 known)
{
	__u32 from = ts->work->cursor.at + start + 1 + ecs_ts_byte(ts, ts->work->cursor.at + start);
	__u32 length = 3 + (ecs_ts_be16(ts, from + 1) & 0xfff);

	if (start >= ECS_TS_LEN || from + length > ts->work->cursor.at + ECS_TS_LEN ||
	    length < 16 || length > ECS_TS_LEN || ecs_ts_byte(ts, from) != table)
		return 0;
	if (!(ecs_ts_byte(ts, from + 5) & 1) || ecs_ts_be32(ts, from + length - 4) == known)
		return 0;
	ts->work->cursor.from = from;
	ts->work->cursor.crc = ~0u;
	bpf_loop(length, psi_crc_byte, ts, 0);
	if (ts->work->cursor.crc)
		return 0;
	ts->work->cursor.end = from + length - 4;
	ts->work->cursor.crc = ecs_ts_be32(ts, ts->work->cursor.end);
	return from;
}

static __always_inline void psi_set_kind(struct ecs_ts *ts, __u32 pid, __u8 kind)
{
	ts->pids->kind[ecs_bound(pid, ECS_TS_PIDS)] = kind;
}

/* A program's streams are forgotten. */
static __noinline void psi_forget(struct ecs_ts *ts, __u32 index)
{
	struct ecs_cast_program *program = &ts->state->program[ecs_bound(index, ECS_CAST_PROGRAMS)];

	for (__u32 i = 0; i < ECS_CAST_PIDS; i++)
		if (i < program->pids)
			psi_set_kind(ts, program->pid[i], ECS_PID_OTHER);
	program->pids = 0;
	for (__u32 i = 0; i < ECS_CAST_VIDEOS; i++)
		if (ts->state->video[i].program == index)
			ts->state->video[i].codec = ECS_CODEC_NONE;
}

static long psi_pat_entry(__u32 i, void *ctx)
{
	struct ecs_ts *ts = ctx;
	__u32 at = ts->work->cursor.from + 8 + 4 * i, index = ts->work->cursor.program;
	struct ecs_cast_program *program;

	if (at + 4 > ts->work->cursor.end || index >= ECS_CAST_PROGRAMS)
		return 1;
	if (!ecs_ts_be16(ts, at)) /* the network's own table */
		return 0;
	program = &ts->state->program[index];
	program->pmt_pid = ecs_ts_be16(ts, at + 2) & 0x1fff;
	program->crc = 0;
	psi_set_kind(ts, program->pmt_pid, ECS_PID_PMT | index);
	ts->work->cursor.program++;
	return 0;
}

static __noinline void ecs_psi_pat(struct ecs_ts *ts, __u32 start)
{
	__u32 from = psi_section(ts, start, ECS_PSI_PAT, ts->state->pat_crc);

	if (!from)
		return;
	ts->state->pat_crc = ts->work->cursor.crc;
	for (__u32 i = 0; i < ECS_CAST_PROGRAMS; i++) {
		psi_forget(ts, i);
		psi_set_kind(ts, ts->state->program[i].pmt_pid, ECS_PID_OTHER);
		ts->state->program[i].pmt_pid = 0;
	}
	ts->work->cursor.program = 0;
	bpf_loop(ECS_TS_LEN / 4, psi_pat_entry, ts, 0);
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
	return type == 0x03 || type == 0x04 || type == 0x0f || type == 0x11 || type == 0x81 ||
	       type == 0x87;
}

static __noinline void psi_add_video(struct ecs_ts *ts, __u32 pid, __u8 codec)
{
	for (__u32 i = 0; i < ECS_CAST_VIDEOS; i++) {
		struct ecs_cast_video *video = &ts->state->video[i];

		if (video->codec)
			continue;
		*video = (struct ecs_cast_video){
			.pid = pid, .codec = codec, .program = ts->work->cursor.program};
		psi_set_kind(ts, pid, ECS_PID_VIDEO | i);
		return;
	}
}

/* One elementary stream; ts->work->cursor.from is where the next one begins. */
static long psi_pmt_entry(__u32 i, void *ctx)
{
	struct ecs_ts *ts = ctx;
	__u32 at = ts->work->cursor.from, pid;
	struct ecs_cast_program *program;
	__u8 type;

	if (at + 5 > ts->work->cursor.end || ts->work->cursor.program >= ECS_CAST_PROGRAMS)
		return 1;
	program = &ts->state->program[ts->work->cursor.program];
	type = ecs_ts_byte(ts, at);
	pid = ecs_ts_be16(ts, at + 1) & 0x1fff;
	ts->work->cursor.from = at + 5 + (ecs_ts_be16(ts, at + 3) & 0xfff);
	i = program->pids;
	/* A PID that something else has is not taken from it. */
	if (i >= ECS_CAST_PIDS || pid == ECS_PID_PAT || ts->pids->kind[ecs_bound(pid, ECS_TS_PIDS)])
		return 0;
	program->pid[i] = pid;
	program->pids = i + 1;
	if (psi_codec(type))
		psi_add_video(ts, pid, psi_codec(type));
	else if (psi_audio(type))
		psi_set_kind(ts, pid, ECS_PID_AUDIO);
	return 0;
}

static __noinline void ecs_psi_pmt(struct ecs_ts *ts, __u32 start, __u32 index)
{
	struct ecs_cast_program *program = &ts->state->program[ecs_bound(index, ECS_CAST_PROGRAMS)];
	__u32 from = psi_section(ts, start, ECS_PSI_PMT, program->crc);

	if (!from)
		return;
	program->crc = ts->work->cursor.crc;
	psi_forget(ts, index);
	ts->work->cursor.program = index;
	ts->work->cursor.from = from + 12 + (ecs_ts_be16(ts, from + 10) & 0xfff);
	bpf_loop(ECS_CAST_PIDS * 4, psi_pmt_entry, ts, 0);
}

#endif
