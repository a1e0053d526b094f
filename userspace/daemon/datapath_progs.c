// SPDX-License-Identifier: Apache-2.0
/*
 * The programs, pinned beside the maps. The kernel takes half a second to verify them; a daemon
 * that finds those of its own build, on the maps that it has, goes on with them. Their key tells.
 */
#include "datapath_priv.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <ecswitch/cleanup.h>

static const char *const words[ECS_PROGS] = {
	[ECS_PROG_FROM_PORT] = "from_port",
	[ECS_PROG_TO_UPLINK] = "to_uplink",
};

const char *ecs_prog_word(enum ecs_prog prog)
{
	return words[prog];
}

/* FNV-1a, 64 bits. */
static uint64_t hash(uint64_t key, const void *data, size_t len)
{
	const uint8_t *byte = data;

	for (size_t i = 0; i < len; i++)
		key = (key ^ byte[i]) * 0x100000001b3;
	return key;
}

uint64_t ecs_progs_key(const struct bpf_object *obj, const void *elf, size_t size)
{
	uint64_t key = hash(0xcbf29ce484222325, elf, size);
	const struct bpf_map *map;

	bpf_object__for_each_map (map, obj) {
		const char *path = bpf_map__pin_path(map);
		struct bpf_map_info info = {};
		uint32_t len = sizeof(info);
		ECS_CLOSE int fd = path ? bpf_obj_get(path) : -1;

		if (!path)
			continue;
		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
			return 0;
		key = hash(key, &info.id, sizeof(info.id));
	}
	return key;
}

static void prog_path(const struct ecs_datapath *dp, uint64_t key, enum ecs_prog prog,
		      char path[512])
{
	snprintf(path, 512, "%s/" ECS_PIN_PROG "%016" PRIx64 "_%s", dp->pins, key, words[prog]);
}

/* Whether it is a program of that name: a map or a link would not have its name there. */
static bool is_prog(int fd, enum ecs_prog prog)
{
	struct bpf_prog_info info = {};
	uint32_t len = sizeof(info);
	char name[sizeof(info.name)];

	snprintf(name, sizeof(name), "ecs_%s", words[prog]);
	return fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &len) == 0 &&
	       info.type == BPF_PROG_TYPE_SCHED_CLS && !strncmp(info.name, name, sizeof(name));
}

bool ecs_progs_take(struct ecs_datapath *dp, uint64_t key)
{
	bool all = key != 0;
	char path[512];

	for (int prog = ECS_PROG_FROM_PORT; prog < ECS_PROGS; prog++) {
		prog_path(dp, key, prog, path);
		dp->progs[prog] = bpf_obj_get(path);
		all &= is_prog(dp->progs[prog], prog);
	}
	if (!all)
		ecs_progs_close(dp);
	return all;
}

static void drop_pins(const struct ecs_datapath *dp)
{
	DIR *dir = opendir(dp->pins);
	struct dirent *item;
	char path[512];

	while (dir && (item = readdir(dir))) {
		if (strncmp(item->d_name, ECS_PIN_PROG, strlen(ECS_PIN_PROG)))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dp->pins, item->d_name);
		unlink(path);
	}
	if (dir)
		closedir(dir);
}

/* If a pin cannot be made, the next start verifies again, and that is all. */
void ecs_progs_keep(const struct ecs_datapath *dp, uint64_t key)
{
	char path[512];

	drop_pins(dp);
	for (int prog = ECS_PROG_FROM_PORT; prog < ECS_PROGS; prog++) {
		prog_path(dp, key, prog, path);
		bpf_obj_pin(ecs_datapath_prog_fd(dp, prog), path);
	}
}

void ecs_progs_close(struct ecs_datapath *dp)
{
	for (int prog = ECS_PROG_FROM_PORT; prog < ECS_PROGS; prog++) {
		if (dp->progs[prog] >= 0)
			close(dp->progs[prog]);
		dp->progs[prog] = -1;
	}
}
