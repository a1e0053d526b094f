// SPDX-License-Identifier: Apache-2.0
/* fdb list, fdb flush. */
#include "handle.h"

#include <errno.h>
#include <string.h>

#include "events.h"
#include "userspace/lib/types.h"

struct filter {
	struct ecs_daemon *d;
	uint16_t network; /* 0 = all */
	uint32_t ifindex; /* 0 = all */
	json_t *list;
	uint64_t now_ns;
};

/* Reads the optional "network" and "port" of a command. */
static int fill_filter(struct ecs_daemon *d, const json_t *params, struct filter *filter,
		       struct ecs_err *err)
{
	const char *network = json_string_value(json_object_get(params, "network"));
	const char *port = json_string_value(json_object_get(params, "port"));

	*filter = (struct filter){.d = d, .now_ns = ecs_clock_ns()};
	if (network) {
		filter->network = ecs_state_network_id(&d->have, network);
		if (!filter->network)
			return ecs_fail(err, -ENOENT,
					"no network \"%s\"; ecswitchctl network list shows them",
					network);
	}
	if (port) {
		const struct ecs_state_port *p = ecs_state_port_by_name(&d->have, port);

		if (!p)
			return ecs_port_unknown(err, port);
		filter->ifindex = p->ifindex;
	}
	return 0;
}

static bool fits(const struct filter *filter, const struct ecs_fdb_key *key,
		 const struct ecs_fdb_entry *entry)
{
	return (!filter->network || filter->network == key->network) &&
	       (!filter->ifindex || filter->ifindex == entry->ifindex);
}

static bool list_entry(const struct ecs_fdb_key *key, const struct ecs_fdb_entry *entry, void *ctx)
{
	struct filter *filter = ctx;
	const struct ecs_state *have = &filter->d->have;
	const struct ecs_state_port *port = ecs_state_port_get(have, entry->ifindex);
	bool is_static = entry->flags & ECS_FDB_STATIC;
	uint64_t idle_ns = filter->now_ns > entry->seen_ns ? filter->now_ns - entry->seen_ns : 0;
	char mac[ECS_MAC_TEXT_MAX];

	if (key->network > ECS_NETWORKS_MAX || !fits(filter, key, entry))
		return false;
	json_array_append_new(
		filter->list,
		json_pack("{s:s, s:s, s:s?, s:s, s:o, s:i}", "network",
			  have->networks[key->network].name, "mac", ecs_mac_format(key->mac, mac),
			  "port", port ? port->port.name : NULL, "kind",
			  is_static ? "static" : "learned", "age_s",
			  is_static ? json_null() : json_integer(idle_ns / 1000000000), "moves",
			  (int)entry->moves));
	return false;
}

int ecs_handle_fdb_list(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err)
{
	struct filter filter;
	int r = fill_filter(d, params, &filter, err);

	if (r < 0)
		return r;
	filter.list = json_array();
	r = ecs_datapath_fdb_walk(d->dp, list_entry, &filter);
	if (r < 0) {
		json_decref(filter.list);
		return ecs_fail(err, r, "cannot read the FDB: %s", strerror(-r));
	}
	*result = filter.list;
	return 0;
}

static bool flush_entry(const struct ecs_fdb_key *key, const struct ecs_fdb_entry *entry, void *ctx)
{
	struct filter *filter = ctx;

	if ((entry->flags & ECS_FDB_STATIC) || !fits(filter, key, entry))
		return false;
	ecs_event_fdb(filter->d, "fdb_flushed", key, entry->ifindex);
	return true;
}

int ecs_handle_fdb_flush(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err)
{
	struct filter filter;
	int r = fill_filter(d, params, &filter, err);

	if (r < 0)
		return r;
	if (!json_is_true(json_object_get(params, "dry_run")))
		r = ecs_datapath_fdb_walk(d->dp, flush_entry, &filter);
	if (r < 0)
		return ecs_fail(err, r, "cannot flush the FDB: %s", strerror(-r));
	*result = json_pack("{s:b, s:[o]}", "changed", r > 0, "plan",
			    json_sprintf("flush %d learned entries", r));
	return 0;
}
