# SPDX-License-Identifier: Apache-2.0
# Fuzzing of everything that reads bytes of others, by clang's libFuzzer. Not built by default:
#
#   make fuzz FUZZ_RUNS=1000000
#
# scripts/check runs each program in fuzz_programs briefly. Inputs to begin with are in corpus/NAME,
# or made with the program in made/NAME; words are in NAME.dict. New inputs that reach new code are
# kept in the build folder, crashes too.
FUZZ_RUNS = 100000
fuzz_programs = \
	tests/fuzz/fuzz_cast \
	tests/fuzz/fuzz_netlink \
	tests/fuzz/fuzz_request \
	tests/fuzz/fuzz_rtp \
	tests/fuzz/fuzz_script
fuzz_flags = -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-recover=undefined -D_GNU_SOURCE
fuzz_build = $(AM_V_CCLD)$(MKDIR_P) tests/fuzz && $(CLANG) $(fuzz_flags) $(AM_CPPFLAGS) -I. $(srcdir)/$@.c -o $@

fuzz_lib = $(addprefix $(srcdir)/,$(filter %.c,$(userspace_lib_libecs_a_SOURCES)))
tests/fuzz/fuzz_script tests/fuzz/fuzz_request: tests/fuzz/fuzz_request.c tests/fuzz/fuzz_script.c $(fuzz_lib)
	$(fuzz_build) $(JANSSON_CFLAGS) $(fuzz_lib) $(JANSSON_LIBS)

# Five datagrams of a real stream each.
fuzz_cast_deps = tests/fuzz/cast_claims.h $(wildcard $(srcdir)/kernel/*.h)
tests/fuzz/fuzz_cast: tests/fuzz/fuzz_cast.c $(fuzz_cast_deps)
	$(fuzz_build)
	$(AM_V_GEN)$(MKDIR_P) tests/fuzz/made/cast && for name in h264 hevc mpeg2; do \
		split -b 6580 -a 3 $(srcdir)/tests/data/$$name.ts tests/fuzz/made/cast/$$name-; \
	done

tests/fuzz/fuzz_rtp: tests/fuzz/fuzz_rtp.c $(fuzz_cast_deps)
	$(fuzz_build)
	$(AM_V_GEN)$(MKDIR_P) tests/fuzz/made/rtp && cp $(srcdir)/tests/data/*.rtp tests/fuzz/made/rtp/

# What talks to the kernel is replaced.
fuzz_nl = $(addprefix $(srcdir)/,$(filter %.c,$(netlink_libecsnl_a_SOURCES)))
fuzz_comma = ,
fuzz_wraps = mnl_socket_sendto mnl_socket_recvfrom nl_send_auto nl_recvmsgs_report recvmsg recv
tests/fuzz/fuzz_netlink: tests/fuzz/fuzz_netlink.c $(fuzz_nl)
	$(fuzz_build) $(LIBNL_CFLAGS) $(LIBMNL_CFLAGS) $(fuzz_nl) \
		$(foreach name,$(fuzz_wraps),-Wl$(fuzz_comma)--wrap=$(name)) $(LIBNL_LIBS) $(LIBMNL_LIBS)

fuzz: $(fuzz_programs)
	$(srcdir)/tests/fuzz/run $(FUZZ_RUNS) $(fuzz_programs)
list-fuzz:
	@printf '%s\n' $(fuzz_programs)
fuzz-programs: $(fuzz_programs)
.PHONY: fuzz fuzz-programs list-fuzz

clean-local: clean-fuzz
clean-fuzz:
	rm -rf tests/fuzz/found tests/fuzz/made
CLEANFILES += $(fuzz_programs)
EXTRA_DIST += \
	tests/fuzz/corpus/netlink \
	tests/fuzz/corpus/request/apply.json \
	tests/fuzz/corpus/request/cast.json \
	tests/fuzz/corpus/request/fdb.json \
	tests/fuzz/corpus/request/nat.json \
	tests/fuzz/corpus/request/network.json \
	tests/fuzz/corpus/request/show.json \
	tests/fuzz/corpus/script/cast.conf \
	tests/fuzz/corpus/script/changes.conf \
	tests/fuzz/corpus/script/everything.conf \
	tests/fuzz/corpus/script/quotes.conf \
	tests/fuzz/cast_claims.h \
	tests/fuzz/fuzz_cast.c \
	tests/fuzz/fuzz_netlink.c \
	tests/fuzz/fuzz_request.c \
	tests/fuzz/fuzz_rtp.c \
	tests/fuzz/fuzz_script.c \
	tests/fuzz/request.dict \
	tests/fuzz/run \
	tests/fuzz/script.dict
