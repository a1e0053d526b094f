/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What holds of a policy and TS packets, whatever they are. For one fuzzer each.
 */
#ifndef TESTS_FUZZ_CAST_CLAIMS_H
#define TESTS_FUZZ_CAST_CLAIMS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/rtp_thin.h"

#define VIDEO_PID 0x100 /* as in the corpus, which ffmpeg made */
#define AUDIO_PID 0x101
#define PMT_PID 0x1000
#define TRAILER 8

/* A video as its receiver sees it. */
struct seen {
	uint16_t pid;
	bool known;	 /* a packet with payload came, and one went out */
	bool gapless;	 /* nothing was missing since the last one that went out */
	uint8_t in, out; /* counters of the last ones */
};

static struct ecs_ts_work *work;
static struct ecs_cast_state state;
static struct ecs_cast_pids pids;
static struct ecs_cast_group_state group;
static struct ecs_ts ts;
static struct ecs_thin thin;
static struct seen seen[ECS_CAST_VIDEOS];

static void refute(const char *text, const char *file, int line)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, text);
	abort();
}

#define claim(holds) ((holds) ? (void)0 : refute(#holds, __FILE__, __LINE__))

/* A stream that is known, so that an input without tables has a video. */
static void begin(const uint8_t *choice)
{
	if (!work)
		work = malloc(sizeof(*work));
	memset(work, 0, sizeof(*work));
	memset(&state, 0, sizeof(state));
	memset(&pids, 0, sizeof(pids));
	memset(&group, 0, sizeof(group));
	memset(seen, 0, sizeof(seen));
	ts = (struct ecs_ts){.work = work, .state = &state, .pids = &pids};
	thin = (struct ecs_thin){.work = work, .state = &group};
	thin.policy.kind = choice[0] % 8;
	thin.policy.type = choice[1] % ECS_FRAMES;
	thin.policy.percent = choice[2] % 101;
	thin.policy.flags = choice[3];
	thin.policy.value = choice[4] << (choice[5] % 20);
	state.video[0].pid = VIDEO_PID;
	state.video[0].codec = 1 + choice[6] % 3;
	pids.kind[VIDEO_PID] = ECS_PID_VIDEO;
	pids.kind[AUDIO_PID] = ECS_PID_AUDIO;
	pids.kind[PMT_PID] = ECS_PID_PMT;
}

static const uint8_t *packet_at(uint32_t i)
{
	return &work->data[work->frame.base + i * ECS_TS_LEN];
}

/* If nothing was missing in what came, nothing is in what goes out. */
static void check_counter(const struct ecs_ts_packet *packet, uint8_t keep, uint8_t byte3)
{
	struct seen *v = &seen[packet->video - 1];
	uint8_t in = packet->byte3 & 15, out = byte3 & 15;
	bool repeat = packet->flags & ECS_TS_REPEAT;

	if (v->pid != state.video[packet->video - 1].pid)
		*v = (struct seen){.pid = state.video[packet->video - 1].pid};
	if (!(packet->flags & ECS_TS_PAYLOAD))
		return;
	v->gapless &= in == ((v->in + !repeat) & 15);
	v->in = in;
	if (keep != ECS_TS_WHOLE)
		return;
	claim(!v->known || !v->gapless || out == ((v->out + !repeat) & 15));
	v->out = out;
	v->known = v->gapless = true;
}

static void check_packet(uint32_t i)
{
	const struct ecs_ts_packet *packet = &work->packet[i];
	uint8_t keep = work->keep[i], byte3 = work->byte3[i];
	bool video = packet->video, sound = packet->kind == ECS_PID_AUDIO,
	     stuffing = packet->kind == ECS_PID_STUFFING;

	claim(packet->byte3 == packet_at(i)[3] && packet_at(i)[0] == ECS_TS_SYNC);
	claim(keep <= ECS_TS_CLOCK && packet->video <= ECS_CAST_VIDEOS);
	if (keep == ECS_TS_WHOLE)
		claim(video ? !((byte3 ^ packet->byte3) & 0xf0) : byte3 == packet->byte3);
	else
		claim((video && (packet->flags & ECS_TS_PAYLOAD)) || sound || stuffing);
	if (keep == ECS_TS_CLOCK)
		claim((packet->flags & ECS_TS_PCR) && (byte3 & 0x30) == 0x20);
	if (keep == ECS_TS_OUT && !stuffing)
		claim(!(packet->flags & ECS_TS_PCR));
	if (keep != ECS_TS_WHOLE && sound)
		claim(thin.policy.flags & ECS_POLICY_NO_AUDIO);
	if (keep != ECS_TS_WHOLE && stuffing)
		claim(thin.policy.flags & ECS_POLICY_NO_NULLS);
	if (keep != ECS_TS_WHOLE && video)
		claim(thin.policy.kind != ECS_POLICY_ALL);
	if (video)
		check_counter(packet, keep, byte3);
}

/* Who waits gets a part of what the others get: no video before the keyframe. */
static void check_waiting(uint32_t packets)
{
	uint8_t kept[ECS_CAST_PACKETS_MAX];
	uint32_t count = 0;

	memcpy(kept, work->keep, sizeof(kept));
	ecs_thin_waiting(&thin, packets);
	for (uint32_t i = 0; i < packets; i++) {
		bool early =
			work->packet[i].video && (!work->made.joins || i + 1 < work->made.joins);

		claim(work->keep[i] == (early ? ECS_TS_OUT : kept[i]));
		count += work->keep[i] != ECS_TS_OUT;
	}
	claim(count == work->made.kept);
}

static void check_run(uint32_t packets)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < packets; i++) {
		check_packet(i);
		count += work->keep[i] != ECS_TS_OUT;
	}
	claim(count == work->made.kept);
}

#endif
