// SPDX-License-Identifier: Apache-2.0
/* Runs NAT's operations that concern many flows at once: one pass over the table serves all. */
#include "apply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ecswitch/cleanup.h>
#include "reserve.h"

struct ending {
	struct ecs_datapath *dp;
	const struct ecs_state *want;
	bool networks[ECS_GATEWAY_ADDRS][ECS_NETWORKS_MAX + 1];
	bool slots[ECS_PORTS_MAX];
};

/* The VM is behind another port by now: the flow is that port's. */
static bool has_moved(const struct ending *end, const struct ecs_nat_key *key,
		      const struct ecs_nat_flow *flow)
{
	struct ecs_fdb_key fdb = {.network = key->scope};
	const struct ecs_state_port *port;
	struct ecs_nat_flow back;
	uint32_t ifindex;

	if (!key->scope || !ecs_datapath_nat_other(end->dp, key, flow, &back))
		return false;
	memcpy(fdb.mac, back.to_mac, sizeof(fdb.mac));
	ifindex = ecs_datapath_fdb_port(end->dp, &fdb);
	port = ifindex ? ecs_state_port_get(end->want, ifindex) : NULL;
	if (!port || port->port.network != key->scope)
		return false;
	return ecs_datapath_nat_move(end->dp, key, flow, (uint16_t)port->port.slot) == 0;
}

static bool is_ended(const struct ecs_nat_key *key, const struct ecs_nat_flow *flow, void *ctx)
{
	const struct ending *end = ctx;
	const bool *networks = end->networks[key->v6 ? ECS_GATEWAY_IPV6 : ECS_GATEWAY_IPV4];

	if (flow->network > ECS_NETWORKS_MAX || networks[flow->network] ||
	    (key->scope <= ECS_NETWORKS_MAX && networks[key->scope]) ||
	    (flow->scope <= ECS_NETWORKS_MAX && networks[flow->scope]))
		return true;
	if (!(flow->flags & ECS_NAT_ORIGIN) || flow->slot >= ECS_PORTS_MAX ||
	    !end->slots[flow->slot])
		return false;
	return !has_moved(end, key, flow);
}

static void end_flows(const struct ecs_applier *a, struct ecs_plan *plan,
		      const struct ecs_state *want)
{
	ECS_FREE struct ending *end = calloc(1, sizeof(*end));
	struct ecs_nat_cursor cursor = {};
	bool any = false;
	int r;

	for (size_t i = 0; end && i < plan->count; i++) {
		const struct ecs_op *op = &plan->ops[i];

		if (op->verb == ECS_OP_NAT_END_NETWORK)
			end->networks[op->family][op->network] = true;
		else if (op->verb == ECS_OP_NAT_END_PORT && op->slot < ECS_PORTS_MAX)
			end->slots[op->slot] = true;
		else
			continue;
		any = true;
	}
	if (!any || !ecs_datapath_nat_used(a->dp, 0))
		return;
	end->dp = a->dp;
	end->want = want;
	r = ecs_datapath_nat_walk(a->dp, &cursor, UINT32_MAX, is_ended, end);
	for (size_t i = 0; i < plan->count && r < 0; i++)
		if (plan->ops[i].verb == ECS_OP_NAT_END_NETWORK)
			plan->ops[i].result = r;
}

void ecs_apply_nat(const struct ecs_applier *applier, struct ecs_plan *plan,
		   const struct ecs_state *want)
{
	end_flows(applier, plan, want);
	for (size_t i = 0; i < plan->count; i++) {
		struct ecs_op *op = &plan->ops[i];
		struct ecs_err err = {};

		if (op->verb != ECS_OP_RESERVE)
			continue;
		op->result = ecs_reserve(want->reserved, want->reserved_count,
					 applier->reserved_path, &err);
		snprintf(op->text, sizeof(op->text), "%s", err.text);
	}
}
