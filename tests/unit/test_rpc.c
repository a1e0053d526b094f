// SPDX-License-Identifier: Apache-2.0
/*
 * Messages from anybody, and the ones that go out.
 */
#include "unit.h"

#include <errno.h>

#include "userspace/lib/rpc.h"

static int parse(const char *text, size_t len, int *code, struct ecs_err *err)
{
	struct ecs_request request;
	json_t *message = (json_t *)-1;
	int rc = ecs_request_parse(text, len, &message, &request, code, err);

	if (rc < 0)
		assert_null(message);
	else
		json_decref(message);
	return rc;
}

static void a_request_has_method_id_and_params(void **state)
{
	static const char line[] = "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"port.del\","
				   "\"params\":{\"port\":\"a\"}}";
	struct ecs_request request;
	struct ecs_err err;
	json_t *message;
	int code;

	assert_int_equal(ecs_request_parse(line, sizeof(line) - 1, &message, &request, &code, &err),
			 0);
	assert_string_equal(request.method, "port.del");
	assert_int_equal(json_integer_value(request.id), 7);
	assert_string_equal(json_string_value(json_object_get(request.params, "port")), "a");
	json_decref(message);
}

static void a_notification_has_no_id(void **state)
{
	static const char line[] = "{\"jsonrpc\":\"2.0\",\"method\":\"x\"}";
	struct ecs_request request;
	json_t *message;
	int code;

	assert_int_equal(ecs_request_parse(line, sizeof(line) - 1, &message, &request, &code, NULL),
			 0);
	assert_null(request.id);
	assert_null(request.params);
	json_decref(message);
}

static void garbage_gets_its_error(void **state)
{
	static const struct {
		const char *text;
		int code;
	} cases[] = {
		{"", ECS_RPC_PARSE_ERROR},
		{"hello", ECS_RPC_PARSE_ERROR},
		{"{\"jsonrpc\":\"2.0\",\"method\":\"sh", ECS_RPC_PARSE_ERROR},
		{"{\"jsonrpc\":\"2.0\",\"method\":\"show\"} {}", ECS_RPC_PARSE_ERROR},
		{"{\"jsonrpc\":\"2.0\",\"method\":\"show\",\"method\":\"x\"}", ECS_RPC_PARSE_ERROR},
		{"{\"jsonrpc\":\"2.0\",\"method\":\"\xff\xfe\"}", ECS_RPC_PARSE_ERROR},
		{"{\"jsonrpc\":\"2.0\",\"method\":\"a\\u0000b\"}", ECS_RPC_PARSE_ERROR},
		{"{\"jsonrpc\":\"2.0\",\"id\":1e999,\"method\":\"x\"}", ECS_RPC_PARSE_ERROR},
		{"[]", ECS_RPC_INVALID_REQUEST},
		{"[{\"jsonrpc\":\"2.0\",\"method\":\"x\"}]", ECS_RPC_INVALID_REQUEST},
		{"{}", ECS_RPC_INVALID_REQUEST},
		{"{\"method\":\"x\"}", ECS_RPC_INVALID_REQUEST},
		{"{\"jsonrpc\":2.0,\"method\":\"x\"}", ECS_RPC_INVALID_REQUEST},
		{"{\"jsonrpc\":\"1.0\",\"method\":\"x\"}", ECS_RPC_INVALID_REQUEST},
		{"{\"jsonrpc\":\"2.0\"}", ECS_RPC_INVALID_REQUEST},
		{"{\"jsonrpc\":\"2.0\",\"method\":5}", ECS_RPC_INVALID_REQUEST},
		{"{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"id\":{}}", ECS_RPC_INVALID_REQUEST},
		{"{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"id\":true}", ECS_RPC_INVALID_REQUEST},
		{"{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"params\":[1]}", ECS_RPC_INVALID_PARAMS},
		{"{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"params\":\"p\"}", ECS_RPC_INVALID_PARAMS},
		{"{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"params\":null}", ECS_RPC_INVALID_PARAMS},
	};

	for (size_t i = 0; i < ECS_ARRAY_SIZE(cases); i++) {
		struct ecs_err err = {};
		int code = 0;

		if (parse(cases[i].text, strlen(cases[i].text), &code, &err) != -EINVAL)
			fail_msg("%s was taken", cases[i].text);
		if (code != cases[i].code)
			fail_msg("%s: code %d, expected %d", cases[i].text, code, cases[i].code);
		assert_true(err.text[0]);
		assert_null(strchr(err.text, '\n'));
	}
}

static void a_nul_byte_is_no_json(void **state)
{
	static const char line[] = "{\"jsonrpc\":\"2.0\",\0\"method\":\"x\"}";
	int code = 0;

	assert_int_equal(parse(line, sizeof(line) - 1, &code, NULL), -EINVAL);
	assert_int_equal(code, ECS_RPC_PARSE_ERROR);
}

static void deep_nesting_is_refused_without_a_crash(void **state)
{
	size_t len = 1u << 20;
	ECS_FREE char *text = malloc(len);
	int code = 0;

	memset(text, '[', len);
	assert_int_equal(parse(text, len, &code, NULL), -EINVAL);
	assert_int_equal(code, ECS_RPC_PARSE_ERROR);
	for (size_t i = 0; i < len; i += 5)
		memcpy(text + i, "{\"a\":", len - i < 5 ? len - i : 5);
	assert_int_equal(parse(text, len, &code, NULL), -EINVAL);
}

static void messages_have_a_largest_size(void **state)
{
	static const char head[] = "{\"jsonrpc\":\"2.0\",\"method\":\"", tail[] = "\"}";
	size_t len = ECS_RPC_LINE_MAX + 1;
	ECS_FREE char *text = malloc(len);
	int code = 0;

	memset(text, 'a', len);
	memcpy(text, head, strlen(head));
	memcpy(text + ECS_RPC_LINE_MAX - strlen(tail), tail, strlen(tail));
	assert_int_equal(parse(text, ECS_RPC_LINE_MAX, &code, NULL), 0);
	text[ECS_RPC_LINE_MAX] = ' ';
	assert_int_equal(parse(text, len, &code, NULL), -EINVAL);
	assert_int_equal(code, ECS_RPC_INVALID_REQUEST);
}

static void messages_out_are_as_the_standard_says(void **state)
{
	json_t *id = json_string("x");

	unit_assert_json(ecs_rpc_request(3, "show", NULL),
			 "{'jsonrpc':'2.0','id':3,'method':'show'}");
	unit_assert_json(ecs_rpc_request(3, "save", json_pack("{s:s}", "path", "/a")),
			 "{'jsonrpc':'2.0','id':3,'method':'save','params':{'path':'/a'}}");
	unit_assert_json(ecs_rpc_result(id, json_true()),
			 "{'jsonrpc':'2.0','id':'x','result':true}");
	unit_assert_json(ecs_rpc_result(NULL, NULL), "{'jsonrpc':'2.0','id':null,'result':null}");
	unit_assert_json(ecs_rpc_error(id, -32000, "no"),
			 "{'jsonrpc':'2.0','id':'x','error':{'code':-32000,'message':'no'}}");
	unit_assert_json(ecs_rpc_event(json_pack("{s:i}", "a", 1)),
			 "{'jsonrpc':'2.0','method':'event','params':{'a':1}}");
	assert_int_equal(id->refcount, 1);
	json_decref(id);
}

static void an_error_of_any_bytes_can_be_sent(void **state)
{
	unit_assert_json(ecs_rpc_error(NULL, -1, "cut \xc3"),
			 "{'jsonrpc':'2.0','id':null,'error':{'code':-1,'message':'cut ?'}}");
}

static void paths_follow_the_instance(void **state)
{
	ECS_FREE char *sock = NULL, *pins = NULL, *conf = NULL, *main_conf = NULL, *moved = NULL;

	unsetenv("ECSWITCH_RUNDIR");
	sock = ecs_path_socket("blue");
	pins = ecs_path_pins("blue");
	conf = ecs_path_config("blue");
	main_conf = ecs_path_config("main");
	setenv("ECSWITCH_RUNDIR", "/tmp/x", 1);
	moved = ecs_path_lock("blue");
	assert_string_equal(sock, "/run/ecswitch/blue.sock");
	assert_string_equal(pins, "/sys/fs/bpf/ecswitch/blue");
	assert_string_equal(conf, "/etc/ecswitch/blue.conf");
	assert_string_equal(main_conf, "/etc/ecswitch/ecswitch.conf");
	assert_string_equal(moved, "/tmp/x/blue.lock");
	assert_true(ecs_instance_valid("blue"));
	assert_false(ecs_instance_valid("../blue"));
	assert_false(ecs_instance_valid(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_has_method_id_and_params),
		cmocka_unit_test(a_notification_has_no_id),
		cmocka_unit_test(garbage_gets_its_error),
		cmocka_unit_test(a_nul_byte_is_no_json),
		cmocka_unit_test(deep_nesting_is_refused_without_a_crash),
		cmocka_unit_test(messages_have_a_largest_size),
		cmocka_unit_test(messages_out_are_as_the_standard_says),
		cmocka_unit_test(an_error_of_any_bytes_can_be_sent),
		cmocka_unit_test(paths_follow_the_instance),
	};

	return cmocka_run_group_tests_name("rpc", tests, NULL, NULL);
}
