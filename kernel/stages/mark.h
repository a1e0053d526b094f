/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * mark: a frame that ecswitch itself sent to this hook. Its mark goes away here, before anyone
 * else sees it. Nearly always no other stage looks at the frame; but to NAT the VMs that are
 * bridged onto its uplink are the outside, as the wire is.
 */
#ifndef ECS_STAGE_MARK_H
#define ECS_STAGE_MARK_H

#include "../maps.h"

/* From a VM that is bridged onto this uplink to the host: only the nat stage looks, then the
 * host's stack. */
static __always_inline enum ecs_verdict ecs_mark_in(struct __sk_buff *skb, struct ecs_pkt *pkt)
{
	struct ecs_port *port;

	if (pkt->hook != ECS_FROM_UPLINK || skb->mark != ECS_MARK_TO_HOST)
		return ECS_CONTINUE;
	skb->mark = 0;
	port = ecs_port_find(pkt->ifindex);
	if (!port || !(port->flags & ECS_PORT_NAT))
		return ECS_PASS;
	pkt->local = 1;
	pkt->learned = 1;
	return ECS_CONTINUE;
}

/* NAT's packets may be for a VM that is bridged onto this uplink: they are switched. */
static __always_inline enum ecs_verdict ecs_mark_out(struct __sk_buff *skb, struct ecs_pkt *pkt)
{
	if (skb->mark == ECS_MARK_NAT) {
		skb->mark = 0;
		pkt->local = 1;
		return ECS_CONTINUE;
	}
	if (skb->mark != ECS_MARK_TO_WIRE)
		return ECS_CONTINUE;
	skb->mark = 0;
	return ECS_PASS;
}

#endif
