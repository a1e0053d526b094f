// SPDX-License-Identifier: Apache-2.0
/*
 * NAT in the wanted state: the address to hide behind, ports, timeouts and limits of each
 * network, its forwards as rules of single ports, and what to reserve. Makes no system call.
 */
#include "desired_priv.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

/* RFC 5382 REQ-5, RFC 4787 REQ-5, RFC 5508 REQ-2. */
#define TCP_S 7440
#define TCP_SHORT_S 240
#define UDP_S 300
#define UDP_NEW_S 120
#define ICMP_S 60

#define PORTS_LOW 16384 /* below are services of the host */
#define PORTS_ENOUGH 8192
#define LIMIT_PART 4 /* of the table, that one VM may use */

static uint32_t lesser(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static void fill_timeouts(struct ecs_network *net, const struct ecs_config_network *from)
{
	uint32_t tcp = from->tcp_timeout_s ? from->tcp_timeout_s : TCP_S;
	uint32_t udp = from->udp_timeout_s ? from->udp_timeout_s : UDP_S;
	uint32_t icmp = from->icmp_timeout_s ? from->icmp_timeout_s : ICMP_S;

	net->nat_timeout_s[ECS_NAT_TIMER_TCP_NEW] = lesser(tcp, TCP_SHORT_S);
	net->nat_timeout_s[ECS_NAT_TIMER_TCP_ESTABLISHED] = tcp;
	net->nat_timeout_s[ECS_NAT_TIMER_TCP_CLOSING] = lesser(tcp, TCP_SHORT_S);
	net->nat_timeout_s[ECS_NAT_TIMER_UDP_NEW] = lesser(udp, UDP_NEW_S);
	net->nat_timeout_s[ECS_NAT_TIMER_UDP] = udp;
	net->nat_timeout_s[ECS_NAT_TIMER_ICMP] = icmp;
}

/* Ports that no socket is given, if there are enough below those that are, or else above. What
 * overlaps nevertheless is reserved. */
static struct ecs_ports default_ports(const struct ecs_ports *local)
{
	struct ecs_ports below = {PORTS_LOW, local->low - 1};
	struct ecs_ports above = {local->high + 1, UINT16_MAX};

	if (!local->low)
		return (struct ecs_ports){PORTS_LOW, 32767};
	if (local->low >= PORTS_LOW + PORTS_ENOUGH)
		return below;
	if (local->high <= UINT16_MAX - PORTS_ENOUGH)
		return above;
	return (struct ecs_ports){PORTS_LOW, PORTS_LOW + PORTS_ENOUGH - 1};
}

/* Also while the uplink is away: the data path then drops what would leave, and does not leave it
 * to the host, which forwards from the gateway's link. */
void ecs_desired_nat_flags(struct ecs_desired *c, const struct ecs_config_network *from)
{
	struct ecs_network *net = &c->want->networks[ecs_state_network_id(c->want, from->name)];

	net->flags = ECS_NETWORK_NAT4 | (from->nat66 ? ECS_NETWORK_NAT6 : 0);
}

void ecs_desired_nat_uplink(struct ecs_desired *c, const struct ecs_config_network *from,
			    struct ecs_state_port *port)
{
	uint16_t id = ecs_state_network_id(c->want, from->name);
	struct ecs_network *net = &c->want->networks[id];
	const struct ecs_network *old = &c->have->networks[id];
	struct ecs_ports ports =
		from->nat_ports.low ? from->nat_ports : default_ports(&c->observed->local_ports);

	port->port.flags |= ECS_PORT_NAT;
	net->nat_uplink = port->ifindex;
	net->nat_uplink_slot = port->port.slot;
	if (from->nat66) {
		port->port.flags |= ECS_PORT_NAT6;
		ecs_observed_addr6(c->observed, port->ifindex, old->nat6, net->nat6);
	}
	net->nat4_be = ecs_observed_addr4(c->observed, port->ifindex, old->nat4_be);
	net->nat_port_low = ports.low;
	net->nat_port_high = ports.high;
	net->nat_limit = from->nat_limit ? from->nat_limit : c->have->nat_size / LIMIT_PART;
	net->nat_limit_in = c->have->nat_size / LIMIT_PART;
	fill_timeouts(net, from);
}

static void add_rules(struct ecs_desired *c, const struct ecs_config_forward *from, uint16_t id)
{
	const struct ecs_network *net = &c->want->networks[id];
	struct ecs_state_rule rule = {
		.key = {.family = from->to.family, .proto = from->proto},
		.network = id,
	};
	uint16_t first = from->to.port ? from->to.port : from->ports.low;

	if (from->to.family == AF_INET6)
		memcpy(rule.key.addr, net->nat6, sizeof(net->nat6));
	else
		memcpy(rule.key.addr, &net->nat4_be, sizeof(net->nat4_be));
	memcpy(rule.inside, from->to.addr, sizeof(rule.inside));
	for (uint32_t port = from->ports.low; port <= from->ports.high; port++) {
		rule.key.port_be = htons((uint16_t)port);
		rule.inside_port_be = htons((uint16_t)(first + port - from->ports.low));
		if (ecs_state_rule_add(c->want, &rule) < 0)
			c->failed = true;
	}
	if (ecs_state_reserve(c->want, &from->ports) < 0)
		c->failed = true;
}

static bool has_address(const struct ecs_network *net, uint8_t family)
{
	static const uint8_t none[16];

	return family == AF_INET6 ? memcmp(net->nat6, none, sizeof(none)) != 0 : net->nat4_be != 0;
}

static void reserve(struct ecs_desired *c, const struct ecs_network *net)
{
	struct ecs_ports ports = {net->nat_port_low, net->nat_port_high};

	if (ecs_state_reserve(c->want, &ports) < 0)
		c->failed = true;
}

void ecs_desired_nat(struct ecs_desired *c)
{
	struct ecs_state *want = c->want;

	want->nat_size = c->have->nat_size;
	for (uint16_t id = 1; id <= ECS_NETWORKS_MAX; id++)
		if (want->networks[id].nat_uplink)
			reserve(c, &want->networks[id]);
	for (size_t i = 0; i < c->config->forwards_len; i++) {
		const struct ecs_config_forward *forward = &c->config->forwards[i];
		uint16_t id = ecs_state_network_id(want, forward->network);

		if (has_address(&want->networks[id], forward->to.family))
			add_rules(c, forward, id);
	}
	ecs_state_rules_sort(want);
	for (size_t i = 0; i < want->port_count; i++) {
		struct ecs_state_port *port = &want->ports[i];

		if (port->port.role != ECS_ROLE_UPLINK &&
		    want->networks[port->port.network].flags & ECS_NETWORK_NAT4)
			port->port.flags |= ECS_PORT_NAT;
		if (port->port.role != ECS_ROLE_UPLINK &&
		    want->networks[port->port.network].flags & ECS_NETWORK_NAT6)
			port->port.flags |= ECS_PORT_NAT6;
	}
}
