// SPDX-License-Identifier: Apache-2.0
/* Policies of a cast: their words and their meaning for who changes from one to another. */
#include "policy.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "types.h"

#define WORDS_MAX 4 /* "drop ref 10% force" */

static const char *const types[] = {
	[ECS_FRAME_KEY] = "key",
	[ECS_FRAME_REF] = "ref",
	[ECS_FRAME_NONREF] = "nonref",
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

static int parse_words(int n, char *words[], struct ecs_policy *policy)
{
	static const char *const plain[] = {
		[ECS_POLICY_ALL] = "all", [ECS_POLICY_KEY] = "key", [ECS_POLICY_REF] = "ref"};

	for (int kind = ECS_POLICY_ALL; n == 1 && kind <= ECS_POLICY_REF; kind++) {
		if (strcmp(words[0], plain[kind]))
			continue;
		policy->kind = kind;
		return 0;
	}
	policy->kind = ECS_POLICY_DROP;
	policy->type = ECS_FRAME_NONREF;
	if (n == 2 && !strcmp(words[0], "thin"))
		return parse_percent(words[1], &policy->percent);
	if (n < 3 || n > 4 || strcmp(words[0], "drop") || parse_type(words[1], &policy->type) < 0)
		return -EINVAL;
	if (n == 4 && strcmp(words[3], "force"))
		return -EINVAL;
	/* Whoever takes references out must say that he means it. */
	if (n == 3 && policy->type != ECS_FRAME_NONREF)
		return -EINVAL;
	return parse_percent(words[2], &policy->percent);
}

int ecs_policy_parse(const char *text, struct ecs_policy *out)
{
	struct ecs_policy policy = {};
	char copy[ECS_POLICY_TEXT_MAX], *words[WORDS_MAX], *save = NULL;
	int n = 0;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		if (n == WORDS_MAX)
			return -EINVAL;
		words[n++] = word;
	}
	if (!n || parse_words(n, words, &policy) < 0)
		return -EINVAL;
	*out = policy;
	return 0;
}

char *ecs_policy_format(const struct ecs_policy *policy, char text[ECS_POLICY_TEXT_MAX])
{
	switch (policy->kind) {
	case ECS_POLICY_KEY:
		return strcpy(text, "key");
	case ECS_POLICY_REF:
		return strcpy(text, "ref");
	case ECS_POLICY_DROP:
		if (policy->type == ECS_FRAME_NONREF)
			snprintf(text, ECS_POLICY_TEXT_MAX, "thin %u%%", policy->percent);
		else
			snprintf(text, ECS_POLICY_TEXT_MAX, "drop %s %u%% force",
				 policy->type == ECS_FRAME_REF ? "ref" : "key", policy->percent);
		return text;
	default:
		return strcpy(text, "all");
	}
}

int ecs_policy_words(int argc, char *const argv[])
{
	int n = 1;

	if (!strcmp(argv[0], "thin"))
		n = 2;
	else if (!strcmp(argv[0], "drop"))
		n = argc > 3 && !strcmp(argv[3], "force") ? 4 : 3;
	return n < argc ? n : argc;
}

bool ecs_policy_same(const struct ecs_policy *a, const struct ecs_policy *b)
{
	return a->kind == b->kind && a->type == b->type && a->percent == b->percent;
}

bool ecs_policy_clean(const struct ecs_policy *policy)
{
	if (policy->kind == ECS_POLICY_DROP)
		return policy->type == ECS_FRAME_NONREF || !policy->percent;
	return policy->kind != ECS_POLICY_KEY;
}
