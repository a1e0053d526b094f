/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Turns a packet that cannot go on into the ICMP error that tells its sender (RFC 792), in its
 * own buffer: new headers in front, the rest cut off.
 */
#ifndef ECS_KERNEL_NAT_ANSWER_H
#define ECS_KERNEL_NAT_ANSWER_H

#include "nat_rewrite.h"

#define NAT_ANSWER_TTL 64
#define NAT_QUOTE_TCP sizeof(struct tcphdr)
#define NAT_QUOTE 8

#define NAT_ANSWERS_BURST 50 /* as net.ipv4.icmp_msgs_burst, and about a thousand a second */
#define NAT_ANSWER_NS_SHIFT 20

/* What may still be said about packets of a port; by CPU. */
struct nat_answers {
	__u32 since; /* in units of 2^20 ns */
	__u32 left;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, ECS_PORTS_MAX);
	__type(key, __u32);
	__type(value, struct nat_answers);
} ecs_nat_answers SEC(".maps");

struct nat_answer_head {
	struct iphdr ip;
	struct nat_icmp icmp;
};
_Static_assert(sizeof(struct nat_answer_head) == 28, "no padding");

static __always_inline __u32 nat_quote_len(const struct nat_pkt *np)
{
	return np->key.proto == IPPROTO_TCP ? NAT_QUOTE_TCP : NAT_QUOTE;
}

/* What a checksum field holds while the kernel still owes the rest: the pseudo header's sum. */
static __always_inline __u16 nat_pseudo(const struct nat_pkt *np)
{
	__u64 sum = (__u64)np->src_be + np->dst_be + bpf_htons(np->key.proto) +
		    bpf_htons(nat_payload(np));

	return nat_fold16(sum);
}

/* The sum of the quoted L4 bytes. With CHECKSUM_PARTIAL, which no helper tells, the checksum is
 * filled in on the way to hardware, over what is then left of the packet: whatever that is,
 * with it the bytes add up to the complement of what the field held. A valid IP header adds 0. */
static __always_inline __u32 nat_quote_sum(struct __sk_buff *skb, const struct nat_pkt *np,
					   __u16 pseudo)
{
	__u32 l4[5] = {0};
	__u16 *half = (__u16 *)l4;
	int tcp = np->key.proto == IPPROTO_TCP;
	__u64 sum = 0;

	if (bpf_skb_load_bytes(skb, nat_l4(np), l4, NAT_QUOTE) ||
	    (tcp && bpf_skb_load_bytes(skb, nat_l4(np), l4, NAT_QUOTE_TCP)))
		return 0;
	if (np->key.proto != IPPROTO_ICMP && half[tcp ? 8 : 3] == pseudo)
		return (__u16)~pseudo;
	for (int i = 0; i < 5; i++)
		sum += l4[i];
	return nat_fold32(sum);
}

static __always_inline void nat_answer_fill(struct nat_answer_head *head, const struct nat_pkt *np,
					    __u16 mtu, __u32 quote_sum)
{
	__u16 type_code = mtu ? ICMP_DEST_UNREACH << 8 | ICMP_FRAG_NEEDED : ICMP_TIME_EXCEEDED << 8;
	__u64 sum;

	__builtin_memset(head, 0, sizeof(*head));
	head->ip.version = 4;
	head->ip.ihl = 5;
	head->ip.tot_len = bpf_htons(sizeof(*head) + np->ihl + nat_quote_len(np));
	head->ip.frag_off = bpf_htons(0x4000); /* DF */
	head->ip.ttl = NAT_ANSWER_TTL;
	head->ip.protocol = IPPROTO_ICMP;
	head->ip.daddr = np->src_be;
	head->icmp.type = type_code >> 8;
	head->icmp.code = type_code & 0xff;
	head->icmp.mtu_be = bpf_htons(mtu);
	sum = (__u64)quote_sum + bpf_htons(type_code) + bpf_htons(mtu);
	head->icmp.check = ~nat_fold16(sum);
}

static __always_inline void nat_answer_seal(struct nat_answer_head *head, __be32 from_be)
{
	__u16 *half = (__u16 *)&head->ip;
	__u64 sum = 0;

	head->ip.saddr = from_be;
	for (int i = 0; i < 10; i++)
		sum += half[i];
	head->ip.check = ~nat_fold16(sum);
}

/* Back to where the frame came from, and by the same link. */
static __always_inline long nat_answer_write(struct __sk_buff *skb, struct ecs_frame *pkt,
					     const struct nat_pkt *np, const void *head,
					     const __u32 head_len)
{
	__u32 len = NAT_L3 + head_len + np->ihl + nat_quote_len(np);
	__u8 macs[12];
	long err;

	__builtin_memcpy(macs, pkt->src.mac, 6);
	__builtin_memcpy(macs + 6, pkt->dst.mac, 6);
	/* The flag lets UDP segments in; change_tail takes them for one packet. */
	err = bpf_skb_adjust_room(skb, head_len, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO);
	err = err ?: bpf_skb_change_tail(skb, len, 0);
	err = err ?: bpf_skb_store_bytes(skb, 0, macs, sizeof(macs), 0);
	return err ?: bpf_skb_store_bytes(skb, NAT_L3, head, head_len, 0);
}

static __always_inline int nat_answer_send(struct __sk_buff *skb, struct ecs_frame *pkt,
					   const struct nat_pkt *np, const void *head,
					   const __u32 head_len)
{
	if (nat_answer_write(skb, pkt, np, head, head_len))
		return ECS_DROP;
	pkt->out_ifindex = pkt->ifindex;
	pkt->via = ECS_VIA_ANSWER;
	return ECS_FORWARD;
}

/* RFC 1812 section 4.3.2.8. Path MTU discovery is never held back, as the kernel does not. */
static __noinline int nat_may_answer(const struct nat_pkt *np, __u32 mtu)
{
	__u32 slot = np->slot, now = np->now >> NAT_ANSWER_NS_SHIFT, gained;
	struct nat_answers *answers = bpf_map_lookup_elem(&ecs_nat_answers, &slot);

	if (mtu || !answers)
		return 1;
	gained = now - answers->since;
	answers->since = now;
	if (gained > NAT_ANSWERS_BURST || answers->left + gained > NAT_ANSWERS_BURST)
		answers->left = NAT_ANSWERS_BURST;
	else
		answers->left += gained;
	if (!answers->left)
		return 0;
	answers->left--;
	return 1;
}

/* Return: may the sender be told? Never about an ICMP error nor a later fragment, RFC 1122
 * section 3.2.2 and RFC 4443 section 2.4 (e). */
static __always_inline int nat_answer_begin(struct ecs_frame *pkt, const struct nat_pkt *np,
					    __u32 mtu)
{
	pkt->reason = mtu ? ECS_DROP_NAT_MTU : ECS_DROP_NAT_TTL;
	if (np->kind == NAT_ERROR || nat_later_fragment(np))
		return 0;
	if (nat_may_answer(np, mtu))
		return 1;
	pkt->reason = ECS_DROP_NAT_TTL_QUIET;
	return 0;
}

/**
 * ecs_nat_answer - drop the packet and tell its sender
 * @from_be: the address that the sender knows us by
 * @mtu:     of the next link, in which the packet does not fit; 0 = its TTL ran out
 */
__noinline int ecs_nat_answer(struct __sk_buff *skb, struct ecs_frame *pkt,
			      const struct nat_pkt *np, __be32 from_be, __u32 mtu)
{
	struct nat_answer_head head;

	if (!pkt || !np)
		return ECS_DROP;
	if (!nat_answer_begin(pkt, np, mtu) || !from_be)
		return ECS_DROP;
	nat_answer_fill(&head, np, mtu, nat_quote_sum(skb, np, nat_pseudo(np)));
	nat_answer_seal(&head, from_be);
	return nat_answer_send(skb, pkt, np, &head, sizeof(head));
}

#endif
