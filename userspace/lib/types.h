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

/** ecs_mac_parse - "aa:bb:cc:dd:ee:ff" (either case). Return: 0; -EINVAL. */
int ecs_mac_parse(const char *text, uint8_t mac[6]);
/** ecs_mac_format - lower case with colons into @text. Return: @text. */
char *ecs_mac_format(const uint8_t mac[6], char text[ECS_MAC_TEXT_MAX]);

/** ecs_uint_parse - decimal number of [@min, @max]. Return: 0; -EINVAL; -ERANGE. */
int ecs_uint_parse(const char *text, uint64_t min, uint64_t max, uint64_t *out);

/** ecs_ifname_valid - may be the name of a link (dev_valid_name() of the kernel). */
bool ecs_ifname_valid(const char *text);
/** ecs_name_valid - may name a network: [A-Za-z0-9][A-Za-z0-9_.-]*, shorter than ECS_NAME_MAX. */
bool ecs_name_valid(const char *text);
/** ecs_pattern_valid - a glob (fnmatch(3)) that some link name can match: no '/', no space, shorter
 * than ECS_PATTERN_MAX. */
bool ecs_pattern_valid(const char *text);
/** ecs_pattern_match - fnmatch(3) of a link's name. */
bool ecs_pattern_match(const char *pattern, const char *name);

/**
 * ecs_text_clean - make a text fit to be printed on one line and to be a JSON string
 *
 * Control characters and what is no UTF-8 become '?', in place. Return: @text.
 */
char *ecs_text_clean(char *text);

#endif
