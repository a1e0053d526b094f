// SPDX-License-Identifier: Apache-2.0
/*
 * Forwards: ports of an uplink's address that go to VMs behind NAT. A port of an uplink goes
 * to one VM at most.
 */
#include <errno.h>
#include <netinet/in.h>

#include "config_list.h"

static const char *proto_text(uint8_t proto)
{
	return proto == IPPROTO_TCP ? "tcp" : "udp";
}

const struct ecs_config_forward *ecs_config_forward_of(const struct ecs_config *config,
						       const char *network)
{
	for (size_t i = 0; i < config->forwards_len; i++)
		if (!strcmp(config->forwards[i].network, network))
			return &config->forwards[i];
	return NULL;
}

static bool overlap(const struct ecs_config_forward *a, const struct ecs_config_forward *b)
{
	return a->proto == b->proto && a->to.family == b->to.family &&
	       a->ports.low <= b->ports.high && b->ports.low <= a->ports.high;
}

const struct ecs_config_forward *ecs_config_forward_clash(const struct ecs_config *config,
							  const struct ecs_config_forward *forward,
							  const char *uplink)
{
	for (size_t i = 0; i < config->forwards_len; i++) {
		const struct ecs_config_forward *other = &config->forwards[i];
		const struct ecs_config_network *network =
			ecs_config_network(config, other->network);

		if (overlap(other, forward) && strcmp(other->network, forward->network) &&
		    network && !strcmp(network->uplink, uplink))
			return other;
	}
	return NULL;
}

/* The forward of the same network that has exactly these ports, of one family or of either (0). */
static const struct ecs_config_forward *
find(const struct ecs_config *config, const struct ecs_config_forward *forward, uint8_t family)
{
	for (size_t i = 0; i < config->forwards_len; i++) {
		const struct ecs_config_forward *other = &config->forwards[i];

		if (!strcmp(other->network, forward->network) && other->proto == forward->proto &&
		    (!family || other->to.family == family) &&
		    other->ports.low == forward->ports.low &&
		    other->ports.high == forward->ports.high)
			return other;
	}
	return NULL;
}

static struct ecs_config_forward from_params(const json_t *params)
{
	struct ecs_config_forward forward = {
		.proto = strcmp(ecs_arg_text(params, "proto"), "tcp") ? IPPROTO_UDP : IPPROTO_TCP,
		.force = json_is_true(json_object_get(params, "force")),
	};

	ecs_arg_copy(forward.network, params, "network");
	ecs_ports_parse(ecs_arg_text(params, "port"), &forward.ports);
	ecs_endpoint_parse(ecs_arg_text(params, "to"), &forward.to);
	return forward;
}

static bool same(const struct ecs_config_forward *a, const struct ecs_config_forward *b)
{
	return !memcmp(a->to.addr, b->to.addr, sizeof(a->to.addr)) && a->to.port == b->to.port &&
	       a->force == b->force;
}

static bool in_prefix(const uint8_t addr[16], const struct ecs_prefix *prefix)
{
	for (int bit = 0; bit < prefix->len; bit++)
		if ((addr[bit / 8] ^ prefix->addr[bit / 8]) & (0x80 >> bit % 8))
			return false;
	return true;
}

int ecs_config_forward_target(const struct ecs_config_network *network,
			      const struct ecs_config_forward *forward, struct ecs_err *err)
{
	char to[ECS_TARGET_TEXT_MAX], gateway[ECS_PREFIX_TEXT_MAX];
	int span = forward->ports.high - forward->ports.low;
	bool v6 = forward->to.family == AF_INET6;
	const char *why = NULL;
	const struct ecs_prefix *prefix = v6 ? &network->gateway6 : &network->gateway;

	ecs_endpoint_format(&forward->to, to);
	ecs_prefix_format(prefix, gateway);
	if (v6 && !network->nat66)
		return ecs_fail(err, -EINVAL,
				"%s is IPv6, of which network %s has no NAT; add: nat66", to,
				network->name);
	if (!in_prefix(forward->to.addr, prefix))
		return ecs_fail(err, -EINVAL, "%s is no address of network %s, whose gateway is %s",
				to, network->name, gateway);
	if (!memcmp(forward->to.addr, prefix->addr, sizeof(prefix->addr)))
		return ecs_fail(err, -EINVAL, "%s is the gateway itself; name a VM's address", to);
	if (!v6) {
		struct ecs_prefix host = *prefix;

		memcpy(host.addr, forward->to.addr, sizeof(host.addr));
		why = ecs_config_wrong_host(&host);
	}
	if (why)
		return ecs_fail(err, -EINVAL, "%s cannot be a VM's: %s", to, why);
	if (forward->to.port && forward->to.port + span > UINT16_MAX)
		return ecs_fail(err, -EINVAL, "%d ports from %s on would go beyond 65535", span + 1,
				to);
	return 0;
}

static size_t count_ports(const struct ecs_config *config)
{
	size_t n = 0;

	for (size_t i = 0; i < config->forwards_len; i++)
		n += config->forwards[i].ports.high - config->forwards[i].ports.low + 1;
	return n;
}

static int check(const struct ecs_config *config, const struct ecs_config_forward *forward,
		 struct ecs_err *err)
{
	const struct ecs_config_network *network = ecs_config_network(config, forward->network);
	const struct ecs_config_forward *clash = NULL;
	char ports[ECS_PORTS_TEXT_MAX];

	if (!network)
		return ecs_config_network_needed(config, forward->network, err);
	if (!network->nat)
		return ecs_fail(err, -EINVAL, "network %s has no nat; first: network set %s nat",
				network->name, network->name);
	for (size_t i = 0; i < config->forwards_len && !clash; i++)
		if (!strcmp(config->forwards[i].network, forward->network) &&
		    overlap(&config->forwards[i], forward))
			clash = &config->forwards[i];
	if (!clash)
		clash = ecs_config_forward_clash(config, forward, network->uplink);
	if (clash)
		return ecs_fail(
			err, -EEXIST,
			"%s %s of %s is forwarded to network %s already; first: nat forward "
			"del %s %s network %s",
			proto_text(clash->proto), ecs_ports_format(&clash->ports, ports),
			network->uplink, clash->network, proto_text(clash->proto), ports,
			clash->network);
	if (count_ports(config) + forward->ports.high - forward->ports.low >= ECS_NAT_RULES_MAX)
		return ecs_fail(err, -ENOSPC, "all forwards together can have %d ports",
				ECS_NAT_RULES_MAX);
	return ecs_config_forward_target(network, forward, err);
}

int ecs_config_forward_add(struct ecs_config *config, const json_t *params, bool *changed,
			   struct ecs_err *err)
{
	struct ecs_config_forward forward = from_params(params);
	const struct ecs_config_forward *old = find(config, &forward, forward.to.family);
	int rc;

	if (old && ecs_arg_if_needed(params) && same(old, &forward))
		return 0;
	rc = check(config, &forward, err);
	if (rc < 0)
		return rc;
	if (config->forwards_len >= ECS_FORWARDS_MAX)
		return ecs_fail(err, -ENOSPC, "there are %d forwards, and more are not possible",
				ECS_FORWARDS_MAX);
	rc = ecs_config_append(config, forwards, &forward, err);
	*changed = rc == 0;
	return rc;
}

int ecs_config_forward_del(struct ecs_config *config, const json_t *params, bool *changed,
			   struct ecs_err *err)
{
	struct ecs_config_forward forward = from_params(params);
	const struct ecs_config_forward *old = find(config, &forward, 0);
	char ports[ECS_PORTS_TEXT_MAX];

	if (!old)
		return ecs_arg_if_needed(params)
			       ? 0
			       : ecs_fail(err, -ENOENT,
					  "there is no forward of %s %s to network %s; nat list "
					  "shows "
					  "all",
					  proto_text(forward.proto),
					  ecs_ports_format(&forward.ports, ports), forward.network);
	for (; old; old = find(config, &forward, 0))
		ecs_config_remove(config, forwards, old);
	*changed = true;
	return 0;
}
