// SPDX-License-Identifier: Apache-2.0
/*
 * Programs on an uplink by TCX (Linux 6.6), as pinned links. To add or remove a clsact qdisc the
 * kernel stops the link's transmit queues for a moment and drops what the host sends meanwhile
 * (qdisc_graft(), dev_deactivate()); TCX touches no qdisc, so the host loses nothing.
 * libbpf 1.1 has no names for it: attach types 46 and 47, and the ifindex in place of the
 * target descriptor, with which both share a union.
 */
#include "datapath_priv.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include <ecswitch/cleanup.h>

#define TCX_PROGRAMS_MAX 64
#define LINK_FORMAT "ecs_link_%u_%s"

static const enum bpf_attach_type attach_types[] = {
	[ECS_HOOK_INGRESS] = 46, /* BPF_TCX_INGRESS */
	[ECS_HOOK_EGRESS] = 47,	 /* BPF_TCX_EGRESS */
};

static const char *const hook_words[] = {"ingress", "egress"};

bool ecs_datapath_has_tcx(const struct ecs_datapath *dp)
{
	int fd = ecs_datapath_prog_fd(dp, ECS_PROG_FROM_PORT);

	/* No such link, or no such attach type: the error tells. */
	return bpf_link_create(fd, INT_MAX, attach_types[ECS_HOOK_INGRESS], NULL) < 0 &&
	       errno == ENODEV;
}

static void link_path(const struct ecs_datapath *dp, uint32_t ifindex, enum ecs_hook hook,
		      char path[512])
{
	snprintf(path, 512, "%s/" LINK_FORMAT, dp->pins, ifindex, hook_words[hook]);
}

struct attached {
	uint32_t ids[TCX_PROGRAMS_MAX];
	uint32_t count;
};

static int attached_query(struct attached *list, uint32_t ifindex, enum ecs_hook hook)
{
	*list = (struct attached){.count = TCX_PROGRAMS_MAX};
	if (bpf_prog_query(ifindex, attach_types[hook], 0, NULL, list->ids, &list->count) < 0)
		return -errno;
	return 0;
}

static bool attached_has(const struct attached *list, uint32_t id)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (list->ids[i] == id)
			return true;
	return false;
}

static uint32_t link_program(int fd)
{
	struct bpf_link_info info = {};
	uint32_t len = sizeof(info);

	return fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &len) == 0 ? info.prog_id : 0;
}

/* Whether another instance has the uplink. Its pins tell: to ask for a program by its number
 * takes CAP_SYS_ADMIN. */
static bool attached_foreign(const struct ecs_datapath *dp, const struct attached *list,
			     uint32_t ifindex, enum ecs_hook hook)
{
	const char *own = strrchr(dp->pins, '/') + 1;
	int parent_len = (int)(own - dp->pins);
	ECS_FREE char *parent = strndup(dp->pins, (size_t)parent_len);
	DIR *dir = parent ? opendir(parent) : NULL;
	struct dirent *item;
	bool found = false;
	char path[512];

	while (dir && !found && (item = readdir(dir))) {
		ECS_CLOSE int fd = -1;
		uint32_t id;

		if (item->d_name[0] == '.' || !strcmp(item->d_name, own))
			continue;
		snprintf(path, sizeof(path), "%s%s/" LINK_FORMAT, parent, item->d_name, ifindex,
			 hook_words[hook]);
		fd = bpf_obj_get(path);
		id = link_program(fd);
		found = id && attached_has(list, id);
	}
	if (dir)
		closedir(dir);
	return found;
}

static int link_new(int prog_fd, uint32_t ifindex, enum ecs_hook hook, const char *path,
		    struct ecs_err *err)
{
	ECS_CLOSE int fd = bpf_link_create(prog_fd, ifindex, attach_types[hook], NULL);

	if (fd < 0)
		return ecs_fail(err, -errno, "TCX attach: %s", strerror(errno));
	if (bpf_obj_pin(fd, path) < 0)
		return ecs_fail(err, -errno, "cannot pin %s: %s", path, strerror(errno));
	return 0;
}

int ecs_datapath_tcx_attach(struct ecs_datapath *dp, uint32_t ifindex, enum ecs_hook hook,
			    enum ecs_prog prog, struct ecs_err *err)
{
	int prog_fd = ecs_datapath_prog_fd(dp, prog), r;
	struct attached list;
	ECS_CLOSE int fd = -1;
	char path[512];
	uint32_t own;

	link_path(dp, ifindex, hook, path);
	r = attached_query(&list, ifindex, hook);
	if (r < 0)
		return ecs_fail(err, r, "TCX query: %s", strerror(-r));
	fd = bpf_obj_get(path);
	own = link_program(fd);
	if (attached_foreign(dp, &list, ifindex, hook))
		return ecs_fail(err, -EBUSY, "it is the uplink of another ecswitch instance");
	/* A link outlives its device, and the number may be another device's by now. */
	if (own && attached_has(&list, own) && bpf_link_update(fd, prog_fd, NULL) == 0)
		return 0;
	unlink(path);
	return link_new(prog_fd, ifindex, hook, path, err);
}

bool ecs_datapath_tcx_lost(struct ecs_datapath *dp, uint32_t ifindex, enum ecs_hook hook)
{
	struct attached list;
	ECS_CLOSE int fd = -1;
	char path[512];
	uint32_t own;

	if (attached_query(&list, ifindex, hook) < 0)
		return false; /* the link has gone, and its DELLINK is on the way */
	link_path(dp, ifindex, hook, path);
	fd = bpf_obj_get(path);
	own = link_program(fd);
	return !own || !attached_has(&list, own);
}

int ecs_datapath_tcx_detach(struct ecs_datapath *dp, uint32_t ifindex, enum ecs_hook hook)
{
	char path[512];

	link_path(dp, ifindex, hook, path);
	return unlink(path) < 0 ? -errno : 0;
}

int ecs_datapath_tcx_prune(struct ecs_datapath *dp, bool (*keep)(uint32_t ifindex, void *ctx),
			   void *ctx)
{
	DIR *dir = opendir(dp->pins);
	struct dirent *item;
	uint32_t ifindex;
	char path[512];

	if (!dir)
		return -errno;
	while ((item = readdir(dir))) {
		if (sscanf(item->d_name, "ecs_link_%u_", &ifindex) != 1 || keep(ifindex, ctx))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dp->pins, item->d_name);
		unlink(path);
	}
	closedir(dir);
	return 0;
}
