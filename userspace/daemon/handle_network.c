// SPDX-License-Identifier: Apache-2.0
/* network list, match list. */
#include "handle.h"

static size_t count_ports(const struct ecs_state *state, uint16_t id)
{
	size_t n = 0;

	for (size_t i = 0; i < state->port_count; i++)
		n += state->ports[i].port.network == id &&
		     state->ports[i].port.role != ECS_ROLE_UPLINK;
	return n;
}

static json_t *prefix_json(const struct ecs_prefix *prefix)
{
	char text[ECS_PREFIX_TEXT_MAX];

	return prefix->family ? json_string(ecs_prefix_format(prefix, text)) : json_null();
}

int ecs_handle_network_list(struct ecs_daemon *d, json_t *params, json_t **result,
			    struct ecs_err *err)
{
	json_t *list = json_array();

	(void)params, (void)err;
	for (size_t i = 0; i < d->config->networks_len; i++) {
		const struct ecs_config_network *net = &d->config->networks[i];
		uint16_t id = ecs_state_network_id(&d->have, net->name);

		json_array_append_new(
			list,
			json_pack("{s:s, s:s?, s:o, s:o, s:o, s:b, s:b, s:i, s:i, s:i, s:i}",
				  "name", net->name, "uplink", net->uplink[0] ? net->uplink : NULL,
				  "vlan", net->vlan ? json_integer(net->vlan) : json_null(),
				  "gateway", prefix_json(&net->gateway), "gateway6",
				  prefix_json(&net->gateway6), "nat", net->nat, "nat66", net->nat66,
				  "ageing", (int)net->ageing_s, "fdb_limit", (int)net->fdb_limit,
				  "ports", (int)count_ports(&d->have, id), "fdb",
				  id ? (int)ecs_datapath_fdb_used(d->dp, id) : 0));
	}
	*result = list;
	return 0;
}

int ecs_handle_match_list(struct ecs_daemon *d, json_t *params, json_t **result,
			  struct ecs_err *err)
{
	json_t *list = json_array();

	(void)params, (void)err;
	for (size_t i = 0; i < d->config->matches_len; i++) {
		const struct ecs_config_match *match = &d->config->matches[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "pattern", match->pattern,
						      "kind", ecs_match_kind_text(match->kind),
						      "network", match->network));
	}
	*result = list;
	return 0;
}
