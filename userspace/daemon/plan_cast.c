// SPDX-License-Identifier: Apache-2.0
/* Plans for casts: each is written as a whole, and takes effect at once. Pure. */
#include "plan_priv.h"

#include <string.h>

static bool same_key(const struct ecs_state_cast *a, const struct ecs_state_cast *b)
{
	return a->live == b->live && !memcmp(&a->key, &b->key, sizeof(a->key));
}

static bool same_receivers(const struct ecs_state_cast *a, const struct ecs_state_cast *b)
{
	if (a->receiver_count != b->receiver_count)
		return false;
	for (size_t i = 0; i < a->receiver_count; i++) {
		const struct ecs_state_receiver *x = &a->receivers[i];
		const struct ecs_state_receiver *y = ecs_state_cast_receiver(b, x->name);

		if (!y || memcmp(&x->record, &y->record, sizeof(x->record)) ||
		    memcmp(&x->policy, &y->policy, sizeof(x->policy)) || x->state != y->state)
			return false;
	}
	return true;
}

void ecs_plan_casts_away(struct ecs_plan_context *c)
{
	for (size_t i = 0; i < c->have->cast_count; i++) {
		const struct ecs_state_cast *old = &c->have->casts[i];
		const struct ecs_state_cast *new = ecs_state_cast_by_name(c->want, old->name);

		if (old->live && (!new || !same_key(old, new)))
			ecs_plan_add(c, ECS_OP_CAST_DEL, NULL)->cast = old;
	}
}

void ecs_plan_casts(struct ecs_plan_context *c)
{
	for (size_t i = 0; i < c->want->cast_count; i++) {
		const struct ecs_state_cast *new = &c->want->casts[i];
		const struct ecs_state_cast *old = ecs_state_cast_by_name(c->have, new->name);
		struct ecs_op *op;

		if (!new->live)
			continue;
		if (old && !old->dirty && same_key(old, new) && same_receivers(old, new) &&
		    old->flags == new->flags && !memcmp(old->src, new->src, sizeof(old->src)))
			continue;
		op = ecs_plan_add(c, ECS_OP_CAST_SET, NULL);
		op->cast = new;
		op->old = old && old->live && same_key(old, new) ? old : NULL;
	}
}
