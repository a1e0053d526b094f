// SPDX-License-Identifier: Apache-2.0
/*
 * Patches: a link sends to at most one other, and is then no port of a network.
 */
#include <errno.h>

#include "config_list.h"

static bool starts_at(const struct ecs_config_patch *patch, const char *ifname)
{
	return !strcmp(patch->a, ifname) || (!patch->oneway && !strcmp(patch->b, ifname));
}

static bool ends_at(const struct ecs_config_patch *patch, const char *ifname)
{
	return !strcmp(patch->b, ifname) || (!patch->oneway && !strcmp(patch->a, ifname));
}

static const struct ecs_config_patch *patch_from(const struct ecs_config *config,
						 const char *ifname)
{
	for (size_t i = 0; i < config->patches_len; i++)
		if (starts_at(&config->patches[i], ifname))
			return &config->patches[i];
	return NULL;
}

const struct ecs_config_patch *ecs_config_patch_of(const struct ecs_config *config,
						   const char *ifname)
{
	for (size_t i = 0; i < config->patches_len; i++)
		if (starts_at(&config->patches[i], ifname) || ends_at(&config->patches[i], ifname))
			return &config->patches[i];
	return NULL;
}

static int check_end(const struct ecs_config *config, const char *ifname, bool source,
		     struct ecs_err *err)
{
	const struct ecs_config_port *port = ecs_config_port(config, ifname);
	const struct ecs_config_patch *patch = source ? patch_from(config, ifname) : NULL;

	if (port)
		return ecs_fail(err, -EBUSY, "%s is a port of network %s; first: port del %s",
				ifname, port->network, ifname);
	if (patch)
		return ecs_fail(err, -EBUSY, "%s is patched already; first: patch del %s %s",
				ifname, patch->a, patch->b);
	return 0;
}

int ecs_config_patch_add(struct ecs_config *config, const json_t *params, bool *changed,
			 struct ecs_err *err)
{
	struct ecs_config_patch patch = {
		.oneway = json_is_true(json_object_get(params, "oneway")),
	};
	const struct ecs_config_patch *old;
	int rc;

	ecs_arg_copy(patch.a, params, "a");
	ecs_arg_copy(patch.b, params, "b");
	if (!strcmp(patch.a, patch.b))
		return ecs_fail(err, -EINVAL, "%s cannot be patched to itself; name another link",
				patch.a);
	old = patch_from(config, patch.a);
	if (old && ecs_arg_if_needed(params) && old->oneway == patch.oneway &&
	    ends_at(old, patch.b))
		return 0;
	if (old)
		return ecs_fail(err, -EEXIST, "%s is patched already; first: patch del %s %s",
				patch.a, old->a, old->b);
	rc = check_end(config, patch.a, true, err);
	if (rc == 0)
		rc = check_end(config, patch.b, !patch.oneway, err);
	if (rc < 0)
		return rc;
	if (config->patches_len >= ECS_PATCHES_MAX)
		return ecs_fail(err, -ENOSPC, "there are %d patches, and more are not possible",
				ECS_PATCHES_MAX);
	rc = ecs_config_append(config, patches, &patch, err);
	*changed = rc == 0;
	return rc;
}

int ecs_config_patch_del(struct ecs_config *config, const json_t *params, bool *changed,
			 struct ecs_err *err)
{
	const char *a = ecs_arg_text(params, "a"), *b = ecs_arg_text(params, "b");
	const struct ecs_config_patch *patch = patch_from(config, a);
	const struct ecs_config_patch *other = ecs_config_patch_of(config, a);

	if (patch && *b && !ends_at(patch, b)) {
		other = patch;
		patch = NULL;
	}
	if (patch) {
		ecs_config_remove(config, patches, patch);
		*changed = true;
		return 0;
	}
	if (ecs_arg_if_needed(params))
		return 0;
	if (other)
		return ecs_fail(err, -ENOENT,
				"there is no patch from %s%s%s; there is one from %s to "
				"%s",
				a, *b ? " to " : "", b, other->a, other->b);
	return ecs_fail(err, -ENOENT, "%s is not patched; patch list shows all", a);
}
