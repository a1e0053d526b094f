// SPDX-License-Identifier: Apache-2.0
/*
 * The table of commands and its three readers: words, JSON-RPC parameters, text.
 */
#include "unit.h"

#include <ctype.h>
#include <errno.h>

/* One line for each command and each option at least. */
static const struct {
	const char *line, *method, *params;
} right[] = {
	{"show", "show", "{}"},
	{"network list", "network.list", "{}"},
	{"network add lan", "network.add", "{'name':'lan'}"},
	{"network add lan uplink eth0 vlan 4094 ageing 86400 fdb-limit 1048576", "network.add",
	 "{'name':'lan','uplink':'eth0','vlan':4094,'ageing':86400,'fdb_limit':1048576}"},
	{"network set lan ageing 0", "network.set", "{'name':'lan','ageing':0}"},
	{"network set lan uplink none vlan none fdb-limit 0", "network.set",
	 "{'name':'lan','uplink':null,'vlan':null,'fdb_limit':0}"},
	{"network del lan", "network.del", "{'name':'lan'}"},
	{"network del lan --if-needed", "network.del", "{'name':'lan','if_needed':true}"},
	{"match list", "match.list", "{}"},
	{"match add vnet* network lan", "match.add", "{'pattern':'vnet*','network':'lan'}"},
	{"match add vnet* network lan kind tap", "match.add",
	 "{'pattern':'vnet*','network':'lan','kind':'tap'}"},
	{"match del vnet*", "match.del", "{'pattern':'vnet*'}"},
	{"port list", "port.list", "{}"},
	{"port show tap0", "port.show", "{'port':'tap0'}"},
	{"port add tap0 network lan", "port.add", "{'port':'tap0','network':'lan'}"},
	{"port set tap0 network dmz", "port.set", "{'port':'tap0','network':'dmz'}"},
	{"port set tap0 vm web mac 52:54:00:aa:00:01", "port.set",
	 "{'port':'tap0','vm':'web','mac':'52:54:00:aa:00:01'}"},
	{"port set tap0 vm none", "port.set", "{'port':'tap0','vm':null}"},
	{"port del tap0", "port.del", "{'port':'tap0'}"},
	{"patch list", "patch.list", "{}"},
	{"patch add a b", "patch.add", "{'a':'a','b':'b'}"},
	{"patch add a b oneway", "patch.add", "{'a':'a','b':'b','oneway':true}"},
	{"patch del a", "patch.del", "{'a':'a'}"},
	{"patch del a b", "patch.del", "{'a':'a','b':'b'}"},
	{"fdb list", "fdb.list", "{}"},
	{"fdb list network lan", "fdb.list", "{'network':'lan'}"},
	{"fdb add 02:00:00:00:00:01 tap0 network lan", "fdb.add",
	 "{'mac':'02:00:00:00:00:01','port':'tap0','network':'lan'}"},
	{"fdb del 02:00:00:00:00:01", "fdb.del", "{'mac':'02:00:00:00:00:01'}"},
	{"fdb flush", "fdb.flush", "{}"},
	{"fdb flush network lan port tap0", "fdb.flush", "{'network':'lan','port':'tap0'}"},
	{"network add nat uplink eth0 gateway 10.7.0.1/24 gateway6 fd00:7::1/64 nat nat-ports "
	 "20000-30000 nat-limit 9 tcp-timeout 3600 udp-timeout 30 icmp-timeout 5",
	 "network.add",
	 "{'name':'nat','uplink':'eth0','gateway':'10.7.0.1/24','gateway6':'fd00:7::1/"
	 "64','nat':true,"
	 "'nat_ports':'20000-30000','nat_limit':9,'tcp_timeout':3600,'udp_timeout':30,"
	 "'icmp_timeout':5}"},
	{"network set nat gateway none nat none nat-ports none", "network.set",
	 "{'name':'nat','gateway':null,'nat':null,'nat_ports':null}"},
	{"nat list", "nat.list", "{}"},
	{"nat flows network lan address fd00::1 proto icmp", "nat.flows",
	 "{'network':'lan','address':'fd00::1','proto':'icmp'}"},
	{"nat forward add tcp 8080-8090 to 10.7.0.9:80 network nat force", "nat.forward.add",
	 "{'proto':'tcp','port':'8080-8090','to':'10.7.0.9:80','network':'nat','force':true}"},
	{"nat forward del udp 53 network nat", "nat.forward.del",
	 "{'proto':'udp','port':'53','network':'nat'}"},
	{"cast list", "cast.list", "{}"},
	{"cast show tv", "cast.show", "{'name':'tv'}"},
	{"cast add tv from tap0 dst 239.1.1.1 port 5000 src 10.0.0.1 original keep", "cast.add",
	 "{'name':'tv','from':'tap0','dst':'239.1.1.1','port':5000,'src':'10.0.0.1',"
	 "'original':'keep'}"},
	{"cast add tv from tap0 dst 239.1.1.1 port 5000 codec hevc", "cast.add",
	 "{'name':'tv','from':'tap0','dst':'239.1.1.1','port':5000,'codec':'hevc'}"},
	{"cast add tv network lan dst ff0e::1 port 5000", "cast.add",
	 "{'name':'tv','network':'lan','dst':'ff0e::1','port':5000}"},
	{"cast add tv from network dst ff0e::1 port 5000", "cast.add",
	 "{'name':'tv','from':'network','dst':'ff0e::1','port':5000}"},
	{"cast to tv tap1 policy ref to 10.0.0.7:6000 mac 02:00:00:00:00:07", "cast.to",
	 "{'name':'tv','port':'tap1','policy':'ref','to':'10.0.0.7:6000',"
	 "'mac':'02:00:00:00:00:07'}"},
	{"cast to tv network lan policy auto to 10.0.0.7 mac 02:00:00:00:00:07", "cast.to",
	 "{'name':'tv','network':'lan','policy':'auto','to':'10.0.0.7',"
	 "'mac':'02:00:00:00:00:07'}"},
	{"cast to tv host", "cast.to", "{'name':'tv','host':true}"},
	{"cast off tv network lan", "cast.off", "{'name':'tv','network':'lan'}"},
	{"cast set tv tap1 policy key", "cast.set", "{'name':'tv','port':'tap1','policy':'key'}"},
	{"cast off tv tap1", "cast.off", "{'name':'tv','port':'tap1'}"},
	{"cast del tv", "cast.del", "{'name':'tv'}"},
	{"stats", "stats", "{}"},
	{"stats tap0", "stats", "{'port':'tap0'}"},
	{"drops tap0", "drops", "{'port':'tap0'}"},
	{"monitor", "monitor", "{}"},
	{"metrics", "metrics", "{}"},
	{"status", "status", "{}"},
	{"version", "version", "{}"},
	{"apply /a", "apply", "{'path':'/a'}"},
	{"batch -", "batch", "{'path':'-'}"},
	{"check a.conf", "check", "{'path':'a.conf'}"},
	{"save", "save", "{}"},
	{"save /a", "save", "{'path':'/a'}"},
	{"reload", "reload", "{}"},
	{"detach", "detach", "{}"},
};

static void each_command_goes_to_parameters_and_back(void **state)
{
	for (size_t i = 0; i < ECS_ARRAY_SIZE(right); i++) {
		const struct ecs_command *command;
		ECS_FREE char *line = NULL;
		struct ecs_err err;
		json_t *params;

		if (unit_parse(right[i].line, &command, &params, &err) < 0)
			fail_msg("%s: %s", right[i].line, err.text);
		assert_string_equal(command->method, right[i].method);
		line = ecs_command_format(command, params);
		assert_string_equal(line, right[i].line);
		unit_assert_json(params, right[i].params);
	}
}

static void cast_from_network_is_a_network(void **state)
{
	const struct ecs_command *command;
	struct ecs_err err;
	json_t *params;

	if (unit_parse("cast add tv from network lan dst ff0e::1 port 5000", &command, &params,
		       &err) < 0)
		fail_msg("%s", err.text);
	unit_assert_json(params, "{'name':'tv','network':'lan','dst':'ff0e::1','port':5000}");
}

static void each_command_of_the_table_is_tried_here(void **state)
{
	for (const struct ecs_command *c = ecs_commands; c->words; c++) {
		size_t i = 0;

		while (i < ECS_ARRAY_SIZE(right) && strcmp(right[i].method, c->method))
			i++;
		if (i == ECS_ARRAY_SIZE(right))
			fail_msg("%s is missing", c->words);
		assert_ptr_equal(ecs_command_by_method(c->method), c);
	}
	assert_null(ecs_command_by_method("network"));
	assert_null(ecs_command_by_method(""));
}

static void each_parsed_parameter_passes_the_check(void **state)
{
	for (size_t i = 0; i < ECS_ARRAY_SIZE(right); i++) {
		const struct ecs_command *command;
		struct ecs_err err;
		json_t *params;
		const char *path;

		assert_int_equal(unit_parse(right[i].line, &command, &params, &err), 0);
		path = json_string_value(json_object_get(params, "path"));
		/* A script goes as its lines, and a relative path is made absolute first. */
		if (!(command->flags & ECS_COMMAND_SCRIPT) && (!path || *path == '/') &&
		    ecs_params_check(command, params, &err) < 0)
			fail_msg("%s: %s", right[i].line, err.text);
		json_decref(params);
	}
}

static void options_may_stand_in_any_order(void **state)
{
	const struct ecs_command *command;
	json_t *params;

	assert_int_equal(unit_parse("network add lan fdb-limit 5 vlan 7 uplink eth0", &command,
				    &params, NULL),
			 0);
	unit_assert_json(params, "{'name':'lan','uplink':'eth0','vlan':7,'fdb_limit':5}");
	assert_int_equal(unit_parse("match add kind network uplink", &command, &params, NULL), 0);
	unit_assert_json(params, "{'pattern':'kind','network':'uplink'}");
	assert_int_equal(unit_parse("patch add oneway network oneway", &command, &params, NULL), 0);
	unit_assert_json(params, "{'a':'oneway','b':'network','oneway':true}");
}

static void if_needed_may_stand_anywhere_in_a_change(void **state)
{
	static const char *const lines[] = {
		"--if-needed port del tap0", "port --if-needed del tap0",
		"port del --if-needed tap0", "port del tap0 --if-needed"};

	for (size_t i = 0; i < ECS_ARRAY_SIZE(lines); i++) {
		const struct ecs_command *command;
		json_t *params;

		assert_int_equal(unit_parse(lines[i], &command, &params, NULL), 0);
		unit_assert_json(params, "{'port':'tap0','if_needed':true}");
	}
}

/* The text names the wrong word and what was expected, or meant. */
static const struct {
	const char *line, *word, *help;
} wrong[] = {
	{"", "no command", "network"},
	{"netwrk list", "\"netwrk\"", "did you mean \"network\"?"},
	{"network lsit", "\"lsit\"", "did you mean \"list\"?"},
	{"network frobnicate", "\"frobnicate\"", "expected one of: list, add, set, del"},
	{"network", "network is not complete", "list, add, set, del"},
	{"frobnicate", "\"frobnicate\"", "expected one of"},
	{"nat forward", "forward is not complete", "expected one of: add, del"},
	{"nat forward lst", "\"lst\" after forward", "expected one of: add, del"},
	{"network add lan gateway 10.7.0.1", "\"10.7.0.1\"", "like 10.77.0.1/24"},
	{"network add lan gateway 10.7.0.1/33", "\"10.7.0.1/33\"", "like 10.77.0.1/24"},
	{"network add lan gateway fd00::1/64", "\"fd00::1/64\"", "like 10.77.0.1/24"},
	{"network add lan gateway6 10.7.0.1/24", "\"10.7.0.1/24\"", "like fd00:77::1/64"},
	{"network add lan nat-ports 5-4", "\"5-4\"", "a port or a range"},
	{"network add lan nat-ports 0-9", "\"0-9\"", "a port or a range"},
	{"network add lan tcp-timeout 0", "\"0\"", "from 1 to 604800"},
	{"nat flows address 10.7.0", "\"10.7.0\"", "an IP address"},
	{"nat forward add sctp 5 to 10.7.0.9 network nat", "\"sctp\"", "one of tcp|udp"},
	{"nat forward add tcp 65536 to 10.7.0.9 network nat", "\"65536\"", "a port or a range"},
	{"nat forward add tcp 80 to 10.7.0.9:0 network nat", "\"10.7.0.9:0\"", "an address like"},
	{"nat forward add tcp 80 to fd00::x network nat", "\"fd00::x\"", "an address like"},
	{"nat forward add tcp 80 network nat", "to is missing", "an address like"},
	{"Network list", "\"Network\"", "did you mean \"network\"?"},
	{"show me", "\"me\"", "usage: show"},
	{"network add", "NAME is missing", "usage: network add NAME"},
	{"network add -x", "\"-x\"", "expected a name"},
	{"network add lan uplnk eth0", "\"uplnk\"", "did you mean \"uplink\"?"},
	{"network add lan uplink", "\"uplink\" has no value", "an interface name"},
	{"network add lan uplink a/b", "\"a/b\"", "an interface name"},
	{"network add lan uplink eth0 uplink eth1", "\"uplink\" is given twice", "once"},
	{"network add lan vlan 0", "\"0\"", "from 1 to 4094"},
	{"network add lan vlan 4095", "\"4095\"", "from 1 to 4094"},
	{"network add lan vlan -1", "\"-1\"", "from 1 to 4094"},
	{"network add lan ageing 9", "\"9\"", "from 10 to 86400, or 0"},
	{"network add lan ageing none", "\"none\"", "from 10 to 86400"},
	{"network add lan fdb-limit 99999999999999999999", "\"99999999999999999999\"", "1048576"},
	{"network add lan fdb_limit 5", "\"fdb_limit\"", "did you mean \"fdb-limit\"?"},
	{"network set lan", "nothing to change", "usage: network set NAME"},
	{"port set tap0", "nothing to change", "usage: port set IF"},
	{"match add vnet*", "network is missing", "expected a name"},
	{"match add a/b network lan", "\"a/b\"", "a glob"},
	{"match add vnet* network lan kind tun", "\"tun\"", "one of tap|veth|any"},
	{"match add vnet* network lan kind ta", "\"ta\"", "one of tap|veth|any"},
	{"port add tap0", "network is missing", "usage: port add IF network NAME"},
	{"port show ..", "\"..\"", "an interface name"},
	{"patch add a", "IF is missing", "usage: patch add IF IF [oneway]"},
	{"patch add a b c", "\"c\"", "usage: patch add"},
	{"patch add a b oneway oneway", "\"oneway\" is given twice", "once"},
	{"fdb add 02:00:00:00:00 tap0", "\"02:00:00:00:00\"", "a MAC address"},
	{"fdb flush tap0", "\"tap0\"", "usage: fdb flush"},
	{"show --if-needed", "\"--if-needed\"", "usage: show"},
	{"cast to tv v0 policy thin 101%", "\"thin 101%\"", "thin N%"},
	{"cast to tv v0 policy drop ref 10%", "\"drop ref 10%\"", "drop ref|key N% force"},
	{"cast to tv v0 policy fps 29.97", "\"fps 29.97\"", "fps 1-240"},
	{"cast to tv v0 policy gop 0", "\"gop 0\"", "gop 1-1000|half"},
	{"cast to tv v0 policy rate 0", "\"rate 0\"", "[join now]"},
	{"cast to tv v0 to nobody", "\"nobody\"", "10.77.0.10:80 or [fd00::10]:80"},
	{"cast add tv from v0 dst 239.1.1.300 port 5000", "\"239.1.1.300\"", "an IP address"},
	{"cast add tv from v0 dst 239.1.1.1 port 0", "\"0\"", "from 1 to 65535"},
	{"cast add tv from v0 dst 239.1.1.1", "port is missing", "from 1 to 65535"},
	{"cast add tv from v0 dst 239.1.1.1 port 5 codec vp9", "\"vp9\"", "auto|h264|hevc|ts"},
	{"apply", "FILE is missing", "a file name"},
};

static void each_error_names_its_word_and_what_was_expected(void **state)
{
	for (size_t i = 0; i < ECS_ARRAY_SIZE(wrong); i++) {
		const struct ecs_command *command = NULL;
		struct ecs_err err = {};
		json_t *params = NULL;

		if (unit_parse(wrong[i].line, &command, &params, &err) != -EINVAL)
			fail_msg("\"%s\" was taken", wrong[i].line);
		assert_null(command);
		assert_null(params);
		unit_assert_has(err.text, wrong[i].word);
		unit_assert_has(err.text, wrong[i].help);
		assert_null(strchr(err.text, '\n'));
	}
}

static void hostile_words_are_refused_in_a_clean_line(void **state)
{
	char longest[5000], escape[] = "\x1b[31m\n\xff", network[] = "network", add[] = "add";
	char *argv[ECS_WORDS_MAX + 1] = {network, add, escape};
	const struct ecs_command *command;
	struct ecs_err err;
	json_t *params;

	assert_int_equal(ecs_command_parse(3, argv, &command, &params, &err), -EINVAL);
	unit_assert_has(err.text, "\"?[31m??\"");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	argv[0] = longest;
	assert_int_equal(ecs_command_parse(1, argv, &command, &params, &err), -EINVAL);
	unit_assert_has(err.text, "xxx...\"");
	for (int i = 0; i <= ECS_WORDS_MAX; i++)
		argv[i] = network;
	assert_int_equal(ecs_command_parse(ECS_WORDS_MAX + 1, argv, &command, &params, &err),
			 -EINVAL);
	unit_assert_has(err.text, "at most 64");
}

static int check(const char *method, const char *params, json_t **out, struct ecs_err *err)
{
	json_t *json = params ? unit_json(params) : NULL;
	int rc = ecs_params_check(ecs_command_by_method(method), json, err);

	if (out)
		*out = json;
	else
		json_decref(json);
	return rc;
}

static void rpc_errors_name_the_key(void **state)
{
	static const struct {
		const char *method, *params, *key, *help;
	} cases[] = {
		{"network.add", NULL, "NAME is missing", "a name"},
		{"network.add", "{}", "NAME is missing", "a name"},
		{"network.add", "[]", "must be an object", ""},
		{"network.add", "{'name':5}", "\"name\"", "a name"},
		{"network.add", "{'name':null}", "\"name\"", "a name"},
		{"network.add", "{'name':['a']}", "\"name\"", "a name"},
		{"network.add", "{'name':''}", "\"name\"", "a name"},
		{"network.add", "{'name':'a','uplnk':'b'}", "\"uplnk\"",
		 "did you mean \"uplink\"?"},
		{"network.add", "{'name':'a','vlan':'5'}", "\"vlan\"", "a number"},
		{"network.add", "{'name':'a','vlan':5.0}", "\"vlan\"", "a number"},
		{"network.add", "{'name':'a','vlan':-1}", "\"vlan\"", "1 to 4094"},
		{"network.add", "{'name':'a','vlan':true}", "\"vlan\"", "a number"},
		{"network.add", "{'name':'a','ageing':null}", "\"ageing\"", "a number"},
		{"network.add", "{'name':'a','if_needed':1}", "\"if_needed\"", "true or false"},
		{"network.add", "{'name':'a','dry_run':'x'}", "\"dry_run\"", "true or false"},
		{"network.set", "{'name':'a','uplink':'none'}", "\"uplink\"", "interface"},
		{"network.set", "{'name':'a'}", "nothing to change", ""},
		{"network.list", "{'dry_run':true}", "\"dry_run\"", "leave it out"},
		{"fdb.flush", "{'if_needed':true}", "\"if_needed\"", "leave it out"},
		{"patch.add", "{'a':'a','b':'b','oneway':1}", "\"oneway\"", "true or false"},
		{"match.add", "{'pattern':'a','network':'b','kind':'tun'}", "\"kind\"", "tap|veth"},
		{"save", "{'path':'relative'}", "\"path\"", "starts with '/'"},
		{"show", "{'\\u001b[1m':1}", "\"?[1m\"", "unknown parameter"},
	};

	for (size_t i = 0; i < ECS_ARRAY_SIZE(cases); i++) {
		struct ecs_err err;

		if (check(cases[i].method, cases[i].params, NULL, &err) != -EINVAL)
			fail_msg("%s %s was taken", cases[i].method, cases[i].params);
		unit_assert_has(err.text, cases[i].key);
		unit_assert_has(err.text, cases[i].help);
	}
}

static void rpc_macs_become_canonical(void **state)
{
	json_t *params;

	assert_int_equal(check("fdb.del", "{'mac':'02:AB:CD:00:00:01'}", &params, NULL), 0);
	unit_assert_json(params, "{'mac':'02:ab:cd:00:00:01'}");
}

static void rpc_takes_dry_run_and_if_needed_of_a_change(void **state)
{
	assert_int_equal(
		check("port.del", "{'port':'a','if_needed':true,'dry_run':false}", NULL, NULL), 0);
	assert_int_equal(check("reload", "{'dry_run':true}", NULL, NULL), 0);
	assert_int_equal(check("show", NULL, NULL, NULL), 0);
}

static void rpc_scripts_are_checked_line_by_line(void **state)
{
	static const struct {
		const char *params, *text;
	} cases[] = {
		{NULL, "\"commands\""},
		{"{}", "\"commands\""},
		{"{'name':'f','commands':{}}", "\"commands\""},
		{"{'name':'f','commands':[],'path':'/a'}", "\"path\""},
		{"{'name':'f','commands':[],'dry_run':1}", "\"dry_run\""},
		{"{'name':'f','commands':[7]}", "{line, method, params}"},
		{"{'name':'f','commands':[{'line':'3','method':'port.del'}]}", "{line, method"},
		{"{'name':'f','commands':[{'line':3,'method':'show','params':{}}]}", "f:3: "},
		{"{'name':'f','commands':[{'line':3,'method':'nope','params':{}}]}", "f:3: "},
		{"{'name':'f','commands':[{'line':3,'method':'batch','params':{}}]}", "f:3: "},
		{"{'name':'f','commands':[{'line':4,'method':'port.del','params':{}}]}",
		 "f:4: port del: IF is missing"},
		{"{'name':'f','commands':[{'line':4,'method':'port.del','params':[]}]}",
		 "f:4: port.del: parameters"},
	};
	struct ecs_err err;

	for (size_t i = 0; i < ECS_ARRAY_SIZE(cases); i++) {
		if (check("batch", cases[i].params, NULL, &err) != -EINVAL)
			fail_msg("%s was taken", cases[i].params);
		unit_assert_has(err.text, cases[i].text);
	}
	assert_int_equal(check("apply",
			       "{'name':'f','dry_run':true,'commands':[{'line':4,"
			       "'method':'port.del','params':{'port':'a','if_needed':true}}]}",
			       NULL, &err),
			 0);
}

static void words_with_spaces_are_quoted(void **state)
{
	const struct ecs_command *save = ecs_command_by_method("save");
	json_t *params = json_pack("{s:s}", "path", "/a b\\\"c#");
	ECS_FREE char *line = ecs_command_format(save, params);

	assert_string_equal(line, "save \"/a b\\\\\\\"c#\"");
	json_decref(params);
}

static void synopsis_fits_small_buffers(void **state)
{
	const struct ecs_command *add = ecs_command_by_method("network.add");
	char whole[ECS_SYNOPSIS_MAX], small[20];

	ecs_command_synopsis(ecs_command_by_method("patch.add"), whole, sizeof(whole));
	assert_string_equal(whole, "patch add IF IF [oneway]");
	ecs_command_synopsis(ecs_command_by_method("match.add"), whole, sizeof(whole));
	assert_string_equal(whole, "match add PATTERN network NAME [kind tap|veth|any]");
	ecs_command_synopsis(add, small, sizeof(small));
	assert_string_equal(small, "network add NAME [u");
}

/* The lines of a manual's source without its markup, each with a line end before and after. */
static char *read_manual(const char *name)
{
	ECS_FREE char *path = NULL;
	ECS_FCLOSE FILE *file = NULL;
	char *text = calloc(1, 65536);
	size_t n = 1;
	int c;

	assert_true(asprintf(&path, "%s/docs/%s", TOP_SRCDIR, name) > 0);
	file = fopen(path, "r");
	if (!file)
		fail_msg("%s cannot be opened", path);
	text[0] = '\n';
	while ((c = getc(file)) != EOF && n < 65534)
		if (!strchr("*_\\", c))
			text[n++] = (char)c;
	return text;
}

static void manuals_have_the_synopsis_of_each_command(void **state)
{
	ECS_FREE char *tool = read_manual("ecswitchctl.8.scd");
	ECS_FREE char *file = read_manual("ecswitch.conf.5.scd");

	for (const struct ecs_command *c = ecs_commands; c->words; c++) {
		char line[ECS_SYNOPSIS_MAX + 2] = "\n";

		ecs_command_synopsis(c, line + 1, sizeof(line) - 2);
		strcat(line, "\n");
		unit_assert_has(tool, line);
		if ((c->flags & ECS_COMMAND_CONFIG) && strstr(c->method, ".add"))
			unit_assert_has(file, line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_command_goes_to_parameters_and_back),
		cmocka_unit_test(cast_from_network_is_a_network),
		cmocka_unit_test(each_command_of_the_table_is_tried_here),
		cmocka_unit_test(each_parsed_parameter_passes_the_check),
		cmocka_unit_test(options_may_stand_in_any_order),
		cmocka_unit_test(if_needed_may_stand_anywhere_in_a_change),
		cmocka_unit_test(each_error_names_its_word_and_what_was_expected),
		cmocka_unit_test(hostile_words_are_refused_in_a_clean_line),
		cmocka_unit_test(rpc_errors_name_the_key),
		cmocka_unit_test(rpc_macs_become_canonical),
		cmocka_unit_test(rpc_takes_dry_run_and_if_needed_of_a_change),
		cmocka_unit_test(rpc_scripts_are_checked_line_by_line),
		cmocka_unit_test(words_with_spaces_are_quoted),
		cmocka_unit_test(synopsis_fits_small_buffers),
		cmocka_unit_test(manuals_have_the_synopsis_of_each_command),
	};

	return cmocka_run_group_tests_name("commands", tests, NULL, NULL);
}
