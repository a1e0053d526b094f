// SPDX-License-Identifier: Apache-2.0
/* patch list. */
#include "handle.h"

static bool is_live(const struct ecs_daemon *d, const struct ecs_config_patch *patch)
{
	const struct ecs_state_port *a = ecs_state_port_by_name(&d->have, patch->a);

	return a && (a->port.flags & ECS_PORT_PATCHED) && !a->dirty;
}

int ecs_handle_patch_list(struct ecs_daemon *d, json_t *params, json_t **result,
			  struct ecs_err *err)
{
	json_t *list = json_array();

	(void)params, (void)err;
	for (size_t i = 0; i < d->config->patches_len; i++) {
		const struct ecs_config_patch *patch = &d->config->patches[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:s}", "a", patch->a, "b",
						      patch->b, "oneway", patch->oneway, "state",
						      is_live(d, patch) ? "up" : "waiting"));
	}
	*result = list;
	return 0;
}
