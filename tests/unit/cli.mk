# SPDX-License-Identifier: Apache-2.0
# Tests of the library and the command line. They need no root and no daemon.
unit_tests += \
	tests/unit/test_cli \
	tests/unit/test_client \
	tests/unit/test_commands \
	tests/unit/test_config \
	tests/unit/test_config_cast \
	tests/unit/test_config_nat \
	tests/unit/test_config_whole \
	tests/unit/test_file \
	tests/unit/test_log \
	tests/unit/test_render \
	tests/unit/test_rpc \
	tests/unit/test_script \
	tests/unit/test_types

cli_test_cflags = -DTOP_SRCDIR='"$(abs_top_srcdir)"' -DTOP_BUILDDIR='"$(abs_top_builddir)"' \
	$(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
cli_test_libs = userspace/lib/libecs.a $(CMOCKA_LIBS) $(JANSSON_LIBS)

tests_unit_test_cli_SOURCES = tests/unit/test_cli.c tests/unit/fake_daemon.h tests/unit/unit.h
tests_unit_test_cli_CFLAGS = $(cli_test_cflags)
tests_unit_test_cli_LDADD = $(cli_test_libs)
EXTRA_tests_unit_test_cli_DEPENDENCIES = ecswitchctl

tests_unit_test_client_SOURCES = tests/unit/test_client.c tests/unit/fake_daemon.h tests/unit/unit.h
tests_unit_test_client_CFLAGS = $(cli_test_cflags)
tests_unit_test_client_LDADD = $(cli_test_libs)

tests_unit_test_commands_SOURCES = tests/unit/test_commands.c tests/unit/unit.h
tests_unit_test_commands_CFLAGS = $(cli_test_cflags)
tests_unit_test_commands_LDADD = $(cli_test_libs)

tests_unit_test_config_SOURCES = tests/unit/test_config.c tests/unit/config_unit.h tests/unit/unit.h
tests_unit_test_config_CFLAGS = $(cli_test_cflags)
tests_unit_test_config_LDADD = $(cli_test_libs)

tests_unit_test_config_cast_SOURCES = tests/unit/test_config_cast.c tests/unit/config_unit.h \
	tests/unit/unit.h
tests_unit_test_config_cast_CFLAGS = $(cli_test_cflags)
tests_unit_test_config_cast_LDADD = $(cli_test_libs)

tests_unit_test_config_nat_SOURCES = tests/unit/test_config_nat.c tests/unit/config_unit.h \
	tests/unit/unit.h
tests_unit_test_config_nat_CFLAGS = $(cli_test_cflags)
tests_unit_test_config_nat_LDADD = $(cli_test_libs)

tests_unit_test_config_whole_SOURCES = tests/unit/test_config_whole.c tests/unit/config_unit.h \
	tests/unit/unit.h
tests_unit_test_config_whole_CFLAGS = $(cli_test_cflags)
tests_unit_test_config_whole_LDADD = $(cli_test_libs)

tests_unit_test_file_SOURCES = tests/unit/test_file.c tests/unit/unit.h
tests_unit_test_file_CFLAGS = $(cli_test_cflags)
tests_unit_test_file_LDADD = $(cli_test_libs)

tests_unit_test_log_SOURCES = tests/unit/test_log.c tests/unit/unit.h
tests_unit_test_log_CFLAGS = $(cli_test_cflags)
tests_unit_test_log_LDADD = $(cli_test_libs)

tests_unit_test_render_SOURCES = tests/unit/test_render.c tests/unit/unit.h
tests_unit_test_render_CFLAGS = $(cli_test_cflags)
tests_unit_test_render_LDADD = userspace/cli/libecscli.a $(cli_test_libs) $(SMARTCOLS_LIBS)

tests_unit_test_rpc_SOURCES = tests/unit/test_rpc.c tests/unit/unit.h
tests_unit_test_rpc_CFLAGS = $(cli_test_cflags)
tests_unit_test_rpc_LDADD = $(cli_test_libs)

tests_unit_test_script_SOURCES = tests/unit/test_script.c tests/unit/unit.h
tests_unit_test_script_CFLAGS = $(cli_test_cflags)
tests_unit_test_script_LDADD = $(cli_test_libs)

tests_unit_test_types_SOURCES = tests/unit/test_types.c tests/unit/unit.h
tests_unit_test_types_CFLAGS = $(cli_test_cflags)
tests_unit_test_types_LDADD = $(cli_test_libs)
