// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzzes the configuration file: any bytes are parsed and, where they are commands, executed on a
 * configuration. What that holds in the end must come out of its dump again.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "userspace/lib/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct ecs_command *command_of(const json_t *entry)
{
	return ecs_command_by_method(json_string_value(json_object_get(entry, "method")));
}

/* A text that an error left must be one line, and there. */
static void check_text(const struct ecs_err *err)
{
	if (!err->text[0] || strchr(err->text, '\n'))
		abort();
}

static void run(struct ecs_config *config, const json_t *commands, int must_work)
{
	const json_t *entry;
	size_t i;

	json_array_foreach (commands, i, entry) {
		struct ecs_err err = {};
		bool changed;

		if (ecs_config_apply(config, command_of(entry), json_object_get(entry, "params"),
				     &changed, &err) < 0) {
			check_text(&err);
			if (must_work)
				abort();
		}
	}
}

/* The commands as a file, read again. */
static json_t *write_and_read(const json_t *commands)
{
	json_t *again = NULL;
	const json_t *entry;
	char *text = NULL;
	size_t size, i;
	FILE *file = open_memstream(&text, &size);

	json_array_foreach (commands, i, entry) {
		char *line =
			ecs_command_format(command_of(entry), json_object_get(entry, "params"));

		fprintf(file, "%s\n", line);
		free(line);
	}
	fputs("#\n", file); /* fmemopen() takes nothing empty */
	fclose(file);
	file = fmemopen(text, size, "r");
	if (ecs_script_parse(file, "again", &again, NULL) < 0)
		abort();
	fclose(file);
	free(text);
	return again;
}

static void check_config(const json_t *commands)
{
	struct ecs_config *config = ecs_config_new(), *twin, *again = ecs_config_new();
	json_t *dump, *dump_again, *read;

	run(config, commands, 0);
	twin = ecs_config_copy(config);
	dump = ecs_config_dump(twin);
	read = write_and_read(dump);
	run(again, read, 1);
	dump_again = ecs_config_dump(again);
	if (!json_equal(dump, dump_again))
		abort();
	json_decref(dump);
	json_decref(dump_again);
	json_decref(read);
	ecs_config_free(config);
	ecs_config_free(twin);
	ecs_config_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FILE *in = size ? fmemopen((void *)data, size, "r") : NULL;
	struct ecs_err err = {};
	json_t *commands = NULL;

	if (!in)
		return 0;
	if (ecs_script_parse(in, "fuzz", &commands, &err) < 0) {
		check_text(&err);
	} else {
		check_config(commands);
		json_decref(commands);
	}
	fclose(in);
	return 0;
}
