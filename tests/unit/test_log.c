// SPDX-License-Identifier: Apache-2.0
/*
 * The log, with stderr bent into a pipe or a socket.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "userspace/lib/log.h"

struct bent {
	int saved, reader;
};

static struct bent bend(int reader, int writer)
{
	struct bent bent = {.saved = dup(STDERR_FILENO), .reader = reader};

	assert_int_equal(dup2(writer, STDERR_FILENO), STDERR_FILENO);
	close(writer);
	fcntl(reader, F_SETFL, O_NONBLOCK);
	return bent;
}

static struct bent bend_to_pipe(void)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	return bend(fds[0], fds[1]);
}

static void take(const struct bent *bent, char *text, size_t size)
{
	ssize_t got = read(bent->reader, text, size - 1);

	text[got < 0 ? 0 : got] = '\0';
}

static void unbend(struct bent *bent)
{
	dup2(bent->saved, STDERR_FILENO);
	close(bent->saved);
	close(bent->reader);
	ecs_log_set_level(ECS_LOG_INFO);
	unsetenv("JOURNAL_STREAM");
}

static void each_level_has_a_name(void **state)
{
	enum ecs_log_level level = ECS_LOG_INFO;

	assert_int_equal(ecs_log_level_parse("error", &level), 0);
	assert_int_equal(level, ECS_LOG_ERROR);
	assert_int_equal(ecs_log_level_parse("debug", &level), 0);
	assert_int_equal(level, ECS_LOG_DEBUG);
	assert_int_equal(ecs_log_level_parse("DEBUG", &level), -EINVAL);
	assert_int_equal(ecs_log_level_parse("", &level), -EINVAL);
	assert_int_equal(level, ECS_LOG_DEBUG);
}

static void messages_above_the_level_are_left_out(void **state)
{
	struct bent bent = bend_to_pipe();
	char text[512];

	ecs_info("one");
	ecs_debug("two");
	ecs_log_set_level(ECS_LOG_WARNING);
	ecs_info("three");
	ecs_warning("four %d", 4);
	take(&bent, text, sizeof(text));
	unbend(&bent);
	assert_string_equal(text, "test_log: one\ntest_log: warning: four 4\n");
}

static void a_message_stays_one_clean_line(void **state)
{
	struct bent bent = bend_to_pipe();
	char text[4096], longest[4000];

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	ecs_error("a\nb\x1b[0m");
	ecs_error("%s", longest);
	take(&bent, text, sizeof(text));
	unbend(&bent);
	assert_memory_equal(text, "test_log: error: a?b?[0m\n", 25);
	assert_true(strlen(text) < 1100);
	assert_ptr_equal(strchr(text + 25, '\n'), text + strlen(text) - 1);
}

static void errno_survives_a_message(void **state)
{
	struct bent bent = bend_to_pipe();
	char text[256];

	errno = ENOENT;
	ecs_error("why: %m");
	assert_int_equal(errno, ENOENT);
	take(&bent, text, sizeof(text));
	unbend(&bent);
	assert_string_equal(text, "test_log: error: why: No such file or directory\n");
}

static void a_full_pipe_loses_lines_and_says_how_many(void **state)
{
	struct bent bent = bend_to_pipe();
	char text[1u << 17], junk[4096] = "";
	int flags = fcntl(STDERR_FILENO, F_GETFL);

	fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
	while (write(STDERR_FILENO, junk, sizeof(junk)) > 0)
		;
	fcntl(STDERR_FILENO, F_SETFL, flags); /* from here a careless write would block */
	ecs_error("lost");
	ecs_error("lost");
	take(&bent, text, sizeof(text));
	ecs_error("here again");
	take(&bent, text, sizeof(text));
	assert_string_equal(text, "test_log: error: (2 lines lost) here again\n");
	ecs_error("all is well");
	take(&bent, text, sizeof(text));
	unbend(&bent);
	assert_string_equal(text, "test_log: error: all is well\n");
}

static void the_journal_gets_priorities(void **state)
{
	char text[256], stream[64];
	struct bent bent;
	struct stat st;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(fstat(fds[1], &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	bent = bend(fds[0], fds[1]);
	ecs_error("a");
	ecs_info("b");
	take(&bent, text, sizeof(text));
	/* Inherited from somebody else's stderr. */
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev + 1,
		 (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	ecs_error("c");
	take(&bent, text + 10, sizeof(text) - 10);
	unbend(&bent);
	assert_memory_equal(text, "<3>a\n<6>b\n", 10);
	assert_string_equal(text + 10, "test_log: error: c\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_level_has_a_name),
		cmocka_unit_test(messages_above_the_level_are_left_out),
		cmocka_unit_test(a_message_stays_one_clean_line),
		cmocka_unit_test(errno_survives_a_message),
		cmocka_unit_test(a_full_pipe_loses_lines_and_says_how_many),
		cmocka_unit_test(the_journal_gets_priorities),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
