// SPDX-License-Identifier: Apache-2.0
/*
 * The client against daemons that are absent, mute, hostile, slow, or well.
 */
#include "fake_daemon.h"

#include <errno.h>
#include <time.h>

#include "userspace/lib/client.h"

#define WAIT_MS 150	/* for answers that do not come */
#define ENOUGH_MS 10000 /* for those that do */

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* One call to a daemon that answers with these bytes. */
static int call(const char *answer, bool piecewise, json_t **result, struct ecs_err *err)
{
	struct ecs_client *client;
	struct fake_daemon fake;
	int rc;

	fake_daemon_answer(&fake, answer, piecewise);
	assert_int_equal(ecs_client_open(&client, "main", ENOUGH_MS, err), 0);
	rc = ecs_client_call(client, "show", NULL, result, err);
	ecs_client_close(client);
	fake_daemon_stop(&fake);
	return rc;
}

static void an_absent_daemon_is_named_with_the_way_to_start_it(void **state)
{
	struct ecs_client *client;
	struct fake_daemon fake;
	struct ecs_err err;

	fake_daemon_listen(&fake, 1);
	assert_int_equal(ecs_client_open(&client, "blue", WAIT_MS, &err), -ENOENT);
	unit_assert_has(err.text, "not running for instance blue");
	unit_assert_has(err.text, "ecswitchd -i blue");
	close(fake.listener); /* the socket stays behind, as after a crash */
	assert_int_equal(ecs_client_open(&client, "main", WAIT_MS, &err), -ECONNREFUSED);
	unit_assert_has(err.text, "systemctl start ecswitchd");
	fake.listener = -1;
	fake_daemon_stop(&fake);
}

static void a_mute_daemon_times_the_call_out(void **state)
{
	struct ecs_client *client;
	struct fake_daemon fake;
	struct ecs_err err;
	json_t *result;
	int64_t start = now_ms(), took;

	fake_daemon_listen(&fake, 5);
	assert_int_equal(ecs_client_open(&client, "main", WAIT_MS, &err), 0);
	assert_int_equal(ecs_client_call(client, "show", NULL, &result, &err), -ETIMEDOUT);
	took = now_ms() - start;
	assert_in_range(took, WAIT_MS - 10, 5000);
	unit_assert_has(err.text, "did not answer within 150 ms");
	ecs_client_close(client);
	fake_daemon_stop(&fake);
}

static void a_daemon_that_does_not_read_times_the_call_out(void **state)
{
	struct ecs_client *client;
	struct fake_daemon fake;
	struct ecs_err err;
	json_t *result, *params;
	ECS_FREE char *text = malloc(3u << 20);

	memset(text, 'x', (3u << 20) - 1);
	text[(3u << 20) - 1] = '\0';
	params = json_pack("{s:s}", "path", text);
	fake_daemon_listen(&fake, 5);
	assert_int_equal(ecs_client_open(&client, "main", WAIT_MS, &err), 0);
	assert_int_equal(ecs_client_call(client, "save", params, &result, &err), -ETIMEDOUT);
	ecs_client_close(client);
	fake_daemon_stop(&fake);
}

static void a_full_backlog_times_the_connection_out(void **state)
{
	struct ecs_client *clients[8] = {};
	struct fake_daemon fake;
	struct ecs_err err;
	int rc = 0;

	fake_daemon_listen(&fake, 0);
	for (size_t i = 0; i < ECS_ARRAY_SIZE(clients) && rc == 0; i++)
		rc = ecs_client_open(&clients[i], "main", WAIT_MS, &err);
	assert_int_equal(rc, -ETIMEDOUT);
	unit_assert_has(err.text, "took no connection");
	for (size_t i = 0; i < ECS_ARRAY_SIZE(clients); i++)
		ecs_client_close(clients[i]);
	fake_daemon_stop(&fake);
}

static void an_answer_may_come_in_pieces(void **state)
{
	struct ecs_err err;
	json_t *result;

	assert_int_equal(call("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"a\":[1,2]}}\n", true,
			      &result, &err),
			 0);
	unit_assert_json(result, "{'a':[1,2]}");
}

static void a_large_answer_arrives(void **state)
{
	size_t len = 6u << 20;
	ECS_FREE char *answer = malloc(len);
	struct ecs_err err;
	json_t *result;
	int n = sprintf(answer, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"");

	memset(answer + n, 'x', len - (size_t)n);
	strcpy(answer + len - 4, "\"}\n");
	assert_int_equal(call(answer, false, &result, &err), 0);
	assert_int_equal(json_string_length(result), len - 4 - (size_t)n);
	json_decref(result);
}

static void a_refusal_carries_the_reason(void **state)
{
	struct ecs_err err;
	json_t *result;

	assert_int_equal(call("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32000,"
			      "\"message\":\"no\\nway\"}}\n",
			      false, &result, &err),
			 -EREMOTEIO);
	assert_string_equal(err.text, "no?way");
}

static void an_error_without_a_number_is_the_answer_too(void **state)
{
	struct ecs_err err;
	json_t *result;

	assert_int_equal(call("{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,"
			      "\"message\":\"what\"}}\n",
			      false, &result, &err),
			 -EREMOTEIO);
	assert_string_equal(err.text, "what");
}

static void answers_to_others_are_skipped(void **state)
{
	struct ecs_err err;
	json_t *result;

	assert_int_equal(call("{\"jsonrpc\":\"2.0\",\"id\":99,\"result\":1}\n"
			      "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":2}\n",
			      false, &result, &err),
			 0);
	unit_assert_json(result, "2");
}

static void nonsense_is_reported_not_believed(void **state)
{
	static const char *const answers[] = {
		"hello\n",
		"\n",
		"[]\n",
		"{}\n",
		"{\"id\":1}\n",
		"{\"id\":1,\"error\":5}\n",
		"{\"id\":1,\"error\":{\"message\":7}}\n",
		"\xff\xfe\n",
		"[[[[[[\n",
	};

	for (size_t i = 0; i < ECS_ARRAY_SIZE(answers); i++) {
		struct ecs_err err = {};
		json_t *result = NULL;
		int rc = call(answers[i], false, &result, &err);

		if (rc != -EPROTO)
			fail_msg("%s: %d %s", answers[i], rc, err.text);
		assert_null(result);
		unit_assert_has(err.text, "is it ecswitchd?");
	}
}

static void a_closed_connection_is_an_error(void **state)
{
	struct ecs_err err;
	json_t *result;

	assert_int_equal(call("", false, &result, &err), -EPIPE);
	assert_int_equal(call("{\"jsonrpc\":\"2.0\",\"id\":1,\"resu", false, &result, &err),
			 -EPIPE);
	unit_assert_has(err.text, "closed the connection");
}

static void a_request_has_a_largest_size(void **state)
{
	struct ecs_client *client;
	struct fake_daemon fake;
	struct ecs_err err;
	json_t *result;
	ECS_FREE char *text = malloc(5u << 20);

	memset(text, 'x', (5u << 20) - 1);
	text[(5u << 20) - 1] = '\0';
	fake_daemon_listen(&fake, 5);
	assert_int_equal(ecs_client_open(&client, "main", WAIT_MS, &err), 0);
	assert_int_equal(
		ecs_client_call(client, "save", json_pack("{s:s}", "path", text), &result, &err),
		-EMSGSIZE);
	ecs_client_close(client);
	fake_daemon_stop(&fake);
}

static void events_come_in_order_until_the_daemon_goes(void **state)
{
	/* The first is here before the answer is. */
	static const char answer[] =
		"{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{\"n\":1}}\n"
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"monitoring\":true}}\n"
		"{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{\"n\":2}}\n"
		"{\"jsonrpc\":\"2.0\",\"method\":\"other\",\"params\":{\"n\":9}}\n"
		"{\"jsonrpc\":\"2.0\",\"method\":\"event\"}\n"
		"{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{\"n\":3}}\n";
	struct ecs_client *client;
	struct fake_daemon fake;
	struct ecs_err err;
	json_t *result;

	fake_daemon_answer(&fake, answer, false);
	assert_int_equal(ecs_client_open(&client, "main", ENOUGH_MS, &err), 0);
	assert_int_equal(ecs_client_call(client, "monitor", NULL, &result, &err), 0);
	unit_assert_json(result, "{'monitoring':true}");
	for (int n = 1; n <= 3; n++) {
		json_t *event;

		assert_int_equal(ecs_client_next(client, &event, &err), 0);
		assert_int_equal(json_integer_value(json_object_get(event, "n")), n);
		json_decref(event);
	}
	assert_int_equal(ecs_client_next(client, &result, &err), -EPIPE);
	ecs_client_close(client);
	fake_daemon_stop(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_absent_daemon_is_named_with_the_way_to_start_it),
		cmocka_unit_test(a_mute_daemon_times_the_call_out),
		cmocka_unit_test(a_daemon_that_does_not_read_times_the_call_out),
		cmocka_unit_test(a_full_backlog_times_the_connection_out),
		cmocka_unit_test(an_answer_may_come_in_pieces),
		cmocka_unit_test(a_large_answer_arrives),
		cmocka_unit_test(a_refusal_carries_the_reason),
		cmocka_unit_test(an_error_without_a_number_is_the_answer_too),
		cmocka_unit_test(answers_to_others_are_skipped),
		cmocka_unit_test(nonsense_is_reported_not_believed),
		cmocka_unit_test(a_closed_connection_is_an_error),
		cmocka_unit_test(a_request_has_a_largest_size),
		cmocka_unit_test(events_come_in_order_until_the_daemon_goes),
	};

	return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
