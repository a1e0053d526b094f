/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * port: what the frame's link, or its VLAN on an uplink, is to the switch: ecs_pkt.in, the
 * network, and whether a patch takes all. What has no entry is not ours. Only NAT's way out comes
 * through without a network.
 */
#ifndef ECS_STAGE_PORT_H
#define ECS_STAGE_PORT_H

#include "../maps.h"

static __always_inline enum ecs_verdict set_network(struct ecs_pkt *pkt,
						    const struct ecs_port *port)
{
	__u32 network = port->network;

	pkt->net = bpf_map_lookup_elem(&ecs_networks, &network);
	if (!network || !pkt->net)
		return ECS_PASS;
	pkt->in = port;
	pkt->dst.network = network;
	pkt->src.network = network;
	return ECS_CONTINUE;
}

static __always_inline enum ecs_verdict set_patched(struct ecs_pkt *pkt,
						    const struct ecs_port *port)
{
	pkt->in = port;
	pkt->patched = 1;
	return ECS_CONTINUE;
}

/* A tagged frame without a network of its own still belongs to the whole link's patch. */
static __noinline enum ecs_verdict port_tagged(struct ecs_pkt *pkt)
{
	struct ecs_port *port;

	if (!ecs_tag_foreign(pkt) && ecs_vid(pkt)) {
		port = ecs_port_vlan(pkt->ifindex, ecs_vid(pkt));
		if (port && port->network)
			return set_network(pkt, port);
	}
	port = ecs_port_find(pkt->ifindex);
	if (!port)
		return ECS_PASS;
	if ((port->flags & ECS_PORT_PATCHED) && pkt->hook != ECS_TO_UPLINK)
		return set_patched(pkt, port);
	if (ecs_tag_foreign(pkt) || ecs_vid(pkt))
		return ECS_PASS;
	return set_network(pkt, port);
}

static __always_inline enum ecs_verdict ecs_port(struct __sk_buff *skb, struct ecs_pkt *pkt)
{
	enum ecs_verdict verdict;
	struct ecs_port *port;

	if (pkt->tagged && pkt->hook != ECS_FROM_VM)
		return port_tagged(pkt);
	port = ecs_port_find(pkt->ifindex);
	if (!port)
		return ECS_PASS;
	if ((port->flags & ECS_PORT_PATCHED) && pkt->hook != ECS_TO_UPLINK)
		return set_patched(pkt, port);
	if (pkt->hook == ECS_FROM_VM && port->role != ECS_ROLE_VM && port->role != ECS_ROLE_HOST)
		return ECS_PASS;
	/* It became another one since ecs_ingress() looked: guard has not seen the frame. */
	if (pkt->hook == ECS_FROM_UPLINK && port->role != ECS_ROLE_UPLINK)
		return ECS_PASS;
	if (!port->network && (port->flags & ECS_PORT_NAT) && pkt->hook != ECS_FROM_VM) {
		pkt->in = port; /* a way out and nothing else: only the nat stage looks */
		return ECS_CONTINUE;
	}
	verdict = set_network(pkt, port);
	if (verdict == ECS_PASS && pkt->hook == ECS_FROM_VM) {
		pkt->in = port;
		return ecs_drop(pkt, ECS_DROP_NO_NETWORK);
	}
	return verdict;
}

#endif
