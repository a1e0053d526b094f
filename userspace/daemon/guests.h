/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which virtual machine is behind which link, as a hypervisor's hook told it. It explains ports and
 * decides nothing; it goes with its link, and outlives the daemon in a file of its own.
 */
#ifndef ECSWITCH_GUESTS_H
#define ECSWITCH_GUESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ecswitch/abi.h>
#include <ecswitch/err.h>
#include "netlink/link.h"
#include "observed.h"
#include "userspace/lib/types.h"

struct ecs_guest {
	uint32_t ifindex; /* the link, and what tells it from a later one with its number */
	char link[IFNAMSIZ];
	char kind[IFNAMSIZ];
	uint8_t link_mac[6];
	char name[ECS_TEXT_MAX]; /* the VM */
	bool has_mac;
	uint8_t mac[6]; /* of the VM's card */
};

struct ecs_guests {
	struct ecs_guest *list;
	size_t count, room;
	bool changed; /* since the last ecs_guests_save() */
};

void ecs_guests_free(struct ecs_guests *guests);

/**
 * ecs_guest_set - say which VM is behind a link, or say it anew
 * @mac: of the VM's card, or NULL
 *
 * Return: 0; -ENOSPC if there are more than ports can be; -ENOMEM.
 */
int ecs_guest_set(struct ecs_guests *guests, const struct ecs_link *link, const char *name,
		  const uint8_t *mac);
/** ecs_guest_del - forget who was behind a link, if that was known. */
void ecs_guest_del(struct ecs_guests *guests, uint32_t ifindex);
/** ecs_guest_of - Return: borrowed until the next change, or NULL. */
const struct ecs_guest *ecs_guest_of(const struct ecs_guests *guests, uint32_t ifindex);

/** ecs_guest_check - the link has changed: if it is another one now, its VM goes. */
void ecs_guest_check(struct ecs_guests *guests, const struct ecs_link *link);
/** ecs_guests_prune - forget those whose link is not among @observed. */
void ecs_guests_prune(struct ecs_guests *guests, const struct ecs_observed *observed);

/** ecs_guests_load - what an earlier daemon saved, as far as it is still true. */
void ecs_guests_load(struct ecs_guests *guests, const char *path,
		     const struct ecs_observed *observed);
/** ecs_guests_save - atomically; without guests there is no file. Return: 0; -errno. */
int ecs_guests_save(const struct ecs_guests *guests, const char *path, struct ecs_err *err);

#endif
