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

int ecs_pins_check(const char *pins, bool *adopted, struct ecs_err *err)
{
	char path[512];
	struct ecs_meta meta = {};
	uint32_t zero = 0;
	ECS_CLOSE int fd = -1;

	snprintf(path, sizeof(path), "%s/ecs_meta", pins);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return errno == ENOENT
			       ? 0
			       : ecs_fail(err, -errno, "cannot open %s: %s", path, strerror(errno));
	if (bpf_map_lookup_elem(fd, &zero, &meta) == 0 && meta.abi == ECS_ABI_VERSION) {
		*adopted = true;
		return 0;
	}
	if (meta.abi > ECS_ABI_VERSION)
		return ecs_fail(err, -ENOTSUP,
				"the maps in %s are of ABI %u and this ecswitchd knows %u: start "
				"the newer one, or take it down with its --detach",
				pins, meta.abi, ECS_ABI_VERSION);
	if (meta.abi == 0) { /* a start that was cut off before it wrote the version */
		*adopted = true;
		return 0;
	}
	return ecs_datapath_unpin(pins, err) ?: ecs_pins_make(pins, err);
}

int ecs_pins_take(const char *pins, const char *map, uint32_t size, int *fd, struct ecs_err *err)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);
	char path[512];
	int found;

	snprintf(path, sizeof(path), "%s/%s", pins, map);
	found = bpf_obj_get(path);
	if (found < 0)
		return 0;
	if (bpf_obj_get_info_by_fd(found, &info, &len) < 0 || info.max_entries == size) {
		close(found);
		return 0;
	}
	if (unlink(path) < 0) {
		int code = -errno;

		close(found);
		return ecs_fail(err, code, "cannot replace %s: %s", path, strerror(-code));
	}
	*fd = found;
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
		if (strncmp(item->d_name, "ecs_", 4))
			continue;
		snprintf(path, sizeof(path), "%s/%s", pins, item->d_name);
		unlink(path);
	}
	closedir(dir);
	if (rmdir(pins) < 0)
		return ecs_fail(err, -errno, "cannot remove %s: %s", pins, strerror(errno));
	snprintf(path, sizeof(path), "%s", pins);
	*strrchr(path, '/') = '\0';
	rmdir(path); /* the last instance takes the common folder along; refused while others are */
	return 0;
}
