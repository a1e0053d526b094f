/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration and links that exist only in a test, and turns of the reconcile loop on them
 * in which every operation succeeds. For tests of desired*.c and plan*.c.
 */
#ifndef ECSWITCH_TESTS_PLAN_WORLD_H
#define ECSWITCH_TESTS_PLAN_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <net/if.h>
#include <linux/rtnetlink.h>

#include "userspace/daemon/desired.h"
#include "userspace/daemon/plan.h"

struct world {
	struct ecs_config *config;
	struct ecs_observed observed;
	struct ecs_state have, want;
	struct ecs_plan plan;
};

static inline int world_new(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->config = ecs_config_new();
	*state = w;
	return 0;
}

static inline int world_free(void **state)
{
	struct world *w = *state;

	ecs_config_free(w->config);
	ecs_observed_free(&w->observed);
	ecs_state_free(&w->have);
	ecs_state_free(&w->want);
	ecs_plan_free(&w->plan);
	free(w);
	return 0;
}

static inline void configure(struct world *w, const char *text)
{
	char script[4096];
	json_t *commands = NULL, *item;
	struct ecs_err err = {};
	bool changed;
	FILE *in;
	size_t i;

	snprintf(script, sizeof(script), "%s", text);
	in = fmemopen(script, strlen(script), "r");
	if (ecs_script_parse(in, "test", &commands, &err) < 0)
		fail_msg("%s", err.text);
	fclose(in);
	json_array_foreach (commands, i, item) {
		const char *method = json_string_value(json_object_get(item, "method"));

		if (ecs_config_apply(w->config, ecs_command_by_method(method),
				     json_object_get(item, "params"), &changed, &err) < 0)
			fail_msg("%s", err.text);
	}
	json_decref(commands);
}

static inline struct ecs_link link_of(uint32_t ifindex, const char *name, const char *kind)
{
	struct ecs_link link = {
		.ifindex = ifindex,
		.mac = {2, 0, 0, 0, 0, ifindex},
		.ethernet = true,
		.mtu = 1500,
		.flags = IFF_UP,
		.carrier = true,
		.peer_elsewhere = !strcmp(kind, "veth"),
	};

	strcpy(link.name, name);
	strcpy(link.kind, kind);
	return link;
}

static inline void appear(struct world *w, uint32_t ifindex, const char *name, const char *kind)
{
	struct ecs_link link = link_of(ifindex, name, kind);

	assert_int_equal(ecs_observed_link_set(&w->observed, &link), 0);
}

static inline bool exists(uint32_t ifindex, const void *ctx)
{
	const struct world *w = ctx;

	return ecs_observed_by_index(&w->observed, ifindex);
}

static inline void see_promisc(struct world *w)
{
	for (size_t i = 0; i < w->plan.count; i++) {
		const struct ecs_op *op = &w->plan.ops[i];
		struct ecs_link link;

		if (op->verb != ECS_OP_PROMISC_ON && op->verb != ECS_OP_PROMISC_OFF)
			continue;
		link = *ecs_observed_by_index(&w->observed, op->ifindex);
		link.flags = op->verb == ECS_OP_PROMISC_ON ? link.flags | IFF_PROMISC
							   : link.flags & ~IFF_PROMISC;
		ecs_observed_link_set(&w->observed, &link);
	}
}

/* One turn of the reconcile loop in which every operation succeeds. */
static inline void turn(struct world *w)
{
	ecs_plan_free(&w->plan);
	ecs_state_free(&w->want);
	assert_int_equal(ecs_desired_make(w->config, &w->observed, &w->have, &w->want), 0);
	assert_int_equal(ecs_plan_make(&w->have, &w->want, exists, w, &w->plan), 0);
	see_promisc(w);
	ecs_state_free(&w->have);
	w->have = w->want;
	w->want = (struct ecs_state){};
}

static inline size_t count(const struct world *w, enum ecs_op_verb verb)
{
	size_t n = 0;

	for (size_t i = 0; i < w->plan.count; i++)
		n += w->plan.ops[i].verb == verb;
	return n;
}

static inline const struct ecs_op *find(const struct world *w, enum ecs_op_verb verb,
					uint32_t ifindex)
{
	for (size_t i = 0; i < w->plan.count; i++)
		if (w->plan.ops[i].verb == verb && w->plan.ops[i].ifindex == ifindex)
			return &w->plan.ops[i];
	return NULL;
}

static inline const char *reason(const struct world *w, const char *name)
{
	for (size_t i = 0; i < w->have.waiting_count; i++)
		if (!strcmp(w->have.waiting[i].name, name))
			return w->have.waiting[i].reason;
	return NULL;
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_new, world_free)

#endif
