/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The typed values of the command grammar, from text and back. All parsers take the whole
 * string or fail; out-parameters change only on success.
 */
#ifndef ECSWITCH_TYPES_H
#define ECSWITCH_TYPES_H

#include <stdbool.h>
#include <stdint.h>

#define ECS_MAC_TEXT_MAX 18
#define ECS_TEXT_MAX 128     /* of ECS_TYPE_TEXT, with the terminating zero */
#define ECS_ADDR_TEXT_MAX 46 /* INET6_ADDRSTRLEN */
#define ECS_PREFIX_TEXT_MAX (ECS_ADDR_TEXT_MAX + 4) /* "/128" */
#define ECS_PORTS_TEXT_MAX 12			    /* "10000-20000" */
#define ECS_TARGET_TEXT_MAX (ECS_ADDR_TEXT_MAX + 8) /* "[ADDR]:65535" */

/* An address with the length of its prefix. */
struct ecs_prefix {
	uint8_t family; /* AF_INET, AF_INET6; 0 = none */
	uint8_t len;
	uint8_t addr[16]; /* network order; IPv4 in the first 4 */
};

/* Ports of a rule, each end included; low 0 = none. Host order. */
struct ecs_ports {
	uint16_t low, high;
};

/* Where a forward, or a cast's copy, goes. */
struct ecs_endpoint {
	uint8_t family; /* AF_INET, AF_INET6 */
	uint8_t addr[16];
	uint16_t port; /* 0 = the same as the packet's; host order */
};

/** ecs_mac_parse - "aa:bb:cc:dd:ee:ff" (either case). Return: 0; -EINVAL. */
int ecs_mac_parse(const char *text, uint8_t mac[6]);
/** ecs_mac_format - lower case with colons into @text. Return: @text. */
char *ecs_mac_format(const uint8_t mac[6], char text[ECS_MAC_TEXT_MAX]);

/** ecs_uint_parse - decimal number of [@min, @max]. Return: 0; -EINVAL; -ERANGE. */
int ecs_uint_parse(const char *text, uint64_t min, uint64_t max, uint64_t *out);

/** ecs_addr_parse - an address of either family; @family is AF_INET or AF_INET6. Return: 0;
 * -EINVAL. */
int ecs_addr_parse(const char *text, uint8_t *family, uint8_t addr[16]);

/** ecs_addr_on_wire - may frames go to it: neither unspecified nor of the loopback. */
bool ecs_addr_on_wire(uint8_t family, const uint8_t addr[16]);
/** ecs_addr_multicast - is it the address of a group? */
bool ecs_addr_multicast(uint8_t family, const uint8_t addr[16]);

/** ecs_prefix_parse - "10.0.0.1/24", of @family alone. Return: 0; -EINVAL. */
int ecs_prefix_parse(const char *text, uint8_t family, struct ecs_prefix *out);
/** ecs_prefix_format - into @text. Return: @text. */
char *ecs_prefix_format(const struct ecs_prefix *prefix, char text[ECS_PREFIX_TEXT_MAX]);

/** ecs_ports_parse - "80" or "8000-8100", 1 to 65535 and in order. Return: 0; -EINVAL. */
int ecs_ports_parse(const char *text, struct ecs_ports *out);
/** ecs_ports_format - one number if the ends are equal. Return: @text. */
char *ecs_ports_format(const struct ecs_ports *ports, char text[ECS_PORTS_TEXT_MAX]);

/** ecs_endpoint_parse - "10.0.0.10", "10.0.0.10:80", "fd00::1" or "[fd00::1]:80". Return: 0;
 * -EINVAL. */
int ecs_endpoint_parse(const char *text, struct ecs_endpoint *out);
/** ecs_endpoint_format - into @text. Return: @text. */
char *ecs_endpoint_format(const struct ecs_endpoint *endpoint, char text[ECS_TARGET_TEXT_MAX]);

/** ecs_ifname_valid - may be the name of a link (dev_valid_name() of the kernel). */
bool ecs_ifname_valid(const char *text);
/** ecs_name_valid - may name a network: [A-Za-z0-9][A-Za-z0-9_.-]*, shorter than ECS_NAME_MAX. */
bool ecs_name_valid(const char *text);
/** ecs_pattern_valid - a glob (fnmatch(3)) that some link name can match: no '/', no space, shorter
 * than ECS_PATTERN_MAX. */
bool ecs_pattern_valid(const char *text);
/** ecs_pattern_match - fnmatch(3) of a link's name. */
bool ecs_pattern_match(const char *pattern, const char *name);

/** ecs_text_valid - UTF-8 without control characters, not empty, shorter than ECS_TEXT_MAX. */
bool ecs_text_valid(const char *text);

/**
 * ecs_text_clean - make a text fit to be printed on one line and to be a JSON string
 *
 * Control characters and what is no UTF-8 become '?', in place. Return: @text.
 */
char *ecs_text_clean(char *text);

#endif
