// SPDX-License-Identifier: Apache-2.0
/*
 * Receivers of casts: a port, all ports of a network, or the host, each with a policy.
 */
#include <arpa/inet.h>
#include <errno.h>

#include "config_list.h"
#include "policy.h"

#define WHO_MAX 48

/* As the command says it. */
static const char *who(const struct ecs_config_receiver *receiver, char text[WHO_MAX])
{
	if (receiver->host)
		return "host";
	if (!receiver->network[0])
		return receiver->ifname;
	snprintf(text, WHO_MAX, "network %s", receiver->network);
	return text;
}

static bool same_place(const struct ecs_config_receiver *a, const struct ecs_config_receiver *b)
{
	return !strcmp(a->cast, b->cast) && !strcmp(a->ifname, b->ifname) &&
	       !strcmp(a->network, b->network) && a->host == b->host;
}

static struct ecs_config_receiver *find(const struct ecs_config *config,
					const struct ecs_config_receiver *like)
{
	for (size_t i = 0; i < config->receivers_len; i++)
		if (same_place(&config->receivers[i], like))
			return &config->receivers[i];
	return NULL;
}

const struct ecs_config_receiver *ecs_config_receiver_of(const struct ecs_config *config,
							 const char *network)
{
	for (size_t i = 0; i < config->receivers_len; i++)
		if (!strcmp(config->receivers[i].network, network))
			return &config->receivers[i];
	return NULL;
}

/* Which receiver a command is about. */
static int take_place(struct ecs_config_receiver *receiver, const json_t *params,
		      struct ecs_err *err)
{
	ecs_arg_copy(receiver->cast, params, "name");
	ecs_arg_copy(receiver->ifname, params, "port");
	ecs_arg_copy(receiver->network, params, "network");
	receiver->host = json_is_true(json_object_get(params, "host"));
	if (!!receiver->ifname[0] + !!receiver->network[0] + receiver->host != 1)
		return ecs_fail(err, -EINVAL,
				"cast %s: say who receives it: either IF, or network NAME, or host",
				receiver->cast);
	return 0;
}

struct policies {
	struct ecs_policy seen[ECS_CAST_GROUPS_MAX];
	size_t count;
};

/* "auto" is all of its steps. Return: false if there are too many. */
static bool note_policy(struct policies *policies, const struct ecs_policy *policy)
{
	unsigned int steps = policy->kind == ECS_POLICY_AUTO ? ECS_POLICY_STEPS : 1;

	for (unsigned int step = 0; step < steps; step++) {
		struct ecs_policy one = ecs_policy_step(policy, step);
		size_t k = 0;

		while (k < policies->count && !ecs_policy_same(&policies->seen[k], &one))
			k++;
		if (k == ECS_CAST_GROUPS_MAX)
			return false;
		policies->seen[k] = one;
		policies->count += k == policies->count;
	}
	return true;
}

/* Room for one more receiver, and for its policy. */
static int check_room(const struct ecs_config *config, const struct ecs_config_receiver *new,
		      struct ecs_err *err)
{
	struct policies policies = {};
	bool room = note_policy(&policies, &new->policy);
	size_t receivers = 0;

	for (size_t i = 0; i < config->receivers_len; i++) {
		const struct ecs_config_receiver *other = &config->receivers[i];

		if (strcmp(other->cast, new->cast) || same_place(other, new))
			continue;
		receivers += !other->network[0];
		room = room && note_policy(&policies, &other->policy);
	}
	if (!room)
		return ecs_fail(err, -ENOSPC,
				"cast %s has %d different policies, and more are not possible "
				"(auto counts as %d)",
				new->cast, ECS_CAST_GROUPS_MAX, ECS_POLICY_STEPS);
	if (receivers >= ECS_RECEIVERS_MAX && !new->network[0])
		return ecs_fail(err, -ENOSPC, "cast %s has %d receivers, and more are not possible",
				new->cast, ECS_RECEIVERS_MAX);
	return 0;
}

static int check_target(const struct ecs_config_cast *cast, const struct ecs_config_receiver *new,
			struct ecs_err *err)
{
	char to[ECS_TARGET_TEXT_MAX];

	ecs_endpoint_format(&new->to, to);
	if (cast->family != new->to.family)
		return ecs_fail(err, -EINVAL,
				"cast %s is %s, and its copies can only go to such an address, not "
				"to %s",
				new->cast, cast->family == AF_INET ? "IPv4" : "IPv6", to);
	if (!ecs_addr_on_wire(new->to.family, new->to.addr))
		return ecs_fail(err, -EINVAL, "to %s: nobody can be reached there", to);
	/* A multicast address says which MAC goes with it, and the host's is known. */
	if (!new->has_mac && !new->host)
		return ecs_fail(err, -EINVAL,
				"to %s needs the receiver's MAC address, too: mac MAC", to);
	return 0;
}

/* RFC 1122 3.3.6: hosts discard what comes to a group's MAC and is for one of them. What looks like
 * an address of one may be the broadcast address of a subnet in IPv4. */
static bool mac_is_foreign(const struct ecs_config_receiver *new)
{
	static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	if (!(new->mac[0] & 1) || !new->has_to || ecs_addr_multicast(new->to.family, new->to.addr))
		return false;
	return new->to.family != AF_INET || memcmp(new->mac, all, sizeof(all));
}

static int check_mac(const struct ecs_config_receiver *new, struct ecs_err *err)
{
	static const uint8_t zero[6];
	char mac[ECS_MAC_TEXT_MAX], to[ECS_TARGET_TEXT_MAX];

	ecs_mac_format(new->mac, mac);
	if (!memcmp(new->mac, zero, sizeof(zero)))
		return ecs_fail(err, -EINVAL, "mac %s is no address of a station", mac);
	if (mac_is_foreign(new))
		return ecs_fail(err, -EINVAL,
				"to %s: %s is the MAC address of a group; give the receiver's",
				ecs_endpoint_format(&new->to, to), mac);
	return 0;
}

static int check(const struct ecs_config *config, const struct ecs_config_receiver *new,
		 struct ecs_err *err)
{
	const struct ecs_config_cast *cast = ecs_config_cast(config, new->cast);

	if (!cast)
		return ecs_config_cast_unknown(new->cast, err);
	if (new->ifname[0] && !strcmp(cast->from, new->ifname))
		return ecs_fail(err, -EINVAL, "the stream comes from %s: name another link",
				new->ifname);
	if (new->network[0] && !ecs_config_network(config, new->network))
		return ecs_config_network_needed(config, new->network, err);
	if (new->has_to && check_target(cast, new, err) < 0)
		return -EINVAL;
	if (new->has_mac && check_mac(new, err) < 0)
		return -EINVAL;
	return check_room(config, new, err);
}

/* RFC 1112 6.4, RFC 2464 7. */
static void take_group_mac(struct ecs_config_receiver *receiver)
{
	const uint8_t *addr = receiver->to.addr;

	if (receiver->to.family == AF_INET)
		memcpy(receiver->mac, (uint8_t[6]){1, 0, 0x5e, addr[1] & 0x7f, addr[2], addr[3]},
		       6);
	else
		memcpy(receiver->mac,
		       (uint8_t[6]){0x33, 0x33, addr[12], addr[13], addr[14], addr[15]}, 6);
}

static void take_rest(struct ecs_config_receiver *receiver, const json_t *params)
{
	const char *to = ecs_arg_text(params, "to"), *mac = ecs_arg_text(params, "mac");

	if (*ecs_arg_text(params, "policy"))
		ecs_policy_parse(ecs_arg_text(params, "policy"), &receiver->policy);
	if (*to)
		receiver->has_to = ecs_endpoint_parse(to, &receiver->to) == 0;
	if (*mac)
		receiver->has_mac = ecs_mac_parse(mac, receiver->mac) == 0;
	if (!receiver->has_to || receiver->has_mac ||
	    !ecs_addr_multicast(receiver->to.family, receiver->to.addr))
		return;
	take_group_mac(receiver);
	receiver->has_mac = true;
}

static bool same(const struct ecs_config_receiver *a, const struct ecs_config_receiver *b)
{
	return ecs_policy_same(&a->policy, &b->policy) && a->has_to == b->has_to &&
	       a->has_mac == b->has_mac && a->to.port == b->to.port &&
	       a->to.family == b->to.family &&
	       !memcmp(a->to.addr, b->to.addr, sizeof(a->to.addr)) &&
	       !memcmp(a->mac, b->mac, sizeof(a->mac));
}

int ecs_config_cast_to(struct ecs_config *config, const json_t *params, bool *changed,
		       struct ecs_err *err)
{
	struct ecs_config_receiver receiver = {};
	const struct ecs_config_receiver *old;
	char text[WHO_MAX];
	int rc = take_place(&receiver, params, err);

	if (rc < 0)
		return rc;
	take_rest(&receiver, params);
	old = find(config, &receiver);
	if (old && ecs_arg_if_needed(params) && same(old, &receiver))
		return 0;
	if (old)
		return ecs_fail(err, -EEXIST,
				"%s is a receiver of %s already; change its policy with: cast set "
				"%s %s policy POLICY, and the rest by cast off and anew",
				who(&receiver, text), receiver.cast, receiver.cast,
				who(&receiver, text));
	rc = check(config, &receiver, err);
	if (rc < 0)
		return rc;
	rc = ecs_config_append(config, receivers, &receiver, err);
	*changed = rc == 0;
	return rc;
}

static int fail_unknown(const struct ecs_config *config, const struct ecs_config_receiver *receiver,
			struct ecs_err *err)
{
	char text[WHO_MAX];

	if (!ecs_config_cast(config, receiver->cast))
		return ecs_config_cast_unknown(receiver->cast, err);
	return ecs_fail(err, -ENOENT, "%s is no receiver of %s; cast show %s lists them",
			who(receiver, text), receiver->cast, receiver->cast);
}

int ecs_config_cast_set(struct ecs_config *config, const json_t *params, bool *changed,
			struct ecs_err *err)
{
	struct ecs_config_receiver like = {}, new, *receiver;
	int rc = take_place(&like, params, err);

	if (rc < 0)
		return rc;
	receiver = find(config, &like);
	if (!receiver)
		return fail_unknown(config, &like, err);
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
	const struct ecs_config_receiver *receiver;
	struct ecs_config_receiver like = {};
	int rc = take_place(&like, params, err);

	if (rc < 0)
		return rc;
	receiver = find(config, &like);
	if (!receiver)
		return ecs_arg_if_needed(params) ? 0 : fail_unknown(config, &like, err);
	ecs_config_remove(config, receivers, receiver);
	*changed = true;
	return 0;
}

json_t *ecs_config_receiver_params(const struct ecs_config_receiver *receiver)
{
	char policy[ECS_POLICY_TEXT_MAX], to[ECS_TARGET_TEXT_MAX], mac[ECS_MAC_TEXT_MAX];

	return json_pack("{s:s, s:s*, s:s*, s:o*, s:s, s:s*, s:s*}", "name", receiver->cast, "port",
			 receiver->ifname[0] ? receiver->ifname : NULL, "network",
			 receiver->network[0] ? receiver->network : NULL, "host",
			 receiver->host ? json_true() : NULL, "policy",
			 ecs_policy_format(&receiver->policy, policy), "to",
			 receiver->has_to ? ecs_endpoint_format(&receiver->to, to) : NULL, "mac",
			 receiver->has_mac ? ecs_mac_format(receiver->mac, mac) : NULL);
}
