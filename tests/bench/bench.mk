# SPDX-License-Identifier: Apache-2.0
# Tools of tests/bench/run. They are built with the tests, so that they do not rot; no check
# runs the benchmark.
bench_tools = \
	tests/bench/firstframe \
	tests/bench/hook \
	tests/bench/relay \
	tests/bench/tsload \
	tests/bench/udpload
check_PROGRAMS += $(bench_tools)

tests_bench_firstframe_SOURCES = tests/bench/firstframe.c tests/lib/netns.h
tests_bench_firstframe_CFLAGS = $(AM_CFLAGS) $(LIBNL_CFLAGS)
tests_bench_firstframe_LDADD = $(LIBNL_LIBS)
tests_bench_hook_CFLAGS = $(AM_CFLAGS) $(LIBBPF_CFLAGS)
tests_bench_hook_LDADD = $(LIBBPF_LIBS)
tests_bench_relay_SOURCES = tests/bench/relay.c
tests_bench_tsload_SOURCES = tests/bench/tsload.c
tests_bench_udpload_SOURCES = tests/bench/udpload.c

bench-tools: $(bench_tools)
.PHONY: bench-tools

EXTRA_DIST += tests/bench/cast tests/bench/nat tests/bench/run
