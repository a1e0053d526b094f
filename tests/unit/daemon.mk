# SPDX-License-Identifier: Apache-2.0
# The part of the daemon that only decides.
EXTRA_LIBRARIES += tests/unit/libplan.a
tests_unit_libplan_a_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_libplan_a_SOURCES = \
	userspace/daemon/desired.c \
	userspace/daemon/desired_cast.c \
	userspace/daemon/desired_cast_groups.c \
	userspace/daemon/desired_gateway.c \
	userspace/daemon/desired_nat.c \
	userspace/daemon/desired_receiver.c \
	userspace/daemon/observed.c \
	userspace/daemon/plan.c \
	userspace/daemon/plan_cast.c \
	userspace/daemon/plan_gateway.c \
	userspace/daemon/plan_nat.c \
	userspace/daemon/state.c
plan_test_libs = tests/unit/libplan.a userspace/lib/libecs.a $(CMOCKA_LIBS) $(JANSSON_LIBS)

unit_tests += tests/unit/test_plan tests/unit/test_plan_cast tests/unit/test_plan_nat
tests_unit_test_plan_SOURCES = tests/unit/test_plan.c tests/unit/plan_world.h
tests_unit_test_plan_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_plan_LDADD = $(plan_test_libs)
tests_unit_test_plan_cast_SOURCES = tests/unit/test_plan_cast.c tests/unit/plan_world.h
tests_unit_test_plan_cast_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_plan_cast_LDADD = $(plan_test_libs)
tests_unit_test_plan_nat_SOURCES = tests/unit/test_plan_nat.c tests/unit/plan_world.h
tests_unit_test_plan_nat_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_plan_nat_LDADD = $(plan_test_libs)

unit_tests += tests/unit/test_sandbox
tests_unit_test_sandbox_SOURCES = tests/unit/test_sandbox.c tests/unit/unit.h \
	userspace/daemon/sandbox.c
tests_unit_test_sandbox_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS) $(LIBSECCOMP_CFLAGS)
tests_unit_test_sandbox_LDADD = userspace/lib/libecs.a $(CMOCKA_LIBS) $(JANSSON_LIBS) $(LIBSECCOMP_LIBS)

unit_tests += tests/unit/test_cast
tests_unit_test_cast_SOURCES = tests/unit/test_cast.c tests/unit/ts_world.h tests/unit/ts_stream.h tests/unit/unit.h
tests_unit_test_cast_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_cast_LDADD = userspace/lib/libecs.a $(CMOCKA_LIBS) $(JANSSON_LIBS)

unit_tests += tests/unit/test_policy
tests_unit_test_policy_SOURCES = tests/unit/test_policy.c tests/unit/unit.h
tests_unit_test_policy_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_policy_LDADD = userspace/lib/libecs.a $(CMOCKA_LIBS) $(JANSSON_LIBS)

unit_tests += tests/unit/test_decide
tests_unit_test_decide_SOURCES = tests/unit/test_decide.c tests/unit/unit.h
tests_unit_test_decide_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_decide_LDADD = userspace/lib/libecs.a $(CMOCKA_LIBS) $(JANSSON_LIBS)

unit_tests += tests/unit/test_cast_pes
tests_unit_test_cast_pes_SOURCES = tests/unit/test_cast_pes.c tests/unit/ts_stream.h tests/unit/ts_world.h tests/unit/unit.h
tests_unit_test_cast_pes_CFLAGS = $(AM_CFLAGS) -Wno-unused-function $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_cast_pes_LDADD = $(CMOCKA_LIBS) $(JANSSON_LIBS)

unit_tests += tests/unit/test_cast_cut
tests_unit_test_cast_cut_SOURCES = tests/unit/test_cast_cut.c tests/unit/ts_stream.h tests/unit/unit.h
tests_unit_test_cast_cut_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_cast_cut_LDADD = $(CMOCKA_LIBS) $(JANSSON_LIBS)

unit_tests += tests/unit/test_psi
tests_unit_test_psi_SOURCES = tests/unit/test_psi.c tests/unit/ts_stream.h tests/unit/unit.h
tests_unit_test_psi_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_psi_LDADD = $(CMOCKA_LIBS) $(JANSSON_LIBS)

unit_tests += tests/unit/test_ladder
tests_unit_test_ladder_SOURCES = tests/unit/test_ladder.c tests/unit/unit.h \
	userspace/daemon/ladder_step.c
tests_unit_test_ladder_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_ladder_LDADD = userspace/lib/libecs.a $(CMOCKA_LIBS) $(JANSSON_LIBS)

unit_tests += tests/unit/test_rtp tests/unit/test_rtp_thin
tests_unit_test_rtp_SOURCES = tests/unit/test_rtp.c tests/unit/rtp_packets.h tests/unit/unit.h
tests_unit_test_rtp_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS) -Wno-unused-function
tests_unit_test_rtp_LDADD = $(CMOCKA_LIBS) $(JANSSON_LIBS)
tests_unit_test_rtp_thin_SOURCES = tests/unit/test_rtp_thin.c tests/unit/rtp_packets.h tests/unit/unit.h
tests_unit_test_rtp_thin_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_rtp_thin_LDADD = $(CMOCKA_LIBS) $(JANSSON_LIBS)
