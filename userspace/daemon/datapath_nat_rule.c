// SPDX-License-Identifier: Apache-2.0
/*
 * Forwarded ports in the data path, which has numbers in place of IPv6 addresses. A rule's own
 * stay for as long as it does.
 */
#include "datapath_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "state.h"

static bool is_v6(const struct ecs_state_rule_key *key)
{
	return key->family == AF_INET6;
}

/* The map's form of a rule. Return: false if the uplink's address has no number, so that there is
 * no such rule. */
static bool key_of(const struct ecs_datapath *dp, const struct ecs_state_rule_key *from,
		   struct ecs_nat_rule_key *key)
{
	struct ecs_nat_addr addr;

	*key = (struct ecs_nat_rule_key){
		.port_be = from->port_be, .proto = from->proto, .v6 = is_v6(from)};
	memcpy(&addr, from->addr, sizeof(addr));
	key->addr_be = is_v6(from) ? ecs_datapath_nat_number(dp, &addr) : addr.be[0];
	return key->addr_be;
}

int ecs_datapath_nat_rule_set(struct ecs_datapath *dp, const struct ecs_state_rule *from)
{
	struct ecs_nat_rule rule = {.inside_port_be = from->inside_port_be,
				    .network = from->network};
	struct ecs_nat_addr addr, inside;
	struct ecs_nat_rule_key key;
	int r = 0;

	memcpy(&addr, from->key.addr, sizeof(addr));
	memcpy(&inside, from->inside, sizeof(inside));
	rule.inside_be = inside.be[0];
	if (is_v6(&from->key))
		r = ecs_nat_number_take(dp, &addr, &rule.inside_be)
			    ?: ecs_nat_number_take(dp, &inside, &rule.inside_be);
	if (r < 0)
		return r;
	key_of(dp, &from->key, &key);
	return bpf_map_update_elem(dp->rules_fd, &key, &rule, BPF_ANY) < 0 ? -errno : 0;
}

int ecs_datapath_nat_rule_del(struct ecs_datapath *dp, const struct ecs_state_rule_key *from)
{
	struct ecs_nat_rule_key key;

	if (!key_of(dp, from, &key))
		return -ENOENT;
	return bpf_map_delete_elem(dp->rules_fd, &key) < 0 ? -errno : 0;
}

static struct ecs_state_rule rule_of(const struct ecs_datapath *dp,
				     const struct ecs_nat_rule_key *key,
				     const struct ecs_nat_rule *rule)
{
	struct ecs_state_rule to = {
		.key = {.family = key->v6 ? AF_INET6 : AF_INET,
			.proto = key->proto,
			.port_be = key->port_be},
		.inside_port_be = rule->inside_port_be,
		.network = rule->network,
	};
	struct ecs_nat_addr addr = {{key->addr_be}}, inside = {{rule->inside_be}};

	if (key->v6) {
		ecs_datapath_nat_addr(dp, key->addr_be, &addr);
		ecs_datapath_nat_addr(dp, rule->inside_be, &inside);
	}
	memcpy(to.key.addr, &addr, sizeof(addr));
	memcpy(to.inside, &inside, sizeof(inside));
	return to;
}

int ecs_datapath_nat_rules(const struct ecs_datapath *dp,
			   void (*fn)(const struct ecs_state_rule *rule, void *ctx), void *ctx)
{
	struct ecs_nat_rule_key key, *prev = NULL;
	struct ecs_nat_rule rule;

	while (bpf_map_get_next_key(dp->rules_fd, prev, &key) == 0) {
		struct ecs_state_rule to;

		prev = &key;
		if (bpf_map_lookup_elem(dp->rules_fd, &key, &rule) < 0)
			continue;
		to = rule_of(dp, &key, &rule);
		fn(&to, ctx);
	}
	return 0;
}

void ecs_nat_rule_numbers(const struct ecs_datapath *dp, void (*fn)(uint32_t number, void *ctx),
			  void *ctx)
{
	struct ecs_nat_rule_key key, *prev = NULL;
	struct ecs_nat_rule rule;

	while (bpf_map_get_next_key(dp->rules_fd, prev, &key) == 0) {
		prev = &key;
		if (!key.v6 || bpf_map_lookup_elem(dp->rules_fd, &key, &rule) < 0)
			continue;
		fn(key.addr_be, ctx);
		fn(rule.inside_be, ctx);
	}
}
