/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel told us about its links and addresses: a table that netlink events keep
 * current and that plan.c reads. Makes no system call.
 */
#ifndef ECSWITCH_OBSERVED_H
#define ECSWITCH_OBSERVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "netlink/link.h"
#include "userspace/lib/types.h"

struct ecs_observed {
	struct ecs_link *links; /* sorted by ifindex */
	size_t count, room;
	struct ecs_addr *addrs; /* but link-local ones; in the kernel's order */
	size_t addr_count, addr_room;
	struct ecs_ports local_ports; /* ip_local_port_range: where sockets get theirs */
};

void ecs_observed_free(struct ecs_observed *observed);

/** ecs_observed_link_set - add or overwrite. Return: 0; -ENOMEM. */
int ecs_observed_link_set(struct ecs_observed *observed, const struct ecs_link *link);
/** ecs_observed_link_del - forget. Return: true if it was there. */
bool ecs_observed_link_del(struct ecs_observed *observed, uint32_t ifindex);
void ecs_observed_clear_addrs(struct ecs_observed *observed);
/** ecs_observed_addr_add - note that a link holds an address; link-local ones do not count. */
int ecs_observed_addr_add(struct ecs_observed *observed, const struct ecs_addr *addr);

/* Borrowed entries, valid until the next change; NULL if there is none. */
const struct ecs_link *ecs_observed_by_index(const struct ecs_observed *observed, uint32_t ifindex);
const struct ecs_link *ecs_observed_by_name(const struct ecs_observed *observed, const char *name);
bool ecs_observed_addressed(const struct ecs_observed *observed, uint32_t ifindex);

/** ecs_observed_has_addr - whether a link holds this address with this prefix length. */
bool ecs_observed_has_addr(const struct ecs_observed *observed, uint32_t ifindex,
			   const struct ecs_prefix *prefix);

/**
 * ecs_observed_addr4 - the global IPv4 address of a link
 * @now: network order; preferred as long as the link still has it
 *
 * Return: network order; 0 = none.
 */
uint32_t ecs_observed_addr4(const struct ecs_observed *observed, uint32_t ifindex, uint32_t now);

/**
 * ecs_observed_addr6 - the IPv6 address of a link that others see, all zero = none
 * @now: preferred as long as it is usable; may be @out
 *
 * Of no link-local scope, neither tentative nor deprecated; a temporary one comes last.
 */
void ecs_observed_addr6(const struct ecs_observed *observed, uint32_t ifindex,
			const uint8_t now[16], uint8_t out[16]);

/** ecs_observed_peer - the other end of a veth, if it is in this network namespace. */
const struct ecs_link *ecs_observed_peer(const struct ecs_observed *observed,
					 const struct ecs_link *link);

#endif
