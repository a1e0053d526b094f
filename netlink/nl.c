/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request sockets, and the two error dialects (-NLE_* and libmnl's -1) that end here.
 * Everything in netlink/ goes through it; nobody else does.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <libmnl/libmnl.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include "nl.h"

#define ECS_ERRNO_MAX 4095 /* MAX_ERRNO of the kernel */

static int route_open(struct nl_sock **out)
{
	struct nl_sock *sock = nl_socket_alloc();
	int ret;

	if (!sock)
		return -ENOMEM;
	ret = nl_connect(sock, NETLINK_ROUTE);
	if (ret < 0) {
		nl_socket_free(sock);
		return ecs_nle_errno(ret);
	}
	/* A large buffer makes the kernel send large pieces; peeking grows it if need be. */
	nl_socket_set_msg_buf_size(sock, ECS_NL_BUFFER);
	nl_socket_enable_msg_peek(sock);
	ecs_socket_tune(nl_socket_get_fd(sock));
	*out = sock;
	return 0;
}

static int sockets_open(struct ecs_nl *nl)
{
	int ret;

	nl->send_buf = calloc(1, ECS_TC_BATCH_BYTES);
	nl->recv_buf = calloc(1, ECS_NL_BUFFER);
	if (!nl->send_buf || !nl->recv_buf)
		return -ENOMEM;
	ret = route_open(&nl->route);
	if (ret < 0)
		return ret;
	ret = ecs_mnl_open(&nl->tc, NETLINK_ROUTE);
	if (ret < 0)
		return ret;
	/* Answers of a whole batch wait here. */
	ecs_socket_rcvbuf(mnl_socket_get_fd(nl->tc), ECS_TC_RCVBUF);
	return 0;
}

int ecs_nl_open(struct ecs_nl **out, struct ecs_err *err)
{
	struct ecs_nl *nl = calloc(1, sizeof(*nl));
	int ret;

	if (!nl)
		return ecs_fail(err, -ENOMEM, "no memory for the netlink sockets");
	ret = sockets_open(nl);
	if (ret < 0) {
		ecs_nl_close(nl);
		return ecs_fail(err, ret, "cannot open the netlink sockets: %s", strerror(-ret));
	}
	*out = nl;
	return 0;
}

void ecs_nl_close(struct ecs_nl *nl)
{
	if (!nl)
		return;
	nl_socket_free(nl->route);
	if (nl->tc)
		mnl_socket_close(nl->tc);
	if (nl->generic)
		mnl_socket_close(nl->generic);
	free(nl->send_buf);
	free(nl->recv_buf);
	free(nl);
}

void ecs_socket_rcvbuf(int fd, int bytes)
{
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

void ecs_socket_tune(int fd)
{
	struct timeval timeout = {.tv_sec = ECS_NL_TIMEOUT_S};
	int on = 1;

	/* Each is a refinement that an old kernel may lack: failing is fine. */
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
}

void ecs_text_copy(char *dst, size_t size, const char *src)
{
	size_t len = src ? strnlen(src, size - 1) : 0;

	memcpy(dst, src ? src : "", len);
	dst[len] = '\0';
}

int ecs_ack_code(int code)
{
	return code <= 0 && code >= -ECS_ERRNO_MAX ? code : -EBADMSG;
}

void ecs_ack_text(const struct nlmsghdr *nlh, char *text, size_t size)
{
	const struct nlmsgerr *ack = mnl_nlmsg_get_payload(nlh);
	size_t offset = sizeof(*ack);
	const struct nlattr *attr;

	text[0] = '\0';
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ack) || !(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	/* The failed request stands between, unless the kernel capped it. */
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		offset += MNL_ALIGN(ack->msg.nlmsg_len) - sizeof(ack->msg);
	if (offset > mnl_nlmsg_get_payload_len(nlh))
		return;
	mnl_attr_for_each(attr, nlh, offset)
	{
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
			ecs_text_copy(text, size, mnl_attr_get_str(attr));
	}
}

int ecs_nle_errno(int nle)
{
	static const int codes[NLE_MAX + 1] = {
		[NLE_INTR] = EINTR,
		[NLE_BAD_SOCK] = EBADF,
		[NLE_AGAIN] = EAGAIN,
		[NLE_NOMEM] = ENOMEM,
		[NLE_EXIST] = EEXIST,
		[NLE_INVAL] = EINVAL,
		[NLE_RANGE] = ERANGE,
		[NLE_MSGSIZE] = EMSGSIZE,
		[NLE_OPNOTSUPP] = EOPNOTSUPP,
		[NLE_AF_NOSUPPORT] = EAFNOSUPPORT,
		[NLE_OBJ_NOTFOUND] = ENOENT,
		[NLE_NOATTR] = ENODATA,
		[NLE_MISSING_ATTR] = EINVAL,
		[NLE_AF_MISMATCH] = EAFNOSUPPORT,
		[NLE_SEQ_MISMATCH] = EPROTO,
		[NLE_MSG_OVERFLOW] = EOVERFLOW,
		[NLE_MSG_TRUNC] = EMSGSIZE,
		[NLE_NOADDR] = EADDRNOTAVAIL,
		[NLE_SRCRT_NOSUPPORT] = EOPNOTSUPP,
		[NLE_MSG_TOOSHORT] = EBADMSG,
		[NLE_MSGTYPE_NOSUPPORT] = EOPNOTSUPP,
		[NLE_OBJ_MISMATCH] = EINVAL,
		[NLE_NOCACHE] = ENOENT,
		[NLE_BUSY] = EBUSY,
		[NLE_PROTO_MISMATCH] = EPROTO,
		[NLE_NOACCESS] = EACCES,
		[NLE_PERM] = EPERM,
		[NLE_PKTLOC_FILE] = ENOENT,
		[NLE_PARSE_ERR] = EBADMSG,
		[NLE_NODEV] = ENODEV,
		[NLE_IMMUTABLE] = EPERM,
		[NLE_DUMP_INTR] = EINTR,
		[NLE_ATTRSIZE] = EMSGSIZE,
	};
	int code = nle < 0 ? -nle : nle;

	if (code == 0)
		return 0;
	return code <= NLE_MAX && codes[code] ? -codes[code] : -EIO;
}

int ecs_vec_push(struct ecs_vec *vec, const void *item)
{
	if (vec->len == vec->capacity) {
		size_t capacity = vec->capacity ? vec->capacity * 2 : 16;
		void *items = reallocarray(vec->items, capacity, vec->item_size);

		if (!items)
			return -ENOMEM;
		vec->items = items;
		vec->capacity = capacity;
	}
	memcpy((char *)vec->items + vec->len * vec->item_size, item, vec->item_size);
	vec->len++;
	return 0;
}

void *ecs_vec_at(const struct ecs_vec *vec, size_t i)
{
	return (char *)vec->items + i * vec->item_size;
}

void ecs_vec_free(struct ecs_vec *vec)
{
	free(vec->items);
	memset(vec, 0, sizeof(*vec));
}
