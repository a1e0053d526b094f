/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Numbers that stand for IPv6 addresses: with them the table of flows, the choice of ports and
 * all that follows a flow are the same for both families. Only who reads or writes a packet
 * knows the addresses.
 */
#ifndef ECS_KERNEL_NAT_ADDR_H
#define ECS_KERNEL_NAT_ADDR_H

#include <stddef.h>
#include "maps.h"
#include "nat_pkt.h"

#define NAT_NUMBER_DRAWS 4

/** nat_addr - the address of a number. Return: NULL if it has gone. */
static __always_inline const struct ecs_nat_addr *nat_addr(__u32 number)
{
	return bpf_map_lookup_elem(&ecs_nat_addrs, &number);
}

/** nat_number - the number of an address, wherever that stands. Return: 0 if it has none. */
static __always_inline __u32 nat_number(const void *addr, __u32 tick)
{
	struct ecs_nat_number *known = bpf_map_lookup_elem(&ecs_nat_numbers, addr);

	if (!known)
		return 0;
	if (known->seen != tick)
		known->seen = tick;
	return known->number;
}

/**
 * ecs_nat_number_take - the number of an address, a new one if it has none
 * @given: the address
 *
 * A global function, which the verifier goes through once; but Linux 6.1 takes no argument of such
 * a one for a key. Return: 0 if there is no room.
 */
__noinline __u32 ecs_nat_number_take(const struct ecs_nat_addr *given, __u32 tick)
{
	struct ecs_nat_addr own = given ? *given : (struct ecs_nat_addr){}, *addr = &own;
	struct ecs_nat_number fresh = {.number = nat_number(addr, tick), .seen = tick};

	if (fresh.number)
		return fresh.number;
	for (int i = 0; i < NAT_NUMBER_DRAWS; i++) {
		fresh.number = bpf_get_prandom_u32();
		if (fresh.number &&
		    !bpf_map_update_elem(&ecs_nat_addrs, &fresh.number, addr, BPF_NOEXIST))
			break;
		fresh.number = 0;
	}
	if (!fresh.number)
		return 0;
	if (!bpf_map_update_elem(&ecs_nat_numbers, addr, &fresh, BPF_NOEXIST))
		return fresh.number;
	/* Another CPU was faster, or the table is full. */
	bpf_map_delete_elem(&ecs_nat_addrs, &fresh.number);
	return nat_number(addr, tick);
}

/** nat_take_numbers - of an IPv6 packet's addresses, for a flow that begins. */
static __noinline void nat_take_numbers(struct __sk_buff *skb, struct nat_pkt *np)
{
	struct ecs_nat_addr addr;

	if (!np->src_be &&
	    !bpf_skb_load_bytes(skb, NAT_L3 + offsetof(struct ipv6hdr, saddr), &addr, sizeof(addr)))
		np->src_be = ecs_nat_number_take(&addr, np->tick);
	if (!np->dst_be &&
	    !bpf_skb_load_bytes(skb, NAT_L3 + offsetof(struct ipv6hdr, daddr), &addr, sizeof(addr)))
		np->dst_be = ecs_nat_number_take(&addr, np->tick);
	np->key.src_be = np->src_be;
	np->key.dst_be = np->dst_be;
}

#endif
