# SPDX-License-Identifier: Apache-2.0
# Tests of the data path. They need root, and skip with a reason without it.
bpf_tests += \
	tests/bpf/test_cast \
	tests/bpf/test_cast_cut \
	tests/bpf/test_cast_hostile \
	tests/bpf/test_cast_pes \
	tests/bpf/test_cast_policy \
	tests/bpf/test_cast_rtp \
	tests/bpf/test_gso \
	tests/bpf/test_hostile \
	tests/bpf/test_learn \
	tests/bpf/test_nat \
	tests/bpf/test_nat_fast \
	tests/bpf/test_nat_hostile \
	tests/bpf/test_nat_limits \
	tests/bpf/test_nat6 \
	tests/bpf/test_nat_tcp \
	tests/bpf/test_patch \
	tests/bpf/test_switch \
	tests/bpf/test_traffic \
	tests/bpf/test_uplink \
	tests/bpf/test_vlan

bpf_test_cppflags = $(AM_CPPFLAGS) $(LIBBPF_CFLAGS) $(CMOCKA_CFLAGS)
bpf_test_libs = tests/bpf/libbpftest.a $(LIBBPF_LIBS) $(CMOCKA_LIBS)

EXTRA_LIBRARIES = tests/bpf/libbpftest.a
CLEANFILES += tests/bpf/libbpftest.a
tests_bpf_libbpftest_a_SOURCES = \
	tests/bpf/bpf_test.c \
	tests/bpf/bpf_test.h \
	tests/bpf/bpf_test_frame.c \
	tests/bpf/bpf_test_load.c \
	tests/bpf/bpf_test_maps.c
tests_bpf_libbpftest_a_CPPFLAGS = $(bpf_test_cppflags)

tests_bpf_test_learn_CPPFLAGS = $(bpf_test_cppflags)
tests_bpf_test_learn_LDADD = $(bpf_test_libs)
tests_bpf_test_switch_CPPFLAGS = $(bpf_test_cppflags)
tests_bpf_test_switch_LDADD = $(bpf_test_libs)
tests_bpf_test_traffic_CPPFLAGS = $(bpf_test_cppflags)
tests_bpf_test_traffic_LDADD = $(bpf_test_libs)
tests_bpf_test_uplink_CPPFLAGS = $(bpf_test_cppflags)
tests_bpf_test_uplink_LDADD = $(bpf_test_libs)
tests_bpf_test_hostile_CPPFLAGS = $(bpf_test_cppflags)
tests_bpf_test_hostile_LDADD = $(bpf_test_libs)
tests_bpf_test_patch_CPPFLAGS = $(bpf_test_cppflags)
tests_bpf_test_patch_LDADD = $(bpf_test_libs)
tests_bpf_test_vlan_CPPFLAGS = $(bpf_test_cppflags)
tests_bpf_test_vlan_LDADD = $(bpf_test_libs)
tests_bpf_test_gso_CPPFLAGS = $(bpf_test_cppflags)
tests_bpf_test_gso_LDADD = $(bpf_test_libs)

EXTRA_PROGRAMS += tests/bpf/bench_path
tests_bpf_bench_path_CPPFLAGS = $(bpf_test_cppflags)
tests_bpf_bench_path_LDADD = $(bpf_test_libs)

# NAT's tests share a bench of their own.
EXTRA_LIBRARIES += tests/bpf/libnattest.a
CLEANFILES += tests/bpf/libnattest.a
nat_test_libs = tests/bpf/libnattest.a $(bpf_test_libs)
tests_bpf_libnattest_a_SOURCES = \
	tests/bpf/nat_test.c \
	tests/bpf/nat_test.h
tests_bpf_libnattest_a_CPPFLAGS = $(bpf_test_cppflags)
tests_bpf_test_nat_CPPFLAGS = $(bpf_test_cppflags)
tests_bpf_test_nat_LDADD = $(nat_test_libs)
tests_bpf_test_nat6_CPPFLAGS = $(bpf_test_cppflags)
tests_bpf_test_nat6_LDADD = $(nat_test_libs)
EXTRA_PROGRAMS += tests/bpf/bench_nat
tests_bpf_bench_nat_CPPFLAGS = $(bpf_test_cppflags)
tests_bpf_bench_nat_LDADD = $(nat_test_libs)
tests_bpf_test_nat_tcp_CPPFLAGS = $(bpf_test_cppflags)
tests_bpf_test_nat_tcp_LDADD = $(nat_test_libs)
tests_bpf_test_nat_fast_CPPFLAGS = $(bpf_test_cppflags)
tests_bpf_test_nat_fast_LDADD = $(nat_test_libs)
tests_bpf_test_nat_hostile_SOURCES = tests/bpf/test_nat_hostile.c tests/bpf/nat_frame.h
tests_bpf_test_nat_hostile_CPPFLAGS = $(bpf_test_cppflags)
tests_bpf_test_nat_hostile_LDADD = $(nat_test_libs)
tests_bpf_test_nat_limits_CPPFLAGS = $(bpf_test_cppflags)
tests_bpf_test_nat_limits_LDADD = $(nat_test_libs)

# So do casts'.
EXTRA_LIBRARIES += tests/bpf/libcasttest.a
CLEANFILES += tests/bpf/libcasttest.a
cast_test_libs = tests/bpf/libcasttest.a $(bpf_test_libs)
tests_bpf_libcasttest_a_SOURCES = \
	tests/bpf/cast_test.c \
	tests/bpf/cast_test.h
tests_bpf_libcasttest_a_CPPFLAGS = $(bpf_test_cppflags) -DCT_DATA='"$(abs_top_srcdir)/tests/data"'
EXTRA_PROGRAMS += tests/bpf/bench_cast
tests_bpf_bench_cast_CPPFLAGS = $(bpf_test_cppflags)
tests_bpf_bench_cast_LDADD = $(cast_test_libs)
tests_bpf_test_cast_CPPFLAGS = $(bpf_test_cppflags)
tests_bpf_test_cast_LDADD = $(cast_test_libs)
tests_bpf_test_cast_cut_CPPFLAGS = $(bpf_test_cppflags)
tests_bpf_test_cast_cut_LDADD = $(cast_test_libs)
tests_bpf_test_cast_hostile_CPPFLAGS = $(bpf_test_cppflags)
tests_bpf_test_cast_hostile_LDADD = $(cast_test_libs)
tests_bpf_test_cast_pes_CPPFLAGS = $(bpf_test_cppflags)
tests_bpf_test_cast_pes_LDADD = $(cast_test_libs)
tests_bpf_test_cast_policy_CPPFLAGS = $(bpf_test_cppflags)
tests_bpf_test_cast_policy_LDADD = $(cast_test_libs)
tests_bpf_test_cast_rtp_CPPFLAGS = $(bpf_test_cppflags)
tests_bpf_test_cast_rtp_LDADD = $(cast_test_libs)
