# SPDX-License-Identifier: Apache-2.0
sbin_PROGRAMS += ecswitchd

ecswitchd_SOURCES = \
	userspace/daemon/adopt.c \
	userspace/daemon/adopt_cast.c \
	userspace/daemon/ageing.c \
	userspace/daemon/apply.c \
	userspace/daemon/apply.h \
	userspace/daemon/apply_gateway.c \
	userspace/daemon/apply_nat.c \
	userspace/daemon/change.c \
	userspace/daemon/daemon.h \
	userspace/daemon/datapath.c \
	userspace/daemon/datapath.h \
	userspace/daemon/datapath_cast.c \
	userspace/daemon/datapath_fdb.c \
	userspace/daemon/datapath_nat.c \
	userspace/daemon/datapath_nat6.c \
	userspace/daemon/datapath_nat_rule.c \
	userspace/daemon/datapath_nat_use.c \
	userspace/daemon/datapath_priv.h \
	userspace/daemon/datapath_progs.c \
	userspace/daemon/datapath_tcx.c \
	userspace/daemon/desired.c \
	userspace/daemon/desired.h \
	userspace/daemon/desired_cast.c \
	userspace/daemon/desired_cast_groups.c \
	userspace/daemon/desired_gateway.c \
	userspace/daemon/desired_nat.c \
	userspace/daemon/desired_receiver.c \
	userspace/daemon/desired_priv.h \
	userspace/daemon/detach.c \
	userspace/daemon/dispatch.c \
	userspace/daemon/dispatch.h \
	userspace/daemon/events.c \
	userspace/daemon/events.h \
	userspace/daemon/expiry.c \
	userspace/daemon/ladder.c \
	userspace/daemon/ladder_step.c \
	userspace/daemon/ladder_step.h \
	userspace/daemon/follow.c \
	userspace/daemon/guests.c \
	userspace/daemon/guests.h \
	userspace/daemon/handle.h \
	userspace/daemon/handle_cast.c \
	userspace/daemon/handle_conf.c \
	userspace/daemon/handle_fdb.c \
	userspace/daemon/handle_metrics.c \
	userspace/daemon/handle_network.c \
	userspace/daemon/handle_nat.c \
	userspace/daemon/handle_patch.c \
	userspace/daemon/handle_port.c \
	userspace/daemon/handle_show.c \
	userspace/daemon/handle_stats.c \
	userspace/daemon/listen.c \
	userspace/daemon/listen.h \
	userspace/daemon/main.c \
	userspace/daemon/methods.c \
	userspace/daemon/observed.c \
	userspace/daemon/observed.h \
	userspace/daemon/pins.c \
	userspace/daemon/pins_migrate.c \
	userspace/daemon/plan.c \
	userspace/daemon/plan_cast.c \
	userspace/daemon/plan.h \
	userspace/daemon/plan_gateway.c \
	userspace/daemon/plan_nat.c \
	userspace/daemon/plan_priv.h \
	userspace/daemon/privileges.c \
	userspace/daemon/privileges.h \
	userspace/daemon/problems.c \
	userspace/daemon/problems.h \
	userspace/daemon/reconcile.c \
	userspace/daemon/reserve.c \
	userspace/daemon/reserve.h \
	userspace/daemon/running.c \
	userspace/daemon/sandbox.c \
	userspace/daemon/sandbox.h \
	userspace/daemon/server.c \
	userspace/daemon/server.h \
	userspace/daemon/state.c \
	userspace/daemon/state.h \
	userspace/daemon/sysctl.c \
	userspace/daemon/sysctl.h \
	userspace/daemon/uplink.c
nodist_ecswitchd_SOURCES = kernel/ecswitch.skel.h userspace/daemon/builtin.h
ecswitchd_CFLAGS = $(AM_CFLAGS) $(LIBBPF_CFLAGS) $(LIBNL_CFLAGS) $(LIBMNL_CFLAGS) \
	$(LIBSYSTEMD_CFLAGS) $(JANSSON_CFLAGS) $(LIBCAP_CFLAGS) $(LIBSECCOMP_CFLAGS)
ecswitchd_LDADD = netlink/libecsnl.a userspace/lib/libecs.a $(LIBBPF_LIBS) $(LIBNL_LIBS) \
	$(LIBMNL_LIBS) $(LIBSYSTEMD_LIBS) $(JANSSON_LIBS) $(LIBCAP_LIBS) $(LIBSECCOMP_LIBS)

# BUILT_SOURCES helps `make all` only.
userspace/daemon/ecswitchd-datapath.$(OBJEXT): kernel/ecswitch.skel.h

# The configuration that is installed is the one that holds without a file.
userspace/daemon/builtin.h: packaging/ecswitch.conf
	$(AM_V_GEN)$(MKDIR_P) userspace/daemon && \
		sed 's/["\\]/\\&/g; s/.*/"&\\n"/' $(srcdir)/packaging/ecswitch.conf >$@
userspace/daemon/ecswitchd-running.$(OBJEXT): userspace/daemon/builtin.h
BUILT_SOURCES += userspace/daemon/builtin.h
CLEANFILES += userspace/daemon/builtin.h
