# SPDX-License-Identifier: Apache-2.0
# Fuzzing of everything that reads bytes of others, by clang's libFuzzer. Not built by default:
#
#   make fuzz FUZZ_RUNS=1000000
#
# New inputs that reach new code are kept in the build folder, crashes too.
FUZZ_RUNS = 100000
fuzz_targets = script request
fuzz_programs = tests/fuzz/fuzz_script tests/fuzz/fuzz_request
fuzz_flags = -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-recover=undefined -D_GNU_SOURCE
fuzz_limits = -max_len=4096 -timeout=10 -rss_limit_mb=1024 -close_fd_mask=1

$(fuzz_programs): $(userspace_lib_libecs_a_SOURCES) tests/fuzz/fuzz_request.c tests/fuzz/fuzz_script.c
	$(AM_V_CCLD)$(MKDIR_P) tests/fuzz && $(CLANG) $(fuzz_flags) $(AM_CPPFLAGS) $(JANSSON_CFLAGS) -I. \
		$(srcdir)/$@.c $(addprefix $(srcdir)/,$(filter %.c,$(userspace_lib_libecs_a_SOURCES))) \
		-o $@ $(JANSSON_LIBS)

fuzz: $(fuzz_programs)
	for target in $(fuzz_targets); do \
		$(MKDIR_P) tests/fuzz/found/$$target && \
		tests/fuzz/fuzz_$$target -runs=$(FUZZ_RUNS) $(fuzz_limits) \
			-artifact_prefix=tests/fuzz/found/ -dict=$(srcdir)/tests/fuzz/$$target.dict \
			tests/fuzz/found/$$target $(srcdir)/tests/fuzz/corpus/$$target || exit; \
	done
.PHONY: fuzz

clean-local: clean-fuzz
clean-fuzz:
	rm -rf tests/fuzz/found
CLEANFILES += $(fuzz_programs)
EXTRA_DIST += \
	tests/fuzz/corpus/request/apply.json \
	tests/fuzz/corpus/request/fdb.json \
	tests/fuzz/corpus/request/network.json \
	tests/fuzz/corpus/request/show.json \
	tests/fuzz/corpus/script/changes.conf \
	tests/fuzz/corpus/script/everything.conf \
	tests/fuzz/corpus/script/quotes.conf \
	tests/fuzz/fuzz_request.c \
	tests/fuzz/fuzz_script.c \
	tests/fuzz/request.dict \
	tests/fuzz/script.dict
