// SPDX-License-Identifier: Apache-2.0
/*
 * metrics: what the lists of counters tell, in the Prometheus text exposition format 0.0.4, which
 * wants all samples of a family in one place.
 */
#include "handle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <ecswitch/cleanup.h>

#define LABELS "labels" /* of a row here: what tells it from the others */

/* Adds one more label to a row. A string is written as in JSON. */
static void label(json_t *row, const char *name, const json_t *value)
{
	const char *before = json_string_value(json_object_get(row, LABELS));
	ECS_FREE char *text = json_is_string(value) ? json_dumps(value, JSON_ENCODE_ANY) : NULL;

	json_object_set_new(row, LABELS,
			    json_sprintf("%s%s%s=%s", before ? before : "", before ? "," : "", name,
					 text ? text : "\"\""));
}

static const char *labels_of(const json_t *row)
{
	return json_string_value(json_object_get(row, LABELS));
}

/* An object of counters is one family, with their names as a label. */
static void print_classes(FILE *out, const char *family, const char *key, const json_t *row)
{
	const char *class;
	json_t *value;

	json_object_foreach (json_object_get(row, key), class, value)
		fprintf(out, "ecswitch_%s_%s_total{%s,class=\"%s\"} %lld\n", family, key,
			labels_of(row), class, json_integer_value(value));
}

/* All numbers of rows that have LABELS. */
static void print_rows(FILE *out, const char *family, const json_t *rows)
{
	const char *key;
	json_t *first, *row;
	size_t i;

	json_object_foreach (json_array_get(rows, 0), key, first) {
		if (!json_is_integer(first) && !json_is_object(first))
			continue;
		fprintf(out, "# TYPE ecswitch_%s_%s_total counter\n", family, key);
		json_array_foreach (rows, i, row)
			if (json_is_object(first))
				print_classes(out, family, key, row);
			else
				fprintf(out, "ecswitch_%s_%s_total{%s} %lld\n", family, key,
					labels_of(row),
					json_integer_value(json_object_get(row, key)));
	}
}

static void print_gauge(FILE *out, const char *name, size_t value)
{
	fprintf(out, "# TYPE ecswitch_%s gauge\necswitch_%s %zu\n", name, name, value);
}

static void print_flows(FILE *out, struct ecs_daemon *d)
{
	print_gauge(out, "nat_flows", ecs_datapath_nat_used(d->dp, 0));
	print_gauge(out, "nat_flows_size", ecs_datapath_nat_size(d->dp));
	fprintf(out, "# TYPE ecswitch_port_nat_flows gauge\n");
	for (size_t i = 0; i < d->have.port_count; i++) {
		const struct ecs_port *port = &d->have.ports[i].port;
		json_t *row;

		if (!(port->flags & ECS_PORT_NAT))
			continue;
		row = json_pack("{s:s}", "port", port->name);
		label(row, "port", json_object_get(row, "port"));
		fprintf(out, "ecswitch_port_nat_flows{%s} %u\n", labels_of(row),
			ecs_datapath_nat_used(d->dp, port->slot));
		json_decref(row);
	}
}

static int print_ports(FILE *out, struct ecs_daemon *d, json_t *params, struct ecs_err *err)
{
	json_t *rows = NULL, *row;
	size_t i;
	int r = ecs_handle_stats(d, params, &rows, err);

	json_array_foreach (rows, i, row) {
		json_object_del(row, "ifindex");
		label(row, "port", json_object_get(row, "port"));
	}
	print_rows(out, "port", rows);
	json_decref(rows);
	return r;
}

static int print_drops(FILE *out, struct ecs_daemon *d, json_t *params, struct ecs_err *err)
{
	json_t *rows = NULL, *row;
	size_t i;
	int r = ecs_handle_drops(d, params, &rows, err);

	if (r < 0)
		return r;
	fprintf(out, "# TYPE ecswitch_drops_total counter\n");
	json_array_foreach (rows, i, row) {
		label(row, "reason", json_object_get(row, "reason"));
		label(row, "port", json_object_get(row, "port"));
		fprintf(out, "ecswitch_drops_total{%s} %lld\n", labels_of(row),
			json_integer_value(json_object_get(row, "packets")));
	}
	json_decref(rows);
	return 0;
}

/* A row of a cast without what is no counter. Its receivers go to @receivers. */
static json_t *cast_counters(json_t *cast, json_t *receivers)
{
	json_t *row;
	size_t i;

	json_array_foreach (json_object_get(cast, "receivers"), i, row) {
		if (!json_is_string(json_object_get(row, "port")))
			continue; /* a network without ports */
		label(row, "cast", json_object_get(cast, "name"));
		label(row, "port", json_object_get(row, "port"));
		json_array_append(receivers, row);
	}
	label(cast, "cast", json_object_get(cast, "name"));
	json_object_del(cast, "port");
	json_object_del(cast, "video_pid");
	return cast;
}

static int print_casts(FILE *out, struct ecs_daemon *d, struct ecs_err *err)
{
	json_t *casts = json_array(), *receivers = json_array();
	int r = 0;

	for (size_t i = 0; r == 0 && i < d->config->casts_len; i++) {
		json_t *params = json_pack("{s:s}", "name", d->config->casts[i].name), *cast = NULL;

		r = ecs_handle_cast_show(d, params, &cast, err);
		if (r == 0)
			json_array_append_new(casts, cast_counters(cast, receivers));
		json_decref(params);
	}
	print_rows(out, "cast", casts);
	print_rows(out, "receiver", receivers);
	json_decref(casts);
	json_decref(receivers);
	return r;
}

int ecs_handle_metrics(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err)
{
	ECS_FREE char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int r;

	if (!out)
		return ecs_fail(err, -ENOMEM, "out of memory");
	print_gauge(out, "ports", d->have.port_count);
	print_gauge(out, "fdb_entries", ecs_datapath_fdb_used(d->dp, 0));
	print_gauge(out, "fdb_size", ecs_datapath_fdb_size(d->dp));
	print_gauge(out, "problems", d->problems.count);
	print_flows(out, d);
	r = print_ports(out, d, params, err);
	if (r == 0)
		r = print_drops(out, d, params, err);
	if (r == 0)
		r = print_casts(out, d, err);
	fclose(out);
	if (r == 0)
		*result = json_pack("{s:s}", "text", text);
	return r;
}
