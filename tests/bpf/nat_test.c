// SPDX-License-Identifier: Apache-2.0
/* Addresses, gateways and sockets of NAT's tests. */
#include "nat_test.h"

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "kernel/ecswitch.skel.h"

#define QUIET_MS 60

struct gateway {
	uint32_t host, port;
	uint8_t mac[6];
	uint8_t port_mac[6];
};

static struct gateway gateways[NT_NETWORKS + 1];
static struct ecs_nat_key clear_key;

const uint8_t *nt_gateway_mac(uint16_t id)
{
	return gateways[id].mac;
}

static void attach(struct bt *bt, uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 10,
		    .prog_fd = bt_prog_fd(bt->bpf->progs.ecs_from_port));

	assert_int_equal(bpf_tc_hook_create(&hook), 0);
	assert_int_equal(bpf_tc_attach(&hook, &opts), 0);
}

static void sysctl(const char *name, const char *value)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	file = fopen(path, "we");
	if (!file || fputs(value, file) < 0 || fclose(file))
		fail_msg("cannot write %s: %s", path, strerror(errno));
}

static void make_gateway(struct bt *bt, int id)
{
	struct gateway *gw = &gateways[id];
	char name[64];

	memcpy(gw->mac, (uint8_t[]){2, 0, 0, 0, 7, (uint8_t)id}, 6);
	memcpy(gw->port_mac, (uint8_t[]){2, 0, 0, 0, 8, (uint8_t)id}, 6);
	bt_ip("link add ecs-%d address 02:00:00:00:07:%02x type veth"
	      " peer name port%d address 02:00:00:00:08:%02x",
	      id, id, id, id);
	bt_ip("link set ecs-%d up", id);
	bt_ip("link set port%d up promisc on", id);
	bt_ip("address add " NT_GATEWAY "/24 dev ecs-%d", id);
	snprintf(name, sizeof(name), "ecs-%d", id);
	gw->host = if_nametoindex(name);
	snprintf(name, sizeof(name), "port%d", id);
	gw->port = if_nametoindex(name);
	snprintf(name, sizeof(name), "ipv4/conf/ecs-%d/forwarding", id);
	sysctl(name, "1");
	attach(bt, gw->port);
}

int nt_setup(void **state)
{
	struct bt *bt;

	if (bt_group_setup(state))
		return -1;
	bt = *state;
	for (int id = 1; id <= NT_NETWORKS; id++)
		make_gateway(bt, id);
	bt_ip("address add " NT_UPLINK "/24 dev near%d", BT_LAN);
	bt_ip("route add 203.0.113.0/24 via " NT_LAN);
	for (int i = 0; i < 3; i++) {
		bt_enter(bt->end[i].far_ns);
		bt_ip("address add 10.77.0.%d/24 dev far%d", i == 1 ? 11 : 10, i);
		bt_ip("route add default via " NT_GATEWAY);
	}
	bt_enter(bt->end[BT_LAN].far_ns);
	bt_ip("link set lo up");
	bt_ip("address add " NT_LAN "/24 dev far%d", BT_LAN);
	bt_ip("address add " NT_FAR "/32 dev lo");
	bt_enter(bt->ns);
	return 0;
}

int nt_teardown(void **state)
{
	return bt_group_teardown(state);
}

static void clear_flows(struct bt *bt)
{
	const struct ecs_nat_use none = {0};
	struct ecs_nat_rule_key rule;

	while (!bpf_map_get_next_key(bpf_map__fd(bt->bpf->maps.ecs_nat_flows), NULL, &clear_key))
		bpf_map_delete_elem(bpf_map__fd(bt->bpf->maps.ecs_nat_flows), &clear_key);
	while (!bpf_map_get_next_key(bpf_map__fd(bt->bpf->maps.ecs_nat_rules), NULL, &rule))
		bpf_map_delete_elem(bpf_map__fd(bt->bpf->maps.ecs_nat_rules), &rule);
	for (uint32_t slot = 0; slot <= BT_UPLINK_SLOT; slot++)
		bpf_map_update_elem(bpf_map__fd(bt->bpf->maps.ecs_nat_used), &slot, &none, 0);
}

static void make_network(struct bt *bt, uint16_t id)
{
	const struct gateway *gw = &gateways[id];
	struct ecs_network network = {
		.used = 1,
		.flood_len = BT_VMS + 1,
		.flags = ECS_NETWORK_NAT4,
		.gateway = gw->host,
		.gateway_port = gw->port,
		.gateway4_be = inet_addr(NT_GATEWAY),
		.gateway4_len = 24,
		.nat4_be = inet_addr(NT_UPLINK),
		.nat_uplink = bt->end[BT_LAN].ifindex,
		.nat_uplink_slot = BT_UPLINK_SLOT,
		.nat_port_low = NT_LOW,
		.nat_port_high = NT_HIGH,
		.nat_timeout_s = {240, 7440, 240, 30, 300, 60},
	};

	memcpy(network.gateway_mac, gw->mac, 6);
	bt_network_set(bt, id, &network);
}

static void make_port(struct bt *bt, uint16_t id)
{
	const struct gateway *gw = &gateways[id];
	struct ecs_flood_member member = {.ifindex = gw->port, .slot = 50u + id};
	uint32_t place = (uint32_t)id * ECS_NETWORK_PORTS_MAX + BT_VMS;
	struct ecs_port port = {
		.role = ECS_ROLE_HOST,
		.network = id,
		.slot = 50u + id,
		.mtu = BT_MTU,
		.flags = ECS_PORT_NAT,
	};

	memcpy(port.mac, gw->port_mac, 6);
	bt_port_set(bt, gw->port, 0, &port);
	bpf_map_update_elem(bpf_map__fd(bt->bpf->maps.ecs_flood), &place, &member, 0);
}

int nt_test_setup(void **state)
{
	struct bt *bt = *state;

	bt_test_setup(state);
	clear_flows(bt);
	for (uint16_t id = 1; id <= NT_NETWORKS; id++) {
		make_network(bt, id);
		make_port(bt, id);
	}
	bt_vm(bt, 0, 1, ECS_PORT_PEER | ECS_PORT_NAT);
	bt_vm(bt, 1, 1, ECS_PORT_PEER | ECS_PORT_NAT);
	bt_vm(bt, 2, 2, ECS_PORT_PEER | ECS_PORT_NAT);
	bt_uplink(bt, 0, 0, ECS_PORT_NAT);
	return 0;
}

int nt_socket(struct bt *bt, int i, int type, const char *addr, uint16_t port)
{
	struct sockaddr_in local = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = inet_addr(addr),
		.sin_port = htons(port),
	};
	const struct timeval limit = {.tv_sec = NT_DEADLINE_MS / 1000};
	int sock, on = 1;

	bt_enter(i < 0 ? bt->ns : bt->end[i].far_ns);
	sock = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	bt_enter(bt->ns);
	assert_true(sock >= 0);
	setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (bind(sock, (struct sockaddr *)&local, sizeof(local)))
		fail_msg("bind %s:%u: %s", addr, port, strerror(errno));
	return sock;
}

void nt_send(int sock, const char *addr, uint16_t port, const char *text)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = inet_addr(addr),
		.sin_port = htons(port),
	};

	if (sendto(sock, text, strlen(text), 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		fail_msg("sendto %s:%u: %s", addr, port, strerror(errno));
}

struct sockaddr_in nt_recv(int sock, char *text, size_t size)
{
	struct sockaddr_in from = {0};
	socklen_t len = sizeof(from);
	ssize_t got = recvfrom(sock, text, size - 1, 0, (struct sockaddr *)&from, &len);

	if (got < 0)
		fail_msg("nothing received: %s", strerror(errno));
	text[got] = '\0';
	return from;
}

void nt_quiet(int sock)
{
	struct pollfd poll_fd = {.fd = sock, .events = POLLIN};

	assert_int_equal(poll(&poll_fd, 1, QUIET_MS), 0);
}

void nt_rule(struct bt *bt, uint8_t proto, uint16_t port, uint16_t id, const char *inside,
	     uint16_t inside_port)
{
	struct ecs_nat_rule_key key = {
		.addr_be = inet_addr(NT_UPLINK),
		.port_be = htons(port),
		.proto = proto,
	};
	struct ecs_nat_rule rule = {
		.inside_be = inet_addr(inside),
		.inside_port_be = htons(inside_port),
		.network = id,
	};

	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(bt->bpf->maps.ecs_nat_rules), &key, &rule, 0), 0);
}

bool nt_flow_get(struct bt *bt, const struct ecs_nat_key *key, struct ecs_nat_flow *flow)
{
	return !bpf_map_lookup_elem(bpf_map__fd(bt->bpf->maps.ecs_nat_flows), key, flow);
}

void nt_flow_set(struct bt *bt, const struct ecs_nat_key *key, const struct ecs_nat_flow *flow)
{
	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(bt->bpf->maps.ecs_nat_flows), key, flow, 0), 0);
}

int nt_flows(struct bt *bt)
{
	struct ecs_nat_key key, *prev = NULL;
	int n = 0;

	while (!bpf_map_get_next_key(bpf_map__fd(bt->bpf->maps.ecs_nat_flows), prev, &key)) {
		prev = &key;
		n++;
	}
	return n;
}

void nt_origin(struct bt *bt, struct ecs_nat_key *key, struct ecs_nat_flow *flow)
{
	struct ecs_nat_key next, *prev = NULL;
	struct ecs_nat_flow entry;
	int origins = 0;

	while (!bpf_map_get_next_key(bpf_map__fd(bt->bpf->maps.ecs_nat_flows), prev, &next)) {
		prev = &next;
		assert_true(nt_flow_get(bt, &next, &entry));
		if (!(entry.flags & ECS_NAT_ORIGIN))
			continue;
		*key = next;
		*flow = entry;
		origins++;
	}
	assert_int_equal(origins, 1);
}

void nt_ports(struct bt *bt, uint16_t id, uint16_t low, uint16_t high)
{
	struct ecs_network network;

	bt_network_get(bt, id, &network);
	network.nat_port_low = low;
	network.nat_port_high = high;
	bt_network_set(bt, id, &network);
}

struct ecs_nat_use nt_used(struct bt *bt, uint32_t slot)
{
	struct ecs_nat_use use;

	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(bt->bpf->maps.ecs_nat_used), &slot, &use),
			 0);
	return use;
}

void nt_limit(struct bt *bt, uint32_t flows)
{
	struct ecs_nat_use use = {.limit = flows};
	uint32_t whole = 0;

	bpf_map_update_elem(bpf_map__fd(bt->bpf->maps.ecs_nat_used), &whole, &use, 0);
}
