/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * nat: VMs behind the host's address (RFC 3022), and forwards to them. A flow that exists is
 * followed whatever it is; what begins one is decided here. Everything else goes on as if there
 * were no NAT: what is for the host itself always reaches its stack.
 */
#ifndef ECS_STAGE_NAT_H
#define ECS_STAGE_NAT_H

#include "../nat_answer.h"
#include "../nat_new.h"
#include "../nat_way.h"
#include "../output.h"

#define NAT_HOST_S 120 /* an echo of the host's own keeps its identifier for so long */
#define NAT_FRAGMENT_S 30

/* RFC 4787 section 11: ports of a datagram from its first fragment. A later one that comes first
 * finds nothing. */
static __noinline int nat_fragment(struct nat_pkt *np)
{
	struct ecs_nat_fragment_key key = {
		.src_be = np->src_be,
		.dst_be = np->dst_be,
		.id_be = np->id_be,
		.scope = np->key.scope,
		.proto = np->key.proto,
	};
	struct ecs_nat_fragment ports = {
		.sport_be = np->key.sport_be,
		.dport_be = np->key.dport_be,
		.seen = np->tick,
	};
	struct ecs_nat_fragment *known;

	if (!nat_later_fragment(np)) {
		bpf_map_update_elem(&ecs_nat_fragments, &key, &ports, BPF_ANY);
		return 1;
	}
	known = bpf_map_lookup_elem(&ecs_nat_fragments, &key);
	if (!known || ports.seen - known->seen > NAT_FRAGMENT_S)
		return 0;
	np->key.sport_be = known->sport_be;
	np->key.dport_be = known->dport_be;
	return 1;
}

/* The link's own MTU decides; what the daemon last saw of it is a fast accept. Return: 0 if the
 * packet fits; what fits. */
static __noinline __u32 nat_mtu(struct __sk_buff *skb, const struct ecs_frame *pkt)
{
	__u32 mtu_len = skb->gso_size ? 0 : pkt->l3_len;
	__u64 flags = skb->gso_size ? BPF_MTU_CHK_SEGS : 0;

	return bpf_check_mtu(skb, pkt->out_ifindex, &mtu_len, 0, flags) > 0 ? mtu_len : 0;
}

/* As the packet's sender knows us: a VM the gateway, the outside the address it wrote to. */
static __always_inline __be32 nat_own_address(const struct ecs_frame *pkt, const struct nat_pkt *np)
{
	return pkt->hook == ECS_FROM_VM && np->net ? np->net->gateway4_be : np->dst_be;
}

/* The packet follows its flow. */
static __noinline enum ecs_verdict nat_follow(struct __sk_buff *skb, struct ecs_frame *pkt,
					      struct nat_pkt *np, struct ecs_nat_flow *flow)
{
	enum ecs_verdict verdict = nat_way(skb, pkt, np, flow);
	__u32 mtu = 0;

	if (verdict != ECS_FORWARD)
		return verdict;
	if (np->ttl <= 1)
		return nat_answer(skb, pkt, np, nat_own_address(pkt, np), 0);
	if (np->out && (skb->gso_size || pkt->l3_len > np->out->mtu))
		mtu = nat_mtu(skb, pkt);
	if (mtu)
		return nat_answer(skb, pkt, np, nat_own_address(pkt, np), mtu);
	if (np->kind == NAT_PLAIN)
		nat_account(pkt, np, flow);
	if ((np->frag & NAT_IP_MF) && !nat_later_fragment(np))
		nat_fragment(np);
	if (nat_rewrite(skb, np, flow, pkt->via != ECS_VIA_NEIGH))
		return nat_drop(pkt, ECS_DROP_NAT_MALFORMED);
	return ECS_FORWARD;
}

static __always_inline struct ecs_nat_rule *nat_rule(const struct nat_pkt *np)
{
	struct ecs_nat_rule_key key = {
		.addr_be = np->dst_be,
		.port_be = np->key.dport_be,
		.proto = np->key.proto,
	};

	if (np->kind != NAT_PLAIN || nat_later_fragment(np) || np->key.proto == IPPROTO_ICMP)
		return 0;
	return bpf_map_lookup_elem(&ecs_nat_rules, &key);
}

/* May the packet open a flow? An answer, a reset or an error has lost its own. A TCP segment
 * from the middle may: its flow was evicted, or is older than we are. */
static __always_inline int nat_opens(const struct nat_pkt *np)
{
	if (np->kind != NAT_PLAIN || nat_later_fragment(np))
		return 0;
	if (np->key.proto == IPPROTO_ICMP)
		return np->icmp_type == ICMP_ECHO;
	return !(np->tcp_flags & NAT_TCP_RST);
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
	want->flags = ECS_NAT_ORIGIN | ECS_NAT_FORWARD;
	want->keep = 1;
	if (pkt->hook == ECS_FROM_VM) {
		want->src_be = net->gateway4_be ?: net->nat4_be;
		want->port_low = net->nat_port_low;
		want->port_high = net->nat_port_high;
		want->flags |= ECS_NAT_HAIRPIN;
		want->keep = 0;
	}
	return ECS_FORWARD;
}

static __always_inline enum ecs_verdict
nat_want_out(const struct ecs_frame *pkt, const struct nat_pkt *np, struct nat_want *want)
{
	want->src_be = np->net->nat4_be;
	want->dst_be = np->key.dst_be;
	want->dport_be = np->key.dport_be;
	want->scope = ECS_NAT_OUTSIDE;
	want->network = pkt->src.network;
	want->port_low = np->net->nat_port_low;
	want->port_high = np->net->nat_port_high;
	want->flags = ECS_NAT_ORIGIN;
	return ECS_FORWARD;
}

/* Addresses that never leave the network, or are the gateway's. */
static __always_inline int nat_stays(const struct ecs_network *net, __be32 dst_be)
{
	__u32 dst = bpf_ntohl(dst_be), len = net->gateway4_len;
	__u32 mask = len && len <= 32 ? 0xffffffffu << (32 - len) : 0xffffffffu;

	if (dst >> 24 == 0 || dst >> 24 == 127 || dst >> 28 >= 14)
		return 1;
	return net->gateway4_be && !((dst ^ bpf_ntohl(net->gateway4_be)) & mask);
}

/* No flow, from a VM. The host's own addresses are known by its routes. Return: FORWARD, if the
 * packet opens a flow as wanted. */
static __noinline enum ecs_verdict nat_from_vm_new(struct __sk_buff *skb, struct ecs_frame *pkt,
						   struct nat_pkt *np, struct nat_want *want)
{
	struct ecs_nat_rule *rule;
	enum ecs_verdict verdict;

	if (!np->net || nat_stays(np->net, np->dst_be))
		return ECS_CONTINUE;
	rule = nat_rule(np);
	if (rule && nat_opens(np))
		return nat_want_forward(pkt, np, rule, want);
	if (np->dst_be == np->net->nat4_be)
		return ECS_CONTINUE;
	verdict = nat_route(skb, pkt, np);
	if (verdict != ECS_FORWARD)
		return verdict;
	if (np->lost)
		return nat_drop(pkt, ECS_DROP_NAT_FRAGMENT);
	if (np->kind == NAT_OTHER)
		return nat_drop(pkt, ECS_DROP_NAT_PROTO);
	if (!nat_opens(np))
		return nat_drop(pkt, ECS_DROP_NAT_UNSOLICITED);
	if (!np->net->nat4_be)
		return nat_drop(pkt, ECS_DROP_NAT_NO_ADDRESS);
	np->routed = 1;
	return nat_want_out(pkt, np, want);
}

/* The host comes first: what is odd, or belongs to no flow and no forward, is its own. */
static __noinline enum ecs_verdict
nat_from_uplink_new(struct ecs_frame *pkt, const struct nat_pkt *np, struct nat_want *want)
{
	struct ecs_nat_rule *rule;

	if (np->key.proto == IPPROTO_TCP &&
	    (np->tcp_flags & (NAT_TCP_SYN | NAT_TCP_ACK)) != NAT_TCP_SYN)
		return ECS_CONTINUE;
	rule = nat_rule(np);
	return rule ? nat_want_forward(pkt, np, rule, want) : ECS_CONTINUE;
}

static __always_inline int nat_is_for_us(const struct ecs_frame *pkt, const struct nat_pkt *np)
{
	__u64 dst = ecs_mac_word(pkt->dst.mac);

	if (pkt->hook == ECS_FROM_UPLINK)
		return dst == ecs_mac_word(np->in->mac);
	return np->net && (np->net->flags & ECS_NETWORK_NAT4) &&
	       dst == ecs_mac_word(np->net->gateway_mac);
}

static __noinline enum ecs_verdict nat_new(struct __sk_buff *skb, struct ecs_frame *pkt,
					   struct nat_pkt *np, struct ecs_nat_flow **flow)
{
	struct nat_want want = {0};
	enum ecs_verdict verdict;
	enum ecs_drop reason;

	verdict = pkt->hook == ECS_FROM_VM ? nat_from_vm_new(skb, pkt, np, &want)
					   : nat_from_uplink_new(pkt, np, &want);
	if (verdict != ECS_FORWARD)
		return verdict;
	reason = nat_begin(skb, pkt, np, &want, flow);
	if (reason)
		return nat_drop(pkt, reason);
	return ECS_FORWARD;
}

/* Set once; the global functions below cannot take them along. */
static __always_inline int nat_init(struct nat_pkt *np, const struct ecs_frame *pkt)
{
	__u32 network = pkt->src.network;

	np->now = bpf_ktime_get_coarse_ns();
	np->tick = np->now >> ECS_NAT_TICK_SHIFT;
	np->in = ecs_port_find(pkt->ifindex);
	np->net = network ? bpf_map_lookup_elem(&ecs_networks, &network) : 0;
	return np->in != 0;
}

/* Packets from a VM and from the wire. A global function: the verifier looks at it once, and not
 * once for each state in which the stages before it may leave the frame. */
__noinline int ecs_nat_forwarded(struct __sk_buff *skb, struct ecs_frame *pkt)
{
	struct ecs_nat_flow *flow = 0;
	enum ecs_verdict verdict;
	struct nat_pkt np = {0};

	if (!pkt || !nat_init(&np, pkt) || !nat_is_for_us(pkt, &np))
		return ECS_CONTINUE;
	if (pkt->hook == ECS_FROM_VM)
		np.key.scope = pkt->src.network;
	if (nat_parse(skb, pkt, &np) == NAT_MALFORMED)
		return pkt->hook == ECS_FROM_VM ? nat_drop(pkt, ECS_DROP_NAT_MALFORMED)
						: ECS_CONTINUE;
	np.lost = nat_later_fragment(&np) && !nat_fragment(&np);
	if (np.kind != NAT_OTHER && !np.lost)
		flow = nat_live(&np);
	if (!flow) {
		verdict = nat_new(skb, pkt, &np, &flow);
		if (!flow)
			return verdict;
	}
	return flow->flags & ECS_NAT_HOST ? ECS_CONTINUE : nat_follow(skb, pkt, &np, flow);
}

/* The host opens something that would look like a flow of ours from outside: it is the host's
 * from now on. Sockets are seen when a port is chosen; an echo has none and is noted here. */
__noinline int ecs_nat_from_host(struct __sk_buff *skb, struct ecs_frame *pkt)
{
	struct ecs_nat_flow *flow, mine = {0};
	struct ecs_nat_key key = {0};
	struct nat_pkt np = {0};

	if (!pkt || !nat_init(&np, pkt))
		return ECS_CONTINUE;
	if (nat_parse(skb, pkt, &np) != NAT_PLAIN || !nat_opens(&np))
		return ECS_CONTINUE;
	if (np.key.proto == IPPROTO_TCP && (np.tcp_flags & NAT_TCP_ACK))
		return ECS_CONTINUE;
	ecs_nat_reverse(&mine, &np.key);
	key.src_be = mine.src_be;
	key.dst_be = mine.dst_be;
	key.sport_be = mine.sport_be;
	key.dport_be = mine.dport_be;
	key.proto = np.key.proto;
	flow = nat_find(&key);
	if (flow && (flow->flags & ECS_NAT_HOST)) {
		flow->seen = np.tick;
		return ECS_CONTINUE;
	}
	if (flow)
		nat_delete(&key, flow);
	if (np.key.proto != IPPROTO_ICMP)
		return ECS_CONTINUE;
	mine.flags = ECS_NAT_HOST | ECS_NAT_ORIGIN;
	mine.state = ECS_NAT_ESTABLISHED;
	mine.seen = np.tick;
	mine.created = np.tick;
	mine.timeout_s = NAT_HOST_S;
	if (!bpf_map_update_elem(&ecs_nat_flows, &key, &mine, BPF_NOEXIST))
		nat_count(pkt, 0, np.now);
	return ECS_CONTINUE;
}

static __always_inline enum ecs_verdict nat_ipv4(struct __sk_buff *skb, struct ecs_pkt *pkt)
{
	struct ecs_frame *frame = (struct ecs_frame *)&pkt->dst;
	enum ecs_verdict verdict = ecs_nat_forwarded(skb, frame);

	if (verdict == ECS_FORWARD)
		pkt->out = ecs_port_find(pkt->out_ifindex);
	return verdict;
}

static __always_inline int nat_wanted(struct __sk_buff *skb, const struct ecs_pkt *pkt)
{
	return pkt->in && (pkt->in->flags & ECS_PORT_NAT) && !pkt->tagged &&
	       skb->protocol == bpf_htons(ETH_P_IP);
}

static __always_inline enum ecs_verdict ecs_nat(struct __sk_buff *skb, struct ecs_pkt *pkt)
{
	enum ecs_verdict verdict = nat_wanted(skb, pkt) ? nat_ipv4(skb, pkt) : ECS_CONTINUE;

	if (verdict || pkt->net)
		return verdict;
	pkt->in = 0; /* nothing of the switch's */
	return ECS_PASS;
}

/* What the host itself sends is never changed. */
static __always_inline enum ecs_verdict ecs_nat_host(struct __sk_buff *skb, struct ecs_pkt *pkt)
{
	if (nat_wanted(skb, pkt))
		ecs_nat_from_host(skb, (struct ecs_frame *)&pkt->dst);
	if (pkt->net)
		return ECS_CONTINUE;
	pkt->in = 0;
	return ECS_PASS;
}

#endif
