// SPDX-License-Identifier: Apache-2.0
/*
 * Follows the kernel: keeps d->observed current from netlink events and asks for a reconcile.
 * After an overrun everything is read again.
 */
#include "daemon.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "events.h"
#include "reserve.h"
#include "userspace/lib/log.h"

static void store_link(const struct ecs_link *link, void *observed)
{
	if (ecs_observed_link_set(observed, link) < 0)
		ecs_error("out of memory: link %s is not followed", link->name);
}

static void refresh_link(struct ecs_daemon *d, uint32_t ifindex)
{
	struct ecs_link link;

	if (ecs_link_get(d->nl, ifindex, &link, NULL) == 0)
		store_link(&link, &d->observed);
}

/*
 * The kernel does not tell one end of a veth that the other one moved to another namespace or
 * back, and announces an end that is made first before the other one exists. So whatever
 * happens to one end is a reason to ask about the other.
 */
static void refresh_peers(struct ecs_daemon *d, uint32_t ifindex, uint32_t peer)
{
	for (size_t i = 0; i < d->observed.count; i++) {
		const struct ecs_link *other = &d->observed.links[i];

		if (strcmp(other->kind, "veth") || other->ifindex == ifindex)
			continue;
		if (other->peer == ifindex || other->ifindex == peer)
			refresh_link(d, other->ifindex);
	}
}

static void on_link(const struct ecs_link *link, void *ctx)
{
	struct ecs_daemon *d = ctx;
	const struct ecs_link *old = ecs_observed_by_index(&d->observed, link->ifindex);
	bool veth = !strcmp(link->kind, "veth");
	bool news = !old || old->peer != link->peer || old->peer_elsewhere != link->peer_elsewhere;

	store_link(link, &d->observed);
	ecs_guest_check(&d->guests, link);
	if (veth && !link->peer)
		refresh_link(d, link->ifindex);
	if (veth && news)
		refresh_peers(d, link->ifindex, link->peer_elsewhere ? 0 : link->peer);
	ecs_reconcile_request(d);
}

static void on_link_gone(uint32_t ifindex, void *ctx)
{
	struct ecs_daemon *d = ctx;

	ecs_guest_del(&d->guests, ifindex);
	if (!ecs_observed_link_del(&d->observed, ifindex))
		return;
	refresh_peers(d, ifindex, 0);
	ecs_reconcile_request(d);
}

static void store_addr(const struct ecs_addr *addr, void *observed)
{
	ecs_observed_addr_add(observed, addr);
}

static void on_addr(void *ctx)
{
	struct ecs_daemon *d = ctx;
	struct ecs_observed now = {};

	if (ecs_addr_list(d->nl, store_addr, &now, &d->behind) == 0) {
		ecs_observed_clear_addrs(&d->observed);
		for (size_t i = 0; i < now.addr_count; i++)
			ecs_observed_addr_add(&d->observed, &now.addrs[i]);
	}
	ecs_observed_free(&now);
	ecs_reconcile_request(d);
}

static void on_route(void *ctx)
{
	struct ecs_daemon *d = ctx;

	if (ecs_uplink_awaited(d->config))
		ecs_reconcile_request(d);
}

/* Also said of each link that is new. */
static void on_forwarding_off(uint32_t ifindex, int family, void *ctx)
{
	enum ecs_gateway_addr which = family == AF_INET ? ECS_GATEWAY_IPV4 : ECS_GATEWAY_IPV6;
	struct ecs_daemon *d = ctx;

	for (uint16_t id = 1; id <= ECS_NETWORKS_MAX; id++) {
		struct ecs_state_gateway *gateway = &d->have.gateways[id];

		if (gateway->host_ifindex != ifindex || !gateway->routes[which])
			continue;
		gateway->routes[which] = false;
		ecs_reconcile_request(d);
	}
}

/* Somebody took a filter or qdisc of a port: attach again, whatever it was. */
static void on_tc_lost(uint32_t ifindex, void *ctx)
{
	struct ecs_daemon *d = ctx;
	struct ecs_state_port *port = ecs_state_port_get(&d->have, ifindex);

	if (!port || !port->ingress)
		return;
	ecs_debug("%s: a filter or qdisc was removed", port->port.name);
	port->dirty = true;
	ecs_reconcile_request(d);
}

/* A list that breaks off must not pass for all that there is: its ports would go. */
static int read_all(struct ecs_daemon *d, struct ecs_err *err)
{
	struct ecs_observed now = {.local_ports = ecs_reserve_local_range()};
	int r = ecs_link_list(d->nl, store_link, &now, err);

	if (r == 0)
		r = ecs_addr_list(d->nl, store_addr, &now, err);
	if (r < 0) {
		ecs_observed_free(&now);
		return r;
	}
	ecs_observed_free(&d->observed);
	d->observed = now;
	return 0;
}

/* Whatever news was lost: of links, hooks, addresses and settings. */
static void read_again(struct ecs_daemon *d)
{
	struct ecs_err err = {};

	if (read_all(d, &err) == 0)
		ecs_guests_prune(&d->guests, &d->observed);
	d->behind = err;
	for (size_t i = 0; i < d->have.port_count; i++)
		d->have.ports[i].dirty = true;
	for (uint16_t id = 1; id <= ECS_NETWORKS_MAX; id++)
		d->have.network_dirty[id] = d->have.networks[id].used;
}

static void on_overrun(void *ctx)
{
	struct ecs_daemon *d = ctx;

	ecs_info("netlink overrun: reading all links again");
	read_again(d);
	ecs_reconcile_request(d);
}

static const struct ecs_watch_ops ops = {
	.link_changed = on_link,
	.link_gone = on_link_gone,
	.addr_changed = on_addr,
	.route_changed = on_route,
	.forwarding_off = on_forwarding_off,
	.tc_lost = on_tc_lost,
	.overrun = on_overrun,
};

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	struct ecs_daemon *d = ctx;
	struct ecs_err err = {};

	(void)source, (void)fd, (void)events;
	if (ecs_watch_dispatch(d->watch, &err) < 0) {
		ecs_error("the netlink socket is broken: %s", err.text);
		return sd_event_exit(d->event,
				     1); /* the supervisor starts us again; the kernel forwards */
	}
	return 0;
}

int ecs_follow_open(struct ecs_daemon *d, struct ecs_err *err)
{
	int r = ecs_watch_open(&d->watch, &ops, d, d->options.netlink_buffer, err);

	if (r < 0)
		return r;
	ecs_watch_own(d->watch, d->nl);
	r = read_all(d, err);
	if (r < 0)
		return r;
	r = sd_event_add_io(d->event, NULL, ecs_watch_fd(d->watch), EPOLLIN, on_readable, d);
	return r < 0 ? ecs_fail(err, r, "cannot poll the netlink socket: %s", strerror(-r)) : 0;
}

void ecs_follow_refresh(struct ecs_daemon *d, const char *name)
{
	refresh_link(d, if_nametoindex(name));
}

void ecs_follow_catch_up(struct ecs_daemon *d)
{
	if (d->behind.text[0])
		read_again(d);
}

void ecs_follow_close(struct ecs_daemon *d)
{
	ecs_watch_close(d->watch);
	d->watch = NULL;
}
