/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loaded BPF object and its pinned maps. Only datapath*.c and pins.c know libbpf; they
 * take no decision and never log.
 */
#ifndef ECSWITCH_DATAPATH_H
#define ECSWITCH_DATAPATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ecswitch/abi.h>
#include <ecswitch/drops.h>
#include <ecswitch/err.h>
#include "netlink/tc.h"

struct ecs_datapath;

enum ecs_prog {
	ECS_PROG_NONE = 0,
	ECS_PROG_FROM_PORT,
	ECS_PROG_TO_UPLINK,
};
#define ECS_PROGS (ECS_PROG_TO_UPLINK + 1)

/** ecs_prog_word - its name in filters, pins and bpftool(8): "from_port". */
const char *ecs_prog_word(enum ecs_prog prog);

struct ecs_datapath_sizes {
	uint32_t fdb; /* entries */
	uint32_t nat; /* flows */
};

/**
 * ecs_datapath_open - load the programs, on the pinned maps of an earlier daemon if there are any
 * @pins: folder on a bpffs for the maps; made if needed
 * @sizes: pinned tables of other sizes are moved over
 * @any: to take it down: whatever stands there, of a newer ABI or of a stranger
 * @adopted: out: maps of an earlier daemon were found and are in use
 *
 * Return: 0; -EPERM, -ENOTSUP, -errno with the remedy in @err.
 */
int ecs_datapath_open(struct ecs_datapath **out, const char *pins,
		      const struct ecs_datapath_sizes *sizes, bool any, bool *adopted,
		      struct ecs_err *err);
/**
 * ecs_datapath_settle - to be called once, when all hooks have our programs
 *
 * What the old ones have learned on maps that were replaced, between copy and swap, comes along.
 * Return: 0 or -errno.
 */
int ecs_datapath_settle(struct ecs_datapath *dp);
/** ecs_datapath_close - free it; maps, pins and attached programs stay and forward on. */
void ecs_datapath_close(struct ecs_datapath *dp);
/** ecs_datapath_unpin - remove the pinned maps and their folder. Return: 0 or -errno. */
int ecs_datapath_unpin(const char *pins, struct ecs_err *err);

int ecs_datapath_prog_fd(const struct ecs_datapath *dp, enum ecs_prog prog);
uint32_t ecs_datapath_fdb_size(const struct ecs_datapath *dp);

/** ecs_datapath_has_tcx - whether the kernel has TCX (6.6). */
bool ecs_datapath_has_tcx(const struct ecs_datapath *dp);
/**
 * ecs_datapath_tcx_attach - put a program on a hook of an uplink, or swap the one that is there
 *
 * The link is pinned beside the maps and outlives the daemon.
 * Return: 0; -ENODEV; -EBUSY if another switch has the uplink; -errno.
 */
int ecs_datapath_tcx_attach(struct ecs_datapath *dp, uint32_t ifindex, enum ecs_hook hook,
			    enum ecs_prog prog, struct ecs_err *err);
/** ecs_datapath_tcx_lost - whether somebody took the program off the hook. */
bool ecs_datapath_tcx_lost(struct ecs_datapath *dp, uint32_t ifindex, enum ecs_hook hook);
/** ecs_datapath_tcx_detach - Return: 0; -ENOENT if there is none. */
int ecs_datapath_tcx_detach(struct ecs_datapath *dp, uint32_t ifindex, enum ecs_hook hook);
/** ecs_datapath_tcx_prune - detach from all links that @keep denies. Return: 0 or -errno. */
int ecs_datapath_tcx_prune(struct ecs_datapath *dp, bool (*keep)(uint32_t ifindex, void *ctx),
			   void *ctx);

/* Map writes. Return: 0; -ENOENT when a key to delete is not there; -errno. */
int ecs_datapath_port_set(struct ecs_datapath *dp, const struct ecs_port_key *key,
			  const struct ecs_port *port);
int ecs_datapath_port_del(struct ecs_datapath *dp, const struct ecs_port_key *key);
int ecs_datapath_network_set(struct ecs_datapath *dp, uint16_t id, const struct ecs_network *net);
int ecs_datapath_flood_set(struct ecs_datapath *dp, uint16_t network, uint32_t place,
			   const struct ecs_flood_member *member);
int ecs_datapath_patch_set(struct ecs_datapath *dp, uint32_t ifindex,
			   const struct ecs_patch *patch);
int ecs_datapath_patch_del(struct ecs_datapath *dp, uint32_t ifindex);

/** ecs_datapath_fdb_static_set - add a static entry, or turn a learned one into it. */
int ecs_datapath_fdb_static_set(struct ecs_datapath *dp, const struct ecs_fdb_key *key,
				uint32_t ifindex, uint32_t flags);
int ecs_datapath_fdb_del(struct ecs_datapath *dp, const struct ecs_fdb_key *key);

/**
 * ecs_datapath_fdb_walk - visit every entry
 * @fn: returns true to have the entry deleted
 *
 * Entries that change meanwhile may be seen or not. Cost: one pass over the map in batches.
 * Return: number of deleted entries; -errno.
 */
int ecs_datapath_fdb_walk(struct ecs_datapath *dp,
			  bool (*fn)(const struct ecs_fdb_key *key,
				     const struct ecs_fdb_entry *entry, void *ctx),
			  void *ctx);
/** ecs_datapath_fdb_used - entries of a network, or of the whole table (0). */
uint32_t ecs_datapath_fdb_used(const struct ecs_datapath *dp, uint16_t network);

/* Where a walk over the flows goes on. Start with {}. */
struct ecs_nat_cursor {
	uint32_t at;
	bool started;
	bool done; /* out: everything was visited; the cursor begins anew */
};

/* Sees one entry, a copy; returns true to have its whole flow ended. */
typedef bool ecs_nat_visit_fn(const struct ecs_nat_key *key, const struct ecs_nat_flow *flow,
			      void *ctx);

/**
 * ecs_datapath_nat_walk - visit entries of flows; a flow has two, one a direction
 * @entries: how many to visit about, so that a large table holds nobody up
 *
 * Entries that change meanwhile may be seen or not. Return: number of ended flows; -errno.
 */
int ecs_datapath_nat_walk(struct ecs_datapath *dp, struct ecs_nat_cursor *cursor, uint32_t entries,
			  ecs_nat_visit_fn *fn, void *ctx);
/** ecs_datapath_nat_del - end a flow by either entry. Return: whether it was there. */
bool ecs_datapath_nat_del(struct ecs_datapath *dp, const struct ecs_nat_key *key,
			  const struct ecs_nat_flow *flow);
/** ecs_datapath_nat_other - the entry of the other direction. Return: whether there is one. */
bool ecs_datapath_nat_other(const struct ecs_datapath *dp, const struct ecs_nat_key *key,
			    const struct ecs_nat_flow *flow, struct ecs_nat_flow *out);
/** ecs_datapath_nat_move - count a flow for another port. Return: 0; -errno. */
int ecs_datapath_nat_move(struct ecs_datapath *dp, const struct ecs_nat_key *key,
			  const struct ecs_nat_flow *flow, uint16_t slot);
/** ecs_datapath_nat_size - flows that the table holds. */
uint32_t ecs_datapath_nat_size(const struct ecs_datapath *dp);
/** ecs_datapath_nat_used - flows that a slot's port opened, or all (0). */
uint32_t ecs_datapath_nat_used(const struct ecs_datapath *dp, uint32_t slot);

/* The flows of each port, counted while they are visited, against what the counters say. */
struct ecs_nat_census {
	uint32_t before[ECS_PORTS_MAX]; /* the counters when it began */
	uint32_t counted[ECS_PORTS_MAX];
	int32_t off[ECS_PORTS_MAX]; /* by how much the last census found them wrong */
};

/** ecs_datapath_nat_census_begin, ..._add - before a walk; for each entry that it leaves. */
void ecs_datapath_nat_census_begin(const struct ecs_datapath *dp, struct ecs_nat_census *census);
void ecs_datapath_nat_census_add(struct ecs_nat_census *census, const struct ecs_nat_flow *flow);
/**
 * ecs_datapath_nat_census_end - correct the counters that stood still and were twice wrong alike
 *
 * Return: whether one was wrong for the first time, and the next census should not wait.
 */
bool ecs_datapath_nat_census_end(struct ecs_datapath *dp, struct ecs_nat_census *census);

/** ecs_datapath_nat_addr - the IPv6 address of a number; all zero if it has gone. */
void ecs_datapath_nat_addr(const struct ecs_datapath *dp, uint32_t number,
			   struct ecs_nat_addr *out);
/** ecs_datapath_nat_number - the number of an IPv6 address, 0 = no flow has it. */
uint32_t ecs_datapath_nat_number(const struct ecs_datapath *dp, const struct ecs_nat_addr *addr);

/**
 * ecs_datapath_nat_forget - forget IPv6 addresses that no flow has
 * @tick: and that no packet had since then
 *
 * Cost: one pass over the flows, and over the addresses; nothing if there are none.
 * Return: addresses that are left; -errno.
 */
int ecs_datapath_nat_forget(struct ecs_datapath *dp, uint32_t tick);

struct ecs_state_rule;
struct ecs_state_rule_key;
/* Forwards. Return: 0; -ENOENT; -errno. */
int ecs_datapath_nat_rule_set(struct ecs_datapath *dp, const struct ecs_state_rule *rule);
int ecs_datapath_nat_rule_del(struct ecs_datapath *dp, const struct ecs_state_rule_key *key);
int ecs_datapath_nat_rules(const struct ecs_datapath *dp,
			   void (*fn)(const struct ecs_state_rule *rule, void *ctx), void *ctx);
/** ecs_datapath_fdb_port - the port behind which an address is. Return: ifindex; 0 = unknown. */
uint32_t ecs_datapath_fdb_port(const struct ecs_datapath *dp, const struct ecs_fdb_key *key);

/** ecs_datapath_stats - a slot's counters, summed over the CPUs. Return: 0 or -errno. */
int ecs_datapath_stats(const struct ecs_datapath *dp, uint32_t slot, struct ecs_port_stats *out);
/** ecs_datapath_drops - visit every (slot, reason) that has dropped. Return: 0 or -errno. */
int ecs_datapath_drops(const struct ecs_datapath *dp,
		       void (*fn)(const struct ecs_drop_key *key,
				  const struct ecs_drop_count *count, void *ctx),
		       void *ctx);
/** ecs_datapath_slot_clear - forget a slot's counters before another port takes it. */
int ecs_datapath_slot_clear(struct ecs_datapath *dp, uint32_t slot);

/* Reading back what an earlier daemon left. @fn gets copies. Return: 0 or -errno. */
int ecs_datapath_ports(const struct ecs_datapath *dp,
		       void (*fn)(const struct ecs_port_key *key, const struct ecs_port *port,
				  void *ctx),
		       void *ctx);
int ecs_datapath_patches(const struct ecs_datapath *dp,
			 void (*fn)(uint32_t ifindex, const struct ecs_patch *patch, void *ctx),
			 void *ctx);
int ecs_datapath_network(const struct ecs_datapath *dp, uint16_t id, struct ecs_network *out);
int ecs_datapath_flood(const struct ecs_datapath *dp, uint16_t network, uint32_t place,
		       struct ecs_flood_member *out);

struct ecs_state_cast;

/**
 * ecs_datapath_cast_set - make a cast what it should be, by one write that changes all at once
 * @old: what it was, or NULL: then nothing of an earlier one with its id remains
 *
 * Counters and the state of policies that stay go on. Return: 0 or -errno.
 */
int ecs_datapath_cast_set(struct ecs_datapath *dp, const struct ecs_state_cast *cast,
			  const struct ecs_state_cast *old);
/** ecs_datapath_cast_del - end a cast. Return: 0; -ENOENT; -errno. */
int ecs_datapath_cast_del(struct ecs_datapath *dp, const struct ecs_stream_key *key);

/** ecs_datapath_streams - visit the casts that an earlier daemon left, with plan and receivers
 * (ECS_RECEIVERS_MAX of them). Return: 0 or -errno. */
int ecs_datapath_streams(const struct ecs_datapath *dp,
			 void (*fn)(const struct ecs_stream_key *key,
				    const struct ecs_stream *stream,
				    const struct ecs_cast_plan *plan,
				    const struct ecs_receiver *receivers, void *ctx),
			 void *ctx);

/* What the data path has counted for a cast, a group of it, a receiver. Return: 0 or -errno. */
int ecs_datapath_cast_state(const struct ecs_datapath *dp, uint16_t id, struct ecs_cast_state *out);
int ecs_datapath_cast_group(const struct ecs_datapath *dp, uint16_t id, uint16_t state,
			    struct ecs_cast_group_state *out);
int ecs_datapath_cast_count(const struct ecs_datapath *dp, uint16_t id, uint16_t number,
			    struct ecs_receiver_count *out);

/** ecs_datapath_events_open - follow the ring buffer; @fn is called by _events_dispatch().
 * Return: descriptor to poll, owned by @dp; -errno. */
int ecs_datapath_events_open(struct ecs_datapath *dp,
			     void (*fn)(const struct ecs_event *event, void *ctx), void *ctx);
int ecs_datapath_events_dispatch(struct ecs_datapath *dp);

/** ecs_clock_ns - CLOCK_MONOTONIC_COARSE, the data path's clock. */
uint64_t ecs_clock_ns(void);

#endif
