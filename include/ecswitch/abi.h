/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The map ABI: every key, value and limit that the data path and the daemon share.
 * Included by kernel/ and userspace/daemon/datapath.c. Byte order is the host's unless a
 * name ends in _be. A change of any layout here bumps ECS_ABI_VERSION.
 */
#ifndef ECSWITCH_ABI_H
#define ECSWITCH_ABI_H

#include <linux/types.h>

#define ECS_ABI_VERSION 1

#define ECS_PORTS_MAX 4096	   /* ports of one switch; also the number of statistics slots */
#define ECS_NETWORKS_MAX 64	   /* network ids run from 1 to this; 0 means "no network" */
#define ECS_NETWORK_PORTS_MAX 1024 /* vm and host ports of one network */
#define ECS_FDB_DEFAULT 16384	   /* entries, unless ecswitchd --fdb-size says otherwise */
#define ECS_FDB_MIN 64
#define ECS_FDB_MAX 1048576
#define ECS_PATCHES_MAX 4096
#define ECS_DROPS_MAX 32768 /* (slot, reason) pairs that have a counter */
#define ECS_EVENTS_BYTES (256 * 1024)
#define ECS_NAME_MAX 32	  /* of a network, with the terminating zero */
#define ECS_IFNAME_MAX 16 /* IFNAMSIZ */

/* skb->mark of a frame between two hooks of one uplink; cleared by the second hook. */
#define ECS_MARK_TO_HOST 0xec5c0001u /* set by from_vm, cleared by from_uplink */
#define ECS_MARK_TO_WIRE 0xec5c0002u /* set by from_vm, cleared by to_uplink */

enum ecs_role {
	ECS_ROLE_NONE = 0, /* only an end of a patch, in no network */
	ECS_ROLE_VM,
	ECS_ROLE_HOST, /* switch side of a network's gateway veth */
	ECS_ROLE_UPLINK,
};

/* Flags of struct ecs_port. The first group steers the data path, the second is the
 * daemon's memory of what it must undo, kept here because the pinned map outlives it. */
#define ECS_PORT_PEER (1u << 0)		/* veth with its peer in another netns: bpf_redirect_peer */
#define ECS_PORT_DOWN (1u << 1)		/* last seen without carrier: a hint, see stages/emit.h */
#define ECS_PORT_PATCHED (1u << 2)	/* look into ecs_patches */
#define ECS_PORT_ADDRESSED (1u << 3)	/* the host holds a global address here: it comes first */
#define ECS_PORT_CAST (1u << 4)		/* reserved: look into ecs_streams */
#define ECS_PORT_NAT (1u << 5)		/* reserved: the nat stage wants this port's packets */
#define ECS_PORT_OWN_CLSACT (1u << 16)	/* we created the clsact qdisc */
#define ECS_PORT_OWN_PROMISC (1u << 17) /* we set IFF_PROMISC */
#define ECS_PORT_OWN_LRO (1u << 18)	/* we switched LRO off */

struct ecs_port_key {
	__u32 ifindex;
	__u16 vid; /* 0 = untagged; other values only on uplinks */
	__u16 pad;
};
_Static_assert(sizeof(struct ecs_port_key) == 8, "map ABI");

/* ecs_ports: what a link is to the switch. Entries of one ifindex share one slot. */
struct ecs_port {
	__u32 flags; /* ECS_PORT_* */
	__u16 network;
	__u8 role; /* enum ecs_role */
	__u8 pad0;
	__u32 slot; /* index into ecs_stats, 1 .. ECS_PORTS_MAX - 1 */
	__u32 mtu;  /* bytes of L3, as the daemon last saw it: a fast accept, not the authority */
	__u8 mac[6];
	__u8 pad1[2];
	char name[ECS_IFNAME_MAX]; /* with mac and kind the link's identity across a restart */
	char kind[ECS_IFNAME_MAX]; /* IFLA_INFO_KIND, empty for hardware */
	__u32 pad2;
};
_Static_assert(sizeof(struct ecs_port) == 60, "map ABI");

/* ecs_networks: array, indexed by network id. */
struct ecs_network {
	__u32 uplink; /* ifindex, 0 = none */
	__u32 uplink_slot;
	__u16 uplink_vid; /* 0 = untagged */
	__u16 used;	  /* 1 when the id is taken */
	__u32 flood_len;  /* slots of ecs_flood to walk; some of them may be empty */
	__u32 fdb_limit;  /* learned entries of this network, 0 = the table's size alone */
	__u32 pad;
	char name[ECS_NAME_MAX];
};
_Static_assert(sizeof(struct ecs_network) == 56, "map ABI");

/* ecs_flood: array, index network * ECS_NETWORK_PORTS_MAX + i: the vm and host ports of a
 * network. A port keeps its place for life and an empty place is all zero, so that a walk
 * that meets a change never reaches a port twice. Written as one 64-bit word. */
struct ecs_flood_member {
	__u32 ifindex;
	__u32 slot;
} __attribute__((aligned(8)));
_Static_assert(sizeof(struct ecs_flood_member) == 8, "map ABI");

#define ECS_FDB_STATIC (1u << 0) /* never moved, aged or evicted */
#define ECS_FDB_HOST (1u << 1)	 /* behind the uplink's own stack, not on the wire */

struct ecs_fdb_key {
	__u16 network;
	__u8 mac[6];
};
_Static_assert(sizeof(struct ecs_fdb_key) == 8, "map ABI");

struct ecs_fdb_entry {
	__u32 ifindex;
	__u32 flags;	/* ECS_FDB_* */
	__u64 seen_ns;	/* CLOCK_MONOTONIC_COARSE, refreshed at most once a second */
	__u64 moved_ns; /* of the last announced move */
	__u32 moves;
	__u32 pad;
};
_Static_assert(sizeof(struct ecs_fdb_entry) == 32, "map ABI");

/* ecs_patches: ifindex -> where every frame that it receives goes. */
struct ecs_patch {
	__u32 ifindex;
	__u32 slot;
};
_Static_assert(sizeof(struct ecs_patch) == 8, "map ABI");

/* ecs_stats: per CPU, indexed by slot. A GSO packet counts as one. */
struct ecs_port_stats {
	__u64 rx_packets; /* from the link into the switch */
	__u64 rx_bytes;
	__u64 tx_packets; /* from the switch to the link */
	__u64 tx_bytes;
	__u64 flooded;	 /* received frames that went to every port */
	__u64 passed;	 /* received frames left to the host's stack */
	__u64 fdb_full;	 /* source addresses not learned, for want of room */
	__u64 fdb_moved; /* addresses that moved to this port */
};
_Static_assert(sizeof(struct ecs_port_stats) == 64, "map ABI");

/* ecs_drops: per CPU hash. Slot 0 stands for "no port". */
struct ecs_drop_key {
	__u32 slot;   /* of the port that received the frame */
	__u32 reason; /* enum ecs_drop */
};
_Static_assert(sizeof(struct ecs_drop_key) == 8, "map ABI");

struct ecs_drop_count {
	__u64 packets;
	__u64 bytes;
};
_Static_assert(sizeof(struct ecs_drop_count) == 16, "map ABI");

enum ecs_event_type {
	ECS_EVENT_FDB_LEARNED = 1,
	ECS_EVENT_FDB_MOVED,
	ECS_EVENT_FDB_FULL, /* at most one a second and network */
};

/* ecs_events: ring buffer records. */
struct ecs_event {
	__u64 time_ns; /* CLOCK_MONOTONIC_COARSE */
	__u32 type;    /* enum ecs_event_type */
	__u32 ifindex;
	__u32 old_ifindex; /* FDB_MOVED: where the address was */
	__u16 network;
	__u8 mac[6];
};
_Static_assert(sizeof(struct ecs_event) == 32, "map ABI");

/* ecs_fdb_used: mmapable array, indexed by network id; [0] is the whole table. Learned and
 * static entries; both sides change it by atomic adds. */
struct ecs_fdb_use {
	__u32 entries;
	__u32 pad;
	__u64 full_ns; /* time of the last FDB_FULL event */
};
_Static_assert(sizeof(struct ecs_fdb_use) == 16, "map ABI");

struct ecs_meta {
	__u32 abi; /* ECS_ABI_VERSION */
	__u32 pad;
};
_Static_assert(sizeof(struct ecs_meta) == 8, "map ABI");

#endif
