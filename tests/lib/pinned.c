// SPDX-License-Identifier: Apache-2.0
/*
 * What stands in the pinned maps of a switch; bpftool takes seconds to print all of it.
 *
 *	pinned links DIRECTORY    the ifindexes in the maps, each once, in their order
 *	pinned counts DIRECTORY   the maps whose counters are not all zero
 *	pinned entries MAP        how many entries a hash has
 */
#include <config.h>

#include <err.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <ecswitch/abi.h>

#define BATCH 4096
#define LINKS_MAX 65536

typedef void visit_fn(const void *key, const void *value, size_t value_size);

static uint32_t links[LINKS_MAX];
static size_t links_len;
static bool counted;

static void link_add(uint32_t ifindex)
{
	if (links_len == LINKS_MAX)
		errx(1, "more than %d links", LINKS_MAX);
	if (ifindex)
		links[links_len++] = ifindex;
}

static void visit_port(const void *key, const void *value, size_t value_size)
{
	(void)value, (void)value_size;
	link_add(((const struct ecs_port_key *)key)->ifindex);
}

static void visit_near(const void *key, const void *value, size_t value_size)
{
	(void)key, (void)value_size;
	link_add(((const struct ecs_port *)value)->ifindex);
}

static void visit_network(const void *key, const void *value, size_t value_size)
{
	(void)key, (void)value_size;
	link_add(((const struct ecs_network *)value)->uplink);
}

static void visit_flood(const void *key, const void *value, size_t value_size)
{
	(void)key, (void)value_size;
	link_add(((const struct ecs_flood_member *)value)->ifindex);
}

static void visit_fdb(const void *key, const void *value, size_t value_size)
{
	(void)key, (void)value_size;
	link_add(((const struct ecs_fdb_entry *)value)->ifindex);
}

static void visit_patch(const void *key, const void *value, size_t value_size)
{
	(void)value_size;
	link_add(*(const uint32_t *)key);
	link_add(((const struct ecs_patch *)value)->ifindex);
}

static void visit_fdb_used(const void *key, const void *value, size_t value_size)
{
	(void)key, (void)value_size;
	counted |= ((const struct ecs_fdb_use *)value)->entries != 0;
}

static void visit_counters(const void *key, const void *value, size_t value_size)
{
	(void)key;
	for (size_t i = 0; i < value_size; i++)
		counted |= ((const uint8_t *)value)[i] != 0;
}

/* Of a map per CPU the values of all CPUs lie one after the other. */
static size_t value_size(const struct bpf_map_info *info)
{
	size_t each = (info->value_size + 7) & ~7u;

	switch (info->type) {
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
		return each * (size_t)libbpf_num_possible_cpus();
	default:
		return info->value_size;
	}
}

/* Return: entries of the map. */
static size_t walk(const char *path, visit_fn *visit)
{
	struct bpf_map_info info = {};
	uint32_t info_len = sizeof(info), len = BATCH;
	int fd = bpf_obj_get(path), r = 0;
	char at[64], *from = NULL, *keys, *values;
	size_t size, total = 0;

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &info_len))
		err(1, "%s", path);
	size = value_size(&info);
	keys = calloc(BATCH, info.key_size);
	values = calloc(BATCH, size);
	if (!keys || !values)
		err(1, "%s", path);
	for (; r == 0; total += len, from = at) {
		len = BATCH;
		r = bpf_map_lookup_batch(fd, from, at, keys, values, &len, NULL);
		if (r && r != -ENOENT)
			errx(1, "%s: %s", path, strerror(-r));
		for (uint32_t i = 0; visit && i < len; i++)
			visit(keys + i * info.key_size, values + i * size, size);
	}
	return total;
}

static size_t walk_in(const char *dir, const char *map, visit_fn *visit)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, map);
	return walk(path, visit);
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void print_links(const char *dir)
{
	walk_in(dir, "ecs_ports", visit_port);
	walk_in(dir, "ecs_ports_near", visit_near);
	walk_in(dir, "ecs_networks", visit_network);
	walk_in(dir, "ecs_flood", visit_flood);
	walk_in(dir, "ecs_fdb", visit_fdb);
	walk_in(dir, "ecs_patches", visit_patch);
	qsort(links, links_len, sizeof(*links), by_number);
	for (size_t i = 0; i < links_len; i++)
		if (i == 0 || links[i] != links[i - 1])
			printf("%s%u", i ? " " : "", links[i]);
	printf("\n");
}

static void print_counts(const char *dir)
{
	static const struct {
		const char *map;
		visit_fn *visit;
	} maps[] = {
		{"ecs_stats", visit_counters},
		{"ecs_drops", visit_counters},
		{"ecs_fdb_used", visit_fdb_used},
	};

	for (size_t i = 0; i < sizeof(maps) / sizeof(*maps); i++) {
		counted = false;
		walk_in(dir, maps[i].map, maps[i].visit);
		if (counted)
			printf("%s\n", maps[i].map);
	}
}

int main(int argc, char **argv)
{
	const char *what = argc == 3 ? argv[1] : "";

	if (!strcmp(what, "links"))
		print_links(argv[2]);
	else if (!strcmp(what, "counts"))
		print_counts(argv[2]);
	else if (!strcmp(what, "entries"))
		printf("%zu\n", walk(argv[2], NULL));
	else
		errx(2, "usage: pinned links|counts DIRECTORY | pinned entries MAP");
	return 0;
}
