/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The desired configuration: what the CONFIG commands have asked for, and every rule about it
 * that needs no live link. The daemon runs its commands through here, `ecswitchctl check` its
 * files. Things are known by name; ids, ifindexes and states are the daemon's.
 */
#ifndef ECSWITCH_LIB_CONFIG_H
#define ECSWITCH_LIB_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include <ecswitch/abi.h>
#include <ecswitch/err.h>

#include "commands.h"
#include "types.h"

#define ECS_PATTERN_MAX 64 /* of a match, with the terminating zero */
#define ECS_MATCHES_MAX 256
#define ECS_STATIC_FDB_MAX 16384
#define ECS_AGEING_DEFAULT_S 300
#define ECS_FORWARDS_MAX 4096
#define ECS_UPLINK_AUTO "auto"	       /* as an uplink: the default route's device */
#define ECS_GATEWAY_PREFIX "ecs-"      /* a gateway's link: this and the network's name */
#define ECS_GATEWAY_PORT_PREFIX "ecp-" /* its other end, the port */

enum ecs_match_kind {
	ECS_MATCH_ANY,
	ECS_MATCH_TAP,
	ECS_MATCH_VETH,
};

struct ecs_config_network {
	char name[ECS_NAME_MAX];
	char uplink[ECS_IFNAME_MAX]; /* empty = none */
	uint16_t vlan;		     /* of the uplink; 0 = untagged */
	uint32_t ageing_s;	     /* 0 = learned entries stay */
	uint32_t fdb_limit;	     /* learned entries, 0 = no limit of its own */
	struct ecs_prefix gateway;   /* IPv4; family 0 = none */
	struct ecs_prefix gateway6;
	bool nat;
	bool nat66;
	struct ecs_ports nat_ports; /* low 0 = the daemon's choice */
	uint32_t nat_limit;	    /* flows of one VM, 0 = the daemon's choice, as the next ones */
	uint32_t tcp_timeout_s, udp_timeout_s, icmp_timeout_s;
};

/* A port of the uplink's address that goes to a VM. */
struct ecs_config_forward {
	char network[ECS_NAME_MAX];
	uint8_t proto; /* IPPROTO_* */
	struct ecs_ports ports;
	struct ecs_endpoint to; /* of the first port; the others follow in order */
	bool force;		/* even if the host listens there */
};

/* A stream that is copied to receivers. */
struct ecs_config_cast {
	char name[ECS_NAME_MAX];
	char from[ECS_IFNAME_MAX];  /* the port that receives it, or */
	char network[ECS_NAME_MAX]; /* the network whose ports do */
	uint8_t family;		    /* of dst and src: AF_INET, AF_INET6 */
	uint8_t dst[16];
	uint16_t port;
	bool has_src;
	uint8_t src[16];
	bool keep;   /* the original goes its normal way, too */
	uint8_t rtp; /* enum ecs_codec that RTP carries; ECS_CODEC_NONE: find out */
};

/* Of a cast: one port, all of a network, or the host. */
struct ecs_config_receiver {
	char cast[ECS_NAME_MAX];
	char ifname[ECS_IFNAME_MAX]; /* or */
	char network[ECS_NAME_MAX];  /* or */
	bool host;
	struct ecs_policy policy;
	bool has_to, has_mac;
	struct ecs_endpoint to;
	uint8_t mac[6];
};

/* Matches are tried in order; the first that fits a link decides. */
struct ecs_config_match {
	char pattern[ECS_PATTERN_MAX];
	char network[ECS_NAME_MAX];
	enum ecs_match_kind kind;
};

struct ecs_config_port {
	char ifname[ECS_IFNAME_MAX];
	char network[ECS_NAME_MAX];
};

struct ecs_config_patch {
	char a[ECS_IFNAME_MAX];
	char b[ECS_IFNAME_MAX];
	bool oneway; /* only from a to b */
};

/* If the port is in ports[], network is that port's. */
struct ecs_config_fdb {
	uint8_t mac[6];
	char ifname[ECS_IFNAME_MAX];
	char network[ECS_NAME_MAX]; /* empty = the network that the port is in at run time */
};

/* Read it directly; change it by ecs_config_apply() alone. Each list is in order of addition. */
struct ecs_config {
	struct ecs_config_network *networks;
	size_t networks_len;
	struct ecs_config_match *matches;
	size_t matches_len;
	struct ecs_config_port *ports;
	size_t ports_len;
	struct ecs_config_patch *patches;
	size_t patches_len;
	struct ecs_config_fdb *fdb;
	size_t fdb_len;
	struct ecs_config_forward *forwards;
	size_t forwards_len;
	struct ecs_config_cast *casts;
	size_t casts_len;
	struct ecs_config_receiver *receivers; /* of all casts */
	size_t receivers_len;
};

/** ecs_config_new - an empty configuration. Return: NULL without memory. */
struct ecs_config *ecs_config_new(void);
void ecs_config_free(struct ecs_config *config);
/** ecs_config_copy - an independent copy. Return: NULL without memory. */
struct ecs_config *ecs_config_copy(const struct ecs_config *config);

/**
 * ecs_config_apply - execute one ECS_COMMAND_CONFIG command
 * @params:  checked by ecs_command_parse() or ecs_params_check()
 * @changed: out: false if it was already so (with "if_needed", or a set to the same value)
 *
 * With "if_needed" an add of what exists as given, and a del of what does not, succeed; an add
 * of what exists differently is still refused. Nothing changes on failure.
 * Return: 0; -EEXIST, -ENOENT, -EBUSY (something refers to it or uses it), -ENOSPC (limit),
 * -EINVAL; -ENOMEM.
 */
int ecs_config_apply(struct ecs_config *config, const struct ecs_command *command,
		     const json_t *params, bool *changed, struct ecs_err *err);

/**
 * ecs_config_dump - the commands that make this configuration from an empty one
 *
 * Return: new array of {"method", "params"}, in an order that ecs_config_apply() accepts.
 */
json_t *ecs_config_dump(const struct ecs_config *config);

/** Look up by name. Return: borrowed until the next change, or NULL. */
const struct ecs_config_network *ecs_config_network(const struct ecs_config *config,
						    const char *name);
const struct ecs_config_port *ecs_config_port(const struct ecs_config *config, const char *ifname);

/** ecs_config_gateway - whether a network has a gateway of either family. */
bool ecs_config_gateway(const struct ecs_config_network *network);

/** ecs_config_is_uplink - whether some network has the link @ifname as its uplink. */
bool ecs_config_is_uplink(const struct ecs_config *config, const char *ifname);

/** Parameters of the cast.add or cast.to that makes it. Return: new object, NULL without memory. */
json_t *ecs_config_cast_params(const struct ecs_config_cast *cast);
json_t *ecs_config_receiver_params(const struct ecs_config_receiver *receiver);

/** ecs_match_kind_text - "any", "tap" or "veth". */
const char *ecs_match_kind_text(enum ecs_match_kind kind);

#endif
