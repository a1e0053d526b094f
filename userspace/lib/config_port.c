// SPDX-License-Identifier: Apache-2.0
/*
 * Which links are ports of which network: by match and by name.
 */
#include <errno.h>

#include "config_list.h"

const struct ecs_config_port *ecs_config_port(const struct ecs_config *config, const char *ifname)
{
	for (size_t i = 0; i < config->ports_len; i++)
		if (!strcmp(config->ports[i].ifname, ifname))
			return &config->ports[i];
	return NULL;
}

const struct ecs_config_match *ecs_config_match_of(const struct ecs_config *config,
						   const char *ifname)
{
	/* A pattern with wildcards may meet an uplink by chance, and then leaves it alone. */
	for (size_t i = 0; i < config->matches_len; i++)
		if (!strcmp(config->matches[i].pattern, ifname))
			return &config->matches[i];
	return NULL;
}

const char *ecs_match_kind_text(enum ecs_match_kind kind)
{
	static const char *const texts[] = {"any", "tap", "veth"};

	return texts[kind];
}

static enum ecs_match_kind match_kind(const json_t *params)
{
	const char *text = ecs_arg_text(params, "kind");

	for (enum ecs_match_kind kind = ECS_MATCH_TAP; kind <= ECS_MATCH_VETH; kind++)
		if (!strcmp(ecs_match_kind_text(kind), text))
			return kind;
	return ECS_MATCH_ANY;
}

int ecs_config_match_add(struct ecs_config *config, const json_t *params, bool *changed,
			 struct ecs_err *err)
{
	struct ecs_config_match match = {.kind = match_kind(params)};
	const struct ecs_config_match *old;
	int rc;

	ecs_arg_copy(match.pattern, params, "pattern");
	ecs_arg_copy(match.network, params, "network");
	old = ecs_config_match_of(config, match.pattern);
	if (old) {
		bool same = !strcmp(old->network, match.network) && old->kind == match.kind;

		if (same && ecs_arg_if_needed(params))
			return 0;
		return ecs_fail(err, -EEXIST,
				"match %s exists, for network %s kind %s; first: "
				"match del %s",
				old->pattern, old->network, ecs_match_kind_text(old->kind),
				old->pattern);
	}
	rc = ecs_config_network_needed(config, match.network, err);
	if (rc < 0)
		return rc;
	if (ecs_config_is_uplink(config, match.pattern))
		return ecs_fail(err, -EBUSY,
				"%s is an uplink and cannot be a port too; match "
				"another link",
				match.pattern);
	if (config->matches_len >= ECS_MATCHES_MAX)
		return ecs_fail(err, -ENOSPC,
				"there are %d matches, and more are not possible; "
				"use wildcards",
				ECS_MATCHES_MAX);
	rc = ecs_config_append(config, matches, &match, err);
	*changed = rc == 0;
	return rc;
}

int ecs_config_match_del(struct ecs_config *config, const json_t *params, bool *changed,
			 struct ecs_err *err)
{
	const char *pattern = ecs_arg_text(params, "pattern");
	const struct ecs_config_match *match = ecs_config_match_of(config, pattern);

	if (!match)
		return ecs_arg_if_needed(params)
			       ? 0
			       : ecs_fail(err, -ENOENT,
					  "there is no match %s; match list shows all", pattern);
	ecs_config_remove(config, matches, match);
	*changed = true;
	return 0;
}

static size_t count_ports(const struct ecs_config *config, const char *network)
{
	size_t n = 0;

	for (size_t i = 0; i < config->ports_len; i++)
		n += !strcmp(config->ports[i].network, network);
	return n;
}

/* Whether a link may join a network. Return: 0; -errno. */
static int check_port(const struct ecs_config *config, const struct ecs_config_port *port,
		      struct ecs_err *err)
{
	const struct ecs_config_patch *patch = ecs_config_patch_of(config, port->ifname);
	int rc = ecs_config_network_needed(config, port->network, err);

	if (rc < 0)
		return rc;
	if (ecs_config_is_uplink(config, port->ifname))
		return ecs_fail(err, -EBUSY,
				"%s is an uplink and cannot be a port too; first: network set "
				"NETWORK uplink none",
				port->ifname);
	if (patch)
		return ecs_fail(err, -EBUSY, "%s is patched; first: patch del %s %s", port->ifname,
				patch->a, patch->b);
	if (count_ports(config, port->network) >= ECS_NETWORK_PORTS_MAX)
		return ecs_fail(err, -ENOSPC, "network %s has %d ports, and more are not possible",
				port->network, ECS_NETWORK_PORTS_MAX);
	return 0;
}

int ecs_config_port_add(struct ecs_config *config, const json_t *params, bool *changed,
			struct ecs_err *err)
{
	struct ecs_config_port port = {};
	const struct ecs_config_port *old;
	int rc;

	ecs_arg_copy(port.ifname, params, "port");
	ecs_arg_copy(port.network, params, "network");
	old = ecs_config_port(config, port.ifname);
	if (old && ecs_arg_if_needed(params) && !strcmp(old->network, port.network))
		return 0;
	if (old)
		return ecs_fail(err, -EEXIST,
				"%s is a port of network %s already; to move it: "
				"port set %s network %s",
				port.ifname, old->network, port.ifname, port.network);
	rc = check_port(config, &port, err);
	if (rc < 0)
		return rc;
	if (config->ports_len >= ECS_PORTS_MAX)
		return ecs_fail(err, -ENOSPC, "there are %d ports, and more are not possible",
				ECS_PORTS_MAX);
	rc = ecs_config_append(config, ports, &port, err);
	if (rc < 0)
		return rc;
	rc = ecs_config_fdb_follow(config, port.ifname, "", port.network, err);
	if (rc < 0)
		config->ports_len--;
	*changed = rc == 0;
	return rc;
}

static int fail_no_port(const struct ecs_config *config, const char *ifname, struct ecs_err *err)
{
	if (ecs_config_match_of(config, ifname))
		return ecs_fail(err, -ENOENT, "%s was not added but matched; use: match del %s",
				ifname, ifname);
	if (ecs_config_is_uplink(config, ifname))
		return ecs_fail(err, -ENOENT,
				"%s is an uplink; it goes by: network set NETWORK uplink none",
				ifname);
	return ecs_fail(err, -ENOENT,
			"%s was not added by port add; what a match adopted follows the match, and "
			"port list shows all",
			ifname);
}

int ecs_config_port_set(struct ecs_config *config, const json_t *params, bool *changed,
			struct ecs_err *err)
{
	const char *ifname = ecs_arg_text(params, "port");
	const struct ecs_config_port *old = ecs_config_port(config, ifname);
	struct ecs_config_port port;
	int rc;

	if (json_object_get(params, "vm") || json_object_get(params, "mac"))
		return ecs_fail(
			err, -EINVAL,
			"port set %s: which VM is behind a link is no configuration; say it "
			"by command, when the VM starts",
			ifname);
	if (!old)
		return fail_no_port(config, ifname, err);
	port = *old;
	ecs_arg_copy(port.network, params, "network");
	if (!strcmp(port.network, old->network))
		return 0;
	rc = check_port(config, &port, err);
	if (rc == 0)
		rc = ecs_config_fdb_follow(config, ifname, old->network, port.network, err);
	if (rc < 0)
		return rc;
	config->ports[old - config->ports] = port;
	*changed = true;
	return 0;
}

int ecs_config_port_del(struct ecs_config *config, const json_t *params, bool *changed,
			struct ecs_err *err)
{
	const char *ifname = ecs_arg_text(params, "port");
	const struct ecs_config_port *port = ecs_config_port(config, ifname);

	if (!port)
		return ecs_arg_if_needed(params) ? 0 : fail_no_port(config, ifname, err);
	ecs_config_remove(config, ports, port);
	*changed = true;
	return 0;
}
