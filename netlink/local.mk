# SPDX-License-Identifier: Apache-2.0
# SPDX-License-Identifier: Apache-2.0
# Links, addresses, routes and traffic control; knows descriptors, but no policy and no log.
noinst_LIBRARIES += netlink/libecsnl.a
netlink_libecsnl_a_CPPFLAGS = $(AM_CPPFLAGS) $(LIBNL_CFLAGS) $(LIBMNL_CFLAGS)
netlink_libecsnl_a_SOURCES = \
	netlink/addr_route.c \
	netlink/ethtool.c \
	netlink/filter.c \
	netlink/link.c \
	netlink/link.h \
	netlink/nl.c \
	netlink/nl.h \
	netlink/talk.c \
	netlink/tc.c \
	netlink/tc.h \
	netlink/veth.c \
	netlink/veth.h \
	netlink/watch.c \
	netlink/watch.h
