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
	cast->flags |= from->rtp << ECS_STREAM_CODEC;
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

static void make_cast(struct ecs_desired *c, const struct ecs_config_cast *from,
		      struct ecs_state_cast *cast)
{
	const struct ecs_state_cast *old = ecs_state_cast_by_name(c->have, from->name);

	memcpy(cast->name, from->name, sizeof(cast->name));
	cast->id = old ? old->id : new_id(c);
	make_key(c, from, cast);
	ecs_desired_receivers(c, from, cast, old);
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
