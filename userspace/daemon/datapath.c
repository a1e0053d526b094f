// SPDX-License-Identifier: Apache-2.0
/*
 * Loads the BPF object on pinned maps and offers each map as typed calls. The only file that
 * includes the skeleton and libbpf.
 */
#include "datapath.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>
#include <linux/magic.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <ecswitch/cleanup.h>
#include "kernel/ecswitch.skel.h"

#define FDB_BATCH 1024

struct ecs_datapath {
	struct ecswitch_bpf *skel;
	struct ring_buffer *ring;
	struct ecs_fdb_use *used; /* the ecs_fdb_used map, mapped */
	uint32_t fdb_size;
	int cpus;
	void (*event_fn)(const struct ecs_event *event, void *ctx);
	void *event_ctx;
};

static int pins_make(const char *pins, struct ecs_err *err);
static int pins_check_abi(const char *pins, bool *adopted, struct ecs_err *err);
static int fdb_resize(const char *pins, uint32_t size, int *old_fd, struct ecs_err *err);
static int fdb_copy(struct ecs_datapath *dp, int old_fd);
static int object_load(struct ecs_datapath *dp, const char *pins, struct ecs_err *err);
static int used_map(struct ecs_datapath *dp, struct ecs_err *err);
static int used_recount(struct ecs_datapath *dp);

int ecs_datapath_open(struct ecs_datapath **out, const char *pins, uint32_t fdb_size, bool *adopted,
		      struct ecs_err *err)
{
	struct ecs_datapath *dp;
	ECS_CLOSE int old_fdb = -1;
	struct ecs_meta meta = {.abi = ECS_ABI_VERSION};
	uint32_t zero = 0;
	bool found = false;
	int r;

	r = pins_make(pins, err);
	if (r < 0)
		return r;
	r = pins_check_abi(pins, &found, err);
	if (r < 0)
		return r;
	r = fdb_resize(pins, fdb_size, &old_fdb, err);
	if (r < 0)
		return r;
	dp = calloc(1, sizeof(*dp));
	if (!dp)
		return ecs_fail(err, -ENOMEM, "out of memory");
	dp->fdb_size = fdb_size;
	dp->cpus = libbpf_num_possible_cpus();
	r = object_load(dp, pins, err);
	if (r == 0)
		r = used_map(dp, err);
	if (r == 0 && old_fdb >= 0)
		r = fdb_copy(dp, old_fdb);
	if (r == 0)
		r = used_recount(dp);
	if (r == 0)
		r = bpf_map_update_elem(bpf_map__fd(dp->skel->maps.ecs_meta), &zero, &meta,
					BPF_ANY);
	if (r < 0) {
		if (err && !err->text[0])
			ecs_fail(err, r, "cannot prepare the maps: %s", strerror(-r));
		ecs_datapath_close(dp);
		return r;
	}
	*adopted = found;
	*out = dp;
	return 0;
}

/* Makes the folder and its parent; the bpffs itself must be there. */
static int pins_make(const char *pins, struct ecs_err *err)
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

/* Maps of another layout cannot be read: they go, and the daemon builds everything again. */
static int pins_check_abi(const char *pins, bool *adopted, struct ecs_err *err)
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
	return ecs_datapath_unpin(pins, err) ?: pins_make(pins, err);
}

/* A pinned FDB of another size is unpinned here and copied into the new one after the load. */
static int fdb_resize(const char *pins, uint32_t size, int *old_fd, struct ecs_err *err)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/ecs_fdb", pins);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return 0;
	if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0 || info.max_entries == size) {
		close(fd);
		return 0;
	}
	if (unlink(path) < 0) {
		int code = -errno;

		close(fd);
		return ecs_fail(err, code, "cannot replace %s: %s", path, strerror(-code));
	}
	*old_fd = fd;
	return 0;
}

static int fdb_copy(struct ecs_datapath *dp, int old_fd)
{
	int new_fd = bpf_map__fd(dp->skel->maps.ecs_fdb);
	struct ecs_fdb_key key, *prev = NULL;
	struct ecs_fdb_entry entry;

	while (bpf_map_get_next_key(old_fd, prev, &key) == 0) {
		prev = &key;
		if (bpf_map_lookup_elem(old_fd, &key, &entry) < 0)
			continue;
		if (bpf_map_update_elem(new_fd, &key, &entry, BPF_ANY) < 0 && errno == E2BIG)
			break; /* smaller than what was learned: the rest is learned again */
	}
	return 0;
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level, (void)fmt, (void)ap;
	return 0;
}

static int object_load(struct ecs_datapath *dp, const char *pins, struct ecs_err *err)
{
	struct bpf_map *map;
	char path[512];
	int r;

	if (!getenv("ECSWITCH_LIBBPF_LOG"))
		libbpf_set_print(quiet);
	dp->skel = ecswitch_bpf__open();
	if (!dp->skel)
		return ecs_fail(err, -errno, "cannot read the BPF object: %s", strerror(errno));
	bpf_object__for_each_map(map, dp->skel->obj)
	{
		if (strncmp(bpf_map__name(map), "ecs_", 4))
			continue; /* .rodata and the like belong to one load */
		snprintf(path, sizeof(path), "%s/%s", pins, bpf_map__name(map));
		r = bpf_map__set_pin_path(map, path);
		if (r < 0)
			return ecs_fail(err, r, "cannot pin %s: %s", path, strerror(-r));
	}
	bpf_map__set_max_entries(dp->skel->maps.ecs_fdb, dp->fdb_size);
	r = ecswitch_bpf__load(dp->skel);
	if (r < 0)
		return ecs_fail(
			err, r,
			"the kernel refused the BPF programs: %s (Linux 6.1 or later and CAP_BPF, "
			"CAP_NET_ADMIN are needed; ECSWITCH_LIBBPF_LOG=1 shows why)",
			strerror(-r));
	return 0;
}

static size_t used_bytes(void)
{
	return sizeof(struct ecs_fdb_use) * (ECS_NETWORKS_MAX + 1);
}

static int used_map(struct ecs_datapath *dp, struct ecs_err *err)
{
	void *p = mmap(NULL, used_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED,
		       bpf_map__fd(dp->skel->maps.ecs_fdb_used), 0);

	if (p == MAP_FAILED)
		return ecs_fail(err, -errno, "cannot map ecs_fdb_used: %s", strerror(errno));
	dp->used = p;
	return 0;
}

static void used_sub(struct ecs_datapath *dp, uint16_t network, uint32_t n)
{
	__atomic_fetch_sub(&dp->used[0].entries, n, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&dp->used[network].entries, n, __ATOMIC_RELAXED);
}

static void used_add(struct ecs_datapath *dp, uint16_t network)
{
	__atomic_fetch_add(&dp->used[0].entries, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&dp->used[network].entries, 1, __ATOMIC_RELAXED);
}

static bool count_entry(const struct ecs_fdb_key *key, const struct ecs_fdb_entry *entry, void *ctx)
{
	uint32_t *counts = ctx;

	(void)entry;
	counts[0]++;
	if (key->network <= ECS_NETWORKS_MAX)
		counts[key->network]++;
	return false;
}

/* A daemon that was killed between a deletion and its count leaves a wrong number. */
static int used_recount(struct ecs_datapath *dp)
{
	uint32_t counts[ECS_NETWORKS_MAX + 1] = {};
	int r = ecs_datapath_fdb_walk(dp, count_entry, counts);

	for (int i = 0; r >= 0 && i <= ECS_NETWORKS_MAX; i++)
		__atomic_store_n(&dp->used[i].entries, counts[i], __ATOMIC_RELAXED);
	return r < 0 ? r : 0;
}

void ecs_datapath_close(struct ecs_datapath *dp)
{
	if (!dp)
		return;
	ring_buffer__free(dp->ring);
	if (dp->used)
		munmap(dp->used, used_bytes());
	ecswitch_bpf__destroy(dp->skel);
	free(dp);
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

bool ecs_datapath_exists(const char *pins)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/ecs_ports", pins);
	return access(path, F_OK) == 0;
}

int ecs_datapath_prog_fd(const struct ecs_datapath *dp, enum ecs_prog prog)
{
	switch (prog) {
	case ECS_PROG_FROM_VM:
		return bpf_program__fd(dp->skel->progs.ecs_from_vm);
	case ECS_PROG_FROM_UPLINK:
		return bpf_program__fd(dp->skel->progs.ecs_from_uplink);
	case ECS_PROG_TO_UPLINK:
		return bpf_program__fd(dp->skel->progs.ecs_to_uplink);
	case ECS_PROG_NONE:
		break;
	}
	return -1;
}

uint32_t ecs_datapath_fdb_size(const struct ecs_datapath *dp)
{
	return dp->fdb_size;
}

static int map_set(const struct bpf_map *map, const void *key, const void *value)
{
	return bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY) < 0 ? -errno : 0;
}

static int map_del(const struct bpf_map *map, const void *key)
{
	return bpf_map_delete_elem(bpf_map__fd(map), key) < 0 ? -errno : 0;
}

static int map_get(const struct bpf_map *map, const void *key, void *value)
{
	return bpf_map_lookup_elem(bpf_map__fd(map), key, value) < 0 ? -errno : 0;
}

int ecs_datapath_port_set(struct ecs_datapath *dp, const struct ecs_port_key *key,
			  const struct ecs_port *port)
{
	return map_set(dp->skel->maps.ecs_ports, key, port);
}

int ecs_datapath_port_del(struct ecs_datapath *dp, const struct ecs_port_key *key)
{
	return map_del(dp->skel->maps.ecs_ports, key);
}

int ecs_datapath_network_set(struct ecs_datapath *dp, uint16_t id, const struct ecs_network *net)
{
	uint32_t key = id;

	return map_set(dp->skel->maps.ecs_networks, &key, net);
}

static uint32_t flood_key(uint16_t network, uint32_t place)
{
	return network * ECS_NETWORK_PORTS_MAX + place;
}

int ecs_datapath_flood_set(struct ecs_datapath *dp, uint16_t network, uint32_t place,
			   const struct ecs_flood_member *member)
{
	uint32_t key = flood_key(network, place);

	return map_set(dp->skel->maps.ecs_flood, &key, member);
}

int ecs_datapath_patch_set(struct ecs_datapath *dp, uint32_t ifindex, const struct ecs_patch *patch)
{
	return map_set(dp->skel->maps.ecs_patches, &ifindex, patch);
}

int ecs_datapath_patch_del(struct ecs_datapath *dp, uint32_t ifindex)
{
	return map_del(dp->skel->maps.ecs_patches, &ifindex);
}

int ecs_datapath_fdb_static_set(struct ecs_datapath *dp, const struct ecs_fdb_key *key,
				uint32_t ifindex, uint32_t flags)
{
	int fd = bpf_map__fd(dp->skel->maps.ecs_fdb);
	struct ecs_fdb_entry entry = {
		.ifindex = ifindex,
		.flags = flags | ECS_FDB_STATIC,
		.seen_ns = ecs_clock_ns(),
	};

	if (bpf_map_update_elem(fd, key, &entry, BPF_NOEXIST) == 0) {
		used_add(dp, key->network);
		return 0;
	}
	if (errno != EEXIST)
		return -errno;
	return bpf_map_update_elem(fd, key, &entry, BPF_EXIST) < 0 ? -errno : 0;
}

int ecs_datapath_fdb_del(struct ecs_datapath *dp, const struct ecs_fdb_key *key)
{
	int r = map_del(dp->skel->maps.ecs_fdb, key);

	if (r == 0)
		used_sub(dp, key->network, 1);
	return r;
}

int ecs_datapath_fdb_walk(struct ecs_datapath *dp,
			  bool (*fn)(const struct ecs_fdb_key *key,
				     const struct ecs_fdb_entry *entry, void *ctx),
			  void *ctx)
{
	int fd = bpf_map__fd(dp->skel->maps.ecs_fdb), removed = 0;
	ECS_FREE struct ecs_fdb_key *keys = calloc(FDB_BATCH, sizeof(*keys));
	ECS_FREE struct ecs_fdb_entry *entries = calloc(FDB_BATCH, sizeof(*entries));
	uint32_t in = 0, next = 0, count;
	bool first = true, last = false;

	if (!keys || !entries)
		return -ENOMEM;
	while (!last) {
		count = FDB_BATCH;
		if (bpf_map_lookup_batch(fd, first ? NULL : &in, &next, keys, entries, &count,
					 NULL) < 0) {
			if (errno != ENOENT)
				return -errno;
			last = true;
		}
		for (uint32_t i = 0; i < count; i++)
			if (fn(&keys[i], &entries[i], ctx) &&
			    ecs_datapath_fdb_del(dp, &keys[i]) == 0)
				removed++;
		in = next;
		first = false;
	}
	return removed;
}

uint32_t ecs_datapath_fdb_used(const struct ecs_datapath *dp, uint16_t network)
{
	return __atomic_load_n(&dp->used[network].entries, __ATOMIC_RELAXED);
}

int ecs_datapath_stats(const struct ecs_datapath *dp, uint32_t slot, struct ecs_port_stats *out)
{
	ECS_FREE struct ecs_port_stats *all = calloc(dp->cpus, sizeof(*all));
	struct ecs_port_stats sum = {};
	int r;

	if (!all)
		return -ENOMEM;
	r = map_get(dp->skel->maps.ecs_stats, &slot, all);
	if (r < 0)
		return r;
	for (int i = 0; i < dp->cpus; i++)
		for (size_t j = 0; j < sizeof(sum) / sizeof(uint64_t); j++)
			((uint64_t *)&sum)[j] += ((uint64_t *)&all[i])[j];
	*out = sum;
	return 0;
}

int ecs_datapath_drops(const struct ecs_datapath *dp,
		       void (*fn)(const struct ecs_drop_key *key,
				  const struct ecs_drop_count *count, void *ctx),
		       void *ctx)
{
	int fd = bpf_map__fd(dp->skel->maps.ecs_drops);
	ECS_FREE struct ecs_drop_count *all = calloc(dp->cpus, sizeof(*all));
	struct ecs_drop_key key, *prev = NULL;

	if (!all)
		return -ENOMEM;
	while (bpf_map_get_next_key(fd, prev, &key) == 0) {
		struct ecs_drop_count sum = {};

		prev = &key;
		if (bpf_map_lookup_elem(fd, &key, all) < 0)
			continue;
		for (int i = 0; i < dp->cpus; i++) {
			sum.packets += all[i].packets;
			sum.bytes += all[i].bytes;
		}
		fn(&key, &sum, ctx);
	}
	return 0;
}

int ecs_datapath_slot_clear(struct ecs_datapath *dp, uint32_t slot)
{
	ECS_FREE struct ecs_port_stats *zero = calloc(dp->cpus, sizeof(*zero));

	if (!zero)
		return -ENOMEM;
	for (uint32_t reason = 1; reason < ECS_DROP_COUNT; reason++) {
		struct ecs_drop_key key = {.slot = slot, .reason = reason};

		map_del(dp->skel->maps.ecs_drops, &key);
	}
	return map_set(dp->skel->maps.ecs_stats, &slot, zero);
}

int ecs_datapath_ports(const struct ecs_datapath *dp,
		       void (*fn)(const struct ecs_port_key *key, const struct ecs_port *port,
				  void *ctx),
		       void *ctx)
{
	int fd = bpf_map__fd(dp->skel->maps.ecs_ports);
	struct ecs_port_key key, *prev = NULL;
	struct ecs_port port;

	while (bpf_map_get_next_key(fd, prev, &key) == 0) {
		prev = &key;
		if (bpf_map_lookup_elem(fd, &key, &port) == 0)
			fn(&key, &port, ctx);
	}
	return 0;
}

int ecs_datapath_patches(const struct ecs_datapath *dp,
			 void (*fn)(uint32_t ifindex, const struct ecs_patch *patch, void *ctx),
			 void *ctx)
{
	int fd = bpf_map__fd(dp->skel->maps.ecs_patches);
	uint32_t key, *prev = NULL;
	struct ecs_patch patch;

	while (bpf_map_get_next_key(fd, prev, &key) == 0) {
		prev = &key;
		if (bpf_map_lookup_elem(fd, &key, &patch) == 0)
			fn(key, &patch, ctx);
	}
	return 0;
}

int ecs_datapath_network(const struct ecs_datapath *dp, uint16_t id, struct ecs_network *out)
{
	uint32_t key = id;

	return map_get(dp->skel->maps.ecs_networks, &key, out);
}

int ecs_datapath_flood(const struct ecs_datapath *dp, uint16_t network, uint32_t place,
		       struct ecs_flood_member *out)
{
	uint32_t key = flood_key(network, place);

	return map_get(dp->skel->maps.ecs_flood, &key, out);
}

static int on_event(void *ctx, void *data, size_t size)
{
	struct ecs_datapath *dp = ctx;

	if (size >= sizeof(struct ecs_event))
		dp->event_fn(data, dp->event_ctx);
	return 0;
}

int ecs_datapath_events_open(struct ecs_datapath *dp,
			     void (*fn)(const struct ecs_event *event, void *ctx), void *ctx)
{
	dp->event_fn = fn;
	dp->event_ctx = ctx;
	dp->ring = ring_buffer__new(bpf_map__fd(dp->skel->maps.ecs_events), on_event, dp, NULL);
	return dp->ring ? ring_buffer__epoll_fd(dp->ring) : -errno;
}

int ecs_datapath_events_dispatch(struct ecs_datapath *dp)
{
	return ring_buffer__consume(dp->ring);
}

uint64_t ecs_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}
