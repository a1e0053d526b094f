/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's side of the control socket: connect, call, and follow events, each within a
 * timeout.
 */
#ifndef ECSWITCH_CLIENT_H
#define ECSWITCH_CLIENT_H

#include <jansson.h>
#include <ecswitch/err.h>

struct ecs_client;

/** ecs_client_open - connect to the daemon of @instance. Return: 0; -ECONNREFUSED or -ENOENT
 * (daemon not running; the text says how to start it); -EACCES; -ETIMEDOUT; -errno. */
int ecs_client_open(struct ecs_client **out, const char *instance, unsigned int timeout_ms,
		    struct ecs_err *err);
void ecs_client_close(struct ecs_client *client);

/**
 * ecs_client_call - one request and its answer
 * @params: stolen; NULL = none
 * @result: new reference on success
 *
 * Return: 0; -EREMOTEIO if the daemon refused (text is the daemon's); -ETIMEDOUT; -errno.
 */
int ecs_client_call(struct ecs_client *client, const char *method, json_t *params, json_t **result,
		    struct ecs_err *err);

/** ecs_client_next - wait without limit for the next notification's params (new reference).
 * Return: 0; -EPIPE when the daemon has gone; -EINTR on a signal; -errno. */
int ecs_client_next(struct ecs_client *client, json_t **params, struct ecs_err *err);

#endif
