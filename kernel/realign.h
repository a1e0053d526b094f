/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Datagrams that are no whole number of TS packets, taken as one stream of bytes. What the last
 * datagram left is put before the next one's payload, and what is there then is cut into runs of
 * whole TS packets, none longer than the stream's largest datagram. Each run is thinned like a
 * datagram of its own, for every policy, so that all receivers see the same borders and one that
 * changes its policy misses nothing. Pure: compiled for BPF, for the unit tests and the fuzzer.
 *
 * A run goes out with each datagram. What it had no room for waits for the next one, and makes a
 * second run when it is enough for a full one, when no half of a packet is left (as it is at the
 * end of a stream) or when the datagram was a short one (as before a pause).
 */
#ifndef ECS_KERNEL_REALIGN_H
#define ECS_KERNEL_REALIGN_H

#include "ts.h"

#define ECS_CUT_RUNS 3 /* of one datagram: old packets, a full run, the rest */

static __always_inline __u8 cut_byte(const struct ecs_ts_work *work, __u32 i)
{
	return work->data[ecs_bound(i, ECS_TS_ROOM)];
}

static long cut_test(__u32 i, void *ctx)
{
	struct ecs_ts *ts = ctx;
	struct ecs_ts_work *work = ts->work;
	__u32 at = work->cut.at + i * ECS_TS_LEN;

	if (at >= work->cut.total)
		return 1;
	work->cut.miss = cut_byte(work, at) != ECS_TS_SYNC;
	return work->cut.miss;
}

/* Whether TS packets can begin @at and at each 188 bytes from there on. */
static __noinline int cut_fits(struct ecs_ts *ts, __u32 at)
{
	ts->work->cut.at = at;
	ts->work->cut.miss = 0;
	bpf_loop(ECS_TS_ROOM / ECS_TS_LEN, cut_test, ts, 0);
	return !ts->work->cut.miss;
}

/* Looks for the first packet of a datagram, with at least one more behind it. */
static long cut_hunt(__u32 i, void *ctx)
{
	struct ecs_ts *ts = ctx;
	struct ecs_ts_work *work = ts->work;
	__u32 at = work->frame.origin + i;

	if (at + ECS_TS_LEN >= work->cut.total)
		return 1;
	if (cut_byte(work, at) != ECS_TS_SYNC || !cut_fits(ts, at))
		return 0;
	work->cut.then = at;
	return 1;
}

/* A datagram is missing, or came twice or late: the half of a packet that waits finds no other
 * half. Whole ones go out; then it goes on where packets begin again. */
static __always_inline void cut_resync(struct ecs_ts *ts, __u32 whole)
{
	struct ecs_ts_work *work = ts->work;
	__u32 origin = work->frame.origin;

	work->cut.end = whole;
	work->cut.flush = 1;
	bpf_loop(ECS_TS_LEN, cut_hunt, ts, 0);
	/* RTP: each of its headers would look like the end of a torn packet. */
	if (work->cut.then == origin + 12 && cut_byte(work, origin) >> 6 == 2)
		work->cut.then = 0;
	if (origin != whole || work->cut.then > origin)
		ts->state->torn++;
	work->cut.lost = !work->cut.then && work->cut.total > origin;
	ts->state->synced = !work->cut.lost;
}

/**
 * ecs_cut_begin - a datagram's payload stands in ts->work->data at frame.origin
 *
 * Before it stands what the last one left. What is no TS stream sets cut.lost, without loss of
 * what came before. Then ecs_cut_next() gives the runs.
 */
static __noinline void ecs_cut_begin(struct ecs_ts *ts)
{
	struct ecs_ts_work *work = ts->work;
	struct ecs_cast_state *state = ts->state;
	__u32 origin = work->frame.origin, length = work->frame.length;
	__u32 whole = origin / ECS_TS_LEN * ECS_TS_LEN, first = whole;

	if (first < origin)
		first += ECS_TS_LEN;
	work->cut = (struct ecs_ts_cut){.total = origin + length, .end = origin + length};
	work->cut.per = state->largest / ECS_TS_LEN ?: 1;
	if (work->cut.per > ECS_CAST_CUT_MAX)
		work->cut.per = ECS_CAST_CUT_MAX;
	work->cut.flush = length < state->largest || work->cut.total % ECS_TS_LEN == 0;
	if (cut_fits(ts, first) && (state->synced || length > ECS_TS_LEN))
		state->synced = 1;
	else
		cut_resync(ts, whole);
}

/**
 * ecs_cut_next - the next run of whole packets, into frame.base and frame.packets
 *
 * Return: 1; 0 if there is none, and from cut.from on all waits for the next datagram.
 */
static __always_inline int ecs_cut_next(struct ecs_ts_work *work)
{
	struct ecs_ts_cut *cut = &work->cut;
	__u32 n = (cut->end - cut->from) / ECS_TS_LEN;

	if (!n && cut->then) {
		cut->from = cut->then;
		cut->end = cut->total;
		cut->then = cut->given = 0;
		cut->flush = (cut->end - cut->from) % ECS_TS_LEN == 0;
		n = (cut->end - cut->from) / ECS_TS_LEN;
	}
	if (!n || (cut->given && n < cut->per && !cut->flush))
		return 0;
	if (n > cut->per)
		n = cut->per;
	work->frame.base = cut->from;
	work->frame.packets = n;
	cut->from += n * ECS_TS_LEN;
	cut->given = 1;
	return 1;
}

/** ecs_cut_left - what waits for the next datagram, from cut.from on. Return: its bytes. */
static __always_inline __u32 ecs_cut_left(const struct ecs_ts_work *work)
{
	__u32 left = work->cut.total - work->cut.from;

	/* More than that is left over only if ecs_cut_next() was not asked often enough. */
	return work->cut.lost || left >= ECS_CAST_CUT_MAX * ECS_TS_LEN ? 0 : left;
}

#endif
