/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Follows the kernel's links, addresses, routes and traffic control on one subscribed socket.
 * The caller polls the descriptor, dispatches, and after an overrun dumps everything again.
 */
#ifndef ECSWITCH_NETLINK_WATCH_H
#define ECSWITCH_NETLINK_WATCH_H

#include "link.h"

struct ecs_watch;

struct ecs_watch_ops {
	void (*link_changed)(const struct ecs_link *link, void *ctx); /* RTM_NEWLINK */
	void (*link_gone)(uint32_t ifindex, void *ctx);		      /* RTM_DELLINK */
	void (*addr_changed)(void *ctx);			      /* RTM_NEWADDR, RTM_DELADDR */
	void (*route_changed)(void *ctx); /* a route of the main table */
	/* Somebody switched the forwarding of a link off, or of all. RTM_NEWNETCONF */
	void (*forwarding_off)(uint32_t ifindex, int family, void *ctx);
	/* A clsact, or a filter with our preference, was deleted or replaced by somebody else. */
	void (*tc_lost)(uint32_t ifindex, void *ctx);
	void (*overrun)(void *ctx); /* ENOBUFS: anything may have changed */
};

/**
 * ecs_watch_open - subscribe
 * @ops, @ctx:    callbacks; borrowed for the life of the watch
 * @rcvbuf_bytes: size of the socket buffer, 0 = a generous default (SO_RCVBUFFORCE)
 *
 * Open it before the first dump: what happens in between is then seen twice, never missed.
 * Return: 0 or -errno.
 */
int ecs_watch_open(struct ecs_watch **out, const struct ecs_watch_ops *ops, void *ctx,
		   int rcvbuf_bytes, struct ecs_err *err);
void ecs_watch_close(struct ecs_watch *watch);

/**
 * ecs_watch_own - tell which changes of traffic control are the caller's own
 * @nl: those made through it are no loss; only its port id is remembered
 *
 * Without it own deletions count as losses, and nobody's replacements do.
 */
void ecs_watch_own(struct ecs_watch *watch, const struct ecs_nl *nl);

/** ecs_watch_fd - the descriptor to poll for reading; stays the watch's own. */
int ecs_watch_fd(const struct ecs_watch *watch);

/**
 * ecs_watch_dispatch - read what is there and call back; never blocks
 *
 * Bounded: returns after at most 256 datagrams, the descriptor then still polls readable.
 * addr_changed and route_changed come at most once a call, after everything else. A callback
 * must not close the watch.
 * Return: 0; -errno if the socket is broken.
 */
int ecs_watch_dispatch(struct ecs_watch *watch, struct ecs_err *err);

#endif
