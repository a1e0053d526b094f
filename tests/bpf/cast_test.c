// SPDX-License-Identifier: Apache-2.0
/* Maps and datagrams of casts' tests. */
#include "cast_test.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>

#include "kernel/ecswitch.skel.h"

#define EXPECT_MS 5000
#define CT_SRC4 "\x0a\x00\x00\x0a"
#define CT_DST4 "\xef\x01\x01\x01"
#define CT_SRC6 "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x0a"
#define CT_DST6 "\xff\x3e\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)(at[0] << 8 | at[1]);
}

static void set(struct bpf_map *map, uint32_t index, const void *value)
{
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(map), &index, value, 0), 0);
}

static void get(struct bpf_map *map, uint32_t index, void *value)
{
	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(map), &index, value), 0);
}

int ct_setup(void **state)
{
	return bt_group_setup(state);
}

int ct_teardown(void **state)
{
	return bt_group_teardown(state);
}

int ct_test_setup(void **state)
{
	int fd = bpf_map__fd(((struct bt *)*state)->bpf->maps.ecs_streams);
	struct ecs_stream_key key;
	struct bt *bt = *state;

	while (!bpf_map_get_next_key(fd, NULL, &key))
		assert_int_equal(bpf_map_delete_elem(fd, &key), 0);
	if (bt_test_setup(state))
		return -1;
	bt_network(bt, BT_NETWORK);
	for (int i = 0; i < BT_VMS; i++)
		bt_vm(bt, i, BT_NETWORK, i ? 0 : ECS_PORT_CAST);
	return 0;
}

/* In the program, so that it needs no file where it runs. */
#define CT_FILE(name, file)                                                                        \
	__asm__(".section .rodata\n"                                                               \
		"ct_" #name ":\n.incbin \"" CT_DATA "/" file "\"\n"                                \
		"ct_" #name "_end:\n.previous\n");                                                 \
	extern const uint8_t ct_##name[], ct_##name##_end[]
CT_FILE(h264, "h264.ts");
CT_FILE(hevc, "hevc.ts");
CT_FILE(mpeg2, "mpeg2.ts");
CT_FILE(rtp_h264, "h264.rtp");
CT_FILE(rtp_hevc, "hevc.rtp");
CT_FILE(rtp_ts, "ts.rtp");

struct ct_file ct_load(enum ct_stream stream)
{
	const struct {
		const uint8_t *begin, *end;
	} files[] = {{ct_h264, ct_h264_end}, {ct_hevc, ct_hevc_end}, {ct_mpeg2, ct_mpeg2_end}};
	struct ct_file file = {.data = files[stream].begin};

	file.datagrams = (uint32_t)(files[stream].end - file.data) / CT_DATAGRAM;
	return file;
}

const uint8_t *ct_rtp(enum ct_rtp stream, uint32_t n, uint32_t *length)
{
	const uint8_t *const begin[] = {ct_rtp_h264, ct_rtp_hevc, ct_rtp_ts};
	const uint8_t *const end[] = {ct_rtp_h264_end, ct_rtp_hevc_end, ct_rtp_ts_end};
	const uint8_t *at = begin[stream];

	for (;; n--, at += *length) {
		if (at + 2 > end[stream])
			at = begin[stream];
		*length = get16(at);
		at += 2;
		if (!n)
			return at;
	}
}

void ct_group(struct ct_cast *cast, uint8_t kind, uint8_t type, uint8_t percent)
{
	assert_true(cast->plan.groups < ECS_CAST_GROUPS_MAX);
	cast->plan.group[cast->plan.groups] = (struct ecs_cast_group){
		.policy = {.kind = kind, .type = type, .percent = percent},
		.state = (uint16_t)cast->plan.groups,
		.first = (uint16_t)cast->count,
	};
	cast->plan.groups++;
}

void ct_sink(struct ct_cast *cast, struct bt *bt)
{
	ct_group(cast, ECS_POLICY_ALL, 0, 0);
	ct_to(cast, bt, 0);
}

struct ecs_receiver *ct_to(struct ct_cast *cast, struct bt *bt, int vm)
{
	struct ecs_receiver *to = &cast->receivers[cast->count];

	assert_true(cast->plan.groups && cast->count < ECS_RECEIVERS_MAX);
	to->ifindex = bt->end[vm].ifindex;
	to->number = (uint16_t)cast->count++;
	cast->plan.group[cast->plan.groups - 1].count++;
	return to;
}

void ct_set(struct bt *bt, struct ct_cast *cast, int family, uint8_t flags)
{
	const struct ecs_receiver_count joined = {.joined = 1};
	const struct ecs_cast_group_state group = {};
	const struct ecs_cast_state state = {};
	const struct ecs_cast_pids pids = {};
	const struct ecs_stream stream = {.id = cast->id, .flags = flags};
	struct ecs_stream_key key = {.source = bt->end[0].ifindex,
				     .port_be = htons(CT_PORT + cast->id),
				     .family = (uint8_t)family};

	memset(cast->seen, 0, sizeof(cast->seen));
	memcpy(key.dst, family == 4 ? CT_DST4 : CT_DST6, family == 4 ? 4 : 16);
	set(bt->bpf->maps.ecs_cast_states, cast->id, &state);
	set(bt->bpf->maps.ecs_cast_pids, cast->id, &pids);
	for (uint32_t i = 0; i < cast->plan.groups; i++)
		set(bt->bpf->maps.ecs_cast_groups, cast->id * ECS_CAST_STATES_MAX + i, &group);
	for (uint32_t i = 0; i < cast->count; i++) {
		set(bt->bpf->maps.ecs_receivers, cast->id * 2u * ECS_RECEIVERS_MAX + i,
		    &cast->receivers[i]);
		set(bt->bpf->maps.ecs_receiver_counts, cast->id * ECS_RECEIVERS_MAX + i, &joined);
	}
	set(bt->bpf->maps.ecs_cast_plans, cast->id * 2u, &cast->plan);
	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(bt->bpf->maps.ecs_streams), &key, &stream, 0), 0);
}

static uint32_t sum16(uint32_t sum, const uint8_t *at, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i & 1 ? at[i] : at[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Of @len bytes of UDP. */
static uint32_t pseudo_sum(const uint8_t *data, uint32_t len)
{
	return data[14] >> 4 == 4 ? sum16(len + 17, data + 14 + 12, 8)
				  : sum16(len + 17, data + 14 + 8, 32);
}

static uint32_t udp_sum(const uint8_t *data, uint32_t l4, uint32_t len)
{
	return sum16(pseudo_sum(data, len), data + l4, len);
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t put_ip(uint8_t *at, int family, uint32_t udp_len)
{
	static const uint8_t head4[20] = {0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, 17, 0, 0};

	if (family == 4) {
		memcpy(at, head4, sizeof(head4));
		put16(at + 2, 20 + udp_len);
		memcpy(at + 12, CT_SRC4, 4);
		memcpy(at + 16, CT_DST4, 4);
		put16(at + 10, ~sum16(0, at, 20));
		return 20;
	}
	memset(at, 0, 40);
	at[0] = 0x60;
	put16(at + 4, udp_len);
	at[6] = 17;
	at[7] = 64;
	memcpy(at + 8, CT_SRC6, 16);
	memcpy(at + 24, CT_DST6, 16);
	return 40;
}

void ct_frame(struct bt *bt, struct bt_frame *frame, int family, uint16_t id, const void *payload,
	      uint32_t len, enum ct_sum sum)
{
	static const uint8_t group[] = {1, 0, 0x5e, 1, 1, 1};
	uint8_t *at = frame->data;
	uint32_t l4, udp_len = 8 + len;

	memset(frame, 0, offsetof(struct bt_frame, data) + 64);
	memcpy(at, group, 6);
	memcpy(at + 6, bt->end[0].far_mac, 6);
	put16(at + 12, family == 4 ? 0x0800 : 0x86dd);
	l4 = 14 + put_ip(at + 14, family, udp_len);
	put16(at + l4, 40000);
	put16(at + l4 + 2, CT_PORT + id);
	put16(at + l4 + 4, udp_len);
	put16(at + l4 + 6, 0);
	assert_true(l4 + udp_len <= sizeof(frame->data));
	memcpy(at + l4 + 8, payload, len);
	if (sum == CT_SUM)
		put16(at + l4 + 6, ~udp_sum(at, l4, udp_len) & 0xffff ?: 0xffff);
	else if (sum == CT_SUM_PSEUDO)
		put16(at + l4 + 6, pseudo_sum(at, udp_len));
	frame->len = l4 + udp_len;
	frame->tagged = false;
	frame->mark = 0;
}

int ct_run(struct bt *bt, const struct bt_frame *frame)
{
	return bt_run(bt, bt->bpf->progs.ecs_from_port, bt->end[0].ifindex, NULL, frame->data,
		      frame->len);
}

void ct_send(struct bt *bt, const struct bt_frame *frame)
{
	bt_send(bt->end[0].far_sock, frame);
}

void ct_send_unfinished(struct bt *bt, const struct bt_frame *frame)
{
	struct virtio_net_hdr head = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = frame->data[12] == 8 ? CT_HEADERS4 - 8 : CT_HEADERS6 - 8,
		.csum_offset = 6,
	};
	struct iovec iov[] = {{&head, sizeof(head)}, {(void *)frame->data, frame->len}};
	static int sock = -1;
	int on = 1;

	if (sock < 0) {
		bt_enter(bt->end[0].far_ns);
		sock = bt_sock(bt->end[0].far_ifindex, 0);
		bt_enter(bt->ns);
		assert_return_code(setsockopt(sock, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)),
				   0);
	}
	assert_int_equal(writev(sock, iov, 2), sizeof(head) + frame->len);
}

void ct_expect(struct bt *bt, int vm, struct bt_frame *frame)
{
	struct pollfd poll_fd = {.fd = bt->end[vm].far_sock, .events = POLLIN};

	do {
		if (bt_read(poll_fd.fd, frame))
			return;
	} while (poll(&poll_fd, 1, EXPECT_MS) > 0);
	fail_msg("no frame within %d ms", EXPECT_MS);
}

bool ct_copy(struct bt *bt, struct ct_cast *cast, uint32_t i, int vm, struct bt_frame *frame)
{
	uint64_t packets = ct_count(bt, cast->id, (uint16_t)i).packets;

	if (packets == cast->seen[i])
		return false;
	cast->seen[i]++;
	ct_expect(bt, vm, frame);
	return true;
}

uint32_t ct_check(const struct bt_frame *frame)
{
	const uint8_t *data = frame->data;
	uint32_t l4, len;

	if (get16(data + 12) == 0x0800) {
		l4 = 14 + (data[14] & 15) * 4u;
		assert_int_equal(get16(data + 16), frame->len - 14);
		assert_int_equal(sum16(0, data + 14, l4 - 14), 0xffff);
	} else {
		l4 = 54;
		assert_int_equal(get16(data + 18), frame->len - l4);
	}
	len = get16(data + l4 + 4);
	assert_int_equal(l4 + len, frame->len);
	if (frame->unfinished)
		assert_int_equal(get16(data + l4 + 6), pseudo_sum(data, len));
	else if (get16(data + l4 + 6))
		assert_int_equal(udp_sum(data, l4, len), 0xffff);
	else
		assert_int_equal(data[14] >> 4, 4);
	return len - 8;
}

struct ecs_receiver_count ct_count(struct bt *bt, uint16_t id, uint16_t number)
{
	struct ecs_receiver_count count;

	get(bt->bpf->maps.ecs_receiver_counts, id * ECS_RECEIVERS_MAX + number, &count);
	return count;
}

struct ecs_cast_group_state ct_group_state(struct bt *bt, uint16_t id, uint16_t group)
{
	struct ecs_cast_group_state state;

	get(bt->bpf->maps.ecs_cast_groups, id * ECS_CAST_STATES_MAX + group, &state);
	return state;
}

struct ecs_cast_state ct_state(struct bt *bt, uint16_t id)
{
	struct ecs_cast_state state;

	get(bt->bpf->maps.ecs_cast_states, id, &state);
	return state;
}
