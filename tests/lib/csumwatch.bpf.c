// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What csumwatch.c counts. */
#include <linux/types.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#define CHECKSUM_COMPLETE 2
#define PROTO_TCP 6
#define PROTO_UDP 17
#define UDP_CHECK 6 /* where it is in the header */

struct sk_buff {
	unsigned char *head, *data;
	__u16 network_header;
	__u32 len;
	__u32 csum;
	__u8 ip_summed : 2;
} __attribute__((preserve_access_index));

char LICENSE[] SEC("license") = "Dual BSD/GPL";

__u64 complete, wrong;

/* Addresses, length and protocol, RFC 9293 section 3.1 and RFC 8200 section 8.1. */
static __always_inline __u64 pseudo_header(const struct sk_buff *skb, int v6, __u8 proto)
{
	unsigned char *ip = skb->head + skb->network_header;
	__u64 sum = bpf_htonl(skb->len) + (__u64)bpf_htonl(proto);
	__u32 words[8] = {};

	if (v6)
		bpf_probe_read_kernel(words, 32, ip + 8);
	else
		bpf_probe_read_kernel(words, 8, ip + 12);
	for (int i = 0; i < 8; i++)
		sum += words[i];
	return sum;
}

static __always_inline int check(const struct sk_buff *skb, int v6, __u8 proto)
{
	__u16 none = 1;
	__u64 sum;

	if (BPF_CORE_READ_BITFIELD(skb, ip_summed) != CHECKSUM_COMPLETE)
		return 0;
	if (proto == PROTO_UDP)
		bpf_probe_read_kernel(&none, 2, skb->data + UDP_CHECK);
	if (!none)
		return 0;
	__sync_fetch_and_add(&complete, 1);
	sum = pseudo_header(skb, v6, proto) + skb->csum;
	for (int i = 0; i < 4; i++)
		sum = (sum & 0xffff) + (sum >> 16);
	if (sum != 0xffff)
		__sync_fetch_and_add(&wrong, 1);
	return 0;
}

SEC("fentry/tcp_v4_rcv")
int BPF_PROG(on_tcp4, struct sk_buff *skb)
{
	return check(skb, 0, PROTO_TCP);
}

SEC("fentry/udp_rcv")
int BPF_PROG(on_udp4, struct sk_buff *skb)
{
	return check(skb, 0, PROTO_UDP);
}

SEC("fentry/tcp_v6_rcv")
int BPF_PROG(on_tcp6, struct sk_buff *skb)
{
	return check(skb, 1, PROTO_TCP);
}

SEC("fentry/udpv6_rcv")
int BPF_PROG(on_udp6, struct sk_buff *skb)
{
	return check(skb, 1, PROTO_UDP);
}
