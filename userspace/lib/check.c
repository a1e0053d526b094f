// SPDX-License-Identifier: Apache-2.0
/*
 * Parameters that came by JSON-RPC against the table. The peer may send anything; what passes
 * here is exactly what the command line could have said.
 */
#include <errno.h>
#include <string.h>

#include "grammar.h"

static int check_switch(const struct ecs_command *command, const char *key, const json_t *value,
			unsigned int flag, struct ecs_err *err)
{
	if (!(command->flags & flag))
		return ecs_fail(err, -EINVAL, "%s: \"%s\" makes no sense here: leave it out",
				command->method, key);
	if (!json_is_boolean(value))
		return ecs_fail(err, -EINVAL, "%s: \"%s\" must be true or false", command->method,
				key);
	return 0;
}

static int fail_key(const struct ecs_command *command, const char *key, struct ecs_err *err)
{
	struct ecs_nearest nearest = {.word = key};
	char quoted[ECS_QUOTE_MAX], hint[64];

	for (const struct ecs_param *param = command->params; param->type; param++)
		ecs_nearest_offer(&nearest, param->name, strlen(param->name));
	return ecs_fail(err, -EINVAL, "%s: unknown parameter %s%s", command->method,
			ecs_quote(quoted, key), ecs_nearest_hint(&nearest, hint, sizeof(hint)));
}

static int check_key(const struct ecs_command *command, const char *key, json_t *value,
		     struct ecs_err *err)
{
	const struct ecs_param *param = ecs_param_by_name(command, key);
	char expects[ECS_EXPECTS_MAX];

	if (!strcmp(key, "if_needed"))
		return check_switch(command, key, value, ECS_COMMAND_CONFIG, err);
	if (!strcmp(key, "dry_run"))
		return check_switch(command, key, value, ECS_COMMAND_WRITE, err);
	if (!param)
		return fail_key(command, key, err);
	/* The daemon has another working folder than whoever asks. */
	if (!ecs_param_check(param, value) ||
	    (param->type == ECS_TYPE_PATH && json_string_value(value)[0] != '/'))
		return ecs_fail(err, -EINVAL, "%s: \"%s\" must be %s%s", command->method, key,
				ecs_param_expects(param, expects, sizeof(expects)),
				param->type == ECS_TYPE_PATH ? " that starts with '/'" : "");
	return 0;
}

static int check_line(const char *name, json_t *entry, struct ecs_err *err)
{
	const char *method = json_string_value(json_object_get(entry, "method"));
	const struct ecs_command *command = method ? ecs_command_by_method(method) : NULL;
	json_t *line = json_object_get(entry, "line"), *params = json_object_get(entry, "params");
	struct ecs_err reason;
	int rc;

	if (!json_is_integer(line) || json_integer_value(line) < 0 || !method)
		return ecs_fail(err, -EINVAL,
				"\"commands\" must be a list of {line, method, params}");
	if (!command || !(command->flags & ECS_COMMAND_CONFIG))
		rc = ecs_fail(&reason, -EINVAL, "not a method of a configuration");
	else
		rc = ecs_params_check(command, params, &reason);
	if (rc < 0)
		return ecs_fail(err, rc, "%s:%" JSON_INTEGER_FORMAT ": %s", name,
				json_integer_value(line), reason.text);
	return 0;
}

static int check_script(const struct ecs_command *command, json_t *params, struct ecs_err *err)
{
	const char *name = json_string_value(json_object_get(params, "name")), *key;
	json_t *commands = json_object_get(params, "commands"), *value;
	char quoted[ECS_QUOTE_MAX];
	size_t i;

	if (!name || !json_is_array(commands))
		return ecs_fail(err, -EINVAL,
				"%s: \"name\" (string) and \"commands\" (list) are needed",
				command->method);
	json_object_foreach (params, key, value) {
		if (!strcmp(key, "dry_run")) {
			if (!json_is_boolean(value))
				return check_switch(command, key, value, ECS_COMMAND_WRITE, err);
		} else if (strcmp(key, "name") && strcmp(key, "commands")) {
			return ecs_fail(err, -EINVAL, "%s: unknown parameter %s", command->method,
					ecs_quote(quoted, key));
		}
	}
	json_array_foreach (commands, i, value) {
		int rc = check_line(name, value, err);

		if (rc < 0)
			return rc;
	}
	return 0;
}

int ecs_params_check(const struct ecs_command *command, json_t *params, struct ecs_err *err)
{
	const char *key;
	json_t *value;

	if (params && !json_is_object(params))
		return ecs_fail(err, -EINVAL, "%s: parameters must be an object", command->method);
	if (command->flags & ECS_COMMAND_SCRIPT)
		return check_script(command, params, err);
	json_object_foreach (params, key, value) {
		int rc = check_key(command, key, value, err);

		if (rc < 0)
			return rc;
	}
	return ecs_command_complete(command, params, err);
}
