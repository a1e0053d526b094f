// SPDX-License-Identifier: Apache-2.0
/*
 * Files that are there whole or not at all, in a directory of the test's own.
 */
#include "unit.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "userspace/lib/file.h"

static char dir[] = "/tmp/ecs-file-XXXXXX";
static struct ecs_err err;

static const char *in_dir(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void put(const char *name, const char *text)
{
	FILE *out = fopen(in_dir(name), "w");

	assert_non_null(out);
	fputs(text, out);
	assert_int_equal(fclose(out), 0);
}

static void assert_has(const char *name, const char *want)
{
	char text[64] = "";
	FILE *in = fopen(in_dir(name), "r");

	assert_non_null(in);
	text[fread(text, 1, sizeof(text) - 1, in)] = '\0';
	fclose(in);
	assert_string_equal(text, want);
}

static void file_is_replaced_with_its_mode_and_nothing_beside(void **state)
{
	struct stat st;

	(void)state;
	put("a", "old and longer");
	assert_int_equal(ecs_file_replace(in_dir("a"), "new\n", 0640, &err), 0);
	assert_has("a", "new\n");
	assert_int_equal(stat(in_dir("a"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(access(in_dir("a.ecswitch-new"), F_OK), -1);
}

static void what_a_crash_left_beside_goes_with_the_next(void **state)
{
	(void)state;
	put("a.ecswitch-new", "half of someth");
	assert_int_equal(ecs_file_replace(in_dir("a"), "whole", 0644, &err), 0);
	assert_has("a", "whole");
	assert_int_equal(access(in_dir("a.ecswitch-new"), F_OK), -1);
	put("a.ecswitch-new", "half of someth");
	assert_int_equal(ecs_file_remove(in_dir("a"), &err), 0);
	assert_int_equal(access(in_dir("a"), F_OK), -1);
	assert_int_equal(access(in_dir("a.ecswitch-new"), F_OK), -1);
	assert_int_equal(ecs_file_remove(in_dir("a"), &err), 0);
}

static void link_beside_leads_nowhere(void **state)
{
	char victim[PATH_MAX];

	(void)state;
	put("victim", "mine");
	snprintf(victim, sizeof(victim), "%s", in_dir("victim"));
	assert_int_equal(symlink(victim, in_dir("a.ecswitch-new")), 0);
	assert_int_equal(ecs_file_replace(in_dir("a"), "ours", 0644, &err), 0);
	assert_has("victim", "mine");
	assert_has("a", "ours");
}

/* A limit on the size of files stands for a disk that is full. */
static void old_file_stays_when_the_new_one_does_not_fit(void **state)
{
	struct rlimit old, small;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = (struct rlimit){8, old.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	put("a", "old");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(ecs_file_replace(in_dir("a"), "longer than eight", 0644, &err), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_non_null(strstr(err.text, "/a: File too large; the old file is unchanged"));
	assert_has("a", "old");
	assert_int_equal(access(in_dir("a.ecswitch-new"), F_OK), -1);
}

static void place_where_no_file_can_be_is_named(void **state)
{
	(void)state;
	assert_int_equal(ecs_file_replace(in_dir("none/a"), "x", 0644, &err), -ENOENT);
	assert_non_null(strstr(err.text, "cannot write beside "));
	assert_int_equal(mkdir(in_dir("d"), 0700), 0);
	assert_int_equal(ecs_file_replace(in_dir("d"), "x", 0644, &err), -EISDIR);
	assert_int_equal(ecs_file_remove(in_dir("d"), &err), -EISDIR);
	assert_non_null(strstr(err.text, "cannot remove "));
	assert_int_equal(rmdir(in_dir("d")), 0);
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(in_dir("a"));
	unlink(in_dir("victim"));
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(file_is_replaced_with_its_mode_and_nothing_beside),
		cmocka_unit_test(what_a_crash_left_beside_goes_with_the_next),
		cmocka_unit_test(link_beside_leads_nowhere),
		cmocka_unit_test(old_file_stays_when_the_new_one_does_not_fit),
		cmocka_unit_test(place_where_no_file_can_be_is_named),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
