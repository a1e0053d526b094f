/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What datapath.c (the object), datapath_fdb.c (the FDB) and pins.c (the folder of pinned maps)
 * share of a loaded data path. Nobody else includes it.
 */
#ifndef ECSWITCH_DATAPATH_PRIV_H
#define ECSWITCH_DATAPATH_PRIV_H

#include "datapath.h"

struct ecswitch_bpf;
struct ring_buffer;

struct ecs_datapath {
	struct ecswitch_bpf *skel;
	struct ring_buffer *ring;
	int fdb_fd, used_fd;	  /* of ecs_fdb and ecs_fdb_used; the skeleton's own */
	struct ecs_fdb_use *used; /* the ecs_fdb_used map, mapped */
	uint32_t fdb_size;
	int flows_fd, rules_fd, nat_used_fd; /* of ecs_nat_*; the skeleton's own */
	struct ecs_nat_use *nat_used;	     /* the ecs_nat_used map, mapped */
	uint32_t nat_size;		     /* flows */
	int cpus;
	char *pins;
	void (*event_fn)(const struct ecs_event *event, void *ctx);
	void *event_ctx;
};

/** ecs_pins_make - make the folder and its parent; the bpffs itself must be there. */
int ecs_pins_make(const char *pins, struct ecs_err *err);

/**
 * ecs_pins_check - may the maps in the folder be used?
 * @adopted: out: there are maps, and of our layout
 *
 * Maps of an older layout go, and the daemon builds everything again.
 * Return: 0; -ENOTSUP if they are of a newer one; -errno.
 */
int ecs_pins_check(const char *pins, bool *adopted, struct ecs_err *err);

/**
 * ecs_pins_take - unpin a map of another size
 * @map: its name
 * @fd:  out: the old map, to be copied into the new one; untouched if there is none
 */
int ecs_pins_take(const char *pins, const char *map, uint32_t size, int *fd, struct ecs_err *err);

/** ecs_fdb_open - map the use counters, take over @old_fd's entries (-1 = none), and count. */
int ecs_fdb_open(struct ecs_datapath *dp, int old_fd, struct ecs_err *err);
void ecs_fdb_close(struct ecs_datapath *dp);

/** ecs_nat_open - the same for the flows of NAT. */
int ecs_nat_open(struct ecs_datapath *dp, int old_fd, struct ecs_err *err);
void ecs_nat_close(struct ecs_datapath *dp);

#endif
