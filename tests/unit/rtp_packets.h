/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RTP packets for the unit tests of casts, and what they are looked at with.
 */
#ifndef ECSWITCH_RTP_PACKETS_H
#define ECSWITCH_RTP_PACKETS_H

#include "unit.h"

#include "kernel/rtp_thin.h"

#define SSRC 0x11223344
#define PT 96

static struct ecs_ts_work work;
static struct ecs_cast_state state;
static struct ecs_cast_pids pids;
static struct ecs_cast_group_state group;

#define SPS264 0x67, 0x64, 0x00, 0x1f, 0xac
#define PPS264 0x68, 0xee, 0x3c, 0x80
#define VPS265 0x40, 0x01, 0x0c, 0x01, 0xff, 0xff, 0x01
#define SPS265 0x42, 0x01, 0x01, 0x01, 0x60
#define REF 0x41, 0x9a
#define NONREF 0x01, 0x9a
#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__})

static inline void begin(void **unused)
{
	memset(&work, 0, sizeof(work));
	memset(&state, 0, sizeof(state));
	memset(&pids, 0, sizeof(pids));
	memset(&group, 0, sizeof(group));
}

static inline int look(uint32_t length, uint8_t told)
{
	struct ecs_ts ts = {&work, &state, &pids};

	work.frame.length = length;
	return ecs_rtp_datagram(&ts, told);
}

static inline uint32_t packet(uint8_t type, uint16_t seq, uint32_t time, uint32_t ssrc,
			      const uint8_t *payload, size_t n)
{
	uint8_t head[12] = {0x80, type, seq >> 8, seq};

	for (int i = 0; i < 4; i++) {
		head[4 + i] = time >> (24 - 8 * i);
		head[8 + i] = ssrc >> (24 - 8 * i);
	}
	memset(work.data, 0xee, 4096);
	memcpy(work.data, head, sizeof(head));
	memcpy(work.data + sizeof(head), payload, n);
	return sizeof(head) + n;
}

/* One packet of the video; what it is then stands in work.rtp. */
static inline int video(uint16_t seq, uint32_t time, const uint8_t *payload, size_t n)
{
	return look(packet(PT, seq, time, SSRC, payload, n), ECS_CODEC_NONE);
}

static inline void begin_h264(void)
{
	begin(NULL);
	assert_int_equal(video(100, 0, BYTES(SPS264)), ECS_CONTAINER_RTP);
	assert_int_equal(state.video[0].codec, ECS_CODEC_H264);
}

static inline void begin_hevc(void)
{
	begin(NULL);
	assert_int_equal(video(100, 0, BYTES(VPS265)), ECS_CONTAINER_RTP);
	assert_int_equal(state.video[0].codec, ECS_CODEC_HEVC);
	assert_int_equal(video(101, 0, BYTES(SPS265)), ECS_CONTAINER_RTP);
	assert_int_equal(state.video[0].sublayers, 1);
}

#endif
