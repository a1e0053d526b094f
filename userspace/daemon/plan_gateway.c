// SPDX-License-Identifier: Apache-2.0
/*
 * Plans for the gateways' veth pairs. What desired.c found missing on them becomes operations;
 * a pair that is new is completed in the next turn, when it is seen. Makes no system call.
 */
#include "plan_priv.h"

#include <string.h>

static bool is_kept(const struct ecs_state_gateway *old, const struct ecs_state_gateway *new)
{
	return new->host[0] && !new->make && !strcmp(old->host, new->host);
}

void ecs_plan_gateways_away(struct ecs_plan_context *c)
{
	for (uint16_t id = 1; id <= ECS_NETWORKS_MAX; id++) {
		const struct ecs_state_gateway *old = &c->have->gateways[id];
		struct ecs_op *op;

		if (!old->host[0] || is_kept(old, &c->want->gateways[id]))
			continue;
		if (!c->exists(old->host_ifindex, c->exists_ctx) &&
		    !c->exists(old->port_ifindex, c->exists_ctx))
			continue;
		op = ecs_plan_add(c, ECS_OP_GATEWAY_DEL, NULL);
		op->network = id;
		op->gateway = *old;
	}
}

static void set_up(struct ecs_plan_context *c, uint16_t id, uint32_t ifindex)
{
	struct ecs_op *op = ecs_plan_add(c, ECS_OP_LINK_UP, NULL);

	op->network = id;
	op->link = ifindex;
}

static void set_addr(struct ecs_plan_context *c, enum ecs_op_verb verb, uint16_t id,
		     const struct ecs_prefix *addr)
{
	struct ecs_op *op = ecs_plan_add(c, verb, NULL);

	op->network = id;
	op->link = c->want->gateways[id].host_ifindex;
	op->addr = *addr;
}

/* Once for a link: what somebody changes later, netlink tells. */
static void set_routes(struct ecs_plan_context *c, uint16_t id)
{
	const struct ecs_state_gateway *new = &c->want->gateways[id];
	const struct ecs_state_gateway *old = &c->have->gateways[id];
	bool fresh = old->host_ifindex != new->host_ifindex;

	for (int i = 0; i < ECS_GATEWAY_ADDRS; i++) {
		bool was = !fresh && old->routes[i];
		struct ecs_op *op;

		if (new->routes[i] == was && !(was && c->have->network_dirty[id]))
			continue;
		op = ecs_plan_add(c, ECS_OP_GATEWAY_ROUTE, NULL);
		op->network = id;
		op->gateway = *new;
		op->family = (enum ecs_gateway_addr)i;
	}
}

static void plan_gateway(struct ecs_plan_context *c, uint16_t id)
{
	const struct ecs_state_gateway *new = &c->want->gateways[id];

	if (new->make) {
		struct ecs_op *op = ecs_plan_add(c, ECS_OP_GATEWAY_ADD, NULL);

		op->network = id;
		op->gateway = *new;
		return;
	}
	for (int i = 0; i < ECS_GATEWAY_ADDRS; i++) {
		if (new->stale[i].family)
			set_addr(c, ECS_OP_ADDR_DEL, id, &new->stale[i]);
		if (new->lacks[i])
			set_addr(c, ECS_OP_ADDR_ADD, id, &new->addrs[i]);
	}
	set_routes(c, id);
	if (new->host_down)
		set_up(c, id, new->host_ifindex);
	if (new->port_down)
		set_up(c, id, new->port_ifindex);
}

void ecs_plan_gateways(struct ecs_plan_context *c)
{
	for (uint16_t id = 1; id <= ECS_NETWORKS_MAX; id++)
		if (c->want->gateways[id].host[0])
			plan_gateway(c, id);
}
