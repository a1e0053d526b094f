# SPDX-License-Identifier: Apache-2.0
# Programs of the tests. unit_tests run anywhere and in `make check`; bpf_tests and the system
# tests need root, and only scripts/check runs them. A test program is a cmocka group.
unit_tests =
bpf_tests =
include tests/bpf/bpf.mk

include tests/unit/cli.mk
include tests/unit/daemon.mk
include tests/unit/netlink.mk
include tests/fuzz/fuzz.mk
include tests/next/next.mk
include tests/vm/vm.mk
include tests/bench/bench.mk

test_tools = \
	tests/lib/castsink \
	tests/lib/counted \
	tests/lib/countprog \
	tests/lib/csumwatch \
	tests/lib/frame \
	tests/lib/many \
	tests/lib/pinger \
	tests/lib/pinned \
	tests/lib/rtp \
	tests/lib/stream \
	tests/lib/taphost \
	tests/lib/tsplay \
	tests/lib/vlanend
tests_lib_counted_SOURCES = tests/lib/counted.c tests/lib/netns.h tests/lib/stopped.h
tests_lib_castsink_SOURCES = tests/lib/castsink.c
tests_lib_countprog_SOURCES = tests/lib/countprog.c tests/lib/netns.h
tests_lib_countprog_CFLAGS = $(AM_CFLAGS) $(LIBBPF_CFLAGS)
tests_lib_countprog_LDADD = $(LIBBPF_LIBS)
tests_lib_csumwatch_SOURCES = tests/lib/csumwatch.c tests/lib/stopped.h
nodist_tests_lib_csumwatch_SOURCES = tests/lib/csumwatch.skel.h
tests_lib_csumwatch_CFLAGS = $(AM_CFLAGS) $(LIBBPF_CFLAGS)
tests_lib_csumwatch_LDADD = $(LIBBPF_LIBS)
tests_lib_frame_SOURCES = tests/lib/frame.c tests/lib/netns.h
tests_lib_many_SOURCES = tests/lib/many.c
tests_lib_pinger_SOURCES = tests/lib/pinger.c tests/lib/netns.h
tests_lib_pinned_SOURCES = tests/lib/pinned.c
tests_lib_pinned_CFLAGS = $(AM_CFLAGS) $(LIBBPF_CFLAGS)
tests_lib_pinned_LDADD = $(LIBBPF_LIBS)
tests_lib_rtp_SOURCES = tests/lib/rtp.c tests/lib/netns.h
tests_lib_stream_SOURCES = tests/lib/stream.c tests/lib/netns.h tests/lib/stopped.h
tests_lib_taphost_SOURCES = tests/lib/taphost.c tests/lib/netns.h
tests_lib_tsplay_SOURCES = tests/lib/tsplay.c
tests_lib_vlanend_SOURCES = tests/lib/vlanend.c tests/lib/netns.h
tests_lib_vlanend_CFLAGS = $(AM_CFLAGS) $(LIBBPF_CFLAGS)
tests_lib_vlanend_LDADD = $(LIBBPF_LIBS)

tests/lib/csumwatch.skel.h: tests/lib/csumwatch.bpf.c
	$(AM_V_GEN)$(MKDIR_P) tests/lib && $(CLANG) $(BPF_CFLAGS) $(BPF_CPPFLAGS) -c $< \
		-o tests/lib/csumwatch.bpf.o && \
		$(BPFTOOL) gen skeleton tests/lib/csumwatch.bpf.o name csumwatch_bpf > $@.tmp && mv $@.tmp $@
tests/lib/csumwatch-csumwatch.$(OBJEXT): tests/lib/csumwatch.skel.h
CLEANFILES += tests/lib/csumwatch.skel.h tests/lib/csumwatch.bpf.o

# Preloaded into the daemon: a kernel that refuses.
tests/lib/bpffault.so: tests/lib/bpffault.c
	$(AM_V_CCLD)$(MKDIR_P) tests/lib && $(CC) $(DEFS) -D_GNU_SOURCE -std=gnu11 $(ECS_CFLAGS) -O2 \
		-shared -fPIC $(srcdir)/tests/lib/bpffault.c -o $@
check_DATA += tests/lib/bpffault.so
CLEANFILES += tests/lib/bpffault.so

check_PROGRAMS += $(test_tools)
if HAVE_CMOCKA
check_PROGRAMS += $(unit_tests) $(bpf_tests)
TESTS += $(unit_tests)
endif

# For scripts/check: the build with sanitizers needs these alone, and which programs there are.
unit-tests: $(unit_tests)
list-tests:
	@printf 'unit %s\n' $(unit_tests)
	@printf 'bpf %s\n' $(bpf_tests)
.PHONY: unit-tests list-tests

EXTRA_DIST += \
	tests/lib/bpffault.c \
	tests/lib/csumwatch.bpf.c \
	.ci/run \
	scripts/check \
	scripts/deps \
	scripts/quickstart \
	scripts/soak \
	scripts/style \
	scripts/tap.awk \
	tests/data/README.md \
	tests/data/h264.rtp \
	tests/data/h264.ts \
	tests/data/hevc.rtp \
	tests/data/hevc.ts \
	tests/data/mpeg2.ts \
	tests/data/ts.rtp \
	tests/lib/cast.bash \
	tests/lib/load.bash \
	tests/lib/nat.bash \
	tests/lib/rtp.bash \
	tests/lib/net.bash \
	tests/lib/switch.bash \
	tests/lib/system.bash \
	tests/lib/udhcpc.sh \
	tests/lib/world.bash \
	tests/lib/world.fstab \
	tests/system
