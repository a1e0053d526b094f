/* SPDX-License-Identifier: Apache-2.0 */
/* What plan.c shares with plan_gateway.c and plan_nat.c, which plan for parts of the state. */
#ifndef ECSWITCH_PLAN_PRIV_H
#define ECSWITCH_PLAN_PRIV_H

#include "plan.h"

struct ecs_plan_context {
	const struct ecs_state *have, *want;
	bool (*exists)(uint32_t ifindex, const void *ctx);
	const void *exists_ctx;
	struct ecs_plan *plan;
};

/**
 * ecs_plan_add - a new operation at the end of the plan
 * @port: what it is about; may be NULL
 *
 * Return: never NULL; without memory a scratch one, and the plan is marked as failed.
 */
struct ecs_op *ecs_plan_add(struct ecs_plan_context *c, enum ecs_op_verb verb,
			    const struct ecs_state_port *port);

/** ecs_plan_gateways_away - remove the pairs that no network wants any more. */
void ecs_plan_gateways_away(struct ecs_plan_context *c);
/** ecs_plan_gateways - make pairs, and give them what they lack. */
void ecs_plan_gateways(struct ecs_plan_context *c);

/** ecs_plan_nat - forwards, reserved ports, and flows whose address or port has gone. */
void ecs_plan_nat(struct ecs_plan_context *c);

/** ecs_plan_describe_rule - a sentence about one forwarded port. */
void ecs_plan_describe_rule(json_t *list, const struct ecs_op *op);
/** ecs_plan_casts_away - casts that are gone, or begin elsewhere. */
void ecs_plan_casts_away(struct ecs_plan_context *c);
/** ecs_plan_casts - casts that are new or have changed. */
void ecs_plan_casts(struct ecs_plan_context *c);

#endif
