// SPDX-License-Identifier: Apache-2.0
/*
 * Which frames a policy of a cast keeps, on streams that are nothing but types, sizes and times.
 */
#include "unit.h"

#include "kernel/decide.h"
#include "userspace/lib/policy.h"

#define TICK 3600 /* 25 frames a second */

static struct ecs_cast_group_state group;
static struct ecs_policy policy;
static uint32_t now_ticks;
static char kept[4096];

static void begin(const char *text)
{
	memset(&group, 0, sizeof(group));
	assert_int_equal(ecs_policy_parse(text, &policy), 0);
	now_ticks = 0xfffff000; /* the clock of streams wraps around */
}

/* One frame: K, P, b as a stream's types; l is a b, and L a P, that refers to before its keyframe.
 * Return: whether it was kept. */
static int decide(char c)
{
	const struct ecs_picture frame = {
		.type = c == 'K'	       ? ECS_FRAME_KEY
			: c == 'P' || c == 'L' ? ECS_FRAME_REF
			: c == '?'	       ? ECS_FRAME_UNKNOWN
					       : ECS_FRAME_NONREF,
		.leading = c == 'l' || c == 'L',
		.time = now_ticks,
		.now_ns = 1000000000ull + (uint64_t)(uint32_t)(now_ticks - 0xfffff000) * 100000 / 9,
	};

	now_ticks += TICK;
	return !ecs_decide_frame(&policy, &group, &group.lane[0], &frame);
}

/* What is left of a stream: dots for what was dropped. */
static const char *left_of(const char *stream)
{
	size_t i;

	for (i = 0; stream[i]; i++)
		kept[i] = decide(stream[i]) ? stream[i] : '.';
	kept[i] = '\0';
	return kept;
}

static void assert_left(const char *text, const char *stream, const char *wanted)
{
	begin(text);
	assert_string_equal(left_of(stream), wanted);
}

static void gop_counts_frames_until_it_knows_the_gop(void **unused)
{
	/* 4 references and 4 others in a GOP: 2 of those may stay. */
	assert_left("gop 6", "KbPbPbPbKbPbPbPbKbPbPbPb", "KbPbPb..K.PbP.PbK.PbP.Pb");
	/* Fewer than the references: the tail goes. */
	assert_left("gop 3", "KbPbPbPbKbPbPbPb", "KbP.....K.P.P...");
	assert_left("gop 1", "KbPbKbPbKbPb", "K...K...K...");
	assert_left("gop 100", "KbPbKbPb", "KbPbKbPb");
	/* A longer GOP than the last one: no more than was asked for. */
	assert_left("gop 4", "KPPKPPPPPPK", "KPPKPPP...K");
}

static void gop_half_is_half_of_what_the_last_one_had(void **unused)
{
	assert_left("gop half", "KbPbPbPbKbPbPbPbKb", "KbPbPbPbK.P.P.P.K.");
	assert_left("gop half", "KPPPPPKPPPPPK", "KPPPPPKPP...K");
}

static void nothing_is_decimated_before_the_first_keyframe(void **unused)
{
	assert_left("gop 1", "PbPbPKPP", "PbPbPK..");
	assert_left("fps 1", "PbPbPb", "PbPbPb");
}

/* Frames of a second, over 40 seconds, from those of the keyframes to more than there are. */
static void fps_is_met_on_average(void **unused)
{
	char text[16];

	for (unsigned int fps = 2; fps <= 30; fps++) {
		unsigned int sent = 0, damaged = 0, seconds = 40;

		snprintf(text, sizeof(text), "fps %u", fps);
		begin(text);
		left_of("KbPbPbPbPbPbPbPbPbPbPbPbPbPbPbPb"); /* 32 frames, to learn from */
		for (unsigned int i = 0; i < seconds * 25 / 20; i++) {
			const char *left = left_of("KbbPbbPbbPbbPbbPbbPb"); /* 0.8 s */
			int broken = 0;

			if (i == 0)
				continue;
			for (const char *p = left; *p; p++) {
				sent += *p != '.';
				broken |= *p == '.' && (p - left) % 3 == 0;
				damaged += broken && *p != '.';
			}
		}
		assert_int_equal(damaged, 0);
		if (fps >= 25)
			assert_int_equal(sent, 49 * 20);
		else
			assert_in_range(sent, fps * 49 * 8 / 10 - 1, fps * 49 * 8 / 10 + 1);
	}
}

static void jump_of_the_clock_says_nothing_about_the_gop(void **unused)
{
	begin("fps 5");
	left_of("KPPPPPPPPP");
	assert_string_equal(left_of("KPPPPPPPPP"), "KP........");
	now_ticks += 100 * 90000;
	assert_string_equal(left_of("KPPPPPPPPP"), "KP........");
	now_ticks -= 400 * 90000;
	assert_string_equal(left_of("KPPPPPPPPP"), "KP........");
}

static void who_loses_a_reference_gets_nothing_before_a_keyframe(void **unused)
{
	assert_left("drop ref 100% force", "KbPbPKbP", "Kb...Kb.");
	assert_left("drop key 100% force", "KbPbKbPb", "........");
	assert_left("drop ref 50% force", "KPPPPKPPP", "KP...KP..");
}

/* In an open GOP the first frames refer to the one before. */
static void frames_that_lead_a_keyframe_go_with_what_they_refer_to(void **unused)
{
	assert_left("drop ref 100% force", "KlPKlbPKlb", "Kl.K.b.K.b");
	assert_left("gop 3", "KPPPKLLPKLLP", "KPP.K..PKLL.");
	assert_left("ref", "KPlPKLlP", "KP.PKL.P");
}

static void unknown_frame_is_always_kept(void **unused)
{
	assert_left("key", "?P?bK?", "?.?.K?");
	assert_left("gop 2", "KPP?KPP?", "KP.?KP.?");
}

/* A policy takes its state over from another one: the next keyframe mends what is missing. */
static void change_of_policy_waits_for_a_keyframe_only_if_references_are_missing(void **unused)
{
	begin("key");
	assert_string_equal(left_of("KbP"), "K..");
	ecs_policy_parse("all", &policy);
	assert_string_equal(left_of("bPbKlbP"), "...K.bP");
	ecs_policy_parse("ref", &policy);
	assert_string_equal(left_of("bPbP"), ".P.P");
	ecs_policy_parse("all", &policy);
	assert_string_equal(left_of("bPbP"), "bPbP");
}

static void stream_without_keyframes_comes_back_after_a_while(void **unused)
{
	begin("key");
	assert_string_equal(left_of("PPPP"), "....");
	ecs_policy_parse("all", &policy);
	assert_string_equal(left_of("PPPP"), "....");
	now_ticks += 10 * 90000;
	assert_string_equal(left_of("PPPP"), "PPPP");
}

/* As with intra refresh, whose first frame alone is a keyframe. */
static void stream_that_has_no_more_keyframes_comes_back_for_good(void **unused)
{
	static const char *const texts[] = {"gop 3", "drop ref 100% force", "key"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		begin(texts[i]);
		assert_string_equal(left_of("KPPPPP") + 3, "...");
		now_ticks += 59 * 90000;
		assert_string_equal(left_of("PP"), "..");
		now_ticks += 90000;
		if (policy.kind == ECS_POLICY_DROP) /* by force */
			ecs_policy_parse("all", &policy);
		assert_string_equal(left_of("PPbP"), "PPbP");
		/* One more, and all is as it was. */
		if (policy.kind != ECS_POLICY_ALL)
			assert_string_equal(left_of("KPPPPP") + 3, "...");
	}
}

/* Frames that others refer to never come back with "rate" if nothing mends the first loss. */
static void rate_ends_no_stream_without_keyframes(void **unused)
{
	unsigned int sent = 0;

	begin("rate 100k");
	decide('K');
	for (int i = 0; i < 25 * 120; i++) {
		int out = decide('P');

		sent += out;
		ecs_decide_charge(&policy, &group, out ? 20000 : 0);
	}
	assert_in_range(sent, 25 * 59, 25 * 120);
}

/* --- rate -------------------------------------------------------------------------------- */

struct flow {
	const char *gop;	       /* repeated */
	unsigned int key, ref, nonref; /* bytes */
	unsigned int other;	       /* bytes behind each frame, that are always sent */
};

static unsigned int references; /* that went out in the last flow() */

/* Bits a second that go out, over 20 s after 4; @damaged: frames that miss a reference. */
static unsigned int flow(const struct flow *flow, const char *text, unsigned int *damaged)
{
	uint64_t bytes = 0;
	int broken = 0;

	begin(text);
	*damaged = references = 0;
	for (unsigned int i = 0; i < 25 * 24; i++) {
		char c = flow->gop[i % strlen(flow->gop)];
		unsigned int size = c == 'K' ? flow->key : c == 'P' ? flow->ref : flow->nonref;
		int sent = decide(c);

		size = sent ? size : 0;
		references += sent && c != 'b';
		if (c == 'K')
			broken = !sent;
		else if (c == 'P')
			broken |= !sent;
		*damaged += sent && broken;
		size += flow->other;
		ecs_decide_charge(&policy, &group, size);
		if (i >= 25 * 4)
			bytes += size;
	}
	return bytes * 8 / 20;
}

static void rate_is_met_within_five_percent_and_damages_nothing(void **unused)
{
	/* About 4, 4 and 1.6 Mbit/s; keyframes of up to half of a GOP. */
	static const struct flow flows[] = {
		{"KbbPbbPbbPbbPbbPbbPbbPbbP", 100000, 30000, 12000, 1000},
		{"KPPPPPPPPPPP", 40000, 19000, 0, 500},
		{"KbPbPbPbPbPbPbPbPbPbPbPbPbPbPbPbPbPbPbPbPbPbPbPbPb", 150000, 6000, 3000, 100},
	};
	static const char *const rates[] = {"rate 500k",  "rate 800k", "rate 1M",
					    "rate 1500k", "rate 2M",   "rate 3M"};
	unsigned int damaged, all;

	for (size_t i = 0; i < sizeof(flows) / sizeof(flows[0]); i++) {
		all = flow(&flows[i], "all", &damaged);
		for (size_t k = 0; k < sizeof(rates) / sizeof(rates[0]); k++) {
			unsigned int got = flow(&flows[i], rates[k], &damaged);
			unsigned int wanted = policy.value < all ? policy.value : all;

			assert_int_equal(damaged, 0);
			if (got < wanted / 20 * 19 || got > wanted / 20 * 21)
				fail_msg("stream %zu of %u: %u instead of %s", i, all, got,
					 rates[k]);
		}
	}
}

static void rate_above_the_streams_drops_nothing(void **unused)
{
	static const struct flow one = {"KbbPbbPbbPbbPbbPbbPbbPbbP", 100000, 30000, 12000, 1000};
	unsigned int damaged, all = flow(&one, "all", &damaged);

	assert_int_equal(flow(&one, "rate 6M", &damaged), all);
}

/* The droppable frames are enough: no reference goes. */
static void rate_takes_droppable_frames_first(void **unused)
{
	static const struct flow one = {"KbbPbbPbbPbbPbbPbbPbbPbbP", 60000, 10000, 12000, 0};
	unsigned int damaged;

	flow(&one, "rate 2M", &damaged);
	assert_int_equal(references, 9 * 24);
}

static void rate_survives_any_clock_and_value(void **unused)
{
	struct ecs_picture frame = {};

	begin("rate 4294M");
	srandom(1);
	for (int i = 0; i < 100000; i++) {
		frame.type = random() % ECS_FRAMES;
		frame.time = (uint32_t)random() * 2;
		frame.now_ns = ((uint64_t)random() << 32 | (uint64_t)random()) >> (random() % 64);
		ecs_decide_frame(&policy, &group, &group.lane[0], &frame);
		ecs_decide_charge(&policy, &group, random() % 65536);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gop_counts_frames_until_it_knows_the_gop),
		cmocka_unit_test(gop_half_is_half_of_what_the_last_one_had),
		cmocka_unit_test(nothing_is_decimated_before_the_first_keyframe),
		cmocka_unit_test(fps_is_met_on_average),
		cmocka_unit_test(jump_of_the_clock_says_nothing_about_the_gop),
		cmocka_unit_test(who_loses_a_reference_gets_nothing_before_a_keyframe),
		cmocka_unit_test(frames_that_lead_a_keyframe_go_with_what_they_refer_to),
		cmocka_unit_test(unknown_frame_is_always_kept),
		cmocka_unit_test(
			change_of_policy_waits_for_a_keyframe_only_if_references_are_missing),
		cmocka_unit_test(stream_without_keyframes_comes_back_after_a_while),
		cmocka_unit_test(stream_that_has_no_more_keyframes_comes_back_for_good),
		cmocka_unit_test(rate_ends_no_stream_without_keyframes),
		cmocka_unit_test(rate_is_met_within_five_percent_and_damages_nothing),
		cmocka_unit_test(rate_above_the_streams_drops_nothing),
		cmocka_unit_test(rate_takes_droppable_frames_first),
		cmocka_unit_test(rate_survives_any_clock_and_value),
	};

	return cmocka_run_group_tests_name("decide", tests, NULL, NULL);
}
