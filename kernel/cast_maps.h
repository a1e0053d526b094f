/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The maps of casts. Keys, values and limits are in <ecswitch/abi_cast.h>.
 */
#ifndef ECS_KERNEL_CAST_MAPS_H
#define ECS_KERNEL_CAST_MAPS_H

#include "maps.h"
#include "realign.h"
#include "rtp_thin.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ECS_STREAMS_MAX);
	__type(key, struct ecs_stream_key);
	__type(value, struct ecs_stream);
} ecs_streams SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ECS_STREAMS_MAX * 2);
	__type(key, __u32);
	__type(value, struct ecs_cast_plan);
} ecs_cast_plans SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ECS_STREAMS_MAX * 2 * ECS_RECEIVERS_MAX);
	__type(key, __u32);
	__type(value, struct ecs_receiver);
} ecs_receivers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ECS_STREAMS_MAX *ECS_RECEIVERS_MAX);
	__type(key, __u32);
	__type(value, struct ecs_receiver_count);
} ecs_receiver_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ECS_STREAMS_MAX *ECS_CAST_STATES_MAX);
	__type(key, __u32);
	__type(value, struct ecs_cast_group_state);
} ecs_cast_groups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ECS_STREAMS_MAX);
	__type(key, __u32);
	__type(value, struct ecs_cast_state);
} ecs_cast_states SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ECS_STREAMS_MAX);
	__type(key, __u32);
	__type(value, struct ecs_cast_pids);
} ecs_cast_pids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ECS_STREAMS_MAX);
	__type(key, __u32);
	__type(value, struct ecs_cast_carry);
} ecs_cast_carries SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ECS_STREAMS_MAX *ECS_CAST_HELD);
	__type(key, __u32);
	__type(value, struct ecs_cast_held);
} ecs_cast_holds SEC(".maps");

/* Scratch, too large for a stack; a datagram is worked on without a break on one CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ecs_ts_work);
} ecs_cast_work SEC(".maps");

#endif
