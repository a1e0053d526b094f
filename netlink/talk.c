/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One exchange with the kernel: a request, its answers, and the acknowledgement or the end of
 * the dump. Answers to an earlier, abandoned request are skipped by their sequence number.
 */
#include <errno.h>
#include <string.h>
#include <libmnl/libmnl.h>
#include <netlink/handlers.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include "nl.h"

struct talk {
	uint32_t seq;
	bool done;
	bool interrupted;
	int error; /* -errno of the kernel, or of @fn */
	char text[128];
	int (*fn)(struct nl_msg *msg, void *ctx);
	void *ctx;
};

static int talk_result(const struct talk *talk, struct ecs_err *err)
{
	if (talk->error < 0)
		return ecs_fail(err, talk->error, "%s",
				talk->text[0] ? talk->text : strerror(-talk->error));
	if (!talk->done)
		return ecs_fail(err, -ETIMEDOUT, "the kernel did not answer in %d s",
				ECS_NL_TIMEOUT_S);
	if (talk->interrupted)
		return ecs_fail(err, -EINTR, "it changed while it was listed");
	return 0;
}

/* Payload of NLMSG_DONE: 0 or the -errno that ended the dump. */
static int done_error(const struct nlmsghdr *nlh)
{
	int code;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(code))
		return 0;
	memcpy(&code, mnl_nlmsg_get_payload(nlh), sizeof(code));
	return ecs_ack_code(code < 0 ? code : 0);
}

static int on_seq_check(struct nl_msg *msg, void *arg)
{
	struct talk *talk = arg;
	const struct nlmsghdr *nlh = nlmsg_hdr(msg);

	if (nlh->nlmsg_seq != talk->seq)
		return NL_SKIP;
	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		talk->interrupted = true;
	if (nlh->nlmsg_type == NLMSG_ERROR)
		ecs_ack_text(nlh, talk->text, sizeof(talk->text));
	return NL_OK;
}

static int on_valid(struct nl_msg *msg, void *arg)
{
	struct talk *talk = arg;

	/* After a failure the rest is read and thrown away: the socket stays in step. */
	if (talk->fn && talk->error == 0)
		talk->error = talk->fn(msg, talk->ctx);
	return NL_OK;
}

static int on_finish(struct nl_msg *msg, void *arg)
{
	struct talk *talk = arg;

	if (talk->error == 0)
		talk->error = done_error(nlmsg_hdr(msg));
	talk->done = true;
	return NL_STOP;
}

static int on_ack(struct nl_msg *msg, void *arg)
{
	struct talk *talk = arg;

	talk->done = true;
	return NL_STOP;
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *ack, void *arg)
{
	struct talk *talk = arg;

	talk->error = ecs_ack_code(ack->error);
	talk->done = true;
	return NL_STOP;
}

static int rtnl_receive(struct ecs_nl *nl, struct talk *talk)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int ret = 0;

	if (!cb)
		return -ENOMEM;
	nl_cb_set(cb, NL_CB_SEQ_CHECK, NL_CB_CUSTOM, on_seq_check, talk);
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_valid, talk);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_finish, talk);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_ack, talk);
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, talk);
	/* nl_recvmsgs_report() tells by 0 that nothing came within the socket's timeout. */
	while (!talk->done) {
		ret = nl_recvmsgs_report(nl->route, cb);
		if (ret <= 0)
			break;
	}
	nl_cb_put(cb);
	/* The kernel's own code is exact where libnl's translation of it is not. */
	return talk->done || ret == 0 ? 0 : ecs_nle_errno(ret);
}

int ecs_rtnl_talk(struct ecs_nl *nl, struct nl_msg *msg, int (*fn)(struct nl_msg *msg, void *ctx),
		  void *ctx, struct ecs_err *err)
{
	struct talk talk = {.fn = fn, .ctx = ctx};
	int ret;

	ret = nl_send_auto(nl->route, msg);
	talk.seq = nlmsg_hdr(msg)->nlmsg_seq;
	nlmsg_free(msg);
	if (ret < 0) {
		ret = ecs_nle_errno(ret);
		return ecs_fail(err, ret, "%s", strerror(-ret));
	}
	ret = rtnl_receive(nl, &talk);
	if (ret < 0)
		return ecs_fail(err, ret, "%s", strerror(-ret));
	return talk_result(&talk, err);
}

int ecs_rtnl_dump(struct ecs_nl *nl, int type, const void *header, size_t header_len,
		  int (*fn)(struct nl_msg *msg, void *vec), struct ecs_vec *vec,
		  struct ecs_err *err)
{
	int ret = -EINTR;

	for (int i = 0; i < ECS_NL_DUMP_TRIES && ret == -EINTR; i++) {
		struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_DUMP);

		if (!msg || nlmsg_append(msg, (void *)header, header_len, NLMSG_ALIGNTO) < 0) {
			nlmsg_free(msg);
			return ecs_fail(err, -ENOMEM, "no memory");
		}
		vec->len = 0;
		ret = ecs_rtnl_talk(nl, msg, fn, vec, err);
	}
	return ret == -EINTR ? -EAGAIN : ret;
}

int ecs_mnl_open(struct mnl_socket **out, int protocol)
{
	struct mnl_socket *sock = mnl_socket_open2(protocol, SOCK_CLOEXEC);
	int ret;

	if (!sock)
		return -errno;
	if (mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID) < 0) {
		ret = -errno;
		mnl_socket_close(sock);
		return ret;
	}
	ecs_socket_tune(mnl_socket_get_fd(sock));
	*out = sock;
	return 0;
}

struct mnl_talk {
	struct talk base;
	int (*fn)(const struct nlmsghdr *nlh, void *ctx);
};

static void mnl_answer(struct mnl_talk *talk, const struct nlmsghdr *nlh)
{
	struct talk *base = &talk->base;

	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		base->interrupted = true;
	if (nlh->nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *ack = mnl_nlmsg_get_payload(nlh);

		ecs_ack_text(nlh, base->text, sizeof(base->text));
		if (base->error == 0)
			base->error = mnl_nlmsg_get_payload_len(nlh) < sizeof(*ack)
					      ? -EBADMSG
					      : ecs_ack_code(ack->error);
		base->done = true;
	} else if (nlh->nlmsg_type == NLMSG_DONE) {
		if (base->error == 0)
			base->error = done_error(nlh);
		base->done = true;
	} else if (nlh->nlmsg_type >= NLMSG_MIN_TYPE && talk->fn && base->error == 0) {
		base->error = talk->fn(nlh, base->ctx);
	}
}

static int mnl_receive(struct ecs_nl *nl, struct mnl_socket *sock, struct mnl_talk *talk)
{
	while (!talk->base.done) {
		ssize_t got = mnl_socket_recvfrom(sock, nl->recv_buf, ECS_NL_BUFFER);
		const struct nlmsghdr *nlh = (const void *)nl->recv_buf;
		int left = (int)got;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN ? 0 : -errno;
		for (; ecs_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
			if (nlh->nlmsg_seq == talk->base.seq)
				mnl_answer(talk, nlh);
		}
	}
	return 0;
}

int ecs_mnl_talk(struct ecs_nl *nl, struct mnl_socket *sock, struct nlmsghdr *nlh,
		 int (*fn)(const struct nlmsghdr *nlh, void *ctx), void *ctx, struct ecs_err *err)
{
	struct mnl_talk talk = {.base = {.ctx = ctx}, .fn = fn};
	int ret;

	nlh->nlmsg_seq = ++nl->seq;
	talk.base.seq = nlh->nlmsg_seq;
	if (mnl_socket_sendto(sock, nlh, nlh->nlmsg_len) < 0)
		return ecs_fail(err, -errno, "%s", strerror(errno));
	ret = mnl_receive(nl, sock, &talk);
	if (ret < 0)
		return ecs_fail(err, ret, "%s", strerror(-ret));
	return talk_result(&talk.base, err);
}

int ecs_mnl_dump(struct ecs_nl *nl, struct mnl_socket *sock, struct nlmsghdr *nlh,
		 int (*fn)(const struct nlmsghdr *nlh, void *vec), struct ecs_vec *vec,
		 struct ecs_err *err)
{
	int ret = -EINTR;

	for (int i = 0; i < ECS_NL_DUMP_TRIES && ret == -EINTR; i++) {
		vec->len = 0;
		ret = ecs_mnl_talk(nl, sock, nlh, fn, vec, err);
	}
	return ret == -EINTR ? -EAGAIN : ret;
}
