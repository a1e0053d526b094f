# SPDX-License-Identifier: Apache-2.0
# The BPF object and the skeleton that embeds it.
bpf_sources = \
	kernel/ecswitch.bpf.c \
	kernel/cast_cut.h \
	kernel/cast_find.h \
	kernel/cast_maps.h \
	kernel/cast_output.h \
	kernel/cast_send.h \
	kernel/count.h \
	kernel/decide.h \
	kernel/maps.h \
	kernel/nat_addr.h \
	kernel/nat_answer.h \
	kernel/nat_answer6.h \
	kernel/nat_fast.h \
	kernel/nat_flow.h \
	kernel/nat_fragment.h \
	kernel/nat_host.h \
	kernel/nat_new.h \
	kernel/nat_parse.h \
	kernel/nat_pkt.h \
	kernel/nat_rewrite.h \
	kernel/nat_rewrite6.h \
	kernel/nat_tell.h \
	kernel/nat_way.h \
	kernel/nal.h \
	kernel/output.h \
	kernel/pkt.h \
	kernel/psi.h \
	kernel/realign.h \
	kernel/recent.h \
	kernel/rtp.h \
	kernel/rtp_output.h \
	kernel/rtp_stream.h \
	kernel/rtp_thin.h \
	kernel/thin.h \
	kernel/ts.h \
	kernel/vlan.h \
	kernel/stages/cast.h \
	kernel/stages/emit.h \
	kernel/stages/guard.h \
	kernel/stages/learn.h \
	kernel/stages/mark.h \
	kernel/stages/parse.h \
	kernel/stages/nat.h \
	kernel/stages/patch.h \
	kernel/stages/port.h \
	kernel/stages/switch.h
EXTRA_DIST += $(bpf_sources)

BPF_CFLAGS = -target bpf -mcpu=v3 -O2 -g -std=gnu11 -Wall -Wextra -Werror -Wno-unused-parameter \
	-fms-extensions -Wno-microsoft-anon-tag
# UAPI headers of a multiarch system stand in a folder that clang's BPF target does not search.
BPF_CPPFLAGS = -I$(top_srcdir)/include -I$(top_srcdir)/kernel \
	-idirafter /usr/include/$$($(CC) -dumpmachine | sed 's/-pc-/-/')

kernel/ecswitch.bpf.o: $(bpf_sources) include/ecswitch/abi.h include/ecswitch/abi_cast.h include/ecswitch/drops.h
	$(AM_V_GEN)$(MKDIR_P) kernel && $(CLANG) $(BPF_CFLAGS) $(BPF_CPPFLAGS) \
		-c $(srcdir)/kernel/ecswitch.bpf.c -o $@

# The stripped object drops DWARF; BTF and its line info stay.
kernel/ecswitch.skel.h: kernel/ecswitch.bpf.o
	$(AM_V_GEN)$(BPFTOOL) gen object kernel/ecswitch.stripped.o kernel/ecswitch.bpf.o && \
		$(BPFTOOL) gen skeleton kernel/ecswitch.stripped.o name ecswitch_bpf > $@.tmp && mv $@.tmp $@

BUILT_SOURCES += kernel/ecswitch.skel.h
CLEANFILES += kernel/ecswitch.bpf.o kernel/ecswitch.stripped.o kernel/ecswitch.skel.h kernel/ecswitch.skel.h.tmp
