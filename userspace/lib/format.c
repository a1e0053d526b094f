// SPDX-License-Identifier: Apache-2.0
/*
 * A command and its parameters back to text: the line that parses to them, and the synopsis.
 */
#include <ctype.h>
#include <string.h>

#include <ecswitch/cleanup.h>

#include "grammar.h"

/* Quotes what the script reader would not take for one plain word. */
static void put_word(FILE *out, const char *word)
{
	bool plain = *word && *word != '#' && !strchr(word, '"');

	for (const char *p = word; *p; p++)
		plain &= !isspace((unsigned char)*p);
	fputc(' ', out);
	if (plain) {
		fputs(word, out);
		return;
	}
	fputc('"', out);
	for (const char *p = word; *p; p++) {
		if (*p == '"' || *p == '\\')
			fputc('\\', out);
		fputc(*p, out);
	}
	fputc('"', out);
}

static void put_param(FILE *out, const struct ecs_param *param, const json_t *value)
{
	if (!value || json_is_false(value))
		return;
	if (param->keyword)
		fprintf(out, " %s", param->keyword);
	if (json_is_null(value))
		fputs(" none", out);
	else if (json_is_integer(value))
		fprintf(out, " %" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_string(value))
		put_word(out, json_string_value(value));
}

char *ecs_command_format(const struct ecs_command *command, const json_t *params)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fputs(command->words, out);
	for (const struct ecs_param *param = command->params; param->type; param++)
		put_param(out, param, json_object_get(params, param->name));
	if (json_is_true(json_object_get(params, "if_needed")))
		fputs(" --if-needed", out);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

void ecs_command_synopsis(const struct ecs_command *command, char *buf, size_t size)
{
	size_t used = (size_t)snprintf(buf, size, "%s", command->words);

	for (const struct ecs_param *param = command->params; param->type && used < size; param++) {
		/* In a "set", none takes something away; elsewhere leaving it out says the same. */
		bool none = param->nullable && (command->flags & ECS_COMMAND_SET);
		const char *word = param->type == ECS_TYPE_FLAG ? "" : ecs_param_word(param);

		used += (size_t)snprintf(
			buf + used, size - used, " %s%s%s%s%s%s", param->optional ? "[" : "",
			param->keyword ? param->keyword : "", param->keyword && *word ? " " : "",
			word, none ? (*word ? "|none" : " [none]") : "",
			param->optional ? "]" : "");
	}
}
