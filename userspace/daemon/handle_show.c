// SPDX-License-Identifier: Apache-2.0
/* show, status, version: the switch at a glance. */
#include "handle.h"

#include <unistd.h>

#include "config.h"

int ecs_handle_version(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err)
{
	(void)d, (void)params, (void)err;
	*result = json_pack("{s:s, s:i}", "version", PACKAGE_VERSION, "abi", ECS_ABI_VERSION);
	return 0;
}

int ecs_handle_status(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err)
{
	json_t *problems = json_array();

	(void)params, (void)err;
	for (size_t i = 0; i < d->problems.count; i++)
		json_array_append_new(problems, json_string(d->problems.list[i].text));
	*result = json_pack(
		"{s:s, s:s, s:i, s:i, s:I, s:i, s:i, s:i, s:i, s:i, s:i, s:o}", "instance",
		d->options.instance, "version", PACKAGE_VERSION, "abi", ECS_ABI_VERSION, "pid",
		(int)getpid(), "uptime_s", (json_int_t)(time(NULL) - d->started), "networks",
		(int)d->config->networks_len, "ports", (int)d->have.port_count, "fdb",
		(int)ecs_datapath_fdb_used(d->dp, 0), "fdb_size", (int)ecs_datapath_fdb_size(d->dp),
		"nat_flows", (int)ecs_datapath_nat_used(d->dp, 0), "nat_flows_size",
		(int)ecs_datapath_nat_size(d->dp), "problems", problems);
	return 0;
}

int ecs_handle_show(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err)
{
	json_t *status = NULL, *networks = NULL, *matches = NULL, *ports = NULL, *patches = NULL;

	ecs_handle_status(d, params, &status, err);
	ecs_handle_network_list(d, params, &networks, err);
	ecs_handle_match_list(d, params, &matches, err);
	ecs_handle_port_list(d, params, &ports, err);
	ecs_handle_patch_list(d, params, &patches, err);
	*result = json_pack("{s:o, s:o, s:o, s:o, s:o}", "status", status, "networks", networks,
			    "matches", matches, "ports", ports, "patches", patches);
	return 0;
}
