// SPDX-License-Identifier: Apache-2.0
/*
 * ecswitchctl: reads the command line by the table, asks the daemon, prints the answer.
 */
#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ecswitch/cleanup.h>

#include "../lib/client.h"
#include "../lib/rpc.h"
#include "../lib/types.h"
#include "cli.h"
#include "render.h"

enum {
	OPT_JSON = 256,
	OPT_TIMEOUT,
	OPT_DRY_RUN,
	OPT_IF_NEEDED,
	OPT_SYNOPSIS,
};

static const struct option options[] = {
	{"instance", required_argument, NULL, 'i'},
	{"json", no_argument, NULL, OPT_JSON},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
	{"dry-run", no_argument, NULL, OPT_DRY_RUN},
	{"if-needed", no_argument, NULL, OPT_IF_NEEDED},
	{"synopsis", no_argument, NULL, OPT_SYNOPSIS},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{},
};

static int fail(enum ecs_cli_exit status, const char *text)
{
	struct ecs_err err;

	/* The words of the user are in it, and a terminal obeys what they contain. */
	snprintf(err.text, sizeof(err.text), "%s", text);
	fprintf(stderr, "ecswitchctl: %s\n", ecs_text_clean(err.text));
	return status;
}

/* A reader that has seen enough and left, as head(1) does, is no failure. */
static int finish_output(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return ECS_CLI_DONE;
	if (errno == EPIPE)
		return ECS_CLI_DONE;
	return fail(ECS_CLI_FAILED, "the output could not be written; is the disk full?");
}

static int print_result(const struct ecs_cli *cli, const char *method, const json_t *result)
{
	if (cli->json)
		ecs_render_json(stdout, result);
	else if (cli->dry_run)
		ecs_render_plan(stdout, result);
	else if (ecs_render(stdout, method, result) < 0)
		return fail(ECS_CLI_FAILED, "out of memory");
	return finish_output();
}

static int follow(const struct ecs_cli *cli, struct ecs_client *client)
{
	struct ecs_err err;

	for (;;) {
		json_t *event;

		if (ecs_client_next(client, &event, &err) < 0)
			return fail(ECS_CLI_FAILED, err.text);
		if (cli->json) {
			json_dumpf(event, stdout, JSON_COMPACT);
			putchar('\n');
		} else {
			ecs_render_event(stdout, event);
		}
		json_decref(event);
		if (fflush(stdout) != 0)
			return finish_output();
	}
}

static int call(const struct ecs_cli *cli, const struct ecs_command *command, json_t *params)
{
	struct ecs_client *client;
	struct ecs_err err;
	json_t *result;
	int rc = ecs_client_open(&client, cli->instance, cli->timeout_ms, &err);

	if (rc < 0) {
		json_decref(params);
		return fail(ECS_CLI_FAILED, err.text);
	}
	rc = ecs_client_call(client, command->method, params, &result, &err);
	if (rc < 0) {
		rc = fail(ECS_CLI_FAILED, err.text);
	} else {
		rc = command->flags & ECS_COMMAND_STREAM
			     ? follow(cli, client)
			     : print_result(cli, command->method, result);
		json_decref(result);
	}
	ecs_client_close(client);
	return rc;
}

/* The tool's version and, if it runs, the daemon's. */
static int show_version(const struct ecs_cli *cli)
{
	struct ecs_client *client;
	json_t *daemon = NULL, *result;
	struct ecs_err err = {};
	int rc;

	if (ecs_client_open(&client, cli->instance, cli->timeout_ms, &err) == 0) {
		if (ecs_client_call(client, "version", NULL, &daemon, &err) < 0)
			daemon = NULL;
		ecs_client_close(client);
	}
	result = json_pack("{s:O?, s:O?, s:s}", "version", json_object_get(daemon, "version"),
			   "abi", json_object_get(daemon, "abi"), "client", PACKAGE_VERSION);
	json_decref(daemon);
	if (!cli->json) {
		const char *version = json_string_value(json_object_get(result, "version"));

		printf("ecswitchctl %s\n%s%s\n", PACKAGE_VERSION, version ? "ecswitchd " : "",
		       version ? version : err.text);
		rc = finish_output();
	} else {
		rc = print_result(cli, "version", result);
	}
	json_decref(result);
	return rc;
}

static int check_file(const struct ecs_cli *cli, const char *path)
{
	struct ecs_err err;
	json_t *result;
	int rc;

	if (ecs_cli_script_check(cli, path, &result, &err) < 0)
		return fail(ECS_CLI_FAILED, err.text);
	if (cli->json) {
		rc = print_result(cli, "check", result);
	} else {
		printf("%s: %d commands, no errors\n",
		       json_string_value(json_object_get(result, "file")),
		       (int)json_integer_value(json_object_get(result, "commands")));
		rc = finish_output();
	}
	json_decref(result);
	return rc;
}

/* The daemon has another working folder. */
static int make_absolute(json_t *params, struct ecs_err *err)
{
	const char *path = json_string_value(json_object_get(params, "path"));
	ECS_FREE char *absolute = NULL;
	char cwd[PATH_MAX];

	if (!path || path[0] == '/')
		return 0;
	if (!getcwd(cwd, sizeof(cwd)))
		return ecs_fail(err, -errno, "the current folder has no name: %m");
	if (asprintf(&absolute, "%s/%s", cwd, path) < 0 ||
	    json_object_set_new(params, "path", json_string(absolute)) < 0)
		return ecs_fail(err, -EINVAL, "the current folder's name is not UTF-8");
	return 0;
}

/* Adds what the options say to a command's parameters. Return: 0; -EINVAL. */
static int take_options(const struct ecs_cli *cli, const struct ecs_command *command,
			json_t *params, struct ecs_err *err)
{
	bool script = command->flags & ECS_COMMAND_SCRIPT || !strcmp(command->method, "check");

	if (cli->if_needed && !(command->flags & ECS_COMMAND_CONFIG) && !script)
		return ecs_fail(err, -EINVAL, "--if-needed makes no sense with \"%s\"",
				command->words);
	if (cli->dry_run && !(command->flags & ECS_COMMAND_WRITE))
		return ecs_fail(err, -EINVAL, "--dry-run makes no sense with \"%s\"",
				command->words);
	if (cli->if_needed && !script)
		json_object_set_new(params, "if_needed", json_true());
	if (cli->dry_run && !script)
		json_object_set_new(params, "dry_run", json_true());
	return 0;
}

static int run_script(const struct ecs_cli *cli, const struct ecs_command *command,
		      const char *path)
{
	struct ecs_err err;
	json_t *params;

	if (ecs_cli_script_read(cli, path, &params, &err) < 0)
		return fail(ECS_CLI_FAILED, err.text);
	if (cli->dry_run)
		json_object_set_new(params, "dry_run", json_true());
	return call(cli, command, params);
}

static int run(const struct ecs_cli *cli, int argc, char *const argv[])
{
	const struct ecs_command *command;
	struct ecs_err err;
	json_t *params;
	const char *path;
	int rc;

	if (ecs_command_parse(argc, argv, &command, &params, &err) < 0)
		return fail(ECS_CLI_USAGE, err.text);
	path = json_string_value(json_object_get(params, "path"));
	rc = take_options(cli, command, params, &err);
	if (rc < 0)
		rc = fail(ECS_CLI_USAGE, err.text);
	else if (!strcmp(command->method, "version"))
		rc = show_version(cli);
	else if (!strcmp(command->method, "check"))
		rc = check_file(cli, path);
	else if (command->flags & ECS_COMMAND_SCRIPT)
		rc = run_script(cli, command, path);
	else if (make_absolute(params, &err) < 0)
		rc = fail(ECS_CLI_FAILED, err.text);
	else
		return call(cli, command, params);
	json_decref(params);
	return rc;
}

static int take_timeout(struct ecs_cli *cli, const char *text, struct ecs_err *err)
{
	uint64_t seconds;

	if (ecs_uint_parse(text, 1, 3600, &seconds) < 0)
		return ecs_fail(err, -EINVAL, "--timeout: \"%s\" is no number from 1 to 3600",
				text);
	cli->timeout_ms = (unsigned int)seconds * 1000;
	return 0;
}

static int take_option(struct ecs_cli *cli, int opt, char *const argv[], struct ecs_err *err)
{
	switch (opt) {
	case 'i':
		cli->instance = optarg;
		if (ecs_instance_valid(optarg))
			return 0;
		return ecs_fail(err, -EINVAL, "\"%s\" is no name of an instance", optarg);
	case OPT_JSON:
		cli->json = true;
		return 0;
	case OPT_TIMEOUT:
		return take_timeout(cli, optarg, err);
	case OPT_DRY_RUN:
		cli->dry_run = true;
		return 0;
	case OPT_IF_NEEDED:
		cli->if_needed = true;
		return 0;
	case ':':
		return ecs_fail(err, -EINVAL, "option \"%s\" needs a value", argv[optind - 1]);
	default:
		/* Of letters behind one "-" the first one is in optopt, of "--word" nothing, and of
		 * "--word=value" that takes none its number here. */
		if (optopt > UCHAR_MAX)
			return ecs_fail(err, -EINVAL, "option \"%s\" takes no value",
					argv[optind - 1]);
		if (optopt)
			return ecs_fail(err, -EINVAL,
					"unknown option \"-%c\"; ecswitchctl --help lists all",
					optopt);
		return ecs_fail(err, -EINVAL, "unknown option \"%s\"; ecswitchctl --help lists all",
				argv[optind - 1]);
	}
}

static int help(int argc, char *const argv[])
{
	struct ecs_err err;

	if (argc == 0)
		ecs_cli_help();
	else if (ecs_cli_command_help(argc, argv, &err) < 0)
		return fail(ECS_CLI_USAGE, err.text);
	return finish_output();
}

int main(int argc, char *argv[])
{
	struct ecs_cli cli = {.instance = "main", .timeout_ms = 5000};
	bool want_help = false;
	struct ecs_err err;
	int opt;

	setlocale(LC_ALL, "");
	signal(SIGPIPE, SIG_IGN);
	if (argc > 1 && !strcmp(argv[1], "--complete")) {
		ecs_cli_complete(argc - 2, argv + 2);
		return finish_output();
	}
	while ((opt = getopt_long(argc, argv, ":i:hV", options, NULL)) != -1) {
		if (opt == 'V') {
			puts("ecswitchctl " PACKAGE_VERSION);
			return finish_output();
		}
		if (opt == OPT_SYNOPSIS) {
			ecs_cli_synopsis();
			return finish_output();
		}
		if (opt == 'h')
			want_help = true;
		else if (take_option(&cli, opt, argv, &err) < 0)
			return fail(ECS_CLI_USAGE, err.text);
	}
	if (optind < argc && !strcmp(argv[optind], "help")) {
		want_help = true;
		optind++;
	}
	if (want_help)
		return help(argc - optind, argv + optind);
	if (optind == argc)
		return fail(ECS_CLI_USAGE, "no command given; ecswitchctl --help lists all");
	return run(&cli, argc - optind, argv + optind);
}
