/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes veth pairs, by libnl. Called by the daemon for a network's gateway.
 */
#include <errno.h>
#include <string.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>
#include "nl.h"
#include "veth.h"

static struct rtnl_link *veth_object(const char *name, const char *peer_name, uint32_t mtu)
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
	return link;
}

int ecs_veth_add(struct ecs_nl *nl, const char *name, const char *peer_name, uint32_t mtu,
		 struct ecs_err *err)
{
	struct rtnl_link *link = veth_object(name, peer_name, mtu);
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
