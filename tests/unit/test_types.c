// SPDX-License-Identifier: Apache-2.0
/*
 * The values of the grammar.
 */
#include "unit.h"

#include <errno.h>

#include "userspace/lib/types.h"

static void mac_of_either_case_becomes_lower_case(void **state)
{
	char text[ECS_MAC_TEXT_MAX];
	uint8_t mac[6];

	assert_int_equal(ecs_mac_parse("02:AB:cd:00:fF:09", mac), 0);
	assert_string_equal(ecs_mac_format(mac, text), "02:ab:cd:00:ff:09");
}

static void what_is_no_mac_is_refused_and_changes_nothing(void **state)
{
	static const char *const wrong[] = {
		"",
		"02:ab:cd:00:ff",
		"02:ab:cd:00:ff:0",
		"02:ab:cd:00:ff:091",
		"02-ab-cd-00-ff-09",
		"02:ab:cd:00:ff:0g",
		" 2:ab:cd:00:ff:09",
		"02:ab:cd:00:ff:09 ",
		"02:ab:cd:00:ff:09:01",
		"+2:ab:cd:00:ff:09",
	};
	uint8_t mac[6] = {1, 2, 3, 4, 5, 6};

	for (size_t i = 0; i < ECS_ARRAY_SIZE(wrong); i++)
		if (ecs_mac_parse(wrong[i], mac) != -EINVAL)
			fail_msg("\"%s\" was taken", wrong[i]);
	assert_memory_equal(mac, ((uint8_t[]){1, 2, 3, 4, 5, 6}), 6);
}

static void numbers_are_decimal_and_in_range(void **state)
{
	uint64_t n = 7;

	assert_int_equal(ecs_uint_parse("0", 0, 5, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(ecs_uint_parse("18446744073709551615", 0, UINT64_MAX, &n), 0);
	assert_true(n == UINT64_MAX);
	n = 7;
	assert_int_equal(ecs_uint_parse("18446744073709551616", 0, UINT64_MAX, &n), -ERANGE);
	assert_int_equal(ecs_uint_parse("99999999999999999999999", 0, UINT64_MAX, &n), -ERANGE);
	assert_int_equal(ecs_uint_parse("6", 0, 5, &n), -ERANGE);
	assert_int_equal(ecs_uint_parse("0", 1, 5, &n), -ERANGE);
	assert_int_equal(n, 7);
}

static void what_is_no_number_is_refused(void **state)
{
	static const char *const wrong[] = {"", " 1", "1 ", "-1", "+1", "0x10", "1.0", "1e3", "a"};
	uint64_t n;

	for (size_t i = 0; i < ECS_ARRAY_SIZE(wrong); i++)
		if (ecs_uint_parse(wrong[i], 0, 100, &n) != -EINVAL)
			fail_msg("\"%s\" was taken", wrong[i]);
}

static void interface_names_follow_the_kernel(void **state)
{
	static const char *const right[] = {"a",     "eth0", "veth1234567890a", "...", "a.100",
					    "a-b_c", "%d",   "\xc3\xbc"};
	static const char *const wrong[] = {"",	    ".",    "..",  "a/b", "a:b",
					    "a b",  "a\tb", "a\n", "a\v", "veth12345678901b",
					    "a\xa0"};

	for (size_t i = 0; i < ECS_ARRAY_SIZE(right); i++)
		if (!ecs_ifname_valid(right[i]))
			fail_msg("\"%s\" was refused", right[i]);
	for (size_t i = 0; i < ECS_ARRAY_SIZE(wrong); i++)
		if (ecs_ifname_valid(wrong[i]))
			fail_msg("\"%s\" was taken", wrong[i]);
}

static void network_names_are_plain_and_short(void **state)
{
	assert_true(ecs_name_valid("lan"));
	assert_true(ecs_name_valid("0_9.z-A"));
	assert_true(ecs_name_valid("a234567890123456789012345678901"));
	assert_false(ecs_name_valid("a2345678901234567890123456789012"));
	assert_false(ecs_name_valid(""));
	assert_false(ecs_name_valid("-lan"));
	assert_false(ecs_name_valid(".lan"));
	assert_false(ecs_name_valid("l an"));
	assert_false(ecs_name_valid("l/an"));
	assert_false(ecs_name_valid("\xc3\xbc"));
}

static void patterns_can_match_a_link(void **state)
{
	assert_true(ecs_pattern_valid("vnet[0-9]*"));
	assert_false(ecs_pattern_valid(""));
	assert_false(ecs_pattern_valid("a/b"));
	assert_false(ecs_pattern_valid("a b"));
	assert_false(ecs_pattern_valid("a\001"));
	assert_true(ecs_pattern_match("vnet*", "vnet0"));
	assert_true(ecs_pattern_match("vnet[0-9]", "vnet5"));
	assert_false(ecs_pattern_match("vnet?", "vnet55"));
	assert_false(ecs_pattern_match("vnet*", "Vnet0"));
}

static void cleaned_text_is_one_line_of_utf8(void **state)
{
	char plain[] = "a \"b\" \xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80";
	char control[] = "a\nb\tc\x1b[1m\x7f";
	char broken[] = "\xc3 \xff \xed\xa0\x80 \xc0\xaf \xf5 \xe2\x82";

	assert_string_equal(ecs_text_clean(plain),
			    "a \"b\" \xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80");
	assert_string_equal(ecs_text_clean(control), "a?b?c?[1m?");
	assert_string_equal(ecs_text_clean(broken), "? ? ??? ?? ? ??");
}

static void endpoints_of_either_family_have_a_port_or_none(void **state)
{
	static const char *const same[] = {"10.0.0.7", "10.0.0.7:80", "fd00::7", "[fd00::7]:80"};
	static const char *const wrong[] = {"",
					    "10.0.0",
					    "10.0.0.7:",
					    "10.0.0.7:0",
					    "10.0.0.7:65536",
					    "[10.0.0.7]",
					    "[10.0.0.7]:80",
					    "[fd00::7",
					    "[fd00::7]80",
					    "[fd00::7]:",
					    "fd00::7]:80",
					    "[]",
					    "[]:80",
					    "nohost",
					    "[fd00::7]:80 "};
	struct ecs_endpoint endpoint = {.port = 1};
	char text[ECS_TARGET_TEXT_MAX];

	for (size_t i = 0; i < ECS_ARRAY_SIZE(wrong); i++)
		if (ecs_endpoint_parse(wrong[i], &endpoint) != -EINVAL || endpoint.port != 1)
			fail_msg("\"%s\" was taken", wrong[i]);
	for (size_t i = 0; i < ECS_ARRAY_SIZE(same); i++) {
		assert_int_equal(ecs_endpoint_parse(same[i], &endpoint), 0);
		assert_string_equal(ecs_endpoint_format(&endpoint, text), same[i]);
		assert_int_equal(endpoint.port, i & 1 ? 80 : 0);
	}
	assert_int_equal(ecs_endpoint_parse("[fd00::7]", &endpoint), 0);
	assert_string_equal(ecs_endpoint_format(&endpoint, text), "fd00::7");
}

static void names_of_others_are_short_utf8_without_control_characters(void **state)
{
	char longest[ECS_TEXT_MAX + 1];

	memset(longest, 'a', sizeof(longest));
	longest[ECS_TEXT_MAX] = '\0';
	assert_false(ecs_text_valid(longest));
	longest[ECS_TEXT_MAX - 1] = '\0';
	assert_true(ecs_text_valid(longest));
	assert_true(ecs_text_valid("web 1 \"b\" \xc3\xbc \xe2\x82\xac"));
	assert_false(ecs_text_valid(""));
	assert_false(ecs_text_valid("a\nb"));
	assert_false(ecs_text_valid("a\x1b[1m"));
	assert_false(ecs_text_valid("a\xc2\x9b"
				    "1m"));
	assert_false(ecs_text_valid("a\xff"));
	assert_false(ecs_text_valid("a\xe2\x82"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mac_of_either_case_becomes_lower_case),
		cmocka_unit_test(what_is_no_mac_is_refused_and_changes_nothing),
		cmocka_unit_test(numbers_are_decimal_and_in_range),
		cmocka_unit_test(what_is_no_number_is_refused),
		cmocka_unit_test(interface_names_follow_the_kernel),
		cmocka_unit_test(network_names_are_plain_and_short),
		cmocka_unit_test(patterns_can_match_a_link),
		cmocka_unit_test(cleaned_text_is_one_line_of_utf8),
		cmocka_unit_test(endpoints_of_either_family_have_a_port_or_none),
		cmocka_unit_test(names_of_others_are_short_utf8_without_control_characters),
	};

	return cmocka_run_group_tests_name("types", tests, NULL, NULL);
}
