// SPDX-License-Identifier: Apache-2.0
/*
 * Transport streams with a PES packet for each slice, which is right (ISO/IEC 13818-1 2.4.3.7) and
 * says of none but the first slice's what picture it is of. Tables are those of tests/data.
 */
#include "cast_test.h"

#define TABLES_PID 0x1000 /* of the only program */
#define VIDEO_PID 0x100
#define PICTURES 24
#define SLICES 3
#define DOUBTFUL 4 /* pictures at first: one such PES packet may be a damaged one */

#define UNIT(...)                                                                                  \
	{                                                                                          \
		sizeof((uint8_t[]){0, 0, 1, __VA_ARGS__}),                                         \
		{                                                                                  \
			0, 0, 1, __VA_ARGS__                                                       \
		}                                                                                  \
	}

/* How a codec's pictures begin, and the slices behind their first one. */
struct coded {
	enum ct_stream tables;
	struct {
		uint32_t length;
		uint8_t bytes[16];
	} key, ref, nonref, more;
};

static const struct coded h264 = {
	.tables = CT_H264,
	.key = UNIT(0x65, 0x88),
	.ref = UNIT(0x41, 0x9a),
	.nonref = UNIT(0x01, 0x9e),
	.more = UNIT(0x01, 0x46),
};
static const struct coded hevc = {
	.tables = CT_HEVC,
	.key = UNIT(0x42, 0x01, 0x01, 0, 0, 1, 0x26, 0x01, 0xaf),
	.ref = UNIT(0x02, 0x01, 0xd0),
	.nonref = UNIT(0x00, 0x01, 0xe0),
	.more = UNIT(0x00, 0x01, 0x12),
};
static const struct coded mpeg2 = {
	.tables = CT_MPEG2,
	.key = UNIT(0x00, 0x00, 0x08, 0xff, 0xf8, 0, 0, 1, 1, 0x12),
	.ref = UNIT(0x00, 0x00, 0x50, 0xff, 0xf8, 0, 0, 1, 1, 0x12),
	.nonref = UNIT(0x00, 0x00, 0x98, 0xff, 0xf8, 0, 0, 1, 1, 0x12),
	.more = UNIT(0x02, 0x12),
};

/* A sender, and the datagram that it makes. */
struct sender {
	const struct coded *coded;
	struct ct_file file;
	uint8_t data[CT_DATAGRAM];
	uint8_t cc;
};

static void put_table(struct sender *s, uint32_t place, uint16_t pid)
{
	const uint8_t *p = s->file.data;

	while (((p[1] & 0x1f) << 8 | p[2]) != pid)
		p += ECS_TS_LEN;
	memcpy(s->data + place * ECS_TS_LEN, p, ECS_TS_LEN);
}

/* A packet of the video, in which a PES packet begins if @start. */
static void put_slice(struct sender *s, uint32_t place, bool start, const uint8_t *bytes,
		      uint32_t n)
{
	static const uint8_t pes[] = {0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5, 0x21, 0, 1, 0, 1};
	uint8_t *p = s->data + place * ECS_TS_LEN;

	memset(p, 0xaa, ECS_TS_LEN);
	p[0] = 0x47;
	p[1] = (start ? 0x40 : 0) | VIDEO_PID >> 8;
	p[2] = VIDEO_PID & 0xff;
	p[3] = 0x10 | (s->cc++ & 15);
	p += 4;
	if (start)
		memcpy(p, pes, sizeof(pes));
	memcpy(p + (start ? sizeof(pes) : 0), bytes, n);
}

/* The tables, and picture @i of which each second one goes; @apart: in a PES packet a slice. */
static void make_picture(struct sender *s, uint32_t i, bool apart)
{
	const struct coded *c = s->coded;

	put_table(s, 0, 0);
	put_table(s, 1, TABLES_PID);
	if (i % 12 == 0)
		put_slice(s, 2, true, c->key.bytes, c->key.length);
	else if (i % 2)
		put_slice(s, 2, true, c->nonref.bytes, c->nonref.length);
	else
		put_slice(s, 2, true, c->ref.bytes, c->ref.length);
	for (uint32_t n = 1; n < SLICES; n++)
		put_slice(s, 2 + n, apart, c->more.bytes, c->more.length);
	for (uint32_t n = 2 + SLICES; n < 7; n++) {
		memset(s->data + n * ECS_TS_LEN, 0xff, ECS_TS_LEN);
		memcpy(s->data + n * ECS_TS_LEN, (uint8_t[]){0x47, 0x1f, 0xff, 0x10}, 4);
	}
}

/* Return: datagrams, behind the first ones, of which the receiver of "ref" got all. */
static uint32_t play(struct bt *bt, const struct coded *coded, bool apart)
{
	struct sender s = {.coded = coded, .file = ct_load(coded->tables)};
	struct bt_frame frame, got;
	struct ct_cast cast = {};
	uint32_t whole = 0;

	ct_group(&cast, ECS_POLICY_REF, 0, 0);
	ct_to(&cast, bt, 1);
	ct_sink(&cast, bt);
	ct_set(bt, &cast, 4, 0);
	for (uint32_t i = 0; i < PICTURES; i++) {
		make_picture(&s, i, apart);
		ct_frame(bt, &frame, 4, 0, s.data, CT_DATAGRAM, CT_SUM);
		ct_run(bt, &frame);
		assert_true(ct_copy(bt, &cast, 0, 1, &got));
		whole += ct_check(&got) == CT_DATAGRAM && i >= DOUBTFUL;
	}
	return whole;
}

static void assert_passes_apart_alone(void **state, const struct coded *coded)
{
	struct bt *bt = *state;

	assert_int_equal(play(bt, coded, false), (PICTURES - DOUBTFUL) / 2);
	assert_int_equal(ct_group_state(bt, 0, 0).dropped[ECS_FRAME_NONREF], PICTURES / 2);
	assert_int_equal(ct_state(bt, 0).passed[ECS_CAST_PASS_SEVERAL], 0);
	ct_test_setup(state);
	assert_int_equal(play(bt, coded, true), PICTURES - DOUBTFUL);
	assert_true(ct_state(bt, 0).passed[ECS_CAST_PASS_SEVERAL] >=
		    (PICTURES - DOUBTFUL) * SLICES);
	assert_true(ct_group_state(bt, 0, 0).sent[ECS_FRAME_UNKNOWN] >= PICTURES - DOUBTFUL);
}

static void h264_with_a_pes_packet_a_slice_passes_whole(void **state)
{
	assert_passes_apart_alone(state, &h264);
}

static void hevc_with_a_pes_packet_a_slice_passes_whole(void **state)
{
	assert_passes_apart_alone(state, &hevc);
}

static void mpeg2_with_a_pes_packet_a_slice_passes_whole(void **state)
{
	assert_passes_apart_alone(state, &mpeg2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CT_TEST(h264_with_a_pes_packet_a_slice_passes_whole),
		CT_TEST(hevc_with_a_pes_packet_a_slice_passes_whole),
		CT_TEST(mpeg2_with_a_pes_packet_a_slice_passes_whole),
	};

	return cmocka_run_group_tests_name("cast_pes", tests, ct_setup, ct_teardown);
}
