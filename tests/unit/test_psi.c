// SPDX-License-Identifier: Apache-2.0
/*
 * Program tables of transport streams: long ones, several in one packet, damaged and late ones,
 * and what a change of them leaves as it was.
 */
#include "unit.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/ts.h"
#include "ts_stream.h"

#define VIDEO 0x100
#define AUDIO 0x200

static struct ecs_ts_work work;
static struct ecs_cast_state state;
static struct ecs_cast_pids pids;
static struct ts_stream stream;
static uint8_t bytes[4096];
static const uint16_t pmt_pids[] = {0x1000, 0x1001, 0x1002, 0x1003, 0x1004, 0x1005};

/* What was added since the last call comes, each packet alone. */
static void look(void)
{
	struct ecs_ts ts = {&work, &state, &pids};

	for (size_t i = 0; i < stream.packets; i++) {
		memcpy(work.data, &stream.data[i * ECS_TS_LEN], ECS_TS_LEN);
		assert_int_equal(ecs_ts_datagram(&ts, 1), 0);
	}
	stream.packets = 0;
}

static void begin(size_t programs)
{
	memset(&state, 0, sizeof(state));
	memset(&pids, 0, sizeof(pids));
	memset(&stream, 0, sizeof(stream));
	ts_sections_add(&stream, ECS_PID_PAT, bytes, ts_pat(bytes, pmt_pids, programs, 0), 0);
	look();
}

/* A PMT of one video and @sounds others, each with @info bytes of descriptors. */
static size_t long_pmt(uint8_t *p, uint16_t video, size_t sounds, uint8_t info, uint8_t version)
{
	struct ts_es es[64] = {{0x1b, video, info}};

	for (size_t i = 0; i < sounds; i++)
		es[1 + i] = (struct ts_es){0x0f, AUDIO + i, info};
	return ts_pmt(p, es, 1 + sounds, version);
}

static void pmt_add(uint16_t pid, size_t n)
{
	ts_sections_add(&stream, pid, bytes, n, 0);
}

static void section_of_several_packets_is_followed(void **unused)
{
	begin(1);
	pmt_add(pmt_pids[0], long_pmt(bytes, VIDEO, 20, 40, 0));
	assert_int_equal(stream.packets, 6);
	look();
	assert_int_equal(pids.kind[VIDEO], ECS_PID_VIDEO);
	for (int i = 0; i < 20; i++)
		assert_int_equal(pids.kind[AUDIO + i], ECS_PID_AUDIO);
}

static void longest_section_is_followed(void **unused)
{
	size_t n;

	begin(1);
	n = long_pmt(bytes, VIDEO, 3, 247, 0);
	assert_int_equal(n, ECS_SECTION_MAX);
	pmt_add(pmt_pids[0], n);
	look();
	assert_int_equal(state.video[0].pid, VIDEO);
	assert_int_equal(pids.kind[AUDIO + 2], ECS_PID_AUDIO);
}

static void section_with_a_gap_counts_for_nothing(void **unused)
{
	begin(1);
	pmt_add(pmt_pids[0], long_pmt(bytes, VIDEO, 20, 40, 0));
	memmove(&stream.data[2 * ECS_TS_LEN], &stream.data[3 * ECS_TS_LEN], 3 * ECS_TS_LEN);
	stream.packets--;
	look();
	assert_int_equal(state.video[0].codec, ECS_CODEC_NONE);
	pmt_add(pmt_pids[0], long_pmt(bytes, VIDEO, 20, 40, 0));
	look();
	assert_int_equal(state.video[0].codec, ECS_CODEC_H264);
}

static void packet_sent_twice_is_in_a_section_once(void **unused)
{
	begin(1);
	pmt_add(pmt_pids[0], long_pmt(bytes, VIDEO, 20, 40, 0));
	for (size_t i = 0; i < 12; i += 2) {
		memmove(&stream.data[(i + 1) * ECS_TS_LEN], &stream.data[i * ECS_TS_LEN],
			(++stream.packets - i - 1) * ECS_TS_LEN);
	}
	look();
	assert_int_equal(state.video[0].codec, ECS_CODEC_H264);
	assert_int_equal(pids.kind[AUDIO + 19], ECS_PID_AUDIO);
}

static void damaged_section_counts_for_nothing(void **unused)
{
	begin(1);
	pmt_add(pmt_pids[0], long_pmt(bytes, VIDEO, 20, 40, 0));
	stream.data[3 * ECS_TS_LEN + 50] ^= 1;
	look();
	assert_int_equal(state.video[0].codec, ECS_CODEC_NONE);
}

static void table_that_is_not_yet_in_force_counts_for_nothing(void **unused)
{
	size_t n;

	begin(1);
	n = long_pmt(bytes, VIDEO, 1, 0, 0);
	bytes[5] &= ~1;
	pmt_add(pmt_pids[0], ts_section_end(bytes, n - 4));
	look();
	assert_int_equal(state.video[0].codec, ECS_CODEC_NONE);
}

/* A table of somebody else's, then ours; and a section that ends in front of the next one. */
static void sections_may_share_a_packet(void **unused)
{
	size_t n;

	begin(1);
	memset(bytes, 0x42, 60);
	n = ts_section_end(bytes, 60);
	n += long_pmt(bytes + n, VIDEO, 2, 0, 0);
	pmt_add(pmt_pids[0], n);
	assert_int_equal(stream.packets, 1);
	look();
	assert_int_equal(state.video[0].pid, VIDEO);
}

static void section_may_end_where_the_next_one_begins(void **unused)
{
	uint8_t *p;
	size_t n, rest;

	begin(1);
	n = long_pmt(bytes, VIDEO, 15, 10, 0);
	assert_in_range(n, 190, 290);
	rest = n - 183;
	p = ts_packet_add(&stream, pmt_pids[0], 1);
	p[4] = 0;
	memcpy(p + 5, bytes, 183);
	p = ts_packet_add(&stream, pmt_pids[0], 1);
	p[4] = rest;
	memcpy(p + 5, bytes + 183, rest);
	/* The new one is another version, and goes on in a third packet. */
	n = long_pmt(bytes, VIDEO + 1, 15, 10, 1);
	memcpy(p + 5 + rest, bytes, 183 - rest);
	look();
	assert_int_equal(state.video[0].pid, VIDEO);
	p = ts_packet_add(&stream, pmt_pids[0], 0);
	memcpy(p + 4, bytes + 183 - rest, n - (183 - rest));
	look();
	assert_int_equal(state.video[0].pid, VIDEO + 1);
	assert_int_equal(pids.kind[VIDEO], ECS_PID_OTHER);
}

static void several_programs_are_followed(void **unused)
{
	begin(6);
	for (int i = 0; i < 6; i++) {
		struct ts_es es[] = {{0x1b, VIDEO + i, 0}, {0x0f, AUDIO + i, 0}};
		size_t n = ts_pmt(bytes, es, 2, 0);

		bytes[4] = i + 1;
		pmt_add(pmt_pids[i], ts_section_end(bytes, n - 4));
	}
	look();
	for (int i = 0; i < 6; i++)
		assert_int_equal(pids.kind[VIDEO + i],
				 i < ECS_CAST_PROGRAMS ? ECS_PID_VIDEO | i : ECS_PID_OTHER);
}

static void programs_may_have_their_tables_on_one_pid(void **unused)
{
	const uint16_t same[] = {0x1000, 0x1000};
	size_t n = 0;

	begin(0);
	ts_sections_add(&stream, ECS_PID_PAT, bytes, ts_pat(bytes, same, 2, 1), 0);
	for (int i = 0; i < 2; i++) {
		struct ts_es es[] = {{0x1b, VIDEO + i, 0}};
		size_t one = ts_pmt(bytes + n, es, 1, 0);

		bytes[n + 4] = i + 1;
		n += ts_section_end(bytes + n, one - 4);
	}
	pmt_add(0x1000, n);
	look();
	assert_int_equal(state.video[0].pid, VIDEO);
	assert_int_equal(state.video[1].pid, VIDEO + 1);
	assert_int_equal(state.video[1].program, 1);
}

/* A new sound, or a program beside it, is no reason to lose what is known of a video. */
static void what_a_change_leaves_goes_on(void **unused)
{
	begin(1);
	pmt_add(pmt_pids[0], long_pmt(bytes, VIDEO, 1, 0, 0));
	look();
	state.video[0].last_cc = 0x85;
	state.video[0].looking = 1;
	pmt_add(pmt_pids[0], long_pmt(bytes, VIDEO, 2, 0, 1));
	look();
	assert_int_equal(pids.kind[AUDIO + 1], ECS_PID_AUDIO);
	ts_sections_add(&stream, ECS_PID_PAT, bytes, ts_pat(bytes, pmt_pids, 2, 1), 0);
	look();
	assert_int_equal(state.program[1].pmt_pid, pmt_pids[1]);
	assert_int_equal(pids.kind[VIDEO], ECS_PID_VIDEO);
	assert_int_equal(state.video[0].last_cc, 0x85);
	assert_int_equal(state.video[0].looking, 1);
	/* Sounds that are gone are forgotten; so is the video with another PID or codec. */
	pmt_add(pmt_pids[0], long_pmt(bytes, VIDEO + 1, 1, 0, 2));
	look();
	assert_int_equal(pids.kind[AUDIO + 1], ECS_PID_OTHER);
	assert_int_equal(pids.kind[VIDEO], ECS_PID_OTHER);
	assert_int_equal(pids.kind[VIDEO + 1], ECS_PID_VIDEO);
	assert_int_equal(state.video[0].last_cc, 0);
}

static void program_that_is_gone_is_forgotten(void **unused)
{
	begin(2);
	for (int i = 0; i < 2; i++) {
		struct ts_es es[] = {{0x1b, VIDEO + i, 0}};
		size_t n = ts_pmt(bytes, es, 1, 0);

		bytes[4] = i + 1;
		pmt_add(pmt_pids[i], ts_section_end(bytes, n - 4));
	}
	look();
	assert_int_equal(pids.kind[VIDEO + 1], ECS_PID_VIDEO | 1);
	ts_sections_add(&stream, ECS_PID_PAT, bytes, ts_pat(bytes, pmt_pids, 1, 1), 0);
	look();
	assert_int_equal(pids.kind[VIDEO], ECS_PID_VIDEO);
	assert_int_equal(pids.kind[VIDEO + 1], ECS_PID_OTHER);
	assert_int_equal(pids.kind[pmt_pids[1]], ECS_PID_OTHER);
	assert_int_equal(state.video[1].codec, ECS_CODEC_NONE);
}

/* Programs 1 and 2, each with a table of its own, and both with the same video. */
static void begin_with_one_video_in_two(void)
{
	struct ts_es es[] = {{0x1b, VIDEO, 0}};

	begin(2);
	for (int i = 0; i < 2; i++) {
		size_t n = ts_pmt(bytes, es, 1, 0);

		bytes[4] = i + 1;
		pmt_add(pmt_pids[i], ts_section_end(bytes, n - 4));
	}
	look();
	assert_int_equal(state.video[0].program, 0);
	assert_int_equal(state.video[1].codec, ECS_CODEC_NONE);
}

/* The table of program 2 as it came before: the video is that program's now. */
static void assert_second_takes_the_video(void)
{
	const struct ecs_cast_video *video;
	struct ts_es es[] = {{0x1b, VIDEO, 0}};
	size_t n = ts_pmt(bytes, es, 1, 0);

	bytes[4] = 2;
	pmt_add(pmt_pids[1], ts_section_end(bytes, n - 4));
	look();
	assert_int_equal(pids.kind[VIDEO] & ECS_PID_VIDEO, ECS_PID_VIDEO);
	video = &state.video[pids.kind[VIDEO] & ~ECS_PID_VIDEO];
	assert_int_equal(video->pid, VIDEO);
	assert_int_equal(video->codec, ECS_CODEC_H264);
	assert_int_equal(state.program[video->program].number, 2);
}

static void video_of_two_programs_stays_when_one_leaves(void **unused)
{
	begin_with_one_video_in_two();
	ts_pat(bytes, pmt_pids, 2, 1);
	memmove(bytes + 8, bytes + 12, 4);
	ts_sections_add(&stream, ECS_PID_PAT, bytes, ts_section_end(bytes, 12), 0);
	look();
	assert_int_equal(pids.kind[pmt_pids[0]], ECS_PID_OTHER);
	assert_second_takes_the_video();
}

static void video_of_two_programs_stays_when_one_gives_it_up(void **unused)
{
	begin_with_one_video_in_two();
	pmt_add(pmt_pids[0], long_pmt(bytes, VIDEO + 1, 0, 0, 1));
	look();
	assert_int_equal(pids.kind[VIDEO], ECS_PID_OTHER);
	assert_int_equal(pids.kind[VIDEO + 1], ECS_PID_VIDEO);
	assert_second_takes_the_video();
}

static void private_sound_is_known_by_its_descriptors(void **unused)
{
	static const uint8_t descriptors[][8] = {
		{0x05, 4, 'O', 'p', 'u', 's'}, {0x0a, 0, 0x6a, 0}, {0x05, 4, 'D', 'T', 'S', '2'},
		{0x05, 4, 'K', 'L', 'V', 'A'}, {0x59, 6}, /* subtitles */
	};
	struct ts_es es[ECS_ARRAY_SIZE(descriptors)];
	size_t n;

	begin(1);
	for (size_t i = 0; i < ECS_ARRAY_SIZE(descriptors); i++)
		es[i] = (struct ts_es){0x06, AUDIO + i, 8};
	n = ts_pmt(bytes, es, ECS_ARRAY_SIZE(es), 0);
	for (size_t i = 0; i < ECS_ARRAY_SIZE(descriptors); i++)
		memcpy(&bytes[12 + i * 13 + 5], descriptors[i], 8);
	pmt_add(pmt_pids[0], ts_section_end(bytes, n - 4));
	look();
	for (int i = 0; i < 5; i++)
		assert_int_equal(pids.kind[AUDIO + i], i < 3 ? ECS_PID_AUDIO : ECS_PID_OTHER);
}

/* Of another program, or a table's. */
static void pid_that_is_taken_is_not_taken_over(void **unused)
{
	struct ts_es first = {0x1b, VIDEO, 0}, second[] = {{0x0f, VIDEO, 0}, {0x0f, 0x1000, 0}};

	begin(2);
	pmt_add(pmt_pids[0], ts_pmt(bytes, &first, 1, 0));
	look();
	ts_pmt(bytes, second, 2, 0);
	bytes[4] = 2;
	pmt_add(pmt_pids[1], ts_section_end(bytes, 12 + 2 * 5));
	look();
	assert_int_equal(pids.kind[VIDEO], ECS_PID_VIDEO);
	assert_int_equal(pids.kind[pmt_pids[0]], ECS_PID_PMT);
	assert_true(state.program[1].crc);
}

static void section_behind_the_first_counts_for_nothing(void **unused)
{
	struct ts_es es = {0x1b, VIDEO, 0};
	size_t n;

	begin(1);
	n = ts_pmt(bytes, &es, 1, 0);
	bytes[6] = bytes[7] = 1;
	pmt_add(pmt_pids[0], ts_section_end(bytes, n - 4));
	look();
	assert_int_equal(state.video[0].codec, ECS_CODEC_NONE);
}

static void more_streams_than_there_is_room_for_pass(void **unused)
{
	struct ts_es es[40];

	begin(1);
	for (int i = 0; i < 40; i++)
		es[i] = (struct ts_es){i < 6 ? 0x1b : 0x0f, VIDEO + i, 0};
	pmt_add(pmt_pids[0], ts_pmt(bytes, es, 40, 0));
	look();
	for (int i = 0; i < 6; i++)
		assert_int_equal(pids.kind[VIDEO + i],
				 i < ECS_CAST_VIDEOS ? ECS_PID_VIDEO | i : ECS_PID_OTHER);
	assert_int_equal(pids.kind[VIDEO + 6], ECS_PID_AUDIO);
	assert_int_equal(state.program[0].pids, ECS_CAST_PIDS);
}

/* Under the sanitizers: whatever the tables say, nothing is read or written out of place. */
static void hostile_tables_harm_nothing(void **unused)
{
	srandom(1);
	begin(4);
	for (int i = 0; i < 30000; i++) {
		uint16_t pid = random() % 3 ? pmt_pids[random() % 4] : ECS_PID_PAT;
		size_t n = pid ? long_pmt(bytes, random(), random() % 40, random() % 20, i)
			       : ts_pat(bytes, pmt_pids, random() % 6, i);

		if (random() % 2)
			ts_section_end(bytes, n - 4 - (size_t)random() % 3);
		if (random() % 2)
			bytes[(size_t)random() % n] = random();
		ts_sections_add(&stream, pid, bytes, n, random() % 2 ? random() % 150 : 0);
		if (random() % 2)
			stream.data[4 + (size_t)random() % 180] = random();
		if (random() % 8 == 0)
			stream.packets--;
		look();
	}
	for (int i = 0; i < ECS_CAST_PROGRAMS; i++)
		assert_true(state.program[i].pids <= ECS_CAST_PIDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(section_of_several_packets_is_followed),
		cmocka_unit_test(longest_section_is_followed),
		cmocka_unit_test(section_with_a_gap_counts_for_nothing),
		cmocka_unit_test(packet_sent_twice_is_in_a_section_once),
		cmocka_unit_test(damaged_section_counts_for_nothing),
		cmocka_unit_test(table_that_is_not_yet_in_force_counts_for_nothing),
		cmocka_unit_test(sections_may_share_a_packet),
		cmocka_unit_test(section_may_end_where_the_next_one_begins),
		cmocka_unit_test(several_programs_are_followed),
		cmocka_unit_test(programs_may_have_their_tables_on_one_pid),
		cmocka_unit_test(what_a_change_leaves_goes_on),
		cmocka_unit_test(program_that_is_gone_is_forgotten),
		cmocka_unit_test(video_of_two_programs_stays_when_one_leaves),
		cmocka_unit_test(video_of_two_programs_stays_when_one_gives_it_up),
		cmocka_unit_test(private_sound_is_known_by_its_descriptors),
		cmocka_unit_test(pid_that_is_taken_is_not_taken_over),
		cmocka_unit_test(section_behind_the_first_counts_for_nothing),
		cmocka_unit_test(more_streams_than_there_is_room_for_pass),
		cmocka_unit_test(hostile_tables_harm_nothing),
	};

	return cmocka_run_group_tests_name("psi", tests, NULL, NULL);
}
