/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The map ABI: every key, value and limit that the data path and the daemon share.
 * Included by kernel/ and userspace/daemon/datapath.c. Byte order is the host's unless a
 * name ends in _be. A change of any layout here bumps ECS_ABI_VERSION; records only grow at
 * their ends, or userspace/daemon/pins_migrate.c has to know.
 */
#ifndef ECSWITCH_ABI_H
#define ECSWITCH_ABI_H

#include <linux/types.h>

#define ECS_ABI_VERSION 4

#define ECS_PORTS_MAX 4096	   /* ports of one switch; also the number of statistics slots */
#define ECS_NETWORKS_MAX 64	   /* network ids run from 1 to this; 0 means "no network" */
#define ECS_NETWORK_PORTS_MAX 1024 /* vm and host ports of one network */
#define ECS_FDB_DEFAULT 16384	   /* entries, unless ecswitchd --fdb-size says otherwise */
#define ECS_FDB_MIN 64
#define ECS_FDB_MAX 1048576
#define ECS_PATCHES_MAX 4096
#define ECS_DROPS_MAX 32768 /* (slot, reason) pairs that have a counter */
#define ECS_EVENTS_BYTES (256 * 1024)
#define ECS_NAT_FLOWS_DEFAULT 65536 /* flows; ecs_nat_flows has two entries for each */
#define ECS_NAT_FLOWS_MIN 64
#define ECS_NAT_FLOWS_MAX 1048576
#define ECS_NAT_ADDRS_MAX 131072   /* IPv6 addresses of flows */
#define ECS_NAT_RULES_MAX 16384	   /* forwarded ports; a range has a rule for each port */
#define ECS_NAT_FRAGMENTS_MAX 8192 /* datagrams whose later fragments may follow */
#define ECS_NAME_MAX 32		   /* of a network, with the terminating zero */
#define ECS_IFNAME_MAX 16	   /* IFNAMSIZ */

/* skb->mark of a frame between two hooks of one uplink; cleared by the second hook. */
#define ECS_MARK_TO_HOST 0xec5c0001u /* set on the way from a VM, cleared by from_port */
#define ECS_MARK_TO_WIRE 0xec5c0002u /* set on the way from a VM, cleared by to_uplink */
#define ECS_MARK_NAT 0xec5c0003u     /* the same, but to_uplink still switches the frame */

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
#define ECS_PORT_CAST (1u << 4)		/* a cast may begin here: look into ecs_streams */
#define ECS_PORT_NAT (1u << 5)		/* the nat stage wants this port's packets */
#define ECS_PORT_NAT6 (1u << 6)		/* IPv6 ones, too */
#define ECS_PORT_OWN_CLSACT (1u << 16)	/* we created the clsact qdisc */
#define ECS_PORT_OWN_PROMISC (1u << 17) /* we set IFF_PROMISC */
#define ECS_PORT_OWN_LRO (1u << 18)	/* we switched LRO off */
#define ECS_PORT_TCX (1u << 19)		/* our programs hang on TCX, not on clsact */

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
	__u32 ifindex;		   /* in ecs_ports_near; 0 in ecs_ports */
};
_Static_assert(sizeof(struct ecs_port) == 60, "map ABI");

#define ECS_NETWORK_NAT4 (1u << 0) /* IPv4 is masqueraded behind nat4_be */
#define ECS_NETWORK_NAT6 (1u << 1) /* IPv6 behind nat6 */

/* Idle timeouts; see ecs_nat_timer(). */
enum ecs_nat_timer {
	ECS_NAT_TIMER_TCP_NEW,	       /* not answered yet; RFC 5382 REQ-5: 240 s */
	ECS_NAT_TIMER_TCP_ESTABLISHED, /* 7,440 s */
	ECS_NAT_TIMER_TCP_CLOSING,     /* a FIN or an RST was seen: 240 s */
	ECS_NAT_TIMER_UDP_NEW,	       /* one way so far */
	ECS_NAT_TIMER_UDP,	       /* RFC 4787 REQ-5: 300 s */
	ECS_NAT_TIMER_ICMP,	       /* RFC 5508 REQ-2: 60 s */
	ECS_NAT_TIMERS,
};

/* ecs_ports_near: array, index ifindex % ECS_PORTS_NEAR_MAX: copies of the untagged entries of
 * ecs_ports, for the data path to find without a hash. The first link that needs a place has it,
 * the others are found in ecs_ports alone. */
#define ECS_PORTS_NEAR_MAX 8192

/* ecs_networks: array, indexed by network id. A NAT network has uplink 0 and nat_uplink set:
 * nothing of it is bridged. Its gateway and NAT fields are 0 until known; without nat4_be what
 * would be masqueraded is dropped. The gateway's host end needs its own forwarding sysctl
 * (net.ipv4.conf.NAME.forwarding, not ip_forward): bpf_fib_lookup() refuses to route for it
 * otherwise, and the data path then sends everything but nat4_be's own out of nat_uplink. */
struct ecs_network {
	__u32 uplink; /* ifindex, 0 = none */
	__u32 uplink_slot;
	__u16 uplink_vid; /* 0 = untagged */
	__u16 used;	  /* 1 when the id is taken */
	__u32 flood_len;  /* slots of ecs_flood to walk; some of them may be empty */
	__u32 fdb_limit;  /* learned entries of this network, 0 = the table's size alone */
	__u32 flags;	  /* ECS_NETWORK_* */
	char name[ECS_NAME_MAX];
	__u32 gateway;	    /* ifindex of the host's end of the gateway veth */
	__u32 gateway_port; /* ifindex of the switch's end, a host port */
	__u8 gateway_mac[6];
	__u8 gateway4_len;
	__u8 gateway6_len;
	__be32 gateway4_be;
	__be32 nat4_be;	  /* address of nat_uplink to hide behind */
	__u32 nat_uplink; /* ifindex of the way out */
	__u32 nat_uplink_slot;
	__u16 nat_port_low; /* ports and echo identifiers that NAT may use, both included */
	__u16 nat_port_high;
	__u32 nat_limit;    /* flows that one port may have opened, 0 = no limit */
	__u32 nat_limit_in; /* flows that the outside may have opened by forwards, 0 = no limit */
	__u32 nat_timeout_s[ECS_NAT_TIMERS];
	__u8 gateway6[16];
	__u8 nat6[16];
	__u32 pad;
};
_Static_assert(sizeof(struct ecs_network) == 160, "map ABI");

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
	__u32 checked; /* jiffies when seen_ns was last compared with the clock; the data path's */
};
_Static_assert(sizeof(struct ecs_fdb_entry) == 32, "map ABI");

/* ecs_patches: ifindex -> where every frame that it receives goes. */
struct ecs_patch {
	__u32 ifindex;
	__u32 slot;
	__u8 near_mac[6]; /* source of the last frame from this end; the data path's own */
	__u8 pad[2];
};
_Static_assert(sizeof(struct ecs_patch) == 16, "map ABI");

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
	ECS_EVENT_FDB_FULL,    /* at most one a second and network */
	ECS_EVENT_NAT_FULL,    /* table 7/8 full or more: evict; at most ten a second */
	ECS_EVENT_NAT_LIMIT,   /* a port reached its limit; at most one a second and port */
	ECS_EVENT_NAT_NO_PORT, /* no free port towards one remote; at most one a second and port */
	ECS_EVENT_NAT_FIRST,   /* ecs_nat_used[0] rose from 0: the daemon begins to expire */
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
	__u32 generation; /* [0]: grows whenever an entry changes its meaning or goes */
	__u64 full_ns;	  /* time of the last FDB_FULL event */
};
_Static_assert(sizeof(struct ecs_fdb_use) == 16, "map ABI");

/* ecs_recent: per CPU array, index slot; the data path's own, see kernel/recent.h. */
struct ecs_recent {
	struct ecs_fdb_key src; /* known to be behind this port; network 0 = none */
	struct ecs_fdb_key dst; /* what was found for it: the rest of the entry */
	__u32 dst_ifindex;
	__u32 dst_flags;  /* ECS_FDB_* */
	__u32 generation; /* of the FDB that said so */
	__u32 since;	  /* jiffies */
};
_Static_assert(sizeof(struct ecs_recent) == 32, "map ABI");

/* Where the packets of a flow's direction come from: the network whose VM sends them, or 0 for
 * the outside. Networks may use the same addresses. */
#define ECS_NAT_OUTSIDE 0

/* ecs_nat_flows: hash. A packet's tuple as it arrives -> what becomes of it. A flow has two
 * entries, one a direction; ecs_nat_other_key() leads from one to the other. An echo's
 * identifier is the port on the side of the one who asks, and the other port is 0. */
struct ecs_nat_key {
	__be32 src_be;
	__be32 dst_be;
	__be16 sport_be;
	__be16 dport_be;
	__u16 scope; /* network, or ECS_NAT_OUTSIDE */
	__u8 proto;  /* IPPROTO_TCP, UDP or ICMP, which stands for ICMPv6, too */
	__u8 v6;     /* 1: the addresses are numbers of IPv6 addresses, see ecs_nat_numbers */
};
_Static_assert(sizeof(struct ecs_nat_key) == 16, "map ABI");

/* ecs_nat_numbers: hash. The IPv6 addresses of flows -> a number that stands for the address in
 * keys and entries, so that they are the same for both families; ecs_nat_addrs leads back. The
 * data path draws numbers at random; the daemon deletes what no flow has and nobody asks for. */
struct ecs_nat_addr {
	__be32 be[4];
};
_Static_assert(sizeof(struct ecs_nat_addr) == 16, "map ABI");

struct ecs_nat_number {
	__u32 number; /* never 0 */
	__u32 seen;   /* tick of the last packet with this address */
};
_Static_assert(sizeof(struct ecs_nat_number) == 8, "map ABI");

/* Of the flow; both entries hold it and the data path changes both. */
enum ecs_nat_state {
	ECS_NAT_NEW = 1,     /* no answer yet */
	ECS_NAT_ESTABLISHED, /* answered */
	ECS_NAT_CLOSING,     /* TCP: a FIN from one side */
	ECS_NAT_CLOSED,	     /* TCP: a FIN from both, or an RST */
};

#define ECS_NAT_ORIGIN (1u << 0)   /* the direction that opened the flow: list this entry */
#define ECS_NAT_FORWARD (1u << 1)  /* opened by a forward */
#define ECS_NAT_HAIRPIN (1u << 2)  /* a forward used by a VM: both ends are translated */
#define ECS_NAT_HOST (1u << 3)	   /* the host's own: one entry, never translated */
#define ECS_NAT_FIN (1u << 4)	   /* TCP: a FIN went this way */
#define ECS_NAT_ANSWERED (1u << 5) /* TCP: an answer came; on the origin entry */
#define ECS_NAT_IPV6 (1u << 6)	   /* both entries: ecs_nat_key.v6 */
#define ECS_NAT_RESET (1u << 7)	   /* TCP: an RST went this way, and nothing since */

/* Times of flows are in ticks of CLOCK_MONOTONIC_COARSE, 2^30 ns or 1.07 s, which the data path
 * gets without a division. A timeout of n seconds ends after n whole ticks. */
#define ECS_NAT_TICK_SHIFT 30

/* One cache line: with many flows the cost of a packet is that of reaching its entry. */
struct ecs_nat_flow {
	__be32 src_be; /* the tuple after translation */
	__be32 dst_be;
	__be16 sport_be;
	__be16 dport_be;
	__u16 scope;	  /* where it goes: network, or ECS_NAT_OUTSIDE */
	__u8 state;	  /* enum ecs_nat_state */
	__u8 flags;	  /* ECS_NAT_*, of this direction */
	__u32 seen;	  /* tick of this direction's last packet */
	__u32 created;	  /* tick */
	__u64 packets;	  /* of this direction; a GSO packet counts as one */
	__u64 bytes;	  /* of L3 */
	__u8 to_mac[6];	  /* towards a network: the VM's, zero while unknown */
	__u8 from_mac[6]; /* from one: the last sender's */
	__u32 timeout_s;  /* idle time after which the entry counts as absent */
	__u16 network;	  /* whose timeouts hold */
	__u16 slot;	  /* of the port that opened the flow: ecs_nat_used */
	__u32 from_port;  /* ifindex at which from_mac was last seen */
};
_Static_assert(sizeof(struct ecs_nat_flow) == 64, "map ABI");

/** ecs_nat_idle - has this direction been silent for its timeout? A flow ends when both have. */
static inline int ecs_nat_idle(const struct ecs_nat_flow *flow, __u64 now_ns)
{
	return (now_ns >> ECS_NAT_TICK_SHIFT) > (__u64)flow->seen + flow->timeout_s;
}

/** ecs_nat_other_key - the key of a flow's other entry. */
static inline void ecs_nat_other_key(struct ecs_nat_key *other, const struct ecs_nat_flow *flow,
				     __u8 proto)
{
	other->src_be = flow->dst_be;
	other->dst_be = flow->src_be;
	other->sport_be = flow->dport_be;
	other->dport_be = flow->sport_be;
	other->scope = flow->scope;
	other->proto = proto;
	other->v6 = !!(flow->flags & ECS_NAT_IPV6);
}

/** ecs_nat_reverse - what an entry translates to, so that it undoes the one with @key. */
static inline void ecs_nat_reverse(struct ecs_nat_flow *flow, const struct ecs_nat_key *key)
{
	flow->src_be = key->dst_be;
	flow->dst_be = key->src_be;
	flow->sport_be = key->dport_be;
	flow->dport_be = key->sport_be;
	flow->scope = key->scope;
}

/** ecs_nat_timer - which timeout of the network holds for a flow in a state. */
static inline enum ecs_nat_timer ecs_nat_timer(__u8 proto, __u8 state)
{
	if (proto == 6) /* IPPROTO_TCP */
		return state == ECS_NAT_NEW	      ? ECS_NAT_TIMER_TCP_NEW
		       : state == ECS_NAT_ESTABLISHED ? ECS_NAT_TIMER_TCP_ESTABLISHED
						      : ECS_NAT_TIMER_TCP_CLOSING;
	if (proto == 17) /* IPPROTO_UDP */
		return state == ECS_NAT_NEW ? ECS_NAT_TIMER_UDP_NEW : ECS_NAT_TIMER_UDP;
	return ECS_NAT_TIMER_ICMP;
}

/* ecs_nat_rules: hash. By address, not by link: a VM reaches a forward by the address too. */
struct ecs_nat_rule_key {
	__be32 addr_be; /* the network's nat4_be, or the number of its nat6 */
	__be16 port_be;
	__u8 proto;
	__u8 v6;
};
_Static_assert(sizeof(struct ecs_nat_rule_key) == 8, "map ABI");

struct ecs_nat_rule {
	__be32 inside_be; /* or a number, too */
	__be16 inside_port_be;
	__u16 network;
};
_Static_assert(sizeof(struct ecs_nat_rule) == 8, "map ABI");

/* ecs_nat_used: mmapable array, indexed by slot: flows that the port opened, for its limit;
 * [0] is the whole table. Both sides change it by atomic adds; who deletes a flow's
 * ECS_NAT_ORIGIN entry takes it off both. Host entries count in [0] alone. */
struct ecs_nat_use {
	__u32 flows;
	__u32 limit;   /* [0]: flows of the table, set by the daemon; 0 = by the map's size alone */
	__u64 told_ns; /* time of the last event */
};
_Static_assert(sizeof(struct ecs_nat_use) == 16, "map ABI");

/* ecs_nat_fragments: LRU hash; the ports of a datagram, from its first fragment. */
struct ecs_nat_fragment_key {
	__be32 src_be;
	__be32 dst_be;
	__be16 id_be;
	__u16 scope;
	__u8 proto;
	__u8 v6;
	__be16 id_high_be; /* IPv6 */
};
_Static_assert(sizeof(struct ecs_nat_fragment_key) == 16, "map ABI");

struct ecs_nat_fragment {
	__be16 sport_be;
	__be16 dport_be;
	__u32 seen; /* tick */
};
_Static_assert(sizeof(struct ecs_nat_fragment) == 8, "map ABI");

struct ecs_meta {
	__u32 abi; /* ECS_ABI_VERSION */
	__u32 pad;
};
_Static_assert(sizeof(struct ecs_meta) == 8, "map ABI");

#include <ecswitch/abi_cast.h>

#endif
