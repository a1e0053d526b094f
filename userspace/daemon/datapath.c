// SPDX-License-Identifier: Apache-2.0
/*
 * Loads the BPF object on pinned maps and offers each map as typed calls. The only file that
 * includes the skeleton.
 */
#include "datapath_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <ecswitch/cleanup.h>
#include "kernel/ecswitch.skel.h"

static int object_load(struct ecs_datapath *dp, bool any, struct ecs_err *err);
static int fill(struct ecs_datapath *dp, struct ecs_err *err);

static int take(struct ecs_datapath *dp, const char *pins, bool any, bool *found,
		struct ecs_err *err)
{
	int r = ecs_pins_make(pins, err);

	if (r == 0)
		r = ecs_pins_check(pins, any, found, err);
	if (r == 0)
		r = ecs_pins_take(pins, "ecs_fdb", dp->fdb_size, &dp->old_fdb, err);
	if (r == 0)
		r = ecs_pins_take(pins, "ecs_nat_flows", dp->nat_size * 2, &dp->old_flows, err);
	return r;
}

int ecs_datapath_open(struct ecs_datapath **out, const char *pins,
		      const struct ecs_datapath_sizes *sizes, bool any, bool *adopted,
		      struct ecs_err *err)
{
	struct ecs_datapath *dp = calloc(1, sizeof(*dp));
	bool found = false;
	int r;

	if (!dp)
		return ecs_fail(err, -ENOMEM, "out of memory");
	dp->fdb_size = sizes->fdb;
	dp->nat_size = sizes->nat;
	dp->old_fdb.fd = dp->old_flows.fd = -1;
	memset(dp->progs, -1, sizeof(dp->progs));
	dp->cpus = libbpf_num_possible_cpus();
	dp->pins = strdup(pins);
	r = dp->pins ? take(dp, pins, any, &found, err) : -ENOMEM;
	if (r == 0)
		r = object_load(dp, any, err);
	if (r == 0)
		r = fill(dp, err);
	if (r < 0) {
		if (err && !err->text[0])
			ecs_fail(err, r, "cannot prepare the maps: %s", strerror(-r));
		ecs_datapath_close(dp);
		if (!found)
			ecs_pins_leave(pins);
		return r;
	}
	*adopted = found;
	*out = dp;
	return 0;
}

/* The version is written when all else is there: a start that is cut off before does it again. */
static int fill(struct ecs_datapath *dp, struct ecs_err *err)
{
	struct ecs_meta meta = {.abi = ECS_ABI_VERSION};
	int fd = bpf_map__fd(dp->skel->maps.ecs_meta);
	uint32_t zero = 0;
	int r;

	dp->taken_ns = ecs_clock_ns();
	r = ecs_pins_migrate(dp->pins, dp->cpus);
	if (r == 0 && dp->old_fdb.fd < 0)
		r = ecs_pins_old(dp->pins, "fdb", dp->fdb_fd, &dp->old_fdb);
	if (r == 0 && dp->old_flows.fd < 0)
		r = ecs_pins_old(dp->pins, "nat_flows", dp->flows_fd, &dp->old_flows);
	if (r == 0)
		r = ecs_fdb_open(dp, err);
	if (r == 0)
		r = ecs_nat_open(dp, err);
	if (r == 0 && bpf_map_update_elem(fd, &zero, &meta, BPF_ANY) < 0)
		r = -errno;
	return r < 0 ? r : ecs_pins_drop_old(dp->pins);
}

static void forget_old(struct ecs_old_map *old)
{
	if (old->fd >= 0)
		close(old->fd);
	old->fd = -1;
}

int ecs_datapath_settle(struct ecs_datapath *dp)
{
	int r = dp->old_fdb.fd >= 0 ? ecs_fdb_settle(dp) : 0;

	if (r == 0 && dp->old_flows.fd >= 0)
		r = ecs_nat_settle(dp);
	forget_old(&dp->old_fdb);
	forget_old(&dp->old_flows);
	return r;
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level, (void)fmt, (void)ap;
	return 0;
}

static bool kernel_is_old(const char *release)
{
	unsigned int major = 0, minor = 0;

	return sscanf(release, "%u.%u", &major, &minor) == 2 &&
	       (major < 6 || (major == 6 && minor < 1));
}

/* A distribution's kernel may have what its number does not tell: so it is tried first. */
static int explain_load(int code, struct ecs_err *err)
{
	struct utsname kernel = {};

	uname(&kernel);
	if (kernel_is_old(kernel.release))
		return ecs_fail(err, code,
				"this is Linux %s, and 6.1 or later is needed: it refused the BPF "
				"programs (%s)",
				kernel.release, strerror(-code));
	if (code == -ENOMEM)
		return ecs_fail(
			err, code,
			"the kernel has no memory for the maps and programs; smaller tables "
			"need less: --fdb-size, --nat-flows");
	return ecs_fail(err, code,
			"the kernel refused the BPF programs: %s (CAP_BPF, CAP_NET_ADMIN and "
			"CAP_PERFMON are needed; ECSWITCH_LIBBPF_LOG=1 shows why)",
			strerror(-code));
}

/* To take a switch down takes its maps alone: that works where the programs do not load, too. */
static void leave_out_programs(struct bpf_object *obj)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj) bpf_program__set_autoload(prog, false);
}

static int map_prepare(struct bpf_map *map, const char *pins, bool any, struct ecs_err *err)
{
	const struct ecs_pin_shape shape = {
		.type = bpf_map__type(map),
		.key_size = bpf_map__key_size(map),
		.value_size = bpf_map__value_size(map),
		.max_entries = bpf_map__max_entries(map),
		.flags = bpf_map__map_flags(map),
	};
	char path[512];
	int r;

	snprintf(path, sizeof(path), "%s/%s", pins, bpf_map__name(map));
	r = bpf_map__set_pin_path(map, path);
	if (r < 0)
		return ecs_fail(err, r, "cannot pin %s: %s", path, strerror(-r));
	r = ecs_pins_share(pins, bpf_map__name(map), &shape);
	if (r < 0)
		return ecs_fail(err, r, "cannot go on with %s: %s", path, strerror(-r));
	return ecs_pins_fit(path, &shape, any, err);
}

static int object_open(struct ecs_datapath *dp, bool any, struct ecs_err *err)
{
	struct bpf_map *map;
	int r = 0;

	if (!getenv("ECSWITCH_LIBBPF_LOG"))
		libbpf_set_print(quiet);
	dp->skel = ecswitch_bpf__open();
	if (!dp->skel)
		return ecs_fail(err, -errno, "cannot read the BPF object: %s", strerror(errno));
	bpf_map__set_max_entries(dp->skel->maps.ecs_fdb, dp->fdb_size);
	bpf_map__set_max_entries(dp->skel->maps.ecs_nat_flows, dp->nat_size * 2);
	bpf_object__for_each_map (map, dp->skel->obj)
		if (r == 0 && !strncmp(bpf_map__name(map), "ecs_", 4)) /* .rodata is one load's */
			r = map_prepare(map, dp->pins, any, err);
	return r;
}

static uint64_t progs_key(const struct ecs_datapath *dp)
{
	size_t size;
	const void *elf = ecswitch_bpf__elf_bytes(&size);

	return ecs_progs_key(dp->skel->obj, elf, size);
}

static int object_load(struct ecs_datapath *dp, bool any, struct ecs_err *err)
{
	int r = object_open(dp, any, err);
	bool known;

	if (r < 0)
		return r;
	known = !any && ecs_progs_take(dp, progs_key(dp));
	if (any || known)
		leave_out_programs(dp->skel->obj);
	r = ecswitch_bpf__load(dp->skel);
	if (r < 0)
		return explain_load(r, err);
	if (!any && !known)
		ecs_progs_keep(dp, progs_key(dp));
	dp->fdb_fd = bpf_map__fd(dp->skel->maps.ecs_fdb);
	dp->cast.streams = bpf_map__fd(dp->skel->maps.ecs_streams);
	dp->cast.plans = bpf_map__fd(dp->skel->maps.ecs_cast_plans);
	dp->cast.receivers = bpf_map__fd(dp->skel->maps.ecs_receivers);
	dp->cast.counts = bpf_map__fd(dp->skel->maps.ecs_receiver_counts);
	dp->cast.groups = bpf_map__fd(dp->skel->maps.ecs_cast_groups);
	dp->cast.states = bpf_map__fd(dp->skel->maps.ecs_cast_states);
	dp->cast.pids = bpf_map__fd(dp->skel->maps.ecs_cast_pids);
	dp->used_fd = bpf_map__fd(dp->skel->maps.ecs_fdb_used);
	dp->flows_fd = bpf_map__fd(dp->skel->maps.ecs_nat_flows);
	dp->rules_fd = bpf_map__fd(dp->skel->maps.ecs_nat_rules);
	dp->numbers_fd = bpf_map__fd(dp->skel->maps.ecs_nat_numbers);
	dp->addrs_fd = bpf_map__fd(dp->skel->maps.ecs_nat_addrs);
	dp->nat_used_fd = bpf_map__fd(dp->skel->maps.ecs_nat_used);
	return 0;
}

void ecs_datapath_close(struct ecs_datapath *dp)
{
	if (!dp)
		return;
	ring_buffer__free(dp->ring);
	ecs_fdb_close(dp);
	ecs_nat_close(dp);
	forget_old(&dp->old_fdb);
	forget_old(&dp->old_flows);
	ecs_progs_close(dp);
	ecswitch_bpf__destroy(dp->skel);
	free(dp->pins);
	free(dp);
}

int ecs_datapath_prog_fd(const struct ecs_datapath *dp, enum ecs_prog prog)
{
	if (dp->progs[prog] >= 0)
		return dp->progs[prog];
	switch (prog) {
	case ECS_PROG_FROM_PORT:
		return bpf_program__fd(dp->skel->progs.ecs_from_port);
	case ECS_PROG_TO_UPLINK:
		return bpf_program__fd(dp->skel->progs.ecs_to_uplink);
	case ECS_PROG_NONE:
		break;
	}
	return -1;
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

/* The copy in ecs_ports_near: NULL takes it away. A place that another link holds stays its. */
static int port_copy(struct ecs_datapath *dp, const struct ecs_port_key *key,
		     const struct ecs_port *port)
{
	uint32_t place = key->ifindex % ECS_PORTS_NEAR_MAX;
	struct ecs_port copy;
	int r;

	if (key->vid)
		return 0;
	r = map_get(dp->skel->maps.ecs_ports_near, &place, &copy);
	if (r < 0 || (copy.ifindex && copy.ifindex != key->ifindex))
		return r;
	memset(&copy, 0, sizeof(copy));
	if (port) {
		copy = *port;
		copy.ifindex = key->ifindex;
	}
	return map_set(dp->skel->maps.ecs_ports_near, &place, &copy);
}

int ecs_datapath_port_set(struct ecs_datapath *dp, const struct ecs_port_key *key,
			  const struct ecs_port *port)
{
	int r = map_set(dp->skel->maps.ecs_ports, key, port);

	return r < 0 ? r : port_copy(dp, key, port);
}

int ecs_datapath_port_del(struct ecs_datapath *dp, const struct ecs_port_key *key)
{
	int r = port_copy(dp, key, NULL);

	return r < 0 ? r : map_del(dp->skel->maps.ecs_ports, key);
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
