// SPDX-License-Identifier: Apache-2.0
/*
 * Gateway and NAT options of a network: what may stand together without looking at any link.
 */
#include <errno.h>
#include <netinet/in.h>

#include "config_list.h"

static void take_number(uint32_t *field, const json_t *params, const char *key)
{
	const json_t *value = json_object_get(params, key);

	if (value) /* the value of null is 0 */
		*field = (uint32_t)json_integer_value(value);
}

static void take_prefix(struct ecs_prefix *field, const json_t *params, const char *key,
			uint8_t family)
{
	if (!json_object_get(params, key))
		return;
	*field = (struct ecs_prefix){};
	ecs_prefix_parse(ecs_arg_text(params, key), family, field);
}

void ecs_config_nat_take(struct ecs_config_network *network, const json_t *params)
{
	const json_t *nat = json_object_get(params, "nat");
	const json_t *nat66 = json_object_get(params, "nat66");

	take_prefix(&network->gateway, params, "gateway", AF_INET);
	take_prefix(&network->gateway6, params, "gateway6", AF_INET6);
	if (nat)
		network->nat = json_is_true(nat);
	if (nat66)
		network->nat66 = json_is_true(nat66);
	if (json_object_get(params, "nat_ports")) {
		network->nat_ports = (struct ecs_ports){};
		ecs_ports_parse(ecs_arg_text(params, "nat_ports"), &network->nat_ports);
	}
	take_number(&network->nat_limit, params, "nat_limit");
	take_number(&network->tcp_timeout_s, params, "tcp_timeout");
	take_number(&network->udp_timeout_s, params, "udp_timeout");
	take_number(&network->icmp_timeout_s, params, "icmp_timeout");
}

bool ecs_config_nat_same(const struct ecs_config_network *a, const struct ecs_config_network *b)
{
	return !memcmp(&a->gateway, &b->gateway, sizeof(a->gateway)) &&
	       !memcmp(&a->gateway6, &b->gateway6, sizeof(a->gateway6)) && a->nat == b->nat &&
	       a->nat66 == b->nat66 && a->nat_ports.low == b->nat_ports.low &&
	       a->nat_ports.high == b->nat_ports.high && a->nat_limit == b->nat_limit &&
	       a->tcp_timeout_s == b->tcp_timeout_s && a->udp_timeout_s == b->udp_timeout_s &&
	       a->icmp_timeout_s == b->icmp_timeout_s;
}

bool ecs_config_gateway(const struct ecs_config_network *network)
{
	return network->gateway.family || network->gateway6.family;
}

static uint32_t addr4(const struct ecs_prefix *prefix)
{
	return (uint32_t)prefix->addr[0] << 24 | prefix->addr[1] << 16 | prefix->addr[2] << 8 |
	       prefix->addr[3];
}

const char *ecs_config_wrong_host(const struct ecs_prefix *prefix)
{
	uint32_t addr = addr4(prefix),
		 host = prefix->len < 32 ? addr & (UINT32_MAX >> prefix->len) : 0;

	if (addr >> 24 == 0 || addr >> 24 == 127 || addr >> 28 >= 14)
		return "it is no address of a host";
	if (host == 0)
		return "it is the address of the network itself; the first host has one more";
	if (host == UINT32_MAX >> prefix->len)
		return "it is the broadcast address";
	return NULL;
}

static const char *wrong_gateway(const struct ecs_prefix *prefix)
{
	if (prefix->len < 8 || prefix->len > 30)
		return "its prefix length must be 8 to 30, to hold VMs";
	return ecs_config_wrong_host(prefix);
}

static const char *wrong_gateway6(const struct ecs_prefix *prefix)
{
	static const uint8_t zero[15];

	if (prefix->len < 8 || prefix->len > 126)
		return "its prefix length must be 8 to 126, to hold VMs";
	if (prefix->addr[0] == 0xff || (!memcmp(prefix->addr, zero, 15) && prefix->addr[15] <= 1))
		return "it is no address of a host";
	if (prefix->addr[0] == 0xfe && (prefix->addr[1] & 0xc0) == 0x80)
		return "it is link-local, and the link gets one of those by itself";
	return NULL;
}

static int fail_gateway(const char *keyword, const struct ecs_prefix *prefix, const char *why,
			struct ecs_err *err)
{
	char text[ECS_PREFIX_TEXT_MAX];

	return ecs_fail(err, -EINVAL, "%s cannot be the %s: %s", ecs_prefix_format(prefix, text),
			keyword, why);
}

static int check_gateway(const struct ecs_config_network *network, struct ecs_err *err)
{
	const size_t room = ECS_IFNAME_MAX - sizeof(ECS_GATEWAY_PREFIX);
	const char *why = network->gateway.family ? wrong_gateway(&network->gateway) : NULL;

	if (why)
		return fail_gateway("gateway", &network->gateway, why, err);
	why = network->gateway6.family ? wrong_gateway6(&network->gateway6) : NULL;
	if (why)
		return fail_gateway("gateway6", &network->gateway6, why, err);
	if (ecs_config_gateway(network) && strlen(network->name) > room)
		return ecs_fail(
			err, -EINVAL,
			"network %s cannot have a gateway: the name of its link, %s%s, would "
			"be too long; give the network a name of at most %zu characters",
			network->name, ECS_GATEWAY_PREFIX, network->name, room);
	return 0;
}

static int check_nat(const struct ecs_config_network *network, struct ecs_err *err)
{
	const struct ecs_ports *ports = &network->nat_ports;

	if (!network->uplink[0])
		return ecs_fail(err, -EINVAL,
				"network %s has nat but no uplink whose address it could use; add: "
				"uplink IF",
				network->name);
	if (!network->gateway.family)
		return ecs_fail(
			err, -EINVAL,
			"network %s has nat but no gateway for its VMs; add: gateway ADDR/LEN",
			network->name);
	if (network->nat66 && !network->gateway6.family)
		return ecs_fail(
			err, -EINVAL,
			"network %s has nat66 but no IPv6 gateway for its VMs; add: gateway6 "
			"ADDR/LEN",
			network->name);
	if (network->vlan)
		return ecs_fail(err, -EINVAL,
				"network %s has nat and vlan %u; name the VLAN's own link as the "
				"uplink instead",
				network->name, network->vlan);
	if (ports->low && ports->low < 1024)
		return ecs_fail(err, -EINVAL, "nat-ports of network %s must begin at 1024 or above",
				network->name);
	return 0;
}

/* Forwards that the change would leave without NAT, or let meet another network's. */
static int check_forwards(const struct ecs_config *config, const struct ecs_config_network *network,
			  struct ecs_err *err)
{
	char ports[ECS_PORTS_TEXT_MAX];

	for (size_t i = 0; i < config->forwards_len; i++) {
		const struct ecs_config_forward *forward = &config->forwards[i], *clash;
		const char *proto = forward->proto == IPPROTO_TCP ? "tcp" : "udp";

		if (strcmp(forward->network, network->name))
			continue;
		ecs_ports_format(&forward->ports, ports);
		if (!network->nat)
			return ecs_fail(
				err, -EBUSY,
				"network %s has forwards, which need nat; first: nat forward del "
				"%s %s network %s",
				network->name, proto, ports, network->name);
		if (ecs_config_forward_target(network, forward, err) < 0)
			return -EBUSY;
		clash = ecs_config_forward_clash(config, forward, network->uplink);
		if (clash)
			return ecs_fail(
				err, -EBUSY,
				"%s %s of %s is forwarded to network %s already; first: nat "
				"forward del %s %s network %s",
				proto, ports, network->uplink, clash->network, proto, ports,
				network->name);
	}
	return 0;
}

int ecs_config_nat_check(const struct ecs_config *config, const struct ecs_config_network *network,
			 struct ecs_err *err)
{
	int rc = check_gateway(network, err);

	if (rc == 0 && network->nat66 && !network->nat)
		rc = ecs_fail(err, -EINVAL, "network %s has nat66 without nat; add: nat",
			      network->name);
	if (rc == 0 && network->nat)
		rc = check_nat(network, err);
	return rc < 0 ? rc : check_forwards(config, network, err);
}
