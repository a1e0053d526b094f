/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses and the default route, by libnl. Called by the daemon when it observes the host.
 * Keeps no state.
 */
#include <errno.h>
#include <string.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/addr.h>
#include <netlink/msg.h>
#include <netlink/object.h>
#include <netlink/route/addr.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include "nl.h"
#include "veth.h"

static void parsed_addr(struct nl_object *object, void *arg)
{
	struct rtnl_addr *addr = (struct rtnl_addr *)object;
	struct nl_addr *local = rtnl_addr_get_local(addr);
	struct ecs_addr copy = {0};

	if (!local || nl_addr_get_len(local) > sizeof(copy.addr))
		return;
	copy.ifindex = (uint32_t)rtnl_addr_get_ifindex(addr);
	copy.family = (uint8_t)rtnl_addr_get_family(addr);
	copy.prefix_len = (uint8_t)rtnl_addr_get_prefixlen(addr);
	copy.scope = (uint8_t)rtnl_addr_get_scope(addr);
	copy.usable = !(rtnl_addr_get_flags(addr) &
			(IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED));
	copy.temporary = copy.family == AF_INET6 && (rtnl_addr_get_flags(addr) & IFA_F_TEMPORARY);
	memcpy(copy.addr, nl_addr_get_binary_addr(local), nl_addr_get_len(local));
	*(struct ecs_addr *)arg = copy;
}

static int push_addr(struct nl_msg *msg, void *vec)
{
	const struct ifaddrmsg *info = nlmsg_data(nlmsg_hdr(msg));
	struct ecs_addr addr = {0};

	if (nlmsg_hdr(msg)->nlmsg_type != RTM_NEWADDR ||
	    nlmsg_datalen(nlmsg_hdr(msg)) < (int)sizeof(*info) ||
	    (info->ifa_family != AF_INET && info->ifa_family != AF_INET6))
		return 0;
	nl_msg_parse(msg, parsed_addr, &addr);
	return addr.ifindex ? ecs_vec_push(vec, &addr) : 0;
}

int ecs_addr_list(struct ecs_nl *nl, void (*fn)(const struct ecs_addr *addr, void *ctx), void *ctx,
		  struct ecs_err *err)
{
	ECS_VEC struct ecs_vec addrs = {.item_size = sizeof(struct ecs_addr)};
	struct ifaddrmsg info = {.ifa_family = AF_UNSPEC};
	struct ecs_err why = {0};
	int ret;

	ret = ecs_rtnl_dump(nl, RTM_GETADDR, &info, sizeof(info), push_addr, &addrs, &why);
	if (ret < 0)
		return ecs_fail(err, ret, "cannot list the addresses: %s", why.text);
	for (size_t i = 0; i < addrs.len; i++)
		fn(ecs_vec_at(&addrs, i), ctx);
	return 0;
}

struct default_route {
	uint32_t ifindex;
	uint32_t metric;
};

static void parsed_route(struct nl_object *object, void *arg)
{
	struct rtnl_route *route = (struct rtnl_route *)object;
	struct rtnl_nexthop *hop;

	if (rtnl_route_get_nnexthops(route) < 1)
		return;
	hop = rtnl_route_nexthop_n(route, 0);
	*(struct default_route *)arg = (struct default_route){
		.ifindex = (uint32_t)rtnl_route_nh_get_ifindex(hop),
		.metric = rtnl_route_get_priority(route),
	};
}

/* Looks at the header alone before it parses: a host may carry a full Internet table. */
static int push_default(struct nl_msg *msg, void *vec)
{
	const struct rtmsg *info = nlmsg_data(nlmsg_hdr(msg));
	struct default_route route = {0};

	if (nlmsg_hdr(msg)->nlmsg_type != RTM_NEWROUTE ||
	    nlmsg_datalen(nlmsg_hdr(msg)) < (int)sizeof(*info))
		return 0;
	if (info->rtm_dst_len != 0 || info->rtm_table != RT_TABLE_MAIN ||
	    info->rtm_type != RTN_UNICAST || (info->rtm_flags & RTM_F_CLONED) ||
	    (info->rtm_family != AF_INET && info->rtm_family != AF_INET6))
		return 0;
	nl_msg_parse(msg, parsed_route, &route);
	return route.ifindex ? ecs_vec_push(vec, &route) : 0;
}

static int default_link(struct ecs_nl *nl, uint8_t family, uint32_t *ifindex, struct ecs_err *err)
{
	ECS_VEC struct ecs_vec routes = {.item_size = sizeof(struct default_route)};
	struct rtmsg info = {.rtm_family = family, .rtm_table = RT_TABLE_MAIN};
	const struct default_route *best = NULL;
	int ret;

	ret = ecs_rtnl_dump(nl, RTM_GETROUTE, &info, sizeof(info), push_default, &routes, err);
	/* A table, or a whole protocol family, that was never used does not exist. */
	if (ret == -ENOENT || ret == -EAFNOSUPPORT || ret == -EOPNOTSUPP)
		ret = 0;
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < routes.len; i++) {
		const struct default_route *route = ecs_vec_at(&routes, i);

		if (!best || route->metric < best->metric)
			best = route;
	}
	*ifindex = best ? best->ifindex : 0;
	return 0;
}

int ecs_route_default_link(struct ecs_nl *nl, uint32_t *ifindex, struct ecs_err *err)
{
	struct ecs_err why = {0};
	uint32_t found = 0;
	int ret;

	ret = default_link(nl, AF_INET, &found, &why);
	if (ret == 0 && found == 0)
		ret = default_link(nl, AF_INET6, &found, &why);
	if (ret < 0)
		return ecs_fail(err, ret, "cannot list the routes: %s", why.text);
	*ifindex = found;
	return 0;
}

/* An address as libnl wants it, or NULL without memory. */
static struct rtnl_addr *addr_object(const struct ecs_addr *addr)
{
	size_t len = addr->family == AF_INET ? 4 : 16;
	struct rtnl_addr *object = rtnl_addr_alloc();
	struct nl_addr *local = nl_addr_build(addr->family, addr->addr, len);

	if (object && local) {
		nl_addr_set_prefixlen(local, addr->prefix_len);
		rtnl_addr_set_ifindex(object, (int)addr->ifindex);
		rtnl_addr_set_scope(object, addr->scope);
		if (rtnl_addr_set_local(object, local) == 0) {
			nl_addr_put(local);
			return object;
		}
	}
	nl_addr_put(local);
	rtnl_addr_put(object);
	return NULL;
}

static int addr_talk(struct ecs_nl *nl, const struct ecs_addr *addr, bool add, struct ecs_err *err)
{
	struct rtnl_addr *object = addr_object(addr);
	struct nl_msg *msg = NULL;
	struct ecs_err why = {0};
	int ret;

	if (!object)
		return ecs_fail(err, -ENOMEM, "no memory");
	ret = add ? rtnl_addr_build_add_request(object, NLM_F_CREATE | NLM_F_EXCL, &msg)
		  : rtnl_addr_build_delete_request(object, 0, &msg);
	rtnl_addr_put(object);
	if (ret < 0) {
		ret = ecs_nle_errno(ret);
		return ecs_fail(err, ret, "cannot build the request: %s", strerror(-ret));
	}
	ret = ecs_rtnl_talk(nl, msg, NULL, NULL, &why);
	if (ret < 0)
		return ecs_fail(err, ret, "cannot %s an address of link %u: %s",
				add ? "add" : "delete", addr->ifindex, why.text);
	return 0;
}

int ecs_addr_add(struct ecs_nl *nl, const struct ecs_addr *addr, struct ecs_err *err)
{
	return addr_talk(nl, addr, true, err);
}

int ecs_addr_del(struct ecs_nl *nl, const struct ecs_addr *addr, struct ecs_err *err)
{
	return addr_talk(nl, addr, false, err);
}
