# SPDX-License-Identifier: Apache-2.0
# Daemons of other versions, for tests of upgrades: tests/next/tree says in what they differ.
next_daemons = tests/next/program/ecswitchd tests/next/abi/ecswitchd
next_flags = $(DEFS) $(ECS_CFLAGS) -std=gnu11 -D_GNU_SOURCE -O1
# Only datapath.c knows the program; what knows a record's size is built anew for another ABI.
next_program_objects = tests/next/program/datapath.o \
	$(filter-out %-datapath.$(OBJEXT), $(ecswitchd_OBJECTS))
next_headers = $(wildcard $(addprefix $(srcdir)/, netlink/*.h userspace/lib/*.h userspace/daemon/*.h))
next_abi_objects = $(patsubst userspace/daemon/%.c,tests/next/abi/%.o, \
	$(filter %.c,$(ecswitchd_SOURCES)))

tests/next/%/stamp: tests/next/tree $(bpf_sources) $(wildcard $(srcdir)/include/ecswitch/*.h)
	$(AM_V_GEN)sh $(srcdir)/tests/next/tree $* $(srcdir) tests/next/$* && touch $@

tests/next/%/kernel/ecswitch.skel.h: tests/next/%/stamp
	$(AM_V_GEN)cd tests/next/$*/kernel && \
		$(CLANG) $(BPF_CFLAGS) -I../include -I. -idirafter \
			/usr/include/$$($(CC) -dumpmachine | sed 's/-pc-/-/') \
			-c ecswitch.bpf.c -o ecswitch.bpf.o && \
		$(BPFTOOL) gen object stripped.o ecswitch.bpf.o && \
		$(BPFTOOL) gen skeleton stripped.o name ecswitch_bpf > tmp.h && mv tmp.h ecswitch.skel.h

define next_rules
tests/next/$(1)/%.o: userspace/daemon/%.c tests/next/$(1)/kernel/ecswitch.skel.h $$(next_headers)
	$$(AM_V_CC)$$(CC) $$(next_flags) -Itests/next/$(1) -Itests/next/$(1)/include $$(AM_CPPFLAGS) \
		$$(ecswitchd_CFLAGS) -c $$< -o $$@
tests/next/$(1)/ecswitchd: $$(next_$(1)_objects) netlink/libecsnl.a userspace/lib/libecs.a
	$$(AM_V_CCLD)$$(CC) $$(ECS_CFLAGS) $$(LDFLAGS) $$(next_$(1)_objects) $$(ecswitchd_LDADD) -o $$@
endef
$(eval $(call next_rules,program))
$(eval $(call next_rules,abi))

check_DATA += $(next_daemons)
.PRECIOUS: tests/next/%/stamp tests/next/%/kernel/ecswitch.skel.h
clean-local: clean-next
clean-next:
	rm -rf tests/next/program tests/next/abi
.PHONY: clean-next
EXTRA_DIST += tests/next/tree
