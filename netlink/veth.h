/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links and addresses that ecswitch itself makes: the gateway's veth pair. Nothing here is
 * idempotent; what exists already is -EEXIST, and the caller decides what that means.
 */
#ifndef ECSWITCH_NETLINK_VETH_H
#define ECSWITCH_NETLINK_VETH_H

#include "link.h"

/**
 * ecs_veth_add - make a veth pair in the sockets' network namespace, both ends down
 * @mtu: of both ends; 0 = the kernel's default
 * @mac: of @name; NULL = the kernel's choice
 *
 * Return: 0; -EEXIST if either name is taken (then neither end was made); -errno.
 */
int ecs_veth_add(struct ecs_nl *nl, const char *name, const char *peer_name, uint32_t mtu,
		 const uint8_t mac[6], struct ecs_err *err);

/** ecs_link_del - delete a link, and a veth's peer with it. Return: 0; -ENODEV; -errno. */
int ecs_link_del(struct ecs_nl *nl, uint32_t ifindex, struct ecs_err *err);

/** ecs_link_set_up - set or clear IFF_UP. Return: 0; -ENODEV; -errno. */
int ecs_link_set_up(struct ecs_nl *nl, uint32_t ifindex, bool up, struct ecs_err *err);

/** ecs_addr_add - give a link an address. Return: 0; -EEXIST; -ENODEV; -errno. */
int ecs_addr_add(struct ecs_nl *nl, const struct ecs_addr *addr, struct ecs_err *err);

/** ecs_addr_del - take it away. Return: 0; -EADDRNOTAVAIL if it is not there; -ENODEV; -errno. */
int ecs_addr_del(struct ecs_nl *nl, const struct ecs_addr *addr, struct ecs_err *err);

#endif
