// SPDX-License-Identifier: Apache-2.0
/*
 * Static entries of the forwarding database, known by address and network. An entry may wait
 * for its port; once the port is added, they are in the same network.
 */
#include <errno.h>

#include "config_list.h"
#include "types.h"

static struct ecs_config_fdb *find(const struct ecs_config *config, const uint8_t mac[6],
				   const char *network)
{
	for (size_t i = 0; i < config->fdb_len; i++)
		if (!memcmp(config->fdb[i].mac, mac, 6) && !strcmp(config->fdb[i].network, network))
			return &config->fdb[i];
	return NULL;
}

int ecs_config_fdb_follow(struct ecs_config *config, const char *ifname, const char *old,
			  const char *network, struct ecs_err *err)
{
	char mac[ECS_MAC_TEXT_MAX];

	for (size_t i = 0; i < config->fdb_len; i++) {
		const struct ecs_config_fdb *entry = &config->fdb[i];

		if (strcmp(entry->ifname, ifname) || !strcmp(entry->network, network))
			continue;
		ecs_mac_format(entry->mac, mac);
		if (entry->network[0] && strcmp(entry->network, old))
			return ecs_fail(err, -EBUSY,
					"%s has the static address %s in network %s; "
					"first: fdb del %s network %s",
					ifname, mac, entry->network, mac, entry->network);
		if (find(config, entry->mac, network))
			return ecs_fail(err, -EEXIST,
					"%s has the static address %s, and network %s "
					"has that too; first: fdb del %s network %s",
					ifname, mac, network, mac, network);
	}
	for (size_t i = 0; i < config->fdb_len; i++)
		if (!strcmp(config->fdb[i].ifname, ifname))
			snprintf(config->fdb[i].network, sizeof(config->fdb[i].network), "%s",
				 network);
	return 0;
}

/* The network whose uplink the link is. Return: 0, "" if it is nobody's; -EINVAL if several. */
static int network_of_uplink(const struct ecs_config *config, const char *ifname,
			     const char **network, struct ecs_err *err)
{
	const char *found = "";

	for (size_t i = 0; i < config->networks_len; i++) {
		if (strcmp(config->networks[i].uplink, ifname))
			continue;
		if (*found)
			return ecs_fail(err, -EINVAL,
					"%s is the uplink of network %s and of others; "
					"say which: network NAME",
					ifname, found);
		found = config->networks[i].name;
	}
	*network = found;
	return 0;
}

static int find_network(const struct ecs_config *config, const char *ifname, const char **network,
			struct ecs_err *err)
{
	const struct ecs_config_port *port = ecs_config_port(config, ifname);

	if (**network && port && strcmp(port->network, *network))
		return ecs_fail(err, -EINVAL,
				"%s is a port of network %s, not of %s; leave the "
				"network out",
				ifname, port->network, *network);
	if (**network)
		return ecs_config_network_needed(config, *network, err);
	if (!port)
		return network_of_uplink(config, ifname, network, err);
	*network = port->network;
	return 0;
}

static int check_mac(const uint8_t mac[6], const char *text, struct ecs_err *err)
{
	static const uint8_t zero[6];

	if (mac[0] & 1)
		return ecs_fail(err, -EINVAL, "%s is a multicast address; give a unicast one",
				text);
	if (!memcmp(mac, zero, sizeof(zero)))
		return ecs_fail(err, -EINVAL, "%s is no address of a station", text);
	return 0;
}

int ecs_config_fdb_add(struct ecs_config *config, const json_t *params, bool *changed,
		       struct ecs_err *err)
{
	const char *mac = ecs_arg_text(params, "mac"), *network = ecs_arg_text(params, "network");
	struct ecs_config_fdb entry = {};
	const struct ecs_config_fdb *old;
	int rc;

	ecs_arg_copy(entry.ifname, params, "port");
	if (ecs_mac_parse(mac, entry.mac) < 0)
		return ecs_fail(err, -EINVAL, "%s is no MAC address", mac);
	rc = check_mac(entry.mac, mac, err);
	if (rc == 0)
		rc = find_network(config, entry.ifname, &network, err);
	if (rc < 0)
		return rc;
	old = find(config, entry.mac, network);
	if (old && ecs_arg_if_needed(params) && !strcmp(old->ifname, entry.ifname))
		return 0;
	if (old)
		return ecs_fail(err, -EEXIST, "%s is bound to %s already; first: fdb del %s%s%s",
				mac, old->ifname, mac, *network ? " network " : "", network);
	if (config->fdb_len >= ECS_STATIC_FDB_MAX)
		return ecs_fail(err, -ENOSPC,
				"there are %d static entries, and more are not possible",
				ECS_STATIC_FDB_MAX);
	snprintf(entry.network, sizeof(entry.network), "%s", network);
	rc = ecs_config_append(config, fdb, &entry, err);
	*changed = rc == 0;
	return rc;
}

int ecs_config_fdb_del(struct ecs_config *config, const json_t *params, bool *changed,
		       struct ecs_err *err)
{
	const char *text = ecs_arg_text(params, "mac"), *network = ecs_arg_text(params, "network");
	const struct ecs_config_fdb *entry = NULL;
	uint8_t mac[6];

	if (ecs_mac_parse(text, mac) < 0)
		return ecs_fail(err, -EINVAL, "%s is no MAC address", text);
	for (size_t i = 0; i < config->fdb_len; i++) {
		if (memcmp(config->fdb[i].mac, mac, 6) ||
		    (*network && strcmp(config->fdb[i].network, network)))
			continue;
		if (entry)
			return ecs_fail(
				err, -EINVAL,
				"%s is in several networks, one is %s; say "
				"which: network NAME",
				text, entry->network[0] ? entry->network : config->fdb[i].network);
		entry = &config->fdb[i];
	}
	if (!entry)
		return ecs_arg_if_needed(params)
			       ? 0
			       : ecs_fail(err, -ENOENT, "there is no static entry %s%s%s", text,
					  *network ? " in network " : "", network);
	ecs_config_remove(config, fdb, entry);
	*changed = true;
	return 0;
}
