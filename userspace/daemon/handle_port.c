// SPDX-License-Identifier: Apache-2.0
/* port list, port show: ports, and links that wait to become one. */
#include "handle.h"

#include <errno.h>
#include <string.h>

#include "userspace/lib/types.h"

static const char *const role_names[] = {"patch", "vm", "host", "uplink"};

int ecs_port_unknown(struct ecs_err *err, const char *name)
{
	return ecs_fail(err, -ENOENT, "no port \"%s\"; ecswitchctl port list shows them", name);
}

static const char *network_name(const struct ecs_daemon *d, uint16_t id)
{
	return id ? d->have.networks[id].name : NULL;
}

/* An uplink that carries VLANs alone is in no network itself. */
static const char *port_network(const struct ecs_daemon *d, const struct ecs_state_port *port)
{
	return network_name(d, port->port.network);
}

static const char *problem_of(const struct ecs_daemon *d, const char *name)
{
	for (size_t i = 0; i < d->problems.count; i++)
		if (!strcmp(d->problems.list[i].subject, name))
			return d->problems.list[i].text;
	return NULL;
}

static void add_stats(struct ecs_daemon *d, json_t *row, uint32_t slot)
{
	struct ecs_port_stats stats = {};

	if (slot)
		ecs_datapath_stats(d->dp, slot, &stats);
	json_object_update_new(
		row,
		json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "rx_packets",
			  (json_int_t)stats.rx_packets, "rx_bytes", (json_int_t)stats.rx_bytes,
			  "tx_packets", (json_int_t)stats.tx_packets, "tx_bytes",
			  (json_int_t)stats.tx_bytes, "flooded", (json_int_t)stats.flooded,
			  "passed", (json_int_t)stats.passed, "fdb_full",
			  (json_int_t)stats.fdb_full, "fdb_moved", (json_int_t)stats.fdb_moved));
}

json_t *ecs_port_row(struct ecs_daemon *d, const struct ecs_state_port *port)
{
	const char *problem = port->dirty ? problem_of(d, port->port.name) : NULL;
	char mac[ECS_MAC_TEXT_MAX];
	json_t *row =
		json_pack("{s:s, s:I, s:s?, s:s, s:s?, s:s, s:s, s:i, s:b, s:s?}", "name",
			  port->port.name, "ifindex", (json_int_t)port->ifindex, "kind",
			  port->port.kind[0] ? port->port.kind : NULL, "role",
			  role_names[port->port.role], "network", port_network(d, port), "state",
			  port->dirty			     ? "waiting"
			  : port->port.flags & ECS_PORT_DOWN ? "down"
							     : "up",
			  "mac", ecs_mac_format(port->port.mac, mac), "mtu", (int)port->port.mtu,
			  "manual", port->manual, "reason", problem);

	add_stats(d, row, port->port.slot);
	return row;
}

static json_t *waiting_row(struct ecs_daemon *d, const struct ecs_waiting *waiting)
{
	json_t *row = json_pack("{s:s, s:o, s:n, s:s, s:s?, s:s, s:n, s:n, s:b, s:s}", "name",
				waiting->name, "ifindex",
				waiting->ifindex ? json_integer(waiting->ifindex) : json_null(),
				"kind", "role", role_names[waiting->role], "network",
				network_name(d, waiting->network), "state", "waiting", "mac", "mtu",
				"manual", waiting->manual, "reason", waiting->reason);

	add_stats(d, row, 0);
	return row;
}

int ecs_handle_port_list(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err)
{
	json_t *list = json_array();

	(void)params, (void)err;
	for (size_t i = 0; i < d->have.port_count; i++)
		json_array_append_new(list, ecs_port_row(d, &d->have.ports[i]));
	for (size_t i = 0; i < d->have.waiting_count; i++)
		json_array_append_new(list, waiting_row(d, &d->have.waiting[i]));
	*result = list;
	return 0;
}

int ecs_handle_port_show(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err)
{
	const char *name = json_string_value(json_object_get(params, "port"));
	const struct ecs_state_port *port = ecs_state_port_by_name(&d->have, name);

	if (port) {
		*result = ecs_port_row(d, port);
		return 0;
	}
	for (size_t i = 0; i < d->have.waiting_count; i++) {
		if (strcmp(d->have.waiting[i].name, name))
			continue;
		*result = waiting_row(d, &d->have.waiting[i]);
		return 0;
	}
	return ecs_port_unknown(err, name);
}
