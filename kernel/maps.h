/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The maps. Keys, values and limits are in <ecswitch/abi.h>; the daemon sets the pin paths and
 * the sizes of ecs_fdb and ecs_nat_flows before it loads the object.
 */
#ifndef ECS_KERNEL_MAPS_H
#define ECS_KERNEL_MAPS_H

#include "pkt.h"

/* An uplink has one entry for each of its networks. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ECS_PORTS_MAX * 2);
	__type(key, struct ecs_port_key);
	__type(value, struct ecs_port);
} ecs_ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ECS_PORTS_NEAR_MAX);
	__type(key, __u32);
	__type(value, struct ecs_port);
} ecs_ports_near SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ECS_NETWORKS_MAX + 1);
	__type(key, __u32);
	__type(value, struct ecs_network);
} ecs_networks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ECS_FDB_DEFAULT);
	__type(key, struct ecs_fdb_key);
	__type(value, struct ecs_fdb_entry);
} ecs_fdb SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, ECS_NETWORKS_MAX + 1);
	__type(key, __u32);
	__type(value, struct ecs_fdb_use);
} ecs_fdb_used SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, ECS_PORTS_MAX);
	__type(key, __u32);
	__type(value, struct ecs_recent);
} ecs_recent SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, (ECS_NETWORKS_MAX + 1) * ECS_NETWORK_PORTS_MAX);
	__type(key, __u32);
	__type(value, struct ecs_flood_member);
} ecs_flood SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ECS_PATCHES_MAX);
	__type(key, __u32);
	__type(value, struct ecs_patch);
} ecs_patches SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, ECS_PORTS_MAX);
	__type(key, __u32);
	__type(value, struct ecs_port_stats);
} ecs_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, ECS_DROPS_MAX);
	__type(key, struct ecs_drop_key);
	__type(value, struct ecs_drop_count);
} ecs_drops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, ECS_EVENTS_BYTES);
} ecs_events SEC(".maps");

/* The daemon sizes it before it loads the object: two entries a flow. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ECS_NAT_FLOWS_DEFAULT * 2);
	__type(key, struct ecs_nat_key);
	__type(value, struct ecs_nat_flow);
} ecs_nat_flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, ECS_PORTS_MAX);
	__type(key, __u32);
	__type(value, struct ecs_nat_use);
} ecs_nat_used SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, ECS_NAT_RULES_MAX);
	__type(key, struct ecs_nat_rule_key);
	__type(value, struct ecs_nat_rule);
} ecs_nat_rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, ECS_NAT_ADDRS_MAX);
	__type(key, struct ecs_nat_addr);
	__type(value, struct ecs_nat_number);
} ecs_nat_numbers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, ECS_NAT_ADDRS_MAX);
	__type(key, __u32);
	__type(value, struct ecs_nat_addr);
} ecs_nat_addrs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ECS_NAT_FRAGMENTS_MAX);
	__type(key, struct ecs_nat_fragment_key);
	__type(value, struct ecs_nat_fragment);
} ecs_nat_fragments SEC(".maps");

/* The daemon writes and checks it; the data path never looks. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ecs_meta);
} ecs_meta SEC(".maps");

/** ecs_port_vlan - what VLAN @vid of an uplink is to the switch; 0 = untagged. */
static __noinline struct ecs_port *ecs_port_vlan(__u32 ifindex, __u16 vid)
{
	struct ecs_port_key key = {.ifindex = ifindex, .vid = vid};

	return bpf_map_lookup_elem(&ecs_ports, &key);
}

/** ecs_port_find - what a link is to the switch. Return: NULL if it is no port. */
static __always_inline struct ecs_port *ecs_port_find(__u32 ifindex)
{
	__u32 place = ifindex % ECS_PORTS_NEAR_MAX;
	struct ecs_port *port = bpf_map_lookup_elem(&ecs_ports_near, &place);

	if (port && port->ifindex == ifindex)
		return port;
	return ecs_port_vlan(ifindex, 0);
}

/** ecs_port_uplink - the entry under which a network's uplink stands. */
static __always_inline struct ecs_port *ecs_port_uplink(const struct ecs_network *net)
{
	return net->uplink_vid ? ecs_port_vlan(net->uplink, net->uplink_vid)
			       : ecs_port_find(net->uplink);
}

#endif
