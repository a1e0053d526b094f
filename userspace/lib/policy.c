// SPDX-License-Identifier: Apache-2.0
/*
 * Policies of a cast: their words and their meaning for who changes from one to another, and the
 * steps of "auto".
 */
#include "policy.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <ecswitch/cleanup.h>
#include "types.h"

#define WORDS_MAX 12 /* "drop ref 10% force audio drop nulls strip join now" */
#define FPS_MAX 240
#define GOP_MAX 1000
#define RATE_MIN 1000

static const char *const types[] = {
	[ECS_FRAME_KEY] = "key",
	[ECS_FRAME_REF] = "ref",
	[ECS_FRAME_NONREF] = "nonref",
};

static const struct {
	const char *word;
	uint8_t kind;
	int words; /* of the policy, before its options */
} kinds[] = {{"all", ECS_POLICY_ALL, 1},   {"key", ECS_POLICY_KEY, 1},	{"ref", ECS_POLICY_REF, 1},
	     {"thin", ECS_POLICY_DROP, 2}, {"fps", ECS_POLICY_FPS, 2},	{"gop", ECS_POLICY_GOP, 2},
	     {"rate", ECS_POLICY_RATE, 2}, {"auto", ECS_POLICY_AUTO, 1}};

const char *ecs_policy_word(size_t i)
{
	if (i < ECS_ARRAY_SIZE(kinds))
		return kinds[i].word;
	return i == ECS_ARRAY_SIZE(kinds) ? "drop" : NULL;
}

static const struct {
	const char *word;
	const char *plain, *other; /* its values; the second one sets the flag */
	uint8_t flag;
} options[] = {
	{"audio", "keep", "drop", ECS_POLICY_NO_AUDIO},
	{"nulls", "keep", "strip", ECS_POLICY_NO_NULLS},
	{"join", "key", "now", ECS_POLICY_JOIN_NOW},
};

/* "50%" */
static int parse_percent(const char *word, __u8 *out)
{
	size_t len = strlen(word);
	char digits[4] = "";
	uint64_t number;

	if (len < 2 || len > sizeof(digits) || word[len - 1] != '%')
		return -EINVAL;
	memcpy(digits, word, len - 1);
	if (ecs_uint_parse(digits, 0, 100, &number) < 0)
		return -EINVAL;
	*out = number;
	return 0;
}

static int parse_number(const char *word, uint64_t max, __u32 *out)
{
	uint64_t number;

	if (ecs_uint_parse(word, 1, max, &number) < 0)
		return -EINVAL;
	*out = number;
	return 0;
}

/* "2M", "500k", "64000" */
static int parse_rate(const char *word, __u32 *out)
{
	size_t len = strlen(word);
	uint64_t unit = 1, number;
	char digits[16] = "";

	if (!len || len >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, word, len);
	if (digits[len - 1] == 'k')
		unit = 1000;
	else if (digits[len - 1] == 'M')
		unit = 1000000;
	if (unit > 1)
		digits[len - 1] = '\0';
	if (ecs_uint_parse(digits, 1, UINT32_MAX / unit, &number) < 0 || number * unit < RATE_MIN)
		return -EINVAL;
	*out = number * unit;
	return 0;
}

static int parse_type(const char *word, __u8 *out)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(word, types[i]))
			continue;
		*out = i;
		return 0;
	}
	return -EINVAL;
}

/* "drop TYPE N% [force]". Return: words used. */
static int parse_drop(int n, char *words[], struct ecs_policy *policy)
{
	bool force = n > 3 && !strcmp(words[3], "force");

	policy->kind = ECS_POLICY_DROP;
	if (n < 3 || parse_type(words[1], &policy->type) < 0 ||
	    parse_percent(words[2], &policy->percent) < 0)
		return -EINVAL;
	/* Whoever takes references out must say that he means it. */
	if (!force && policy->type != ECS_FRAME_NONREF)
		return -EINVAL;
	return force ? 4 : 3;
}

static int parse_value(const char *word, struct ecs_policy *policy)
{
	switch (policy->kind) {
	case ECS_POLICY_FPS:
		return parse_number(word, FPS_MAX, &policy->value);
	case ECS_POLICY_GOP:
		return strcmp(word, "half") ? parse_number(word, GOP_MAX, &policy->value) : 0;
	case ECS_POLICY_RATE:
		return parse_rate(word, &policy->value);
	default:
		policy->type = ECS_FRAME_NONREF;
		return parse_percent(word, &policy->percent);
	}
}

/* Return: words used by what the policy keeps. */
static int parse_kind(int n, char *words[], struct ecs_policy *policy)
{
	if (!strcmp(words[0], "drop"))
		return parse_drop(n, words, policy);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(words[0], kinds[i].word))
			continue;
		policy->kind = kinds[i].kind;
		if (n < kinds[i].words)
			return -EINVAL;
		if (kinds[i].words == 2 && parse_value(words[1], policy) < 0)
			return -EINVAL;
		return kinds[i].words;
	}
	return -EINVAL;
}

static int parse_option(char *words[], uint8_t *seen, struct ecs_policy *policy)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		bool set = !strcmp(words[1], options[i].other);

		if (strcmp(words[0], options[i].word))
			continue;
		if ((*seen & options[i].flag) || (!set && strcmp(words[1], options[i].plain)))
			return -EINVAL;
		*seen |= options[i].flag;
		policy->flags |= set ? options[i].flag : 0;
		return 0;
	}
	return -EINVAL;
}

int ecs_policy_parse(const char *text, struct ecs_policy *out)
{
	struct ecs_policy policy = {};
	char copy[ECS_POLICY_TEXT_MAX], *words[WORDS_MAX], *save = NULL;
	int n = 0, used;
	uint8_t seen = 0;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		if (n == WORDS_MAX)
			return -EINVAL;
		words[n++] = word;
	}
	used = n ? parse_kind(n, words, &policy) : -EINVAL;
	if (used < 0)
		return used;
	for (; used < n; used += 2)
		if (used + 1 == n || parse_option(words + used, &seen, &policy) < 0)
			return -EINVAL;
	*out = policy;
	return 0;
}

static void format_rate(char *text, uint32_t rate)
{
	if (rate % 1000000 == 0)
		snprintf(text, ECS_POLICY_TEXT_MAX, "rate %uM", rate / 1000000);
	else if (rate % 1000 == 0)
		snprintf(text, ECS_POLICY_TEXT_MAX, "rate %uk", rate / 1000);
	else
		snprintf(text, ECS_POLICY_TEXT_MAX, "rate %u", rate);
}

static void format_kind(const struct ecs_policy *policy, char *text)
{
	switch (policy->kind) {
	case ECS_POLICY_DROP:
		if (policy->type == ECS_FRAME_NONREF)
			snprintf(text, ECS_POLICY_TEXT_MAX, "thin %u%%", policy->percent);
		else
			snprintf(text, ECS_POLICY_TEXT_MAX, "drop %s %u%% force",
				 policy->type == ECS_FRAME_REF ? "ref" : "key", policy->percent);
		break;
	case ECS_POLICY_FPS:
		snprintf(text, ECS_POLICY_TEXT_MAX, "fps %u", policy->value);
		break;
	case ECS_POLICY_GOP:
		if (policy->value)
			snprintf(text, ECS_POLICY_TEXT_MAX, "gop %u", policy->value);
		else
			strcpy(text, "gop half");
		break;
	case ECS_POLICY_RATE:
		format_rate(text, policy->value);
		break;
	default:
		strcpy(text, "all");
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			if (policy->kind == kinds[i].kind)
				strcpy(text, kinds[i].word);
	}
}

char *ecs_policy_format(const struct ecs_policy *policy, char text[ECS_POLICY_TEXT_MAX])
{
	format_kind(policy, text);
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		size_t len = strlen(text);

		if (policy->flags & options[i].flag)
			snprintf(text + len, ECS_POLICY_TEXT_MAX - len, " %s %s", options[i].word,
				 options[i].other);
	}
	return text;
}

static bool is_option(const char *word)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (!strcmp(word, options[i].word))
			return true;
	return false;
}

int ecs_policy_words(int argc, char *const argv[])
{
	int n = 1;

	if (!strcmp(argv[0], "drop"))
		n = argc > 3 && !strcmp(argv[3], "force") ? 4 : 3;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(argv[0], kinds[i].word))
			n = kinds[i].words;
	while (n < argc && is_option(argv[n]))
		n += 2;
	return n < argc ? n : argc;
}

bool ecs_policy_same(const struct ecs_policy *a, const struct ecs_policy *b)
{
	return !memcmp(a, b, sizeof(*a));
}

bool ecs_policy_changes(const struct ecs_policy *policy)
{
	return policy->kind != ECS_POLICY_ALL ||
	       (policy->flags & (ECS_POLICY_NO_AUDIO | ECS_POLICY_NO_NULLS));
}

struct ecs_policy ecs_policy_step(const struct ecs_policy *policy, unsigned int step)
{
	static const struct ecs_policy steps[ECS_POLICY_STEPS] = {
		{.kind = ECS_POLICY_ALL},
		{.kind = ECS_POLICY_DROP, .type = ECS_FRAME_NONREF, .percent = 50},
		{.kind = ECS_POLICY_REF},
		{.kind = ECS_POLICY_GOP},
		{.kind = ECS_POLICY_KEY},
	};
	struct ecs_policy result = *policy;

	if (policy->kind != ECS_POLICY_AUTO)
		return result;
	result = steps[step < ECS_POLICY_STEPS ? step : ECS_POLICY_STEPS - 1];
	result.flags = policy->flags;
	return result;
}

unsigned int ecs_policy_step_of(const struct ecs_policy *policy)
{
	const struct ecs_policy follower = {.kind = ECS_POLICY_AUTO, .flags = policy->flags};

	for (unsigned int step = 0; step < ECS_POLICY_STEPS; step++) {
		struct ecs_policy one = ecs_policy_step(&follower, step);

		if (ecs_policy_same(&one, policy))
			return step;
	}
	return 0;
}
