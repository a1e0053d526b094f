// SPDX-License-Identifier: Apache-2.0
/*
 * Networks and their options: what may stand together without looking at any link.
 */
#include <errno.h>
#include <netinet/in.h>

#include "config_list.h"

const struct ecs_config_network *ecs_config_network(const struct ecs_config *config,
						    const char *name)
{
	for (size_t i = 0; i < config->networks_len; i++)
		if (!strcmp(config->networks[i].name, name))
			return &config->networks[i];
	return NULL;
}

bool ecs_config_is_uplink(const struct ecs_config *config, const char *ifname)
{
	for (size_t i = 0; i < config->networks_len; i++)
		if (!strcmp(config->networks[i].uplink, ifname))
			return true;
	return false;
}

int ecs_config_network_needed(const struct ecs_config *config, const char *name,
			      struct ecs_err *err)
{
	if (ecs_config_network(config, name))
		return 0;
	return ecs_fail(err, -ENOENT, "there is no network %s; make it first: network add %s", name,
			name);
}

/* Lays the options that were given over @network; null takes one away. */
static void take_options(struct ecs_config_network *network, const json_t *params)
{
	const json_t *vlan = json_object_get(params, "vlan");
	const json_t *ageing = json_object_get(params, "ageing");
	const json_t *fdb_limit = json_object_get(params, "fdb_limit");

	if (json_object_get(params, "uplink"))
		ecs_arg_copy(network->uplink, params, "uplink");
	if (vlan) /* the value of null is 0 */
		network->vlan = (uint16_t)json_integer_value(vlan);
	if (ageing)
		network->ageing_s = (uint32_t)json_integer_value(ageing);
	if (fdb_limit)
		network->fdb_limit = (uint32_t)json_integer_value(fdb_limit);
	ecs_config_nat_take(network, params);
}

static bool same_options(const struct ecs_config_network *a, const struct ecs_config_network *b)
{
	return !strcmp(a->uplink, b->uplink) && a->vlan == b->vlan && a->ageing_s == b->ageing_s &&
	       a->fdb_limit == b->fdb_limit && ecs_config_nat_same(a, b);
}

/* Whether the link may be an uplink beside all that uses it already. */
static int check_uplink(const struct ecs_config *config, const struct ecs_config_network *network,
			struct ecs_err *err)
{
	const struct ecs_config_port *port = ecs_config_port(config, network->uplink);

	if (port)
		return ecs_fail(
			err, -EBUSY,
			"%s cannot be the uplink of %s: it is a port of %s; first: port del %s",
			network->uplink, network->name, port->network, port->ifname);
	if (ecs_config_match_of(config, network->uplink))
		return ecs_fail(
			err, -EBUSY,
			"%s cannot be the uplink of %s: a match names it; first: match del %s",
			network->uplink, network->name, network->uplink);
	return 0;
}

static int check_options(const struct ecs_config *config, const struct ecs_config_network *network,
			 struct ecs_err *err)
{
	int rc = ecs_config_nat_check(config, network, err);

	if (rc < 0)
		return rc;
	if (!network->uplink[0])
		return network->vlan ? ecs_fail(err, -EINVAL,
						"network %s has vlan %u but no uplink that carries "
						"it; give it an uplink",
						network->name, network->vlan)
				     : 0;
	for (size_t i = 0; i < config->networks_len; i++) {
		const struct ecs_config_network *other = &config->networks[i];
		char vlan[16] = "untagged";

		if (!strcmp(other->name, network->name) || strcmp(other->uplink, network->uplink) ||
		    other->vlan != network->vlan || other->nat || network->nat)
			continue;
		if (network->vlan)
			snprintf(vlan, sizeof(vlan), "vlan %u", network->vlan);
		return ecs_fail(err, -EBUSY,
				"%s %s already belongs to network %s; give %s another vlan",
				network->uplink, vlan, other->name, network->name);
	}
	return check_uplink(config, network, err);
}

int ecs_config_network_add(struct ecs_config *config, const json_t *params, bool *changed,
			   struct ecs_err *err)
{
	const char *name = ecs_arg_text(params, "name");
	const struct ecs_config_network *old = ecs_config_network(config, name);
	struct ecs_config_network network = {.ageing_s = ECS_AGEING_DEFAULT_S};
	int rc;

	if (old && ecs_arg_if_needed(params)) {
		network = *old;
		take_options(&network, params);
		if (same_options(&network, old))
			return 0;
		return ecs_fail(
			err, -EEXIST,
			"network %s exists with other options; change it by: network set %s", name,
			name);
	}
	if (old)
		return ecs_fail(err, -EEXIST, "network %s exists; change it by: network set %s",
				name, name);
	if (config->networks_len >= ECS_NETWORKS_MAX)
		return ecs_fail(err, -ENOSPC, "there are %d networks, and more are not possible",
				ECS_NETWORKS_MAX);
	ecs_arg_copy(network.name, params, "name");
	take_options(&network, params);
	rc = check_options(config, &network, err);
	if (rc == 0)
		rc = ecs_config_append(config, networks, &network, err);
	*changed = rc == 0;
	return rc;
}

int ecs_config_network_set(struct ecs_config *config, const json_t *params, bool *changed,
			   struct ecs_err *err)
{
	const char *name = ecs_arg_text(params, "name");
	const struct ecs_config_network *old = ecs_config_network(config, name);
	struct ecs_config_network network;
	int rc;

	if (!old)
		return ecs_config_network_needed(config, name, err);
	network = *old;
	take_options(&network, params);
	rc = check_options(config, &network, err);
	if (rc < 0)
		return rc;
	*changed = !same_options(&network, old);
	config->networks[old - config->networks] = network;
	return 0;
}

/* Finds what a network's removal would leave behind. Return: 0; -EBUSY, naming the first. */
static int check_unused(const struct ecs_config *config, const char *name, struct ecs_err *err)
{
	const struct ecs_config_forward *forward = ecs_config_forward_of(config, name);
	const struct ecs_config_cast *cast = ecs_config_cast_of(config, name);
	const struct ecs_config_receiver *receiver = ecs_config_receiver_of(config, name);
	size_t users = 0;
	char first[160] = "";

	if (cast)
		return ecs_fail(err, -EBUSY, "network %s has the cast %s; first: cast del %s", name,
				cast->name, cast->name);
	if (receiver)
		return ecs_fail(err, -EBUSY,
				"network %s receives the cast %s; first: cast off %s network %s",
				name, receiver->cast, receiver->cast, name);
	if (forward) {
		char ports[ECS_PORTS_TEXT_MAX];

		return ecs_fail(err, -EBUSY,
				"network %s has forwards; first: nat forward del %s %s network %s",
				name, forward->proto == IPPROTO_TCP ? "tcp" : "udp",
				ecs_ports_format(&forward->ports, ports), name);
	}
	for (size_t i = config->fdb_len; i-- > 0;) {
		const uint8_t *mac = config->fdb[i].mac;

		if (strcmp(config->fdb[i].network, name))
			continue;
		users++;
		snprintf(first, sizeof(first), "fdb del %02x:%02x:%02x:%02x:%02x:%02x network %s",
			 mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], name);
	}
	for (size_t i = config->ports_len; i-- > 0;) {
		if (strcmp(config->ports[i].network, name))
			continue;
		users++;
		snprintf(first, sizeof(first), "port del %s", config->ports[i].ifname);
	}
	for (size_t i = config->matches_len; i-- > 0;) {
		if (strcmp(config->matches[i].network, name))
			continue;
		users++;
		snprintf(first, sizeof(first), "match del %s", config->matches[i].pattern);
	}
	if (!users)
		return 0;
	if (users == 1)
		return ecs_fail(err, -EBUSY, "network %s is in use; first: %s", name, first);
	return ecs_fail(err, -EBUSY, "network %s is in use by %zu things; first: %s, ...", name,
			users, first);
}

int ecs_config_network_del(struct ecs_config *config, const json_t *params, bool *changed,
			   struct ecs_err *err)
{
	const char *name = ecs_arg_text(params, "name");
	const struct ecs_config_network *network = ecs_config_network(config, name);
	int rc;

	if (!network)
		return ecs_arg_if_needed(params)
			       ? 0
			       : ecs_fail(err, -ENOENT, "there is no network %s to remove", name);
	rc = check_unused(config, name, err);
	if (rc < 0)
		return rc;
	ecs_config_remove(config, networks, network);
	*changed = true;
	return 0;
}
