# SPDX-License-Identifier: Apache-2.0
unit_tests += tests/unit/test_plan

tests_unit_test_plan_SOURCES = \
	tests/unit/test_plan.c \
	userspace/daemon/desired.c \
	userspace/daemon/observed.c \
	userspace/daemon/plan.c \
	userspace/daemon/state.c
tests_unit_test_plan_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_plan_LDADD = userspace/lib/libecs.a $(CMOCKA_LIBS) $(JANSSON_LIBS)
