// SPDX-License-Identifier: Apache-2.0
/*
 * One parameter of the table: its value from a word and from JSON, and its description. Called
 * by the command parser, the JSON-RPC check and the formatter.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "grammar.h"
#include "policy.h"
#include "types.h"

#define CANONICAL_MAX 64 /* above each ECS_*_TEXT_MAX */
#define EDIT_MAX 40	 /* longer words are not compared */

char *ecs_quote(char buf[ECS_QUOTE_MAX], const char *word)
{
	bool cut = strlen(word) > ECS_QUOTE_MAX - 8;

	snprintf(buf, ECS_QUOTE_MAX, "\"%.*s%s\"", ECS_QUOTE_MAX - 8, word, cut ? "..." : "");
	return ecs_text_clean(buf);
}

static char *type_expects(const struct ecs_param *param, char *buf, size_t size)
{
	switch (param->type) {
	case ECS_TYPE_IFNAME:
		snprintf(buf, size, "an interface name (1 to 15 bytes, no '/', ':' or space)");
		break;
	case ECS_TYPE_NAME:
		snprintf(buf, size, "a name (letters, digits, _ . -, at most 31)");
		break;
	case ECS_TYPE_PATTERN:
		snprintf(buf, size,
			 "a glob for interface names (at most 63 bytes, no '/' or space)");
		break;
	case ECS_TYPE_MAC:
		snprintf(buf, size, "a MAC address like 02:00:00:00:00:01");
		break;
	case ECS_TYPE_UINT:
		snprintf(buf, size, "a number from %" PRIu64 " to %" PRIu64 "%s", param->min,
			 param->max, param->zero ? ", or 0" : "");
		break;
	case ECS_TYPE_CHOICE:
		snprintf(buf, size, "one of %s", param->choices);
		break;
	case ECS_TYPE_FLAG:
		snprintf(buf, size, "true or false");
		break;
	case ECS_TYPE_PATH:
		snprintf(buf, size, "a file name");
		break;
	case ECS_TYPE_TEXT:
		snprintf(buf, size, "a name (at most 127 bytes, no control characters)");
		break;
	case ECS_TYPE_PREFIX4:
		snprintf(buf, size, "an address with its prefix length like 10.77.0.1/24");
		break;
	case ECS_TYPE_PREFIX6:
		snprintf(buf, size, "an address with its prefix length like fd00:77::1/64");
		break;
	case ECS_TYPE_ADDR:
		snprintf(buf, size, "an IP address");
		break;
	case ECS_TYPE_PORTS:
		snprintf(buf, size, "a port or a range like 8000-8100");
		break;
	case ECS_TYPE_ENDPOINT:
		snprintf(buf, size, "an address like 10.77.0.10, 10.77.0.10:80 or [fd00::10]:80");
		break;
	case ECS_TYPE_POLICY:
		snprintf(buf, size,
			 "all, key, ref, thin N%%, drop nonref N%%, drop ref|key N%% force, "
			 "fps 1-240, gop 1-1000|half, rate R (whole, as 800k or 2M, up to 4294M) "
			 "or auto, then [audio drop] [nulls strip] [join now]");
		break;
	case ECS_TYPE_NONE:
		break;
	}
	return buf;
}

char *ecs_param_expects(const struct ecs_param *param, char *buf, size_t size)
{
	size_t len;

	type_expects(param, buf, size);
	len = strlen(buf);
	if (param->nullable)
		snprintf(buf + len, size - len, ", or none");
	return buf;
}

const char *ecs_param_word(const struct ecs_param *param)
{
	if (param->type == ECS_TYPE_FLAG)
		return param->keyword;
	return param->type == ECS_TYPE_CHOICE ? param->choices : param->meta;
}

const struct ecs_param *ecs_param_by_name(const struct ecs_command *command, const char *name)
{
	for (const struct ecs_param *param = command->params; param->type; param++)
		if (!strcmp(param->name, name))
			return param;
	return NULL;
}

const struct ecs_param *ecs_param_by_keyword(const struct ecs_command *command, const char *word)
{
	for (const struct ecs_param *param = command->params; param->type; param++)
		if (param->keyword && !strcmp(param->keyword, word))
			return param;
	return NULL;
}

static bool choice_valid(const char *choices, const char *text)
{
	size_t len = strlen(text);

	for (const char *p = choices; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
		if (strcspn(p, "|") == len && !strncmp(p, text, len))
			return true;
	return false;
}

/* The one way to write a value of a type that has several. Return: @buf, or NULL if invalid. */
static char *canonical(const struct ecs_param *param, const char *text, char buf[CANONICAL_MAX])
{
	struct ecs_prefix prefix;
	struct ecs_endpoint endpoint;
	struct ecs_policy policy;
	struct ecs_ports ports;
	uint8_t bytes[16], family;

	switch (param->type) {
	case ECS_TYPE_MAC:
		return ecs_mac_parse(text, bytes) ? NULL : ecs_mac_format(bytes, buf);
	case ECS_TYPE_PREFIX4:
		return ecs_prefix_parse(text, AF_INET, &prefix) ? NULL
								: ecs_prefix_format(&prefix, buf);
	case ECS_TYPE_PREFIX6:
		return ecs_prefix_parse(text, AF_INET6, &prefix) ? NULL
								 : ecs_prefix_format(&prefix, buf);
	case ECS_TYPE_ADDR:
		if (ecs_addr_parse(text, &family, bytes) < 0)
			return NULL;
		return (char *)inet_ntop(family, bytes, buf, CANONICAL_MAX);
	case ECS_TYPE_PORTS:
		return ecs_ports_parse(text, &ports) ? NULL : ecs_ports_format(&ports, buf);
	case ECS_TYPE_ENDPOINT:
		return ecs_endpoint_parse(text, &endpoint) ? NULL
							   : ecs_endpoint_format(&endpoint, buf);
	case ECS_TYPE_POLICY:
		return ecs_policy_parse(text, &policy) ? NULL : ecs_policy_format(&policy, buf);
	default:
		return NULL;
	}
}

static bool has_canonical(const struct ecs_param *param)
{
	return param->type == ECS_TYPE_MAC || param->type >= ECS_TYPE_PREFIX4;
}

static bool string_valid(const struct ecs_param *param, const char *text)
{
	char buf[CANONICAL_MAX];

	if (has_canonical(param))
		return canonical(param, text, buf);
	switch (param->type) {
	case ECS_TYPE_IFNAME:
		return ecs_ifname_valid(text);
	case ECS_TYPE_NAME:
		return ecs_name_valid(text);
	case ECS_TYPE_PATTERN:
		return ecs_pattern_valid(text);
	case ECS_TYPE_CHOICE:
		return choice_valid(param->choices, text);
	case ECS_TYPE_PATH:
		return *text && strlen(text) < PATH_MAX;
	case ECS_TYPE_TEXT:
		return ecs_text_valid(text);
	default:
		return false;
	}
}

static bool uint_valid(const struct ecs_param *param, const json_t *value)
{
	json_int_t number = json_integer_value(value);

	if (!json_is_integer(value) || number < 0)
		return false;
	return (number == 0 && param->zero) ||
	       ((uint64_t)number >= param->min && (uint64_t)number <= param->max);
}

bool ecs_param_check(const struct ecs_param *param, json_t *value)
{
	const char *text = json_string_value(value);
	char buf[CANONICAL_MAX];

	if (param->nullable && json_is_null(value))
		return true;
	if (param->type == ECS_TYPE_FLAG)
		return json_is_boolean(value);
	if (param->type == ECS_TYPE_UINT)
		return uint_valid(param, value);
	/* A string "none" would come back as the value null from a saved file. */
	if (!text || !string_valid(param, text) || (param->nullable && !strcmp(text, "none")))
		return false;
	if (has_canonical(param) && canonical(param, text, buf))
		return json_string_set(value, buf) == 0;
	return true;
}

json_t *ecs_param_from_text(const struct ecs_param *param, const char *text)
{
	uint64_t number;
	json_t *value;

	if (param->nullable && !strcmp(text, "none"))
		return json_null();
	if (param->type == ECS_TYPE_UINT) {
		if (ecs_uint_parse(text, 0, INT64_MAX, &number) < 0)
			return NULL;
		value = json_integer((json_int_t)number);
	} else {
		value = json_string(text); /* NULL if it is no UTF-8 */
	}
	if (value && ecs_param_check(param, value))
		return value;
	json_decref(value);
	return NULL;
}

int ecs_command_complete(const struct ecs_command *command, const json_t *params,
			 struct ecs_err *err)
{
	char expects[ECS_EXPECTS_MAX], synopsis[ECS_SYNOPSIS_MAX];
	bool some = !(command->flags & ECS_COMMAND_SET);

	ecs_command_synopsis(command, synopsis, sizeof(synopsis));
	for (const struct ecs_param *param = command->params; param->type; param++) {
		bool given = json_object_get(params, param->name) != NULL;

		if (!given && !param->optional)
			return ecs_fail(
				err, -EINVAL, "%s: %s is missing: expected %s; usage: %s",
				command->words, param->keyword ? param->keyword : param->meta,
				ecs_param_expects(param, expects, sizeof(expects)), synopsis);
		some |= given && param->optional;
	}
	if (!some)
		return ecs_fail(err, -EINVAL, "%s: nothing to change was given; usage: %s",
				command->words, synopsis);
	return 0;
}

/* Edit distance with swaps of neighbours (optimal string alignment). */
static size_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][EDIT_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b_len; j++)
		last[j] = before[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *spare = before;

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t cost = last[j - 1] + (a[i - 1] != b[j - 1]);

			cost = last[j] + 1 < cost ? last[j] + 1 : cost;
			cost = row[j - 1] + 1 < cost ? row[j - 1] + 1 : cost;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < cost)
				cost = before[j - 2] + 1;
			row[j] = cost;
		}
		before = last;
		last = row;
		row = spare;
	}
	return last[b_len];
}

void ecs_nearest_offer(struct ecs_nearest *nearest, const char *candidate, size_t len)
{
	size_t word_len = strlen(nearest->word), distance;

	if (word_len > EDIT_MAX || len >= sizeof(nearest->best))
		return;
	distance = edit_distance(nearest->word, word_len, candidate, len);
	/* Further away than this is no typing error but another word. */
	if (distance > 1 + len / 4 || (nearest->best[0] && distance >= nearest->distance))
		return;
	memcpy(nearest->best, candidate, len);
	nearest->best[len] = '\0';
	nearest->distance = distance;
}

char *ecs_nearest_hint(const struct ecs_nearest *nearest, char *buf, size_t size)
{
	buf[0] = '\0';
	if (nearest->best[0])
		snprintf(buf, size, "; did you mean \"%s\"?", nearest->best);
	return buf;
}
