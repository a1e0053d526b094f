// SPDX-License-Identifier: Apache-2.0
/* The uplink "auto": the default route's device takes its place once there is one. */
#include "daemon.h"

#include <string.h>

static bool waits(const struct ecs_config_network *network)
{
	return !strcmp(network->uplink, ECS_UPLINK_AUTO);
}

bool ecs_uplink_awaited(const struct ecs_config *config)
{
	for (size_t i = 0; config && i < config->networks_len; i++)
		if (waits(&config->networks[i]))
			return true;
	return false;
}

static const struct ecs_link *default_device(struct ecs_daemon *d)
{
	const struct ecs_link *link;
	uint32_t ifindex = 0;

	if (ecs_route_default_link(d->nl, &ifindex, NULL) < 0 || !ifindex)
		return NULL;
	link = ecs_observed_by_index(&d->observed, ifindex);
	return link && link->ethernet ? link : NULL;
}

static int name_one(struct ecs_config *config, const struct ecs_config_network *network,
		    const char *uplink, struct ecs_err *err)
{
	const struct ecs_command *command = ecs_command_by_method("network.set");
	json_t *params = json_pack("{s:s, s:s}", "name", network->name, "uplink", uplink);
	bool changed;
	int r = ecs_config_apply(config, command, params, &changed, err);

	json_decref(params);
	return r;
}

int ecs_uplink_name(struct ecs_daemon *d, struct ecs_config *config, struct ecs_err *err)
{
	const struct ecs_link *link = ecs_uplink_awaited(config) ? default_device(d) : NULL;
	int named = 0, r = 0;

	for (size_t i = 0; link && r == 0 && i < config->networks_len; i++) {
		if (!waits(&config->networks[i]))
			continue;
		r = name_one(config, &config->networks[i], link->name, err);
		named += r == 0;
	}
	return r < 0 ? r : named;
}
