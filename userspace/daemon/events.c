// SPDX-License-Identifier: Apache-2.0
/* Builds the monitor's notifications and hands them to the server. */
#include "events.h"

#include <stdio.h>
#include <sys/time.h>

#include "server.h"
#include "userspace/lib/types.h"

static json_t *event_new(const char *type)
{
	struct timeval now;
	struct tm utc;
	char date[32], text[48];

	gettimeofday(&now, NULL);
	gmtime_r(&now.tv_sec, &utc);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text, sizeof(text), "%s.%03ldZ", date, (long)now.tv_usec / 1000);
	return json_pack("{s:s, s:s}", "time", text, "type", type);
}

static const char *network_name(const struct ecs_state *state, uint16_t id)
{
	return id && id <= ECS_NETWORKS_MAX && state->networks[id].used ? state->networks[id].name
									: NULL;
}

static const char *port_name(const struct ecs_daemon *d, uint32_t ifindex)
{
	const struct ecs_state_port *port = ecs_state_port_get(&d->have, ifindex);

	return port ? port->port.name : NULL;
}

void ecs_event_port(struct ecs_daemon *d, const char *type, const struct ecs_state *state,
		    const struct ecs_state_port *port)
{
	static const char *const roles[] = {"none", "vm", "host", "uplink"};
	json_t *event;

	if (!ecs_server_monitored(d->server))
		return;
	event = event_new(type);
	json_object_update_new(event,
			       json_pack("{s:s, s:I, s:s?, s:s, s:s}", "port", port->port.name,
					 "ifindex", (json_int_t)port->ifindex, "network",
					 network_name(state, port->port.network), "role",
					 roles[port->port.role], "state",
					 port->port.flags & ECS_PORT_DOWN ? "down" : "up"));
	ecs_server_publish(d->server, event);
}

static json_t *fdb_event(const struct ecs_daemon *d, const char *type, uint16_t network,
			 const uint8_t mac[6], uint32_t ifindex)
{
	json_t *event = event_new(type);
	char text[ECS_MAC_TEXT_MAX];

	json_object_update_new(
		event, json_pack("{s:s?, s:s, s:s?}", "network", network_name(&d->have, network),
				 "mac", ecs_mac_format(mac, text), "port", port_name(d, ifindex)));
	return event;
}

void ecs_event_fdb(struct ecs_daemon *d, const char *type, const struct ecs_fdb_key *key,
		   uint32_t ifindex)
{
	if (ecs_server_monitored(d->server))
		ecs_server_publish(d->server, fdb_event(d, type, key->network, key->mac, ifindex));
}

void ecs_event_step(struct ecs_daemon *d, const char *cast, const char *port, const char *old_step,
		    const char *step)
{
	json_t *event;

	if (!ecs_server_monitored(d->server))
		return;
	event = event_new("cast_step");
	json_object_update_new(event, json_pack("{s:s, s:s, s:s, s:s}", "cast", cast, "port", port,
						"old_step", old_step, "step", step));
	ecs_server_publish(d->server, event);
}

void ecs_event_text(struct ecs_daemon *d, const char *type, const char *text)
{
	json_t *event;

	if (!ecs_server_monitored(d->server))
		return;
	event = event_new(type);
	json_object_set_new(event, "text", json_string(text));
	ecs_server_publish(d->server, event);
}

/* What the data path needs of us at once. */
static void serve_nat(struct ecs_daemon *d, const struct ecs_event *event)
{
	ecs_expiry_wake(d);
	if (event->type == ECS_EVENT_NAT_FULL)
		ecs_expiry_evict(d);
	else if (event->type == ECS_EVENT_NAT_LIMIT)
		ecs_expiry_relieve(d, event->ifindex);
}

static json_t *nat_event(const struct ecs_daemon *d, const char *type,
			 const struct ecs_event *event)
{
	json_t *message = event_new(type);

	json_object_update_new(message, json_pack("{s:s?, s:s?}", "network",
						  network_name(&d->have, event->network), "port",
						  port_name(d, event->ifindex)));
	return message;
}

void ecs_event_from_kernel(const struct ecs_event *event, void *daemon)
{
	struct ecs_daemon *d = daemon;
	json_t *message = NULL;

	if (event->type >= ECS_EVENT_NAT_FULL)
		serve_nat(d, event);
	else
		ecs_ageing_wake(d);
	if (!ecs_server_monitored(d->server))
		return;
	switch (event->type) {
	case ECS_EVENT_FDB_LEARNED:
		message = fdb_event(d, "fdb_learned", event->network, event->mac, event->ifindex);
		break;
	case ECS_EVENT_FDB_MOVED:
		message = fdb_event(d, "fdb_moved", event->network, event->mac, event->ifindex);
		json_object_set_new(message, "old_port",
				    json_pack("s?", port_name(d, event->old_ifindex)));
		break;
	case ECS_EVENT_FDB_FULL:
		message = event_new("fdb_full");
		json_object_set_new(message, "network",
				    json_pack("s?", network_name(&d->have, event->network)));
		break;
	case ECS_EVENT_NAT_FULL:
		message = nat_event(d, "nat_full", event);
		break;
	case ECS_EVENT_NAT_LIMIT:
		message = nat_event(d, "nat_limit", event);
		break;
	case ECS_EVENT_NAT_NO_PORT:
		message = nat_event(d, "nat_no_port", event);
		break;
	}
	if (message)
		ecs_server_publish(d->server, message);
}
