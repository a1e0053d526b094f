// SPDX-License-Identifier: Apache-2.0
/*
 * The desired configuration as a whole: its life, its lists, and the way to each command's
 * handler. The rules stand in config_*.c.
 */
#include <errno.h>
#include <stdlib.h>

#include "config_list.h"

static const struct {
	const char *method;
	ecs_config_fn *fn;
} handlers[] = {
	{"network.add", ecs_config_network_add},
	{"network.set", ecs_config_network_set},
	{"network.del", ecs_config_network_del},
	{"match.add", ecs_config_match_add},
	{"match.del", ecs_config_match_del},
	{"port.add", ecs_config_port_add},
	{"port.set", ecs_config_port_set},
	{"port.del", ecs_config_port_del},
	{"patch.add", ecs_config_patch_add},
	{"patch.del", ecs_config_patch_del},
	{"nat.forward.add", ecs_config_forward_add},
	{"nat.forward.del", ecs_config_forward_del},
	{"cast.add", ecs_config_cast_add},
	{"cast.del", ecs_config_cast_del},
	{"cast.to", ecs_config_cast_to},
	{"cast.set", ecs_config_cast_set},
	{"cast.off", ecs_config_cast_off},
	{"fdb.add", ecs_config_fdb_add},
	{"fdb.del", ecs_config_fdb_del},
};

int ecs_config_apply(struct ecs_config *config, const struct ecs_command *command,
		     const json_t *params, bool *changed, struct ecs_err *err)
{
	bool did = false;
	int rc;

	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		if (strcmp(handlers[i].method, command->method))
			continue;
		rc = handlers[i].fn(config, params, &did, err);
		if (rc == 0)
			*changed = did;
		return rc;
	}
	return ecs_fail(err, -EINVAL, "\"%s\" configures nothing", command->words);
}

struct ecs_config *ecs_config_new(void)
{
	return calloc(1, sizeof(struct ecs_config));
}

void ecs_config_free(struct ecs_config *config)
{
	if (!config)
		return;
	free(config->networks);
	free(config->matches);
	free(config->ports);
	free(config->patches);
	free(config->fdb);
	free(config->forwards);
	free(config->casts);
	free(config->receivers);
	free(config);
}

/* Lists hold a power of two of items, so that their room follows from their length. */
static size_t list_room(size_t len)
{
	size_t room = 8;

	while (room < len)
		room *= 2;
	return room;
}

static int list_copy(void *list, size_t *len, const void *items, size_t items_len, size_t size)
{
	void *copy;

	if (!items_len)
		return 0;
	copy = calloc(list_room(items_len), size);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, items, items_len * size);
	*(void **)list = copy;
	*len = items_len;
	return 0;
}

#define COPY(to, from, list)                                                                       \
	list_copy(&(to)->list, &(to)->list##_len, (from)->list, (from)->list##_len,                \
		  sizeof(*(from)->list))

struct ecs_config *ecs_config_copy(const struct ecs_config *config)
{
	struct ecs_config *copy = ecs_config_new();

	if (!copy)
		return NULL;
	if (COPY(copy, config, networks) < 0 || COPY(copy, config, matches) < 0 ||
	    COPY(copy, config, ports) < 0 || COPY(copy, config, patches) < 0 ||
	    COPY(copy, config, fdb) < 0 || COPY(copy, config, forwards) < 0 ||
	    COPY(copy, config, casts) < 0 || COPY(copy, config, receivers) < 0) {
		ecs_config_free(copy);
		return NULL;
	}
	return copy;
}

int ecs_list_append(void *list, size_t *len, size_t size, const void *item, struct ecs_err *err)
{
	void **items = list;

	if (!*items || list_room(*len + 1) > list_room(*len)) {
		void *grown = reallocarray(*items, list_room(*len + 1), size);

		if (!grown)
			return ecs_fail(err, -ENOMEM, "out of memory");
		*items = grown;
	}
	memcpy((char *)*items + *len * size, item, size);
	(*len)++;
	return 0;
}

void ecs_list_remove(void *items, size_t *len, size_t size, size_t index)
{
	char *at = (char *)items + index * size;

	(*len)--;
	memmove(at, at + size, (*len - index) * size);
}

const char *ecs_arg_text(const json_t *params, const char *name)
{
	const char *text = json_string_value(json_object_get(params, name));

	return text ? text : "";
}

bool ecs_arg_if_needed(const json_t *params)
{
	return json_is_true(json_object_get(params, "if_needed"));
}
