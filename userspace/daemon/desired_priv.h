/* SPDX-License-Identifier: Apache-2.0 */
/* What desired.c shares with desired_gateway.c and desired_nat.c. */
#ifndef ECSWITCH_DESIRED_PRIV_H
#define ECSWITCH_DESIRED_PRIV_H

#include "desired.h"

struct ecs_desired {
	const struct ecs_config *config;
	const struct ecs_observed *observed;
	const struct ecs_state *have;
	struct ecs_state *want;
	uint32_t free_slot; /* where the search for a slot goes on */
	bool failed;	    /* out of memory */
	uint32_t members[ECS_NETWORKS_MAX + 1];
};

/** ecs_desired_wait - note why a link cannot be what it should. */
__attribute__((format(printf, 3, 4))) void
ecs_desired_wait(struct ecs_desired *c, const struct ecs_waiting *what, const char *fmt, ...);

/** ecs_desired_request - what to note if a link, by name, has to wait. */
struct ecs_waiting ecs_desired_request(const char *name, uint8_t role, uint16_t network,
				       bool manual);

/** ecs_desired_vm - make a link a port of what->network, or note why not. */
void ecs_desired_vm(struct ecs_desired *c, const struct ecs_link *link, struct ecs_waiting *what);

/** ecs_desired_gateways - gateways of the networks, whose links are claimed here. */
void ecs_desired_gateways(struct ecs_desired *c);

/** ecs_desired_casts - casts, their receivers and the ports at which they begin. */
void ecs_desired_casts(struct ecs_desired *c);

/** ecs_desired_receivers - a cast's receivers, those of networks and the host among them. */
void ecs_desired_receivers(struct ecs_desired *c, const struct ecs_config_cast *from,
			   struct ecs_state_cast *cast, const struct ecs_state_cast *old);

/** ecs_desired_cast_groups - which of a cast's receivers share a group, and where its state is. */
void ecs_desired_cast_groups(struct ecs_state_cast *cast, const struct ecs_state_cast *old);

/** ecs_desired_is_gateway - whether a link is the host's end of a gateway. */
bool ecs_desired_is_gateway(const struct ecs_desired *c, const struct ecs_link *link);

/** ecs_desired_nat_flags - what NAT does for a network, whether its uplink is there or not. */
void ecs_desired_nat_flags(struct ecs_desired *c, const struct ecs_config_network *from);

/** ecs_desired_nat_uplink - @port is the way out of a NAT network. */
void ecs_desired_nat_uplink(struct ecs_desired *c, const struct ecs_config_network *from,
			    struct ecs_state_port *port);

/** ecs_desired_nat - forwards, reserved ports, and which ports the nat stage looks at. */
void ecs_desired_nat(struct ecs_desired *c);

#endif
