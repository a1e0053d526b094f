// SPDX-License-Identifier: Apache-2.0
/*
 * The numbers that stand for IPv6 addresses in flows: looked up for people, and taken back when
 * no flow has them any more. The data path only makes new ones.
 */
#include "datapath_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

void ecs_datapath_nat_addr(const struct ecs_datapath *dp, uint32_t number, struct ecs_nat_addr *out)
{
	*out = (struct ecs_nat_addr){};
	bpf_map_lookup_elem(dp->addrs_fd, &number, out);
}

uint32_t ecs_datapath_nat_number(const struct ecs_datapath *dp, const struct ecs_nat_addr *addr)
{
	struct ecs_nat_number number = {};

	return bpf_map_lookup_elem(dp->numbers_fd, addr, &number) == 0 ? number.number : 0;
}

#define NUMBER_TRIES 16

/* Any number will do that no address has; the data path draws its own at random. */
static int number_draw(struct ecs_datapath *dp, const struct ecs_nat_addr *addr, uint32_t *number)
{
	uint32_t next = addr->be[0] ^ addr->be[1] ^ addr->be[2] ^ addr->be[3];

	for (int i = 0; i < NUMBER_TRIES; i++) {
		next = next * 0x9e3779b1u + 1;
		if (!next)
			continue;
		if (bpf_map_update_elem(dp->addrs_fd, &next, addr, BPF_NOEXIST) == 0) {
			*number = next;
			return 0;
		}
		if (errno != EEXIST)
			return -errno;
	}
	return -EBUSY;
}

int ecs_nat_number_take(struct ecs_datapath *dp, const struct ecs_nat_addr *addr, uint32_t *number)
{
	struct ecs_nat_number fresh = {.number = ecs_datapath_nat_number(dp, addr),
				       .seen = (uint32_t)(ecs_clock_ns() >> ECS_NAT_TICK_SHIFT)};
	int r;

	if (!fresh.number) {
		r = number_draw(dp, addr, &fresh.number);
		if (r < 0)
			return r;
		if (bpf_map_update_elem(dp->numbers_fd, addr, &fresh, BPF_NOEXIST) < 0) {
			r = -errno; /* the data path was faster, or the table is full */
			bpf_map_delete_elem(dp->addrs_fd, &fresh.number);
			fresh.number = ecs_datapath_nat_number(dp, addr);
		}
		if (!fresh.number)
			return r;
	}
	*number = fresh.number;
	return 0;
}

struct numbers {
	uint32_t *list;
	size_t count, room;
	bool failed;
};

static void numbers_add(uint32_t number, void *ctx)
{
	struct numbers *numbers = ctx;

	if (numbers->count == numbers->room) {
		size_t room = numbers->room ? numbers->room * 2 : 256;
		void *list = reallocarray(numbers->list, room, sizeof(*numbers->list));

		numbers->failed |= !list;
		if (!list)
			return;
		numbers->list = list;
		numbers->room = room;
	}
	numbers->list[numbers->count++] = number;
}

/* The keys of a flow's two entries have all of its addresses; the host's own has both in one. */
static bool note_numbers(const struct ecs_nat_key *key, const struct ecs_nat_flow *flow, void *ctx)
{
	(void)flow;
	if (key->v6) {
		numbers_add(key->src_be, ctx);
		numbers_add(key->dst_be, ctx);
	}
	return false;
}

static int compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* First the way to the number, so that nobody begins a flow with one that leads nowhere. */
static bool forget(struct ecs_datapath *dp, const struct ecs_nat_addr *addr,
		   const struct numbers *used, uint32_t tick)
{
	struct ecs_nat_number known;

	if (bpf_map_lookup_elem(dp->numbers_fd, addr, &known) < 0 || known.seen >= tick ||
	    (used->count &&
	     bsearch(&known.number, used->list, used->count, sizeof(*used->list), compare_numbers)))
		return false;
	bpf_map_delete_elem(dp->numbers_fd, addr);
	bpf_map_delete_elem(dp->addrs_fd, &known.number);
	return true;
}

static int forget_unused(struct ecs_datapath *dp, const struct numbers *used, uint32_t tick)
{
	struct ecs_nat_addr addr, next;
	bool more = bpf_map_get_next_key(dp->numbers_fd, NULL, &next) == 0;
	int left = 0;

	/* The next one is found before this one goes. */
	for (int i = 0; more && i < ECS_NAT_ADDRS_MAX; i++) {
		addr = next;
		more = bpf_map_get_next_key(dp->numbers_fd, &addr, &next) == 0;
		left += !forget(dp, &addr, used, tick);
	}
	return left;
}

int ecs_datapath_nat_forget(struct ecs_datapath *dp, uint32_t tick)
{
	struct ecs_nat_cursor cursor = {};
	struct numbers used = {};
	struct ecs_nat_addr first;
	int r = 0;

	if (bpf_map_get_next_key(dp->numbers_fd, NULL, &first) < 0)
		return 0;
	ecs_nat_rule_numbers(dp, numbers_add, &used);
	r = ecs_datapath_nat_walk(dp, &cursor, UINT32_MAX, note_numbers, &used);
	if (used.failed)
		r = -ENOMEM;
	if (r >= 0 && used.count)
		qsort(used.list, used.count, sizeof(*used.list), compare_numbers);
	if (r >= 0)
		r = forget_unused(dp, &used, tick);
	free(used.list);
	return r;
}
