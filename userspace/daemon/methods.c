// SPDX-License-Identifier: Apache-2.0
/*
 * Which handler serves which method. Commands that change the configuration need none, unless they
 * can do more than that.
 */
#include "handle.h"

#include <string.h>

#include <ecswitch/cleanup.h>

static const struct ecs_method methods[] = {
	{"show", ecs_handle_show},
	{"status", ecs_handle_status},
	{"version", ecs_handle_version},
	{"network.list", ecs_handle_network_list},
	{"match.list", ecs_handle_match_list},
	{"port.list", ecs_handle_port_list},
	{"port.show", ecs_handle_port_show},
	{"port.set", ecs_handle_port_set},
	{"patch.list", ecs_handle_patch_list},
	{"fdb.list", ecs_handle_fdb_list},
	{"fdb.flush", ecs_handle_fdb_flush},
	{"nat.list", ecs_handle_nat_list},
	{"nat.flows", ecs_handle_nat_flows},
	{"cast.list", ecs_handle_cast_list},
	{"cast.show", ecs_handle_cast_show},
	{"stats", ecs_handle_stats},
	{"drops", ecs_handle_drops},
	{"metrics", ecs_handle_metrics},
	{"apply", ecs_handle_apply},
	{"batch", ecs_handle_batch},
	{"save", ecs_handle_save},
	{"reload", ecs_handle_reload},
	{"detach", ecs_handle_detach},
};

ecs_handler ecs_handler_find(const char *method)
{
	for (size_t i = 0; i < ECS_ARRAY_SIZE(methods); i++)
		if (!strcmp(methods[i].name, method))
			return methods[i].handle;
	return NULL;
}
