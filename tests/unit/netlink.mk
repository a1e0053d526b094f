# SPDX-License-Identifier: Apache-2.0
# Tests of netlink/ against the kernel, in namespaces of their own. They need root, iproute2 and
# nsenter, and skip with a reason without root.
unit_tests += \
	tests/unit/test_netlink \
	tests/unit/test_netlink_tc \
	tests/unit/test_netlink_watch

netlink_test_cppflags = $(AM_CPPFLAGS) $(LIBNL_CFLAGS) $(LIBMNL_CFLAGS) $(CMOCKA_CFLAGS)
netlink_test_libs = netlink/libecsnl.a $(LIBNL_LIBS) $(LIBMNL_LIBS) $(CMOCKA_LIBS)

tests_unit_test_netlink_SOURCES = tests/unit/test_netlink.c tests/unit/netlink_test.h
tests_unit_test_netlink_CPPFLAGS = $(netlink_test_cppflags)
tests_unit_test_netlink_LDADD = $(netlink_test_libs) -lpthread
tests_unit_test_netlink_tc_SOURCES = tests/unit/test_netlink_tc.c tests/unit/netlink_test.h
tests_unit_test_netlink_tc_CPPFLAGS = $(netlink_test_cppflags)
tests_unit_test_netlink_tc_LDADD = $(netlink_test_libs) -lpthread
tests_unit_test_netlink_watch_SOURCES = tests/unit/test_netlink_watch.c tests/unit/netlink_test.h
tests_unit_test_netlink_watch_CPPFLAGS = $(netlink_test_cppflags)
tests_unit_test_netlink_watch_LDADD = $(netlink_test_libs)
