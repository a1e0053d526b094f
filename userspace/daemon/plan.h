/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The difference between what there is and what there should be, as a list of operations in
 * a safe order: old traces go first, maps are complete before a program runs on them. Pure.
 */
#ifndef ECSWITCH_PLAN_H
#define ECSWITCH_PLAN_H

#include <jansson.h>
#include "netlink/tc.h"
#include "state.h"

enum ecs_op_verb {
	ECS_OP_PATCH_DEL,
	ECS_OP_FLOOD_CLEAR,
	ECS_OP_PORT_DEL,
	ECS_OP_FILTER_DEL,
	ECS_OP_TCX_DEL,
	ECS_OP_CLSACT_DEL,
	ECS_OP_PROMISC_OFF,
	ECS_OP_LRO_ON,
	ECS_OP_FDB_STATIC_DEL,
	ECS_OP_NAT_RULE_DEL,
	ECS_OP_GATEWAY_DEL,
	ECS_OP_CAST_DEL,
	ECS_OP_FDB_FLUSH_PORT,
	ECS_OP_FDB_FLUSH_NETWORK,
	ECS_OP_SLOT_CLEAR,
	ECS_OP_PORT_SET,
	ECS_OP_FLOOD_SET,
	ECS_OP_NETWORK_SET,
	ECS_OP_PATCH_SET,
	ECS_OP_FDB_STATIC_SET,
	ECS_OP_NAT_RULE_SET,
	ECS_OP_NAT_END_PORT,	/* flows that a port opened */
	ECS_OP_NAT_END_NETWORK, /* flows of a network */
	ECS_OP_RESERVE,
	ECS_OP_CAST_SET,
	ECS_OP_PROMISC_ON,
	ECS_OP_LRO_OFF,
	ECS_OP_GATEWAY_ADD,
	ECS_OP_ADDR_DEL,
	ECS_OP_ADDR_ADD,
	ECS_OP_GATEWAY_ROUTE,
	ECS_OP_LINK_UP,
	ECS_OP_CLSACT_ADD,
	ECS_OP_FILTER_SET,
	ECS_OP_TCX_SET,
};

struct ecs_op {
	enum ecs_op_verb verb;
	uint32_t ifindex; /* of the port that the operation is about, 0 = none */
	char name[ECS_IFNAME_MAX];
	uint16_t network;
	uint32_t place; /* FLOOD_* */
	uint32_t slot;	/* SLOT_CLEAR */
	enum ecs_hook hook;
	enum ecs_prog prog;
	struct ecs_port_key key;	   /* PORT_* */
	struct ecs_port port;		   /* PORT_SET */
	struct ecs_network record;	   /* NETWORK_SET */
	struct ecs_flood_member member;	   /* FLOOD_SET */
	struct ecs_patch patch;		   /* PATCH_SET */
	struct ecs_state_fdb fdb;	   /* FDB_STATIC_* */
	struct ecs_state_gateway gateway;  /* GATEWAY_*; host_ifindex in the following two */
	struct ecs_state_rule rule;	   /* NAT_RULE_* */
	uint32_t link;			   /* LINK_UP, ADDR_*: whose; no port, so not ifindex */
	struct ecs_prefix addr;		   /* ADDR_* */
	enum ecs_gateway_addr family;	   /* GATEWAY_ROUTE, NAT_END_NETWORK: of what */
	const struct ecs_state_cast *cast; /* CAST_*: of the wanted state, or of the present one */
	const struct ecs_state_cast *old;  /* CAST_SET: what is there, or NULL */
	int result;			   /* out of apply */
	char text[160];			   /* out of apply: why it failed */
};

struct ecs_plan {
	struct ecs_op *ops;
	size_t count, room;
	bool failed; /* out of memory while planning: do not apply */
};

/**
 * ecs_plan_make - compare two states
 * @have: what is there; entries marked dirty are done again
 * @want: what should be there
 * @plan: filled; free with ecs_plan_free()
 *
 * Hooks of a link that no longer exists are not planned for: @exists tells.
 * Return: 0; -ENOMEM.
 */
int ecs_plan_make(const struct ecs_state *have, const struct ecs_state *want,
		  bool (*exists)(uint32_t ifindex, const void *ctx), const void *ctx,
		  struct ecs_plan *plan);
void ecs_plan_free(struct ecs_plan *plan);

/** ecs_plan_describe - new JSON array of sentences for people; details that follow from others
 * are left out. */
json_t *ecs_plan_describe(const struct ecs_plan *plan, const struct ecs_state *have,
			  const struct ecs_state *want);

#endif
