// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzzes what netlink/ reads of the kernel: notifications, dumps and acknowledgements. The
 * functions that send and receive are replaced (ld --wrap): nothing reaches the kernel, and what
 * "comes" is the input: a byte that says which request is made, then datagrams, each after its
 * length (16 bits). A sequence number of 0 stands for that of the request.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <libmnl/libmnl.h>
#include <netlink/handlers.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <sanitizer/asan_interface.h>

#include "netlink/nl.h"
#include "netlink/tc.h"
#include "netlink/veth.h"
#include "netlink/watch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct {
	const uint8_t *at;
	size_t left;
	uint32_t seq; /* of the last request */
	int asked;
} input;

static struct ecs_nl *nl;
static struct ecs_watch *watch;

/* --- the kernel --- */

/* The next datagram into @buf. Return: its bytes, at most @room; -1: nothing comes any more. */
static ssize_t next_datagram(uint8_t *buf, size_t room)
{
	size_t len;

	if (input.left < 2)
		return -1;
	len = (size_t)input.at[0] | (size_t)input.at[1] << 8;
	input.at += 2;
	input.left -= 2;
	if (len > input.left)
		len = input.left;
	if (len > room)
		len = room;
	memcpy(buf, input.at, len);
	input.at += len;
	input.left -= len;
	for (size_t i = 0; i + sizeof(struct nlmsghdr) <= len;) {
		struct nlmsghdr *nlh = (void *)(buf + i);

		if (!nlh->nlmsg_seq)
			nlh->nlmsg_seq = input.seq;
		if (nlh->nlmsg_len < sizeof(*nlh))
			break;
		i += MNL_ALIGN((size_t)nlh->nlmsg_len);
	}
	return (ssize_t)len;
}

/* What lies behind the datagram is not its receiver's. */
static ssize_t fill(void *buf, size_t room)
{
	ssize_t len;

	ASAN_UNPOISON_MEMORY_REGION(buf, room);
	len = next_datagram(buf, room);
	if (len >= 0)
		ASAN_POISON_MEMORY_REGION((uint8_t *)buf + MNL_ALIGN((size_t)len),
					  room - MNL_ALIGN((size_t)len));
	else
		errno = EAGAIN;
	return len;
}

ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *sock, const void *buf, size_t len);
ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *sock, const void *buf, size_t len)
{
	input.seq = ((const struct nlmsghdr *)buf)->nlmsg_seq;
	/* Each dump that is said to be interrupted is asked for again, and there is an end. */
	if (input.asked++ > 2 * ECS_NL_DUMP_TRIES + 64)
		abort();
	return (ssize_t)len;
}

ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *sock, void *buf, size_t room);
ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *sock, void *buf, size_t room)
{
	return fill(buf, room);
}

int __wrap_nl_send_auto(struct nl_sock *sock, struct nl_msg *msg);
int __wrap_nl_send_auto(struct nl_sock *sock, struct nl_msg *msg)
{
	nl_complete_msg(sock, msg);
	input.seq = nlmsg_hdr(msg)->nlmsg_seq;
	return (int)nlmsg_hdr(msg)->nlmsg_len;
}

static int receive(struct nl_sock *sock, struct sockaddr_nl *from, unsigned char **buf,
		   struct ucred **creds)
{
	uint8_t *room = malloc(ECS_NL_BUFFER);
	ssize_t len = next_datagram(room, ECS_NL_BUFFER);

	*from = (struct sockaddr_nl){.nl_family = AF_NETLINK};
	*buf = len > 0 ? realloc(room, (size_t)len) : room;
	if (len > 0)
		return (int)len;
	free(room);
	*buf = NULL;
	return 0;
}

int __real_nl_recvmsgs_report(struct nl_sock *sock, struct nl_cb *cb);
int __wrap_nl_recvmsgs_report(struct nl_sock *sock, struct nl_cb *cb);
int __wrap_nl_recvmsgs_report(struct nl_sock *sock, struct nl_cb *cb)
{
	nl_cb_overwrite_recv(cb, receive);
	return __real_nl_recvmsgs_report(sock, cb);
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
	msg->msg_flags = 0;
	return fill(msg->msg_iov[0].iov_base, msg->msg_iov[0].iov_len);
}

ssize_t __wrap_recv(int fd, void *buf, size_t room, int flags);
ssize_t __wrap_recv(int fd, void *buf, size_t room, int flags)
{
	return fill(buf, room);
}

/* --- the ones who ask --- */

static void must_end(const char *text, size_t size)
{
	if (strnlen(text, size) == size)
		abort();
}

static void check_link(const struct ecs_link *link, void *ctx)
{
	if (!link->ifindex)
		abort();
	must_end(link->name, sizeof(link->name));
	must_end(link->kind, sizeof(link->kind));
}

static void check_index(uint32_t ifindex, void *ctx)
{
}

static void check_forwarding(uint32_t ifindex, int family, void *ctx)
{
}

static void check_nothing(void *ctx)
{
}

static void check_addr(const struct ecs_addr *addr, void *ctx)
{
	if (!addr->ifindex)
		abort();
}

static void check_filter(const struct ecs_filter *filter, void *ctx)
{
	must_end(filter->kind, sizeof(filter->kind));
	must_end(filter->name, sizeof(filter->name));
}

static void run_tc(void)
{
	struct ecs_tc_op ops[] = {
		{.verb = ECS_TC_CLSACT_ADD, .ifindex = 2},
		{.verb = ECS_TC_FILTER_REPLACE,
		 .ifindex = 2,
		 .prog_fd = 3,
		 .name = "ecswitch:main:x"},
		{.verb = ECS_TC_FILTER_DEL, .ifindex = 3, .hook = ECS_HOOK_EGRESS},
		{.verb = ECS_TC_CLSACT_DEL, .ifindex = 3},
	};

	ecs_tc_run(nl, ops, sizeof(ops) / sizeof(*ops), NULL);
	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++)
		must_end(ops[i].text, sizeof(ops[i].text));
}

static void ask(uint8_t what)
{
	struct ecs_err err = {};
	struct ecs_link link;
	uint32_t ifindex;
	char kind[16];
	bool on;

	switch (what) {
	case 'w':
		ecs_watch_dispatch(watch, &err);
		break;
	case 'l':
		ecs_link_list(nl, check_link, NULL, &err);
		break;
	case 'g':
		if (ecs_link_get(nl, 2, &link, &err) == 0)
			check_link(&link, NULL);
		break;
	case 'v':
		ecs_veth_add(nl, "veth1", "veth2", 1500, NULL, &err);
		break;
	case 'a':
		ecs_addr_list(nl, check_addr, NULL, &err);
		break;
	case 'r':
		if (ecs_route_default_link(nl, &ifindex, &err) == 0)
			check_index(ifindex, NULL);
		break;
	case 'q':
		ecs_clsact_list(nl, check_index, NULL, &err);
		break;
	case 'k':
		if (ecs_ingress_kind(nl, 2, kind, &err) == 0)
			must_end(kind, sizeof(kind));
		break;
	case 'f':
		ecs_filter_list(nl, 2, ECS_HOOK_EGRESS, check_filter, NULL, &err);
		break;
	case 't':
		run_tc();
		break;
	case 'e':
		nl->ethtool_id = 0;
		ecs_lro_get(nl, "eth0", &on, &err);
		break;
	}
	must_end(err.text, sizeof(err.text));
}

static const struct ecs_watch_ops watch_ops = {
	.link_changed = check_link,
	.link_gone = check_index,
	.addr_changed = check_nothing,
	.route_changed = check_nothing,
	.forwarding_off = check_forwarding,
	.tc_lost = check_index,
	.overrun = check_nothing,
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct ecs_err err = {};

	if (ecs_nl_open(&nl, &err) < 0 || ecs_watch_open(&watch, &watch_ops, NULL, 0, &err) < 0)
		abort();
	ecs_watch_own(watch, nl);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	input.at = data + 1;
	input.left = size - 1;
	input.asked = 0;
	ask(data[0]);
	return 0;
}
