// SPDX-License-Identifier: Apache-2.0
/*
 * The typed values of the grammar. Called by the parsers of the command line, the script and
 * JSON-RPC alike, so that all three accept the same.
 */
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include <ecswitch/abi.h>

#include "config.h"
#include "types.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int ecs_mac_parse(const char *text, uint8_t mac[6])
{
	uint8_t bytes[6];

	if (strlen(text) != ECS_MAC_TEXT_MAX - 1)
		return -EINVAL;
	for (int i = 0; i < 6; i++) {
		int high = hex_digit(text[i * 3]), low = hex_digit(text[i * 3 + 1]);

		if (high < 0 || low < 0 || text[i * 3 + 2] != (i < 5 ? ':' : '\0'))
			return -EINVAL;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(mac, bytes, sizeof(bytes));
	return 0;
}

char *ecs_mac_format(const uint8_t mac[6], char text[ECS_MAC_TEXT_MAX])
{
	snprintf(text, ECS_MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		 mac[3], mac[4], mac[5]);
	return text;
}

int ecs_uint_parse(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;

	if (!*text)
		return -EINVAL;
	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
			return -ERANGE;
	}
	if (value < min || value > max)
		return -ERANGE;
	*out = value;
	return 0;
}

/* Like the kernel's isspace(), which also takes the no-break space of Latin-1 for one. */
static bool kernel_space(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xa0;
}

bool ecs_ifname_valid(const char *text)
{
	if (!*text || strlen(text) >= ECS_IFNAME_MAX || !strcmp(text, ".") || !strcmp(text, ".."))
		return false;
	for (const char *p = text; *p; p++)
		if (*p == '/' || *p == ':' || kernel_space((unsigned char)*p))
			return false;
	return true;
}

bool ecs_name_valid(const char *text)
{
	static const char alnum[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t len = strlen(text);

	if (!len || len >= ECS_NAME_MAX || !strchr(alnum, text[0]))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!strchr(alnum, text[i]) && !strchr("_.-", text[i]))
			return false;
	return true;
}

bool ecs_pattern_valid(const char *text)
{
	if (!*text || strlen(text) >= ECS_PATTERN_MAX)
		return false;
	for (const char *p = text; *p; p++)
		if (*p == '/' || iscntrl((unsigned char)*p) || kernel_space((unsigned char)*p))
			return false;
	return true;
}

bool ecs_pattern_match(const char *pattern, const char *name)
{
	return fnmatch(pattern, name, 0) == 0;
}

/* Length of the UTF-8 sequence at @p, 0 if there is none. Source: RFC 3629, section 4. */
static size_t utf8_length(const unsigned char *p)
{
	size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	unsigned int low = 0x80, high = 0xbf;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	for (size_t i = 1; i < len; i++, low = 0x80, high = 0xbf)
		if (p[i] < low || p[i] > high)
			return 0;
	return len;
}

bool ecs_text_valid(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t len;

	if (!*p || strlen(text) >= ECS_TEXT_MAX)
		return false;
	for (; *p; p += len) {
		bool control = *p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0);

		len = utf8_length(p);
		if (!len || control)
			return false;
	}
	return true;
}

char *ecs_text_clean(char *text)
{
	unsigned char *p = (unsigned char *)text;

	while (*p) {
		size_t len = utf8_length(p);

		if (!len || *p < 0x20 || *p == 0x7f)
			*p = '?';
		p += len ? len : 1;
	}
	return text;
}
