// SPDX-License-Identifier: Apache-2.0
/*
 * The desired configuration as a whole: its limits, its copy, and the way to a file and back.
 */
#include "config_unit.h"

#include <errno.h>

/* Adds by a format with one number until it is refused. Return: how many were taken. */
__attribute__((format(printf, 2, 0))) static int fill(struct ecs_config *config, const char *fmt)
{
	char line[80];
	bool changed;

	for (int n = 0;; n++) {
		struct ecs_err err;
		int rc;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(line, sizeof(line), fmt, n);
#pragma GCC diagnostic pop
		rc = run(config, line, &changed, &err);
		if (rc == -ENOSPC)
			return n;
		if (rc < 0)
			fail_msg("%s: %s", line, err.text);
	}
}

static void each_list_has_its_limit(void **state)
{
	struct ecs_config *config = ecs_config_new();

	assert_int_equal(fill(config, "network add n%d"), ECS_NETWORKS_MAX);
	assert_int_equal(fill(config, "match add m%d* network n0"), ECS_MATCHES_MAX);
	assert_int_equal(fill(config, "port add a%d network n0"), ECS_NETWORK_PORTS_MAX);
	assert_int_equal(fill(config, "port add b%d network n1"), ECS_NETWORK_PORTS_MAX);
	assert_int_equal(fill(config, "port add c%d network n2"), ECS_NETWORK_PORTS_MAX);
	assert_int_equal(fill(config, "port add d%d network n3"), ECS_NETWORK_PORTS_MAX);
	assert_refused(config, "port add e network n4", -ENOSPC, "4096 ports");
	assert_refused(config, "port set a0 network n1", -ENOSPC, "1024 ports");
	assert_int_equal(fill(config, "patch add p%d q oneway"), ECS_PATCHES_MAX);
	ecs_config_free(config);
}

static void the_static_table_has_its_limit(void **state)
{
	struct ecs_config *config = ecs_config_new();
	const struct ecs_command *add = ecs_command_by_method("fdb.add");
	struct ecs_err err;
	bool changed;
	int n, rc = 0;

	for (n = 0; rc == 0; n++) {
		char mac[18];
		json_t *params;

		snprintf(mac, sizeof(mac), "02:00:00:00:%02x:%02x", n >> 8 & 255, n & 255);
		params = json_pack("{s:s, s:s}", "mac", mac, "port", "p");
		rc = ecs_config_apply(config, add, params, &changed, &err);
		json_decref(params);
	}
	assert_int_equal(rc, -ENOSPC);
	assert_int_equal(n - 1, ECS_STATIC_FDB_MAX);
	ecs_config_free(config);
}

static void a_dump_makes_the_same_again(void **state)
{
	struct ecs_config *config =
		MAKE("fdb add 02:00:00:00:00:05 eth0", "network add lan uplink eth0",
		     "network add dmz uplink eth0 vlan 5 ageing 0 fdb-limit 7",
		     "match add v* network lan kind tap", "match add w* network dmz",
		     "match add #x\"y network dmz", "port add p network lan", "patch add a b",
		     "patch add c b oneway", "fdb add 02:00:00:00:00:05 eth0 network lan",
		     "fdb add 02:00:00:00:00:06 p", "fdb add 02:00:00:00:00:06 z");
	ECS_FREE char *text = dump_text(config);
	ECS_FCLOSE FILE *in = fmemopen(text, strlen(text), "r");
	struct ecs_config *again = ecs_config_new();
	json_t *commands, *entry;
	struct ecs_err err;
	size_t i;

	assert_int_equal(ecs_script_parse(in, "dump", &commands, &err), 0);
	json_array_foreach (commands, i, entry) {
		const char *method = json_string_value(json_object_get(entry, "method"));
		bool changed;

		if (ecs_config_apply(again, ecs_command_by_method(method),
				     json_object_get(entry, "params"), &changed, &err) < 0)
			fail_msg("%s: %s", method, err.text);
	}
	json_decref(commands);
	ecs_config_free(config);
	assert_dump(again, text);
}

/* The code between the lines of ``` in a manual's source. */
static FILE *open_example(const char *name, char *text, size_t size)
{
	ECS_FREE char *path = NULL, *line = NULL;
	ECS_FCLOSE FILE *file = NULL;
	FILE *out = fmemopen(text, size, "w");
	bool inside = false;
	size_t room = 0;

	assert_true(asprintf(&path, "%s/docs/%s", TOP_SRCDIR, name) > 0);
	file = fopen(path, "r");
	assert_non_null(file);
	while (getline(&line, &room, file) > 0) {
		if (!strcmp(line, "```\n"))
			inside = !inside;
		else if (inside)
			fputs(line, out);
	}
	fclose(out);
	return fmemopen(text, strlen(text), "r");
}

static void the_example_of_the_manual_is_right(void **state)
{
	struct ecs_config *config = ecs_config_new();
	char text[8192];
	ECS_FCLOSE FILE *in = open_example("ecswitch.conf.5.scd", text, sizeof(text));
	json_t *commands, *entry;
	struct ecs_err err;
	size_t i;

	if (ecs_script_parse(in, "example", &commands, &err) < 0)
		fail_msg("%s", err.text);
	json_array_foreach (commands, i, entry) {
		const char *method = json_string_value(json_object_get(entry, "method"));
		bool changed;

		if (ecs_config_apply(config, ecs_command_by_method(method),
				     json_object_get(entry, "params"), &changed, &err) < 0)
			fail_msg("%s: %s", method, err.text);
	}
	assert_true(json_array_size(commands) > 5);
	json_decref(commands);
	ecs_config_free(config);
}

static void a_copy_lives_on_its_own(void **state)
{
	struct ecs_config *config = ecs_config_new(), *copy;
	char line[64];

	for (int i = 0; i < 9; i++) {
		snprintf(line, sizeof(line), "network add n%d", i);
		assert_done(config, line, true);
	}
	copy = ecs_config_copy(config);
	assert_done(config, "network del n3", true);
	assert_done(copy, "network add more", true);
	assert_null(ecs_config_network(config, "more"));
	assert_non_null(ecs_config_network(copy, "n3"));
	ecs_config_free(config);
	assert_int_equal(copy->networks_len, 10);
	ecs_config_free(copy);
	ecs_config_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_list_has_its_limit),
		cmocka_unit_test(the_static_table_has_its_limit),
		cmocka_unit_test(a_dump_makes_the_same_again),
		cmocka_unit_test(the_example_of_the_manual_is_right),
		cmocka_unit_test(a_copy_lives_on_its_own),
	};

	return cmocka_run_group_tests_name("config as a whole", tests, NULL, NULL);
}
