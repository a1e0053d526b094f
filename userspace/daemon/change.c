// SPDX-License-Identifier: Apache-2.0
/*
 * Every change of the configuration, be it one command or a file: on a copy, all or nothing.
 * What needs live links is checked by planning the copy: whoever would have to wait, and did
 * not before, is refused.
 */
#include "handle.h"

#include <errno.h>
#include <string.h>

#include "desired.h"
#include "reserve.h"
#include "userspace/lib/log.h"

/* "FILE:LINE: " for scripts, nothing for a single command. */
static int fail_at(struct ecs_err *err, int code, const char *script, const json_t *command,
		   const char *text)
{
	long long line = json_integer_value(json_object_get(command, "line"));

	if (!script)
		return ecs_fail(err, code, "%s", text);
	if (line <= 0)
		return ecs_fail(err, code, "%s: %s", script, text);
	return ecs_fail(err, code, "%s:%lld: %s", script, line, text);
}

static int run_commands(struct ecs_config *config, json_t *commands, const char *script,
			bool *changed, struct ecs_err *err)
{
	struct ecs_err why = {};
	json_t *item;
	size_t i;

	json_array_foreach (commands, i, item) {
		const char *method = json_string_value(json_object_get(item, "method"));
		bool one = false;
		int r = ecs_config_apply(config, ecs_command_by_method(method),
					 json_object_get(item, "params"), &one, &why);

		if (r < 0)
			return fail_at(err, r, script, item, why.text);
		*changed |= one;
	}
	return 0;
}

/* A network's own link is named by the network's options. */
static bool names_gateway(const json_t *params, const char *link)
{
	const char *name = json_string_value(json_object_get(params, "name"));
	struct ecs_state_gateway gateway = {};

	if (!name || (!json_object_get(params, "gateway") && !json_object_get(params, "gateway6")))
		return false;
	ecs_gateway_names(&gateway, name);
	return !strcmp(gateway.host, link) || !strcmp(gateway.port, link);
}

/* The last command that names a link. */
static const json_t *command_naming(json_t *commands, const char *name)
{
	static const char *const keys[] = {"uplink", "port", "a", "b"};

	for (size_t i = json_array_size(commands); i-- > 0;) {
		const json_t *item = json_array_get(commands, i);
		const json_t *params = json_object_get(item, "params");

		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
			const char *value = json_string_value(json_object_get(params, keys[k]));

			if (value && !strcmp(value, name))
				return item;
		}
		if (names_gateway(params, name))
			return item;
	}
	return NULL;
}

static bool waits_already(const struct ecs_state *state, const struct ecs_waiting *waiting)
{
	for (size_t i = 0; i < state->waiting_count; i++)
		if (!strcmp(state->waiting[i].name, waiting->name) &&
		    state->waiting[i].role == waiting->role &&
		    state->waiting[i].manual == waiting->manual)
			return true;
	return false;
}

/* A patch may name a link that is still to come, and a default route may come later; everybody
 * else must be able to start now. */
static bool may_wait(const struct ecs_waiting *waiting)
{
	return !waiting->manual || (!waiting->ifindex && (waiting->role == ECS_ROLE_NONE ||
							  !strcmp(waiting->name, ECS_UPLINK_AUTO)));
}

/* @command names the link; without one, the change costs somebody else his place. */
static int refuse_one(const struct ecs_waiting *waiting, const json_t *command, const char *script,
		      struct ecs_err *err)
{
	const char *remedy = "";
	char text[256];

	if (!waiting->ifindex)
		remedy = waiting->role == ECS_ROLE_UPLINK ? "; see ip link for the names"
							  : "; create it first, or add a match, "
							    "which adopts it when it appears";
	snprintf(text, sizeof(text), "%s%s \"%s\": %s%s", command ? "" : "it would displace ",
		 waiting->role == ECS_ROLE_UPLINK ? "uplink" : "link", waiting->name,
		 waiting->reason, remedy);
	return fail_at(err, -ENODEV, script, command, text);
}

static int refuse_waiting(struct ecs_daemon *d, const struct ecs_state *want, json_t *commands,
			  const char *script, struct ecs_err *err)
{
	for (size_t i = 0; i < want->waiting_count; i++) {
		const struct ecs_waiting *waiting = &want->waiting[i];
		const json_t *command = command_naming(commands, waiting->name);
		bool before = waits_already(&d->have, waiting);

		if (may_wait(waiting) || (before && (!script || !command)))
			continue;
		return refuse_one(waiting, command, script, err);
	}
	return 0;
}

/* A static entry leads to a link that exists, as with `port add`. */
static int refuse_fdb(const struct ecs_daemon *d, json_t *commands, const char *script,
		      struct ecs_err *err)
{
	json_t *item;
	size_t i;

	json_array_foreach (commands, i, item) {
		const char *method = json_string_value(json_object_get(item, "method"));
		const json_t *params = json_object_get(item, "params");
		const char *name = json_string_value(json_object_get(params, "port"));
		char text[128];

		if (strcmp(method, "fdb.add") || ecs_observed_by_name(&d->observed, name))
			continue;
		snprintf(text, sizeof(text), "link \"%s\": there is no such link; create it first",
			 name);
		return fail_at(err, -ENODEV, script, item, text);
	}
	return 0;
}

static int refuse_ports(struct ecs_daemon *d, const struct ecs_state *want, json_t *commands,
			const char *script, struct ecs_err *err)
{
	struct ecs_err why = {};
	json_t *item;
	size_t i;

	json_array_foreach (commands, i, item) {
		int r = ecs_nat_check(d, want, json_string_value(json_object_get(item, "method")),
				      json_object_get(item, "params"), &why);

		if (r < 0)
			return fail_at(err, r, script, item, why.text);
	}
	return 0;
}

/* Only who asks for "auto" hears now that the device has another use. */
static int name_uplinks(struct ecs_daemon *d, struct ecs_config *config, json_t *commands,
			const char *script, struct ecs_err *err)
{
	const json_t *command = command_naming(commands, ECS_UPLINK_AUTO);
	struct ecs_err why = {};
	int r = ecs_uplink_name(d, config, &why);

	return r < 0 && command ? fail_at(err, r, script, command, why.text) : 0;
}

static int check_live(struct ecs_daemon *d, const struct ecs_config *config, json_t *commands,
		      const char *script, struct ecs_err *err)
{
	struct ecs_state want = {};
	int r = ecs_desired_make(config, &d->observed, &d->have, &want);

	if (r < 0)
		return ecs_fail(err, r, "out of memory");
	r = refuse_waiting(d, &want, commands, script, err);
	if (r == 0)
		r = refuse_ports(d, &want, commands, script, err);
	if (r == 0)
		r = refuse_fdb(d, commands, script, err);
	ecs_state_free(&want);
	return r;
}

void ecs_change_commit(struct ecs_daemon *d, struct ecs_config *config)
{
	ecs_config_free(d->config);
	d->config = config;
	ecs_reconcile_now(d);
	sd_event_source_set_enabled(d->ageing, SD_EVENT_OFF);
	ecs_ageing_wake(d);
	ecs_running_save(d);
}

int ecs_change_one(struct ecs_daemon *d, const char *method, json_t *params, json_t **result,
		   struct ecs_err *err)
{
	bool dry_run = json_is_true(json_object_get(params, "dry_run"));
	json_t *commands;
	int r;

	json_object_del(params, "dry_run");
	commands = json_pack("[{s:s, s:O}]", "method", method, "params", params);
	r = ecs_change(d, d->config, commands, NULL, dry_run, result, err);
	json_decref(commands);
	return r;
}

int ecs_change(struct ecs_daemon *d, const struct ecs_config *base, json_t *commands,
	       const char *script, bool dry_run, json_t **result, struct ecs_err *err)
{
	struct ecs_config *config = base ? ecs_config_copy(base) : ecs_config_new();
	bool changed = !base;
	json_t *plan;
	int r;

	if (!config)
		return ecs_fail(err, -ENOMEM, "out of memory");
	d->observed.local_ports = ecs_reserve_local_range();
	r = run_commands(config, commands, script, &changed, err);
	if (r == 0)
		r = name_uplinks(d, config, commands, script, err);
	if (r == 0)
		r = check_live(d, config, commands, script, err);
	plan = r == 0 ? ecs_reconcile_preview(d, config) : NULL;
	if (r == 0 && !plan)
		r = ecs_fail(err, -ENOMEM, "out of memory");
	if (r < 0 || dry_run || !changed)
		ecs_config_free(config);
	else
		ecs_change_commit(d, config);
	if (r == 0)
		*result = json_pack("{s:b, s:o}", "changed", changed, "plan", plan);
	return r;
}
