/* SPDX-License-Identifier: Apache-2.0 */
/* Which ports the host's own sockets wait on, from /proc/net. */
#ifndef ECSWITCH_LISTEN_H
#define ECSWITCH_LISTEN_H

#include <stdbool.h>
#include <stdint.h>
#include "userspace/lib/types.h"

/**
 * ecs_listen_find - a socket of the host that would get packets to these ports
 * @proto:   IPPROTO_TCP or IPPROTO_UDP
 * @family:  AF_INET or AF_INET6
 * @addr:    the address that the packets go to, in so many bytes
 * @port:    out: the lowest such port
 *
 * Return: whether there is one.
 */
bool ecs_listen_find(uint8_t proto, uint8_t family, const uint8_t addr[16],
		     const struct ecs_ports *ports, uint16_t *port);

#endif
