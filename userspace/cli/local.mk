# SPDX-License-Identifier: Apache-2.0
# The command line. All but main() is a library, for the unit tests.
bin_PROGRAMS += ecswitchctl
noinst_LIBRARIES += userspace/cli/libecscli.a
userspace_cli_libecscli_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(SMARTCOLS_CFLAGS)
userspace_cli_libecscli_a_SOURCES = \
	userspace/cli/cli.h \
	userspace/cli/complete.c \
	userspace/cli/help.c \
	userspace/cli/render.c \
	userspace/cli/render.h \
	userspace/cli/script.c

ecswitchctl_SOURCES = userspace/cli/main.c
ecswitchctl_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
ecswitchctl_LDADD = userspace/cli/libecscli.a userspace/lib/libecs.a $(JANSSON_LIBS) $(SMARTCOLS_LIBS)
