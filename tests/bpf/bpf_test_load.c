// SPDX-License-Identifier: Apache-2.0
/*
 * The data path of a group of tests. The verifier takes half a minute for it in a machine without
 * KVM. There ECS_BPF_PINS names a folder of a bpffs in which the first group leaves programs and
 * maps; those after it, one at a time, empty the maps and go on with them.
 */
#include "bpf_test.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "kernel/ecswitch.skel.h"

/* Programs that another group left. */
static struct {
	const struct bpf_program *prog;
	int fd;
} left[8];

static const char *pin_path(char path[PATH_MAX], const char *name)
{
	snprintf(path, PATH_MAX, "%s/%s", getenv("ECS_BPF_PINS"), name);
	return path;
}

uint32_t bt_rounds(uint32_t count)
{
	return getenv("ECS_BPF_PINS") ? count / 5 : count;
}

static void empty_hash(const struct bpf_map *map)
{
	int fd = bpf_map__fd(map);
	uint8_t key[64];

	assert_true(bpf_map__key_size(map) <= sizeof(key));
	while (!bpf_map_get_next_key(fd, NULL, key))
		assert_int_equal(bpf_map_delete_elem(fd, key), 0);
}

static void empty_array(const struct bpf_map *map)
{
	uint32_t count = bpf_map__max_entries(map), *keys = calloc(count, sizeof(*keys));
	uint8_t *zeroes = calloc(count, bpf_map__value_size(map));

	assert_true(keys && zeroes);
	for (uint32_t i = 0; i < count; i++)
		keys[i] = i;
	assert_int_equal(bpf_map_update_batch(bpf_map__fd(map), keys, zeroes, &count, NULL), 0);
	free(keys);
	free(zeroes);
}

static void empty_percpu_array(const struct bpf_map *map)
{
	size_t size = (bpf_map__value_size(map) + 7) / 8 * 8;
	uint8_t *zeroes = calloc((size_t)libbpf_num_possible_cpus(), size);

	assert_non_null(zeroes);
	for (uint32_t i = 0; i < bpf_map__max_entries(map); i++)
		assert_int_equal(bpf_map_update_elem(bpf_map__fd(map), &i, zeroes, 0), 0);
	free(zeroes);
}

static void empty(const struct bpf_map *map)
{
	switch (bpf_map__type(map)) {
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
		empty_hash(map);
		break;
	case BPF_MAP_TYPE_ARRAY:
		empty_array(map);
		break;
	case BPF_MAP_TYPE_PERCPU_ARRAY:
		empty_percpu_array(map);
		break;
	case BPF_MAP_TYPE_RINGBUF: /* the first test reads it empty */
		break;
	default:
		fail_msg("nobody knows how to empty %s", bpf_map__name(map));
	}
}

static bool was_left(struct ecswitch_bpf *bpf)
{
	char path[PATH_MAX];

	return !access(pin_path(path, bpf_program__name(bpf->progs.ecs_to_uplink)), F_OK);
}

/* Maps of these names are used if they are there, and else made and left there. */
static void pin_maps(struct ecswitch_bpf *bpf)
{
	struct bpf_map *map;
	char path[PATH_MAX];

	bpf_object__for_each_map (map, bpf->obj)
		assert_int_equal(bpf_map__set_pin_path(map, pin_path(path, bpf_map__name(map))), 0);
}

static void go_on(struct ecswitch_bpf *bpf)
{
	struct bpf_program *prog;
	struct bpf_map *map;
	char path[PATH_MAX];
	int n = 0;

	bpf_object__for_each_program(prog, bpf->obj)
	{
		bpf_program__set_autoload(prog, false);
		left[n].prog = prog;
		left[n].fd = bpf_obj_get(pin_path(path, bpf_program__name(prog)));
		assert_true(left[n++].fd >= 0);
	}
	assert_int_equal(ecswitch_bpf__load(bpf), 0);
	bpf_object__for_each_map (map, bpf->obj)
		empty(map);
}

static void leave(struct ecswitch_bpf *bpf)
{
	struct bpf_program *prog;
	char path[PATH_MAX];

	assert_int_equal(ecswitch_bpf__load(bpf), 0);
	bpf_object__for_each_program(prog, bpf->obj) assert_int_equal(
		bpf_program__pin(prog, pin_path(path, bpf_program__name(prog))), 0);
}

struct ecswitch_bpf *bt_load(void)
{
	struct ecswitch_bpf *bpf = ecswitch_bpf__open();

	assert_non_null(bpf);
	if (!getenv("ECS_BPF_PINS")) {
		assert_int_equal(ecswitch_bpf__load(bpf), 0);
		return bpf;
	}
	pin_maps(bpf);
	if (was_left(bpf))
		go_on(bpf);
	else
		leave(bpf);
	return bpf;
}

int bt_prog_fd(const struct bpf_program *prog)
{
	for (int i = 0; left[i].prog; i++)
		if (left[i].prog == prog)
			return left[i].fd;
	return bpf_program__fd(prog);
}
