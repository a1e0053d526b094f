// SPDX-License-Identifier: Apache-2.0
/*
 * The daemon's part in the data path's tests: fills the maps, reads counters, runs programs.
 */
#include "bpf_test.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "kernel/ecswitch.skel.h"

static int fd_of(const struct bpf_map *map)
{
	return bpf_map__fd(map);
}

uint32_t bt_slot(int i)
{
	return i == BT_LAN ? BT_UPLINK_SLOT : (uint32_t)i + 1;
}

static void clear_hash(int fd, size_t key_size)
{
	uint8_t key[16];

	assert_true(key_size <= sizeof(key));
	while (!bpf_map_get_next_key(fd, NULL, key))
		assert_int_equal(bpf_map_delete_elem(fd, key), 0);
}

static void clear_ports(struct bt *bt)
{
	struct ecs_port_key key;

	while (!bpf_map_get_next_key(fd_of(bt->bpf->maps.ecs_ports), NULL, &key))
		bt_port_del(bt, key.ifindex, key.vid);
}

static void clear_stats(struct bt *bt)
{
	int cpus = libbpf_num_possible_cpus();
	struct ecs_port_stats *zero = calloc((size_t)cpus, sizeof(*zero));

	for (int i = 0; i <= BT_LAN; i++) {
		uint32_t slot = bt_slot(i);

		assert_int_equal(
			bpf_map_update_elem(fd_of(bt->bpf->maps.ecs_stats), &slot, zero, 0), 0);
	}
	free(zero);
}

void bt_fdb_changed(struct bt *bt)
{
	int fd = fd_of(bt->bpf->maps.ecs_fdb_used);
	struct ecs_fdb_use use;
	uint32_t whole = 0;

	assert_int_equal(bpf_map_lookup_elem(fd, &whole, &use), 0);
	use.generation++;
	assert_int_equal(bpf_map_update_elem(fd, &whole, &use, 0), 0);
}

static void clear_networks(struct bt *bt)
{
	const struct ecs_network network = {0};
	const struct ecs_flood_member member = {0};

	for (uint32_t id = 0; id <= ECS_NETWORKS_MAX; id++) {
		struct ecs_fdb_use use = {0};

		bpf_map_lookup_elem(fd_of(bt->bpf->maps.ecs_fdb_used), &id, &use);
		use = (struct ecs_fdb_use){.generation = use.generation + 1};
		bpf_map_update_elem(fd_of(bt->bpf->maps.ecs_networks), &id, &network, 0);
		bpf_map_update_elem(fd_of(bt->bpf->maps.ecs_fdb_used), &id, &use, 0);
		for (uint32_t i = 0; i < BT_VMS; i++) {
			uint32_t place = id * ECS_NETWORK_PORTS_MAX + i;

			bpf_map_update_elem(fd_of(bt->bpf->maps.ecs_flood), &place, &member, 0);
		}
	}
}

static void drain(int sock)
{
	char buf[64];

	while (recv(sock, buf, sizeof(buf), MSG_TRUNC) >= 0)
		;
}

int bt_test_setup(void **state)
{
	struct bt *bt = *state;

	clear_ports(bt);
	clear_hash(fd_of(bt->bpf->maps.ecs_fdb), sizeof(struct ecs_fdb_key));
	clear_hash(fd_of(bt->bpf->maps.ecs_patches), sizeof(uint32_t));
	clear_hash(fd_of(bt->bpf->maps.ecs_drops), sizeof(struct ecs_drop_key));
	clear_stats(bt);
	clear_networks(bt);
	bt_events(bt);
	for (int i = 0; i <= BT_LAN; i++)
		drain(bt->end[i].far_sock);
	drain(bt->host_sock);
	drain(bt->tap_sock);
	return 0;
}

void bt_network_get(struct bt *bt, uint16_t id, struct ecs_network *out)
{
	uint32_t key = id;

	assert_int_equal(bpf_map_lookup_elem(fd_of(bt->bpf->maps.ecs_networks), &key, out), 0);
}

void bt_network_set(struct bt *bt, uint16_t id, const struct ecs_network *network)
{
	uint32_t key = id;

	assert_int_equal(bpf_map_update_elem(fd_of(bt->bpf->maps.ecs_networks), &key, network, 0),
			 0);
}

void bt_network(struct bt *bt, uint16_t id)
{
	const struct ecs_network network = {.used = 1, .flood_len = BT_VMS};

	bt_network_set(bt, id, &network);
}

bool bt_port_get(struct bt *bt, uint32_t ifindex, uint16_t vid, struct ecs_port *out)
{
	const struct ecs_port_key key = {.ifindex = ifindex, .vid = vid};

	return !bpf_map_lookup_elem(fd_of(bt->bpf->maps.ecs_ports), &key, out);
}

void bt_port_set(struct bt *bt, uint32_t ifindex, uint16_t vid, const struct ecs_port *port)
{
	const struct ecs_port_key key = {.ifindex = ifindex, .vid = vid};

	assert_int_equal(bpf_map_update_elem(fd_of(bt->bpf->maps.ecs_ports), &key, port, 0), 0);
	if (!vid)
		bt_port_near(bt, ifindex, port);
}

void bt_port_near(struct bt *bt, uint32_t ifindex, const struct ecs_port *port)
{
	uint32_t place = ifindex % ECS_PORTS_NEAR_MAX;
	struct ecs_port copy = {0};

	if (port) {
		copy = *port;
		copy.ifindex = ifindex;
	}
	assert_int_equal(bpf_map_update_elem(fd_of(bt->bpf->maps.ecs_ports_near), &place, &copy, 0),
			 0);
}

void bt_port_del(struct bt *bt, uint32_t ifindex, uint16_t vid)
{
	const struct ecs_port_key key = {.ifindex = ifindex, .vid = vid};

	assert_int_equal(bpf_map_delete_elem(fd_of(bt->bpf->maps.ecs_ports), &key), 0);
	if (!vid)
		bt_port_near(bt, ifindex, NULL);
}

static struct ecs_port make_port(struct bt *bt, int i)
{
	struct ecs_port port = {.slot = bt_slot(i), .mtu = BT_MTU};

	memcpy(port.mac, bt->end[i].mac, 6);
	return port;
}

void bt_vm(struct bt *bt, int i, uint16_t id, uint32_t flags)
{
	struct ecs_flood_member member = {.ifindex = bt->end[i].ifindex, .slot = bt_slot(i)};
	uint32_t place = (uint32_t)id * ECS_NETWORK_PORTS_MAX + (uint32_t)i;
	struct ecs_port port = make_port(bt, i);

	port.role = ECS_ROLE_VM;
	port.network = id;
	port.flags = flags;
	bt_port_set(bt, bt->end[i].ifindex, 0, &port);
	if (id)
		bpf_map_update_elem(fd_of(bt->bpf->maps.ecs_flood), &place, &member, 0);
}

void bt_uplink(struct bt *bt, uint16_t id, uint16_t vid, uint32_t flags)
{
	struct ecs_port port = make_port(bt, BT_LAN), link;
	struct ecs_network network;

	port.role = ECS_ROLE_UPLINK;
	port.flags = flags;
	if (!bt_port_get(bt, bt->end[BT_LAN].ifindex, 0, &link)) /* itself, in no network */
		bt_port_set(bt, bt->end[BT_LAN].ifindex, 0, &port);
	port.network = id;
	bt_port_set(bt, bt->end[BT_LAN].ifindex, vid, &port);
	if (!id)
		return;
	bt_network_get(bt, id, &network);
	network.uplink = bt->end[BT_LAN].ifindex;
	network.uplink_slot = BT_UPLINK_SLOT;
	network.uplink_vid = vid;
	bt_network_set(bt, id, &network);
}

void bt_patch(struct bt *bt, int from, int to)
{
	const struct ecs_patch patch = {.ifindex = bt->end[to].ifindex, .slot = bt_slot(to)};
	const int ends[] = {from, to};
	struct ecs_port port;

	for (int k = 0; k < 2; k++) {
		if (bt_port_get(bt, bt->end[ends[k]].ifindex, 0, &port))
			continue;
		port = make_port(bt, ends[k]);
		bt_port_set(bt, bt->end[ends[k]].ifindex, 0, &port);
	}
	bt_port_get(bt, bt->end[from].ifindex, 0, &port);
	port.flags |= ECS_PORT_PATCHED;
	bt_port_set(bt, bt->end[from].ifindex, 0, &port);
	assert_int_equal(bpf_map_update_elem(fd_of(bt->bpf->maps.ecs_patches),
					     &bt->end[from].ifindex, &patch, 0),
			 0);
}

void bt_fdb_set(struct bt *bt, uint16_t id, const uint8_t *mac, uint32_t ifindex, uint32_t flags)
{
	struct ecs_fdb_entry entry = {.ifindex = ifindex, .flags = flags};
	struct ecs_fdb_key key = {.network = id};

	memcpy(key.mac, mac, 6);
	assert_int_equal(bpf_map_update_elem(fd_of(bt->bpf->maps.ecs_fdb), &key, &entry, 0), 0);
	bt_fdb_changed(bt);
}

bool bt_fdb_get(struct bt *bt, uint16_t id, const uint8_t *mac, struct ecs_fdb_entry *out)
{
	struct ecs_fdb_key key = {.network = id};

	memcpy(key.mac, mac, 6);
	return !bpf_map_lookup_elem(fd_of(bt->bpf->maps.ecs_fdb), &key, out);
}

uint32_t bt_fdb_used(struct bt *bt, uint16_t id)
{
	struct ecs_fdb_use use;
	uint32_t key = id;

	assert_int_equal(bpf_map_lookup_elem(fd_of(bt->bpf->maps.ecs_fdb_used), &key, &use), 0);
	return use.entries;
}

struct ecs_port_stats bt_stats(struct bt *bt, uint32_t slot)
{
	size_t cpus = (size_t)libbpf_num_possible_cpus();
	size_t words = sizeof(struct ecs_port_stats) / sizeof(uint64_t);
	uint64_t *values = calloc(cpus * words, sizeof(*values));
	union {
		struct ecs_port_stats stats;
		uint64_t word[sizeof(struct ecs_port_stats) / sizeof(uint64_t)];
	} sum = {.word = {0}};

	assert_int_equal(bpf_map_lookup_elem(fd_of(bt->bpf->maps.ecs_stats), &slot, values), 0);
	for (size_t i = 0; i < cpus * words; i++)
		sum.word[i % words] += values[i];
	free(values);
	return sum.stats;
}

uint64_t bt_drops(struct bt *bt, uint32_t slot, enum ecs_drop reason)
{
	const struct ecs_drop_key key = {.slot = slot, .reason = reason};
	int cpus = libbpf_num_possible_cpus();
	struct ecs_drop_count *counts = calloc((size_t)cpus, sizeof(*counts));
	uint64_t packets = 0;

	if (!bpf_map_lookup_elem(fd_of(bt->bpf->maps.ecs_drops), &key, counts))
		for (int i = 0; i < cpus; i++)
			packets += counts[i].packets;
	free(counts);
	return packets;
}

uint64_t bt_drops_total(struct bt *bt)
{
	struct ecs_drop_key key, *prev = NULL;
	uint64_t packets = 0;

	while (!bpf_map_get_next_key(fd_of(bt->bpf->maps.ecs_drops), prev, &key)) {
		packets += bt_drops(bt, key.slot, key.reason);
		prev = &key;
	}
	return packets;
}

int bt_events(struct bt *bt)
{
	return ring_buffer__consume(bt->ring);
}

int bt_run(struct bt *bt, struct bpf_program *prog, uint32_t ifindex, uint32_t *mark,
	   const void *data, uint32_t len)
{
	struct __sk_buff in = {.ifindex = ifindex, .mark = mark ? *mark : 0};
	struct __sk_buff out = {0};
	uint8_t data_out[4096];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = data, .data_size_in = len,
		    .data_out = data_out, .data_size_out = sizeof(data_out), .ctx_in = &in,
		    .ctx_size_in = sizeof(in), .ctx_out = &out, .ctx_size_out = sizeof(out));
	int ret = bpf_prog_test_run_opts(bt_prog_fd(prog), &opts);

	if (ret)
		return ret;
	if (mark)
		*mark = out.mark;
	return (int)opts.retval;
}

int bt_run_vm(struct bt *bt, int i, const uint8_t *dst, const uint8_t *src)
{
	struct bt_frame frame;

	bt_build(&frame, dst, src, -1);
	return bt_run(bt, bt->bpf->progs.ecs_from_port, bt->end[i].ifindex, NULL, frame.data,
		      frame.len);
}
