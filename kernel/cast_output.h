/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A cast's datagram, rewritten in place for one group of receivers after the other. The first
 * write after a clone gives the frame a head of its own (bpf_try_make_writable()), so copies
 * that were sent keep their bytes. Only stages/cast.h calls in here.
 *
 * Checksums: of a frame that is CHECKSUM_PARTIAL the field holds the pseudo header's sum alone,
 * and the payload does not matter; else it is corrected by what changed. A field of 0 (IPv4)
 * stays 0. Stores behind the Ethernet header tell the kernel (BPF_F_RECOMPUTE_CSUM), which keeps
 * CHECKSUM_COMPLETE right.
 */
#ifndef ECS_KERNEL_CAST_OUTPUT_H
#define ECS_KERNEL_CAST_OUTPUT_H

#include "cast_send.h"

#define ECS_UDP_HLEN 8
#define ECS_IPPROTO_UDP 17
#define ECS_HEAD_MAX 128   /* of ecs_ts_work.head; Ethernet, IPv4 with options and UDP need 82 */
#define ECS_RTP_NUMBERED 4 /* bytes of RTP, up to its number, that count as headers */

static __always_inline __u16 cast_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* A field of the headers, at an even offset; the buffers end two bytes later. */
static __always_inline __u16 cast_get16(const __u8 *head, __u32 at)
{
	at = ecs_bound(at, ECS_HEAD_MAX);
	return head[at] | head[at + 1] << 8;
}

static __always_inline void cast_set16(__u8 *head, __u32 at, __u16 value)
{
	at = ecs_bound(at, ECS_HEAD_MAX);
	head[at] = value;
	head[at + 1] = value >> 8;
}

/* Whether the kernel or the card is still to fill the checksum in. No helper tells; but one that
 * corrects the field for changed payload leaves it alone in just this case. */
static __noinline void cast_probe(struct ecs_cast *c)
{
	__u16 before = c->work->frame.udp_sum, after = before;
	__u32 at = c->work->frame.l4 + 6;

	c->work->frame.probed = 1;
	bpf_l4_csum_replace(c->skb, at, 0, 1, 0);
	bpf_skb_load_bytes(c->skb, at, &after, sizeof(after));
	c->work->frame.partial = after == before;
	if (!c->work->frame.partial)
		bpf_skb_store_bytes(c->skb, at, &before, sizeof(before), 0);
}

static __always_inline void cast_store_head(struct ecs_cast *c, const __u8 *head)
{
	__u32 last = c->work->frame.l4 + ECS_UDP_HLEN - ETH_HLEN - 1;

	if (c->work->frame.rtp)
		last += ECS_RTP_NUMBERED;

	/* Linux 6.1 must see the very value that is passed on be tested, and be above 0. */
	asm volatile("" : "+r"(last));
	if (last >= ECS_HEAD_MAX - ETH_HLEN)
		return;
	asm volatile("" : "+r"(last));
	bpf_skb_store_bytes(c->skb, ETH_HLEN, head + ETH_HLEN, last + 1, BPF_F_RECOMPUTE_CSUM);
}

/* One's complement sum of the address @at. */
static __always_inline __u64 cast_sum_addr(const __u8 *head, __u32 at, int words)
{
	__u64 sum = 0;

	for (int i = 0; i < 8; i++)
		if (i < words)
			sum += cast_get16(head, at + 2 * i);
	return sum;
}

/* Of all that a UDP checksum covers, but length and payload. */
static __noinline __u64 cast_sum_head(const struct ecs_ts_work *work)
{
	const __u8 *head = work->head;
	__u64 sum = bpf_htons(ECS_IPPROTO_UDP) + (__u64)cast_get16(head, work->frame.l4) +
		    cast_get16(head, work->frame.l4 + 2);

	if (work->frame.v6)
		return sum + cast_sum_addr(head, ETH_HLEN + 8, 8) +
		       cast_sum_addr(head, ETH_HLEN + 24, 8);
	return sum + cast_sum_addr(head, ETH_HLEN + 12, 4);
}

/* The RTP number of the group. */
static __always_inline void cast_make_number(struct ecs_ts_work *work)
{
	__u64 sum = work->made.sum;

	cast_set16(work->head, work->frame.l4 + ECS_UDP_HLEN + 2, bpf_htons(work->rtp.out));
	sum += bpf_htons(work->rtp.out) + (__u16)~bpf_htons(work->rtp.seq);
	work->made.sum = cast_fold(sum);
	work->rtp.sent = work->rtp.out;
}

/* Lengths and checksums of the group's headers, for c->work->frame.current bytes of payload. */
static __noinline void cast_make_head(struct ecs_cast *c)
{
	__u8 *head = c->work->head;
	__u16 old = bpf_htons(c->work->frame.length + ECS_UDP_HLEN),
	      new = bpf_htons(c->work->frame.current + ECS_UDP_HLEN);
	__u16 old_ip, new_ip;
	__u64 sum;

	cast_set16(head, c->work->frame.l4 + 4, new);
	if (c->work->frame.rtp)
		cast_make_number(c->work);
	if (c->work->frame.partial) {
		sum = (__u64)c->work->frame.udp_sum + (__u16)~old + new;
		cast_set16(head, c->work->frame.l4 + 6, cast_fold(sum));
	} else if (c->work->frame.cut && c->work->frame.udp_sum) {
		sum = cast_sum_head(c->work) + c->work->made.sum + 2ull * new;
		cast_set16(head, c->work->frame.l4 + 6, (__u16)~cast_fold(sum) ?: 0xffff);
	} else if (c->work->frame.udp_sum) {
		/* The length counts in the header and in the pseudo header. */
		sum = (__u64)(__u16)~c->work->frame.udp_sum + c->work->made.sum +
		      2ull * ((__u16)~old + new);
		cast_set16(head, c->work->frame.l4 + 6, (__u16)~cast_fold(sum) ?: 0xffff);
	}
	if (c->work->frame.v6) {
		cast_set16(head, ETH_HLEN + 4, new);
		return;
	}
	old_ip = bpf_htons(c->work->frame.l4 - ETH_HLEN + ECS_UDP_HLEN + c->work->frame.length);
	new_ip = bpf_htons(c->work->frame.l4 - ETH_HLEN + ECS_UDP_HLEN + c->work->frame.current);
	cast_set16(head, ETH_HLEN + 2, new_ip);
	sum = (__u64)(__u16)~c->work->frame.ip_sum + (__u16)~old_ip + new_ip;
	cast_set16(head, ETH_HLEN + 10, ~cast_fold(sum));
}

/* A clock reference, or a break, and nothing else: its counter does not count (2.4.3.3). */
static __always_inline void cast_make_clock(struct ecs_ts_work *work, const __u8 *from, __u8 byte3)
{
	__builtin_memset(work->clock, 0xff, ECS_TS_LEN);
	work->clock[0] = from[0];
	work->clock[1] = from[1] & 0x1f;
	work->clock[2] = from[2];
	work->clock[3] = byte3;
	work->clock[4] = ECS_TS_LEN - 5;
	work->clock[5] = from[5] & (ECS_TS_BREAK | ECS_TS_CLOCKED);
	for (int i = 6; i < 12; i++)
		if (from[5] & ECS_TS_CLOCKED)
			work->clock[i] = from[i];
}

static __always_inline void cast_make_null(struct ecs_ts_work *work)
{
	__builtin_memset(work->clock, 0xff, ECS_TS_LEN);
	work->clock[0] = ECS_TS_SYNC;
	work->clock[1] = ECS_PID_NULL >> 8;
	work->clock[3] = 0x10;
}

/* What is behind the TS packets: padding of RTP. */
static __always_inline void cast_write_tail(struct ecs_cast *c)
{
	struct ecs_ts_frame *frame = &c->work->frame;
	__u32 last = frame->tail - 1, to = frame->l4 + ECS_UDP_HLEN + frame->current - frame->tail;
	__u32 from = ecs_bound(frame->base + frame->packets * ECS_TS_LEN, ECS_TS_ROOM);

	asm volatile("" : "+r"(last)); /* as in cast_store_head() */
	if (last >= 255)
		return;
	asm volatile("" : "+r"(last));
	bpf_skb_store_bytes(c->skb, to, &c->work->data[from], last + 1, BPF_F_RECOMPUTE_CSUM);
}

/* A packet less, or one more; nobody asks for the sum if the field does not hold one. */
static __always_inline void cast_add_sum(struct ecs_ts_work *work, __u8 *less, __u8 *more)
{
	if (work->frame.partial || !work->frame.udp_sum)
		return;
	if (less)
		work->made.sum = bpf_csum_diff((__be32 *)less, ECS_TS_LEN, 0, 0, work->made.sum);
	if (more)
		work->made.sum = bpf_csum_diff(0, 0, (__be32 *)more, ECS_TS_LEN, work->made.sum);
}

static long cast_write_packet(__u32 i, void *ctx)
{
	struct ecs_cast *c = ctx;
	struct ecs_ts_work *work = c->work;
	__u32 to = c->work->frame.l4 + ECS_UDP_HLEN + c->work->frame.lead +
		   c->work->made.written * ECS_TS_LEN;
	__u8 came, byte3;
	__u8 *data;

	if (i >= ECS_CAST_PACKETS_MAX)
		return 1;
	data = &work->data[ecs_bound(work->frame.base + i * ECS_TS_LEN, ECS_TS_ROOM)];
	came = work->packet[i].byte3;
	byte3 = work->byte3[i];
	data[3] = came;
	if (!work->frame.cut && work->keep[i] != ECS_TS_WHOLE)
		cast_add_sum(work, data, 0);
	if (work->keep[i] == ECS_TS_OUT)
		return 0;
	if (work->keep[i] == ECS_TS_CLOCK || work->keep[i] == ECS_TS_NULL) {
		if (work->keep[i] == ECS_TS_CLOCK)
			cast_make_clock(work, data, byte3);
		else
			cast_make_null(work);
		cast_add_sum(work, 0, work->clock);
		bpf_skb_store_bytes(c->skb, to, work->clock, ECS_TS_LEN, BPF_F_RECOMPUTE_CSUM);
	} else if (work->frame.dirty || work->frame.cut || c->work->made.written != i ||
		   byte3 != came) {
		__u64 sum = (__u64)work->made.sum + bpf_htons(byte3) + (__u16)~bpf_htons(came);

		data[3] = byte3;
		if (work->frame.cut)
			cast_add_sum(work, 0, data);
		else
			work->made.sum = cast_fold(sum);
		bpf_skb_store_bytes(c->skb, to, data, ECS_TS_LEN, BPF_F_RECOMPUTE_CSUM);
		data[3] = came;
	}
	c->work->made.written++;
	return 0;
}

/**
 * ecs_cast_write - make the frame what work->keep and byte3 say
 * @kept: packets that are kept, at least one
 *
 * Return: 0; 1, and the frame is not to be sent.
 */
__noinline int ecs_cast_write(struct __sk_buff *skb, __u32 kept)
{
	struct ecs_cast c = {.skb = skb, .work = ecs_cast_scratch()};
	__u32 length;

	if (!c.work)
		return 1;
	length = c.work->frame.lead + kept * ECS_TS_LEN + c.work->frame.tail;
	ecs_cast_flush(skb);
	if (!c.work->frame.probed)
		cast_probe(&c);
	if (length != c.work->frame.current &&
	    bpf_skb_change_tail(skb, c.work->frame.l4 + ECS_UDP_HLEN + length, 0))
		return 1;
	c.work->frame.current = length;
	c.work->made.written = 0;
	c.work->made.sum = 0;
	if (c.work->made.changed || c.work->frame.dirty || c.work->frame.cut) {
		bpf_loop(c.work->frame.packets, cast_write_packet, &c, 0);
		cast_write_tail(&c);
	}
	c.work->frame.dirty = c.work->made.changed || c.work->frame.cut;
	cast_make_head(&c);
	cast_store_head(&c, c.work->head);
	if (c.work->frame.own) /* the last receiver's address */
		bpf_skb_store_bytes(skb, 0, c.work->head, ETH_ALEN, 0);
	c.work->frame.own = 0;
	return 0;
}

/* The group's headers with another destination. */
static __noinline void cast_address(struct ecs_cast *c, const struct ecs_receiver *to)
{
	__u32 at = c->work->frame.v6 ? ETH_HLEN + 24 : ETH_HLEN + 16, l4 = c->work->frame.l4;
	int words = c->work->frame.v6 ? 8 : 2;
	__u8 *own = c->work->own;
	__u64 pseudo = 0, rest = 0;
	__u16 sum = cast_get16(own, l4 + 6);

	if (to->flags & ECS_RECEIVER_ADDR) {
		__u64 before = cast_sum_addr(own, at, words);

		for (int i = 0; i < 16; i++)
			if (i < 2 * words)
				own[at + i] = to->addr[i];
		pseudo = 8 * 0xffffull - before + cast_sum_addr(own, at, words);
		if (!c->work->frame.v6)
			cast_set16(own, ETH_HLEN + 10,
				   ~cast_fold((__u16)~cast_get16(own, ETH_HLEN + 10) + pseudo));
	}
	if (to->flags & ECS_RECEIVER_PORT) {
		rest = (__u16)~cast_get16(own, l4 + 2) + to->port_be;
		cast_set16(own, l4 + 2, to->port_be);
	}
	if (c->work->frame.partial)
		cast_set16(own, l4 + 6, cast_fold(sum + pseudo));
	else if (sum)
		cast_set16(own, l4 + 6, (__u16)~cast_fold((__u16)~sum + pseudo + rest) ?: 0xffff);
}

/* The group's headers with another RTP number. */
static __always_inline void cast_renumber(struct ecs_ts_work *work)
{
	__u32 l4 = work->frame.l4, at = l4 + ECS_UDP_HLEN + 2;
	__u16 was = cast_get16(work->own, at), sum = cast_get16(work->own, l4 + 6);
	__u16 now = bpf_htons(work->rtp.out - work->rtp.less);

	cast_set16(work->own, at, now);
	if (!work->frame.partial && sum)
		cast_set16(work->own, l4 + 6,
			   (__u16)~cast_fold((__u64)(__u16)~sum + (__u16)~was + now) ?: 0xffff);
}

/**
 * ecs_cast_own - give the frame the headers that one receiver wants
 * @index: of it, in ecs_receivers; any other gives the frame the group's headers again
 *
 * The caller has flushed: the call stack may be 8 frames deep, and here is not the place.
 * Return: 0.
 */
__noinline int ecs_cast_own(struct __sk_buff *skb, __u32 index)
{
	struct ecs_cast c = {.skb = skb, .work = ecs_cast_scratch()};
	const struct ecs_receiver *to = bpf_map_lookup_elem(&ecs_receivers, &index);
	__u8 flags = to ? to->flags & ECS_RECEIVER_REWRITES : 0;

	if (!c.work)
		return 0;
	__builtin_memcpy(c.work->own, c.work->head, ECS_HEAD_MAX);
	if (!c.work->frame.probed)
		cast_probe(&c);
	if (to && (flags & (ECS_RECEIVER_ADDR | ECS_RECEIVER_PORT)))
		cast_address(&c, to);
	if (to && c.work->frame.rtp && c.work->rtp.less)
		cast_renumber(c.work);
	if (to && (flags & ECS_RECEIVER_MAC))
		__builtin_memcpy(c.work->own, to->mac, 6);
	cast_store_head(&c, c.work->own);
	bpf_skb_store_bytes(skb, 0, c.work->own, 6, 0);
	c.work->frame.own = to && (flags || (c.work->frame.rtp && c.work->rtp.less));
	return 0;
}

#endif
