// SPDX-License-Identifier: Apache-2.0
/* apply, batch, save, reload, detach: the configuration as a whole. */
#include "handle.h"

#include <errno.h>
#include <string.h>

/* Every line of a script must be a command that may stand in one, with right parameters. */
static int check_script(json_t *params, json_t **commands, const char **name, struct ecs_err *err)
{
	struct ecs_err why = {};
	json_t *item;
	size_t i;

	*name = json_string_value(json_object_get(params, "name"));
	*commands = json_object_get(params, "commands");
	if (!*name || !json_is_array(*commands))
		return ecs_fail(err, -EINVAL,
				"\"name\" (string) and \"commands\" (array) are needed");
	json_array_foreach (*commands, i, item) {
		const char *method = json_string_value(json_object_get(item, "method"));
		const struct ecs_command *command = method ? ecs_command_by_method(method) : NULL;
		json_t *given = json_object_get(item, "params");
		long long line = json_integer_value(json_object_get(item, "line"));

		if (!command || !(command->flags & ECS_COMMAND_CONFIG))
			return ecs_fail(err, -EINVAL, "%s:%lld: \"%s\" cannot stand in a script",
					*name, line, method ? method : "");
		if (!json_is_object(given) || ecs_params_check(command, given, &why) < 0)
			return ecs_fail(err, -EINVAL, "%s:%lld: %s", *name, line,
					why.text[0] ? why.text : "parameters are missing");
	}
	return 0;
}

static bool is_dry_run(const json_t *params)
{
	return json_is_true(json_object_get(params, "dry_run"));
}

int ecs_handle_apply(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err)
{
	const char *name;
	json_t *commands;
	int r = check_script(params, &commands, &name, err);

	return r < 0 ? r : ecs_change(d, NULL, commands, name, is_dry_run(params), result, err);
}

int ecs_handle_batch(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err)
{
	const char *name;
	json_t *commands;
	int r = check_script(params, &commands, &name, err);

	return r < 0 ? r
		     : ecs_change(d, d->config, commands, name, is_dry_run(params), result, err);
}

int ecs_handle_save(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err)
{
	const char *path = json_string_value(json_object_get(params, "path"));
	int r;

	if (!path)
		path = d->config_path;
	if (path[0] != '/')
		return ecs_fail(err, -EINVAL, "\"%s\" is no absolute path", path);
	if (is_dry_run(params)) {
		*result = json_pack("{s:s, s:b, s:[s+]}", "path", path, "changed", true, "plan",
				    "write ", path);
		return *result ? 0 : ecs_fail(err, -ENOMEM, "out of memory");
	}
	r = ecs_config_save(d->config, path, 0644, "written by ecswitchctl save", err);
	if (r == 0 && !strcmp(path, d->config_path)) {
		ecs_config_stamp(d, d->stamp);
		ecs_running_save(d); /* the file has changed, but to what is running */
	}
	if (r == 0)
		*result = json_pack("{s:s}", "path", path);
	return r;
}

int ecs_handle_reload(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err)
{
	struct ecs_config *config = NULL;
	char stamp[ECS_STAMP_MAX];
	struct ecs_err why = {};
	json_t *plan;
	int r;

	ecs_config_stamp(d, stamp); /* before: what is written while we read is read again */
	r = ecs_config_read(d, &config, err);
	if (r < 0)
		return r;
	ecs_uplink_name(d, config, &why);
	plan = ecs_reconcile_preview(d, config);
	if (is_dry_run(params)) {
		ecs_config_free(config);
	} else {
		memcpy(d->stamp, stamp, sizeof(stamp));
		ecs_change_commit(d, config);
	}
	*result = json_pack("{s:b, s:o}", "changed", true, "plan", plan ? plan : json_array());
	return 0;
}

static int on_leave(sd_event_source *source, void *ctx)
{
	(void)source;
	return sd_event_exit(((struct ecs_daemon *)ctx)->event, 0);
}

int ecs_handle_detach(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err)
{
	struct ecs_config *empty = ecs_config_new();
	json_t *plan = empty ? ecs_reconcile_preview(d, empty) : NULL;
	int r = 0;

	ecs_config_free(empty);
	if (!plan)
		return ecs_fail(err, -ENOMEM, "out of memory");
	if (!is_dry_run(params)) {
		r = ecs_detach(d, err);
		if (r == 0)
			sd_event_add_defer(d->event, NULL, on_leave, d);
	}
	if (r < 0) {
		json_decref(plan);
		return r;
	}
	*result = json_pack("{s:b, s:o}", "changed", true, "plan", plan);
	return 0;
}
