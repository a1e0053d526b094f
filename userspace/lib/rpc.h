/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON-RPC 2.0 messages, one object a line, as the control socket speaks it, and where an
 * instance keeps its things.
 */
#ifndef ECSWITCH_RPC_H
#define ECSWITCH_RPC_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>
#include <ecswitch/err.h>

#define ECS_RPC_LINE_MAX (4u << 20) /* bytes of one message; longer ones are refused */

#define ECS_RPC_PARSE_ERROR (-32700)
#define ECS_RPC_INVALID_REQUEST (-32600)
#define ECS_RPC_METHOD_NOT_FOUND (-32601)
#define ECS_RPC_INVALID_PARAMS (-32602)
#define ECS_RPC_REFUSED (-32000)   /* understood, but not done; the message says why */
#define ECS_RPC_FORBIDDEN (-32001) /* the peer's credentials do not allow it */

struct ecs_request {
	json_t *id;	    /* borrowed from the message; NULL for a notification */
	const char *method; /* borrowed */
	json_t *params;	    /* borrowed; NULL if absent */
};

/**
 * ecs_request_parse - one line to a request
 * @message: out, new reference that @out borrows from (set on success, NULL on failure)
 * @code:    out, JSON-RPC error code on failure
 *
 * Return: 0; -EINVAL with text in @err.
 */
int ecs_request_parse(const char *line, size_t len, json_t **message, struct ecs_request *out,
		      int *code, struct ecs_err *err);

/** New messages; @id is borrowed and may be NULL (JSON null), @result and @params are stolen. */
json_t *ecs_rpc_request(int id, const char *method, json_t *params);
json_t *ecs_rpc_result(json_t *id, json_t *result);
json_t *ecs_rpc_error(json_t *id, int code, const char *text);
json_t *ecs_rpc_event(json_t *params); /* notification with method "event" */

/** ecs_instance_valid - an instance name: like a network's, shorter than 32. */
bool ecs_instance_valid(const char *name);
/** Paths of an instance, malloc'd: /run/ecswitch/NAME.sock and so on. */
char *ecs_path_socket(const char *instance);
char *ecs_path_lock(const char *instance);
char *ecs_path_pins(const char *instance);   /* /sys/fs/bpf/ecswitch/NAME */
char *ecs_path_config(const char *instance); /* main: ecswitch.conf, else NAME.conf */

#endif
