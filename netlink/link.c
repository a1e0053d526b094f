/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links: libnl's objects to plain structs, dumps, and the promiscuous flag. Called by the
 * daemon's observation and by watch.c. Keeps no state.
 */
#include <errno.h>
#include <string.h>
#include <net/if_arp.h>
#include <linux/if_ether.h>
#include <linux/rtnetlink.h>
#include <netlink/addr.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/object.h>
#include <netlink/route/link.h>
#include "nl.h"
#include "veth.h"

#define ECS_IFF_LOWER_UP (1u << 16) /* IFF_LOWER_UP: net/if.h lacks it */

static void link_kind(struct rtnl_link *link, struct ecs_link *out)
{
	const char *kind = rtnl_link_get_type(link);

	/* The kernel calls both "tun"; only a tap carries Ethernet. */
	if (kind && strcmp(kind, "tun") == 0 && rtnl_link_get_arptype(link) == ARPHRD_ETHER)
		kind = "tap";
	ecs_text_copy(out->kind, sizeof(out->kind), kind);
}

/* libnl gives AF_BRIDGE to the settings of a bridge's port, but also to the bridge itself. */
static bool is_whole_link(struct rtnl_link *link)
{
	const char *kind = rtnl_link_get_type(link);
	int family = rtnl_link_get_family(link);

	return rtnl_link_get_ifindex(link) > 0 &&
	       (family == AF_UNSPEC || (family == AF_BRIDGE && kind && !strcmp(kind, "bridge")));
}

int ecs_link_from_object(struct nl_object *object, struct ecs_link *out)
{
	struct rtnl_link *link = (struct rtnl_link *)object;
	const char *type = object ? nl_object_get_type(object) : NULL;
	struct ecs_link copy = {0};
	struct nl_addr *mac;
	int32_t netnsid;

	if (!type || strcmp(type, "route/link") != 0 || !is_whole_link(link))
		return -EINVAL;
	copy.ifindex = (uint32_t)rtnl_link_get_ifindex(link);
	ecs_text_copy(copy.name, sizeof(copy.name), rtnl_link_get_name(link));
	link_kind(link, &copy);
	mac = rtnl_link_get_addr(link);
	if (mac && nl_addr_get_len(mac) == ETH_ALEN) {
		memcpy(copy.mac, nl_addr_get_binary_addr(mac), ETH_ALEN);
		copy.ethernet = rtnl_link_get_arptype(link) == ARPHRD_ETHER;
	}
	copy.mtu = rtnl_link_get_mtu(link);
	copy.flags = rtnl_link_get_flags(link);
	copy.carrier = (copy.flags & IFF_UP) && (copy.flags & ECS_IFF_LOWER_UP);
	copy.master = (uint32_t)rtnl_link_get_master(link);
	copy.peer = (uint32_t)rtnl_link_get_link(link);
	copy.tx_dropped = rtnl_link_get_stat(link, RTNL_LINK_TX_DROPPED);
	copy.peer_elsewhere = rtnl_link_get_link_netnsid(link, &netnsid) == 0;
	*out = copy;
	return 0;
}

static void parsed_link(struct nl_object *object, void *arg)
{
	ecs_link_from_object(object, arg);
}

int ecs_link_from_msg(struct nl_msg *msg, struct ecs_link *out)
{
	struct nlmsghdr *nlh = nlmsg_hdr(msg);
	const struct ifinfomsg *info = nlmsg_data(nlh);
	struct ecs_link link = {0};

	if (nlmsg_datalen(nlh) < (int)sizeof(*info) || info->ifi_family != AF_UNSPEC)
		return -EINVAL;
	/* A wireless driver's private events come as RTM_NEWLINK with nearly nothing inside. */
	if (nlmsg_find_attr(nlh, sizeof(*info), IFLA_WIRELESS))
		return -EINVAL;
	nl_msg_parse(msg, parsed_link, &link);
	if (link.ifindex == 0)
		return -EINVAL;
	*out = link;
	return 0;
}

static int push_link(struct nl_msg *msg, void *vec)
{
	struct ecs_link link;

	if (nlmsg_hdr(msg)->nlmsg_type != RTM_NEWLINK || ecs_link_from_msg(msg, &link) < 0)
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
		ecs_link_from_msg(msg, out);
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
