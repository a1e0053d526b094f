// SPDX-License-Identifier: Apache-2.0
/* stats, drops: the data path's counters. */
#include "handle.h"

#include <errno.h>
#include <string.h>

#include <ecswitch/cleanup.h>

static const struct {
	const char *name, *text;
} reasons[ECS_DROP_COUNT] = {
#define X(name, text) [ECS_DROP_##name] = {#name, text},
	ECS_DROPS(X)
#undef X
};

static const char *const counters[] = {"rx_packets", "rx_bytes", "tx_packets", "tx_bytes",
				       "flooded",    "passed",	 "fdb_full",   "fdb_moved"};

static json_t *stats_row(struct ecs_daemon *d, const struct ecs_state_port *port)
{
	struct ecs_port_stats stats = {};
	uint64_t values[ECS_ARRAY_SIZE(counters)];
	json_t *row = json_pack("{s:s, s:I}", "port", port->port.name, "ifindex",
				(json_int_t)port->ifindex);

	_Static_assert(sizeof(values) == sizeof(stats), "a name for each counter");
	ecs_datapath_stats(d->dp, port->port.slot, &stats);
	memcpy(values, &stats, sizeof(values));
	for (size_t i = 0; i < ECS_ARRAY_SIZE(counters); i++)
		json_object_set_new(row, counters[i], json_integer(values[i]));
	return row;
}

/* The port that the parameters name, NULL for all; or an error. */
static int chosen_port(struct ecs_daemon *d, const json_t *params,
		       const struct ecs_state_port **port, struct ecs_err *err)
{
	const char *name = json_string_value(json_object_get(params, "port"));

	*port = name ? ecs_state_port_by_name(&d->have, name) : NULL;
	return name && !*port ? ecs_port_unknown(err, name) : 0;
}

int ecs_handle_stats(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err)
{
	const struct ecs_state_port *port;
	int r = chosen_port(d, params, &port, err);

	if (r < 0)
		return r;
	*result = json_array();
	for (size_t i = 0; i < d->have.port_count; i++)
		if (!port || port == &d->have.ports[i])
			json_array_append_new(*result, stats_row(d, &d->have.ports[i]));
	return 0;
}

struct drops {
	struct ecs_daemon *d;
	const struct ecs_state_port *only;
	json_t *by_reason[ECS_DROP_COUNT]; /* arrays of rows */
};

static void add_drop(json_t *list, uint32_t reason, const char *port, uint64_t packets,
		     uint64_t bytes)
{
	json_array_append_new(list, json_pack("{s:s, s:s, s:s?, s:I, s:I}", "reason",
					      reasons[reason].name, "text", reasons[reason].text,
					      "port", port, "packets", (json_int_t)packets, "bytes",
					      (json_int_t)bytes));
}

static void collect_drop(const struct ecs_drop_key *key, const struct ecs_drop_count *count,
			 void *ctx)
{
	struct drops *drops = ctx;
	const struct ecs_state_port *port = ecs_state_port_by_slot(&drops->d->have, key->slot);

	if (key->reason >= ECS_DROP_COUNT || (drops->only && drops->only != port))
		return;
	add_drop(drops->by_reason[key->reason], key->reason, port ? port->port.name : NULL,
		 count->packets, count->bytes);
}

int ecs_handle_drops(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err)
{
	struct drops drops = {.d = d};
	int r = chosen_port(d, params, &drops.only, err);

	if (r < 0)
		return r;
	for (uint32_t reason = 1; reason < ECS_DROP_COUNT; reason++)
		drops.by_reason[reason] = json_array();
	ecs_datapath_drops(d->dp, collect_drop, &drops);
	*result = json_array();
	for (uint32_t reason = 1; reason < ECS_DROP_COUNT; reason++) {
		if (!json_array_size(drops.by_reason[reason]))
			add_drop(drops.by_reason[reason], reason, NULL, 0, 0);
		json_array_extend(*result, drops.by_reason[reason]);
		json_decref(drops.by_reason[reason]);
	}
	return 0;
}
