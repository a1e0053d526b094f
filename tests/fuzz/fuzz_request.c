// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzzes the control protocol: any bytes as a message. Parameters that pass the check must be
 * such as a command line says too, and an answer must be possible to everything.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "userspace/lib/commands.h"
#include "userspace/lib/rpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void refuse(json_t *id, int code, const struct ecs_err *err)
{
	json_t *answer = ecs_rpc_error(id, code, err->text);

	if (!answer || !err->text[0] || strchr(err->text, '\n'))
		abort();
	json_decref(answer);
}

/* What passed must have a line, and the line these parameters. */
static void check_line(const struct ecs_command *command, json_t *params)
{
	json_t *again = NULL;
	char *line, *text;
	FILE *file;

	if (!(command->flags & ECS_COMMAND_CONFIG))
		return;
	json_object_del(params, "dry_run");
	line = ecs_command_format(command, params);
	file = fmemopen(line, strlen(line), "r");
	if (ecs_script_parse(file, "again", &again, NULL) < 0 || json_array_size(again) != 1)
		abort();
	/* A false that was given is a word that was not. */
	text = ecs_command_format(command, json_object_get(json_array_get(again, 0), "params"));
	if (strcmp(text, line))
		abort();
	fclose(file);
	json_decref(again);
	free(text);
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct ecs_command *command;
	struct ecs_request request;
	struct ecs_err err = {};
	json_t *message;
	int code = 0;

	if (ecs_request_parse((const char *)data, size, &message, &request, &code, &err) < 0) {
		if (message || !code)
			abort();
		refuse(NULL, code, &err);
		return 0;
	}
	command = ecs_command_by_method(request.method);
	if (command && ecs_params_check(command, request.params, &err) < 0)
		refuse(request.id, ECS_RPC_INVALID_PARAMS, &err);
	else if (command && request.params)
		check_line(command, request.params);
	json_decref(message);
	return 0;
}
