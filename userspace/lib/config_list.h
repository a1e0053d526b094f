/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the configuration share: its growing lists, and one handler a command.
 * Private to config*.c.
 */
#ifndef ECSWITCH_CONFIG_LIST_H
#define ECSWITCH_CONFIG_LIST_H

#include <string.h>

#include "config.h"

/**
 * ecs_list_append - add a copy of @item at the end
 * @list: address of the list's pointer
 * @len:  items in it; counted up
 *
 * Return: 0; -ENOMEM.
 */
int ecs_list_append(void *list, size_t *len, size_t size, const void *item, struct ecs_err *err);

/** ecs_list_remove - take item @index out; the others keep their order. */
void ecs_list_remove(void *items, size_t *len, size_t size, size_t index);

#define ecs_config_append(config, list, item, err)                                                 \
	ecs_list_append(&(config)->list, &(config)->list##_len, sizeof(*(config)->list), item, err)
#define ecs_config_remove(config, list, entry)                                                     \
	ecs_list_remove((config)->list, &(config)->list##_len, sizeof(*(config)->list),            \
			(size_t)((entry) - (config)->list))

/** ecs_arg_text - a string parameter; "" if it is absent or null. Borrowed. */
const char *ecs_arg_text(const json_t *params, const char *name);

/** ecs_arg_copy - a string parameter into a field; the grammar bounds its length. */
#define ecs_arg_copy(field, params, name)                                                          \
	snprintf(field, sizeof(field), "%s", ecs_arg_text(params, name))

/** ecs_arg_if_needed - "if_needed" is true. */
bool ecs_arg_if_needed(const json_t *params);

/** ecs_config_network_needed - Return: 0; -ENOENT, with a text, if there is no such network. */
int ecs_config_network_needed(const struct ecs_config *config, const char *name,
			      struct ecs_err *err);

/** ecs_config_patch_of - a patch that starts or ends at @ifname. Return: borrowed or NULL. */
const struct ecs_config_patch *ecs_config_patch_of(const struct ecs_config *config,
						   const char *ifname);

/**
 * ecs_config_match_of - a match that names the link @ifname itself, without wildcards
 *
 * Return: borrowed or NULL.
 */
const struct ecs_config_match *ecs_config_match_of(const struct ecs_config *config,
						   const char *ifname);

/**
 * ecs_config_fdb_follow - static entries of a port that joins @network or moves there
 * @old: network that the port is in; "" = none yet
 *
 * Entries without a network get the port's. Nothing changes on failure.
 * Return: 0; -EBUSY, -EEXIST.
 */
int ecs_config_fdb_follow(struct ecs_config *config, const char *ifname, const char *old,
			  const char *network, struct ecs_err *err);

/** ecs_config_nat_take - lay the gateway and NAT options that were given over @network. */
void ecs_config_nat_take(struct ecs_config_network *network, const json_t *params);
bool ecs_config_nat_same(const struct ecs_config_network *a, const struct ecs_config_network *b);

/**
 * ecs_config_nat_check - whether gateway and NAT options may stand together
 *
 * Return: 0; -EINVAL; -EBUSY if forwards need what @network no longer has, or clash.
 */
int ecs_config_nat_check(const struct ecs_config *config, const struct ecs_config_network *network,
			 struct ecs_err *err);

/** ecs_config_forward_of - the first forward of a network. Return: borrowed or NULL. */
const struct ecs_config_forward *ecs_config_forward_of(const struct ecs_config *config,
						       const char *network);

/** ecs_config_wrong_host - why an IPv4 address cannot be a host's of its prefix. Return: NULL: it
 * can. Source: RFC 1122, 3.2.1.3. */
const char *ecs_config_wrong_host(const struct ecs_prefix *prefix);
/**
 * ecs_config_forward_target - whether a forward goes to a VM that the network can have
 *
 * Return: 0; -EINVAL.
 */
int ecs_config_forward_target(const struct ecs_config_network *network,
			      const struct ecs_config_forward *forward, struct ecs_err *err);

/**
 * ecs_config_forward_clash - a forward of another network, same uplink, with a port of @forward
 * @uplink: of the network that @forward is of
 *
 * Return: borrowed or NULL.
 */
const struct ecs_config_forward *ecs_config_forward_clash(const struct ecs_config *config,
							  const struct ecs_config_forward *forward,
							  const char *uplink);

typedef int ecs_config_fn(struct ecs_config *config, const json_t *params, bool *changed,
			  struct ecs_err *err);
ecs_config_fn ecs_config_network_add, ecs_config_network_set, ecs_config_network_del;
ecs_config_fn ecs_config_match_add, ecs_config_match_del;
ecs_config_fn ecs_config_port_add, ecs_config_port_set, ecs_config_port_del;
ecs_config_fn ecs_config_patch_add, ecs_config_patch_del;
ecs_config_fn ecs_config_fdb_add, ecs_config_fdb_del;
ecs_config_fn ecs_config_forward_add, ecs_config_forward_del;
ecs_config_fn ecs_config_cast_add, ecs_config_cast_del;
ecs_config_fn ecs_config_cast_to, ecs_config_cast_set, ecs_config_cast_off;

/** ecs_config_cast - look up by name. Return: borrowed or NULL. */
const struct ecs_config_cast *ecs_config_cast(const struct ecs_config *config, const char *name);

/** ecs_config_cast_unknown - note that there is no such cast. Return: -ENOENT. */
int ecs_config_cast_unknown(const char *name, struct ecs_err *err);

/** ecs_config_receiver_of - the first receiver that is a network. Return: borrowed or NULL. */
const struct ecs_config_receiver *ecs_config_receiver_of(const struct ecs_config *config,
							 const char *network);

/** ecs_config_cast_of - the first cast that takes its stream from a network. Return: borrowed or
 * NULL. */
const struct ecs_config_cast *ecs_config_cast_of(const struct ecs_config *config,
						 const char *network);

/** ecs_config_cast_dump - add the commands that make the casts. Return: 0; not 0. */
int ecs_config_cast_dump(json_t *commands, const struct ecs_config *config);

#endif
