/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The subscribed socket: decides which notification is which callback. A socket filter keeps
 * out what nobody here wants, so that a router's route changes do not overrun the socket.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/netconf.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include "nl.h"
#include "tc.h"
#include "watch.h"

#define ECS_WATCH_RCVBUF (4 * 1024 * 1024)
#define ECS_WATCH_DATAGRAMS 256

struct ecs_watch {
	struct mnl_socket *sock;
	const struct ecs_watch_ops *ops;
	void *ctx;
	uint32_t own_port; /* of the socket whose tc changes are ours, 0 = unknown */
	bool addr_seen;	   /* in this dispatch */
	bool route_seen;
	_Alignas(struct nlmsghdr) char buf[ECS_NL_BUFFER];
};

/*
 * Drops routes of other tables than main, and the AF_BRIDGE view of links. A datagram of the
 * kernel holds one message, or two of traffic control, which all pass. Offsets: struct nlmsghdr
 * has its type (host order) at 4, then come rtm_family and, 4 further, rtm_table; ifi_family.
 */
static int filter_install(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_NEWROUTE), 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_DELROUTE), 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_NEWLINK), 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_DELLINK), 2, 4),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, NLMSG_HDRLEN + 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, RT_TABLE_MAIN, 2, 3),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, NLMSG_HDRLEN),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_BRIDGE, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = {.len = ECS_ARRAY_SIZE(code), .filter = code};

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
		return -errno;
	return 0;
}

static int subscribe(struct ecs_watch *watch, int rcvbuf_bytes)
{
	static const int groups[] = {
		RTNLGRP_LINK,	    RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,  RTNLGRP_IPV4_ROUTE,
		RTNLGRP_IPV6_ROUTE, RTNLGRP_TC,		 RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF,
	};
	int ret, fd;

	ret = ecs_mnl_open(&watch->sock, NETLINK_ROUTE);
	if (ret < 0)
		return ret;
	fd = mnl_socket_get_fd(watch->sock);
	ecs_socket_rcvbuf(fd, rcvbuf_bytes > 0 ? rcvbuf_bytes : ECS_WATCH_RCVBUF);
	ret = filter_install(fd);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < ECS_ARRAY_SIZE(groups); i++) {
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
			       sizeof(groups[i])) < 0)
			return -errno;
	}
	return 0;
}

int ecs_watch_open(struct ecs_watch **out, const struct ecs_watch_ops *ops, void *ctx,
		   int rcvbuf_bytes, struct ecs_err *err)
{
	struct ecs_watch *watch = calloc(1, sizeof(*watch));
	int ret;

	if (!watch)
		return ecs_fail(err, -ENOMEM, "no memory for the netlink watch");
	watch->ops = ops;
	watch->ctx = ctx;
	ret = subscribe(watch, rcvbuf_bytes);
	if (ret < 0) {
		ecs_watch_close(watch);
		return ecs_fail(err, ret, "cannot watch the kernel's links: %s", strerror(-ret));
	}
	*out = watch;
	return 0;
}

void ecs_watch_close(struct ecs_watch *watch)
{
	if (!watch)
		return;
	if (watch->sock)
		mnl_socket_close(watch->sock);
	free(watch);
}

void ecs_watch_own(struct ecs_watch *watch, const struct ecs_nl *nl)
{
	watch->own_port = mnl_socket_get_portid(nl->tc);
}

int ecs_watch_fd(const struct ecs_watch *watch)
{
	return mnl_socket_get_fd(watch->sock);
}

static void saw_link(struct ecs_watch *watch, const struct nlmsghdr *nlh)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(nlh);
	struct ecs_link link;

	/* "Left the bridge" is also a DELLINK, of family AF_BRIDGE: only AF_UNSPEC is the link's.
	 */
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*info) || info->ifi_family != AF_UNSPEC)
		return;
	if (nlh->nlmsg_type == RTM_DELLINK) {
		watch->ops->link_gone((uint32_t)info->ifi_index, watch->ctx);
		return;
	}
	if (ecs_link_from_msg(nlh, &link) == 0)
		watch->ops->link_changed(&link, watch->ctx);
}

static void saw_route(struct ecs_watch *watch, const struct nlmsghdr *nlh)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(nlh);

	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(*info) && info->rtm_table == RT_TABLE_MAIN &&
	    !(info->rtm_flags & RTM_F_CLONED))
		watch->route_seen = true;
}

static bool tc_message_is_loss(const struct ecs_watch *watch, const struct nlmsghdr *nlh)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);

	switch (nlh->nlmsg_type) {
	case RTM_DELQDISC:
		/* The filters go with it and are not announced. */
		return tc->tcm_parent == TC_H_CLSACT;
	case RTM_NEWTFILTER:
		/* Only who knows which additions are its own can tell a replacement. */
		if (!watch->own_port)
			return false;
		break;
	case RTM_DELTFILTER:
		break;
	default:
		return false;
	}
	if (tc->tcm_parent != ecs_hook_parent(ECS_HOOK_INGRESS) &&
	    tc->tcm_parent != ecs_hook_parent(ECS_HOOK_EGRESS))
		return false;
	return nlh->nlmsg_type == RTM_DELCHAIN || TC_H_MAJ(tc->tcm_info) >> 16 == ECS_FILTER_PREF;
}

static void saw_tc(struct ecs_watch *watch, const struct nlmsghdr *nlh)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*tc))
		return;
	/* A notification carries the port id of the socket that asked for the change. */
	if (watch->own_port && nlh->nlmsg_pid == watch->own_port)
		return;
	if (tc_message_is_loss(watch, nlh))
		watch->ops->tc_lost((uint32_t)tc->tcm_ifindex, watch->ctx);
}

static void saw_netconf(struct ecs_watch *watch, const struct nlmsghdr *nlh)
{
	const struct netconfmsg *info = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	uint32_t forwarding = 1;
	int32_t ifindex = 0;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*info))
		return;
	mnl_attr_for_each(attr, nlh, sizeof(*info))
	{
		if (mnl_attr_get_payload_len(attr) < sizeof(uint32_t))
			continue;
		if (mnl_attr_get_type(attr) == NETCONFA_IFINDEX)
			ifindex = (int32_t)mnl_attr_get_u32(attr);
		else if (mnl_attr_get_type(attr) == NETCONFA_FORWARDING)
			forwarding = mnl_attr_get_u32(attr);
	}
	if (ifindex > 0 && !forwarding)
		watch->ops->forwarding_off((uint32_t)ifindex, info->ncm_family, watch->ctx);
}

static void saw(struct ecs_watch *watch, const struct nlmsghdr *nlh)
{
	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		saw_link(watch, nlh);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		watch->addr_seen = true;
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		saw_route(watch, nlh);
		break;
	case RTM_NEWNETCONF:
		saw_netconf(watch, nlh);
		break;
	default:
		saw_tc(watch, nlh);
	}
}

/*
 * After an overrun the kernel drops every notification, and says so no second time, until the
 * queue is empty (NETLINK_S_CONGESTED). So it is emptied before the caller dumps: what stood in
 * it is older than the dump, what comes later is delivered again.
 */
static void drain(struct ecs_watch *watch)
{
	ssize_t got;
	int errors = 0;

	do {
		got = recv(ecs_watch_fd(watch), watch->buf, sizeof(watch->buf), MSG_DONTWAIT);
		errors += got < 0;
	} while (got >= 0 || (errors < 16 && (errno == ENOBUFS || errno == EINTR)));
}

/* Return: 1 if a datagram was read, 0 if there is none, -errno. */
static int read_one(struct ecs_watch *watch)
{
	struct sockaddr_nl from = {0};
	struct iovec iov = {.iov_base = watch->buf, .iov_len = sizeof(watch->buf)};
	struct msghdr hdr = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1};
	const struct nlmsghdr *nlh = (const void *)watch->buf;
	ssize_t got = recvmsg(ecs_watch_fd(watch), &hdr, MSG_DONTWAIT);
	int left = (int)got;

	if (got < 0 && errno == ENOBUFS) {
		drain(watch);
		watch->ops->overrun(watch->ctx);
		return 1;
	}
	if (got < 0)
		return errno == EAGAIN ? 0 : errno == EINTR ? 1 : -errno;
	/* Only the kernel's own messages count, and only whole ones. */
	if (from.nl_pid != 0)
		return 1;
	if (hdr.msg_flags & MSG_TRUNC) {
		watch->ops->overrun(watch->ctx);
		return 1;
	}
	for (; ecs_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
		saw(watch, nlh);
	return 1;
}

int ecs_watch_dispatch(struct ecs_watch *watch, struct ecs_err *err)
{
	int ret = 1;

	watch->addr_seen = false;
	watch->route_seen = false;
	for (int i = 0; i < ECS_WATCH_DATAGRAMS && ret > 0; i++)
		ret = read_one(watch);
	if (watch->addr_seen)
		watch->ops->addr_changed(watch->ctx);
	if (watch->route_seen)
		watch->ops->route_changed(watch->ctx);
	if (ret < 0)
		return ecs_fail(err, ret, "cannot read the kernel's notifications: %s",
				strerror(-ret));
	return 0;
}
