/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What NAT reads of a packet: IPv4, and of TCP, UDP, ICMP echo and the packet that an ICMP error
 * quotes the ports. Reads only, and never behind what the headers and the frame both allow.
 */
#ifndef ECS_KERNEL_NAT_PKT_H
#define ECS_KERNEL_NAT_PKT_H

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include "pkt.h"

#define NAT_L3 ETH_HLEN
#define NAT_HEADERS (ETH_HLEN + 60 + sizeof(struct tcphdr)) /* the longest that are read */
#define NAT_IP_OFFSET 0x1fff
#define NAT_IP_MF 0x2000

/* RFC 792; <linux/icmp.h> needs the C library's headers. */
#define ICMP_ECHOREPLY 0
#define ICMP_DEST_UNREACH 3
#define ICMP_SOURCE_QUENCH 4
#define ICMP_ECHO 8
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETERPROB 12
#define ICMP_FRAG_NEEDED 4 /* code of DEST_UNREACH */

struct nat_icmp {
	__u8 type;
	__u8 code;
	__u16 check;
	__be16 id_be;
	__be16 mtu_be; /* FRAG_NEEDED, RFC 1191; of an echo the sequence */
};
_Static_assert(sizeof(struct nat_icmp) == 8, "RFC 792 header");

#define NAT_TCP_FIN 0x01
#define NAT_TCP_SYN 0x02
#define NAT_TCP_RST 0x04
#define NAT_TCP_ACK 0x10

enum nat_kind {
	NAT_PLAIN = 0, /* has its ports in it, or in its first fragment */
	NAT_ERROR,     /* ICMP error: the key is of the direction that it travels in */
	NAT_OTHER,     /* has no ports */
	NAT_MALFORMED,
};

struct nat_macs {
	__u8 dst[6];
	__u8 src[6];
} __attribute__((aligned(4)));

/* No map pointer is in it, so that BPF global functions can take it: each is verified once, not
 * once for every state in which it may be called. A chain of calls has 512 bytes of stack, and
 * Linux 6.1 rounds each frame up to 32. */
struct nat_pkt {
	struct ecs_nat_key key; /* of the flow's entry for this packet */
	__be32 src_be;		/* of the outer header */
	__be32 dst_be;
	struct nat_macs macs; /* for the next link; set unless the neighbour code sends it */
	__u32 tick;
	__u64 now;
	__be16 id_be;
	__u16 frag;	/* host order: NAT_IP_OFFSET and NAT_IP_MF */
	__u16 tot_len;	/* 0: longer than the field, only with GSO */
	__u8 ihl;	/* bytes */
	__u8 tcp_flags; /* of byte 13 */
	__u8 icmp_type;
	__u8 kind; /* enum nat_kind */
	__u8 inner_ihl;
	__u8 ttl;
	__u8 unsummed; /* UDP without a checksum */
	__u8 routed;   /* nat_route() has already said where to */
	__u8 lost;     /* a later fragment whose first is not known */
	__u8 pad;
	__u32 slot; /* of the port that it came from */
	__u32 pad1;
};

struct nat_run {
	const struct ecs_port *in;
	const struct ecs_network *net; /* of the VM, or bridged onto the uplink; may be NULL */
	const struct ecs_port *out;
	struct nat_pkt;
};

static __always_inline struct nat_pkt *nat_of(struct nat_run *run)
{
	return (struct nat_pkt *)&run->key;
}
_Static_assert(__builtin_offsetof(struct nat_run, key) == 3 * sizeof(void *), "packet comes last");

/* As ecs_drop(). */
static __always_inline enum ecs_verdict nat_drop(struct ecs_frame *pkt, enum ecs_drop reason)
{
	pkt->reason = reason;
	return ECS_DROP;
}

static __always_inline __u32 nat_l4(const struct nat_pkt *np)
{
	return NAT_L3 + np->ihl;
}

/* Of a fragment that is not the first there is no L4 header. */
static __always_inline int nat_later_fragment(const struct nat_pkt *np)
{
	return np->frag & NAT_IP_OFFSET;
}

/* Bytes behind the IP header, as the header says. */
static __always_inline __u32 nat_payload(const struct nat_pkt *np)
{
	return np->tot_len ? np->tot_len - np->ihl : 0xffff;
}

static __always_inline int nat_icmp_is_error(__u8 type)
{
	return type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED ||
	       type == ICMP_PARAMETERPROB || type == ICMP_SOURCE_QUENCH;
}

/* The one who asks has the identifier for a port, the other has 0: an answer never looks like a
 * question. Return: 0 if it is neither. */
static __always_inline int nat_echo_ports(struct ecs_nat_key *key, __u8 type, __be16 id_be)
{
	key->sport_be = type == ICMP_ECHO ? id_be : 0;
	key->dport_be = type == ICMP_ECHO ? 0 : id_be;
	return type == ICMP_ECHO || type == ICMP_ECHOREPLY;
}

/* RFC 5508 section 4: an error is about the packet that it quotes, which went the other way. */
static __noinline int nat_parse_quote(struct __sk_buff *skb, struct nat_pkt *np)
{
	__u32 at = nat_l4(np) + sizeof(struct nat_icmp);
	struct iphdr ip;
	struct {
		__be16 sport_be;
		__be16 dport_be;
		__be16 id_be;
		__be16 pad;
	} l4;
	__u8 type;

	if (bpf_skb_load_bytes(skb, at, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5)
		return NAT_MALFORMED;
	np->inner_ihl = ip.ihl * 4;
	if (ip.frag_off & bpf_htons(NAT_IP_OFFSET))
		return NAT_OTHER;
	if (bpf_skb_load_bytes(skb, at + np->inner_ihl, &l4, sizeof(l4)))
		return NAT_MALFORMED;
	np->key.src_be = ip.daddr;
	np->key.dst_be = ip.saddr;
	np->key.sport_be = l4.dport_be;
	np->key.dport_be = l4.sport_be;
	np->key.proto = ip.protocol;
	if (ip.protocol == IPPROTO_TCP || ip.protocol == IPPROTO_UDP)
		return NAT_ERROR;
	type = *(__u8 *)&l4.sport_be; /* of ICMP, where the port would be */
	if (ip.protocol != IPPROTO_ICMP || (type != ICMP_ECHO && type != ICMP_ECHOREPLY))
		return NAT_OTHER;
	nat_echo_ports(&np->key, type == ICMP_ECHO ? ICMP_ECHOREPLY : ICMP_ECHO, l4.id_be);
	return NAT_ERROR;
}

static __always_inline int nat_parse_icmp(struct __sk_buff *skb, struct nat_pkt *np,
					  const struct nat_icmp *icmp)
{
	np->icmp_type = icmp->type;
	if (nat_payload(np) < sizeof(*icmp))
		return NAT_MALFORMED;
	if (nat_icmp_is_error(icmp->type))
		return np->frag ? NAT_OTHER : nat_parse_quote(skb, np);
	return nat_echo_ports(&np->key, icmp->type, icmp->id_be) ? NAT_PLAIN : NAT_OTHER;
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

/**
 * ecs_nat_parse - read the packet's headers into @np, whose scope is already set
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
	if (data + NAT_L3 + sizeof(struct iphdr) <= end)
		np->kind = nat_parse_ip(skb, pkt, np, data + NAT_L3, end);
	return np->kind;
}

#endif
