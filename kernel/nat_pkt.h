/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What NAT knows of a packet that it looks at, of either family.
 */
#ifndef ECS_KERNEL_NAT_PKT_H
#define ECS_KERNEL_NAT_PKT_H

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
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
	__be32 src_be;		/* of the outer header; for IPv6 the number, 0 = none */
	__be32 dst_be;
	struct nat_macs macs; /* for the next link; set unless the neighbour code sends it */
	__u32 tick;
	__u64 now;
	__be16 id_be;
	__u16 frag;	/* host order: NAT_IP_OFFSET and NAT_IP_MF */
	__u16 tot_len;	/* 0: longer than the field, only with GSO */
	__u8 ihl;	/* bytes before the L4 header, a fragment header included */
	__u8 tcp_flags; /* of byte 13 */
	__u8 icmp_type;
	__u8 kind; /* enum nat_kind */
	__u8 inner_ihl;
	__u8 ttl;      /* or hop limit */
	__u8 unsummed; /* UDP without a checksum */
	__u8 routed;   /* nat_route() has already said where to */
	__u8 lost;     /* a later fragment whose first is not known */
	__u8 pad;
	__u32 slot;	   /* of the port that it came from */
	__be16 id_high_be; /* IPv6 */
	__u16 pad1;
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

#endif
