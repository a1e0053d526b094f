/* SPDX-License-Identifier: Apache-2.0 */
/* Transport streams for the unit tests, packet by packet. */
#ifndef TESTS_UNIT_TS_STREAM_H
#define TESTS_UNIT_TS_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernel/ts.h"

#define TS_STREAM_PACKETS 4096

struct ts_stream {
	uint8_t data[TS_STREAM_PACKETS * ECS_TS_LEN];
	size_t packets;
	uint8_t cc[ECS_TS_PIDS];
};

static inline uint32_t ts_crc(const uint8_t *p, size_t n)
{
	uint32_t crc = ~0u;

	while (n--) {
		crc ^= (uint32_t)*p++ << 24;
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 0x80000000u ? crc << 1 ^ 0x04c11db7u : crc << 1;
	}
	return crc;
}

/** ts_packet_add - one more packet with payload 0xff. Return: its first byte. */
static inline uint8_t *ts_packet_add(struct ts_stream *s, uint16_t pid, int start)
{
	uint8_t *p = &s->data[s->packets++ * ECS_TS_LEN];

	memset(p, 0xff, ECS_TS_LEN);
	p[0] = ECS_TS_SYNC;
	p[1] = (start ? 0x40 : 0) | pid >> 8;
	p[2] = pid;
	p[3] = 0x10 | (s->cc[pid]++ & 15);
	return p;
}

/** ts_frame_add - a frame of @count packets, whose stream begins with @es. */
static inline void ts_frame_add(struct ts_stream *s, uint16_t pid, const uint8_t *es, size_t n,
				int count)
{
	static const uint8_t pes[] = {0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5, 0x21, 0, 1, 0, 1};
	uint8_t *p = ts_packet_add(s, pid, 1);

	memcpy(p + 4, pes, sizeof(pes));
	memcpy(p + 4 + sizeof(pes), es, n);
	while (--count > 0)
		ts_packet_add(s, pid, 0);
}

/** ts_section_end - write the length and checksum of a section. Return: its bytes. */
static inline size_t ts_section_end(uint8_t *p, size_t n)
{
	uint32_t crc;

	p[1] = 0xb0 | (n + 1) >> 8;
	p[2] = n + 1;
	crc = ts_crc(p, n);
	for (int i = 0; i < 4; i++)
		p[n + i] = crc >> (24 - 8 * i);
	return n + 4;
}

/** ts_sections_add - sections behind one another, in as many packets as they need, @gap bytes of
 * an earlier one before them. */
static inline void ts_sections_add(struct ts_stream *s, uint16_t pid, const uint8_t *bytes,
				   size_t n, size_t gap)
{
	uint8_t *p = ts_packet_add(s, pid, 1);
	size_t at = 5 + gap;

	p[4] = gap;
	while (n) {
		size_t room = ECS_TS_LEN - at, part = n < room ? n : room;

		memcpy(p + at, bytes, part);
		bytes += part;
		n -= part;
		at = 4;
		if (n)
			p = ts_packet_add(s, pid, 0);
	}
}

/** ts_pat - a table of programs 1, 2, … whose tables have these PIDs. Return: its bytes. */
static inline size_t ts_pat(uint8_t *p, const uint16_t *pids, size_t count, uint8_t version)
{
	size_t n = 8;

	memcpy(p, (uint8_t[]){0, 0, 0, 0, 1, 0xc1 | version << 1, 0, 0}, 8);
	for (size_t i = 0; i < count; i++, n += 4)
		memcpy(p + n, (uint8_t[]){0, i + 1, 0xe0 | pids[i] >> 8, pids[i]}, 4);
	return ts_section_end(p, n);
}

struct ts_es {
	uint8_t type;
	uint16_t pid;
	uint8_t info; /* bytes of descriptors */
};

/** ts_pmt - a program's table. Return: its bytes. */
static inline size_t ts_pmt(uint8_t *p, const struct ts_es *es, size_t count, uint8_t version)
{
	size_t n = 12;

	memcpy(p, (uint8_t[]){2, 0, 0, 0, 1, 0xc1 | version << 1, 0, 0, 0xe1, 0, 0xf0, 0}, 12);
	for (size_t i = 0; i < count; i++) {
		memcpy(p + n,
		       (uint8_t[]){es[i].type, 0xe0 | es[i].pid >> 8, es[i].pid, 0xf0, es[i].info},
		       5);
		memset(p + n + 5, 0x42, es[i].info);
		n += 5 + es[i].info;
	}
	return ts_section_end(p, n);
}

#endif
