// SPDX-License-Identifier: Apache-2.0
/*
 * The forwarding database as the daemon sees it: static entries, walks that may delete, and the
 * counters of use, which both sides change by atomic adds.
 */
#include "datapath_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>

#include <ecswitch/cleanup.h>

#define FDB_BATCH 1024

static size_t used_bytes(void)
{
	return sizeof(struct ecs_fdb_use) * (ECS_NETWORKS_MAX + 1);
}

static int used_map(struct ecs_datapath *dp, struct ecs_err *err)
{
	void *p = mmap(NULL, used_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, dp->used_fd, 0);

	if (p == MAP_FAILED)
		return ecs_fail(err, -errno, "cannot map ecs_fdb_used: %s", strerror(errno));
	dp->used = p;
	return 0;
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

/* Entries that were seen since @since_ns, and not those that are here. */
static void fdb_copy(struct ecs_datapath *dp, uint64_t since_ns)
{
	const struct ecs_old_map *old = &dp->old_fdb;
	struct ecs_fdb_key key, *prev = NULL;
	struct ecs_fdb_entry entry;

	while (bpf_map_get_next_key(old->fd, prev, &key) == 0) {
		prev = &key;
		if (ecs_old_get(old, &key, &entry, sizeof(entry)) < 0 || entry.seen_ns < since_ns)
			continue;
		if (bpf_map_update_elem(dp->fdb_fd, &key, &entry, BPF_NOEXIST) < 0 &&
		    errno == E2BIG)
			break; /* smaller than what was learned: the rest is learned again */
	}
}

int ecs_fdb_open(struct ecs_datapath *dp, struct ecs_err *err)
{
	int r = used_map(dp, err);

	if (r == 0 && dp->old_fdb.fd >= 0)
		fdb_copy(dp, 0);
	if (r == 0)
		r = used_recount(dp);
	return r;
}

int ecs_fdb_settle(struct ecs_datapath *dp)
{
	fdb_copy(dp, dp->taken_ns);
	return used_recount(dp);
}

void ecs_fdb_close(struct ecs_datapath *dp)
{
	if (dp->used)
		munmap(dp->used, used_bytes());
}

/* After a change that makes an entry say something else: the data path remembers answers. */
static void tell_changed(struct ecs_datapath *dp)
{
	__atomic_fetch_add(&dp->used[0].generation, 1, __ATOMIC_RELEASE);
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

uint32_t ecs_datapath_fdb_size(const struct ecs_datapath *dp)
{
	return dp->fdb_size;
}

uint32_t ecs_datapath_fdb_used(const struct ecs_datapath *dp, uint16_t network)
{
	return __atomic_load_n(&dp->used[network].entries, __ATOMIC_RELAXED);
}

struct oldest {
	struct ecs_fdb_key key;
	uint64_t seen_ns;
	bool found;
};

static bool note_oldest(const struct ecs_fdb_key *key, const struct ecs_fdb_entry *entry, void *ctx)
{
	struct oldest *oldest = ctx;

	if ((entry->flags & ECS_FDB_STATIC) || (oldest->found && oldest->seen_ns <= entry->seen_ns))
		return false;
	*oldest = (struct oldest){*key, entry->seen_ns, true};
	return false;
}

/* A full table makes room for a static entry: the learned one that was idle longest goes. */
static int evict_learned(struct ecs_datapath *dp)
{
	struct oldest oldest = {};
	int r = ecs_datapath_fdb_walk(dp, note_oldest, &oldest);

	if (r < 0)
		return r;
	return oldest.found ? ecs_datapath_fdb_del(dp, &oldest.key) : -ENOSPC;
}

int ecs_datapath_fdb_static_set(struct ecs_datapath *dp, const struct ecs_fdb_key *key,
				uint32_t ifindex, uint32_t flags)
{
	struct ecs_fdb_entry entry = {
		.ifindex = ifindex,
		.flags = flags | ECS_FDB_STATIC,
		.seen_ns = ecs_clock_ns(),
	};
	int r = 0;

	/* The data path may take the room that an eviction made; a few tries are enough. */
	for (int i = 0; i < 8 && r >= 0; i++) {
		if (bpf_map_update_elem(dp->fdb_fd, key, &entry, BPF_NOEXIST) == 0) {
			used_add(dp, key->network);
			return 0;
		}
		if (errno == EEXIST) {
			r = bpf_map_update_elem(dp->fdb_fd, key, &entry, BPF_EXIST) < 0 ? -errno
											: 0;
			tell_changed(dp);
			return r;
		}
		r = errno == E2BIG ? evict_learned(dp) : -errno;
	}
	return r < 0 ? r : -ENOSPC;
}

uint32_t ecs_datapath_fdb_port(const struct ecs_datapath *dp, const struct ecs_fdb_key *key)
{
	struct ecs_fdb_entry entry;

	return bpf_map_lookup_elem(dp->fdb_fd, key, &entry) == 0 ? entry.ifindex : 0;
}

int ecs_datapath_fdb_del(struct ecs_datapath *dp, const struct ecs_fdb_key *key)
{
	int r = bpf_map_delete_elem(dp->fdb_fd, key) < 0 ? -errno : 0;

	if (r == 0) {
		used_sub(dp, key->network, 1);
		tell_changed(dp);
	}
	return r;
}

int ecs_datapath_fdb_walk(struct ecs_datapath *dp,
			  bool (*fn)(const struct ecs_fdb_key *key,
				     const struct ecs_fdb_entry *entry, void *ctx),
			  void *ctx)
{
	int fd = dp->fdb_fd, removed = 0;
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
