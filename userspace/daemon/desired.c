// SPDX-License-Identifier: Apache-2.0
/*
 * Decides who is a port. A link is claimed at most once, by the first that asks: uplinks,
 * patches, ports by name, then matches in their order. The rules that prevent forwarding
 * loops stand here (refuse_*).
 */
#include "desired_priv.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "userspace/lib/types.h"

static void make_networks(struct ecs_desired *c);
static void make_uplinks(struct ecs_desired *c);
static void make_patches(struct ecs_desired *c);
static void make_ports(struct ecs_desired *c);
static void make_matches(struct ecs_desired *c);
static void make_places(struct ecs_desired *c);
static void make_fdb(struct ecs_desired *c);

int ecs_desired_make(const struct ecs_config *config, const struct ecs_observed *observed,
		     const struct ecs_state *have, struct ecs_state *want)
{
	struct ecs_desired c = {.config = config, .observed = observed, .have = have, .want = want};

	*want = (struct ecs_state){.tcx = have->tcx};
	make_networks(&c);
	make_uplinks(&c);
	ecs_desired_gateways(&c);
	make_patches(&c);
	make_ports(&c);
	make_matches(&c);
	ecs_desired_nat(&c);
	make_places(&c);
	make_fdb(&c);
	ecs_desired_casts(&c);
	if (!c.failed)
		return 0;
	ecs_state_free(want);
	return -ENOMEM;
}

/* An id that no network has now and none will get; else one that is given up in this change. */
static uint16_t network_id_new(const struct ecs_desired *c)
{
	for (uint16_t id = 1; id <= ECS_NETWORKS_MAX; id++)
		if (!c->want->networks[id].used && !c->have->networks[id].used)
			return id;
	for (uint16_t id = 1; id <= ECS_NETWORKS_MAX; id++)
		if (!c->want->networks[id].used)
			return id;
	return 0;
}

static void make_network(struct ecs_desired *c, const struct ecs_config_network *from, uint16_t id)
{
	struct ecs_network *net = &c->want->networks[id];

	*net = (struct ecs_network){.used = 1, .fdb_limit = from->fdb_limit};
	memcpy(net->name, from->name, sizeof(net->name));
}

/* Networks that stay take their ids first, so that a new one cannot get one of theirs. */
static void make_networks(struct ecs_desired *c)
{
	const struct ecs_config *config = c->config;

	for (size_t i = 0; i < config->networks_len; i++) {
		uint16_t id = ecs_state_network_id(c->have, config->networks[i].name);

		if (id)
			make_network(c, &config->networks[i], id);
	}
	for (size_t i = 0; i < config->networks_len; i++)
		if (!ecs_state_network_id(c->want, config->networks[i].name))
			make_network(c, &config->networks[i], network_id_new(c));
}

void ecs_desired_wait(struct ecs_desired *c, const struct ecs_waiting *what, const char *fmt, ...)
{
	char reason[ECS_REASON_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	if (ecs_state_waiting_add(c->want, what, "%s", reason) < 0)
		c->failed = true;
}

/* Why no role at all is possible for a link. Empty @why: none. */
static void refuse_always(const struct ecs_desired *c, const struct ecs_link *link, char why[],
			  size_t size)
{
	const struct ecs_link *master = ecs_observed_by_index(c->observed, link->master);
	const struct ecs_link *peer = ecs_observed_peer(c->observed, link);

	*why = '\0';
	if (!link->ethernet)
		snprintf(why, size, "it is no Ethernet link");
	else if (link->flags & IFF_LOOPBACK)
		snprintf(why, size, "it is the loopback link");
	else if (link->master)
		snprintf(why, size, "it belongs to %s; free it with: ip link set %s nomaster",
			 master ? master->name : "another link", link->name);
	else if (peer && ecs_state_port_get(c->want, peer->ifindex))
		snprintf(why, size, "its veth peer %s is a port already, the two would form a loop",
			 peer->name);
}

/* The slot that the link's port has, or the lowest free one; 0 when there is none. */
static uint32_t slot_for(struct ecs_desired *c, const struct ecs_state_port *old)
{
	if (old)
		return old->port.slot;
	while (++c->free_slot < ECS_PORTS_MAX)
		if (!ecs_state_port_by_slot(c->have, c->free_slot))
			return c->free_slot;
	return 0;
}

static void fill_port(const struct ecs_desired *c, const struct ecs_link *link,
		      struct ecs_state_port *port, const struct ecs_state_port *old)
{
	port->port.mtu = link->mtu;
	memcpy(port->port.mac, link->mac, sizeof(port->port.mac));
	memcpy(port->port.name, link->name, sizeof(port->port.name));
	memcpy(port->port.kind, link->kind, sizeof(port->port.kind));
	if (!strcmp(link->kind, "veth") && link->peer_elsewhere)
		port->port.flags |= ECS_PORT_PEER;
	if (!link->carrier)
		port->port.flags |= ECS_PORT_DOWN;
	if (ecs_observed_addressed(c->observed, link->ifindex))
		port->port.flags |= ECS_PORT_ADDRESSED;
	if (old)
		port->port.flags |= old->port.flags & (ECS_PORT_OWN_CLSACT | ECS_PORT_OWN_LRO);
}

/* Makes a link a port, or says in the waiting list why not. Return: the port or NULL. */
static struct ecs_state_port *claim(struct ecs_desired *c, const struct ecs_link *link,
				    const struct ecs_waiting *what)
{
	const struct ecs_state_port *old = ecs_state_port_get(c->have, link->ifindex);
	struct ecs_state_port *port;
	char why[ECS_REASON_MAX];
	uint32_t slot;

	refuse_always(c, link, why, sizeof(why));
	if (*why) {
		ecs_desired_wait(c, what, "%s", why);
		return NULL;
	}
	slot = slot_for(c, old);
	if (!slot) {
		ecs_desired_wait(c, what, "the switch is full (%u ports)", ECS_PORTS_MAX - 1);
		return NULL;
	}
	port = ecs_state_port_add(c->want, link->ifindex);
	if (!port) {
		c->failed = true;
		return NULL;
	}
	port->port.slot = slot;
	port->port.role = what->role;
	port->port.network = what->network;
	port->manual = what->manual;
	fill_port(c, link, port, old);
	return port;
}

struct ecs_waiting ecs_desired_request(const char *name, uint8_t role, uint16_t network,
				       bool manual)
{
	struct ecs_waiting what = {.role = role, .network = network, .manual = manual};

	snprintf(what.name, sizeof(what.name), "%s", name);
	return what;
}

/* Links that filter by address must hear frames for the machines behind us. */
static void want_promisc(const struct ecs_desired *c, struct ecs_state_port *port,
			 const struct ecs_link *link)
{
	const struct ecs_state_port *old = ecs_state_port_get(c->have, link->ifindex);

	if (!strcmp(link->kind, "veth") || !strcmp(link->kind, "tap"))
		return;
	port->lacks_promisc = !(link->flags & IFF_PROMISC);
	if (port->lacks_promisc || (old && (old->port.flags & ECS_PORT_OWN_PROMISC)))
		port->port.flags |= ECS_PORT_OWN_PROMISC;
}

static void make_uplink(struct ecs_desired *c, const struct ecs_config_network *from)
{
	uint16_t id = ecs_state_network_id(c->want, from->name);
	struct ecs_network *net = &c->want->networks[id];
	struct ecs_waiting what = ecs_desired_request(from->uplink, ECS_ROLE_UPLINK, 0, true);
	const struct ecs_link *link = ecs_observed_by_name(c->observed, from->uplink);
	struct ecs_state_port *port;

	what.network = id;
	if (from->nat)
		ecs_desired_nat_flags(c, from);
	if (!link) {
		ecs_desired_wait(c, &what, "there is no %s",
				 strcmp(from->uplink, ECS_UPLINK_AUTO) ? "such link"
								       : "default route yet");
		return;
	}
	what.ifindex = link->ifindex;
	port = ecs_state_port_get(c->want, link->ifindex);
	if (!port) {
		what.network = 0;
		port = claim(c, link, &what);
	}
	if (!port)
		return;
	if (c->have->tcx)
		port->port.flags = (port->port.flags | ECS_PORT_TCX) & ~ECS_PORT_OWN_CLSACT;
	port->ingress = ECS_PROG_FROM_PORT;
	port->egress = ECS_PROG_TO_UPLINK;
	if (from->nat) {
		ecs_desired_nat_uplink(c, from, port);
		return;
	}
	want_promisc(c, port, link);
	if (!from->vlan)
		port->port.network = id;
	net->uplink = link->ifindex;
	net->uplink_slot = port->port.slot;
	net->uplink_vid = from->vlan;
}

static void make_uplinks(struct ecs_desired *c)
{
	for (size_t i = 0; i < c->config->networks_len; i++)
		if (c->config->networks[i].uplink[0])
			make_uplink(c, &c->config->networks[i]);
}

/* An end of a patch is an uplink too, or a port of no network. */
static struct ecs_state_port *patch_end(struct ecs_desired *c, const char *name)
{
	const struct ecs_link *link = ecs_observed_by_name(c->observed, name);
	struct ecs_waiting what = ecs_desired_request(name, ECS_ROLE_NONE, 0, true);
	struct ecs_state_port *port;

	if (!link) {
		ecs_desired_wait(c, &what, "there is no such link");
		return NULL;
	}
	what.ifindex = link->ifindex;
	port = ecs_state_port_get(c->want, link->ifindex);
	if (!port)
		port = claim(c, link, &what);
	if (port)
		want_promisc(c, port, link);
	return port;
}

static void patch_one_way(struct ecs_desired *c, uint32_t from, uint32_t to)
{
	struct ecs_state_port *a = ecs_state_port_get(c->want, from);
	const struct ecs_state_port *b = ecs_state_port_get(c->want, to);

	a->port.flags |= ECS_PORT_PATCHED;
	a->patch = (struct ecs_patch){.ifindex = b->ifindex, .slot = b->port.slot};
	if (!a->ingress)
		a->ingress = ECS_PROG_FROM_PORT;
}

static void make_patches(struct ecs_desired *c)
{
	for (size_t i = 0; i < c->config->patches_len; i++) {
		const struct ecs_config_patch *patch = &c->config->patches[i];
		struct ecs_state_port *end = patch_end(c, patch->a);
		uint32_t a = end ? end->ifindex : 0;
		uint32_t b;

		end = patch_end(c, patch->b);
		b = end ? end->ifindex : 0;
		if (!a || !b)
			continue;
		patch_one_way(c, a, b);
		if (!patch->oneway)
			patch_one_way(c, b, a);
	}
}

void ecs_desired_vm(struct ecs_desired *c, const struct ecs_link *link, struct ecs_waiting *what)
{
	struct ecs_state_port *port = NULL;

	what->ifindex = link->ifindex;
	if (c->members[what->network] == ECS_NETWORK_PORTS_MAX)
		ecs_desired_wait(c, what, "its network is full (%u ports)", ECS_NETWORK_PORTS_MAX);
	else
		port = claim(c, link, what);
	if (!port)
		return;
	port->ingress = ECS_PROG_FROM_PORT;
	c->members[what->network]++;
}

static void make_ports(struct ecs_desired *c)
{
	for (size_t i = 0; i < c->config->ports_len; i++) {
		const struct ecs_config_port *from = &c->config->ports[i];
		const struct ecs_link *link = ecs_observed_by_name(c->observed, from->ifname);
		struct ecs_waiting what =
			ecs_desired_request(from->ifname, ECS_ROLE_VM,
					    ecs_state_network_id(c->want, from->network), true);

		if (!link)
			ecs_desired_wait(c, &what, "there is no such link");
		else if (!ecs_state_port_get(c->want, link->ifindex))
			ecs_desired_vm(c, link, &what);
	}
}

static bool kind_fits(const struct ecs_config_match *match, const struct ecs_link *link)
{
	return match->kind == ECS_MATCH_ANY ||
	       !strcmp(link->kind, match->kind == ECS_MATCH_TAP ? "tap" : "veth");
}

static const struct ecs_config_match *find_match(const struct ecs_desired *c,
						 const struct ecs_link *link)
{
	for (size_t i = 0; i < c->config->matches_len; i++) {
		const struct ecs_config_match *match = &c->config->matches[i];

		if (kind_fits(match, link) && ecs_pattern_match(match->pattern, link->name))
			return match;
	}
	return NULL;
}

/* A match is a guess about links to come, so it is more careful than a command. */
static void refuse_match(const struct ecs_desired *c, const struct ecs_link *link, char why[],
			 size_t size)
{
	*why = '\0';
	if (!strcmp(link->kind, "veth") && !link->peer_elsewhere)
		snprintf(why, size, "its veth peer is in this network namespace, too");
	else if (ecs_observed_addressed(c->observed, link->ifindex))
		snprintf(why, size, "the host holds an address on it");
}

static void make_matches(struct ecs_desired *c)
{
	for (size_t i = 0; i < c->observed->count; i++) {
		const struct ecs_link *link = &c->observed->links[i];
		const struct ecs_config_match *match;
		struct ecs_waiting what;
		char why[ECS_REASON_MAX];

		if (!link->ethernet || (link->flags & IFF_LOOPBACK) ||
		    ecs_desired_is_gateway(c, link) || ecs_state_port_get(c->want, link->ifindex))
			continue;
		match = find_match(c, link);
		if (!match)
			continue;
		what = ecs_desired_request(link->name, ECS_ROLE_VM,
					   ecs_state_network_id(c->want, match->network), false);
		what.ifindex = link->ifindex;
		refuse_match(c, link, why, sizeof(why));
		if (*why)
			ecs_desired_wait(c, &what, "%s", why);
		else
			ecs_desired_vm(c, link, &what);
	}
}

/* Ports keep their places; new ones take the holes that removed ones left. */
static void make_places(struct ecs_desired *c)
{
	static _Thread_local uint8_t taken[ECS_NETWORKS_MAX + 1][ECS_NETWORK_PORTS_MAX];
	uint32_t next[ECS_NETWORKS_MAX + 1] = {};
	struct ecs_state *want = c->want;

	memset(taken, 0, sizeof(taken));
	for (size_t i = 0; i < c->have->port_count; i++)
		if (c->have->ports[i].place != ECS_NO_PLACE)
			taken[c->have->ports[i].port.network][c->have->ports[i].place] = 1;
	for (size_t i = 0; i < want->port_count; i++) {
		struct ecs_state_port *port = &want->ports[i];
		const struct ecs_state_port *old = ecs_state_port_get(c->have, port->ifindex);
		uint16_t id = port->port.network;

		if (!id || port->port.role == ECS_ROLE_UPLINK)
			continue;
		if (old && old->port.network == id && old->place != ECS_NO_PLACE) {
			port->place = old->place;
		} else {
			while (next[id] < ECS_NETWORK_PORTS_MAX && taken[id][next[id]])
				next[id]++;
			if (next[id] == ECS_NETWORK_PORTS_MAX)
				continue; /* freed by this very change: the next run takes it */
			port->place = next[id];
			taken[id][next[id]] = 1;
		}
		if (want->networks[id].flood_len <= port->place)
			want->networks[id].flood_len = port->place + 1;
	}
}

static void add_static(struct ecs_desired *c, uint16_t network, const uint8_t mac[6],
		       uint32_t ifindex, uint32_t flags)
{
	struct ecs_state_fdb entry = {
		.key = {.network = network}, .ifindex = ifindex, .flags = flags};

	memcpy(entry.key.mac, mac, sizeof(entry.key.mac));
	if (ecs_state_fdb_add(c->want, &entry) == -ENOMEM)
		c->failed = true;
}

static void make_fdb(struct ecs_desired *c)
{
	for (uint16_t id = 1; id <= ECS_NETWORKS_MAX; id++) {
		const struct ecs_network *net = &c->want->networks[id];
		const struct ecs_state_port *uplink = ecs_state_port_get(c->want, net->uplink);

		if (net->used && uplink)
			add_static(c, id, uplink->port.mac, uplink->ifindex, ECS_FDB_HOST);
		if (net->used && ecs_state_port_get(c->want, net->gateway_port))
			add_static(c, id, net->gateway_mac, net->gateway_port, 0);
	}
	for (size_t i = 0; i < c->config->fdb_len; i++) {
		const struct ecs_config_fdb *from = &c->config->fdb[i];
		const struct ecs_state_port *port = ecs_state_port_by_name(c->want, from->ifname);
		uint16_t id;

		if (!port)
			continue;
		id = from->network[0] ? ecs_state_network_id(c->want, from->network)
				      : port->port.network;
		if (id &&
		    (port->port.network == id || c->want->networks[id].uplink == port->ifindex))
			add_static(c, id, from->mac, port->ifindex, 0);
	}
}
