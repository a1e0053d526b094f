/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bench of NAT's tests: on the bench of bpf_test.h two networks with the same addresses, each
 * with its gateway veth, and an uplink that is nothing but the way out.
 *
 *   VM 0, VM 1: network 1, 10.77.0.10 and .11     uplink: 192.0.2.1
 *   VM 2:       network 2, 10.77.0.10             LAN:    192.0.2.2, and 203.0.113.1 behind it
 */
#ifndef ECS_NAT_TEST_H
#define ECS_NAT_TEST_H

#include "bpf_test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define NT_NETWORKS 2
#define NT_GATEWAY "10.77.0.1"
#define NT_UPLINK "192.0.2.1"
#define NT_LAN "192.0.2.2"
#define NT_FAR "203.0.113.1"
#define NT_LOW 20000
#define NT_HIGH 20999
#define NT_DEADLINE_MS 3000

/** nt_setup, nt_teardown - cmocka fixtures of a group; *state is a struct bt. */
int nt_setup(void **state);
int nt_teardown(void **state);

/** nt_test_setup - fixture of one test: no flows, no rules, both networks as above. */
int nt_test_setup(void **state);

#define NT_TEST(f) cmocka_unit_test_setup(f, nt_test_setup)

/** nt_gateway_mac - of the host's end of network @id's gateway. */
const uint8_t *nt_gateway_mac(uint16_t id);

/** nt_socket - socket of @type in the namespace of end @i, bound; -1 as @i is the switch's own. */
int nt_socket(struct bt *bt, int i, int type, const char *addr, uint16_t port);
/** nt_send, nt_recv - one datagram; receiving fails the test after a deadline. */
void nt_send(int sock, const char *addr, uint16_t port, const char *text);
struct sockaddr_in nt_recv(int sock, char *text, size_t size);
/** nt_quiet - nothing arrives within a short time. */
void nt_quiet(int sock);

/** nt_rule - @port of the uplink's address goes to @inside:@inside_port of network @id. */
void nt_rule(struct bt *bt, uint8_t proto, uint16_t port, uint16_t id, const char *inside,
	     uint16_t inside_port);
/** nt_flows - entries of the flow table. */
int nt_flows(struct bt *bt);
/** nt_origin - the only flow's origin entry; fails the test if there are more or none. */
void nt_origin(struct bt *bt, struct ecs_nat_key *key, struct ecs_nat_flow *flow);
bool nt_flow_get(struct bt *bt, const struct ecs_nat_key *key, struct ecs_nat_flow *flow);
void nt_flow_set(struct bt *bt, const struct ecs_nat_key *key, const struct ecs_nat_flow *flow);
/** nt_ports - the ports that network @id may use. */
void nt_ports(struct bt *bt, uint16_t id, uint16_t low, uint16_t high);
struct ecs_nat_use nt_used(struct bt *bt, uint32_t slot);
void nt_limit(struct bt *bt, uint32_t flows);

#endif
