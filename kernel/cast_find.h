/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which cast a datagram belongs to, by its headers. Only stages/cast.h calls in here.
 */
#ifndef ECS_KERNEL_CAST_FIND_H
#define ECS_KERNEL_CAST_FIND_H

#include "cast_output.h"

/* The network layer of work->head. Return: offset of the UDP header; 0 if it is none of ours. */
static __always_inline __u32 cast_headers(struct ecs_ts_work *work, struct ecs_stream_key *key,
					  __u32 *l3_len)
{
	__u8 *head = work->head;
	__u16 proto = head[12] << 8 | head[13];

	if (proto == ETH_P_IP) {
		/* Version, options, protocol; no fragments: they have no ports. */
		if (head[14] >> 4 != 4 || (head[14] & 15) < 5 || head[23] != ECS_IPPROTO_UDP ||
		    (head[20] & 0x3f) || head[21])
			return 0;
		*l3_len = head[16] << 8 | head[17];
		__builtin_memcpy(key->dst, &head[30], 4);
		key->family = 4;
		return ETH_HLEN + (head[14] & 15) * 4;
	}
	if (proto != ETH_P_IPV6 || head[14] >> 4 != 6 || head[20] != ECS_IPPROTO_UDP)
		return 0;
	*l3_len = 40 + (head[18] << 8 | head[19]);
	__builtin_memcpy(key->dst, &head[38], 16);
	key->family = 6;
	work->frame.v6 = 1;
	return ETH_HLEN + 40;
}

/* Differences are gathered and tested once: a branch for each byte would cost the verifier dear. */
static __noinline int cast_is_from(const struct ecs_ts_work *work, const struct ecs_stream *stream)
{
	const __u8 *head = work->head;
	__u32 differ = 0;

	if (!(stream->flags & ECS_STREAM_SRC))
		return 1;
	if (work->frame.v6) {
		for (int i = 0; i < 16; i++)
			differ |= head[22 + i] ^ stream->src[i];
	} else {
		for (int i = 0; i < 4; i++)
			differ |= head[26 + i] ^ stream->src[i];
	}
	return !differ;
}

/* What the other steps need to know. Whatever contradicts itself is left to its receiver. */
static __always_inline int cast_begin(struct __sk_buff *skb, struct ecs_ts_work *work,
				      const struct ecs_stream *stream, __u32 l4, __u32 l3_len)
{
	struct ecs_ts_frame *frame = &work->frame;

	frame->l4 = l4;
	frame->length = bpf_ntohs(cast_get16(work->head, l4 + 4)) - ECS_UDP_HLEN;
	frame->current = frame->length;
	frame->ip_sum = cast_get16(work->head, ETH_HLEN + 10);
	frame->udp_sum = cast_get16(work->head, l4 + 6);
	frame->keep = stream->flags & ECS_STREAM_KEEP;
	frame->told = stream->flags >> ECS_STREAM_CODEC;
	frame->id = stream->id;
	frame->plan = stream->id * 2 + stream->bank;
	frame->now_ns = bpf_ktime_get_coarse_ns();
	if (skb->gso_size)
		return 1;
	return frame->length <= 65535 && l3_len == l4 - ETH_HLEN + ECS_UDP_HLEN + frame->length &&
	       ETH_HLEN + l3_len <= skb->len;
}

/**
 * ecs_cast_find - read the headers and find the cast they belong to
 * @network: of the frame, 0 = none
 *
 * Return: 1 if there is one; work->head and frame then tell of it.
 */
__noinline int ecs_cast_find(struct __sk_buff *skb, __u32 network)
{
	struct ecs_ts_work *work = ecs_cast_scratch();
	struct ecs_stream_key key = {.source = skb->ifindex};
	const struct ecs_stream *stream;
	__u32 l3_len = 0, l4;

	if (!work)
		return 0;
	work->frame = (struct ecs_ts_frame){};
	/* No shorter than Ethernet, IPv4 and UDP; IPv6's addresses are in the first 54. */
	if (bpf_skb_load_bytes(skb, 0, work->head, ETH_HLEN + 40 + ECS_UDP_HLEN) &&
	    (bpf_skb_load_bytes(skb, 0, work->head, ETH_HLEN + 20 + ECS_UDP_HLEN) ||
	     work->head[12] != ETH_P_IP >> 8 || work->head[13] != (ETH_P_IP & 255)))
		return 0;
	l4 = cast_headers(work, &key, &l3_len);
	if (!l4 || bpf_skb_load_bytes(skb, 0, work->head, l4 + ECS_UDP_HLEN))
		return 0;
	key.port_be = cast_get16(work->head, l4 + 2);
	stream = bpf_map_lookup_elem(&ecs_streams, &key);
	if (!stream && network) {
		key.source = ECS_STREAM_NETWORK | network;
		stream = bpf_map_lookup_elem(&ecs_streams, &key);
	}
	return stream && cast_is_from(work, stream) && cast_begin(skb, work, stream, l4, l3_len);
}

#endif
