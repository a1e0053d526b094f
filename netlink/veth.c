/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes veth pairs, by libnl. Called by the daemon for a network's gateway.
 */
#include <errno.h>
#include <string.h>
#include <linux/rtnetlink.h>
#include <netlink/addr.h>
#include <netlink/msg.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>
#include "nl.h"
#include "veth.h"

static void set_mac(struct rtnl_link *link, const uint8_t mac[6])
{
	struct nl_addr *addr = nl_addr_build(AF_LLC, mac, 6);

	if (!addr)
		return;
	rtnl_link_set_addr(link, addr);
	nl_addr_put(addr);
}

static struct rtnl_link *veth_object(const char *name, const char *peer_name, uint32_t mtu,
				     const uint8_t mac[6])
{
	struct rtnl_link *link = rtnl_link_veth_alloc();
	struct rtnl_link *peer;

	if (!link)
		return NULL;
	peer = rtnl_link_veth_get_peer(link);
	rtnl_link_set_name(link, name);
	rtnl_link_set_name(peer, peer_name);
	if (mtu) {
		rtnl_link_set_mtu(link, mtu);
		rtnl_link_set_mtu(peer, mtu);
	}
	rtnl_link_put(peer);
	if (mac)
		set_mac(link, mac);
	return link;
}

int ecs_veth_add(struct ecs_nl *nl, const char *name, const char *peer_name, uint32_t mtu,
		 const uint8_t mac[6], struct ecs_err *err)
{
	struct rtnl_link *link = veth_object(name, peer_name, mtu, mac);
	struct nl_msg *msg = NULL;
	struct ecs_err why = {0};
	int ret;

	if (!link)
		return ecs_fail(err, -ENOMEM, "no memory");
	ret = rtnl_link_build_add_request(link, NLM_F_CREATE | NLM_F_EXCL, &msg);
	rtnl_link_put(link);
	if (ret < 0) {
		ret = ecs_nle_errno(ret);
		return ecs_fail(err, ret, "cannot build the request: %s", strerror(-ret));
	}
	ret = ecs_rtnl_talk(nl, msg, NULL, NULL, &why);
	if (ret < 0)
		return ecs_fail(err, ret, "cannot make the veth pair %s and %s: %s", name,
				peer_name, why.text);
	return 0;
}
