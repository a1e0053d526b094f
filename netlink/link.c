/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links: messages to plain structs, dumps, and the promiscuous flag. Called by the
 * daemon's observation and by watch.c. Keeps no state.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <net/if_arp.h>
#include <linux/if_ether.h>
#include <linux/rtnetlink.h>
#include <libmnl/libmnl.h>
#include <netlink/msg.h>
#include "nl.h"
#include "veth.h"

#define ECS_IFF_LOWER_UP (1u << 16) /* IFF_LOWER_UP: net/if.h lacks it */

struct parse {
	struct ecs_link *link;
	uint16_t arptype;
	const struct nlattr *info;
};

static void attr_u32(const struct nlattr *attr, uint32_t *out)
{
	if (mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
		*out = mnl_attr_get_u32(attr);
}

static void attr_mac(const struct nlattr *attr, struct parse *parse)
{
	if (mnl_attr_get_payload_len(attr) != ETH_ALEN)
		return;
	memcpy(parse->link->mac, mnl_attr_get_payload(attr), ETH_ALEN);
	parse->link->ethernet = parse->arptype == ARPHRD_ETHER;
}

/* The record grows with the kernel, and is not aligned. */
static void attr_dropped(const struct nlattr *attr, struct ecs_link *link)
{
	const char *stats = mnl_attr_get_payload(attr);
	size_t at = offsetof(struct rtnl_link_stats64, tx_dropped);

	if (mnl_attr_get_payload_len(attr) >= at + sizeof(link->tx_dropped))
		memcpy(&link->tx_dropped, stats + at, sizeof(link->tx_dropped));
}

static void link_attr(const struct nlattr *attr, struct parse *parse)
{
	struct ecs_link *link = parse->link;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		ecs_attr_text(attr, link->name, sizeof(link->name));
		break;
	case IFLA_ADDRESS:
		attr_mac(attr, parse);
		break;
	case IFLA_MTU:
		attr_u32(attr, &link->mtu);
		break;
	case IFLA_MASTER:
		attr_u32(attr, &link->master);
		break;
	case IFLA_LINK:
		attr_u32(attr, &link->peer);
		break;
	case IFLA_LINK_NETNSID:
		link->peer_elsewhere = true;
		break;
	case IFLA_STATS64:
		attr_dropped(attr, link);
		break;
	case IFLA_LINKINFO:
		parse->info = attr;
		break;
	}
}

static void link_kind(struct parse *parse)
{
	struct ecs_link *link = parse->link;
	const struct nlattr *attr;

	if (!parse->info)
		return;
	mnl_attr_for_each_nested(attr, parse->info)
	{
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
			ecs_attr_text(attr, link->kind, sizeof(link->kind));
	}
	/* The kernel calls both "tun"; only a tap carries Ethernet. */
	if (strcmp(link->kind, "tun") == 0 && parse->arptype == ARPHRD_ETHER)
		ecs_text_copy(link->kind, sizeof(link->kind), "tap");
}

/* libnl-route parses what each kind of link says of itself, too, and does not bear all of it. */
int ecs_link_from_msg(const struct nlmsghdr *nlh, struct ecs_link *out)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(nlh);
	struct ecs_link link = {0};
	struct parse parse = {.link = &link};
	const struct nlattr *attr;

	/* AF_BRIDGE are the settings of a bridge's port. */
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*info) || info->ifi_family != AF_UNSPEC ||
	    info->ifi_index <= 0)
		return -EINVAL;
	parse.arptype = info->ifi_type;
	mnl_attr_for_each(attr, nlh, sizeof(*info))
	{
		/* A wireless driver's private events come with nearly nothing else inside. */
		if (mnl_attr_get_type(attr) == IFLA_WIRELESS)
			return -EINVAL;
		link_attr(attr, &parse);
	}
	link_kind(&parse);
	link.ifindex = (uint32_t)info->ifi_index;
	link.flags = info->ifi_flags;
	link.carrier = (link.flags & IFF_UP) && (link.flags & ECS_IFF_LOWER_UP);
	*out = link;
	return 0;
}

static int push_link(struct nl_msg *msg, void *vec)
{
	struct ecs_link link;

	if (nlmsg_hdr(msg)->nlmsg_type != RTM_NEWLINK ||
	    ecs_link_from_msg(nlmsg_hdr(msg), &link) < 0)
		return 0;
	return ecs_vec_push(vec, &link);
}

int ecs_link_list(struct ecs_nl *nl, void (*fn)(const struct ecs_link *link, void *ctx), void *ctx,
		  struct ecs_err *err)
{
	ECS_VEC struct ecs_vec links = {.item_size = sizeof(struct ecs_link)};
	struct ifinfomsg info = {.ifi_family = AF_UNSPEC};
	struct ecs_err why = {0};
	int ret;

	ret = ecs_rtnl_dump(nl, RTM_GETLINK, &info, sizeof(info), push_link, &links, &why);
	if (ret < 0)
		return ecs_fail(err, ret, "cannot list the links: %s", why.text);
	for (size_t i = 0; i < links.len; i++)
		fn(ecs_vec_at(&links, i), ctx);
	return 0;
}

static int copy_link(struct nl_msg *msg, void *out)
{
	if (nlmsg_hdr(msg)->nlmsg_type == RTM_NEWLINK)
		ecs_link_from_msg(nlmsg_hdr(msg), out);
	return 0;
}

/* An rtnetlink request about one link, with nothing after its header; NULL without memory. */
static struct nl_msg *link_request(int type, const struct ifinfomsg *info)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, 0);

	if (msg && nlmsg_append(msg, (void *)info, sizeof(*info), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

static int link_talk(struct ecs_nl *nl, int type, const struct ifinfomsg *info,
		     struct ecs_link *answer, const char *what, struct ecs_err *err)
{
	struct nl_msg *msg = link_request(type, info);
	struct ecs_err why = {0};
	int ret;

	if (!msg)
		return ecs_fail(err, -ENOMEM, "no memory");
	ret = ecs_rtnl_talk(nl, msg, answer ? copy_link : NULL, answer, &why);
	if (ret < 0)
		return ecs_fail(err, ret, "cannot %s link %d: %s", what, info->ifi_index, why.text);
	return 0;
}

int ecs_link_get(struct ecs_nl *nl, uint32_t ifindex, struct ecs_link *out, struct ecs_err *err)
{
	struct ifinfomsg info = {.ifi_index = (int)ifindex};
	struct ecs_link link = {0};
	int ret;

	/* Index 0 would ask for a link by its (absent) name: the kernel says EINVAL to that. */
	if (ifindex == 0)
		return ecs_fail(err, -ENODEV, "there is no link 0");
	ret = link_talk(nl, RTM_GETLINK, &info, &link, "read", err);
	if (ret < 0)
		return ret;
	if (link.ifindex != ifindex)
		return ecs_fail(err, -EBADMSG, "cannot understand what the kernel says of link %u",
				ifindex);
	*out = link;
	return 0;
}

static int link_set_flag(struct ecs_nl *nl, uint32_t ifindex, unsigned int flag, bool on,
			 const char *what, struct ecs_err *err)
{
	struct ifinfomsg info = {
		.ifi_index = (int)ifindex,
		.ifi_flags = on ? flag : 0,
		.ifi_change = flag,
	};

	if (ifindex == 0)
		return ecs_fail(err, -ENODEV, "there is no link 0");
	return link_talk(nl, RTM_SETLINK, &info, NULL, what, err);
}

int ecs_link_set_promisc(struct ecs_nl *nl, uint32_t ifindex, bool on, struct ecs_err *err)
{
	return link_set_flag(nl, ifindex, IFF_PROMISC, on,
			     on ? "set promiscuous" : "clear promiscuous on", err);
}

int ecs_link_set_up(struct ecs_nl *nl, uint32_t ifindex, bool up, struct ecs_err *err)
{
	return link_set_flag(nl, ifindex, IFF_UP, up, up ? "set up" : "set down", err);
}

int ecs_link_del(struct ecs_nl *nl, uint32_t ifindex, struct ecs_err *err)
{
	struct ifinfomsg info = {.ifi_index = (int)ifindex};

	if (ifindex == 0)
		return ecs_fail(err, -ENODEV, "there is no link 0");
	return link_talk(nl, RTM_DELLINK, &info, NULL, "delete", err);
}
