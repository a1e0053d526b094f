// SPDX-License-Identifier: Apache-2.0
/*
 * Shell completion: what may stand at the cursor, from the table, the kernel's interfaces and,
 * if it answers at once, the daemon. The shell's own part is packaging/ecswitchctl.bash.
 */
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ecswitch/cleanup.h>

#include "../lib/client.h"
#include "../lib/config.h"
#include "../lib/grammar.h"
#include "../lib/policy.h"
#include "cli.h"

#define DAEMON_WAIT_MS 200 /* longer would be felt while typing */

struct completion {
	const char *instance;
	const char *partial; /* the word at the cursor, perhaps empty */
	const struct ecs_command *command;
	json_t *given;			  /* parameters that have a value already */
	const struct ecs_param *value_of; /* keyword that waits for its value */
};

static void offer(const struct completion *c, const char *candidate, size_t len)
{
	size_t typed = strlen(c->partial);

	if (len >= typed && !strncmp(candidate, c->partial, typed))
		printf("%.*s\n", (int)len, candidate);
}

static void offer_text(const struct completion *c, const char *candidate)
{
	offer(c, candidate, strlen(candidate));
}

static void offer_interfaces(const struct completion *c)
{
	struct if_nameindex *links = if_nameindex();

	for (struct if_nameindex *link = links; link && link->if_index; link++)
		offer_text(c, link->if_name);
	if (links)
		if_freenameindex(links);
}

/* Values of @key in the answer to a list method. Return: whether the daemon answered. */
static bool offer_from_daemon(const struct completion *c, const char *method, const char *key)
{
	struct ecs_client *client;
	json_t *rows, *row;
	bool answered;
	size_t i;

	if (ecs_client_open(&client, c->instance, DAEMON_WAIT_MS, NULL) < 0)
		return false;
	answered = ecs_client_call(client, method, NULL, &rows, NULL) == 0;
	ecs_client_close(client);
	if (!answered)
		return false;
	json_array_foreach (rows, i, row) {
		const char *text = json_string_value(json_object_get(row, key));

		if (text)
			offer_text(c, text);
	}
	json_decref(rows);
	return true;
}

static void offer_choices(const struct completion *c, const char *choices)
{
	while (*choices) {
		size_t len = strcspn(choices, "|");

		offer(c, choices, len);
		choices += len;
		choices += *choices == '|';
	}
}

static bool ends_in(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && !strcmp(text + len - end_len, end);
}

/* The name that a command begins with is one of its own kind. */
static bool names_cast(const struct completion *c, const struct ecs_param *param)
{
	return !param->keyword && !strncmp(c->command->method, "cast.", strlen("cast."));
}

/* An "add" names what is new, so that only what exists elsewhere can be offered. */
static void offer_value(const struct completion *c, const struct ecs_param *param)
{
	const char *method = c->command->method;
	bool adds = ends_in(method, ".add");

	if (param->nullable && (c->command->flags & ECS_COMMAND_SET))
		offer_text(c, "none");
	switch (param->type) {
	case ECS_TYPE_IFNAME:
		if (!strcmp(param->name, "uplink"))
			offer_text(c, ECS_UPLINK_AUTO);
		if (adds || !strcmp(param->name, "uplink") ||
		    !offer_from_daemon(c, ends_in(method, "patch.del") ? "patch.list" : "port.list",
				       ends_in(method, "patch.del") ? param->name : "name"))
			offer_interfaces(c);
		break;
	case ECS_TYPE_NAME:
		if (!adds || param->keyword)
			offer_from_daemon(c, names_cast(c, param) ? "cast.list" : "network.list",
					  "name");
		break;
	case ECS_TYPE_PATTERN:
		if (!adds)
			offer_from_daemon(c, "match.list", "pattern");
		break;
	case ECS_TYPE_MAC:
		offer_from_daemon(c, "fdb.list", "mac");
		break;
	case ECS_TYPE_CHOICE:
		offer_choices(c, param->choices);
		break;
	case ECS_TYPE_POLICY: /* its first word */
		for (size_t i = 0; ecs_policy_word(i); i++)
			offer_text(c, ecs_policy_word(i));
		break;
	case ECS_TYPE_PATH:
		puts("@files");
		break;
	default:
		break;
	}
}

static const struct ecs_param *next_positional(const struct completion *c)
{
	for (const struct ecs_param *param = c->command->params; param->type; param++)
		if (!param->keyword && !json_object_get(c->given, param->name))
			return param;
	return NULL;
}

static void offer_params(const struct completion *c)
{
	const struct ecs_param *place = next_positional(c);

	if (c->value_of) {
		offer_value(c, c->value_of);
		return;
	}
	if (place)
		offer_value(c, place);
	if (place && !place->optional)
		return;
	for (const struct ecs_param *param = c->command->params; param->type; param++)
		if (param->keyword && !json_object_get(c->given, param->name))
			offer_text(c, param->keyword);
}

/* One word before the cursor, read as the parser would, without a look at its value. */
static void take_word(struct completion *c, const char *word)
{
	const struct ecs_param *place = next_positional(c);
	const struct ecs_param *param = ecs_param_by_keyword(c->command, word);

	if (c->value_of) {
		c->value_of = NULL;
		return;
	}
	if (!param || (place && !place->optional))
		param = place;
	else if (param->type != ECS_TYPE_FLAG)
		c->value_of = param;
	if (param)
		json_object_set_new(c->given, param->name, json_true());
}

/* How many of @words are the first words of a command, -1 if the others differ. */
static int words_matched(const char *words, int argc, char *const argv[])
{
	int n = 0;

	for (; *words && n < argc; n++) {
		size_t len = strcspn(words, " ");

		if (len != strlen(argv[n]) || strncmp(words, argv[n], len))
			return -1;
		words += len;
		words += *words == ' ';
	}
	return *words ? -1 : n;
}

/* Offers the word of each command that may follow the @argc given ones. */
static void offer_commands(const struct completion *c, int argc, char *const argv[])
{
	const char *last = "";
	size_t last_len = 0;

	for (const struct ecs_command *command = ecs_commands; command->words; command++) {
		const char *word = command->words;
		int n = 0;

		while (n < argc && strcspn(word, " ") == strlen(argv[n]) &&
		       !strncmp(word, argv[n], strlen(argv[n]))) {
			word += strcspn(word, " ");
			word += *word == ' ';
			n++;
		}
		if (n < argc || !*word ||
		    (strcspn(word, " ") == last_len && !strncmp(word, last, last_len)))
			continue;
		last = word;
		last_len = strcspn(word, " ");
		offer(c, word, last_len);
	}
}

static void offer_options(const struct completion *c)
{
	static const char *const names[] = {"--instance",  "--json", "--timeout", "--dry-run",
					    "--if-needed", "--help", "--version"};

	for (size_t i = 0; i < ECS_ARRAY_SIZE(names); i++)
		offer_text(c, names[i]);
}

/* The instance that a word names in itself, or NULL. */
static const char *instance_in(const char *word)
{
	static const char option[] = "--instance=";

	if (!strncmp(word, option, strlen(option)))
		return word + strlen(option);
	return !strncmp(word, "-i", 2) && word[2] ? word + 2 : NULL;
}

/*
 * Takes the tool's own options out of the words before the cursor.
 * Return: words left in @words; -1 if the cursor is at the value of an option.
 */
static int strip_options(struct completion *c, int argc, char *const argv[], char *words[])
{
	int n = 0;

	for (int i = 0; i < argc && n < ECS_WORDS_MAX; i++) {
		bool instance = !strcmp(argv[i], "-i") || !strcmp(argv[i], "--instance");

		if (!instance && strcmp(argv[i], "--timeout")) {
			if (instance_in(argv[i]))
				c->instance = instance_in(argv[i]);
			else if (argv[i][0] != '-')
				words[n++] = argv[i];
			continue;
		}
		if (++i == argc)
			return -1;
		if (instance)
			c->instance = argv[i];
	}
	return n;
}

void ecs_cli_complete(int argc, char *const argv[])
{
	struct completion c = {.instance = "main", .partial = argc > 0 ? argv[argc - 1] : ""};
	char *words[ECS_WORDS_MAX];
	int n = strip_options(&c, argc - 1, argv, words), used = 0;

	if (n < 0)
		return;
	if (c.partial[0] == '-') {
		offer_options(&c);
		return;
	}
	for (const struct ecs_command *command = ecs_commands; command->words; command++) {
		int matched = words_matched(command->words, n, words);

		if (matched > used) {
			c.command = command;
			used = matched;
		}
	}
	offer_commands(&c, n, words);
	if (!c.command)
		return;
	c.given = json_object();
	for (int i = used; i < n; i++)
		take_word(&c, words[i]);
	offer_params(&c);
	json_decref(c.given);
}
