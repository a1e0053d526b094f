// SPDX-License-Identifier: Apache-2.0
/*
 * Tables (libsmartcols) and lists of the results. One layout a method; what has none is printed
 * as keys and values, so that a newer daemon's answer is never hidden.
 */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <libsmartcols.h>

#include <ecswitch/cleanup.h>

#include "../lib/types.h"
#include "render.h"

/* Any number of keys, with the NULL that ends them. */
#define COLUMNS(...)                                                                               \
	(const char *const[])                                                                      \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

struct layout {
	const char *method;
	const char *empty;	    /* what to say when there are no rows */
	const char *const *columns; /* keys, in order */
};

static const struct layout layouts[] = {
	{"network.list", "no networks",
	 COLUMNS("name", "uplink", "vlan", "gateway", "gateway6", "nat", "nat66", "ageing",
		 "fdb_limit", "ports", "fdb")},
	{"match.list", "no matches", COLUMNS("pattern", "kind", "network")},
	{"port.list", "no ports",
	 COLUMNS("name", "ifindex", "kind", "role", "network", "state", "mac", "mtu", "vm",
		 "manual", "reason")},
	{"patch.list", "no patches", COLUMNS("a", "b", "oneway", "state")},
	{"fdb.list", "no entries", COLUMNS("network", "mac", "port", "kind", "age_s", "moves")},
	{"nat.list", "no NAT",
	 COLUMNS("network", "uplink", "address", "address6", "ports", "flows", "limit",
		 "tcp_timeout", "udp_timeout", "icmp_timeout", "state")},
	{"nat.forwards", "no forwards", COLUMNS("network", "proto", "port", "to", "force")},
	{"cast.list", "no casts",
	 COLUMNS("name", "from", "dst", "port", "state", "container", "codec", "video_pid",
		 "frames_in", "receivers")},
	{"cast.receivers", "nobody",
	 COLUMNS("port", "network", "to", "policy", "step", "state", "packets", "bytes", "refused",
		 "sent", "dropped", "unclassified")},
	{"cast.passed", "nothing", COLUMNS("reason", "packets")},
	{"nat.flows", "no flows",
	 COLUMNS("proto", "network", "inside", "outside", "remote", "kind", "state", "age_s",
		 "idle_s", "packets_sent", "bytes_sent", "packets_received", "bytes_received")},
	{"stats", "no ports",
	 COLUMNS("port", "ifindex", "rx_packets", "rx_bytes", "tx_packets", "tx_bytes", "flooded",
		 "passed", "fdb_full", "fdb_moved")},
	{"drops", "no drops", COLUMNS("reason", "text", "port", "packets", "bytes")},
};

/* The sections of "show": key, heading, and the layout of its rows. */
static const struct {
	const char *key;
	const char *method;
} sections[] = {
	{"networks", "network.list"},
	{"matches", "match.list"},
	{"ports", "port.list"},
	{"patches", "patch.list"},
};

static const struct layout *find_layout(const char *method)
{
	for (size_t i = 0; i < ECS_ARRAY_SIZE(layouts); i++)
		if (!strcmp(layouts[i].method, method))
			return &layouts[i];
	return NULL;
}

/* Counts by kind, those that counted: "2 key, 26 ref"; NULL if it is something else. */
static char *counts_text(const json_t *value)
{
	char *text = NULL, *more;
	const char *key;
	json_t *count;

	if (!json_object_size(value))
		return NULL;
	json_object_foreach ((json_t *)value, key, count) {
		if (!json_is_integer(count)) {
			free(text);
			return NULL;
		}
		if (!json_integer_value(count))
			continue;
		if (asprintf(&more, "%s%s%" JSON_INTEGER_FORMAT " %s", text ? text : "",
			     text ? ", " : "", json_integer_value(count), key) < 0)
			more = NULL;
		free(text);
		text = more;
	}
	return text ? text : strdup("0");
}

/* One value as text for a cell; malloc'd. */
static char *value_text(const json_t *value)
{
	char number[32], *counts;

	if (!value || json_is_null(value))
		return strdup("-");
	if (json_is_string(value)) {
		char *text = strdup(json_string_value(value));

		return text ? ecs_text_clean(text) : NULL;
	}
	if (json_is_boolean(value))
		return strdup(json_is_true(value) ? "yes" : "no");
	counts = counts_text(value);
	if (counts)
		return counts;
	if (!json_is_integer(value))
		return json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	return strdup(number);
}

/* "age_s" is AGE-S to a program and AGE (in seconds) to a person. */
static char *header_text(const char *key)
{
	size_t len = strlen(key);
	char *text = strdup(key);

	if (!text)
		return NULL;
	if (len > 2 && !strcmp(key + len - 2, "_s"))
		text[len - 2] = '\0';
	for (char *p = text; *p; p++)
		*p = *p == '_' ? '-' : (char)toupper((unsigned char)*p);
	return text;
}

static bool is_numeric(const json_t *rows, const char *key)
{
	const json_t *row;
	size_t i;

	json_array_foreach (rows, i, row) {
		const json_t *value = json_object_get(row, key);

		if (value && !json_is_null(value))
			return json_is_integer(value);
	}
	return false;
}

static int add_columns(struct libscols_table *table, const struct layout *layout,
		       const json_t *rows)
{
	for (const char *const *key = layout->columns; *key; key++) {
		ECS_FREE char *header = header_text(*key);
		bool prose = !strcmp(*key, "reason") || !strcmp(*key, "text");
		int flags = is_numeric(rows, *key) ? SCOLS_FL_RIGHT : prose ? SCOLS_FL_TRUNC : 0;

		if (!header || !scols_table_new_column(table, header, 0, flags))
			return -ENOMEM;
	}
	return 0;
}

static int add_row(struct libscols_table *table, const struct layout *layout, const json_t *row)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);

	if (!line)
		return -ENOMEM;
	for (size_t i = 0; layout->columns[i]; i++) {
		char *text = value_text(json_object_get(row, layout->columns[i]));

		if (!text || scols_line_refer_data(line, i, text) < 0) {
			free(text);
			return -ENOMEM;
		}
	}
	return 0;
}

/* A drop counter that never counted tells a person nothing. */
static bool is_hidden(const struct layout *layout, const json_t *row)
{
	return !strcmp(layout->method, "drops") &&
	       json_integer_value(json_object_get(row, "packets")) == 0;
}

static int fill_table(struct libscols_table *table, const struct layout *layout, const json_t *rows)
{
	const json_t *row;
	size_t i;

	if (add_columns(table, layout, rows) < 0)
		return -ENOMEM;
	json_array_foreach (rows, i, row) {
		if (!is_hidden(layout, row) && add_row(table, layout, row) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int print_table(FILE *out, const struct layout *layout, const json_t *rows)
{
	struct libscols_table *table = scols_new_table();
	int rc = table ? fill_table(table, layout, rows) : -ENOMEM;

	if (rc == 0 && scols_table_get_nlines(table) == 0) {
		fprintf(out, "%s\n", layout->empty);
	} else if (rc == 0) {
		scols_table_set_stream(table, out);
		rc = scols_print_table(table) < 0 ? -ENOMEM : 0;
	}
	scols_unref_table(table);
	return rc;
}

static void print_sentences(FILE *out, const char *indent, const json_t *sentences)
{
	const json_t *sentence;
	size_t i;

	json_array_foreach (sentences, i, sentence) {
		ECS_FREE char *text = value_text(sentence);

		fprintf(out, "%s%s\n", indent, text ? text : "");
	}
}

/* An object as "key: value" lines; a list in it as lines of its own. */
static void print_object(FILE *out, const json_t *object)
{
	size_t width = 0;
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)object, key, value) {
		if (strlen(key) > width)
			width = strlen(key);
	}
	json_object_foreach ((json_t *)object, key, value) {
		ECS_FREE char *text = json_is_array(value) ? NULL : value_text(value);

		if (json_is_array(value) && !json_array_size(value))
			text = strdup("none");
		fprintf(out, "%s:%*s%s\n", key, text ? (int)(width - strlen(key)) + 1 : 0, "",
			text ? text : "");
		if (json_is_array(value))
			print_sentences(out, "  ", value);
	}
}

static int print_show(FILE *out, const json_t *result)
{
	print_object(out, json_object_get(result, "status"));
	for (size_t i = 0; i < ECS_ARRAY_SIZE(sections); i++) {
		ECS_FREE char *heading = header_text(sections[i].key);

		fprintf(out, "\n%s\n", heading ? heading : sections[i].key);
		if (print_table(out, find_layout(sections[i].method),
				json_object_get(result, sections[i].key)) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* The networks, and below them the forwards of all. */
static int print_nat(FILE *out, const json_t *networks)
{
	json_t *forwards = json_array();
	const json_t *network;
	size_t i;
	int rc;

	json_array_foreach (networks, i, network)
		json_array_extend(forwards, json_object_get(network, "forwards"));
	rc = print_table(out, find_layout("nat.list"), networks);
	if (rc == 0 && json_array_size(forwards)) {
		fprintf(out, "\nFORWARDS\n");
		rc = print_table(out, find_layout("nat.forwards"), forwards);
	}
	json_decref(forwards);
	return rc;
}

/* What the cast is, and below it what became of it. */
static int print_cast(FILE *out, const json_t *cast)
{
	static const char *const lists[] = {"receivers", "passed"};
	json_t *head = json_copy((json_t *)cast);
	int rc = 0;

	for (size_t i = 0; i < ECS_ARRAY_SIZE(lists); i++)
		json_object_del(head, lists[i]);
	print_object(out, head);
	json_decref(head);
	for (size_t i = 0; i < ECS_ARRAY_SIZE(lists) && rc == 0; i++) {
		const json_t *rows = json_object_get(cast, lists[i]);
		ECS_FREE char *heading = header_text(lists[i]);

		if (!json_array_size(rows))
			continue;
		fprintf(out, "\n%s\n", heading ? heading : lists[i]);
		rc = print_table(out, find_layout(i ? "cast.passed" : "cast.receivers"), rows);
	}
	return rc;
}

int ecs_render(FILE *out, const char *method, const json_t *result)
{
	const struct layout *layout = find_layout(method);
	const char *text = json_string_value(json_object_get(result, "text"));
	const char *path = json_string_value(json_object_get(result, "path"));

	if (!strcmp(method, "nat.list") && json_is_array(result))
		return print_nat(out, result);
	if (layout && json_is_array(result))
		return print_table(out, layout, result);
	if (!strcmp(method, "show"))
		return print_show(out, result);
	if (!strcmp(method, "cast.show") && json_is_object(result))
		return print_cast(out, result);
	if (!strcmp(method, "metrics") && text)
		fputs(text, out);
	else if (!strcmp(method, "save") && path)
		fprintf(out, "saved to %s\n", path);
	else if (json_object_get(result, "changed"))
		return 0; /* as asked; no news is good news */
	else if (json_is_object(result))
		print_object(out, result);
	else
		print_sentences(out, "", result);
	return 0;
}

void ecs_render_plan(FILE *out, const json_t *result)
{
	const json_t *plan = json_object_get(result, "plan");

	if (json_array_size(plan))
		print_sentences(out, "", plan);
	else
		fputs("nothing would change\n", out);
}

void ecs_render_event(FILE *out, const json_t *event)
{
	const char *time = json_string_value(json_object_get(event, "time"));
	const char *type = json_string_value(json_object_get(event, "type"));
	const char *key;
	json_t *value;

	fprintf(out, "%s %s", time ? time : "-", type ? type : "-");
	json_object_foreach ((json_t *)event, key, value) {
		ECS_FREE char *text = value_text(value);

		if (json_is_null(value) || !strcmp(key, "time") || !strcmp(key, "type"))
			continue;
		if (!strcmp(key, "text"))
			fprintf(out, " %s", text ? text : "");
		else
			fprintf(out, " %s=%s", key, text ? text : "");
	}
	fputc('\n', out);
}

void ecs_render_json(FILE *out, const json_t *result)
{
	json_dumpf(result, out, JSON_INDENT(2) | JSON_ENCODE_ANY);
	fputc('\n', out);
}
