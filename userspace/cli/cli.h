/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of ecswitchctl. Nothing here knows a command by name unless it does it itself: the
 * table in userspace/lib/commands.c says what there is.
 */
#ifndef ECSWITCH_CLI_H
#define ECSWITCH_CLI_H

#include <stdbool.h>
#include <jansson.h>
#include <ecswitch/err.h>

#include "../lib/commands.h"

enum ecs_cli_exit {
	ECS_CLI_DONE = 0,
	ECS_CLI_FAILED = 1, /* refused or failed */
	ECS_CLI_USAGE = 2,
};

struct ecs_cli {
	const char *instance;
	unsigned int timeout_ms;
	bool json;
	bool dry_run;
	bool if_needed;
};

/** ecs_cli_help - usage, options and all commands, to stdout. */
void ecs_cli_help(void);

/**
 * ecs_cli_command_help - help on the commands that start with some words, to stdout
 *
 * Return: 0; -EINVAL if there is none.
 */
int ecs_cli_command_help(int argc, char *const argv[], struct ecs_err *err);

/** ecs_cli_synopsis - the synopsis of each command, one a line, to stdout. */
void ecs_cli_synopsis(void);

/**
 * ecs_cli_script_read - a file of commands as the parameters of apply and batch
 * @path:   "-" = stdin
 * @params: out, new {"name", "commands"}
 *
 * Return: 0; -errno with FILE:LINE in the text.
 */
int ecs_cli_script_read(const struct ecs_cli *cli, const char *path, json_t **params,
			struct ecs_err *err);

/**
 * ecs_cli_script_check - validate a file as far as that is possible without the daemon
 * @result: out, new {"file", "commands"}: how many there are
 *
 * Return: 0; -errno with FILE:LINE in the text.
 */
int ecs_cli_script_check(const struct ecs_cli *cli, const char *path, json_t **result,
			 struct ecs_err *err);

/**
 * ecs_cli_complete - candidates for the last of some words, one a line, to stdout
 *
 * The daemon is asked for names, for a moment. "@files" stands for file names.
 */
void ecs_cli_complete(int argc, char *const argv[]);

#endif
