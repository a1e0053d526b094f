/* SPDX-License-Identifier: Apache-2.0 */
/* A transport stream of one video as the tests of casts make it, and what policies make of it. */
#ifndef ECS_TESTS_TS_WORLD_H
#define ECS_TESTS_TS_WORLD_H

#include <stdint.h>
#include <string.h>

#include "kernel/thin.h"
#include "ts_stream.h"

#define PMT_PID 0x1000
#define VIDEO_PID 0x100

static struct ecs_ts_work work;
static struct ecs_cast_state state;
static struct ecs_cast_pids pids;
static struct ecs_cast_group_state group;

static inline uint8_t *packet(int i, uint16_t pid, int start, uint8_t cc)
{
	uint8_t *p = &work.data[i * ECS_TS_LEN];

	memset(p, 0xff, ECS_TS_LEN);
	p[0] = ECS_TS_SYNC;
	p[1] = (start ? 0x40 : 0) | pid >> 8;
	p[2] = pid;
	p[3] = 0x10 | cc;
	return p;
}

static inline void section(uint8_t *p, const uint8_t *bytes, size_t n)
{
	uint32_t crc = ts_crc(bytes, n);

	p[4] = 0;
	memcpy(p + 5, bytes, n);
	for (int i = 0; i < 4; i++)
		p[5 + n + i] = crc >> (24 - 8 * i);
}

static inline void tables(uint8_t stream_type)
{
	const uint8_t pat[] = {0, 0xb0, 13, 0, 1, 0xc1, 0, 0, 0, 1, 0xe0 | PMT_PID >> 8, 0};
	const uint8_t pmt[] = {2, 0xb0, 18, 0,		 1,    0xc1, 0,	   0, 0xe1,
			       0, 0xf0, 0,  stream_type, 0xe1, 0,    0xf0, 0};

	section(packet(0, ECS_PID_PAT, 1, 0), pat, sizeof(pat));
	section(packet(1, PMT_PID, 1, 0), pmt, sizeof(pmt));
}

static inline int look(uint32_t packets)
{
	struct ecs_ts ts = {&work, &state, &pids};

	return ecs_ts_datagram(&ts, packets);
}

static inline void begin(uint8_t stream_type)
{
	memset(&work, 0, sizeof(work));
	memset(&state, 0, sizeof(state));
	memset(&pids, 0, sizeof(pids));
	memset(&group, 0, sizeof(group));
	tables(stream_type);
	assert_int_equal(look(2), 0);
}

/* A frame's first packet: PES header, then @es. */
static inline uint8_t *frame(int i, uint8_t cc, const uint8_t *es, size_t n)
{
	static const uint8_t pes[] = {0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5, 0x21, 0, 1, 0, 1};
	uint8_t *p = packet(i, VIDEO_PID, 1, cc);

	memcpy(p + 4, pes, sizeof(pes));
	memcpy(p + 4 + sizeof(pes), es, n);
	return p;
}

static inline int type_of(const uint8_t *es, size_t n)
{
	frame(0, (state.video[0].last_cc + 1) & 15, es, n);
	assert_int_equal(look(1), 0);
	return work.packet[0].frame;
}

#define TYPE_OF(...) type_of((uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}))

static inline void thin_as(const struct ecs_policy *policy, uint32_t packets)
{
	struct ecs_thin thin = {&work, &group, *policy};

	ecs_thin_datagram(&thin, packets);
}

#endif
