/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs changes of qdiscs and filters in batches: many messages in one sendmsg(), each with an
 * acknowledgement of its own, matched by its sequence number. Called by the daemon's apply.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include "nl.h"
#include "tc.h"

#define ECS_TC_MESSAGE_MAX                                                                         \
	256 /* bytes of one request: header, tcmsg, kind, name and two numbers                     \
	     */

static struct tcmsg *put_header(struct nlmsghdr *nlh, uint16_t type, uint16_t flags,
				const struct ecs_tc_op *op)
{
	struct tcmsg *tc;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	tc = mnl_nlmsg_put_extra_header(nlh, sizeof(*tc));
	tc->tcm_ifindex = (int)op->ifindex;
	return tc;
}

static void put_clsact(struct nlmsghdr *nlh, const struct ecs_tc_op *op)
{
	bool add = op->verb == ECS_TC_CLSACT_ADD;
	struct tcmsg *tc;

	tc = put_header(nlh, add ? RTM_NEWQDISC : RTM_DELQDISC, add ? NLM_F_CREATE | NLM_F_EXCL : 0,
			op);
	tc->tcm_parent = TC_H_CLSACT;
	tc->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	/* With the kind, the deletion refuses an ingress qdisc that stands in the same place. */
	mnl_attr_put_strz(nlh, TCA_KIND, "clsact");
}

static void put_filter(struct nlmsghdr *nlh, const struct ecs_tc_op *op)
{
	bool add = op->verb == ECS_TC_FILTER_REPLACE;
	struct nlattr *options;
	struct tcmsg *tc;

	tc = put_header(nlh, add ? RTM_NEWTFILTER : RTM_DELTFILTER, add ? NLM_F_CREATE : 0, op);
	tc->tcm_parent = ecs_hook_parent(op->hook);
	tc->tcm_handle = ECS_FILTER_HANDLE;
	tc->tcm_info = TC_H_MAKE(ECS_FILTER_PREF << 16, htons(ETH_P_ALL));
	mnl_attr_put_strz(nlh, TCA_KIND, "bpf");
	if (!add)
		return;
	options = mnl_attr_nest_start(nlh, TCA_OPTIONS);
	mnl_attr_put_u32(nlh, TCA_BPF_FD, (uint32_t)op->prog_fd);
	if (op->name) {
		char name[ECS_FILTER_NAME_MAX];

		ecs_text_copy(name, sizeof(name), op->name);
		mnl_attr_put_strz(nlh, TCA_BPF_NAME, name);
	}
	mnl_attr_put_u32(nlh, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	mnl_attr_nest_end(nlh, options);
}

/* Writes as many of the operations as fit into the batch. Return: their number. */
static size_t batch_fill(struct ecs_nl *nl, struct ecs_tc_op *ops, size_t n, size_t *bytes)
{
	size_t i;

	*bytes = 0;
	for (i = 0; i < n && i < ECS_TC_BATCH_MAX; i++) {
		struct nlmsghdr *nlh;

		if (*bytes + ECS_TC_MESSAGE_MAX > ECS_TC_BATCH_BYTES)
			break;
		nlh = mnl_nlmsg_put_header(nl->send_buf + *bytes);
		nlh->nlmsg_seq = ++nl->seq;
		if (ops[i].verb == ECS_TC_CLSACT_ADD || ops[i].verb == ECS_TC_CLSACT_DEL)
			put_clsact(nlh, &ops[i]);
		else
			put_filter(nlh, &ops[i]);
		*bytes += NLMSG_ALIGN(nlh->nlmsg_len);
	}
	return i;
}

/* Return: 1 if the message is the first answer to one of the operations, else 0. */
static size_t take_ack(const struct nlmsghdr *nlh, uint32_t first, struct ecs_tc_op *ops, size_t n)
{
	const struct nlmsgerr *ack = mnl_nlmsg_get_payload(nlh);
	size_t i = nlh->nlmsg_seq - first;

	if (nlh->nlmsg_type != NLMSG_ERROR || mnl_nlmsg_get_payload_len(nlh) < sizeof(*ack) ||
	    i >= n || ops[i].result != -EINPROGRESS)
		return 0;
	ops[i].result = ecs_ack_code(ack->error);
	ecs_ack_text(nlh, ops[i].text, sizeof(ops[i].text));
	return 1;
}

static int batch_collect(struct ecs_nl *nl, uint32_t first, struct ecs_tc_op *ops, size_t n)
{
	size_t answered = 0;

	while (answered < n) {
		ssize_t got = mnl_socket_recvfrom(nl->tc, nl->recv_buf, ECS_NL_BUFFER);
		const struct nlmsghdr *nlh = (const void *)nl->recv_buf;
		int left = (int)got;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		for (; ecs_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
			answered += take_ack(nlh, first, ops, n);
	}
	return 0;
}

static int batch_run(struct ecs_nl *nl, struct ecs_tc_op *ops, size_t n, size_t *count)
{
	uint32_t first = nl->seq + 1;
	size_t bytes;
	ssize_t sent;

	*count = batch_fill(nl, ops, n, &bytes);
	for (size_t i = 0; i < *count; i++)
		ops[i].result = -EINPROGRESS;
	do {
		sent = mnl_socket_sendto(nl->tc, nl->send_buf, bytes);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return -errno;
	return batch_collect(nl, first, ops, *count);
}

/*
 * Where a clsact would be there may be none, or an ingress qdisc; the kernel's codes for this
 * (EINVAL, ENOENT, EEXIST) depend on the past of the link. On an ingress qdisc the kernel would
 * even take an egress filter, and run it on ingress.
 */
static void explain(struct ecs_nl *nl, struct ecs_tc_op *op)
{
	bool clsact_taken = op->result == -EEXIST && op->verb == ECS_TC_CLSACT_ADD;
	/* Without a text it is the program that is invalid, not the place. */
	bool place_invalid = op->result == -EINVAL && op->text[0];
	char kind[16];
	int ret;

	if (!clsact_taken && !place_invalid)
		return;
	ret = ecs_ingress_kind(nl, op->ifindex, kind, NULL);
	if (ret == -ENOENT && place_invalid && op->verb != ECS_TC_CLSACT_ADD)
		op->result = -ENOENT;
	if (ret < 0 || strcmp(kind, "clsact") == 0)
		return;
	op->result = op->verb == ECS_TC_CLSACT_DEL ? -ENOENT : -EBUSY;
	snprintf(op->text, sizeof(op->text), "a qdisc of kind %s is in the place of clsact", kind);
}

static int summarize(struct ecs_nl *nl, struct ecs_tc_op *ops, size_t n)
{
	int failed = 0;

	for (size_t i = 0; i < n; i++) {
		if (ops[i].result == 0)
			continue;
		explain(nl, &ops[i]);
		failed++;
	}
	return failed;
}

int ecs_tc_run(struct ecs_nl *nl, struct ecs_tc_op *ops, size_t n, struct ecs_err *err)
{
	size_t done, count;
	int ret = 0;

	for (size_t i = 0; i < n; i++) {
		ops[i].result = -ECANCELED;
		ops[i].text[0] = '\0';
	}
	for (done = 0; done < n && ret == 0; done += count)
		ret = batch_run(nl, ops + done, n - done, &count);
	if (ret < 0) {
		for (size_t i = 0; i < n; i++) {
			if (ops[i].result == -EINPROGRESS)
				ops[i].result = ret;
		}
		return ecs_fail(err, ret, "cannot change traffic control: %s", strerror(-ret));
	}
	return summarize(nl, ops, n);
}
