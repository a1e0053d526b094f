// SPDX-License-Identifier: Apache-2.0
/*
 * Help, from the table of commands.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../lib/grammar.h"
#include "cli.h"

static const char usage[] =
	"usage: ecswitchctl [OPTION]... COMMAND\n"
	"\n"
	"  -i, --instance NAME  the switch to talk to (main)\n"
	"      --json           print results as JSON\n"
	"      --timeout SEC    wait this long for the daemon (5)\n"
	"      --dry-run        print what a change would do, and do nothing\n"
	"      --if-needed      adding what is there and removing what is not is no error\n"
	"      --help           this text; after a command: help on it\n"
	"      --version        print the version of this tool\n";

void ecs_cli_help(void)
{
	printf("%s\ncommands:\n", usage);
	for (const struct ecs_command *command = ecs_commands; command->words; command++) {
		char synopsis[ECS_SYNOPSIS_MAX];

		ecs_command_synopsis(command, synopsis, sizeof(synopsis));
		printf("  %s\n      %s\n", synopsis, command->help);
	}
	printf("\nSee ecswitchctl(8) and ecswitch.conf(5).\n");
}

void ecs_cli_synopsis(void)
{
	for (const struct ecs_command *command = ecs_commands; command->words; command++) {
		char synopsis[ECS_SYNOPSIS_MAX];

		ecs_command_synopsis(command, synopsis, sizeof(synopsis));
		printf("%s\n", synopsis);
	}
}

static void print_command(const struct ecs_command *command)
{
	char synopsis[ECS_SYNOPSIS_MAX], expects[ECS_EXPECTS_MAX];

	ecs_command_synopsis(command, synopsis, sizeof(synopsis));
	printf("ecswitchctl %s\n    %s\n", synopsis, command->help);
	for (const struct ecs_param *param = command->params; param->type; param++) {
		if (param->type == ECS_TYPE_FLAG)
			printf("    %s\n", param->keyword);
		else
			printf("    %s%s%s: %s\n", param->keyword ? param->keyword : "",
			       param->keyword ? " " : "", ecs_param_word(param),
			       ecs_param_expects(param, expects, sizeof(expects)));
	}
}

/* Whether the command's words start with those of @argv. */
static bool starts_with(const char *words, int argc, char *const argv[])
{
	for (int i = 0; i < argc; i++) {
		size_t len = strcspn(words, " ");

		if (len != strlen(argv[i]) || strncmp(words, argv[i], len))
			return false;
		words += len;
		words += *words == ' ';
	}
	return true;
}

int ecs_cli_command_help(int argc, char *const argv[], struct ecs_err *err)
{
	/* "network add lan --help" too: the words that follow the command do not matter. */
	for (int n = argc; n > 0; n--) {
		bool found = false;

		for (const struct ecs_command *c = ecs_commands; c->words; c++) {
			if (!starts_with(c->words, n, argv))
				continue;
			print_command(c);
			found = true;
		}
		if (found)
			return 0;
	}
	return ecs_fail(err, -EINVAL, "there is no such command; ecswitchctl --help lists all");
}
