/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this folder share: the request sockets, one exchange with the kernel on
 * each of the two libraries, and the translation of their errors. Private to netlink/.
 */
#ifndef ECSWITCH_NETLINK_NL_H
#define ECSWITCH_NETLINK_NL_H

#include <stddef.h>
#include <linux/netlink.h>
#include <ecswitch/cleanup.h>
#include "link.h"

#define ECS_NL_BUFFER (32 * 1024) /* the kernel fills at most this much of one dump datagram */
#define ECS_NL_DUMP_TRIES 32	  /* of a dump that the kernel marks as interrupted */
#define ECS_NL_TIMEOUT_S 5	  /* answers are synchronous: this only guards against a lost one */

struct nlattr;
struct nl_msg;
struct nl_sock;
struct mnl_socket;

struct ecs_nl {
	struct nl_sock *route;	    /* links, addresses, routes */
	struct mnl_socket *tc;	    /* NETLINK_ROUTE again: qdiscs and filters */
	struct mnl_socket *generic; /* NETLINK_GENERIC, opened by the first use of ethtool */
	uint16_t ethtool_id;	    /* genetlink family, 0 = not yet asked for */
	uint32_t seq;		    /* of the last message sent by libmnl */
	char *send_buf;		    /* ECS_TC_BATCH_BYTES */
	char *recv_buf;		    /* ECS_NL_BUFFER */
};

/* One sendmsg() of many messages; the default send buffer takes 208 KiB. */
#define ECS_TC_BATCH_BYTES (64 * 1024)
#define ECS_TC_BATCH_MAX 256 /* messages of one sendmsg(): their answers must fit the buffer */
#define ECS_TC_RCVBUF (2 * 1024 * 1024)

/* A growing array: dumps are collected here and handed on only when they are complete. */
struct ecs_vec {
	void *items;
	size_t item_size;
	size_t len;
	size_t capacity;
};

/** ecs_vec_push - append a copy of @item. Return: 0; -ENOMEM. */
int ecs_vec_push(struct ecs_vec *vec, const void *item);

/** ecs_vec_at - the @i-th item, valid until the next push. */
void *ecs_vec_at(const struct ecs_vec *vec, size_t i);
void ecs_vec_free(struct ecs_vec *vec);
#define ECS_VEC __attribute__((cleanup(ecs_vec_free)))

/** ecs_nle_errno - libnl's -NLE_* to -errno. */
int ecs_nle_errno(int nle);

/** ecs_text_copy - copy a string that may be too long or NULL; @dst always ends in zero. */
void ecs_text_copy(char *dst, size_t size, const char *src);

/** ecs_nlmsg_ok - does a whole message stand there? mnl_nlmsg_ok() takes a length of 2^31 and more
 * for a negative one, which fits. */
static inline bool ecs_nlmsg_ok(const struct nlmsghdr *nlh, int left)
{
	return left >= (int)sizeof(*nlh) && nlh->nlmsg_len >= sizeof(*nlh) &&
	       nlh->nlmsg_len <= (__u32)left;
}

/** ecs_ack_code - an acknowledgement's code: 0, -errno, or -EBADMSG if it is neither. */
int ecs_ack_code(int code);

/**
 * ecs_ack_text - the sentence in an extended acknowledgement
 * @nlh:  an NLMSG_ERROR message
 * @text: out; empty if there is none
 *
 * Source: Documentation/userspace-api/netlink/intro.rst, "Ext ACK".
 */
void ecs_ack_text(const struct nlmsghdr *nlh, char *text, size_t size);

/** ecs_socket_rcvbuf - size of the receive buffer, within the system's limit without privilege. */
void ecs_socket_rcvbuf(int fd, int bytes);

/** ecs_socket_tune - extended acknowledgements, strict dumps and a receive timeout on @fd. */
void ecs_socket_tune(int fd);

/**
 * ecs_rtnl_talk - one request on the libnl socket and everything that answers it
 * @msg: freed in any case
 * @fn:  called for each answer, may be NULL; its negative return value becomes the result
 *
 * A dump is not retried here. Return: 0; -EINTR if a dump was interrupted by a change;
 * -errno with the kernel's own sentence in @err, ready to be quoted.
 */
int ecs_rtnl_talk(struct ecs_nl *nl, struct nl_msg *msg, int (*fn)(struct nl_msg *msg, void *ctx),
		  void *ctx, struct ecs_err *err);

/**
 * ecs_rtnl_dump - dump into @vec, again and again until it was not interrupted
 * @type:   RTM_GET*
 * @header: family header of the request, @header_len bytes
 * @fn:     called for each message with @vec, to push what it finds
 *
 * Return: 0; -EAGAIN if things changed during each of ECS_NL_DUMP_TRIES dumps; -errno.
 */
int ecs_rtnl_dump(struct ecs_nl *nl, int type, const void *header, size_t header_len,
		  int (*fn)(struct nl_msg *msg, void *vec), struct ecs_vec *vec,
		  struct ecs_err *err);

/**
 * ecs_link_from_msg - copy what we use of an RTM_NEWLINK or RTM_DELLINK message
 * @out: set only on success
 *
 * Return: 0; -EINVAL if it is about a bridge port's settings, a wireless driver's private
 * event, or not to be understood.
 */
int ecs_link_from_msg(const struct nlmsghdr *nlh, struct ecs_link *out);

/** ecs_mnl_open - a tuned libmnl socket of @protocol. Return: 0; -errno. */
int ecs_mnl_open(struct mnl_socket **out, int protocol);

/** ecs_mnl_talk - as ecs_rtnl_talk(), for a libmnl socket; @nlh gets its sequence here. */
int ecs_mnl_talk(struct ecs_nl *nl, struct mnl_socket *sock, struct nlmsghdr *nlh,
		 int (*fn)(const struct nlmsghdr *nlh, void *ctx), void *ctx, struct ecs_err *err);

/** ecs_mnl_dump - as ecs_rtnl_dump(), for a libmnl socket. */
int ecs_mnl_dump(struct ecs_nl *nl, struct mnl_socket *sock, struct nlmsghdr *nlh,
		 int (*fn)(const struct nlmsghdr *nlh, void *vec), struct ecs_vec *vec,
		 struct ecs_err *err);

/** ecs_attr_text - copy a string attribute; leaves @text alone if it is none. */
void ecs_attr_text(const struct nlattr *attr, char *text, size_t size);

/** ecs_feature_get, ecs_feature_set - any offload by its ethtool name; see ecs_lro_get(). */
int ecs_feature_get(struct ecs_nl *nl, const char *link, const char *feature, bool *on,
		    struct ecs_err *err);
int ecs_feature_set(struct ecs_nl *nl, const char *link, const char *feature, bool on,
		    struct ecs_err *err);

#endif
