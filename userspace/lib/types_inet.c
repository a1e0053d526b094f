// SPDX-License-Identifier: Apache-2.0
/*
 * Addresses, prefixes and ports of the grammar. As in types.c, all three parsers of commands
 * come here.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "types.h"

int ecs_addr_parse(const char *text, uint8_t *family, uint8_t addr[16])
{
	uint8_t bytes[16] = {};
	uint8_t found = strchr(text, ':') ? AF_INET6 : AF_INET;

	if (inet_pton(found, text, bytes) != 1)
		return -EINVAL;
	*family = found;
	memcpy(addr, bytes, sizeof(bytes));
	return 0;
}

bool ecs_addr_on_wire(uint8_t family, const uint8_t addr[16])
{
	static const uint8_t zero[16], loopback6[16] = {[15] = 1};

	if (family == AF_INET)
		return addr[0] && addr[0] != 127;
	return memcmp(addr, zero, sizeof(zero)) && memcmp(addr, loopback6, sizeof(loopback6));
}

bool ecs_addr_multicast(uint8_t family, const uint8_t addr[16])
{
	return family == AF_INET ? addr[0] >> 4 == 14 : addr[0] == 0xff;
}

int ecs_prefix_parse(const char *text, uint8_t family, struct ecs_prefix *out)
{
	struct ecs_prefix prefix = {};
	const char *slash = strchr(text, '/');
	char addr[ECS_ADDR_TEXT_MAX];
	uint64_t len;

	if (!slash || (size_t)(slash - text) >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, text, slash - text);
	addr[slash - text] = '\0';
	if (ecs_addr_parse(addr, &prefix.family, prefix.addr) < 0 || prefix.family != family ||
	    ecs_uint_parse(slash + 1, 0, family == AF_INET ? 32 : 128, &len) < 0)
		return -EINVAL;
	prefix.len = (uint8_t)len;
	*out = prefix;
	return 0;
}

char *ecs_prefix_format(const struct ecs_prefix *prefix, char text[ECS_PREFIX_TEXT_MAX])
{
	char addr[ECS_ADDR_TEXT_MAX] = "";

	inet_ntop(prefix->family, prefix->addr, addr, sizeof(addr));
	snprintf(text, ECS_PREFIX_TEXT_MAX, "%s/%u", addr, prefix->len);
	return text;
}

/* A port of 1 to 65535 in the first @len bytes of @text. */
static int port_parse(const char *text, size_t len, uint16_t *port)
{
	char digits[6];
	uint64_t number;

	if (len >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, text, len);
	digits[len] = '\0';
	if (ecs_uint_parse(digits, 1, UINT16_MAX, &number) < 0)
		return -EINVAL;
	*port = (uint16_t)number;
	return 0;
}

int ecs_ports_parse(const char *text, struct ecs_ports *out)
{
	size_t first = strcspn(text, "-");
	struct ecs_ports ports;

	if (port_parse(text, first, &ports.low) < 0)
		return -EINVAL;
	ports.high = ports.low;
	if (text[first] && port_parse(text + first + 1, strlen(text + first + 1), &ports.high) < 0)
		return -EINVAL;
	if (ports.high < ports.low)
		return -EINVAL;
	*out = ports;
	return 0;
}

char *ecs_ports_format(const struct ecs_ports *ports, char text[ECS_PORTS_TEXT_MAX])
{
	if (ports->low == ports->high)
		snprintf(text, ECS_PORTS_TEXT_MAX, "%u", ports->low);
	else
		snprintf(text, ECS_PORTS_TEXT_MAX, "%u-%u", ports->low, ports->high);
	return text;
}

int ecs_endpoint_parse(const char *text, struct ecs_endpoint *out)
{
	bool bracket = *text == '[', v6 = bracket || strchr(text, ':') != strrchr(text, ':');
	size_t len = bracket ? strcspn(++text, "]") : v6 ? strlen(text) : strcspn(text, ":");
	const char *rest = text + len + (bracket && text[len]);
	struct ecs_endpoint endpoint = {};
	char addr[ECS_ADDR_TEXT_MAX];

	if (len >= sizeof(addr) || (bracket && !text[len]))
		return -EINVAL;
	memcpy(addr, text, len);
	addr[len] = '\0';
	if (ecs_addr_parse(addr, &endpoint.family, endpoint.addr) < 0 ||
	    (endpoint.family == AF_INET6) != v6)
		return -EINVAL;
	if (*rest && (*rest != ':' || port_parse(rest + 1, strlen(rest + 1), &endpoint.port) < 0))
		return -EINVAL;
	*out = endpoint;
	return 0;
}

char *ecs_endpoint_format(const struct ecs_endpoint *endpoint, char text[ECS_TARGET_TEXT_MAX])
{
	bool bracket = endpoint->port && endpoint->family == AF_INET6;
	char addr[ECS_ADDR_TEXT_MAX] = "", port[8] = "";

	inet_ntop(endpoint->family, endpoint->addr, addr, sizeof(addr));
	if (endpoint->port)
		snprintf(port, sizeof(port), ":%u", endpoint->port);
	snprintf(text, ECS_TARGET_TEXT_MAX, "%s%s%s%s", bracket ? "[" : "", addr,
		 bracket ? "]" : "", port);
	return text;
}
