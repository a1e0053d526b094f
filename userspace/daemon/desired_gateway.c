// SPDX-License-Identifier: Apache-2.0
/*
 * Which gateways there should be, and what their links lack. A pair is known by the names and
 * the kind of both ends; a stranger's link of such a name is left alone. Makes no system call.
 */
#include "desired_priv.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>

static bool is_pair(const struct ecs_link *host, const struct ecs_link *port)
{
	return host && port && !strcmp(host->kind, "veth") && !strcmp(port->kind, "veth") &&
	       !host->peer_elsewhere && host->peer == port->ifindex;
}

/* A link that we made, whatever has become of it since. */
static bool is_ours(const struct ecs_link *link, uint32_t ifindex, const uint8_t mac[6])
{
	return link->ifindex == ifindex && !strcmp(link->kind, "veth") &&
	       !memcmp(link->mac, mac, sizeof(link->mac));
}

/* One end was renamed or taken away: what is left of the pair may go. */
static bool is_broken(const struct ecs_state_gateway *old, const struct ecs_link *host,
		      const struct ecs_link *port)
{
	return (!host || is_ours(host, old->host_ifindex, old->host_mac)) &&
	       (!port || is_ours(port, old->port_ifindex, old->port_mac));
}

void ecs_gateway_names(struct ecs_state_gateway *gateway, const char *network)
{
	snprintf(gateway->host, sizeof(gateway->host), ECS_GATEWAY_PREFIX "%.*s",
		 (int)(sizeof(gateway->host) - sizeof(ECS_GATEWAY_PREFIX)), network);
	snprintf(gateway->port, sizeof(gateway->port), ECS_GATEWAY_PORT_PREFIX "%.*s",
		 (int)(sizeof(gateway->port) - sizeof(ECS_GATEWAY_PORT_PREFIX)), network);
}

static void take(struct ecs_state_gateway *gateway, const struct ecs_link *host,
		 const struct ecs_link *port)
{
	gateway->host_ifindex = host->ifindex;
	gateway->port_ifindex = port->ifindex;
	memcpy(gateway->host_mac, host->mac, sizeof(gateway->host_mac));
	memcpy(gateway->port_mac, port->mac, sizeof(gateway->port_mac));
}

bool ecs_gateway_find(struct ecs_state_gateway *gateway, const struct ecs_observed *observed)
{
	const struct ecs_link *host = ecs_observed_by_name(observed, gateway->host);
	const struct ecs_link *port = ecs_observed_by_name(observed, gateway->port);

	if (!is_pair(host, port))
		return false;
	take(gateway, host, port);
	return true;
}

static void find_lacks(const struct ecs_desired *c, struct ecs_state_gateway *gateway,
		       const struct ecs_state_gateway *old)
{
	const struct ecs_link *host = ecs_observed_by_index(c->observed, gateway->host_ifindex);
	const struct ecs_link *port = ecs_observed_by_index(c->observed, gateway->port_ifindex);

	gateway->host_down = !(host->flags & IFF_UP);
	gateway->port_down = !(port->flags & IFF_UP);
	for (int i = 0; i < ECS_GATEWAY_ADDRS; i++) {
		const struct ecs_prefix *new = &gateway->addrs[i], *was = &old->addrs[i];

		gateway->lacks[i] =
			new->family && !ecs_observed_has_addr(c->observed, host->ifindex, new);
		if (was->family && memcmp(was, new, sizeof(*was)) &&
		    ecs_observed_has_addr(c->observed, host->ifindex, was))
			gateway->stale[i] = *was;
	}
}

static void fill_network(struct ecs_network *net, const struct ecs_state_gateway *gateway)
{
	const struct ecs_prefix *addr4 = &gateway->addrs[ECS_GATEWAY_IPV4];
	const struct ecs_prefix *addr6 = &gateway->addrs[ECS_GATEWAY_IPV6];

	net->gateway = gateway->host_ifindex;
	net->gateway_port = gateway->port_ifindex;
	memcpy(net->gateway_mac, gateway->host_mac, sizeof(net->gateway_mac));
	net->gateway4_len = addr4->len;
	net->gateway6_len = addr6->len;
	memcpy(&net->gateway4_be, addr4->addr, sizeof(net->gateway4_be));
	memcpy(net->gateway6, addr6->addr, sizeof(net->gateway6));
}

static void make_gateway(struct ecs_desired *c, const struct ecs_config_network *from)
{
	uint16_t id = ecs_state_network_id(c->want, from->name);
	struct ecs_state_gateway *gateway = &c->want->gateways[id];
	const struct ecs_state_gateway *old = &c->have->gateways[id];
	const struct ecs_link *uplink = ecs_observed_by_name(c->observed, from->uplink);
	const struct ecs_link *host, *port;
	struct ecs_waiting what;

	ecs_gateway_names(gateway, from->name);
	gateway->addrs[ECS_GATEWAY_IPV4] = from->gateway;
	gateway->addrs[ECS_GATEWAY_IPV6] = from->gateway6;
	gateway->routes[ECS_GATEWAY_IPV4] = from->nat;
	gateway->routes[ECS_GATEWAY_IPV6] = from->nat66;
	gateway->mtu = uplink ? uplink->mtu : 0;
	fill_network(&c->want->networks[id], gateway);
	what = ecs_desired_request(gateway->host, ECS_ROLE_HOST, id, true);
	host = ecs_observed_by_name(c->observed, gateway->host);
	port = ecs_observed_by_name(c->observed, gateway->port);
	if (is_pair(host, port)) {
		take(gateway, host, port);
		find_lacks(c, gateway, strcmp(old->host, gateway->host) ? gateway : old);
		fill_network(&c->want->networks[id], gateway);
		what = ecs_desired_request(gateway->port, ECS_ROLE_HOST, id, true);
		ecs_desired_vm(c, port, &what);
	} else if ((!host && !port) ||
		   (!strcmp(old->host, gateway->host) && is_broken(old, host, port))) {
		gateway->make = true;
		/* The VMs remember the address; they need not notice. */
		if (!strcmp(old->host, gateway->host))
			memcpy(gateway->host_mac, old->host_mac, sizeof(gateway->host_mac));
	} else {
		what.ifindex = host ? host->ifindex : port->ifindex;
		ecs_desired_wait(c, &what,
				 "a link %s exists that is not the gateway's; rename that link or "
				 "the network",
				 host ? gateway->host : gateway->port);
		*gateway = (struct ecs_state_gateway){};
	}
}

void ecs_desired_gateways(struct ecs_desired *c)
{
	for (size_t i = 0; i < c->config->networks_len; i++)
		if (ecs_config_gateway(&c->config->networks[i]))
			make_gateway(c, &c->config->networks[i]);
}

bool ecs_desired_is_gateway(const struct ecs_desired *c, const struct ecs_link *link)
{
	for (uint16_t id = 1; id <= ECS_NETWORKS_MAX; id++)
		if (c->want->gateways[id].host[0] &&
		    c->want->gateways[id].host_ifindex == link->ifindex)
			return true;
	return false;
}
