# SPDX-License-Identifier: Apache-2.0
# What the daemon and the command line share.
noinst_LIBRARIES += userspace/lib/libecs.a
userspace_lib_libecs_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
userspace_lib_libecs_a_SOURCES = \
	userspace/lib/check.c \
	userspace/lib/client.c \
	userspace/lib/client.h \
	userspace/lib/commands.c \
	userspace/lib/commands.h \
	userspace/lib/config.c \
	userspace/lib/config.h \
	userspace/lib/config_cast.c \
	userspace/lib/config_dump.c \
	userspace/lib/config_fdb.c \
	userspace/lib/config_forward.c \
	userspace/lib/config_list.h \
	userspace/lib/config_nat.c \
	userspace/lib/config_network.c \
	userspace/lib/config_patch.c \
	userspace/lib/config_port.c \
	userspace/lib/config_receiver.c \
	userspace/lib/file.c \
	userspace/lib/file.h \
	userspace/lib/format.c \
	userspace/lib/grammar.c \
	userspace/lib/grammar.h \
	userspace/lib/log.c \
	userspace/lib/log.h \
	userspace/lib/parse.c \
	userspace/lib/paths.c \
	userspace/lib/policy.c \
	userspace/lib/policy.h \
	userspace/lib/rpc.c \
	userspace/lib/rpc.h \
	userspace/lib/script.c \
	userspace/lib/types.c \
	userspace/lib/types.h \
	userspace/lib/types_inet.c
