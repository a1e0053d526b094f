// SPDX-License-Identifier: Apache-2.0
/*
 * What a cast's look into a datagram costs: BPF_PROG_TEST_RUN on each of a real stream's datagrams
 * of 7 TS packets, less the same said to be several datagrams in one (GSO), which goes as it is.
 * Run by tests/bench/cast program.
 */
#include "cast_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "kernel/ecswitch.skel.h"

#define REPEAT 3000
#define ROUNDS 5
#define FILE_MAX (8 << 20)
#define PART 8 /* every so many-th datagram */

static uint32_t run_ns(struct bt *bt, const struct bt_frame *frame, uint32_t gso_size)
{
	struct __sk_buff in = {.ifindex = bt->end[0].ifindex, .gso_size = gso_size};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->data, .data_size_in = frame->len,
		    .ctx_in = &in, .ctx_size_in = sizeof(in), .repeat = REPEAT);

	assert_int_equal(
		bpf_prog_test_run_opts(bpf_program__fd(bt->bpf->progs.ecs_from_port), &opts), 0);
	return opts.duration;
}

/* Return: whether a video frame begins in the datagram, going by the PIDs that ffmpeg uses. */
static bool frame_begins(const uint8_t *data)
{
	for (int i = 0; i < 7; i++, data += ECS_TS_LEN)
		if ((data[1] & 0x5f) == 0x41 && data[2] == 0)
			return true;
	return false;
}

struct total {
	uint64_t ns, base;
	uint32_t count;
};

static void report(const char *what, const struct total *total)
{
	printf("%-52s %4u datagrams %6.0f ns\n", what, total->count,
	       ((double)total->ns - (double)total->base) / (total->count ?: 1));
}

static void measure(struct bt *bt, const struct ct_file *file, bool thinned)
{
	struct total all = {}, begins = {};
	struct ct_cast cast = {};
	struct bt_frame frame;
	char what[80];

	if (thinned)
		ct_group(&cast, ECS_POLICY_REF, 0, 0);
	ct_set(bt, &cast, 4, 0);
	for (uint32_t i = 0; i < file->datagrams; i++) {
		const uint8_t *data = file->data + (size_t)i * CT_DATAGRAM;
		uint32_t ns, base;

		ct_frame(bt, &frame, 4, 0, data, CT_DATAGRAM, CT_SUM_ZERO);
		ct_run(bt, &frame);
		if (i % PART && !frame_begins(data))
			continue;
		ns = run_ns(bt, &frame, 0);
		base = run_ns(bt, &frame, CT_DATAGRAM);
		if (frame_begins(data))
			begins = (struct total){begins.ns + ns, begins.base + base,
						begins.count + 1};
		if (i % PART == 0)
			all = (struct total){all.ns + ns, all.base + base, all.count + 1};
	}
	snprintf(what, sizeof(what), "a look into any datagram%s",
		 thinned ? ", and one policy" : "");
	report(what, &all);
	report("   into those in which a frame begins", &begins);
}

static const char *stream_name;

static struct ct_file load(const char *name)
{
	uint8_t *data = malloc(FILE_MAX);
	FILE *in = fopen(name, "re");
	size_t len;

	if (!in || !data)
		fail_msg("cannot read %s", name);
	len = fread(data, 1, FILE_MAX, in);
	fclose(in);
	return (struct ct_file){.data = data, .datagrams = (uint32_t)(len / CT_DATAGRAM)};
}

static void look(void **state)
{
	struct bt *bt = *state;
	struct ct_file file = load(stream_name);
	struct bt_frame frame;
	struct ct_cast cast = {};
	uint32_t ns;

	ct_set(bt, &cast, 4, 0);
	ct_frame(bt, &frame, 4, 0, file.data, CT_DATAGRAM, CT_SUM_ZERO);
	ns = run_ns(bt, &frame, CT_DATAGRAM);
	printf("%-52s %21u ns\n", "a cast's datagram that is not looked into, to nobody", ns);
	for (int i = 0; i < 2; i++)
		measure(bt, &file, i);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {CT_TEST(look)};

	if (argc != 2) {
		fprintf(stderr, "usage: bench_cast FILE.ts\n");
		return 2;
	}
	stream_name = argv[1];
	return cmocka_run_group_tests(tests, ct_setup, ct_teardown);
}
