// SPDX-License-Identifier: Apache-2.0
/*
 * ecswitchctl itself, as a program: what it prints where, and its exit status.
 */
#include "fake_daemon.h"

struct outcome {
	int status;
	char out[16384], err[2048];
};

static void read_back(const char *path, char *text, size_t size)
{
	ECS_FCLOSE FILE *file = fopen(path, "r");

	assert_non_null(file);
	text[fread(text, 1, size - 1, file)] = '\0';
	unlink(path);
}

/* Runs a shell line with $ctl for the tool, at most 20 seconds. */
static struct outcome run(const struct fake_daemon *fake, const char *line)
{
	struct outcome outcome;
	ECS_FREE char *command = NULL, *out = NULL, *err = NULL;
	int status;

	assert_true(asprintf(&out, "%s/out", fake->dir) > 0);
	assert_true(asprintf(&err, "%s/err", fake->dir) > 0);
	assert_true(asprintf(&command,
			     "ctl='timeout 20 " TOP_BUILDDIR
			     "/ecswitchctl'; { %s; } >%s 2>%s </dev/null",
			     line, out, err) > 0);
	status = system(command);
	assert_true(WIFEXITED(status));
	outcome.status = WEXITSTATUS(status);
	read_back(out, outcome.out, sizeof(outcome.out));
	read_back(err, outcome.err, sizeof(outcome.err));
	return outcome;
}

/* A failure: this status, nothing on stdout, and one line on stderr that contains @text. */
static void assert_failure(const struct outcome *outcome, int status, const char *text)
{
	unit_assert_has(outcome->err, text);
	assert_int_equal(outcome->status, status);
	assert_string_equal(outcome->out, "");
	assert_memory_equal(outcome->err, "ecswitchctl: ", 13);
	assert_ptr_equal(strchr(outcome->err, '\n'), outcome->err + strlen(outcome->err) - 1);
}

static void assert_success(const struct outcome *outcome, const char *out)
{
	assert_string_equal(outcome->err, "");
	assert_int_equal(outcome->status, 0);
	assert_string_equal(outcome->out, out);
}

static void wrong_command_lines_exit_2(void **state)
{
	static const struct {
		const char *line, *text;
	} cases[] = {
		{"$ctl", "no command given"},
		{"$ctl netwrk list", "did you mean \"network\"?"},
		{"$ctl monitor extra", "unexpected word \"extra\"; usage: monitor"},
		{"$ctl network add lan vlna 5",
		 "\"vlna\"; did you mean \"vlan\"? usage: network add"},
		{"$ctl network add lan vlan x", "\"x\" is no value for vlan"},
		{"$ctl nat forward add icmp 7 to 10.0.0.9 network vms", "no value for proto:"},
		{"$ctl nat flows xyzzy", "unexpected word \"xyzzy\"; usage: nat flows"},
		{"$ctl --frob show", "unknown option \"--frob\""},
		{"$ctl --timeout", "\"--timeout\" needs a value"},
		{"$ctl --timeout 0 show", "--timeout"},
		{"$ctl -i ../x show", "no name of an instance"},
		{"$ctl --dry-run show", "--dry-run makes no sense"},
		{"$ctl --if-needed show", "--if-needed makes no sense"},
		{"$ctl frob --help", "no such command"},
		{"$ctl \"$(printf 'a\\nb')\"", "unknown command \"a?b\""},
	};
	struct fake_daemon fake;

	fake_daemon_listen(&fake, 5);
	for (size_t i = 0; i < ECS_ARRAY_SIZE(cases); i++) {
		struct outcome outcome = run(&fake, cases[i].line);

		assert_failure(&outcome, 2, cases[i].text);
	}
	fake_daemon_stop(&fake);
}

static void help_and_version_need_no_daemon(void **state)
{
	struct fake_daemon fake;
	struct outcome outcome;

	fake_daemon_listen(&fake, 5);
	outcome = run(&fake, "$ctl --help");
	assert_int_equal(outcome.status, 0);
	for (const struct ecs_command *c = ecs_commands; c->words; c++) {
		unit_assert_has(outcome.out, c->words);
		unit_assert_has(outcome.out, c->help);
	}
	outcome = run(&fake, "$ctl fdb add --help");
	assert_int_equal(outcome.status, 0);
	unit_assert_has(outcome.out, "ecswitchctl fdb add MAC IF [network NAME]\n");
	outcome = run(&fake, "$ctl help fdb add");
	assert_int_equal(outcome.status, 0);
	unit_assert_has(outcome.out, "ecswitchctl fdb add MAC IF [network NAME]\n");
	outcome = run(&fake, "$ctl --version");
	assert_success(&outcome, "ecswitchctl " PACKAGE_VERSION "\n");
	outcome = run(&fake, "$ctl -i absent version");
	assert_int_equal(outcome.status, 0);
	unit_assert_has(outcome.out, "ecswitchctl " PACKAGE_VERSION "\n");
	unit_assert_has(outcome.out, "ecswitchd is not running for instance absent");
	outcome = run(&fake, "$ctl --json=1 show");
	assert_int_equal(outcome.status, 2);
	unit_assert_has(outcome.err, "option \"--json=1\" takes no value");
	fake_daemon_stop(&fake);
}

static void a_daemon_that_is_down_or_mute_exits_1_in_time(void **state)
{
	struct fake_daemon fake;
	struct outcome outcome;

	fake_daemon_listen(&fake, 5);
	outcome = run(&fake, "$ctl -i absent show");
	assert_failure(&outcome, 1, "start it: ecswitchd -i absent");
	outcome = run(&fake, "$ctl --timeout 1 show");
	assert_failure(&outcome, 1, "did not answer within 1000 ms");
	fake_daemon_stop(&fake);
}

static void results_are_text_json_or_a_plan(void **state)
{
	struct fake_daemon fake;
	struct outcome outcome;

	fake_daemon_answer(&fake,
			   "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"changed\":true,"
			   "\"plan\":[\"attach a\"]}}\n",
			   false);
	outcome = run(&fake, "$ctl network add lan");
	assert_success(&outcome, "");
	outcome = run(&fake, "$ctl network add lan --dry-run");
	assert_success(&outcome, "attach a\n");
	outcome = run(&fake, "$ctl network del lan --json");
	assert_success(&outcome,
		       "{\n  \"changed\": true,\n  \"plan\": [\n    \"attach a\"\n  ]\n}\n");
	fake_daemon_stop(&fake);
}

static void a_refusal_exits_1_with_the_reason(void **state)
{
	struct fake_daemon fake;
	struct outcome outcome;

	fake_daemon_answer(&fake,
			   "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32000,"
			   "\"message\":\"lan exists; use set\"}}\n",
			   false);
	outcome = run(&fake, "$ctl network add lan");
	assert_failure(&outcome, 1, "ecswitchctl: lan exists; use set\n");
	fake_daemon_stop(&fake);
}

static void output_that_nobody_reads_is_no_crash(void **state)
{
	struct fake_daemon fake;
	struct outcome outcome;
	int fds[2];

	fake_daemon_listen(&fake, 5);
	assert_int_equal(pipe(fds), 0);
	close(fds[0]); /* the reader has left */
	assert_int_equal(dup2(fds[1], 9), 9);
	close(fds[1]);
	outcome = run(&fake, "$ctl --help >&9");
	assert_success(&outcome, "");
	close(9);
	outcome = run(&fake, "$ctl --help >/dev/full");
	assert_failure(&outcome, 1, "could not be written");
	fake_daemon_stop(&fake);
}

static void check_finds_wrong_words_and_wrong_meaning_without_a_daemon(void **state)
{
	struct fake_daemon fake;
	struct outcome outcome;

	fake_daemon_listen(&fake, 5);
	outcome = run(&fake, "printf 'network add lan\\n' | $ctl -i absent check -");
	assert_success(&outcome, "stdin: 1 commands, no errors\n");
	outcome = run(&fake, "printf 'network add lan\\n' | $ctl --json check -");
	assert_success(&outcome, "{\n  \"file\": \"stdin\",\n  \"commands\": 1\n}\n");
	outcome = run(&fake, "printf '#\\nnetwork add lan vlan 0\\n' | $ctl check -");
	assert_failure(&outcome, 1, "ecswitchctl: stdin:2: network add: \"0\" is no value");
	outcome = run(&fake, "printf 'network add a uplink e\\nnetwork add b uplink e\\n' | "
			     "$ctl check -");
	assert_failure(&outcome, 1, "ecswitchctl: stdin:2: e untagged already belongs");
	outcome = run(&fake, "printf 'match add v* network lan\\n' | $ctl check -");
	assert_failure(&outcome, 1, "stdin:1: there is no network lan");
	outcome = run(&fake, "$ctl check /nonexistent/file");
	assert_failure(&outcome, 1, "/nonexistent/file: cannot be opened");
	outcome = run(&fake, "$ctl check /");
	assert_failure(&outcome, 1, "/: cannot be read");
	outcome = run(&fake, "$ctl check /dev/zero");
	assert_failure(&outcome, 1, "longer than 4096");
	fake_daemon_stop(&fake);
}

static void a_wrong_script_does_not_reach_the_daemon(void **state)
{
	struct fake_daemon fake;
	struct outcome outcome;

	fake_daemon_listen(&fake, 5); /* mute: a call would time out */
	outcome = run(&fake, "printf 'port del a\\nport dle a\\n' | $ctl --timeout 1 batch -");
	assert_failure(&outcome, 1, "stdin:2: unknown word \"dle\"");
	fake_daemon_stop(&fake);
}

static void events_are_printed_as_they_come(void **state)
{
	static const char answer[] =
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"monitoring\":true}}\n"
		"{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{\"time\":\"T\","
		"\"type\":\"fdb_full\",\"network\":\"lan\"}}\n";
	struct fake_daemon fake;
	struct outcome outcome;

	fake_daemon_answer(&fake, answer, false);
	outcome = run(&fake, "$ctl monitor");
	assert_string_equal(outcome.out, "T fdb_full network=lan\n");
	assert_int_equal(outcome.status, 1);
	unit_assert_has(outcome.err, "closed the connection");
	outcome = run(&fake, "$ctl --json monitor");
	assert_string_equal(outcome.out,
			    "{\"time\":\"T\",\"type\":\"fdb_full\",\"network\":\"lan\"}\n");
	fake_daemon_stop(&fake);
}

static void completion_follows_the_table(void **state)
{
	static const struct {
		const char *line, *out;
	} cases[] = {
		{"$ctl --complete ne", "network\n"},
		{"$ctl --complete network ''", "list\nadd\nset\ndel\n"},
		{"$ctl --complete network add x v", "vlan\n"},
		{"$ctl --complete fdb flush port lo ''", "network\n"},
		{"$ctl --complete nat forward add t", "tcp\n"},
		{"$ctl --complete nat forward del tcp 5 ''", "network\n"},
		{"$ctl --complete match add x ''", "network\nkind\n"},
		{"$ctl --complete match add x kind t", "tap\n"},
		{"$ctl --complete cast to tv vm0 policy th", "thin\n"},
		{"$ctl --complete cast to tv vm0 policy thin 50% m", "mac\n"},
		{"$ctl --complete network set x vlan ''", "none\n"},
		{"$ctl --complete apply ''", "@files\n"},
		{"$ctl --complete --js", "--json\n"},
		{"$ctl --complete --json -i absent sh", "show\n"},
		{"$ctl --complete -i absent port del lo", "lo\n"},
		{"$ctl --complete port add lo", "lo\n"},
		{"$ctl --complete frob ''", ""},
		{"$ctl --complete show ''", ""},
		{"$ctl --complete --timeout ''", ""},
	};
	struct fake_daemon fake;

	fake_daemon_listen(&fake, 64);
	for (size_t i = 0; i < ECS_ARRAY_SIZE(cases); i++) {
		struct outcome outcome = run(&fake, cases[i].line);

		assert_success(&outcome, cases[i].out);
	}
	fake_daemon_stop(&fake);
}

static void completion_asks_the_daemon_for_names(void **state)
{
	struct fake_daemon fake;
	struct outcome outcome;

	fake_daemon_answer(&fake,
			   "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":[{\"name\":\"lan\"},"
			   "{\"name\":\"dmz\"}]}\n",
			   false);
	outcome = run(&fake, "$ctl --complete network del ''");
	assert_success(&outcome, "lan\ndmz\n");
	outcome = run(&fake, "$ctl --complete port show d");
	assert_success(&outcome, "dmz\n");
	fake_daemon_stop(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_command_lines_exit_2),
		cmocka_unit_test(help_and_version_need_no_daemon),
		cmocka_unit_test(a_daemon_that_is_down_or_mute_exits_1_in_time),
		cmocka_unit_test(results_are_text_json_or_a_plan),
		cmocka_unit_test(a_refusal_exits_1_with_the_reason),
		cmocka_unit_test(output_that_nobody_reads_is_no_crash),
		cmocka_unit_test(check_finds_wrong_words_and_wrong_meaning_without_a_daemon),
		cmocka_unit_test(a_wrong_script_does_not_reach_the_daemon),
		cmocka_unit_test(events_are_printed_as_they_come),
		cmocka_unit_test(completion_follows_the_table),
		cmocka_unit_test(completion_asks_the_daemon_for_names),
	};

	return cmocka_run_group_tests_name("ecswitchctl", tests, NULL, NULL);
}
