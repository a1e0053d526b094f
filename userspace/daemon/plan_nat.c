// SPDX-License-Identifier: Apache-2.0
/*
 * Plans for NAT: single ports of forwards, reserved ports, and the flows that lost their
 * address or their port. Makes no system call.
 */
#include "plan_priv.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static void plan_rules(struct ecs_plan_context *c)
{
	for (size_t i = 0; i < c->have->rule_count; i++)
		if (!ecs_state_rule_get(c->want, &c->have->rules[i].key))
			ecs_plan_add(c, ECS_OP_NAT_RULE_DEL, NULL)->rule = c->have->rules[i];
	for (size_t i = 0; i < c->want->rule_count; i++) {
		const struct ecs_state_rule *new = &c->want->rules[i];
		const struct ecs_state_rule *old = ecs_state_rule_get(c->have, &new->key);

		if (!old || memcmp(old, new, sizeof(*new)))
			ecs_plan_add(c, ECS_OP_NAT_RULE_SET, NULL)->rule = *new;
	}
}

/* The address that the world knows a network's flows by is another one, or none. */
static void end_network(struct ecs_plan_context *c, uint16_t id, enum ecs_gateway_addr family)
{
	struct ecs_op *op = ecs_plan_add(c, ECS_OP_NAT_END_NETWORK, NULL);

	op->network = id;
	op->family = family;
}

static void end_networks(struct ecs_plan_context *c)
{
	static const uint8_t none[16];

	for (uint16_t id = 1; id <= ECS_NETWORKS_MAX; id++) {
		const struct ecs_network *old = &c->have->networks[id];
		const struct ecs_network *new = &c->want->networks[id];
		bool same = new->used && !strcmp(old->name, new->name);

		if (old->nat4_be && (!same || old->nat4_be != new->nat4_be))
			end_network(c, id, ECS_GATEWAY_IPV4);
		if (memcmp(old->nat6, none, sizeof(none)) &&
		    (!same || memcmp(old->nat6, new->nat6, sizeof(none))))
			end_network(c, id, ECS_GATEWAY_IPV6);
	}
}

static void end_ports(struct ecs_plan_context *c)
{
	for (size_t i = 0; i < c->have->port_count; i++) {
		const struct ecs_state_port *old = &c->have->ports[i];
		const struct ecs_state_port *new = ecs_state_port_get(c->want, old->ifindex);

		if (!(old->port.flags & ECS_PORT_NAT) || old->port.role == ECS_ROLE_UPLINK)
			continue;
		if (!new || memcmp(old->port.name, new->port.name, sizeof(old->port.name)) ||
		    old->port.network != new->port.network || old->port.slot != new->port.slot)
			ecs_plan_add(c, ECS_OP_NAT_END_PORT, old);
	}
}

static bool same_reserved(const struct ecs_state *a, const struct ecs_state *b)
{
	return a->reserved_count == b->reserved_count &&
	       (!a->reserved_count ||
		!memcmp(a->reserved, b->reserved, a->reserved_count * sizeof(*a->reserved)));
}

void ecs_plan_nat(struct ecs_plan_context *c)
{
	plan_rules(c);
	end_networks(c);
	end_ports(c);
	if (c->have->reserved_dirty || !same_reserved(c->have, c->want))
		ecs_plan_add(c, ECS_OP_RESERVE, NULL);
}

void ecs_plan_describe_rule(json_t *list, const struct ecs_op *op)
{
	const struct ecs_state_rule *rule = &op->rule;
	const struct ecs_state_rule_key *key = &rule->key;
	struct ecs_endpoint from = {.family = key->family, .port = ntohs(key->port_be)};
	struct ecs_endpoint to = {.family = key->family, .port = ntohs(rule->inside_port_be)};
	char from_text[ECS_TARGET_TEXT_MAX], to_text[ECS_TARGET_TEXT_MAX];

	memcpy(from.addr, key->addr, sizeof(from.addr));
	memcpy(to.addr, rule->inside, sizeof(to.addr));
	json_array_append_new(
		list,
		json_sprintf("%s %s %s to %s",
			     op->verb == ECS_OP_NAT_RULE_SET ? "forward" : "no longer forward",
			     key->proto == IPPROTO_TCP ? "tcp" : "udp",
			     ecs_endpoint_format(&from, from_text),
			     ecs_endpoint_format(&to, to_text)));
}
