/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From one line of a client to the answer: parse, check rights and parameters, call the
 * handler. Knows no sockets.
 */
#ifndef ECSWITCH_DISPATCH_H
#define ECSWITCH_DISPATCH_H

#include <jansson.h>
#include "daemon.h"

struct ecs_dispatch {
	bool writer;	/* in: the client may change things */
	bool monitor;	/* out: it wants events from now on */
	json_t *answer; /* out: new message, NULL for a notification */
};

void ecs_dispatch(struct ecs_daemon *d, const char *line, size_t len, struct ecs_dispatch *out);

#endif
