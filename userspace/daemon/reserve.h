/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the host's sockets from choosing ports that NAT uses: ip_local_reserved_ports. What an
 * administrator has reserved there stays.
 */
#ifndef ECSWITCH_RESERVE_H
#define ECSWITCH_RESERVE_H

#include <stddef.h>
#include <ecswitch/err.h>
#include "userspace/lib/types.h"

/**
 * ecs_reserve - reserve exactly these ports, besides what others have reserved
 * @path: file that remembers which ones are ours, for the next call and the next daemon
 *
 * Return: 0; -errno.
 */
int ecs_reserve(const struct ecs_ports *ports, size_t count, const char *path, struct ecs_err *err);

/** ecs_reserve_local_range - ip_local_port_range; {0, 0} if it cannot be read. */
struct ecs_ports ecs_reserve_local_range(void);

#endif
