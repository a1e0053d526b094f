/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is, or should be, in the maps and on the hooks, as plain data. The daemon holds one
 * such state for what it has put there ("have"); plan.c makes another of what there should
 * be ("want") and compares the two. Makes no system call.
 */
#ifndef ECSWITCH_STATE_H
#define ECSWITCH_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ecswitch/abi.h>
#include "datapath.h"
#include "userspace/lib/types.h"

#define ECS_NO_PLACE UINT32_MAX
#define ECS_REASON_MAX 128

/* One link that is a port, or an end of a patch. */
struct ecs_state_port {
	uint32_t ifindex;
	struct ecs_port port;	/* its entry in ecs_ports, untagged */
	uint32_t place;		/* in ecs_flood of its network, or ECS_NO_PLACE */
	struct ecs_patch patch; /* with ECS_PORT_PATCHED */
	enum ecs_prog ingress;	/* programs on the hooks */
	enum ecs_prog egress;
	bool manual;	    /* named by a command, not found by a match */
	bool dirty;	    /* an operation failed: do all of them again */
	bool lacks_promisc; /* of the wanted state only, as seen by desired.c */
};

struct ecs_state_fdb {
	struct ecs_fdb_key key;
	uint32_t ifindex;
	uint32_t flags; /* ECS_FDB_HOST or 0, besides ECS_FDB_STATIC */
};

/* A link that somebody asked for and that cannot be a port, yet. */
struct ecs_waiting {
	char name[ECS_IFNAME_MAX];
	uint32_t ifindex; /* 0: there is no such link */
	uint16_t network;
	uint8_t role;
	bool manual;
	char reason[ECS_REASON_MAX];
};

enum ecs_gateway_addr { ECS_GATEWAY_IPV4, ECS_GATEWAY_IPV6, ECS_GATEWAY_ADDRS };

/* A network's gateway: a veth pair that ecswitch makes. Its switch end is a port besides. */
struct ecs_state_gateway {
	char host[ECS_IFNAME_MAX]; /* the host's end; empty = the network has no gateway */
	char port[ECS_IFNAME_MAX]; /* the switch's end */
	uint32_t host_ifindex;	   /* 0 = not there yet */
	uint32_t port_ifindex;
	uint8_t host_mac[6], port_mac[6]; /* tell it from a stranger's with the same number */
	uint32_t mtu;			  /* to make it with, 0 = default */
	struct ecs_prefix addrs[ECS_GATEWAY_ADDRS];
	bool routes[ECS_GATEWAY_ADDRS]; /* NAT asks the host's routes for packets from it */
	/* Of the wanted state only: what the links lack, as seen by desired.c. */
	bool make;
	bool host_down, port_down;
	bool lacks[ECS_GATEWAY_ADDRS];
	struct ecs_prefix stale[ECS_GATEWAY_ADDRS]; /* ours, and no longer wanted */
};

/* A forwarded port. The data path has numbers in place of IPv6 addresses. */
struct ecs_state_rule_key {
	uint8_t addr[16]; /* of the uplink */
	uint8_t family;
	uint8_t proto;
	__be16 port_be;
};

struct ecs_state_rule {
	struct ecs_state_rule_key key;
	uint8_t inside[16];
	__be16 inside_port_be;
	uint16_t network;
};

#define ECS_HOST_NAME ":host" /* of a receiver; no link can be called so */

/* How a receiver with the policy "auto" does. */
struct ecs_ladder {
	uint8_t step;
	bool known;	    /* drops was read before */
	uint16_t quiet_s;   /* since the last drop or step */
	uint16_t wait_s;    /* quiet time before a step up; 0 = the shortest */
	uint16_t climbed_s; /* since the last step up, if it is not proved yet; 0 = it is */
	uint64_t drops;
};

/* A receiver of a cast. */
struct ecs_state_receiver {
	char name[ECS_IFNAME_MAX]; /* of its link, or ECS_HOST_NAME */
	uint32_t ifindex;	   /* 0 = waits for its port */
	struct ecs_policy policy;  /* what the data path does: of "auto" the step that holds */
	uint16_t state;		   /* of its group */
	bool follows;		   /* its policy is "auto" */
	struct ecs_ladder ladder;
	struct ecs_receiver record;
};

/* The receivers that share what the data path makes of the stream: one policy, and one history of
 * what was left out. */
struct ecs_state_group {
	struct ecs_policy policy;
	uint16_t state; /* in ecs_cast_groups */
	uint16_t seed; /* 1 + the state of the group that its receivers come from, in this change */
};

struct ecs_state_cast {
	char name[ECS_NAME_MAX];
	uint16_t id;
	bool live; /* its source is there: key is in ecs_streams */
	bool dirty;
	struct ecs_stream_key key;
	uint8_t flags; /* ECS_STREAM_* */
	uint8_t src[16];
	size_t group_count;
	struct ecs_state_group groups[ECS_CAST_GROUPS_MAX];
	size_t receiver_count;
	struct ecs_state_receiver receivers[ECS_RECEIVERS_MAX];
};

struct ecs_state {
	struct ecs_network networks[ECS_NETWORKS_MAX + 1];
	bool network_dirty[ECS_NETWORKS_MAX + 1];
	bool tcx; /* programs on uplinks hang on TCX */
	struct ecs_state_gateway gateways[ECS_NETWORKS_MAX + 1]; /* by network id */
	struct ecs_state_port *ports;				 /* sorted by ifindex */
	size_t port_count, port_room;
	struct ecs_state_fdb *fdb; /* static entries, sorted by key */
	size_t fdb_count, fdb_room;
	struct ecs_state_rule *rules; /* forwarded ports, sorted by key */
	size_t rule_count, rule_room;
	struct ecs_ports *reserved; /* ports that the host's sockets should not choose */
	size_t reserved_count, reserved_room;
	uint32_t nat_size;   /* flows that the table holds */
	bool reserved_dirty; /* unknown what an earlier daemon reserved */
	struct ecs_waiting *waiting;
	size_t waiting_count, waiting_room;
	struct ecs_state_cast *casts;
	size_t cast_count;
};

void ecs_state_free(struct ecs_state *state);

/** ecs_state_port_add - new entry, all zero but its ifindex; NULL if out of memory.
 * Pointers into the table do not survive the next call. */
struct ecs_state_port *ecs_state_port_add(struct ecs_state *state, uint32_t ifindex);
/** ecs_state_port_get - entry of a link, or NULL. */
struct ecs_state_port *ecs_state_port_get(const struct ecs_state *state, uint32_t ifindex);
struct ecs_state_port *ecs_state_port_by_name(const struct ecs_state *state, const char *name);
/** ecs_state_port_by_slot - entry that counts in @slot, or NULL. */
struct ecs_state_port *ecs_state_port_by_slot(const struct ecs_state *state, uint32_t slot);

/** ecs_state_fdb_add - add a static entry; the first of a key wins. Return: 0; -EEXIST; -ENOMEM. */
int ecs_state_fdb_add(struct ecs_state *state, const struct ecs_state_fdb *entry);
const struct ecs_state_fdb *ecs_state_fdb_get(const struct ecs_state *state,
					      const struct ecs_fdb_key *key);

/** ecs_state_rule_add - append; call ecs_state_rules_sort() in the end. Return: 0; -ENOMEM. */
int ecs_state_rule_add(struct ecs_state *state, const struct ecs_state_rule *rule);
void ecs_state_rules_sort(struct ecs_state *state);
const struct ecs_state_rule *ecs_state_rule_get(const struct ecs_state *state,
						const struct ecs_state_rule_key *key);

/** ecs_state_reserve - append ports to be reserved. Return: 0; -ENOMEM. */
int ecs_state_reserve(struct ecs_state *state, const struct ecs_ports *ports);

/** ecs_state_waiting_add - note why a link is no port. Return: 0; -ENOMEM. */
__attribute__((format(printf, 3, 4))) int ecs_state_waiting_add(struct ecs_state *state,
								const struct ecs_waiting *what,
								const char *fmt, ...);

/** ecs_state_network_id - id of a named network, or 0. */
uint16_t ecs_state_network_id(const struct ecs_state *state, const char *name);

/** ecs_state_cast_by_name - Return: the cast, or NULL. */
struct ecs_state_cast *ecs_state_cast_by_name(const struct ecs_state *state, const char *name);
/** ecs_state_cast_receiver - the receiver behind a link's name, or NULL. */
const struct ecs_state_receiver *ecs_state_cast_receiver(const struct ecs_state_cast *cast,
							 const char *name);
/** ecs_state_cast_group - the group that has a state, or NULL. */
struct ecs_state_group *ecs_state_cast_group(const struct ecs_state_cast *cast, uint16_t state);

/** ecs_fdb_key_compare - order of keys, as for qsort(3). */
int ecs_fdb_key_compare(const struct ecs_fdb_key *a, const struct ecs_fdb_key *b);

#endif
