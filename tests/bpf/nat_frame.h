/* SPDX-License-Identifier: Apache-2.0 */
/* IPv4 frames of NAT's tests, byte by byte: from a VM, and from the LAN to the uplink's address. */
#ifndef ECS_NAT_FRAME_H
#define ECS_NAT_FRAME_H

#include "nat_test.h"

#include <linux/if_ether.h>

#include "kernel/ecswitch.skel.h"

#define FRAME_MAX 128

struct frame {
	uint8_t data[FRAME_MAX];
	uint32_t len;
};

static inline void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline void put32(uint8_t *at, uint32_t value_be)
{
	memcpy(at, &value_be, 4);
}

static inline void seal_ip(uint8_t *ip)
{
	uint32_t sum = 0;

	put16(ip + 10, 0);
	for (int i = 0; i < (ip[0] & 15) * 4; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	put16(ip + 10, ~((sum & 0xffff) + (sum >> 16)));
}

/* From a VM, or from the LAN, with @payload bytes of L4, all zero but the ports. */
static inline struct frame *build(struct frame *f, const uint8_t *dst_mac, const uint8_t *src_mac,
				  uint8_t proto, const char *src, const char *dst, uint32_t payload)
{
	uint8_t *ip = f->data + 14;

	memset(f, 0, sizeof(*f));
	memcpy(f->data, dst_mac, 6);
	memcpy(f->data + 6, src_mac, 6);
	put16(f->data + 12, ETH_P_IP);
	ip[0] = 0x45;
	put16(ip + 2, 20 + payload);
	ip[8] = 64;
	ip[9] = proto;
	put32(ip + 12, inet_addr(src));
	put32(ip + 16, inet_addr(dst));
	seal_ip(ip);
	put16(ip + 20, 5000);
	put16(ip + 22, 7000);
	if (proto == IPPROTO_UDP)
		put16(ip + 24, payload);
	if (proto == IPPROTO_TCP) {
		ip[32] = 5 << 4;
		ip[33] = 2; /* SYN */
	}
	f->len = 34 + payload;
	return f;
}

static inline struct frame *from_vm(struct bt *bt, struct frame *f, uint8_t proto, const char *dst,
				    uint32_t payload)
{
	return build(f, nt_gateway_mac(1), bt->end[0].far_mac, proto, "10.77.0.10", dst, payload);
}

static inline int run_vm(struct bt *bt, const struct frame *f)
{
	return bt_run(bt, bt->bpf->progs.ecs_from_port, bt->end[0].ifindex, NULL, f->data, f->len);
}

static inline int run_uplink(struct bt *bt, const struct frame *f)
{
	return bt_run(bt, bt->bpf->progs.ecs_from_port, bt->end[BT_LAN].ifindex, NULL, f->data,
		      f->len);
}

static inline void expect_drop(struct bt *bt, const struct frame *f, enum ecs_drop reason)
{
	uint64_t before = bt_drops(bt, bt_slot(0), reason);

	assert_int_equal(run_vm(bt, f), TC_ACT_SHOT);
	assert_int_equal(bt_drops(bt, bt_slot(0), reason), before + 1);
}

static inline void expect_way_out(struct bt *bt, const struct frame *f)
{
	assert_int_equal(run_vm(bt, f), TC_ACT_REDIRECT);
}

static inline void udp_port(struct frame *f, uint16_t sport, uint16_t dport)
{
	put16(f->data + 34, sport);
	put16(f->data + 36, dport);
}

static inline struct frame *answer(struct bt *bt, struct frame *f, uint8_t proto, uint16_t port)
{
	build(f, bt->end[BT_LAN].mac, bt->end[BT_LAN].far_mac, proto, NT_LAN, NT_UPLINK,
	      proto == IPPROTO_TCP ? 20 : 8);
	udp_port(f, 7000, port);
	return f;
}

#endif
