/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the readers of the table share: one parameter's value from text and from JSON, and words
 * for messages. Private to the library and to the CLI's completion.
 */
#ifndef ECSWITCH_GRAMMAR_H
#define ECSWITCH_GRAMMAR_H

#include "commands.h"

#define ECS_QUOTE_MAX 72
#define ECS_EXPECTS_MAX 192

/** ecs_quote - "word" in quotes, shortened and cleaned, for a message. Return: @buf. */
char *ecs_quote(char buf[ECS_QUOTE_MAX], const char *word);

/** ecs_param_expects - "a number from 1 to 4094", into @buf. Return: @buf. */
char *ecs_param_expects(const struct ecs_param *param, char *buf, size_t size);

/** ecs_param_word - how help shows the value: "VID", "tap|veth". */
const char *ecs_param_word(const struct ecs_param *param);

/** ecs_param_by_name, ecs_param_by_keyword - Return: parameter or NULL. */
const struct ecs_param *ecs_param_by_name(const struct ecs_command *command, const char *name);
const struct ecs_param *ecs_param_by_keyword(const struct ecs_command *command, const char *word);

/**
 * ecs_param_from_text - a word to its JSON value
 *
 * Return: new reference, or NULL if the word is no value of this type.
 */
json_t *ecs_param_from_text(const struct ecs_param *param, const char *text);

/**
 * ecs_param_check - whether a JSON value is one of this type; a MAC becomes canonical in place
 */
bool ecs_param_check(const struct ecs_param *param, json_t *value);

/** ecs_command_complete - all required parameters are there. Return: 0; -EINVAL. */
int ecs_command_complete(const struct ecs_command *command, const json_t *params,
			 struct ecs_err *err);

/* Finds the candidate nearest to a word. Start with {.word = …}, offer, then ask hint(). */
struct ecs_nearest {
	const char *word;
	char best[40];
	size_t distance; /* valid when best is not empty */
};

/** ecs_nearest_offer - one candidate of @len bytes. */
void ecs_nearest_offer(struct ecs_nearest *nearest, const char *candidate, size_t len);

/** ecs_nearest_hint - "; did you mean "x"?" or nothing, into @buf. Return: @buf. */
char *ecs_nearest_hint(const struct ecs_nearest *nearest, char *buf, size_t size);

#endif
