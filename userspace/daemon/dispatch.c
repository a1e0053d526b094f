// SPDX-License-Identifier: Apache-2.0
/* Finds who serves a request. */
#include "dispatch.h"

#include <errno.h>
#include <string.h>

#include "handle.h"
#include "userspace/lib/commands.h"
#include "userspace/lib/log.h"
#include "userspace/lib/rpc.h"

static int check(const struct ecs_command *command, bool writer, json_t *params,
		 struct ecs_err *err)
{
	if (!writer && (command->flags & (ECS_COMMAND_WRITE | ECS_COMMAND_CONFIG))) {
		ecs_fail(err, 0, "only root may call \"%s\"", command->method);
		return ECS_RPC_FORBIDDEN;
	}
	if (command->flags & ECS_COMMAND_SCRIPT)
		return 0; /* the handler checks the script */
	return ecs_params_check(command, params, err) < 0 ? ECS_RPC_INVALID_PARAMS : 0;
}

/* Return: 0 or a JSON-RPC error code. */
static int serve(struct ecs_daemon *d, const struct ecs_request *request, json_t *params,
		 struct ecs_dispatch *out, json_t **result, struct ecs_err *err)
{
	const struct ecs_command *command = ecs_command_by_method(request->method);
	ecs_handler handle = ecs_handler_find(request->method);
	int r;

	if (!command ||
	    (!handle && !(command->flags & (ECS_COMMAND_CONFIG | ECS_COMMAND_STREAM)))) {
		ecs_fail(err, 0, "no method \"%s\"", request->method);
		return ECS_RPC_METHOD_NOT_FOUND;
	}
	r = check(command, out->writer, params, err);
	if (r)
		return r;
	if (command->flags & ECS_COMMAND_STREAM) {
		out->monitor = true;
		*result = json_pack("{s:b}", "monitoring", 1);
		return 0;
	}
	if (handle)
		r = handle(d, params, result, err);
	else
		r = ecs_change_one(d, command->method, params, result, err);
	return r < 0 ? ECS_RPC_REFUSED : 0;
}

void ecs_dispatch(struct ecs_daemon *d, const char *line, size_t len, struct ecs_dispatch *out)
{
	struct ecs_request request = {};
	json_t *message = NULL, *result = NULL, *params;
	struct ecs_err err = {};
	int code = 0;

	if (ecs_request_parse(line, len, &message, &request, &code, &err) < 0) {
		out->answer = ecs_rpc_error(NULL, code, err.text);
		return;
	}
	params = request.params ? json_incref(request.params) : json_object();
	code = serve(d, &request, params, out, &result, &err);
	json_decref(params);
	if (!request.id)
		json_decref(result); /* a notification wants no answer */
	else if (code)
		out->answer = ecs_rpc_error(request.id, code, err.text);
	else
		out->answer = ecs_rpc_result(request.id, result);
	json_decref(message);
}
