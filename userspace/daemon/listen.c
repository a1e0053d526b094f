// SPDX-License-Identifier: Apache-2.0
/*
 * Reads the lists of sockets of /proc/net, whose form is that of Documentation/networking/
 * proc_net_tcp.rst: addresses as 32-bit words in the host's order, in hexadecimal.
 */
#include "listen.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <ecswitch/cleanup.h>

#define STATE_LISTEN 0x0a      /* TCP_LISTEN */
#define STATE_UNCONNECTED 0x07 /* what UDP shows for it */

/* A socket bound to any address, or to this very one. */
static bool takes(const char *local, uint32_t addr_be)
{
	uint32_t words[4] = {};

	if (strlen(local) == 8)
		return sscanf(local, "%8x", &words[0]) == 1 && (!words[0] || words[0] == addr_be);
	if (sscanf(local, "%8x%8x%8x%8x", &words[0], &words[1], &words[2], &words[3]) != 4)
		return false;
	if (!words[0] && !words[1] && !words[2] && !words[3])
		return true;
	return !words[0] && !words[1] && words[2] == htonl(0xffff) && words[3] == addr_be;
}

static void find_in(const char *path, unsigned int state, uint32_t addr_be,
		    const struct ecs_ports *ports, uint32_t *lowest)
{
	ECS_FCLOSE FILE *in = fopen(path, "re");
	char line[512], local[40];
	unsigned int port, found;

	while (in && fgets(line, sizeof(line), in))
		if (sscanf(line, " %*u: %39[0-9A-F]:%x %*[0-9A-F]:%*x %x", local, &port, &found) ==
			    3 &&
		    found == state && port >= ports->low && port <= ports->high && port < *lowest &&
		    takes(local, addr_be))
			*lowest = port;
}

bool ecs_listen_find(uint8_t proto, uint32_t addr_be, const struct ecs_ports *ports, uint16_t *port)
{
	uint32_t lowest = UINT32_MAX;

	if (proto == IPPROTO_TCP) {
		find_in("/proc/net/tcp", STATE_LISTEN, addr_be, ports, &lowest);
		find_in("/proc/net/tcp6", STATE_LISTEN, addr_be, ports, &lowest);
	} else {
		find_in("/proc/net/udp", STATE_UNCONNECTED, addr_be, ports, &lowest);
		find_in("/proc/net/udp6", STATE_UNCONNECTED, addr_be, ports, &lowest);
	}
	if (lowest == UINT32_MAX)
		return false;
	*port = (uint16_t)lowest;
	return true;
}
