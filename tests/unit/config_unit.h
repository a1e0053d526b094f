/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configurations made of command lines, and compared as such.
 */
#ifndef ECSWITCH_CONFIG_UNIT_H
#define ECSWITCH_CONFIG_UNIT_H

#include "unit.h"

#include "userspace/lib/config.h"

/* Runs one line. Return: as ecs_config_apply(). */
static inline int run(struct ecs_config *config, const char *line, bool *changed,
		      struct ecs_err *err)
{
	const struct ecs_command *command;
	json_t *params;
	int rc;

	if (unit_parse(line, &command, &params, err) < 0)
		fail_msg("%s: %s", line, err->text);
	rc = ecs_config_apply(config, command, params, changed, err);
	json_decref(params);
	return rc;
}

static inline struct ecs_config *make(const char *const lines[])
{
	struct ecs_config *config = ecs_config_new();

	for (; *lines; lines++) {
		struct ecs_err err;
		bool changed = false;

		if (run(config, *lines, &changed, &err) < 0)
			fail_msg("%s: %s", *lines, err.text);
		if (!changed)
			fail_msg("%s: changed nothing", *lines);
	}
	return config;
}

#define MAKE(...) make((const char *const[]){__VA_ARGS__, NULL})

/* The whole configuration as text, one command a line. */
static inline char *dump_text(const struct ecs_config *config)
{
	json_t *commands = ecs_config_dump(config), *entry;
	char *text = NULL;
	size_t size, i;
	FILE *out = open_memstream(&text, &size);

	json_array_foreach (commands, i, entry) {
		const char *method = json_string_value(json_object_get(entry, "method"));
		ECS_FREE char *line = ecs_command_format(ecs_command_by_method(method),
							 json_object_get(entry, "params"));

		fprintf(out, "%s\n", line);
	}
	fclose(out);
	json_decref(commands);
	return text;
}

static inline void assert_refused(struct ecs_config *config, const char *line, int code,
				  const char *why)
{
	ECS_FREE char *before = dump_text(config), *after = NULL;
	struct ecs_err err = {};
	bool changed = false;
	int rc = run(config, line, &changed, &err);

	if (rc != code)
		fail_msg("%s: %d (%s), expected %d", line, rc, err.text, code);
	unit_assert_has(err.text, why);
	assert_null(strchr(err.text, '\n'));
	assert_false(changed);
	after = dump_text(config);
	assert_string_equal(after, before);
}

static inline void assert_done(struct ecs_config *config, const char *line, bool expect_change)
{
	struct ecs_err err;
	bool changed = !expect_change;

	if (run(config, line, &changed, &err) < 0)
		fail_msg("%s: %s", line, err.text);
	if (changed != expect_change)
		fail_msg("%s: changed is %d", line, changed);
}

static inline void assert_dump(struct ecs_config *config, const char *expected)
{
	ECS_FREE char *text = dump_text(config);

	assert_string_equal(text, expected);
	ecs_config_free(config);
}

#endif
