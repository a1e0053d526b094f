// SPDX-License-Identifier: Apache-2.0
/*
 * The configuration as the commands that make it, for `save`. Options that have their default
 * value are left out.
 */
#include <netinet/in.h>

#include "config_list.h"
#include "types.h"

static int put(json_t *commands, const char *method, json_t *params)
{
	return json_array_append_new(commands,
				     json_pack("{s:s, s:o}", "method", method, "params", params));
}

/* A static entry without a network stands first: where nothing is known, it cannot get one. */
static int put_fdb(json_t *commands, const struct ecs_config *config, bool with_network)
{
	char mac[ECS_MAC_TEXT_MAX];
	int rc = 0;

	for (size_t i = 0; i < config->fdb_len; i++) {
		const struct ecs_config_fdb *entry = &config->fdb[i];

		if ((entry->network[0] != '\0') != with_network)
			continue;
		rc |= put(commands, "fdb.add",
			  json_pack("{s:s, s:s, s:s*}", "mac", ecs_mac_format(entry->mac, mac),
				    "port", entry->ifname, "network",
				    with_network ? entry->network : NULL));
	}
	return rc;
}

static int put_number(json_t *params, const char *key, uint32_t value)
{
	return value ? json_object_set_new(params, key, json_integer(value)) : 0;
}

static int put_prefix(json_t *params, const char *key, const struct ecs_prefix *prefix)
{
	char text[ECS_PREFIX_TEXT_MAX];

	return prefix->family ? json_object_set_new(params, key,
						    json_string(ecs_prefix_format(prefix, text)))
			      : 0;
}

static int put_nat(json_t *params, const struct ecs_config_network *network)
{
	char ports[ECS_PORTS_TEXT_MAX];
	int rc = put_prefix(params, "gateway", &network->gateway);

	rc |= put_prefix(params, "gateway6", &network->gateway6);
	if (network->nat)
		rc |= json_object_set_new(params, "nat", json_true());
	if (network->nat66)
		rc |= json_object_set_new(params, "nat66", json_true());
	if (network->nat_ports.low)
		rc |= json_object_set_new(
			params, "nat_ports",
			json_string(ecs_ports_format(&network->nat_ports, ports)));
	rc |= put_number(params, "nat_limit", network->nat_limit);
	rc |= put_number(params, "tcp_timeout", network->tcp_timeout_s);
	rc |= put_number(params, "udp_timeout", network->udp_timeout_s);
	return rc | put_number(params, "icmp_timeout", network->icmp_timeout_s);
}

static int put_forwards(json_t *commands, const struct ecs_config *config)
{
	char ports[ECS_PORTS_TEXT_MAX], to[ECS_TARGET_TEXT_MAX];
	int rc = 0;

	for (size_t i = 0; i < config->forwards_len; i++) {
		const struct ecs_config_forward *forward = &config->forwards[i];

		rc |= put(commands, "nat.forward.add",
			  json_pack("{s:s, s:s, s:s, s:s, s:o*}", "proto",
				    forward->proto == IPPROTO_TCP ? "tcp" : "udp", "port",
				    ecs_ports_format(&forward->ports, ports), "to",
				    ecs_endpoint_format(&forward->to, to), "network",
				    forward->network, "force",
				    forward->force ? json_true() : NULL));
	}
	return rc;
}

static int put_networks(json_t *commands, const struct ecs_config *config)
{
	int rc = 0;

	for (size_t i = 0; i < config->networks_len; i++) {
		const struct ecs_config_network *network = &config->networks[i];
		json_t *params = json_pack("{s:s, s:s*}", "name", network->name, "uplink",
					   network->uplink[0] ? network->uplink : NULL);

		if (network->vlan)
			rc |= json_object_set_new(params, "vlan", json_integer(network->vlan));
		if (network->ageing_s != ECS_AGEING_DEFAULT_S)
			rc |= json_object_set_new(params, "ageing",
						  json_integer(network->ageing_s));
		if (network->fdb_limit)
			rc |= json_object_set_new(params, "fdb_limit",
						  json_integer(network->fdb_limit));
		rc |= put_nat(params, network);
		rc |= put(commands, "network.add", params);
	}
	return rc;
}

static int put_ports(json_t *commands, const struct ecs_config *config)
{
	int rc = 0;

	for (size_t i = 0; i < config->matches_len; i++) {
		const struct ecs_config_match *match = &config->matches[i];

		rc |= put(commands, "match.add",
			  json_pack("{s:s, s:s, s:s*}", "pattern", match->pattern, "network",
				    match->network, "kind",
				    match->kind ? ecs_match_kind_text(match->kind) : NULL));
	}
	for (size_t i = 0; i < config->ports_len; i++)
		rc |= put(commands, "port.add",
			  json_pack("{s:s, s:s}", "port", config->ports[i].ifname, "network",
				    config->ports[i].network));
	for (size_t i = 0; i < config->patches_len; i++) {
		const struct ecs_config_patch *patch = &config->patches[i];

		rc |= put(commands, "patch.add",
			  json_pack("{s:s, s:s, s:o*}", "a", patch->a, "b", patch->b, "oneway",
				    patch->oneway ? json_true() : NULL));
	}
	return rc;
}

json_t *ecs_config_dump(const struct ecs_config *config)
{
	json_t *commands = json_array();

	if (commands && put_fdb(commands, config, false) == 0 &&
	    put_networks(commands, config) == 0 && put_ports(commands, config) == 0 &&
	    put_fdb(commands, config, true) == 0 && put_forwards(commands, config) == 0 &&
	    ecs_config_cast_dump(commands, config) == 0)
		return commands;
	json_decref(commands);
	return NULL;
}
