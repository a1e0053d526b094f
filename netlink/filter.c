/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands on the links: dumps of clsact qdiscs and of the filters on them. Called when the
 * daemon observes, and by tc.c to tell the kernel's error codes apart.
 */
#include <errno.h>
#include <string.h>
#include <libmnl/libmnl.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include "nl.h"
#include "tc.h"

uint32_t ecs_hook_parent(enum ecs_hook hook)
{
	return TC_H_MAKE(TC_H_CLSACT, hook == ECS_HOOK_EGRESS ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS);
}

static struct nlmsghdr *tc_request(struct ecs_nl *nl, uint16_t type, uint16_t flags,
				   uint32_t ifindex, uint32_t parent)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(nl->send_buf);
	struct tcmsg *tc;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	tc = mnl_nlmsg_put_extra_header(nlh, sizeof(*tc));
	tc->tcm_ifindex = (int)ifindex;
	tc->tcm_parent = parent;
	return nlh;
}

void ecs_attr_text(const struct nlattr *attr, char *text, size_t size)
{
	if (mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
		ecs_text_copy(text, size, mnl_attr_get_str(attr));
}

static void attr_u32(const struct nlattr *attr, uint32_t *out)
{
	if (mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
		*out = mnl_attr_get_u32(attr);
}

static int take_kind(const struct nlmsghdr *nlh, void *kind)
{
	const struct nlattr *attr;

	if (nlh->nlmsg_type != RTM_NEWQDISC ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(struct tcmsg))
		return 0;
	mnl_attr_for_each(attr, nlh, sizeof(struct tcmsg))
	{
		if (mnl_attr_get_type(attr) == TCA_KIND)
			ecs_attr_text(attr, kind, 16);
	}
	return 0;
}

int ecs_ingress_kind(struct ecs_nl *nl, uint32_t ifindex, char kind[16], struct ecs_err *err)
{
	struct ecs_err why = {0};
	struct nlmsghdr *nlh;
	char found[16] = "";
	int ret;

	/* The kernel sends the qdisc that it was asked for only with NLM_F_ECHO. */
	nlh = tc_request(nl, RTM_GETQDISC, NLM_F_ACK | NLM_F_ECHO, ifindex, TC_H_CLSACT);
	ret = ecs_mnl_talk(nl, nl->tc, nlh, take_kind, found, &why);
	/* A link that once had one answers with a placeholder that cannot be dumped (EINVAL). */
	if (ret == -EINVAL || (ret == 0 && found[0] == '\0'))
		ret = -ENOENT;
	if (ret < 0)
		return ecs_fail(err, ret, "link %u has no clsact: %s", ifindex,
				why.text[0] ? why.text : strerror(-ret));
	memcpy(kind, found, sizeof(found));
	return 0;
}

static void filter_options(const struct nlattr *options, struct ecs_filter *filter)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, options)
	{
		if (mnl_attr_get_type(attr) == TCA_BPF_ID)
			attr_u32(attr, &filter->prog_id);
		else if (mnl_attr_get_type(attr) == TCA_BPF_NAME)
			ecs_attr_text(attr, filter->name, sizeof(filter->name));
	}
}

static int push_filter(const struct nlmsghdr *nlh, void *vec)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr, *options = NULL;
	struct ecs_filter filter = {0};

	if (nlh->nlmsg_type != RTM_NEWTFILTER || mnl_nlmsg_get_payload_len(nlh) < sizeof(*tc))
		return 0;
	filter.ifindex = (uint32_t)tc->tcm_ifindex;
	filter.pref = TC_H_MAJ(tc->tcm_info) >> 16;
	filter.handle = tc->tcm_handle;
	mnl_attr_for_each(attr, nlh, sizeof(*tc))
	{
		switch (mnl_attr_get_type(attr)) {
		case TCA_KIND:
			ecs_attr_text(attr, filter.kind, sizeof(filter.kind));
			break;
		case TCA_CHAIN:
			attr_u32(attr, &filter.chain);
			break;
		case TCA_OPTIONS:
			options = attr;
			break;
		}
	}
	/* The head of a classifier comes without a handle and without options. */
	if (filter.handle == 0 && !options)
		return 0;
	if (options && strcmp(filter.kind, "bpf") == 0)
		filter_options(options, &filter);
	return ecs_vec_push(vec, &filter);
}

int ecs_filter_list(struct ecs_nl *nl, uint32_t ifindex, enum ecs_hook hook,
		    void (*fn)(const struct ecs_filter *filter, void *ctx), void *ctx,
		    struct ecs_err *err)
{
	ECS_VEC struct ecs_vec filters = {.item_size = sizeof(struct ecs_filter)};
	struct ecs_err why = {0};
	struct nlmsghdr *nlh;
	char kind[16];
	int ret;

	/* The dump alone is empty, not an error, for a link that is not there or has no clsact. */
	ret = ecs_ingress_kind(nl, ifindex, kind, err);
	if (ret < 0)
		return ret;
	if (strcmp(kind, "clsact") != 0)
		return ecs_fail(err, -ENOENT, "link %u has no clsact but a qdisc of kind %s",
				ifindex, kind);
	nlh = tc_request(nl, RTM_GETTFILTER, NLM_F_DUMP, ifindex, ecs_hook_parent(hook));
	ret = ecs_mnl_dump(nl, nl->tc, nlh, push_filter, &filters, &why);
	if (ret < 0)
		return ecs_fail(err, ret, "cannot list the filters of link %u: %s", ifindex,
				why.text);
	for (size_t i = 0; i < filters.len; i++) {
		struct ecs_filter *filter = ecs_vec_at(&filters, i);

		/* A shared block dumps under its own number: say what was asked for. */
		filter->ifindex = ifindex;
		filter->hook = hook;
		fn(filter, ctx);
	}
	return 0;
}

static int push_clsact(const struct nlmsghdr *nlh, void *vec)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);
	char kind[16] = "";
	uint32_t ifindex;

	take_kind(nlh, kind);
	if (strcmp(kind, "clsact") != 0)
		return 0;
	ifindex = (uint32_t)tc->tcm_ifindex;
	return ecs_vec_push(vec, &ifindex);
}

int ecs_clsact_list(struct ecs_nl *nl, void (*fn)(uint32_t ifindex, void *ctx), void *ctx,
		    struct ecs_err *err)
{
	ECS_VEC struct ecs_vec links = {.item_size = sizeof(uint32_t)};
	struct ecs_err why = {0};
	struct nlmsghdr *nlh;
	int ret;

	nlh = tc_request(nl, RTM_GETQDISC, NLM_F_DUMP, 0, 0);
	ret = ecs_mnl_dump(nl, nl->tc, nlh, push_clsact, &links, &why);
	if (ret < 0)
		return ecs_fail(err, ret, "cannot list the qdiscs: %s", why.text);
	for (size_t i = 0; i < links.len; i++)
		fn(*(uint32_t *)ecs_vec_at(&links, i), ctx);
	return 0;
}
