/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Executes a plan: map writes through datapath.c, hooks through netlink/. Tells of each
 * operation how it went; decides nothing.
 */
#ifndef ECSWITCH_APPLY_H
#define ECSWITCH_APPLY_H

#include "plan.h"

struct ecs_applier {
	struct ecs_datapath *dp;
	struct ecs_nl *nl;
	const char *instance;
	const char *reserved_path; /* where to remember what was reserved */
};

/**
 * ecs_apply - run all operations of a plan
 * @plan: its operations get their results
 * @want: flags that say what must be undone one day are added to its ports
 *
 * A failed operation does not stop the others. What a removal does not find is no failure.
 * Return: number of operations that failed.
 */
int ecs_apply(const struct ecs_applier *applier, struct ecs_plan *plan, struct ecs_state *want);

/** ecs_op_removes - whether operations of this kind belong to the first half of ecs_apply(). */
bool ecs_op_removes(enum ecs_op_verb verb);

/** ecs_apply_gateways - run the operations on gateways' links; a part of ecs_apply(). */
void ecs_apply_gateways(const struct ecs_applier *applier, struct ecs_plan *plan, bool removals);

/** ecs_apply_nat - end flows and reserve ports; a part of ecs_apply(). */
void ecs_apply_nat(const struct ecs_applier *applier, struct ecs_plan *plan,
		   const struct ecs_state *want);

/** ecs_filter_is_ours - whether a filter belongs to @instance. */
bool ecs_filter_is_ours(const struct ecs_filter *filter, const char *instance);

#endif
