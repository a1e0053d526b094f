// SPDX-License-Identifier: Apache-2.0
/*
 * Files of commands: read and parsed here, so that an error names the file and the line as the
 * user knows them, and so that a file can be checked where no daemon runs.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ecswitch/cleanup.h>

#include "../lib/config.h"
#include "cli.h"

/* "--if-needed" before a script counts for each of its commands. */
static int mark_if_needed(json_t *commands)
{
	json_t *entry;
	size_t i;

	json_array_foreach (commands, i, entry) {
		if (json_object_set_new(json_object_get(entry, "params"), "if_needed",
					json_true()) < 0)
			return -ENOMEM;
	}
	return 0;
}

int ecs_cli_script_read(const struct ecs_cli *cli, const char *path, json_t **params,
			struct ecs_err *err)
{
	bool from_stdin = !strcmp(path, "-");
	const char *name = from_stdin ? "stdin" : path;
	ECS_FCLOSE FILE *file = from_stdin ? NULL : fopen(path, "re");
	json_t *commands, *object;
	int rc;

	if (!file && !from_stdin)
		return ecs_fail(err, -errno, "%s: cannot be opened: %m", path);
	rc = ecs_script_parse(from_stdin ? stdin : file, name, &commands, err);
	if (rc < 0)
		return rc;
	if (cli->if_needed && mark_if_needed(commands) < 0) {
		json_decref(commands);
		return ecs_fail(err, -ENOMEM, "out of memory");
	}
	object = json_pack("{s:s, s:o}", "name", name, "commands", commands);
	if (!object)
		return ecs_fail(err, -EINVAL, "the name of the file is not UTF-8; rename it");
	*params = object;
	return 0;
}

static int check_commands(struct ecs_config *config, const char *name, const json_t *commands,
			  struct ecs_err *err)
{
	const json_t *entry;
	size_t i;

	json_array_foreach (commands, i, entry) {
		const char *method = json_string_value(json_object_get(entry, "method"));
		struct ecs_err reason;
		bool changed;
		int rc = ecs_config_apply(config, ecs_command_by_method(method),
					  json_object_get(entry, "params"), &changed, &reason);

		if (rc < 0)
			return ecs_fail(err, rc, "%s:%d: %s", name,
					(int)json_integer_value(json_object_get(entry, "line")),
					reason.text);
	}
	return 0;
}

int ecs_cli_script_check(const struct ecs_cli *cli, const char *path, json_t **result,
			 struct ecs_err *err)
{
	struct ecs_config *config;
	json_t *params;
	const json_t *commands;
	const char *name;
	int rc = ecs_cli_script_read(cli, path, &params, err);

	if (rc < 0)
		return rc;
	config = ecs_config_new();
	commands = json_object_get(params, "commands");
	name = json_string_value(json_object_get(params, "name"));
	rc = config ? check_commands(config, name, commands, err)
		    : ecs_fail(err, -ENOMEM, "out of memory");
	if (rc == 0)
		*result = json_pack("{s:s, s:i}", "file", name, "commands",
				    (int)json_array_size(commands));
	ecs_config_free(config);
	json_decref(params);
	return rc;
}
