// SPDX-License-Identifier: Apache-2.0
/*
 * JSON-RPC 2.0 messages (https://www.jsonrpc.org/specification): requests from bytes that
 * nobody has looked at yet, and the messages that go out.
 */
#include <errno.h>
#include <string.h>

#include <ecswitch/cleanup.h>

#include "rpc.h"
#include "types.h"

static int fail_rpc(struct ecs_err *err, int *code, int rpc_code, const char *text)
{
	*code = rpc_code;
	return ecs_fail(err, -EINVAL, "%s", text);
}

static int check_request(const json_t *message, struct ecs_request *out, int *code,
			 struct ecs_err *err)
{
	const char *version = json_string_value(json_object_get(message, "jsonrpc"));
	json_t *id = json_object_get(message, "id");
	json_t *params = json_object_get(message, "params");
	const char *method = json_string_value(json_object_get(message, "method"));

	if (!json_is_object(message))
		return fail_rpc(err, code, ECS_RPC_INVALID_REQUEST,
				"a request is one JSON object (batches are not supported)");
	if (!version || strcmp(version, "2.0"))
		return fail_rpc(err, code, ECS_RPC_INVALID_REQUEST, "\"jsonrpc\" must be \"2.0\"");
	if (id && !json_is_string(id) && !json_is_number(id) && !json_is_null(id))
		return fail_rpc(err, code, ECS_RPC_INVALID_REQUEST,
				"\"id\" must be a string, a number or null");
	if (!method)
		return fail_rpc(err, code, ECS_RPC_INVALID_REQUEST, "\"method\" must be a string");
	if (params && !json_is_object(params))
		return fail_rpc(err, code, ECS_RPC_INVALID_PARAMS,
				"\"params\" must be an object: parameters go by name");
	*out = (struct ecs_request){.id = id, .method = method, .params = params};
	return 0;
}

int ecs_request_parse(const char *line, size_t len, json_t **message, struct ecs_request *out,
		      int *code, struct ecs_err *err)
{
	json_error_t why;
	json_t *parsed;
	int rc;

	*message = NULL;
	if (len > ECS_RPC_LINE_MAX)
		return fail_rpc(err, code, ECS_RPC_INVALID_REQUEST,
				"the message is larger than 4 MiB");
	parsed = json_loadb(line, len, JSON_REJECT_DUPLICATES, &why);
	if (!parsed) {
		*code = ECS_RPC_PARSE_ERROR;
		ecs_fail(err, -EINVAL, "not JSON: %s (byte %d)", why.text, why.position);
		if (err)
			ecs_text_clean(err->text);
		return -EINVAL;
	}
	rc = check_request(parsed, out, code, err);
	if (rc < 0)
		json_decref(parsed);
	else
		*message = parsed;
	return rc;
}

json_t *ecs_rpc_request(int id, const char *method, json_t *params)
{
	return params ? json_pack("{s:s, s:i, s:s, s:o}", "jsonrpc", "2.0", "id", id, "method",
				  method, "params", params)
		      : json_pack("{s:s, s:i, s:s}", "jsonrpc", "2.0", "id", id, "method", method);
}

json_t *ecs_rpc_result(json_t *id, json_t *result)
{
	return json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id", id ? id : json_null(), "result",
			 result ? result : json_null());
}

json_t *ecs_rpc_error(json_t *id, int code, const char *text)
{
	/* An error text may have been cut within a character, and JSON takes no half ones. */
	ECS_FREE char *clean = strdup(text);

	return json_pack("{s:s, s:O, s:{s:i, s:s}}", "jsonrpc", "2.0", "id", id ? id : json_null(),
			 "error", "code", code, "message",
			 clean ? ecs_text_clean(clean) : "out of memory");
}

json_t *ecs_rpc_event(json_t *params)
{
	return json_pack("{s:s, s:s, s:o}", "jsonrpc", "2.0", "method", "event", "params", params);
}
