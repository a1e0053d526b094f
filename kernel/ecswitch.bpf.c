// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The data path's entry programs, each the list of its stages. A stage returns ECS_CONTINUE or
 * the final verdict; ecs_emit() alone carries verdicts out. The daemon attaches them with
 * cls_bpf in direct-action mode; they go on forwarding when the daemon is gone.
 */
#include "pkt.h"
#include "maps.h"
#include "stages/mark.h"
#include "stages/parse.h"
#include "stages/port.h"
#include "stages/guard.h"
#include "stages/cast.h"
#include "stages/patch.h"
#include "stages/learn.h"
#include "stages/nat.h"
#include "stages/switch.h"
#include "stages/emit.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* What has no entry, and then is not ours, is looked at as an uplink is. */
static __always_inline __u8 ecs_ingress(__u32 ifindex)
{
	struct ecs_port *port = ecs_port_find(ifindex);

	return port && port->role != ECS_ROLE_UPLINK ? ECS_FROM_VM : ECS_FROM_UPLINK;
}

SEC("tc")
int ecs_from_port(struct __sk_buff *skb)
{
	struct ecs_pkt pkt = {.ifindex = skb->ifindex, .len = skb->len};
	enum ecs_verdict verdict;

	pkt.hook = ecs_ingress(pkt.ifindex);
	verdict = ecs_mark_in(skb, &pkt) ?:
		  ecs_parse(skb, &pkt) ?:
		  ecs_port(skb, &pkt) ?:
		  ecs_guard(skb, &pkt) ?:
		  ecs_cast(skb, &pkt) ?:
		  ecs_patch(skb, &pkt) ?:
		  ecs_nat(skb, &pkt) ?:
		  ecs_learn(skb, &pkt) ?:
		  ecs_switch(skb, &pkt);
	return ecs_emit(skb, &pkt, verdict);
}

SEC("tc")
int ecs_to_uplink(struct __sk_buff *skb)
{
	struct ecs_pkt pkt = {.hook = ECS_TO_UPLINK, .ifindex = skb->ifindex, .len = skb->len};
	enum ecs_verdict verdict;

	verdict = ecs_mark_out(skb, &pkt) ?:
		  ecs_parse(skb, &pkt) ?:
		  ecs_port(skb, &pkt) ?:
		  ecs_learn(skb, &pkt) ?:
		  ecs_nat_host(skb, &pkt) ?:
		  ecs_switch(skb, &pkt);
	return ecs_emit(skb, &pkt, verdict);
}
