// SPDX-License-Identifier: Apache-2.0
/* port list, port show, port set: ports, and links that wait to become one. */
#include "handle.h"

#include <errno.h>
#include <net/if.h>
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

static void add_guest(const struct ecs_daemon *d, json_t *row, uint32_t ifindex)
{
	const struct ecs_guest *guest = ecs_guest_of(&d->guests, ifindex);
	char mac[ECS_MAC_TEXT_MAX];

	json_object_set_new(row, "vm", guest ? json_string(guest->name) : json_null());
	json_object_set_new(row, "vm_mac",
			    guest && guest->has_mac ? json_string(ecs_mac_format(guest->mac, mac))
						    : json_null());
}

/* As docs/protocol.md lists it; new object. */
static json_t *port_row(struct ecs_daemon *d, const struct ecs_state_port *port)
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

	add_guest(d, row, port->ifindex);
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

	add_guest(d, row, waiting->ifindex);
	add_stats(d, row, 0);
	return row;
}

int ecs_handle_port_list(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err)
{
	json_t *list = json_array();

	(void)params, (void)err;
	for (size_t i = 0; i < d->have.port_count; i++)
		json_array_append_new(list, port_row(d, &d->have.ports[i]));
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
		*result = port_row(d, port);
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

/* The link of a command that may come before the kernel's word of the link. */
static int find_link(struct ecs_daemon *d, const char *name, struct ecs_link *link,
		     struct ecs_err *err)
{
	const struct ecs_link *known = ecs_observed_by_name(&d->observed, name);
	uint32_t ifindex = known ? 0 : if_nametoindex(name);

	if (known) {
		*link = *known;
		return 0;
	}
	if (!ifindex || ecs_link_get(d->nl, ifindex, link, NULL) < 0)
		return ecs_fail(err, -ENODEV, "link \"%s\": there is no such link", name);
	return 0;
}

/* Which VM is behind a link: no matter of the configuration, so it is neither saved nor reset. */
static int set_guest(struct ecs_daemon *d, const json_t *params, const struct ecs_link *link,
		     struct ecs_err *err)
{
	const char *name = json_string_value(json_object_get(params, "vm"));
	const char *mac = json_string_value(json_object_get(params, "mac"));
	uint8_t bytes[6];
	int r = 0;

	if (mac)
		ecs_mac_parse(mac, bytes);
	if (name)
		r = ecs_guest_set(&d->guests, link, name, mac ? bytes : NULL);
	else
		ecs_guest_del(&d->guests, link->ifindex);
	ecs_guests_keep(d);
	return r < 0 ? ecs_fail(err, r, "too many VMs are known, or out of memory") : 0;
}

int ecs_handle_port_set(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err)
{
	const json_t *vm = json_object_get(params, "vm");
	const char *name = json_string_value(json_object_get(params, "port"));
	struct ecs_link link;
	int r;

	if (!vm && json_object_get(params, "mac"))
		return ecs_fail(err, -EINVAL, "mac says more of a VM: name it, by vm NAME");
	if (!vm)
		return ecs_change_one(d, "port.set", params, result, err);
	if (json_object_get(params, "network"))
		return ecs_fail(err, -EINVAL, "network and vm are two matters: say one at a time");
	r = find_link(d, name, &link, err);
	if (r == 0 && !json_is_true(json_object_get(params, "dry_run")))
		r = set_guest(d, params, &link, err);
	if (r == 0)
		*result = json_pack(
			"{s:b, s:[o]}", "changed", true, "plan",
			json_sprintf("%s: the VM is %s", name,
				     json_is_null(vm) ? "unknown" : json_string_value(vm)));
	return r;
}
