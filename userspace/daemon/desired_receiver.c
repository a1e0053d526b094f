// SPDX-License-Identifier: Apache-2.0
/*
 * Receivers of a cast as they should be: links by name, the ports of networks, and the host. Who
 * stays keeps its number. A port that is named does not count as one of its network, too. Pure.
 */
#include "desired_priv.h"

#include <stdlib.h>
#include <string.h>

#include "userspace/lib/policy.h"

struct making {
	struct ecs_desired *c;
	const struct ecs_config_cast *from;
	struct ecs_state_cast *cast;
	const struct ecs_state_cast *old;
	size_t room; /* for ports of networks */
};

static bool number_is_taken(const struct ecs_state_cast *cast, uint16_t number)
{
	for (size_t i = 0; cast && i < cast->receiver_count; i++)
		if (cast->receivers[i].record.number == number)
			return true;
	return false;
}

static uint16_t new_number(const struct ecs_state_cast *cast, const struct ecs_state_cast *old)
{
	uint16_t number = 0;

	while (number < ECS_RECEIVERS_MAX - 1 &&
	       (number_is_taken(cast, number) || number_is_taken(old, number)))
		number++;
	if (!number_is_taken(cast, number) && !number_is_taken(old, number))
		return number;
	for (number = 0; number_is_taken(cast, number);)
		number++; /* of one that leaves in this change */
	return number;
}

static void set_mac(struct ecs_receiver *record, const uint8_t mac[6])
{
	record->flags |= ECS_RECEIVER_MAC;
	memcpy(record->mac, mac, sizeof(record->mac));
}

static void set_target(struct ecs_receiver *record, const struct ecs_endpoint *target)
{
	uint8_t port[2] = {target->port >> 8, target->port & 0xff};

	record->flags |= ECS_RECEIVER_ADDR;
	memcpy(record->addr, target->addr, sizeof(target->addr));
	if (!target->port)
		return;
	record->flags |= ECS_RECEIVER_PORT;
	memcpy(&record->port_be, port, sizeof(port));
}

/* The host by its gateway in the stream's network, or else by the uplink's own stack. Return: the
 * port; NULL if there is neither. @mac: where the host listens. */
static const struct ecs_state_port *find_host(const struct making *m, uint8_t mac[6])
{
	const struct ecs_state *want = m->c->want;
	const struct ecs_state_port *source = ecs_state_port_by_name(want, m->from->from);
	uint16_t id = m->from->network[0] ? ecs_state_network_id(want, m->from->network)
		      : source		  ? source->port.network
					  : 0;
	const struct ecs_state_port *port = NULL;

	if (id && want->gateways[id].port_ifindex)
		port = ecs_state_port_get(want, want->gateways[id].port_ifindex);
	if (port) {
		memcpy(mac, want->gateways[id].host_mac, 6);
		return port;
	}
	if (id && want->networks[id].uplink && !want->networks[id].uplink_vid)
		source = ecs_state_port_get(want, want->networks[id].uplink);
	if (!source || source->port.role != ECS_ROLE_UPLINK)
		return NULL;
	memcpy(mac, source->port.mac, 6);
	return source;
}

/* What is for one address must carry the host's MAC to get further than its stack's door. */
static bool is_multicast(const struct making *m, const struct ecs_config_receiver *from)
{
	if (from->has_to)
		return ecs_addr_multicast(from->to.family, from->to.addr);
	return ecs_addr_multicast(m->from->family, m->from->dst);
}

/* A step of "auto", for as long as the receiver is there: after a restart the one that was in
 * force, and of another policy what comes next to it. */
static void set_policy(struct ecs_state_receiver *to, const struct ecs_state_receiver *was,
		       const struct ecs_policy *policy)
{
	if (policy->kind == ECS_POLICY_AUTO) {
		to->follows = true;
		if (was && was->ifindex == to->ifindex && was->follows)
			to->ladder = was->ladder;
		else if (was && was->ifindex == to->ifindex)
			to->ladder.step = ecs_policy_step_of(&was->policy);
	}
	to->policy = ecs_policy_step(policy, to->ladder.step);
}

static void make_receiver(struct making *m, const struct ecs_config_receiver *from,
			  const char *name, const struct ecs_state_port *port)
{
	const struct ecs_state_receiver *was =
		m->old ? ecs_state_cast_receiver(m->old, name) : NULL;
	struct ecs_state_receiver *to = &m->cast->receivers[m->cast->receiver_count];
	uint8_t mac[6];

	if (from->host) {
		port = find_host(m, mac);
		to->record.flags |= ECS_RECEIVER_HOST;
		if (port && !from->has_mac && !is_multicast(m, from))
			set_mac(&to->record, mac);
	}
	strcpy(to->name, name);
	to->ifindex = to->record.ifindex = port ? port->ifindex : 0;
	set_policy(to, was, &from->policy);
	to->record.number = was ? was->record.number : new_number(m->cast, m->old);
	if (!from->host) /* nobody gets back what it sends */
		to->record.flags |= ECS_RECEIVER_MEMBER;
	if (from->has_to)
		set_target(&to->record, &from->to);
	if (from->has_mac)
		set_mac(&to->record, from->mac);
	m->cast->receiver_count++;
}

static const char *name_of(const struct ecs_config_receiver *receiver)
{
	return receiver->host ? ECS_HOST_NAME : receiver->ifname;
}

static bool is_new(const struct making *m, const char *name)
{
	return !m->old || !ecs_state_cast_receiver(m->old, name);
}

static void make_named(struct making *m, bool new)
{
	for (size_t i = 0; i < m->c->config->receivers_len; i++) {
		const struct ecs_config_receiver *from = &m->c->config->receivers[i];
		const char *name = name_of(from);

		if (strcmp(from->cast, m->from->name) || from->network[0] || is_new(m, name) != new)
			continue;
		make_receiver(m, from, name, ecs_state_port_by_name(m->c->want, name));
	}
}

bool ecs_desired_is_member(const struct ecs_config *config, const struct ecs_state *state,
			   const struct ecs_config_cast *cast,
			   const struct ecs_config_receiver *receiver,
			   const struct ecs_state_port *port)
{
	uint16_t id = ecs_state_network_id(state, receiver->network);

	if (!id || port->port.network != id || port->port.role != ECS_ROLE_VM ||
	    !strcmp(port->port.name, cast->from))
		return false;
	for (size_t i = 0; i < config->receivers_len; i++)
		if (!strcmp(config->receivers[i].cast, cast->name) &&
		    !strcmp(config->receivers[i].ifname, port->port.name))
			return false;
	return true;
}

static void make_members(struct making *m, const struct ecs_config_receiver *from, bool new)
{
	for (size_t i = 0; i < m->c->want->port_count && m->room; i++) {
		const struct ecs_state_port *port = &m->c->want->ports[i];

		if (is_new(m, port->port.name) != new ||
		    !ecs_desired_is_member(m->c->config, m->c->want, m->from, from, port))
			continue;
		make_receiver(m, from, port->port.name, port);
		m->room--;
	}
}

void ecs_desired_receivers(struct ecs_desired *c, const struct ecs_config_cast *from,
			   struct ecs_state_cast *cast, const struct ecs_state_cast *old)
{
	struct making m = {c, from, cast, old, ECS_RECEIVERS_MAX};
	const struct ecs_config_receiver *list = c->config->receivers;

	for (size_t i = 0; i < c->config->receivers_len; i++)
		m.room -= !strcmp(list[i].cast, from->name) && !list[i].network[0];
	/* Those that stay keep their numbers, so they come first. */
	for (int new = 0; new < 2; new ++) {
		make_named(&m, new);
		for (size_t i = 0; i < c->config->receivers_len; i++)
			if (!strcmp(list[i].cast, from->name) && list[i].network[0])
				make_members(&m, &list[i], new);
	}
}
