/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * nat: VMs behind the host's address (RFC 3022), and forwards to them. A flow that exists is
 * followed whatever it is; what begins one is decided here. Everything else goes on as if there
 * were no NAT: what is for the host itself always reaches its stack.
 */
#ifndef ECS_STAGE_NAT_H
#define ECS_STAGE_NAT_H

#include "../nat_answer6.h"
#include "../nat_fast.h"
#include "../nat_fragment.h"
#include "../nat_host.h"
#include "../nat_new.h"
#include "../nat_rewrite6.h"
#include "../nat_way.h"
#include "learn.h"

/* The link's own MTU decides; what the daemon last saw of it is a fast accept. Return: 0 if the
 * packet fits; what fits. */
static __noinline __u32 nat_mtu(struct __sk_buff *skb, const struct ecs_frame *pkt)
{
	__u32 mtu_len = skb->gso_size ? 0 : pkt->l3_len;
	__u64 flags = skb->gso_size ? BPF_MTU_CHK_SEGS : 0;

	return bpf_check_mtu(skb, pkt->out_ifindex, &mtu_len, 0, flags) > 0 ? mtu_len : 0;
}

/* As the packet's sender knows us: a VM the gateway, the outside the address it wrote to. */
static __always_inline __be32 nat_own_address(const struct ecs_frame *pkt, const struct nat_run *np)
{
	return pkt->hook == ECS_FROM_VM && np->net ? np->net->gateway4_be : np->dst_be;
}

static __always_inline enum ecs_verdict nat_answer(struct __sk_buff *skb, struct ecs_frame *pkt,
						   struct nat_run *np, __u32 mtu)
{
	if (np->key.v6)
		return ecs_nat_answer6(skb, pkt, nat_of(np), mtu);
	return ecs_nat_answer(skb, pkt, nat_of(np), nat_own_address(pkt, np), mtu);
}

static __always_inline int nat_rewrite(struct __sk_buff *skb, const struct ecs_frame *pkt,
				       struct nat_run *np, const struct ecs_nat_flow *flow)
{
	int macs = pkt->via != ECS_VIA_NEIGH;

	return np->key.v6 ? ecs_nat_rewrite6(skb, nat_of(np), flow, macs)
			  : ecs_nat_rewrite(skb, nat_of(np), flow, macs);
}

/* The packet follows its flow. */
static __noinline enum ecs_verdict nat_follow(struct __sk_buff *skb, struct ecs_frame *pkt,
					      struct nat_run *np, struct ecs_nat_flow *flow)
{
	enum ecs_verdict verdict = nat_way(skb, pkt, np, flow);
	__u32 mtu = 0;

	if (verdict != ECS_FORWARD)
		return verdict;
	if (np->ttl <= 1)
		return nat_answer(skb, pkt, np, 0);
	if (np->out && (skb->gso_size || pkt->l3_len > np->out->mtu))
		mtu = nat_mtu(skb, pkt);
	if (mtu)
		return nat_answer(skb, pkt, np, mtu);
	if (np->kind == NAT_PLAIN)
		nat_account(pkt, nat_of(np), flow);
	if ((np->frag & NAT_IP_MF) && !nat_later_fragment(nat_of(np)))
		nat_fragment(nat_of(np));
	if (nat_rewrite(skb, pkt, np, flow))
		return nat_drop(pkt, ECS_DROP_NAT_MALFORMED);
	return ECS_FORWARD;
}

static __always_inline struct ecs_nat_rule *nat_rule(const struct nat_pkt *np)
{
	struct ecs_nat_rule_key key = {
		.addr_be = np->dst_be,
		.port_be = np->key.dport_be,
		.proto = np->key.proto,
		.v6 = np->key.v6,
	};

	if (np->kind != NAT_PLAIN || nat_later_fragment(np) || np->key.proto == IPPROTO_ICMP ||
	    !np->dst_be)
		return 0;
	return bpf_map_lookup_elem(&ecs_nat_rules, &key);
}

/* What no host has for its address, RFC 1122 section 3.2.1.3; @addr in host order. */
static __always_inline int nat_is_nobodys(__u32 addr)
{
	return addr >> 24 == 0 || addr >> 24 == 127 || addr >> 28 >= 14;
}

/* Addresses that never leave the network, or are the gateway's. */
static __always_inline int nat_stays(const struct ecs_network *net, __be32 dst_be)
{
	__u32 dst = bpf_ntohl(dst_be), len = net->gateway4_len;
	__u32 mask = len && len <= 32 ? 0xffffffffu << (32 - len) : 0xffffffffu;

	if (nat_is_nobodys(dst))
		return 1;
	return net->gateway4_be && !((dst ^ bpf_ntohl(net->gateway4_be)) & mask);
}

/* Not a source that a VM can have. */
static __always_inline int nat_is_forged(const struct ecs_network *net, __be32 src_be)
{
	return nat_is_nobodys(bpf_ntohl(src_be)) || src_be == net->gateway4_be ||
	       src_be == net->nat4_be;
}

static __always_inline int nat_same6(const struct ecs_nat_addr *a, const void *b, __u32 len)
{
	const __be32 *be = b;

	for (int i = 0; i < 4; i++, len -= 32) {
		if (len > 128) /* counted below 0 */
			return 1;
		if (bpf_ntohl(a->be[i] ^ be[i]) & (len >= 32 ? ~0u : ~(~0u >> len)))
			return 0;
	}
	return 1;
}

/* As nat_is_nobodys(), and what is good on one link alone: RFC 4291 sections 2.5 and 2.7. */
static __always_inline int nat_is_local6(const struct ecs_nat_addr *addr)
{
	return !addr->be[0] || (addr->be[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000) ||
	       (addr->be[0] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000);
}

static __noinline int nat_is_forged6(struct __sk_buff *skb, const struct ecs_network *net)
{
	struct ecs_nat_addr addr;

	if (bpf_skb_load_bytes(skb, NAT_L3 + offsetof(struct ipv6hdr, saddr), &addr, sizeof(addr)))
		return 1;
	return nat_same6(&addr, net->nat6, 128) || nat_same6(&addr, net->gateway6, 128);
}

/* As nat_stays(). A source that is good on its own link alone is the host's to answer. */
static __noinline int nat_stays6(struct __sk_buff *skb, const struct ecs_network *net)
{
	struct ecs_nat_addr addr;

	if (bpf_skb_load_bytes(skb, NAT_L3 + offsetof(struct ipv6hdr, saddr), &addr, sizeof(addr)))
		return 1;
	if (nat_is_local6(&addr))
		return 1;
	if (bpf_skb_load_bytes(skb, NAT_L3 + offsetof(struct ipv6hdr, daddr), &addr, sizeof(addr)))
		return 1;
	return nat_is_local6(&addr) || nat_same6(&addr, net->gateway6, net->gateway6_len);
}

/* From the outside the VM sees who it is. A VM is shown as the gateway, whose answers come back
 * here: its address may exist in the other network too, or be a neighbour there. */
static __noinline enum ecs_verdict nat_want_forward(const struct ecs_frame *pkt,
						    const struct nat_pkt *np,
						    const struct ecs_nat_rule *rule,
						    struct nat_want *want)
{
	__u32 network = rule->network;
	struct ecs_network *net = bpf_map_lookup_elem(&ecs_networks, &network);

	if (!net)
		return ECS_CONTINUE;
	want->src_be = np->key.src_be;
	want->dst_be = rule->inside_be;
	want->dport_be = rule->inside_port_be;
	want->scope = network;
	want->network = network;
	want->port_low = bpf_ntohs(np->key.sport_be);
	want->port_high = want->port_low;
	want->flags = ECS_NAT_ORIGIN | ECS_NAT_FORWARD | (np->key.v6 ? ECS_NAT_IPV6 : 0);
	want->keep = 1;
	if (pkt->hook == ECS_FROM_VM) {
		want->src_be = net->gateway4_be ?: net->nat4_be; /* IPv6: as in nat_want_out() */
		want->port_low = net->nat_port_low;
		want->port_high = net->nat_port_high;
		want->flags |= ECS_NAT_HAIRPIN;
		want->keep = 0;
	}
	return ECS_FORWARD;
}

static __always_inline enum ecs_verdict
nat_want_out(const struct ecs_frame *pkt, const struct nat_run *np, struct nat_want *want)
{
	want->src_be = np->net->nat4_be; /* IPv6: follows with the numbers */
	want->dst_be = np->key.dst_be;
	want->dport_be = np->key.dport_be;
	want->scope = ECS_NAT_OUTSIDE;
	want->network = pkt->src.network;
	want->port_low = np->net->nat_port_low;
	want->port_high = np->net->nat_port_high;
	want->flags = ECS_NAT_ORIGIN | (np->key.v6 ? ECS_NAT_IPV6 : 0);
	return ECS_FORWARD;
}

/* The uplink's own address, of which no more than the forwards is anybody's but the host's. */
static __noinline int nat_is_own(struct __sk_buff *skb, const struct nat_run *np)
{
	struct ecs_nat_addr addr;

	if (!np->net || !np->key.v6)
		return np->net && np->dst_be == np->net->nat4_be;
	if (bpf_skb_load_bytes(skb, NAT_L3 + offsetof(struct ipv6hdr, daddr), &addr, sizeof(addr)))
		return 1;
	return nat_same6(&addr, np->net->nat6, 128);
}

/* No flow, from a VM. The host's own addresses are known by its routes. Return: FORWARD, if the
 * packet opens a flow as wanted. */
static __noinline enum ecs_verdict nat_from_vm_new(struct __sk_buff *skb, struct ecs_frame *pkt,
						   struct nat_run *np, struct nat_want *want)
{
	struct ecs_nat_rule *rule;
	enum ecs_verdict verdict;

	if (!np->net || (np->key.v6 ? nat_stays6(skb, np->net) : nat_stays(np->net, np->dst_be)))
		return ECS_CONTINUE;
	if (np->key.v6 ? nat_is_forged6(skb, np->net) : nat_is_forged(np->net, np->src_be))
		return nat_drop(pkt, ECS_DROP_NAT_FORGED);
	rule = nat_rule(nat_of(np));
	if (rule && nat_opens(nat_of(np)))
		return nat_want_forward(pkt, nat_of(np), rule, want);
	if (nat_is_own(skb, np))
		return ECS_CONTINUE;
	verdict = nat_route(skb, pkt, np);
	if (verdict != ECS_FORWARD)
		return verdict;
	if (np->lost)
		return nat_drop(pkt, ECS_DROP_NAT_FRAGMENT);
	if (np->kind == NAT_OTHER)
		return nat_drop(pkt, ECS_DROP_NAT_PROTO);
	if (!nat_opens(nat_of(np)))
		return nat_drop(pkt, ECS_DROP_NAT_UNSOLICITED);
	if (!(np->key.v6 ? *(__u32 *)np->net->nat6 : np->net->nat4_be))
		return nat_drop(pkt, ECS_DROP_NAT_NO_ADDRESS);
	np->routed = 1;
	return nat_want_out(pkt, np, want);
}

/* No VM shall hear from the outside who cannot be there: its own neighbours, or the uplink. */
static __noinline int nat_is_disguised(struct __sk_buff *skb, const struct nat_pkt *np,
				       const struct ecs_nat_rule *rule)
{
	__u32 network = rule->network;
	struct ecs_network *net = bpf_map_lookup_elem(&ecs_networks, &network);
	struct ecs_nat_addr addr;

	if (!net || !np->key.v6)
		return !net || np->src_be == np->dst_be || nat_stays(net, np->src_be);
	if (bpf_skb_load_bytes(skb, NAT_L3 + offsetof(struct ipv6hdr, saddr), &addr, sizeof(addr)))
		return 1;
	return nat_is_local6(&addr) || nat_same6(&addr, net->nat6, 128) ||
	       nat_same6(&addr, net->gateway6, net->gateway6_len);
}

/* The host comes first: what is odd, or belongs to no flow and no forward, is its own. */
static __noinline enum ecs_verdict nat_from_uplink_new(struct __sk_buff *skb, struct ecs_frame *pkt,
						       const struct nat_pkt *np,
						       struct nat_want *want)
{
	struct ecs_nat_rule *rule;

	if (np->key.proto == IPPROTO_TCP &&
	    (np->tcp_flags & (NAT_TCP_SYN | NAT_TCP_ACK)) != NAT_TCP_SYN)
		return ECS_CONTINUE;
	rule = nat_rule(np);
	if (!rule || nat_is_disguised(skb, np, rule))
		return ECS_CONTINUE;
	return nat_want_forward(pkt, np, rule, want);
}

static __always_inline int nat_is_for_us(const struct ecs_frame *pkt, const struct nat_run *np)
{
	__u64 dst = ecs_mac_word(pkt->dst.mac);

	if (pkt->hook == ECS_FROM_UPLINK)
		return dst == ecs_mac_word(np->in->mac);
	return np->net && (np->net->flags & (np->key.v6 ? ECS_NETWORK_NAT6 : ECS_NETWORK_NAT4)) &&
	       dst == ecs_mac_word(np->net->gateway_mac);
}

/* Return: 0 if there is no room. No part of nat_new(), below which the stack is full. */
static __noinline int nat_want_numbers(struct __sk_buff *skb, struct nat_run *np,
				       struct nat_want *want)
{
	__u32 network = want->network;
	struct ecs_network *net = bpf_map_lookup_elem(&ecs_networks, &network);

	if (!net)
		return 0;
	nat_take_numbers(skb, nat_of(np));
	if (want->keep)
		want->src_be = np->key.src_be;
	else
		want->src_be = ecs_nat_number_take(
			want->flags & ECS_NAT_HAIRPIN ? (void *)net->gateway6 : (void *)net->nat6,
			np->tick);
	if (!(want->flags & ECS_NAT_FORWARD)) /* its rule has the number */
		want->dst_be = np->key.dst_be;
	return want->src_be && want->dst_be && np->key.src_be && np->key.dst_be;
}

static __noinline enum ecs_verdict nat_new(struct __sk_buff *skb, struct ecs_frame *pkt,
					   struct nat_run *np)
{
	struct nat_want want = {0};
	enum ecs_verdict verdict;
	enum ecs_drop reason;

	verdict = pkt->hook == ECS_FROM_VM ? nat_from_vm_new(skb, pkt, np, &want)
					   : nat_from_uplink_new(skb, pkt, nat_of(np), &want);
	if (verdict != ECS_FORWARD)
		return verdict;
	reason = nat_may_open(pkt, nat_of(np), &want);
	if (!reason && np->key.v6 && !nat_want_numbers(skb, np, &want))
		reason = ECS_DROP_NAT_TABLE_FULL;
	reason = reason ?: ecs_nat_begin(skb, pkt, nat_of(np), &want);
	return reason ? nat_drop(pkt, reason) : ECS_FORWARD;
}

/* Packets from a VM and from the wire. A global function: the verifier looks at it once, and not
 * once for each state in which the stages before it may leave the frame. */
__noinline int ecs_nat_forwarded(struct __sk_buff *skb, struct ecs_frame *pkt)
{
	struct ecs_nat_flow *flow = 0;
	enum ecs_verdict verdict;
	struct nat_run np = {0};

	if (!pkt || !nat_init(&np, skb, pkt) || !nat_is_for_us(pkt, &np))
		return ECS_CONTINUE;
	if (pkt->hook == ECS_FROM_VM)
		np.key.scope = pkt->src.network;
	if (ecs_nat_parse(skb, pkt, nat_of(&np)) == NAT_MALFORMED)
		return pkt->hook == ECS_FROM_VM ? nat_drop(pkt, ECS_DROP_NAT_MALFORMED)
						: ECS_CONTINUE;
	np.lost = nat_later_fragment(nat_of(&np)) && !nat_fragment(nat_of(&np));
	if (np.kind != NAT_OTHER && !np.lost)
		flow = nat_live(nat_of(&np));
	if (!flow) {
		verdict = nat_new(skb, pkt, &np);
		if (verdict != ECS_FORWARD)
			return verdict;
		flow = nat_find(&np.key);
		if (!flow) /* evicted since */
			return nat_drop(pkt, ECS_DROP_NAT_TABLE_FULL);
	}
	return flow->flags & ECS_NAT_HOST ? ECS_CONTINUE : nat_follow(skb, pkt, &np, flow);
}

static __always_inline enum ecs_verdict nat_any(struct __sk_buff *skb, struct ecs_pkt *pkt)
{
	struct ecs_frame *frame = (struct ecs_frame *)&pkt->dst;
	enum ecs_verdict verdict = ecs_nat_forwarded(skb, frame);

	if (verdict == ECS_FORWARD)
		pkt->out = ecs_port_find(pkt->out_ifindex);
	return verdict;
}

/* Return: the family of a packet that is looked at, 4 or 6; 0. */
static __always_inline int nat_wanted(struct __sk_buff *skb, const struct ecs_pkt *pkt)
{
	if (!pkt->in || !(pkt->in->flags & ECS_PORT_NAT) || pkt->tagged)
		return 0;
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return 4;
	return skb->protocol == bpf_htons(ETH_P_IPV6) && (pkt->in->flags & ECS_PORT_NAT6) ? 6 : 0;
}

/* Learns itself what it takes, once a tick and flow: after it the frame is no longer the VM's. */
static __always_inline enum ecs_verdict ecs_nat(struct __sk_buff *skb, struct ecs_pkt *pkt)
{
	int family = nat_wanted(skb, pkt);
	enum ecs_verdict verdict = ECS_CONTINUE;

	if (family == 4)
		verdict = nat_fast(skb, pkt);
	if (family && !verdict)
		verdict = nat_any(skb, pkt);
	if (verdict && pkt->net && !pkt->learned)
		ecs_learn(skb, pkt);
	if (verdict || (pkt->net && !pkt->local))
		return verdict;
	pkt->in = 0; /* nothing of the switch's, or not any more */
	return ECS_PASS;
}

/* What the host itself sends is never changed. */
static __always_inline enum ecs_verdict ecs_nat_host(struct __sk_buff *skb, struct ecs_pkt *pkt)
{
	if (nat_wanted(skb, pkt) && !pkt->local)
		ecs_nat_from_host(skb, (struct ecs_frame *)&pkt->dst);
	if (pkt->net)
		return ECS_CONTINUE;
	pkt->in = 0;
	return ECS_PASS;
}

#endif
