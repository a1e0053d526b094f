// SPDX-License-Identifier: Apache-2.0
/*
 * Results as people see them.
 */
#include "unit.h"

#include "userspace/cli/render.h"

static char *render(const char *method, const char *result)
{
	json_t *json = unit_json(result);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(ecs_render(out, method, json), 0);
	fclose(out);
	json_decref(json);
	return text;
}

static void assert_renders(const char *method, const char *result, const char *expected)
{
	ECS_FREE char *text = render(method, result);

	assert_string_equal(text, expected);
}

static void a_list_is_a_table_in_the_order_of_the_protocol(void **state)
{
	assert_renders("match.list",
		       "[{'network':'lan','kind':'tap','pattern':'vnet*'},"
		       "{'pattern':'x','kind':'any','network':'other'}]",
		       "PATTERN KIND NETWORK\nvnet*   tap  lan\nx       any  other\n");
	assert_renders("patch.list", "[{'a':'x','b':'y','oneway':true,'state':'up'}]",
		       "A B ONEWAY STATE\nx y yes    up\n");
}

static void numbers_stand_to_the_right(void **state)
{
	assert_renders("fdb.list",
		       "[{'network':'lan','mac':'02:00:00:00:00:01','port':'p','kind':'static',"
		       "'age_s':null,'moves':0},"
		       "{'network':'lan','mac':'02:00:00:00:00:02','port':'p','kind':'learned',"
		       "'age_s':120,'moves':12345}]",
		       "NETWORK MAC               PORT KIND    AGE MOVES\n"
		       "lan     02:00:00:00:00:01 p    static    -     0\n"
		       "lan     02:00:00:00:00:02 p    learned 120 12345\n");
}

static void null_and_missing_values_are_a_dash(void **state)
{
	assert_renders("network.list", "[{'name':'lan','uplink':null,'ports':3}]",
		       "NAME UPLINK VLAN GATEWAY GATEWAY6 NAT NAT66 AGEING FDB-LIMIT PORTS FDB\n"
		       "lan  -      -    -       -        -   -     -      -             3 -\n");
}

static void flows_of_nat_have_all_their_columns_and_no_others(void **state)
{
	assert_renders("nat.flows",
		       "[{'proto':'udp','network':'vms','inside':'i:1','outside':'o:2',"
		       "'remote':'r:3','kind':'forward','state':'new','age_s':4,'idle_s':5,"
		       "'packets_sent':6,'bytes_sent':7,'packets_received':8,'bytes_received':9,"
		       "'name':'n','uplink':'u','pattern':'p'}]",
		       "PROTO NETWORK INSIDE OUTSIDE REMOTE KIND    STATE AGE IDLE PACKETS-SENT "
		       "BYTES-SENT PACKETS-RECEIVED BYTES-RECEIVED\n"
		       "udp   vms     i:1    o:2     r:3    forward new     4    5            6 "
		       "         7                8              9\n");
}

static void receivers_of_a_cast_are_a_table_below_it(void **state)
{
	assert_renders("cast.show",
		       "{'name':'tv','codec':'h264','frames_in':{'key':2,'ref':0,'nonref':22},"
		       "'receivers':[{'port':'p1','policy':'ref','state':'up','packets':39,"
		       "'sent':{'key':2,'nonref':0},'dropped':{'key':0,'ref':0}}],"
		       "'passed':[{'reason':'gso','packets':7}]}",
		       "name:      tv\n"
		       "codec:     h264\n"
		       "frames_in: 2 key, 22 nonref\n"
		       "\n"
		       "RECEIVERS\n"
		       "PORT NETWORK TO POLICY STEP STATE PACKETS BYTES REFUSED SENT  DROPPED "
		       "UNCLASSIFIED\n"
		       "p1   -       -  ref    -    up         39 -     -       2 key 0       -\n"
		       "\n"
		       "PASSED\n"
		       "REASON PACKETS\n"
		       "gso          7\n");
}

static void long_values_are_whole(void **state)
{
	char result[4200], value[2001];
	ECS_FREE char *text = NULL;

	memset(value, 'r', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	snprintf(result, sizeof(result),
		 "[{'reason':'MTU','text':'%s','port':'p','packets':1,'bytes':2}]", value);
	text = render("drops", result);
	unit_assert_has(text, value);
}

static void drops_without_packets_are_left_out(void **state)
{
	assert_renders("drops",
		       "[{'reason':'MTU','text':'t','port':null,'packets':0,'bytes':0},"
		       "{'reason':'VLAN','text':'u','port':'p','packets':2,'bytes':120}]",
		       "REASON TEXT PORT PACKETS BYTES\nVLAN   u    p          2   120\n");
	assert_renders("drops", "[{'reason':'MTU','text':'t','port':null,'packets':0,'bytes':0}]",
		       "no drops\n");
}

static void an_empty_list_says_so(void **state)
{
	assert_renders("port.list", "[]", "no ports\n");
	assert_renders("fdb.list", "[]", "no entries\n");
}

static void an_object_is_keys_and_values(void **state)
{
	assert_renders("status",
		       "{'instance':'main','uptime_s':5,'problems':['one: x','two'],'new':null}",
		       "instance: main\nuptime_s: 5\nproblems:\n  one: x\n  two\nnew:      -\n");
	assert_renders("status", "{'problems':[]}", "problems: none\n");
}

static void show_has_its_sections(void **state)
{
	assert_renders("show",
		       "{'status':{'pid':1},'networks':[],'matches':[{'pattern':'v*','kind':'any',"
		       "'network':'lan'}],'ports':[],'patches':[]}",
		       "pid: 1\n\nNETWORKS\nno networks\n\nMATCHES\nPATTERN KIND NETWORK\n"
		       "v*      any  lan\n\nPORTS\nno ports\n\nPATCHES\nno patches\n");
}

static void changes_are_silent_and_save_names_its_file(void **state)
{
	assert_renders("network.add", "{'changed':true,'plan':['x']}", "");
	assert_renders("save", "{'path':'/a'}", "saved to /a\n");
	assert_renders("metrics", "{'text':'a 1\\nb 2\\n'}", "a 1\nb 2\n");
}

static void control_characters_do_not_reach_the_terminal(void **state)
{
	ECS_FREE char *object = render("port.show", "{'name':'a\\u001b[2Jb\\nc'}");
	ECS_FREE char *table =
		render("match.list", "[{'pattern':'a\\u001b[2Jb\\nc','kind':'any','network':'l'}]");

	assert_string_equal(object, "name: a?[2Jb?c\n");
	assert_null(strchr(table, '\x1b'));
	assert_ptr_equal(strrchr(table, '\n'), table + strlen(table) - 1);
	unit_assert_has(table, "?[2Jb?c");
}

static void unexpected_results_print_somehow(void **state)
{
	static const char *const methods[] = {"show", "port.list", "metrics", "save", "new.thing"};
	static const char *const results[] = {"null",		"5",  "'x'",	    "[]",
					      "[null,5,['x']]", "{}", "{'text':5}", "{'path':[]}",
					      "{'networks':7}"};

	for (size_t m = 0; m < ECS_ARRAY_SIZE(methods); m++) {
		for (size_t r = 0; r < ECS_ARRAY_SIZE(results); r++) {
			ECS_FREE char *text = render(methods[m], results[r]);

			assert_non_null(text);
		}
	}
}

static char *print(void (*fn)(FILE *out, const json_t *json), const char *json_text)
{
	json_t *json = unit_json(json_text);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fn(out, json);
	fclose(out);
	json_decref(json);
	return text;
}

static void a_plan_is_one_sentence_a_line(void **state)
{
	ECS_FREE char *some = print(ecs_render_plan, "{'changed':true,'plan':['attach a','b']}");
	ECS_FREE char *none = print(ecs_render_plan, "{'changed':false,'plan':[]}");

	assert_string_equal(some, "attach a\nb\n");
	assert_string_equal(none, "nothing would change\n");
}

static void an_event_is_one_line(void **state)
{
	ECS_FREE char *port =
		print(ecs_render_event, "{'time':'2024-01-01T00:00:00Z','type':'port_added',"
					"'port':'p','ifindex':5,'network':null}");
	ECS_FREE char *error =
		print(ecs_render_event, "{'time':'T','type':'error','text':'p: busy\\nretrying'}");

	assert_string_equal(port, "2024-01-01T00:00:00Z port_added port=p ifindex=5\n");
	assert_string_equal(error, "T error p: busy?retrying\n");
}

static void json_keeps_the_order_of_the_answer(void **state)
{
	ECS_FREE char *text = print(ecs_render_json, "{'b':null,'a':[1]}");

	assert_string_equal(text, "{\n  \"b\": null,\n  \"a\": [\n    1\n  ]\n}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_is_a_table_in_the_order_of_the_protocol),
		cmocka_unit_test(numbers_stand_to_the_right),
		cmocka_unit_test(null_and_missing_values_are_a_dash),
		cmocka_unit_test(flows_of_nat_have_all_their_columns_and_no_others),
		cmocka_unit_test(receivers_of_a_cast_are_a_table_below_it),
		cmocka_unit_test(long_values_are_whole),
		cmocka_unit_test(drops_without_packets_are_left_out),
		cmocka_unit_test(an_empty_list_says_so),
		cmocka_unit_test(an_object_is_keys_and_values),
		cmocka_unit_test(show_has_its_sections),
		cmocka_unit_test(changes_are_silent_and_save_names_its_file),
		cmocka_unit_test(control_characters_do_not_reach_the_terminal),
		cmocka_unit_test(unexpected_results_print_somehow),
		cmocka_unit_test(a_plan_is_one_sentence_a_line),
		cmocka_unit_test(an_event_is_one_line),
		cmocka_unit_test(json_keeps_the_order_of_the_answer),
	};

	return cmocka_run_group_tests_name("render", tests, NULL, NULL);
}
