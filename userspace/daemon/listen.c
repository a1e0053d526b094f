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

struct wanted {
	uint32_t words[4]; /* the address as IPv6 has it */
	const struct ecs_ports *ports;
	uint32_t lowest;
};

/* A socket bound to any address, or to this very one. */
static bool takes(const char *local, const struct wanted *wanted)
{
	uint32_t words[4] = {0, 0, htonl(0xffff), 0};

	if (strlen(local) == 8)
		return sscanf(local, "%8x", &words[3]) == 1 &&
		       (!words[3] || !memcmp(words, wanted->words, sizeof(words)));
	if (sscanf(local, "%8x%8x%8x%8x", &words[0], &words[1], &words[2], &words[3]) != 4)
		return false;
	if (!words[0] && !words[1] && !words[2] && !words[3])
		return true;
	return !memcmp(words, wanted->words, sizeof(words));
}

static void find_in(const char *path, unsigned int state, struct wanted *wanted)
{
	ECS_FCLOSE FILE *in = fopen(path, "re");
	char line[512], local[40];
	unsigned int port, found;

	while (in && fgets(line, sizeof(line), in))
		if (sscanf(line, " %*u: %39[0-9A-F]:%x %*[0-9A-F]:%*x %x", local, &port, &found) ==
			    3 &&
		    found == state && port >= wanted->ports->low && port <= wanted->ports->high &&
		    port < wanted->lowest && takes(local, wanted))
			wanted->lowest = port;
}

bool ecs_listen_find(uint8_t proto, uint8_t family, const uint8_t addr[16],
		     const struct ecs_ports *ports, uint16_t *port)
{
	struct wanted wanted = {{0, 0, htonl(0xffff), 0}, ports, UINT32_MAX};
	unsigned int state = proto == IPPROTO_TCP ? STATE_LISTEN : STATE_UNCONNECTED;

	if (family == AF_INET)
		memcpy(&wanted.words[3], addr, sizeof(wanted.words[3]));
	else
		memcpy(wanted.words, addr, sizeof(wanted.words));
	if (family == AF_INET)
		find_in(proto == IPPROTO_TCP ? "/proc/net/tcp" : "/proc/net/udp", state, &wanted);
	find_in(proto == IPPROTO_TCP ? "/proc/net/tcp6" : "/proc/net/udp6", state, &wanted);
	if (wanted.lowest == UINT32_MAX)
		return false;
	*port = (uint16_t)wanted.lowest;
	return true;
}
