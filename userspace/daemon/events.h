/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells the clients that monitor what happens. The list of events is in docs/protocol.md.
 */
#ifndef ECSWITCH_EVENTS_H
#define ECSWITCH_EVENTS_H

#include "daemon.h"

/** ecs_event_port - "port_added", "port_removed" or "port_changed". */
void ecs_event_port(struct ecs_daemon *d, const char *type, const struct ecs_state *state,
		    const struct ecs_state_port *port);
/** ecs_event_fdb - "fdb_aged" or "fdb_flushed". */
void ecs_event_fdb(struct ecs_daemon *d, const char *type, const struct ecs_fdb_key *key,
		   uint32_t ifindex);
/** ecs_event_step - "cast_step": a receiver with the policy "auto" goes from one step to another.
 */
void ecs_event_step(struct ecs_daemon *d, const char *cast, const char *port, const char *old_step,
		    const char *step);
/** ecs_event_text - "error" or "recovered". */
void ecs_event_text(struct ecs_daemon *d, const char *type, const char *text);
/** ecs_event_from_kernel - a record of the ring buffer. */
void ecs_event_from_kernel(const struct ecs_event *event, void *daemon);

#endif
