// SPDX-License-Identifier: Apache-2.0
/*
 * Reads back what an earlier daemon left, so that the first plan is the difference between
 * that and what there should be. Ports come out dirty: their programs are swapped for ours,
 * in place. Leftovers that belong to no port go at once.
 */
#include "daemon.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "apply.h"
#include "desired.h"
#include "userspace/lib/log.h"

static void take_port(const struct ecs_port_key *key, const struct ecs_port *from, void *ctx)
{
	struct ecs_daemon *d = ctx;
	struct ecs_state_port *port;

	if (key->vid)
		return; /* follows from its network */
	port = ecs_state_port_add(&d->have, key->ifindex);
	if (!port)
		return;
	port->port = *from;
	port->port.flags &= ~ECS_PORT_PATCHED; /* the patch map tells */
	if (port->port.network > ECS_NETWORKS_MAX)
		port->port.network = 0;
	port->ingress = ECS_PROG_FROM_PORT;
	if (from->role == ECS_ROLE_UPLINK)
		port->egress = ECS_PROG_TO_UPLINK;
	port->dirty = true;
}

static void take_patch(uint32_t ifindex, const struct ecs_patch *patch, void *ctx)
{
	struct ecs_daemon *d = ctx;
	struct ecs_state_port *port = ecs_state_port_get(&d->have, ifindex);

	if (!port) {
		ecs_datapath_patch_del(d->dp, ifindex);
		return;
	}
	port->patch = (struct ecs_patch){.ifindex = patch->ifindex, .slot = patch->slot};
	port->port.flags |= ECS_PORT_PATCHED;
}

static void take_places(struct ecs_daemon *d, uint16_t id)
{
	static const struct ecs_flood_member nobody;
	struct ecs_flood_member member;

	for (uint32_t place = 0; place < ECS_NETWORK_PORTS_MAX; place++) {
		struct ecs_state_port *port;

		if (ecs_datapath_flood(d->dp, id, place, &member) < 0 || !member.ifindex)
			continue;
		port = ecs_state_port_get(&d->have, member.ifindex);
		if (port && port->port.network == id && port->place == ECS_NO_PLACE)
			port->place = place;
		else
			ecs_datapath_flood_set(d->dp, id, place, &nobody);
	}
}

static void take_addr(struct ecs_prefix *addr, uint8_t family, const void *bytes, uint8_t len)
{
	if (!len)
		return;
	addr->family = family;
	addr->len = len;
	memcpy(addr->addr, bytes, family == AF_INET ? 4 : 16);
}

/* A pair is known by its names; the map tells which addresses on it are ours. */
static void take_gateway(struct ecs_daemon *d, uint16_t id)
{
	const struct ecs_network *net = &d->have.networks[id];
	struct ecs_state_gateway *gateway = &d->have.gateways[id];

	ecs_gateway_names(gateway, net->name);
	if (strlen(net->name) > ECS_IFNAME_MAX - sizeof(ECS_GATEWAY_PREFIX) ||
	    !ecs_gateway_find(gateway, &d->observed)) {
		*gateway = (struct ecs_state_gateway){};
		return;
	}
	take_addr(&gateway->addrs[ECS_GATEWAY_IPV4], AF_INET, &net->gateway4_be, net->gateway4_len);
	take_addr(&gateway->addrs[ECS_GATEWAY_IPV6], AF_INET6, net->gateway6, net->gateway6_len);
}

static void take_networks(struct ecs_daemon *d)
{
	for (uint16_t id = 1; id <= ECS_NETWORKS_MAX; id++) {
		struct ecs_network *net = &d->have.networks[id];

		if (ecs_datapath_network(d->dp, id, net) < 0 || !net->used) {
			*net = (struct ecs_network){};
			continue;
		}
		d->have.network_dirty[id] = true;
		take_places(d, id);
		take_gateway(d, id);
	}
}

/* VLAN entries of networks that are gone or have moved. */
static void drop_stray_vlan(const struct ecs_port_key *key, const struct ecs_port *port, void *ctx)
{
	struct ecs_daemon *d = ctx;
	const struct ecs_network *net = &d->have.networks[port->network % (ECS_NETWORKS_MAX + 1)];

	if (key->vid && (!net->used || net->uplink != key->ifindex || net->uplink_vid != key->vid))
		ecs_datapath_port_del(d->dp, key);
}

static bool take_static(const struct ecs_fdb_key *key, const struct ecs_fdb_entry *entry, void *ctx)
{
	struct ecs_daemon *d = ctx;
	struct ecs_state_fdb fdb = {
		.key = *key, .ifindex = entry->ifindex, .flags = entry->flags & ECS_FDB_HOST};

	if (key->network > ECS_NETWORKS_MAX || !d->have.networks[key->network].used ||
	    !ecs_state_port_get(&d->have, entry->ifindex))
		return true; /* a leftover */
	if (entry->flags & ECS_FDB_STATIC)
		ecs_state_fdb_add(&d->have, &fdb);
	return false;
}

struct stray {
	struct ecs_daemon *d;
	bool hooks[2];
};

static void note_stray(const struct ecs_filter *filter, void *ctx)
{
	struct stray *stray = ctx;

	if (ecs_filter_is_ours(filter, stray->d->options.instance))
		stray->hooks[filter->hook] = true;
}

/* A filter of ours on a link that no map knows: the maps were lost, or the number is new. */
static void drop_stray_filters(uint32_t ifindex, void *ctx)
{
	struct stray stray = {.d = ctx};

	if (ecs_state_port_get(&stray.d->have, ifindex))
		return;
	ecs_filter_list(stray.d->nl, ifindex, ECS_HOOK_INGRESS, note_stray, &stray, NULL);
	ecs_filter_list(stray.d->nl, ifindex, ECS_HOOK_EGRESS, note_stray, &stray, NULL);
	for (enum ecs_hook hook = ECS_HOOK_INGRESS; hook <= ECS_HOOK_EGRESS; hook++) {
		struct ecs_tc_op op = {.verb = ECS_TC_FILTER_DEL, .ifindex = ifindex, .hook = hook};

		if (stray.hooks[hook] && ecs_tc_run(stray.d->nl, &op, 1, NULL) == 0)
			ecs_info("removed a stray filter from ifindex %u", ifindex);
	}
}

static bool is_tcx_port(uint32_t ifindex, void *ctx)
{
	struct ecs_daemon *d = ctx;
	const struct ecs_state_port *port = ecs_state_port_get(&d->have, ifindex);

	return port && (port->port.flags & ECS_PORT_TCX);
}

static void take_rule(const struct ecs_state_rule *rule, void *ctx)
{
	struct ecs_daemon *d = ctx;

	ecs_state_rule_add(&d->have, rule);
}

int ecs_adopt(struct ecs_daemon *d, struct ecs_err *err)
{
	int r;

	d->have.tcx = ecs_datapath_has_tcx(d->dp);
	d->have.nat_size = ecs_datapath_nat_size(d->dp);
	ecs_datapath_ports(d->dp, take_port, d);
	ecs_datapath_tcx_prune(d->dp, is_tcx_port, d);
	ecs_datapath_patches(d->dp, take_patch, d);
	take_networks(d);
	ecs_datapath_ports(d->dp, drop_stray_vlan, d);
	ecs_datapath_nat_rules(d->dp, take_rule, d);
	ecs_state_rules_sort(&d->have);
	d->have.reserved_dirty = access(d->reserved_path, F_OK) == 0;
	ecs_adopt_casts(d);
	r = ecs_datapath_fdb_walk(d->dp, take_static, d);
	if (r < 0)
		return ecs_fail(err, r, "cannot read the FDB: %s", strerror(-r));
	if (d->have.port_count)
		ecs_info("adopted %zu ports of an earlier daemon", d->have.port_count);
	return ecs_clsact_list(d->nl, drop_stray_filters, d, err);
}
