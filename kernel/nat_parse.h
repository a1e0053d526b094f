/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What NAT reads of a packet: IPv4 or IPv6, and of TCP, UDP, ICMP echo and the packet that an
 * ICMP error quotes the ports. Reads only, and never behind what the headers and the frame both
 * allow.
 */
#ifndef ECS_KERNEL_NAT_PARSE_H
#define ECS_KERNEL_NAT_PARSE_H

#include "nat_addr.h"
#include "nat_pkt.h"

struct nat_fragment6 {
	__u8 next;
	__u8 reserved;
	__be16 offset_be; /* in its upper 13 bits; bit 0: more follow */
	__be16 id_be[2];
};
_Static_assert(sizeof(struct nat_fragment6) == 8, "RFC 8200 header");

/* ICMPv6's types that NAT knows, by the names of ICMP's; RFC 4443. */
static __always_inline __u8 nat_icmp_type(const struct nat_pkt *np, __u8 type)
{
	if (!np->key.v6)
		return type;
	switch (type) {
	case 1: /* unreachable */
	case 2: /* packet too big */
		return ICMP_DEST_UNREACH;
	case 3:
		return ICMP_TIME_EXCEEDED;
	case 4:
		return ICMP_PARAMETERPROB;
	case 128:
		return ICMP_ECHO;
	case 129:
		return ICMP_ECHOREPLY;
	default:
		return 0xff;
	}
}

/* RFC 5508 section 4: an error is about the packet that it quotes, which went the other way. */
static __always_inline int nat_quoted_l4(struct __sk_buff *skb, struct nat_pkt *np, __u8 proto)
{
	__u32 at = nat_l4(np) + sizeof(struct nat_icmp) + np->inner_ihl;
	struct {
		__be16 sport_be;
		__be16 dport_be;
		__be16 id_be;
		__be16 pad;
	} l4;
	__u8 type;

	if (bpf_skb_load_bytes(skb, at, &l4, sizeof(l4)))
		return NAT_MALFORMED;
	np->key.sport_be = l4.dport_be;
	np->key.dport_be = l4.sport_be;
	np->key.proto = proto;
	if (proto == IPPROTO_TCP || proto == IPPROTO_UDP)
		return NAT_ERROR;
	/* Of ICMP, where the port would be. */
	type = nat_icmp_type(np, *(__u8 *)&l4.sport_be);
	if (proto != IPPROTO_ICMP || (type != ICMP_ECHO && type != ICMP_ECHOREPLY))
		return NAT_OTHER;
	nat_echo_ports(&np->key, type == ICMP_ECHO ? ICMP_ECHOREPLY : ICMP_ECHO, l4.id_be);
	return NAT_ERROR;
}

static __noinline int nat_parse_quote(struct __sk_buff *skb, struct nat_pkt *np)
{
	__u32 at = nat_l4(np) + sizeof(struct nat_icmp);
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, at, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5)
		return NAT_MALFORMED;
	np->inner_ihl = ip.ihl * 4;
	if (ip.frag_off & bpf_htons(NAT_IP_OFFSET))
		return NAT_OTHER;
	np->key.src_be = ip.daddr;
	np->key.dst_be = ip.saddr;
	return nat_quoted_l4(skb, np, ip.protocol);
}

/* Of a quote with a fragment header, nothing is known. */
static __noinline int nat_parse_quote6(struct __sk_buff *skb, struct nat_pkt *np)
{
	__u32 at = nat_l4(np) + sizeof(struct nat_icmp);
	struct ipv6hdr ip;

	if (bpf_skb_load_bytes(skb, at, &ip, sizeof(ip)) || ip.version != 6)
		return NAT_MALFORMED;
	np->inner_ihl = sizeof(ip);
	np->key.src_be = nat_number(&ip.daddr, np->tick);
	np->key.dst_be = nat_number(&ip.saddr, np->tick);
	if (ip.nexthdr == IPPROTO_ICMP)
		return NAT_OTHER;
	return nat_quoted_l4(skb, np, ip.nexthdr == IPPROTO_ICMPV6 ? IPPROTO_ICMP : ip.nexthdr);
}

static __always_inline int nat_parse_icmp(struct __sk_buff *skb, struct nat_pkt *np,
					  const struct nat_icmp *icmp)
{
	np->icmp_type = nat_icmp_type(np, icmp->type);
	if (nat_payload(np) < sizeof(*icmp))
		return NAT_MALFORMED;
	if (!nat_icmp_is_error(np->icmp_type))
		return nat_echo_ports(&np->key, np->icmp_type, icmp->id_be) ? NAT_PLAIN : NAT_OTHER;
	if (np->frag)
		return NAT_OTHER;
	return np->key.v6 ? nat_parse_quote6(skb, np) : nat_parse_quote(skb, np);
}

static __always_inline int nat_parse_l4(struct __sk_buff *skb, struct nat_pkt *np, void *l4,
					void *end)
{
	__u32 payload = nat_payload(np);
	struct tcphdr *tcp = l4;
	struct udphdr *udp = l4;

	if (l4 + sizeof(*udp) > end || payload < sizeof(*udp))
		return NAT_MALFORMED;
	if (np->key.proto == IPPROTO_ICMP)
		return nat_parse_icmp(skb, np, l4);
	np->key.sport_be = udp->source;
	np->key.dport_be = udp->dest;
	if (np->key.proto == IPPROTO_UDP) {
		np->unsummed = !udp->check;
		if (bpf_ntohs(udp->len) < sizeof(*udp) && !skb->gso_size)
			return NAT_MALFORMED;
		return !np->frag && bpf_ntohs(udp->len) > payload ? NAT_MALFORMED : NAT_PLAIN;
	}
	if (l4 + sizeof(*tcp) > end || tcp->doff < 5 || tcp->doff * 4u > payload)
		return NAT_MALFORMED;
	np->tcp_flags = ((__u8 *)tcp)[13];
	return NAT_PLAIN;
}

static __always_inline int nat_parse_ip(struct __sk_buff *skb, const struct ecs_frame *pkt,
					struct nat_pkt *np, struct iphdr *ip, void *end)
{
	np->ihl = ip->ihl * 4;
	np->tot_len = bpf_ntohs(ip->tot_len);
	if (ip->version != 4 || np->ihl < sizeof(*ip) || np->tot_len > pkt->l3_len)
		return NAT_MALFORMED;
	if (np->tot_len <= np->ihl && (np->tot_len || !skb->gso_size))
		return NAT_MALFORMED;
	np->src_be = ip->saddr;
	np->dst_be = ip->daddr;
	np->key.src_be = ip->saddr;
	np->key.dst_be = ip->daddr;
	np->key.proto = ip->protocol;
	np->ttl = ip->ttl;
	np->id_be = ip->id;
	np->frag = bpf_ntohs(ip->frag_off) & (NAT_IP_OFFSET | NAT_IP_MF);
	if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP &&
	    ip->protocol != IPPROTO_ICMP)
		return NAT_OTHER;
	if (nat_later_fragment(np))
		return NAT_PLAIN;
	return nat_parse_l4(skb, np, (void *)ip + np->ihl, end);
}

/* RFC 8200 section 4.5: it says what the one of IPv4 says. */
static __always_inline int nat_parse_fragment6(struct nat_pkt *np, const struct nat_fragment6 *head,
					       void *end)
{
	if ((void *)(head + 1) > end)
		return NAT_MALFORMED;
	np->ihl += sizeof(*head);
	np->frag = bpf_ntohs(head->offset_be) >> 3;
	if (head->offset_be & bpf_htons(1))
		np->frag |= NAT_IP_MF;
	np->id_high_be = head->id_be[0];
	np->id_be = head->id_be[1];
	np->key.proto = head->next;
	return NAT_PLAIN;
}

static __always_inline int nat_parse_ip6(struct __sk_buff *skb, const struct ecs_frame *pkt,
					 struct nat_pkt *np, struct ipv6hdr *ip, void *end)
{
	np->ihl = sizeof(*ip);
	np->tot_len = bpf_ntohs(ip->payload_len);
	if (np->tot_len)
		np->tot_len += sizeof(*ip);
	if (ip->version != 6 || np->tot_len > pkt->l3_len || (!np->tot_len && !skb->gso_size))
		return NAT_MALFORMED;
	np->ttl = ip->hop_limit;
	np->src_be = nat_number(&ip->saddr, np->tick);
	np->dst_be = nat_number(&ip->daddr, np->tick);
	np->key.src_be = np->src_be;
	np->key.dst_be = np->dst_be;
	np->key.proto = ip->nexthdr;
	if (ip->nexthdr == IPPROTO_FRAGMENT && nat_parse_fragment6(np, (void *)(ip + 1), end))
		return NAT_MALFORMED;
	if (np->tot_len && np->tot_len <= np->ihl)
		return NAT_MALFORMED;
	if (np->key.proto == IPPROTO_ICMP)
		return NAT_OTHER;
	if (np->key.proto == IPPROTO_ICMPV6)
		np->key.proto = IPPROTO_ICMP;
	if (np->key.proto != IPPROTO_TCP && np->key.proto != IPPROTO_UDP &&
	    np->key.proto != IPPROTO_ICMP)
		return NAT_OTHER;
	if (nat_later_fragment(np))
		return NAT_PLAIN;
	return nat_parse_l4(skb, np, (void *)ip + np->ihl, end);
}

/**
 * ecs_nat_parse - read the packet's headers into @np, whose scope, family and time are set
 *
 * The kernel often leaves headers in page fragments; they are pulled into reach first, as its
 * own IP layer would. Return: enum nat_kind, also in nat_pkt.kind.
 */
__noinline int ecs_nat_parse(struct __sk_buff *skb, const struct ecs_frame *pkt, struct nat_pkt *np)
{
	void *data = (void *)(long)skb->data;
	void *end = (void *)(long)skb->data_end;

	if (!pkt || !np)
		return NAT_MALFORMED;
	if (data + NAT_HEADERS > end && end - data < skb->len) {
		bpf_skb_pull_data(skb, skb->len < NAT_HEADERS ? skb->len : NAT_HEADERS);
		data = (void *)(long)skb->data;
		end = (void *)(long)skb->data_end;
	}
	np->kind = NAT_MALFORMED;
	if (!np->key.v6 && data + NAT_L3 + sizeof(struct iphdr) <= end)
		np->kind = nat_parse_ip(skb, pkt, np, data + NAT_L3, end);
	if (np->key.v6 && data + NAT_L3 + sizeof(struct ipv6hdr) <= end)
		np->kind = nat_parse_ip6(skb, pkt, np, data + NAT_L3, end);
	return np->kind;
}

#endif
