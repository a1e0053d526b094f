// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzzes what casts read of a stream: the input is datagrams of TS packets, its last bytes choose
 * the codec, the policy and how the datagrams are cut. Whatever the stream holds, what a policy
 * lets through is a part of it, in order; tables and clocks stay, and counters have no gap.
 */
#include "cast_claims.h"

#include "kernel/realign.h"

#define DATAGRAM_MAX (7 * ECS_TS_LEN)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void thin_run(uint32_t packets)
{
	work->frame.now_ns += 1000000;
	ecs_thin_datagram(&thin, packets);
	check_run(packets);
	check_waiting(packets);
}

/* As ecs_cast_look() has it: a datagram of whole packets. */
static void whole(const uint8_t *data, uint32_t length)
{
	memcpy(work->data, data, length);
	work->frame.length = length;
	if (length / ECS_TS_LEN && !ecs_ts_datagram(&ts, length / ECS_TS_LEN))
		thin_run(length / ECS_TS_LEN);
}

/* As ecs_cast_cut() has it: what is left of the last one stands before it. No byte of a stream
 * that is nothing but TS packets is lost or sent twice. */
static void cut(const uint8_t *data, uint32_t length)
{
	uint32_t next = 0, runs = 0;

	work->frame.origin = state.carried;
	work->frame.length = length;
	if (length > state.largest)
		state.largest = length;
	memcpy(work->data + state.carried, data, length);
	ecs_cut_begin(&ts);
	while (runs++ < ECS_CUT_RUNS && ecs_cut_next(work)) {
		claim(work->frame.packets && work->frame.packets <= ECS_CAST_PACKETS_MAX);
		claim(work->frame.base >= next);
		next = work->frame.base + work->frame.packets * ECS_TS_LEN;
		claim(next <= work->cut.total);
		if (!ecs_ts_datagram(&ts, work->frame.packets))
			thin_run(work->frame.packets);
	}
	state.carried = ecs_cut_left(work);
	claim(state.carried < ECS_CAST_CUT_MAX * ECS_TS_LEN);
	memmove(work->data, work->data + work->cut.from, state.carried);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t part, each;
	uint8_t choice[TRAILER];

	if (size < TRAILER)
		return 0;
	size -= TRAILER;
	memcpy(choice, data + size, TRAILER);
	begin(choice);
	/* Most inputs come in datagrams of 7 packets. */
	each = choice[7] & 0x80 ? 1 + choice[7] % 128 * 11 : DATAGRAM_MAX;
	for (; size; data += part, size -= part) {
		part = size < each ? (uint32_t)size : each;
		if (choice[7] & 0x80)
			cut(data, part);
		else
			whole(data, part);
	}
	return 0;
}
