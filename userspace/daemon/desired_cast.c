// SPDX-License-Identifier: Apache-2.0
/*
 * Casts as they should be: ids, numbers of receivers and places of policies' states stay what
 * they are, so that nobody's stream is disturbed by somebody else's change. Pure.
 */
#include "desired_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static bool id_is_taken(const struct ecs_state *state, uint16_t id)
{
	for (size_t i = 0; i < state->cast_count; i++)
		if (state->casts[i].id == id)
			return true;
	return false;
}

/* An id of its own, and if possible none that is given up in this very change. */
static uint16_t new_id(const struct ecs_desired *c)
{
	for (uint16_t id = 0; id < ECS_STREAMS_MAX; id++)
		if (!id_is_taken(c->have, id) && !id_is_taken(c->want, id))
			return id;
	for (uint16_t id = 0; id < ECS_STREAMS_MAX; id++) {
		bool kept = false;

		for (size_t i = 0; i < c->config->casts_len && !kept; i++) {
			const struct ecs_state_cast *old =
				ecs_state_cast_by_name(c->have, c->config->casts[i].name);

			kept = old && old->id == id;
		}
		if (!kept && !id_is_taken(c->want, id))
			return id;
	}
	return 0;
}

static void make_key(struct ecs_desired *c, const struct ecs_config_cast *from,
		     struct ecs_state_cast *cast)
{
	struct ecs_state_port *port = ecs_state_port_by_name(c->want, from->from);
	uint16_t network = ecs_state_network_id(c->want, from->network);

	memcpy(cast->key.dst, from->dst, sizeof(cast->key.dst));
	cast->key.port_be = __builtin_bswap16(from->port);
	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		cast->key.port_be = from->port;
	cast->key.family = from->family == AF_INET ? 4 : 6;
	cast->flags = (from->keep ? ECS_STREAM_KEEP : 0) | (from->has_src ? ECS_STREAM_SRC : 0);
	memcpy(cast->src, from->src, sizeof(cast->src));
	if (from->network[0])
		cast->key.source = ECS_STREAM_NETWORK | network;
	else if (port)
		cast->key.source = port->ifindex;
	cast->live = from->network[0] ? network : port != NULL;
	/* Every port of a network, and its uplink, may bring the stream. */
	for (size_t i = 0; cast->live && i < c->want->port_count; i++) {
		struct ecs_state_port *p = &c->want->ports[i];

		if (p == port || (network && (p->port.network == network ||
					      c->want->networks[network].uplink == p->ifindex)))
			p->port.flags |= ECS_PORT_CAST;
	}
}

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

static void make_receiver(struct ecs_desired *c, const struct ecs_config_receiver *from,
			  struct ecs_state_cast *cast, const struct ecs_state_cast *old)
{
	const struct ecs_state_port *port = ecs_state_port_by_name(c->want, from->ifname);
	const struct ecs_state_receiver *was =
		old ? ecs_state_cast_receiver(old, from->ifname) : NULL;
	struct ecs_state_receiver *to = &cast->receivers[cast->receiver_count];

	memcpy(to->name, from->ifname, sizeof(to->name));
	to->policy = from->policy;
	to->ifindex = to->record.ifindex = port ? port->ifindex : 0;
	to->record.number = was ? was->record.number : new_number(cast, old);
	if (from->has_to) {
		to->record.flags |= ECS_RECEIVER_ADDR;
		memcpy(to->record.addr, from->to.addr, sizeof(from->to.addr));
		if (from->to.port) {
			uint8_t bytes[2] = {from->to.port >> 8, from->to.port & 0xff};

			to->record.flags |= ECS_RECEIVER_PORT;
			memcpy(&to->record.port_be, bytes, sizeof(bytes));
		}
	}
	if (from->has_mac) {
		to->record.flags |= ECS_RECEIVER_MAC;
		memcpy(to->record.mac, from->mac, sizeof(from->mac));
	}
	cast->receiver_count++;
}

static void make_cast(struct ecs_desired *c, const struct ecs_config_cast *from,
		      struct ecs_state_cast *cast)
{
	const struct ecs_state_cast *old = ecs_state_cast_by_name(c->have, from->name);

	memcpy(cast->name, from->name, sizeof(cast->name));
	cast->id = old ? old->id : new_id(c);
	make_key(c, from, cast);
	/* Those that stay keep their numbers, so they come first. */
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < c->config->receivers_len; i++) {
			const struct ecs_config_receiver *to = &c->config->receivers[i];
			bool is_new = !old || !ecs_state_cast_receiver(old, to->ifname);

			if (!strcmp(to->cast, from->name) && is_new == (pass == 1))
				make_receiver(c, to, cast, old);
		}
	}
	ecs_desired_cast_groups(cast, old);
}

void ecs_desired_casts(struct ecs_desired *c)
{
	if (!c->config->casts_len)
		return;
	c->want->casts = calloc(c->config->casts_len, sizeof(*c->want->casts));
	if (!c->want->casts) {
		c->failed = true;
		return;
	}
	for (size_t i = 0; i < c->config->casts_len; i++) {
		make_cast(c, &c->config->casts[i], &c->want->casts[i]);
		c->want->cast_count++;
	}
}
