// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzzes what casts read of RTP: the input is a row of datagrams, each behind its length of 16
 * bits, as tests/lib/rtp records them; its last bytes choose the policy and what the user said of
 * the stream. A policy's numbers follow one another wherever those of the input do, "all" gets
 * everything as it was, and no parameter set is lost.
 */
#include "cast_claims.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A packet that waits for its frame, as ecs_rtp_hold() keeps it. */
static struct {
	uint16_t seq;
	uint8_t sets;
	bool gap; /* something is missing before it */
} holds[ECS_CAST_HELD];

/* The policy's numbers so far, while those of the input have no gap. */
static struct {
	bool known;
	bool mixed; /* others went out while some wait */
	uint8_t epoch;
	uint16_t out;
} numbers;

static void check_number(int keep)
{
	if (!keep || (!work->rtp.advance && !work->rtp.recalled)) /* late: where it was missing */
		return;
	if (thin.policy.kind == ECS_POLICY_ALL && !thin.policy.flags)
		claim(work->rtp.out == work->rtp.seq);
	claim(!numbers.known || numbers.mixed || work->rtp.out == (uint16_t)(numbers.out + 1));
	numbers.out = work->rtp.out;
	numbers.known = true;
}

/* Before it something is missing, or something that waits goes out behind it. */
static void look_for_gaps(const struct ecs_rtp_packet *came)
{
	if (came->advance != 1 || came->epoch != numbers.epoch)
		numbers.known = false;
	if (came->part != ECS_RTP_HOLD && !came->recall && state.rtp.held)
		numbers.mixed = true;
	numbers.epoch = came->epoch;
}

/* As ecs_rtp_recall() does. */
static void recall(uint32_t count, const struct ecs_rtp_packet *came)
{
	claim(count <= ECS_CAST_HELD);
	for (uint32_t i = 0; i < count; i++) {
		int keep;

		work->rtp.recalled = 1;
		work->rtp.hold = i;
		work->rtp.seq = work->rtp.out = holds[i].seq;
		work->rtp.late = came->seq - holds[i].seq;
		work->rtp.sets = holds[i].sets;
		work->rtp.slice = work->rtp.cut = 0;
		keep = ecs_rtp_thin(&thin, 0);
		claim(!keep || work->made.kept);
		if (thin.policy.kind == ECS_POLICY_ALL)
			claim(!keep);
		else if (holds[i].sets)
			claim(keep == ECS_RTP_WHOLE);
		if (holds[i].gap)
			numbers.known = false;
		if (thin.policy.kind != ECS_POLICY_ALL)
			check_number(keep);
		work->rtp.fresh = 0;
	}
}

static void thin_packet_of_video(void)
{
	struct ecs_rtp_packet came = work->rtp;
	int keep;

	claim(came.at <= came.end && came.end <= work->frame.length);
	claim(came.cut <= ECS_CAST_HELD_LEN && came.cut < came.end + !came.end);
	if (came.part == ECS_RTP_HOLD) {
		claim(came.hold < ECS_CAST_HELD);
		holds[came.hold].seq = came.seq;
		holds[came.hold].sets = came.sets;
		holds[came.hold].gap = came.advance != 1 || came.epoch != numbers.epoch;
		if (thin.policy.kind != ECS_POLICY_ALL)
			numbers.epoch = came.epoch;
	}
	if (came.recall) {
		uint8_t fresh;

		recall(came.recall, &came);
		fresh = work->rtp.fresh;
		work->rtp = came;
		work->rtp.fresh = fresh;
		work->rtp.out = came.seq;
	}
	if (came.part != ECS_RTP_HOLD || thin.policy.kind == ECS_POLICY_ALL)
		look_for_gaps(&came);
	keep = ecs_rtp_thin(&thin, 0);
	claim(keep == 0 || keep == ECS_RTP_WHOLE || (keep == ECS_RTP_CUT && came.cut));
	claim(thin.policy.kind != ECS_POLICY_ALL || keep == ECS_RTP_WHOLE);
	if (came.sets && came.part == ECS_RTP_FRAME)
		claim(keep);
	check_number(keep);
	if (numbers.mixed && !state.rtp.held)
		numbers.mixed = numbers.known = false;
	claim(!ecs_rtp_thin(&thin, 1) || came.begins);
}

static void thin_ts(void)
{
	uint32_t packets = (work->rtp.end - work->rtp.at) / ECS_TS_LEN;

	claim(packets && work->rtp.at + packets * ECS_TS_LEN == work->rtp.end);
	look_for_gaps(&work->rtp);
	work->frame.base = work->rtp.at;
	if (packets > ECS_CAST_PACKETS_MAX || ecs_ts_datagram(&ts, packets)) {
		thin_packet_of_video(); /* numbered as the others are */
		return;
	}
	work->frame.packets = packets;
	ecs_rtp_thin_ts(&thin, 0);
	check_run(packets);
	check_number(work->made.kept != 0);
	claim(ecs_rtp_thin_ts(&thin, 1) == work->made.kept && work->made.kept);
}

static void datagram(const uint8_t *data, uint32_t length, uint8_t told)
{
	memcpy(work->data, data, length);
	work->frame.length = length;
	work->frame.now_ns += 1000000;
	if (!ecs_rtp_is(work))
		return;
	switch (ecs_rtp_datagram(&ts, told)) {
	case ECS_CONTAINER_RTP:
		thin_packet_of_video();
		break;
	case ECS_CONTAINER_RTP_TS:
		thin_ts();
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t words[] = {ECS_CODEC_NONE, ECS_CODEC_H264, ECS_CODEC_HEVC,
					ECS_CODEC_TS};
	uint8_t choice[TRAILER];
	uint32_t length;

	if (size < TRAILER)
		return 0;
	size -= TRAILER;
	memcpy(choice, data + size, TRAILER);
	begin(choice);
	memset(&state, 0, sizeof(state));
	memset(&pids, 0, sizeof(pids));
	memset(holds, 0, sizeof(holds));
	memset(&numbers, 0, sizeof(numbers));
	for (; size > 2; data += length, size -= length) {
		length = (uint32_t)(data[0] << 8 | data[1]) % 2048;
		data += 2;
		size -= 2;
		if (length > size)
			length = (uint32_t)size;
		datagram(data, length, words[choice[7] % 4]);
	}
	return 0;
}
