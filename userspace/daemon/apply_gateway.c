// SPDX-License-Identifier: Apache-2.0
/* Runs the operations on the gateways' links. Each may be repeated: what is so already is done. */
#include "apply.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include <ecswitch/cleanup.h>
#include "netlink/veth.h"
#include "sysctl.h"

/* The switch's end needs no addresses; its own chatter would only confuse the host's end. */
static void silence(const char *port)
{
	char name[64];

	snprintf(name, sizeof(name), "ipv6/conf/%s/disable_ipv6", port);
	ecs_sysctl_write(name, "1"); /* a kernel without IPv6 has no such setting */
}

static int add(const struct ecs_applier *a, const struct ecs_state_gateway *gateway,
	       struct ecs_err *err)
{
	static const uint8_t none[6];
	bool again = memcmp(gateway->host_mac, none, sizeof(none));
	int r = ecs_veth_add(a->nl, gateway->host, gateway->port, gateway->mtu,
			     again ? gateway->host_mac : NULL, err);

	if (r == 0)
		silence(gateway->port);
	return r;
}

/* A number is used again for other links, so the name or the address must be the one, too. */
static bool is_end(const struct ecs_applier *a, uint32_t ifindex, const char *name,
		   const uint8_t mac[6])
{
	struct ecs_link link;

	return ecs_link_get(a->nl, ifindex, &link, NULL) == 0 && !strcmp(link.kind, "veth") &&
	       (!strcmp(link.name, name) || !memcmp(link.mac, mac, sizeof(link.mac)));
}

static int del(const struct ecs_applier *a, const struct ecs_state_gateway *gateway,
	       struct ecs_err *err)
{
	int r = 0;

	if (is_end(a, gateway->port_ifindex, gateway->port, gateway->port_mac))
		r = ecs_link_del(a->nl, gateway->port_ifindex, err);
	else if (is_end(a, gateway->host_ifindex, gateway->host, gateway->host_mac))
		r = ecs_link_del(a->nl, gateway->host_ifindex, err);
	return r == -ENODEV ? 0 : r;
}

static int change_addr(const struct ecs_applier *a, const struct ecs_op *op, struct ecs_err *err)
{
	struct ecs_addr addr = {
		.ifindex = op->link,
		.family = op->addr.family,
		.prefix_len = op->addr.len,
		.scope = RT_SCOPE_UNIVERSE,
	};
	int r;

	memcpy(addr.addr, op->addr.addr, sizeof(addr.addr));
	if (op->verb == ECS_OP_ADDR_ADD) {
		r = ecs_addr_add(a->nl, &addr, err);
		return r == -EEXIST ? 0 : r;
	}
	r = ecs_addr_del(a->nl, &addr, err);
	return r == -EADDRNOTAVAIL || r == -ENODEV ? 0 : r;
}

/* bpf_fib_lookup() routes for a link only if the kernel would. Without NAT the link is as any
 * other again. */
static int set_route(const struct ecs_op *op, struct ecs_err *err)
{
	const char *family = op->family == ECS_GATEWAY_IPV4 ? "ipv4" : "ipv6";
	ECS_FREE char *usual = NULL;
	char name[64];
	int r;

	snprintf(name, sizeof(name), "%s/conf/default/forwarding", family);
	r = op->gateway.routes[op->family] ? 0 : ecs_sysctl_read(name, &usual);
	snprintf(name, sizeof(name), "%s/conf/%s/forwarding", family, op->gateway.host);
	if (r == 0)
		r = ecs_sysctl_write(name, usual ? usual : "1");
	return r < 0 ? ecs_fail(err, r, "cannot set net/%s: %s", name, strerror(-r)) : 0;
}

static int run(const struct ecs_applier *a, const struct ecs_op *op, struct ecs_err *err)
{
	switch (op->verb) {
	case ECS_OP_GATEWAY_ADD:
		return add(a, &op->gateway, err);
	case ECS_OP_GATEWAY_DEL:
		return del(a, &op->gateway, err);
	case ECS_OP_ADDR_ADD:
	case ECS_OP_ADDR_DEL:
		return change_addr(a, op, err);
	case ECS_OP_GATEWAY_ROUTE:
		return set_route(op, err);
	case ECS_OP_LINK_UP:
		return ecs_link_set_up(a->nl, op->link, true, err);
	default:
		return 0;
	}
}

void ecs_apply_gateways(const struct ecs_applier *applier, struct ecs_plan *plan, bool removals)
{
	for (size_t i = 0; i < plan->count; i++) {
		struct ecs_op *op = &plan->ops[i];
		struct ecs_err err = {};
		int r = ecs_op_removes(op->verb) == removals ? run(applier, op, &err) : 0;

		if (r == 0)
			continue;
		op->result = r;
		snprintf(op->text, sizeof(op->text), "%s", err.text);
	}
}
