/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one grammar: a table of commands with typed parameters. The command line, the
 * configuration file, the JSON-RPC methods, shell completion and the manual's synopsis all
 * come from it. Parsing here needs no daemon.
 */
#ifndef ECSWITCH_COMMANDS_H
#define ECSWITCH_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <jansson.h>
#include <ecswitch/err.h>

#define ECS_PARAMS_MAX 16
#define ECS_WORDS_MAX 64 /* words of one line */
#define ECS_SYNOPSIS_MAX 512

enum ecs_type {
	ECS_TYPE_NONE = 0, /* end of the list */
	ECS_TYPE_IFNAME,   /* JSON string */
	ECS_TYPE_NAME,	   /* network; JSON string */
	ECS_TYPE_PATTERN,  /* JSON string */
	ECS_TYPE_MAC,	   /* JSON string, canonical lower case */
	ECS_TYPE_UINT,	   /* JSON integer in [min, max] */
	ECS_TYPE_CHOICE,   /* JSON string, one of choices "a|b|c" */
	ECS_TYPE_FLAG,	   /* keyword without value; JSON true */
	ECS_TYPE_PATH,	   /* JSON string; completes files */
	ECS_TYPE_TEXT,	   /* a name of others; JSON string */
	ECS_TYPE_PREFIX4,  /* IPv4 address and prefix length; JSON string, canonical */
	ECS_TYPE_PREFIX6,  /* the same for IPv6 */
	ECS_TYPE_ADDR,	   /* address of either family; JSON string */
	ECS_TYPE_PORTS,	   /* port or LOW-HIGH; JSON string, canonical */
	ECS_TYPE_ENDPOINT, /* IP address with an optional port; JSON string, canonical */
	ECS_TYPE_POLICY,   /* of a cast's receiver; several words; JSON string, canonical */
};

struct ecs_param {
	const char *name; /* key in the JSON-RPC parameters, lower case with underscores */
	enum ecs_type type;
	const char *keyword; /* word before the value ("network"); NULL = positional */
	bool optional;
	bool nullable;	   /* the word "none" is a value too: JSON null; after a flag, in a "set" */
	bool zero;	   /* ECS_TYPE_UINT: 0 is allowed beside [min, max] */
	uint64_t min, max; /* ECS_TYPE_UINT */
	const char *choices; /* ECS_TYPE_CHOICE */
	const char *meta;    /* how help shows the value ("VID") */
};

#define ECS_COMMAND_CONFIG (1u << 0) /* changes the desired state; may stand in a file */
#define ECS_COMMAND_WRITE (1u << 1)  /* root only */
#define ECS_COMMAND_LOCAL (1u << 2)  /* the CLI does it, with or without the daemon */
#define ECS_COMMAND_SCRIPT (1u << 3) /* the CLI reads the file and sends its parsed lines */
#define ECS_COMMAND_STREAM (1u << 4) /* answers with notifications until the client leaves */
#define ECS_COMMAND_SET (1u << 5)    /* needs at least one of its optional parameters */

struct ecs_command {
	const char *words;  /* "network add" */
	const char *method; /* "network.add" */
	unsigned int flags;
	const char *help; /* one sentence, no full stop */
	struct ecs_param params[ECS_PARAMS_MAX];
};

/* Table, ended by an entry whose words are NULL. */
extern const struct ecs_command ecs_commands[];

/** ecs_command_by_method - exact name. Return: entry or NULL. */
const struct ecs_command *ecs_command_by_method(const char *method);

/**
 * ecs_command_parse - words to command and JSON-RPC parameters
 * @argc, @argv: the words, without the program's name and options; "--if-needed" may stand
 *               anywhere in a CONFIG command and becomes "if_needed": true
 * @out:         table entry
 * @params:      new JSON object; the caller's
 * @err:         names the word that is wrong, what was expected, and the nearest command
 *
 * Return: 0; -EINVAL.
 */
int ecs_command_parse(int argc, char *const argv[], const struct ecs_command **out, json_t **params,
		      struct ecs_err *err);

/**
 * ecs_params_check - validate parameters that came by JSON-RPC against the table
 *
 * Unknown keys, missing ones, wrong types and ranges are errors that name the key. "if_needed"
 * (CONFIG commands) and "dry_run" (WRITE commands) are booleans. MACs are made canonical in place.
 * SCRIPT commands have {"name", "commands"} instead of their path, and each of the commands, which
 * must be CONFIG commands, is checked too.
 * Return: 0; -EINVAL.
 */
int ecs_params_check(const struct ecs_command *command, json_t *params, struct ecs_err *err);

/** ecs_command_format - a command line that parses back to @params (save, dry run), malloc'd. */
char *ecs_command_format(const struct ecs_command *command, const json_t *params);

/** ecs_command_synopsis - "network add NAME [uplink IF] [vlan VID]" into @buf. */
void ecs_command_synopsis(const struct ecs_command *command, char *buf, size_t size);

/**
 * ecs_script_parse - a configuration file to a JSON array of commands
 * @in:    text, one command a line, `#` starts a comment, blank lines are skipped; words may be
 *         quoted with "..."
 * @name:  for messages
 * @out:   new array of {"line": N, "method": "...", "params": {...}}
 * @err:   "NAME:LINE: ..." of the first error
 *
 * Only ECS_COMMAND_CONFIG commands are allowed. Lines of over 4,096 bytes, NUL bytes and more
 * than 65,536 lines are errors. Return: 0; -EINVAL; -errno of reading.
 */
int ecs_script_parse(FILE *in, const char *name, json_t **out, struct ecs_err *err);

#endif
