// SPDX-License-Identifier: Apache-2.0
/*
 * Maps of another ABI. They are set aside under other names, so that the filters run on with them
 * until ours replace them. A map that both versions understand gets its name back beside the
 * other one: old and new programs share it, and nothing that happens meanwhile is lost. Of the
 * others, what is known of their records moves into new maps. Each step may be cut off anywhere:
 * ecs_meta is the last one to be set aside and the first one to be written, ecs_old_meta is the
 * last one to go.
 */
#include "datapath_priv.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include <ecswitch/cleanup.h>

#define META "meta"

/* What outlives a change of ABI: the maps, and the oldest version whose records mean what ours
 * do. A new ABI appends to a record, and tails of zero mean "unknown"; if it changes a map
 * otherwise, its number here becomes that of the new ABI. Maps that are not named here are built
 * again: scratch, hints, the ring buffer and fragments that are under way. */
/* clang-format off */
static const struct known {
	const char *name;
	uint32_t since;
	enum { HERE, BY_OWNER } copied; /* see ecs_pins_old() */
} known[] = {
	{"ports", 1, HERE},
	{"networks", 1, HERE},
	{"flood", 1, HERE},
	{"patches", 1, HERE},
	{"fdb", 1, BY_OWNER},
	{"fdb_used", 1, BY_OWNER},
	{"stats", 1, HERE},
	{"drops", 1, HERE},
	{"nat_flows", 3, BY_OWNER},
	{"nat_used", 3, BY_OWNER},
	{"nat_rules", 3, HERE},
	{"nat_numbers", 4, HERE},
	{"nat_addrs", 4, HERE},
	{"streams", 4, HERE},
	{"cast_plans", 4, HERE},
	{"receivers", 4, HERE},
	{"receiver_counts", 4, HERE},
	{"cast_groups", 4, HERE},
	{"cast_states", 4, HERE},
	{"cast_pids", 4, HERE},
	{"cast_carries", 4, HERE},
	{"cast_holds", 4, HERE},
};
/* clang-format on */

static const struct known *find_known(const char *name, uint32_t abi)
{
	for (size_t i = 0; i < ECS_ARRAY_SIZE(known); i++)
		if (!strcmp(known[i].name, name))
			return known[i].since <= abi ? &known[i] : NULL;
	return NULL;
}

static bool is_set_aside(const char *name)
{
	return !strncmp(name, ECS_PIN_OLD, strlen(ECS_PIN_OLD));
}

static bool is_map(const char *name)
{
	return !strncmp(name, ECS_PIN_MAP, strlen(ECS_PIN_MAP)) &&
	       strncmp(name, ECS_PIN_LINK, strlen(ECS_PIN_LINK)) &&
	       strncmp(name, ECS_PIN_PROG, strlen(ECS_PIN_PROG));
}

/* Reads the folder before it changes it. */
static int each_map(const char *pins, bool old, int (*fn)(const char *pins, const char *name))
{
	struct dirent **items;
	int n = scandir(pins, &items, NULL, NULL), r = 0;

	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		const char *name = items[i]->d_name;

		if (r == 0 && is_map(name) && is_set_aside(name) == old)
			r = fn(pins, name);
		free(items[i]);
	}
	free(items);
	return r;
}

static int drop(const char *pins, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", pins, name);
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

static int drop_but_meta(const char *pins, const char *name)
{
	return !strcmp(name, ECS_PIN_OLD META) ? 0 : drop(pins, name);
}

int ecs_pins_drop_old(const char *pins)
{
	int r = each_map(pins, true, drop_but_meta);

	return r < 0 ? r : drop(pins, ECS_PIN_OLD META);
}

int ecs_pins_drop_new(const char *pins)
{
	return each_map(pins, false, drop);
}

static int move(const char *pins, const char *from, const char *from_prefix, const char *to_prefix)
{
	char old[512], new[512];

	snprintf(old, sizeof(old), "%s/%s", pins, from);
	snprintf(new, sizeof(new), "%s/%s%s", pins, to_prefix, from + strlen(from_prefix));
	return rename(old, new) < 0 ? -errno : 0;
}

static int set_aside_but_meta(const char *pins, const char *name)
{
	return !strcmp(name, ECS_PIN_MAP META) ? 0 : move(pins, name, ECS_PIN_MAP, ECS_PIN_OLD);
}

int ecs_pins_set_aside(const char *pins)
{
	int r = each_map(pins, false, set_aside_but_meta);

	return r < 0 ? r : move(pins, ECS_PIN_MAP META, ECS_PIN_MAP, ECS_PIN_OLD);
}

static int bring_back(const char *pins, const char *name)
{
	return move(pins, name, ECS_PIN_OLD, ECS_PIN_MAP);
}

int ecs_pins_bring_back(const char *pins)
{
	return each_map(pins, true, bring_back);
}

int ecs_pins_abi(const char *pins, bool old, uint32_t *abi)
{
	struct ecs_meta meta = {};
	uint32_t zero = 0;
	char path[512];
	ECS_CLOSE int fd = -1;

	snprintf(path, sizeof(path), "%s/%s" META, pins, old ? ECS_PIN_OLD : ECS_PIN_MAP);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return -errno;
	if (bpf_map_lookup_elem(fd, &zero, &meta) < 0)
		meta.abi = 0;
	*abi = meta.abi;
	return 0;
}

static int open_map(const char *pins, const char *prefix, const char *name,
		    struct bpf_map_info *info)
{
	uint32_t len = sizeof(*info);
	char path[512];
	int fd;

	memset(info, 0, sizeof(*info));
	snprintf(path, sizeof(path), "%s/%s%s", pins, prefix, name);
	fd = bpf_obj_get(path);
	if (fd >= 0 && bpf_obj_get_info_by_fd(fd, info, &len) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool is_per_cpu(const struct bpf_map_info *info)
{
	return info->type == BPF_MAP_TYPE_PERCPU_ARRAY || info->type == BPF_MAP_TYPE_PERCPU_HASH;
}

static size_t value_bytes(const struct bpf_map_info *info, int cpus)
{
	return is_per_cpu(info) ? (size_t)cpus * ((info->value_size + 7) & ~7u) : info->value_size;
}

static bool is_zero(const char *bytes, size_t size)
{
	return !size || (!bytes[0] && !memcmp(bytes, bytes + 1, size - 1));
}

/* Tails that the other layout does not have are zero, which means "unknown" everywhere. */
static int copy_records(int old_fd, const struct bpf_map_info *old, int new_fd,
			const struct bpf_map_info *new, int cpus)
{
	size_t old_size = value_bytes(old, cpus), new_size = value_bytes(new, cpus);
	size_t size = old_size > new_size ? old_size : new_size;
	ECS_FREE char *value = calloc(1, size + 1);
	ECS_FREE char *keys = calloc(2, old->key_size);
	char *key = keys, *next = keys ? keys + old->key_size : NULL;
	bool first = true;

	if (!value || !keys)
		return -ENOMEM;
	while (bpf_map_get_next_key(old_fd, first ? NULL : key, next) == 0) {
		first = false;
		memcpy(key, next, old->key_size);
		memset(value, 0, size);
		if (bpf_map_lookup_elem(old_fd, key, value) < 0 || is_zero(value, old_size))
			continue;
		memset(value + new_size, 0, size - new_size);
		if (bpf_map_update_elem(new_fd, key, value, BPF_ANY) < 0 && errno == E2BIG)
			break; /* smaller than what there was: the rest begins again */
	}
	return 0;
}

int ecs_pins_share(const char *pins, const char *map, const struct ecs_pin_shape *shape)
{
	const char *name = map + strlen(ECS_PIN_MAP);
	struct bpf_map_info info;
	uint32_t abi = 0;
	char path[512];
	ECS_CLOSE int fd = -1;

	if (ecs_pins_abi(pins, true, &abi) < 0 || !find_known(name, abi))
		return 0;
	fd = open_map(pins, ECS_PIN_OLD, name, &info);
	if (fd < 0 || !ecs_pins_same_shape(&info, shape))
		return 0;
	snprintf(path, sizeof(path), "%s/%s", pins, map);
	return bpf_obj_pin(fd, path) < 0 && errno != EEXIST ? -errno : 0;
}

int ecs_pins_old(const char *pins, const char *name, int new_fd, struct ecs_old_map *old)
{
	struct bpf_map_info info, new = {};
	uint32_t len = sizeof(new), abi = 0;
	int fd;

	if (ecs_pins_abi(pins, true, &abi) < 0 || !find_known(name, abi))
		return 0;
	if (bpf_obj_get_info_by_fd(new_fd, &new, &len) < 0)
		return -errno;
	fd = open_map(pins, ECS_PIN_OLD, name, &info);
	if (fd < 0)
		return 0;
	if (info.id == new.id || info.type != new.type || info.key_size != new.key_size) {
		close(fd);
		return 0;
	}
	*old = (struct ecs_old_map){.fd = fd, .value_size = info.value_size};
	return 0;
}

int ecs_old_get(const struct ecs_old_map *old, const void *key, void *value, size_t size)
{
	char found[ECS_OLD_VALUE_MAX];
	size_t len = old->value_size < size ? old->value_size : size;

	if (old->value_size > sizeof(found))
		return -E2BIG;
	if (bpf_map_lookup_elem(old->fd, key, found) < 0)
		return -errno;
	memset(value, 0, size);
	memcpy(value, found, len);
	return 0;
}

int ecs_pins_migrate(const char *pins, int cpus)
{
	uint32_t abi = 0;
	int r = 0;

	if (ecs_pins_abi(pins, true, &abi) < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < ECS_ARRAY_SIZE(known); i++) {
		struct bpf_map_info old, new;
		ECS_CLOSE int old_fd = open_map(pins, ECS_PIN_OLD, known[i].name, &old);
		ECS_CLOSE int new_fd = open_map(pins, ECS_PIN_MAP, known[i].name, &new);

		if (known[i].copied == BY_OWNER || known[i].since > abi || old_fd < 0 ||
		    new_fd < 0 || old.id == new.id || old.type != new.type ||
		    old.key_size != new.key_size ||
		    (is_per_cpu(&old) && old.value_size != new.value_size))
			continue; /* shared, or built again */
		r = copy_records(old_fd, &old, new_fd, &new, cpus);
	}
	return r;
}
