/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The ports of a datagram's later fragments. A later one that comes before the first finds
 * nothing: from a VM it is dropped, from the wire it is left to the host, whose it may be.
 */
#ifndef ECS_KERNEL_NAT_FRAGMENT_H
#define ECS_KERNEL_NAT_FRAGMENT_H

#include "maps.h"
#include "nat_pkt.h"

#define NAT_FRAGMENT_S 30

/**
 * nat_fragment - RFC 4787 section 11: note the ports of a first fragment, or find those of a later
 *
 * Return: 0 if they are not known.
 */
static __noinline int nat_fragment(struct nat_pkt *np)
{
	struct ecs_nat_fragment_key key = {
		.src_be = np->src_be,
		.dst_be = np->dst_be,
		.id_be = np->id_be,
		.scope = np->key.scope,
		.proto = np->key.proto,
		.v6 = np->key.v6,
		.id_high_be = np->id_high_be,
	};
	struct ecs_nat_fragment ports = {
		.sport_be = np->key.sport_be,
		.dport_be = np->key.dport_be,
		.seen = np->tick,
	};
	struct ecs_nat_fragment *known;

	if (!nat_later_fragment(np)) {
		bpf_map_update_elem(&ecs_nat_fragments, &key, &ports, BPF_ANY);
		return 1;
	}
	known = bpf_map_lookup_elem(&ecs_nat_fragments, &key);
	if (!known || ports.seen - known->seen > NAT_FRAGMENT_S)
		return 0;
	np->key.sport_be = known->sport_be;
	np->key.dport_be = known->dport_be;
	return 1;
}

#endif
