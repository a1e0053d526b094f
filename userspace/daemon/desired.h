/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the configuration and the links that exist to the state that the switch should be in:
 * who is a port, in which network and role, and who waits for what. Makes no system call.
 */
#ifndef ECSWITCH_DESIRED_H
#define ECSWITCH_DESIRED_H

#include "observed.h"
#include "state.h"
#include "userspace/lib/config.h"

/**
 * ecs_desired_make - compute the wanted state
 * @config:   what the operator asked for
 * @observed: the links and addresses that exist
 * @have:     the state now: ids, slots and places of what stays are kept
 * @want:     filled; free with ecs_state_free()
 *
 * Return: 0; -ENOMEM.
 */
int ecs_desired_make(const struct ecs_config *config, const struct ecs_observed *observed,
		     const struct ecs_state *have, struct ecs_state *want);

/** ecs_desired_is_member - whether @port gets a copy by the @receiver that is its network. */
bool ecs_desired_is_member(const struct ecs_config *config, const struct ecs_state *state,
			   const struct ecs_config_cast *cast,
			   const struct ecs_config_receiver *receiver,
			   const struct ecs_state_port *port);

/** ecs_gateway_names - the names that a network's pair has. */
void ecs_gateway_names(struct ecs_state_gateway *gateway, const char *network);
/** ecs_gateway_find - look for the pair by its names and take it. Return: whether it is there. */
bool ecs_gateway_find(struct ecs_state_gateway *gateway, const struct ecs_observed *observed);

#endif
