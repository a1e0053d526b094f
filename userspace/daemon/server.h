/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: accepts clients, cuts their input into lines, checks their rights, and
 * calls the handler of the method. No client can make another one wait.
 */
#ifndef ECSWITCH_SERVER_H
#define ECSWITCH_SERVER_H

#include <jansson.h>
#include "daemon.h"

struct ecs_server;

/** ecs_server_open - listen on d->socket_path; replaces a dead daemon's socket. */
int ecs_server_open(struct ecs_daemon *d, struct ecs_err *err);
void ecs_server_close(struct ecs_server *server);

/** ecs_server_monitored - whether anybody would hear an event. */
bool ecs_server_monitored(const struct ecs_server *server);
/** ecs_server_publish - send an event to all that monitor; takes @event over. */
void ecs_server_publish(struct ecs_server *server, json_t *event);

#endif
