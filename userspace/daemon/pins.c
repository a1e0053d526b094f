// SPDX-License-Identifier: Apache-2.0
/* The folder on a bpffs that keeps an instance's maps when no daemon holds them. */
#include "datapath_priv.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <linux/magic.h>

#include <bpf/bpf.h>

#include <ecswitch/cleanup.h>

int ecs_pins_make(const char *pins, struct ecs_err *err)
{
	ECS_FREE char *parent = strdup(pins);
	struct statfs fs;
	char *slash;

	if (!parent)
		return ecs_fail(err, -ENOMEM, "out of memory");
	slash = strrchr(parent, '/');
	*slash = '\0';
	if (mkdir(parent, 0700) < 0 && errno != EEXIST)
		return ecs_fail(
			err, -errno,
			"cannot make %s: %s; is a bpffs mounted? (mount -t bpf bpf /sys/fs/bpf)",
			parent, strerror(errno));
	if (statfs(parent, &fs) < 0 || fs.f_type != BPF_FS_MAGIC) {
		rmdir(parent);
		return ecs_fail(err, -ENOTSUP,
				"%s is not on a bpffs; mount one: mount -t bpf bpf /sys/fs/bpf",
				parent);
	}
	if (mkdir(pins, 0700) < 0 && errno != EEXIST)
		return ecs_fail(err, -errno, "cannot make %s: %s", pins, strerror(errno));
	return 0;
}

void ecs_pins_leave(const char *pins)
{
	char parent[512];

	rmdir(pins);
	snprintf(parent, sizeof(parent), "%s", pins);
	*strrchr(parent, '/') = '\0';
	rmdir(parent); /* the last instance takes the common folder along; refused while others are
			*/
}

static int refuse_newer(const char *pins, uint32_t abi, struct ecs_err *err)
{
	return ecs_fail(err, -ENOTSUP,
			"the maps in %s are of ABI %u and this ecswitchd knows %u: start the newer "
			"one, or take the switch down with ecswitchd --detach",
			pins, abi, ECS_ABI_VERSION);
}

/* What an earlier daemon left: maps in use (@abi), and maps that it was about to leave (@old). */
static int sort_out(const char *pins, uint32_t abi, bool old)
{
	if (!abi && old) /* cut off while it filled the new maps: begin again */
		return ecs_pins_drop_new(pins);
	if (abi && old) { /* cut off while it dropped the old ones */
		int r = ecs_pins_drop_old(pins);

		return r < 0 || abi == ECS_ABI_VERSION ? r : ecs_pins_set_aside(pins);
	}
	if (abi == ECS_ABI_VERSION)
		return ecs_pins_bring_back(pins);
	return abi ? ecs_pins_set_aside(pins) : 0;
}

int ecs_pins_check(const char *pins, bool any_abi, bool *adopted, struct ecs_err *err)
{
	uint32_t abi = 0, old_abi = 0;
	int meta = ecs_pins_abi(pins, false, &abi);
	int old_meta = ecs_pins_abi(pins, true, &old_abi);
	int r;

	if (meta < 0 && meta != -ENOENT)
		return ecs_fail(err, meta, "cannot open %s/ecs_meta: %s", pins, strerror(-meta));
	if (!abi && old_meta == 0 && old_abi > ECS_ABI_VERSION && !any_abi)
		return refuse_newer(pins, old_abi, err);
	if (abi > ECS_ABI_VERSION && !any_abi)
		return refuse_newer(pins, abi, err);
	r = sort_out(pins, abi, old_meta == 0);
	if (r < 0)
		return ecs_fail(err, r, "cannot sort the maps in %s: %s", pins, strerror(-r));
	*adopted = meta == 0 || old_meta == 0;
	return 0;
}

bool ecs_pins_same_shape(const struct bpf_map_info *info, const struct ecs_pin_shape *shape)
{
	return info->type == shape->type && info->key_size == shape->key_size &&
	       info->value_size == shape->value_size && info->max_entries == shape->max_entries &&
	       info->map_flags == shape->flags;
}

int ecs_pins_fit(const char *path, const struct ecs_pin_shape *shape, bool any, struct ecs_err *err)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);
	ECS_CLOSE int fd = bpf_obj_get(path);

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &len) == 0 &&
	    ecs_pins_same_shape(&info, shape))
		return 0;
	if (any && unlink(path) == 0)
		return 0;
	return ecs_fail(err, -EEXIST,
			"%s is not a map of ours; remove it (rm %s), or all of the switch with "
			"ecswitchd --detach",
			path, path);
}

int ecs_pins_take(const char *pins, const char *map, uint32_t size, struct ecs_old_map *old,
		  struct ecs_err *err)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);
	char path[512], aside[512];
	int found;

	snprintf(path, sizeof(path), "%s/%s", pins, map);
	found = bpf_obj_get(path);
	if (found < 0)
		return 0;
	if (bpf_obj_get_info_by_fd(found, &info, &len) < 0 || info.max_entries == size) {
		close(found);
		return 0;
	}
	/* Aside, not away: a start that fails after this has lost nothing. */
	snprintf(aside, sizeof(aside), "%s/" ECS_PIN_OLD "%s", pins, map + strlen(ECS_PIN_MAP));
	if (rename(path, aside) < 0) {
		int code = -errno;

		close(found);
		return ecs_fail(err, code, "cannot replace %s: %s", path, strerror(-code));
	}
	*old = (struct ecs_old_map){.fd = found, .value_size = info.value_size};
	return 0;
}

int ecs_datapath_unpin(const char *pins, struct ecs_err *err)
{
	DIR *dir = opendir(pins);
	struct dirent *item;
	char path[512];

	if (!dir)
		return errno == ENOENT
			       ? 0
			       : ecs_fail(err, -errno, "cannot open %s: %s", pins, strerror(errno));
	while ((item = readdir(dir))) {
		if (strncmp(item->d_name, ECS_PIN_MAP, strlen(ECS_PIN_MAP)))
			continue;
		snprintf(path, sizeof(path), "%s/%s", pins, item->d_name);
		unlink(path);
	}
	closedir(dir);
	if (rmdir(pins) < 0)
		return ecs_fail(err, -errno, "cannot remove %s: %s", pins, strerror(errno));
	ecs_pins_leave(pins);
	return 0;
}
