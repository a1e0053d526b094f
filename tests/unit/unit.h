/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the unit tests of the library and the command line share: cmocka's own headers in their
 * order, and words and JSON without ceremony.
 */
#ifndef ECSWITCH_UNIT_H
#define ECSWITCH_UNIT_H

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include <ecswitch/cleanup.h>
#include <ecswitch/err.h>

#include "userspace/lib/commands.h"

/** unit_json - JSON with ' for ", so that it can be read in C. New reference. */
static inline json_t *unit_json(const char *text)
{
	ECS_FREE char *copy = strdup(text);
	json_error_t why;
	json_t *json;

	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	json = json_loads(copy, JSON_DECODE_ANY, &why);
	if (!json)
		fail_msg("%s: %s", text, why.text);
	return json;
}

/** unit_parse - a line, split at spaces, by ecs_command_parse(). */
static inline int unit_parse(const char *line, const struct ecs_command **command, json_t **params,
			     struct ecs_err *err)
{
	ECS_FREE char *copy = strdup(line);
	char *words[ECS_WORDS_MAX + 2], *save = NULL;
	int n = 0;

	for (char *word = strtok_r(copy, " ", &save); word && n < ECS_WORDS_MAX + 2;
	     word = strtok_r(NULL, " ", &save))
		words[n++] = word;
	return ecs_command_parse(n, words, command, params, err);
}

/** unit_assert_json - @json (whose reference goes) says the same as @expected. */
static inline void unit_assert_json(json_t *json, const char *expected)
{
	json_t *want = unit_json(expected);
	ECS_FREE char *text = json_dumps(json, JSON_ENCODE_ANY);

	if (!json_equal(json, want))
		fail_msg("%s, expected %s", text, expected);
	json_decref(want);
	json_decref(json);
}

/** unit_assert_has - @text contains @part. */
static inline void unit_assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" does not contain \"%s\"", text, part);
}

#endif
