// SPDX-License-Identifier: Apache-2.0
/* nat list, nat flows: what NAT is told to do and what it is doing. */
#include "handle.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "listen.h"

#define NS_PER_S 1000000000ull
#define FLOWS_SHOWN_MAX 100000 /* an answer has to fit a message */

static const char *const states[] = {"none", "new", "established", "closing", "closed"};

static const char *proto_text(uint8_t proto)
{
	return proto == IPPROTO_TCP ? "tcp" : proto == IPPROTO_UDP ? "udp" : "icmp";
}

static const char *flow_proto_text(const struct ecs_nat_key *key)
{
	return key->v6 && key->proto == IPPROTO_ICMP ? "icmpv6" : proto_text(key->proto);
}

static json_t *addr_json(uint32_t addr_be)
{
	char text[INET_ADDRSTRLEN];

	if (!addr_be)
		return json_null();
	return json_string(inet_ntop(AF_INET, &addr_be, text, sizeof(text)));
}

static json_t *addr6_json(const uint8_t addr[16])
{
	static const uint8_t none[16];
	char text[INET6_ADDRSTRLEN];

	if (!memcmp(addr, none, sizeof(none)))
		return json_null();
	return json_string(inet_ntop(AF_INET6, addr, text, sizeof(text)));
}

/* --- nat flows --------------------------------------------------------------------------- */

struct listing {
	struct ecs_daemon *d;
	json_t *rows;
	uint64_t now_ns;
	uint16_t network; /* 0 = all */
	uint8_t proto;	  /* 0 = all */
	uint32_t addr_be; /* or the number of an IPv6 address; 0 = all */
	bool v6;	  /* addr_be is one */
};

struct side {
	uint32_t addr_be;
	uint16_t port_be;
};

/* A flow seen from the network whose VM it is of. */
struct view {
	struct side inside, outside, remote;
	uint16_t network;
	const char *kind;
};

static struct view view_of(const struct ecs_nat_key *key, const struct ecs_nat_flow *flow)
{
	struct side from = {key->src_be, key->sport_be}, to = {key->dst_be, key->dport_be};
	struct side new_from = {flow->src_be, flow->sport_be};
	struct side new_to = {flow->dst_be, flow->dport_be};

	if (flow->flags & ECS_NAT_HOST)
		return (struct view){from, from, to, 0, "host"};
	if (flow->scope != ECS_NAT_OUTSIDE) /* to a VM: by a forward */
		return (struct view){new_to, to, from, flow->scope,
				     flow->flags & ECS_NAT_HAIRPIN ? "hairpin" : "forward"};
	return (struct view){from, new_from, to, key->scope, "masquerade"};
}

static bool is_wanted(const struct listing *listing, const struct ecs_nat_key *key,
		      const struct view *view)
{
	if (listing->proto && key->proto != listing->proto)
		return false;
	if (listing->network && view->network != listing->network && key->scope != listing->network)
		return false;
	if (listing->addr_be && key->v6 != listing->v6)
		return false;
	return !listing->addr_be || view->inside.addr_be == listing->addr_be ||
	       view->outside.addr_be == listing->addr_be ||
	       view->remote.addr_be == listing->addr_be;
}

static json_t *side_json(const struct listing *listing, const struct ecs_nat_key *key,
			 const struct side *side)
{
	char addr[INET6_ADDRSTRLEN];
	struct ecs_nat_addr addr6;

	if (!key->v6) {
		inet_ntop(AF_INET, &side->addr_be, addr, sizeof(addr));
		return json_sprintf("%s:%u", addr, ntohs(side->port_be));
	}
	ecs_datapath_nat_addr(listing->d->dp, side->addr_be, &addr6);
	inet_ntop(AF_INET6, &addr6, addr, sizeof(addr));
	return json_sprintf("[%s]:%u", addr, ntohs(side->port_be));
}

static json_int_t seconds(uint32_t since, uint64_t now_ns)
{
	uint64_t since_ns = (uint64_t)since << ECS_NAT_TICK_SHIFT;

	return since_ns < now_ns ? (json_int_t)((now_ns - since_ns) / NS_PER_S) : 0;
}

static json_t *flow_row(const struct listing *listing, const struct ecs_nat_key *key,
			const struct ecs_nat_flow *flow, const struct view *view)
{
	const struct ecs_state *have = &listing->d->have;
	struct ecs_nat_flow back = {.seen = flow->seen};
	const char *network = view->network && view->network <= ECS_NETWORKS_MAX
				      ? have->networks[view->network].name
				      : NULL;
	uint32_t seen;
	json_t *row;

	ecs_datapath_nat_other(listing->d->dp, key, flow, &back);
	seen = back.seen > flow->seen ? back.seen : flow->seen;
	row = json_pack("{s:s, s:s?, s:o, s:o, s:o, s:s, s:s, s:I, s:I, s:I}", "proto",
			flow_proto_text(key), "network", network, "inside",
			side_json(listing, key, &view->inside), "outside",
			side_json(listing, key, &view->outside), "remote",
			side_json(listing, key, &view->remote), "kind", view->kind, "state",
			flow->state < sizeof(states) / sizeof(states[0]) ? states[flow->state]
									 : "-",
			"age_s", seconds(flow->created, listing->now_ns), "idle_s",
			seconds(seen, listing->now_ns), "timeout_s", (json_int_t)flow->timeout_s);
	/* "Sent" is what the one who opened the flow sent. */
	json_object_update_new(row, json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "packets",
					      (json_int_t)(flow->packets + back.packets), "bytes",
					      (json_int_t)(flow->bytes + back.bytes),
					      "packets_sent", (json_int_t)flow->packets,
					      "bytes_sent", (json_int_t)flow->bytes,
					      "packets_received", (json_int_t)back.packets,
					      "bytes_received", (json_int_t)back.bytes));
	return row;
}

static bool list_flow(const struct ecs_nat_key *key, const struct ecs_nat_flow *flow, void *ctx)
{
	struct listing *listing = ctx;
	struct view view = view_of(key, flow);

	if ((flow->flags & ECS_NAT_ORIGIN) && json_array_size(listing->rows) < FLOWS_SHOWN_MAX &&
	    is_wanted(listing, key, &view))
		json_array_append_new(listing->rows, flow_row(listing, key, flow, &view));
	return false;
}

/* The network that the parameters name, 0 for all; or an error. */
static int chosen_network(struct ecs_daemon *d, const json_t *params, uint16_t *id,
			  struct ecs_err *err)
{
	const char *name = json_string_value(json_object_get(params, "network"));

	*id = name ? ecs_state_network_id(&d->have, name) : 0;
	if (name && !*id)
		return ecs_fail(err, -ENOENT,
				"no network \"%s\"; ecswitchctl network list shows them", name);
	return 0;
}

int ecs_handle_nat_flows(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err)
{
	const char *proto = json_string_value(json_object_get(params, "proto"));
	const char *addr = json_string_value(json_object_get(params, "address"));
	struct listing listing = {.d = d, .now_ns = ecs_clock_ns()};
	struct ecs_nat_addr addr6;
	struct ecs_nat_cursor cursor = {};
	int r = chosen_network(d, params, &listing.network, err);

	if (r < 0)
		return r;
	if (proto)
		listing.proto = !strcmp(proto, "tcp")	? IPPROTO_TCP
				: !strcmp(proto, "udp") ? IPPROTO_UDP
							: IPPROTO_ICMP;
	listing.rows = json_array();
	if (addr && inet_pton(AF_INET6, addr, &addr6) == 1) {
		listing.v6 = true;
		listing.addr_be = ecs_datapath_nat_number(d->dp, &addr6);
		if (!listing.addr_be) {
			*result = listing.rows;
			return 0;
		}
	} else if (addr && inet_pton(AF_INET, addr, &listing.addr_be) != 1) {
		json_decref(listing.rows);
		return ecs_fail(err, -EINVAL, "%s is no address", addr);
	}
	r = ecs_datapath_nat_walk(d->dp, &cursor, UINT32_MAX, list_flow, &listing);
	if (r < 0) {
		json_decref(listing.rows);
		return ecs_fail(err, r, "cannot read the flows: %s", strerror(-r));
	}
	*result = listing.rows;
	return 0;
}

/* --- nat list ---------------------------------------------------------------------------- */

static bool count_flow(const struct ecs_nat_key *key, const struct ecs_nat_flow *flow, void *ctx)
{
	uint32_t *counts = ctx;

	(void)key;
	if ((flow->flags & ECS_NAT_ORIGIN) && flow->network <= ECS_NETWORKS_MAX)
		counts[flow->network]++;
	return false;
}

static json_t *forwards_of(struct ecs_daemon *d, const char *network)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < d->config->forwards_len; i++) {
		const struct ecs_config_forward *forward = &d->config->forwards[i];
		char ports[ECS_PORTS_TEXT_MAX], to[ECS_TARGET_TEXT_MAX];

		if (strcmp(forward->network, network))
			continue;
		json_array_append_new(rows,
				      json_pack("{s:s, s:s, s:s, s:s, s:b}", "network", network,
						"proto", proto_text(forward->proto), "port",
						ecs_ports_format(&forward->ports, ports), "to",
						ecs_endpoint_format(&forward->to, to), "force",
						forward->force));
	}
	return rows;
}

static json_t *nat_row(struct ecs_daemon *d, const struct ecs_config_network *config, uint16_t id,
		       uint32_t flows)
{
	const struct ecs_network *net = &d->have.networks[id];
	struct ecs_ports range = {net->nat_port_low, net->nat_port_high};
	char ports[ECS_PORTS_TEXT_MAX];

	return json_pack("{s:s, s:s, s:o, s:o, s:s?, s:i, s:i, s:i, s:i, s:i, s:s, s:o}", "network",
			 config->name, "uplink", config->uplink, "address", addr_json(net->nat4_be),
			 "address6", addr6_json(net->nat6), "ports",
			 range.low ? ecs_ports_format(&range, ports) : NULL, "flows", (int)flows,
			 "limit", (int)net->nat_limit, "tcp_timeout",
			 (int)net->nat_timeout_s[ECS_NAT_TIMER_TCP_ESTABLISHED], "udp_timeout",
			 (int)net->nat_timeout_s[ECS_NAT_TIMER_UDP], "icmp_timeout",
			 (int)net->nat_timeout_s[ECS_NAT_TIMER_ICMP], "state",
			 net->nat4_be ? "up" : "waiting", "forwards", forwards_of(d, config->name));
}

int ecs_handle_nat_list(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err)
{
	uint32_t counts[ECS_NETWORKS_MAX + 1] = {};
	struct ecs_nat_cursor cursor = {};
	uint16_t only;
	int r = chosen_network(d, params, &only, err);

	if (r < 0)
		return r;
	ecs_datapath_nat_walk(d->dp, &cursor, UINT32_MAX, count_flow, counts);
	*result = json_array();
	for (size_t i = 0; i < d->config->networks_len; i++) {
		const struct ecs_config_network *config = &d->config->networks[i];
		uint16_t id = ecs_state_network_id(&d->have, config->name);

		if (config->nat && (!only || id == only))
			json_array_append_new(*result, nat_row(d, config, id, counts[id]));
	}
	return 0;
}

/* --- what a change of NAT needs of the host ---------------------------------------------- */

static int check_ports(const struct ecs_ports *local, const json_t *params, struct ecs_err *err)
{
	const char *text = json_string_value(json_object_get(params, "nat_ports"));
	struct ecs_ports ports = {};

	if (!text || ecs_ports_parse(text, &ports) < 0 || ports.low > local->high ||
	    ports.high < local->low)
		return 0;
	return ecs_fail(err, -EBUSY,
			"nat-ports %s: the host's sockets take theirs from %u-%u (net.ipv4."
			"ip_local_port_range); choose others or change that",
			text, local->low, local->high);
}

static bool same_bits(const uint8_t *a, const uint8_t *b, int bits)
{
	for (int bit = 0; bit < bits; bit++)
		if ((a[bit / 8] ^ b[bit / 8]) & (0x80 >> bit % 8))
			return false;
	return true;
}

/* What is in the gateway's network never leaves it, so the uplink's must be another one. */
static int check_gateway(const struct ecs_observed *observed, const struct ecs_network *net,
			 const struct ecs_prefix *gateway, struct ecs_err *err)
{
	for (size_t i = 0; i < observed->addr_count; i++) {
		const struct ecs_addr *addr = &observed->addrs[i];
		struct ecs_prefix there = {.family = addr->family, .len = addr->prefix_len};
		char text[ECS_PREFIX_TEXT_MAX], there_text[ECS_PREFIX_TEXT_MAX];

		if (addr->ifindex != net->nat_uplink || addr->family != gateway->family ||
		    !same_bits(addr->addr, gateway->addr,
			       there.len < gateway->len ? there.len : gateway->len))
			continue;
		memcpy(there.addr, addr->addr, sizeof(there.addr));
		return ecs_fail(
			err, -EINVAL,
			"gateway %s is in the network of the uplink itself (%s), whose hosts "
			"the VMs could not reach; give them a network of their own",
			ecs_prefix_format(gateway, text), ecs_prefix_format(&there, there_text));
	}
	return 0;
}

static int check_network(const struct ecs_observed *observed, const struct ecs_state *want,
			 const json_t *params, struct ecs_err *err)
{
	uint16_t id =
		ecs_state_network_id(want, json_string_value(json_object_get(params, "name")));
	const struct ecs_network *net = &want->networks[id];
	int r = check_ports(&observed->local_ports, params, err);

	for (int i = 0; r == 0 && net->nat_uplink && i < ECS_GATEWAY_ADDRS; i++)
		r = check_gateway(observed, net, &want->gateways[id].addrs[i], err);
	return r;
}

/* What comes to a forwarded port is not an answer: NAT cannot use it. */
static bool has_port(const struct ecs_state *want, const struct ecs_network *net,
		     struct ecs_state_rule_key key)
{
	for (uint32_t port = net->nat_port_low; port <= net->nat_port_high; port++) {
		key.port_be = htons((uint16_t)port);
		if (!ecs_state_rule_get(want, &key))
			return true;
	}
	return false;
}

static void own_address(const struct ecs_network *net, uint8_t family, uint8_t addr[16])
{
	memset(addr, 0, 16);
	if (family == AF_INET6)
		memcpy(addr, net->nat6, sizeof(net->nat6));
	else
		memcpy(addr, &net->nat4_be, sizeof(net->nat4_be));
}

/* Also of other networks: those of one uplink have its address together. */
static int check_left(const struct ecs_state *want, const struct ecs_network *net, uint8_t family,
		      uint8_t proto, struct ecs_err *err)
{
	struct ecs_state_rule_key key = {.family = family, .proto = proto};

	own_address(net, family, key.addr);
	for (uint16_t id = 1; net->nat_uplink && id <= ECS_NETWORKS_MAX; id++) {
		const struct ecs_network *other = &want->networks[id];

		if (other->nat_uplink != net->nat_uplink || has_port(want, other, key))
			continue;
		return ecs_fail(
			err, -EBUSY,
			"the forward leaves network %s none of its ports %u-%u for the VMs' "
			"own %s connections; forward fewer, or give it others: network set "
			"%s nat-ports LOW-HIGH",
			other->name, other->nat_port_low, other->nat_port_high, proto_text(proto),
			other->name);
	}
	return 0;
}

static int check_forward(const struct ecs_state *want, const json_t *params, struct ecs_err *err)
{
	const char *network = json_string_value(json_object_get(params, "network"));
	const char *proto = json_string_value(json_object_get(params, "proto"));
	const char *text = json_string_value(json_object_get(params, "port"));
	const char *to = json_string_value(json_object_get(params, "to"));
	const struct ecs_network *net = &want->networks[ecs_state_network_id(want, network)];
	uint8_t number = strcmp(proto, "tcp") ? IPPROTO_UDP : IPPROTO_TCP;
	struct ecs_endpoint target;
	struct ecs_ports ports;
	uint8_t addr[16];
	uint16_t port;
	int r;

	if (ecs_ports_parse(text, &ports) < 0 || ecs_endpoint_parse(to, &target) < 0)
		return 0;
	r = check_left(want, net, target.family, number, err);
	if (r < 0 || json_is_true(json_object_get(params, "force")))
		return r;
	own_address(net, target.family, addr);
	if (!ecs_listen_find(number, target.family, addr, &ports, &port))
		return 0;
	return ecs_fail(err, -EBUSY,
			"the host itself listens on %s port %u, which the forward would take away; "
			"stop that service, or add: force",
			proto, port);
}

int ecs_nat_check(struct ecs_daemon *d, const struct ecs_state *want, const char *method,
		  const json_t *params, struct ecs_err *err)
{
	if (!strcmp(method, "network.add") || !strcmp(method, "network.set"))
		return check_network(&d->observed, want, params, err);
	if (!strcmp(method, "nat.forward.add"))
		return check_forward(want, params, err);
	return 0;
}
