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
struct bpf_map_info;
struct bpf_object;

/* A map whose entries move into ours: of another size, or of an older layout. */
struct ecs_old_map {
	int fd; /* -1 = there is none */
	uint32_t value_size;
};
#define ECS_OLD_VALUE_MAX 512

struct ecs_datapath {
	struct ecswitch_bpf *skel;
	int progs[ECS_PROGS]; /* those of an earlier daemon; -1: the skeleton has them */
	struct ring_buffer *ring;
	struct {
		int streams, plans, receivers, counts, groups, states, pids;
	} cast;			  /* the skeleton's own, too */
	int fdb_fd, used_fd;	  /* of ecs_fdb and ecs_fdb_used; the skeleton's own */
	struct ecs_fdb_use *used; /* the ecs_fdb_used map, mapped */
	uint32_t fdb_size;
	int flows_fd, rules_fd, nat_used_fd;   /* of ecs_nat_*; the skeleton's own */
	int numbers_fd, addrs_fd;	       /* of ecs_nat_numbers and ecs_nat_addrs, too */
	struct ecs_nat_use *nat_used;	       /* the ecs_nat_used map, mapped */
	uint32_t nat_size;		       /* flows */
	struct ecs_old_map old_fdb, old_flows; /* until ecs_datapath_settle() */
	uint64_t taken_ns;		       /* when they were copied */
	int cpus;
	char *pins;
	void (*event_fn)(const struct ecs_event *event, void *ctx);
	void *event_ctx;
};

/** ecs_pins_make - make the folder and its parent; the bpffs itself must be there. */
int ecs_pins_make(const char *pins, struct ecs_err *err);

/** ecs_pins_leave - remove the folder, and its parent, if nothing is in them. */
void ecs_pins_leave(const char *pins);

/* Names in the folder: ecs_MAP, ecs_old_MAP (of another ABI, see pins_migrate.c), ecs_link_...,
 * ecs_prog_KEY_... */
#define ECS_PIN_MAP "ecs_"
#define ECS_PIN_OLD "ecs_old_"
#define ECS_PIN_LINK "ecs_link_"
#define ECS_PIN_PROG "ecs_prog_"

/**
 * ecs_pins_check - may the maps in the folder be used?
 * @any_abi: those of a newer layout, too
 * @adopted: out: there are maps of an earlier daemon
 *
 * Maps of another layout are set aside; ecs_pins_migrate() reads them.
 * Return: 0; -ENOTSUP if they are of a newer one; -errno.
 */
int ecs_pins_check(const char *pins, bool any_abi, bool *adopted, struct ecs_err *err);

struct ecs_pin_shape {
	uint32_t type, key_size, value_size, max_entries, flags;
};

bool ecs_pins_same_shape(const struct bpf_map_info *info, const struct ecs_pin_shape *shape);

/** ecs_pins_fit - refuse what a stranger has pinned under a map's name; @any: remove it. */
int ecs_pins_fit(const char *path, const struct ecs_pin_shape *shape, bool any,
		 struct ecs_err *err);

/* datapath_progs.c */

/**
 * ecs_progs_key - what tells programs apart: the object that they are from, and their maps
 * @obj: its maps know where they are pinned
 *
 * Return: 0 while a map is not there.
 */
uint64_t ecs_progs_key(const struct bpf_object *obj, const void *elf, size_t size);
/** ecs_progs_take - open those that an earlier daemon pinned under this key, all or none. */
bool ecs_progs_take(struct ecs_datapath *dp, uint64_t key);
/** ecs_progs_keep - pin ours, in place of all others. */
void ecs_progs_keep(const struct ecs_datapath *dp, uint64_t key);
void ecs_progs_close(struct ecs_datapath *dp);

/* pins_migrate.c. Return: 0 or -errno. */

/** ecs_pins_abi - version of the maps in use, or of those that were set aside; 0 = none yet. */
int ecs_pins_abi(const char *pins, bool old, uint32_t *abi);
int ecs_pins_set_aside(const char *pins);
/** ecs_pins_bring_back - undo a setting aside that was cut off. */
int ecs_pins_bring_back(const char *pins);
int ecs_pins_drop_new(const char *pins);
int ecs_pins_drop_old(const char *pins);
/** ecs_pins_share - go on with a map of another ABI that is the same in ours. Return: 0 or -errno.
 */
int ecs_pins_share(const char *pins, const char *map, const struct ecs_pin_shape *shape);
/** ecs_pins_old - open what was set aside of a map that its owner copies; not if it is shared. */
int ecs_pins_old(const char *pins, const char *name, int new_fd, struct ecs_old_map *old);
/** ecs_old_get - a value in our layout; tails that only one layout has are zero or left out. */
int ecs_old_get(const struct ecs_old_map *old, const void *key, void *value, size_t size);
/** ecs_pins_migrate - copy what is known of the maps that were set aside into the new ones. */
int ecs_pins_migrate(const char *pins, int cpus);

/**
 * ecs_pins_take - set a map of another size aside
 * @map: its name
 * @old: out: the old map, to be copied into the new one; untouched if there is none
 */
int ecs_pins_take(const char *pins, const char *map, uint32_t size, struct ecs_old_map *old,
		  struct ecs_err *err);

/** ecs_fdb_open - map the use counters, take over the entries of dp->old_fdb, and count. */
int ecs_fdb_open(struct ecs_datapath *dp, struct ecs_err *err);
/** ecs_fdb_settle - take over what was learned in the old map since then, and count again. */
int ecs_fdb_settle(struct ecs_datapath *dp);
void ecs_fdb_close(struct ecs_datapath *dp);

/* The same for the flows of NAT. */
int ecs_nat_open(struct ecs_datapath *dp, struct ecs_err *err);
int ecs_nat_settle(struct ecs_datapath *dp);
void ecs_nat_close(struct ecs_datapath *dp);
/* The number of an IPv6 address, a new one if it has none. Return: 0; -errno. */
int ecs_nat_number_take(struct ecs_datapath *dp, const struct ecs_nat_addr *addr, uint32_t *number);
/* Every number that a forward needs, some of them many times. */
void ecs_nat_rule_numbers(const struct ecs_datapath *dp, void (*fn)(uint32_t number, void *ctx),
			  void *ctx);
/* Of ecs_nat_open() and ecs_nat_settle(): the counters of use. Slot 0 is not counted by add. */
int ecs_nat_use_open(struct ecs_datapath *dp, struct ecs_err *err);
int ecs_nat_use_recount(struct ecs_datapath *dp);
void ecs_nat_use_add(struct ecs_datapath *dp, uint16_t slot, int flows);

#endif
