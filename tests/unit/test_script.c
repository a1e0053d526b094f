// SPDX-License-Identifier: Apache-2.0
/*
 * The configuration file's reader, on right files and on wrong bytes.
 */
#include "unit.h"

#include <errno.h>

static int parse(const char *text, size_t len, json_t **out, struct ecs_err *err)
{
	/* fmemopen() takes no empty buffer. */
	ECS_FCLOSE FILE *in = len ? fmemopen((void *)text, len, "r") : fopen("/dev/null", "r");

	return ecs_script_parse(in, "test.conf", out, err);
}

static void assert_fails(const char *text, size_t len, const char *place, const char *why)
{
	struct ecs_err err = {};
	json_t *out = NULL;

	if (parse(text, len, &out, &err) != -EINVAL)
		fail_msg("taken: %.60s", text);
	assert_null(out);
	assert_memory_equal(err.text, place, strlen(place));
	unit_assert_has(err.text, why);
}

#define FAILS(text, place, why) assert_fails(text, sizeof(text) - 1, place, why)
#define PARSES(script, expected)                                                                   \
	do {                                                                                       \
		struct ecs_err err_;                                                               \
		json_t *out_ = NULL;                                                               \
		if (parse(script, sizeof(script) - 1, &out_, &err_) < 0)                           \
			fail_msg("%s", err_.text);                                                 \
		unit_assert_json(out_, expected);                                                  \
	} while (0)

#define DEL_A(line) "{'line':" #line ",'method':'port.del','params':{'port':'a'}}"

static void lines_comments_and_blanks_are_counted(void **state)
{
	PARSES("# comment\n\n   \t\nport del a # why\n#port del b\nport del a",
	       "[" DEL_A(4) "," DEL_A(6) "]");
	PARSES("", "[]");
	PARSES("\n", "[]");
}

static void windows_line_ends_and_byte_order_marks_are_taken(void **state)
{
	PARSES("\xef\xbb\xbfport del a\r\n\r\nport del a\r\n", "[" DEL_A(1) "," DEL_A(3) "]");
	FAILS("port del a\n\xef\xbb\xbfport del a\n", "test.conf:2: ", "unknown command");
}

static void quoted_words_keep_what_is_in_them(void **state)
{
	PARSES("port del \"a\"", "[" DEL_A(1) "]");
	PARSES("match add \"#\\\"\\\\x\" network \"lan\"\t# c",
	       "[{'line':1,'method':'match.add','params':{'pattern':'#\\\"\\\\x','network':'lan'}}"
	       "]");
	PARSES("port del a#b", "[{'line':1,'method':'port.del','params':{'port':'a#b'}}]");
	FAILS("port del \"a", "test.conf:1: ", "not closed");
	FAILS("port del \"a\\\"", "test.conf:1: ", "not closed");
	FAILS("port del \"a\"b", "test.conf:1: ", "space is missing");
	FAILS("port del a\"b\"", "test.conf:1: ", "quote the whole word");
	FAILS("port del \"\"", "test.conf:1: ", "\"\" is no value");
}

static void errors_name_file_line_and_word(void **state)
{
	FAILS("port del a\n\nport dle b\n", "test.conf:3: ", "did you mean \"del\"?");
	FAILS("network add lan\nnetwork add x vlan 9999\n", "test.conf:2: ", "\"9999\"");
}

static void only_configuration_may_stand_in_a_file(void **state)
{
	FAILS("show\n", "test.conf:1: ", "\"show\" cannot stand in a file");
	FAILS("apply x\n", "test.conf:1: ", "\"apply\" cannot");
	FAILS("fdb flush\n", "test.conf:1: ", "\"fdb flush\" cannot");
	FAILS("detach\n", "test.conf:1: ", "\"detach\" cannot");
}

static void nul_bytes_are_refused(void **state)
{
	FAILS("port del a\nport del a\0b\n", "test.conf:2: ", "NUL byte");
	FAILS("\0\0\0\0", "test.conf:1: ", "NUL byte");
}

static void bytes_that_are_no_utf8_are_refused(void **state)
{
	FAILS("port del \xff\xfe\n", "test.conf:1: ", "\"??\" is no value");
}

static void lines_have_a_longest_length(void **state)
{
	char text[8192];

	/* A comment of exactly 4096 bytes, and one more. */
	memset(text, '#', sizeof(text));
	text[4096] = '\n';
	memcpy(text + 4097, "port del a", 10);
	{
		json_t *out = NULL;

		assert_int_equal(parse(text, 4107, &out, NULL), 0);
		unit_assert_json(out, "[" DEL_A(2) "]");
	}
	text[4096] = '#';
	text[4097] = '\n';
	assert_fails(text, 4098, "test.conf:1: ", "longer than 4096");
	assert_fails(text, sizeof(text), "test.conf:1: ", "longer than 4096");
}

static void lines_have_a_largest_number_of_words(void **state)
{
	char text[512] = "";

	for (int i = 0; i < ECS_WORDS_MAX + 1; i++)
		strcat(text, "x ");
	assert_fails(text, strlen(text), "test.conf:1: ", "more than 64 words");
}

static void files_have_a_largest_number_of_lines(void **state)
{
	size_t len = 65536;
	ECS_FREE char *text = malloc(len + 1);
	json_t *out = NULL;

	memset(text, '\n', len + 1);
	assert_int_equal(parse(text, len, &out, NULL), 0);
	unit_assert_json(out, "[]");
	assert_fails(text, len + 1, "test.conf:65537: ", "more than 65536 lines");
}

static void a_folder_is_no_file(void **state)
{
	ECS_FCLOSE FILE *in = fopen("/", "r");
	struct ecs_err err;
	json_t *out;

	assert_int_equal(ecs_script_parse(in, "/", &out, &err), -EISDIR);
	unit_assert_has(err.text, "/: cannot be read");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_comments_and_blanks_are_counted),
		cmocka_unit_test(windows_line_ends_and_byte_order_marks_are_taken),
		cmocka_unit_test(quoted_words_keep_what_is_in_them),
		cmocka_unit_test(errors_name_file_line_and_word),
		cmocka_unit_test(only_configuration_may_stand_in_a_file),
		cmocka_unit_test(nul_bytes_are_refused),
		cmocka_unit_test(bytes_that_are_no_utf8_are_refused),
		cmocka_unit_test(lines_have_a_longest_length),
		cmocka_unit_test(lines_have_a_largest_number_of_words),
		cmocka_unit_test(files_have_a_largest_number_of_lines),
		cmocka_unit_test(a_folder_is_no_file),
	};

	return cmocka_run_group_tests_name("script", tests, NULL, NULL);
}
