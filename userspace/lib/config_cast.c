// SPDX-License-Identifier: Apache-2.0
/*
 * Casts: a stream, by where it comes from and goes to, and the ports that get copies of it.
 */
#include <arpa/inet.h>
#include <errno.h>

#include "config_list.h"
#include "policy.h"

static const struct ecs_config_cast *find(const struct ecs_config *config, const char *name)
{
	for (size_t i = 0; i < config->casts_len; i++)
		if (!strcmp(config->casts[i].name, name))
			return &config->casts[i];
	return NULL;
}

static struct ecs_config_receiver *find_receiver(const struct ecs_config *config, const char *cast,
						 const char *ifname)
{
	for (size_t i = 0; i < config->receivers_len; i++)
		if (!strcmp(config->receivers[i].cast, cast) &&
		    !strcmp(config->receivers[i].ifname, ifname))
			return &config->receivers[i];
	return NULL;
}

const struct ecs_config_cast *ecs_config_cast_of(const struct ecs_config *config,
						 const char *network)
{
	for (size_t i = 0; i < config->casts_len; i++)
		if (!strcmp(config->casts[i].network, network))
			return &config->casts[i];
	return NULL;
}

static int fail_unknown(const char *name, struct ecs_err *err)
{
	return ecs_fail(err, -ENOENT, "there is no cast %s; cast list shows all", name);
}

static bool same_stream(const struct ecs_config_cast *a, const struct ecs_config_cast *b)
{
	return !strcmp(a->from, b->from) && !strcmp(a->network, b->network) &&
	       a->family == b->family && a->port == b->port &&
	       !memcmp(a->dst, b->dst, sizeof(a->dst));
}

static bool same(const struct ecs_config_cast *a, const struct ecs_config_cast *b)
{
	return same_stream(a, b) && a->keep == b->keep && a->has_src == b->has_src &&
	       !memcmp(a->src, b->src, sizeof(a->src));
}

static int check(const struct ecs_config *config, const struct ecs_config_cast *cast,
		 struct ecs_err *err)
{
	if (!cast->from[0] == !cast->network[0])
		return ecs_fail(err, -EINVAL,
				"cast %s: say where the stream comes from: either from IF, or "
				"network NAME",
				cast->name);
	if (cast->network[0] && !ecs_config_network(config, cast->network))
		return ecs_config_network_needed(config, cast->network, err);
	if (find(config, cast->name))
		return ecs_fail(err, -EEXIST, "there is a cast %s already; first: cast del %s",
				cast->name, cast->name);
	for (size_t i = 0; i < config->casts_len; i++)
		if (same_stream(&config->casts[i], cast))
			return ecs_fail(err, -EEXIST,
					"the cast %s takes this stream already; add receivers to "
					"it with: cast to %s IF",
					config->casts[i].name, config->casts[i].name);
	if (config->casts_len >= ECS_STREAMS_MAX)
		return ecs_fail(err, -ENOSPC, "there are %d casts, and more are not possible",
				ECS_STREAMS_MAX);
	return 0;
}

int ecs_config_cast_add(struct ecs_config *config, const json_t *params, bool *changed,
			struct ecs_err *err)
{
	struct ecs_config_cast cast = {
		.port = json_integer_value(json_object_get(params, "port")),
		.keep = !strcmp(ecs_arg_text(params, "original"), "keep"),
	};
	const struct ecs_config_cast *old;
	uint8_t family;
	int rc;

	ecs_arg_copy(cast.name, params, "name");
	ecs_arg_copy(cast.from, params, "from");
	ecs_arg_copy(cast.network, params, "network");
	ecs_addr_parse(ecs_arg_text(params, "dst"), &cast.family, cast.dst);
	if (ecs_addr_parse(ecs_arg_text(params, "src"), &family, cast.src) == 0) {
		cast.has_src = true;
		if (family != cast.family)
			return ecs_fail(err, -EINVAL,
					"cast %s: src and dst must both be IPv4 or both IPv6",
					cast.name);
	}
	old = find(config, cast.name);
	if (old && ecs_arg_if_needed(params) && same(old, &cast))
		return 0;
	rc = check(config, &cast, err);
	if (rc < 0)
		return rc;
	rc = ecs_config_append(config, casts, &cast, err);
	*changed = rc == 0;
	return rc;
}

int ecs_config_cast_del(struct ecs_config *config, const json_t *params, bool *changed,
			struct ecs_err *err)
{
	const char *name = ecs_arg_text(params, "name");
	const struct ecs_config_cast *cast = find(config, name);

	if (!cast)
		return ecs_arg_if_needed(params) ? 0 : fail_unknown(name, err);
	for (size_t i = config->receivers_len; i-- > 0;)
		if (!strcmp(config->receivers[i].cast, name))
			ecs_config_remove(config, receivers, &config->receivers[i]);
	ecs_config_remove(config, casts, cast);
	*changed = true;
	return 0;
}

/* Room for one more receiver, and for its policy. */
static int check_room(const struct ecs_config *config, const struct ecs_config_receiver *new,
		      struct ecs_err *err)
{
	struct ecs_policy seen[ECS_CAST_GROUPS_MAX] = {new->policy};
	size_t receivers = 0, policies = 1;

	for (size_t i = 0; i < config->receivers_len; i++) {
		const struct ecs_config_receiver *other = &config->receivers[i];
		size_t k = 0;

		if (strcmp(other->cast, new->cast) || !strcmp(other->ifname, new->ifname))
			continue;
		receivers++;
		while (k < policies && !ecs_policy_same(&seen[k], &other->policy))
			k++;
		if (k < policies)
			continue;
		if (policies == ECS_CAST_GROUPS_MAX)
			return ecs_fail(err, -ENOSPC,
					"cast %s has %d different policies, and more are not "
					"possible",
					new->cast, ECS_CAST_GROUPS_MAX);
		seen[policies++] = other->policy;
	}
	if (receivers >= ECS_RECEIVERS_MAX)
		return ecs_fail(err, -ENOSPC, "cast %s has %d receivers, and more are not possible",
				new->cast, ECS_RECEIVERS_MAX);
	return 0;
}

static int check_receiver(const struct ecs_config *config, const struct ecs_config_receiver *new,
			  struct ecs_err *err)
{
	const struct ecs_config_cast *cast = find(config, new->cast);

	if (!cast)
		return fail_unknown(new->cast, err);
	if (!strcmp(cast->from, new->ifname))
		return ecs_fail(err, -EINVAL, "the stream comes from %s: name another link",
				new->ifname);
	if (new->has_to && cast->family != AF_INET)
		return ecs_fail(err, -EINVAL,
				"cast %s is IPv6, and its copies cannot be sent to an IPv4 address",
				new->cast);
	/* A multicast address says which MAC goes with it (RFC 1112); others do not. */
	if (new->has_to && !new->has_mac)
		return ecs_fail(err, -EINVAL,
				"to %u.%u.%u.%u needs the receiver's MAC address, too: mac MAC",
				new->to.addr[0], new->to.addr[1], new->to.addr[2], new->to.addr[3]);
	return check_room(config, new, err);
}

static void take_receiver(struct ecs_config_receiver *receiver, const json_t *params)
{
	const char *to = ecs_arg_text(params, "to"), *mac = ecs_arg_text(params, "mac");

	ecs_arg_copy(receiver->cast, params, "name");
	ecs_arg_copy(receiver->ifname, params, "port");
	if (*ecs_arg_text(params, "policy"))
		ecs_policy_parse(ecs_arg_text(params, "policy"), &receiver->policy);
	if (*to)
		receiver->has_to = ecs_target_parse(to, &receiver->to) == 0;
	if (*mac)
		receiver->has_mac = ecs_mac_parse(mac, receiver->mac) == 0;
	if (!receiver->has_to || receiver->has_mac || receiver->to.addr[0] >> 4 != 14)
		return;
	memcpy(receiver->mac,
	       (uint8_t[6]){1, 0, 0x5e, receiver->to.addr[1] & 0x7f, receiver->to.addr[2],
			    receiver->to.addr[3]},
	       6);
	receiver->has_mac = true;
}

static bool same_receiver(const struct ecs_config_receiver *a, const struct ecs_config_receiver *b)
{
	return ecs_policy_same(&a->policy, &b->policy) && a->has_to == b->has_to &&
	       a->has_mac == b->has_mac && a->to.port == b->to.port &&
	       !memcmp(a->to.addr, b->to.addr, sizeof(a->to.addr)) &&
	       !memcmp(a->mac, b->mac, sizeof(a->mac));
}

int ecs_config_cast_to(struct ecs_config *config, const json_t *params, bool *changed,
		       struct ecs_err *err)
{
	struct ecs_config_receiver receiver = {};
	const struct ecs_config_receiver *old;
	int rc;

	take_receiver(&receiver, params);
	old = find_receiver(config, receiver.cast, receiver.ifname);
	if (old && ecs_arg_if_needed(params) && same_receiver(old, &receiver))
		return 0;
	if (old)
		return ecs_fail(err, -EEXIST,
				"%s is a receiver of %s already; change it with: cast set %s %s "
				"policy POLICY",
				receiver.ifname, receiver.cast, receiver.cast, receiver.ifname);
	rc = check_receiver(config, &receiver, err);
	if (rc < 0)
		return rc;
	rc = ecs_config_append(config, receivers, &receiver, err);
	*changed = rc == 0;
	return rc;
}

static int fail_receiver(const struct ecs_config *config, const char *cast, const char *ifname,
			 struct ecs_err *err)
{
	if (!find(config, cast))
		return fail_unknown(cast, err);
	return ecs_fail(err, -ENOENT, "%s is no receiver of %s; cast show %s lists them", ifname,
			cast, cast);
}

int ecs_config_cast_set(struct ecs_config *config, const json_t *params, bool *changed,
			struct ecs_err *err)
{
	const char *cast = ecs_arg_text(params, "name"), *ifname = ecs_arg_text(params, "port");
	struct ecs_config_receiver *receiver = find_receiver(config, cast, ifname);
	struct ecs_config_receiver new;
	int rc;

	if (!receiver)
		return fail_receiver(config, cast, ifname, err);
	new = *receiver;
	ecs_policy_parse(ecs_arg_text(params, "policy"), &new.policy);
	rc = check_room(config, &new, err);
	if (rc < 0)
		return rc;
	*changed = !ecs_policy_same(&receiver->policy, &new.policy);
	*receiver = new;
	return 0;
}

int ecs_config_cast_off(struct ecs_config *config, const json_t *params, bool *changed,
			struct ecs_err *err)
{
	const char *cast = ecs_arg_text(params, "name"), *ifname = ecs_arg_text(params, "port");
	const struct ecs_config_receiver *receiver = find_receiver(config, cast, ifname);

	if (!receiver)
		return ecs_arg_if_needed(params) ? 0 : fail_receiver(config, cast, ifname, err);
	ecs_config_remove(config, receivers, receiver);
	*changed = true;
	return 0;
}

static int dump_receiver(json_t *commands, const struct ecs_config_receiver *receiver)
{
	char policy[ECS_POLICY_TEXT_MAX], to[ECS_TARGET_TEXT_MAX], mac[ECS_MAC_TEXT_MAX];
	json_t *params =
		json_pack("{s:s, s:s, s:s, s:s*, s:s*}", "name", receiver->cast, "port",
			  receiver->ifname, "policy", ecs_policy_format(&receiver->policy, policy),
			  "to", receiver->has_to ? ecs_target_format(&receiver->to, to) : NULL,
			  "mac", receiver->has_mac ? ecs_mac_format(receiver->mac, mac) : NULL);

	return json_array_append_new(
		commands, json_pack("{s:s, s:o}", "method", "cast.to", "params", params));
}

int ecs_config_cast_dump(json_t *commands, const struct ecs_config *config)
{
	char dst[ECS_ADDR_TEXT_MAX], src[ECS_ADDR_TEXT_MAX];
	int rc = 0;

	for (size_t i = 0; i < config->casts_len; i++) {
		const struct ecs_config_cast *cast = &config->casts[i];
		json_t *params;

		inet_ntop(cast->family, cast->dst, dst, sizeof(dst));
		inet_ntop(cast->family, cast->src, src, sizeof(src));
		params = json_pack("{s:s, s:s*, s:s*, s:s, s:i, s:s*, s:s*}", "name", cast->name,
				   "from", cast->from[0] ? cast->from : NULL, "network",
				   cast->network[0] ? cast->network : NULL, "dst", dst, "port",
				   cast->port, "src", cast->has_src ? src : NULL, "original",
				   cast->keep ? "keep" : NULL);
		rc |= json_array_append_new(
			commands, json_pack("{s:s, s:o}", "method", "cast.add", "params", params));
	}
	for (size_t i = 0; i < config->receivers_len; i++)
		rc |= dump_receiver(commands, &config->receivers[i]);
	return rc;
}
