// SPDX-License-Identifier: Apache-2.0
/*
 * The table of commands, and nothing else: the command line, the configuration file, JSON-RPC,
 * completion and the manual are read from it.
 */
#include <string.h>

#include <ecswitch/abi.h>

#include "config.h"

/* Positional parameters. */
#define P_NAME                                                                                     \
	{                                                                                          \
		.name = "name", .type = ECS_TYPE_NAME, .meta = "NAME"                              \
	}
#define P_PATTERN                                                                                  \
	{                                                                                          \
		.name = "pattern", .type = ECS_TYPE_PATTERN, .meta = "PATTERN"                     \
	}
#define P_MAC                                                                                      \
	{                                                                                          \
		.name = "mac", .type = ECS_TYPE_MAC, .meta = "MAC"                                 \
	}
#define P_IF(key)                                                                                  \
	{                                                                                          \
		.name = key, .type = ECS_TYPE_IFNAME, .meta = "IF"                                 \
	}
#define P_IF_OPT(key)                                                                              \
	{                                                                                          \
		.name = key, .type = ECS_TYPE_IFNAME, .meta = "IF", .optional = true               \
	}
#define P_FILE                                                                                     \
	{                                                                                          \
		.name = "path", .type = ECS_TYPE_PATH, .meta = "FILE"                              \
	}
#define P_FILE_OPT                                                                                 \
	{                                                                                          \
		.name = "path", .type = ECS_TYPE_PATH, .meta = "FILE", .optional = true            \
	}

/* Parameters after their keyword. */
#define K_NETWORK                                                                                  \
	{                                                                                          \
		.name = "network", .type = ECS_TYPE_NAME, .keyword = "network", .meta = "NAME"     \
	}
#define K_NETWORK_OPT                                                                              \
	{                                                                                          \
		.name = "network", .type = ECS_TYPE_NAME, .keyword = "network", .meta = "NAME",    \
		.optional = true                                                                   \
	}
#define K_VM_OPT                                                                                   \
	{                                                                                          \
		.name = "vm", .type = ECS_TYPE_TEXT, .keyword = "vm", .meta = "NAME",              \
		.optional = true, .nullable = true                                                 \
	}
#define K_PORT_OPT                                                                                 \
	{                                                                                          \
		.name = "port", .type = ECS_TYPE_IFNAME, .keyword = "port", .meta = "IF",          \
		.optional = true                                                                   \
	}
#define K_KIND_OPT                                                                                 \
	{                                                                                          \
		.name = "kind", .type = ECS_TYPE_CHOICE, .keyword = "kind",                        \
		.choices = "tap|veth|any", .optional = true                                        \
	}
#define K_ONEWAY_OPT                                                                               \
	{                                                                                          \
		.name = "oneway", .type = ECS_TYPE_FLAG, .keyword = "oneway", .optional = true     \
	}

/* Options of a network. */
#define K_UPLINK_OPT                                                                               \
	{                                                                                          \
		.name = "uplink", .type = ECS_TYPE_IFNAME, .keyword = "uplink", .meta = "IF|auto", \
		.optional = true, .nullable = true                                                 \
	}
#define K_VLAN_OPT                                                                                 \
	{                                                                                          \
		.name = "vlan", .type = ECS_TYPE_UINT, .keyword = "vlan", .meta = "VID", .min = 1, \
		.max = 4094, .optional = true, .nullable = true                                    \
	}
#define K_AGEING_OPT                                                                               \
	{                                                                                          \
		.name = "ageing", .type = ECS_TYPE_UINT, .keyword = "ageing", .meta = "SEC",       \
		.min = 10, .max = 86400, .zero = true, .optional = true                            \
	}
#define K_FDB_LIMIT_OPT                                                                            \
	{                                                                                          \
		.name = "fdb_limit", .type = ECS_TYPE_UINT, .keyword = "fdb-limit", .meta = "N",   \
		.min = 1, .max = ECS_FDB_MAX, .zero = true, .optional = true                       \
	}
#define K_GATEWAY_OPT                                                                              \
	{                                                                                          \
		.name = "gateway", .type = ECS_TYPE_PREFIX4, .keyword = "gateway",                 \
		.meta = "ADDR/LEN", .optional = true, .nullable = true                             \
	}
#define K_GATEWAY6_OPT                                                                             \
	{                                                                                          \
		.name = "gateway6", .type = ECS_TYPE_PREFIX6, .keyword = "gateway6",               \
		.meta = "ADDR/LEN", .optional = true, .nullable = true                             \
	}
#define K_NAT_OPT                                                                                  \
	{                                                                                          \
		.name = "nat", .type = ECS_TYPE_FLAG, .keyword = "nat", .optional = true,          \
		.nullable = true                                                                   \
	}
#define K_NAT66_OPT                                                                                \
	{                                                                                          \
		.name = "nat66", .type = ECS_TYPE_FLAG, .keyword = "nat66", .optional = true,      \
		.nullable = true                                                                   \
	}
#define K_NAT_PORTS_OPT                                                                            \
	{                                                                                          \
		.name = "nat_ports", .type = ECS_TYPE_PORTS, .keyword = "nat-ports",               \
		.meta = "LOW-HIGH", .optional = true, .nullable = true                             \
	}
#define K_NAT_LIMIT_OPT                                                                            \
	{                                                                                          \
		.name = "nat_limit", .type = ECS_TYPE_UINT, .keyword = "nat-limit", .meta = "N",   \
		.min = 1, .max = ECS_NAT_FLOWS_MAX, .optional = true, .nullable = true             \
	}
#define K_TIMEOUT_OPT(proto)                                                                       \
	{                                                                                          \
		.name = #proto "_timeout", .type = ECS_TYPE_UINT, .keyword = #proto "-timeout",    \
		.meta = "SEC", .min = 1, .max = 604800, .optional = true, .nullable = true         \
	}
#define K_NETWORK_OPTIONS                                                                          \
	K_UPLINK_OPT, K_VLAN_OPT, K_AGEING_OPT, K_FDB_LIMIT_OPT, K_GATEWAY_OPT, K_GATEWAY6_OPT,    \
		K_NAT_OPT, K_NAT66_OPT, K_NAT_PORTS_OPT, K_NAT_LIMIT_OPT, K_TIMEOUT_OPT(tcp),      \
		K_TIMEOUT_OPT(udp), K_TIMEOUT_OPT(icmp)

/* Forwards. */
#define P_PROTO                                                                                    \
	{                                                                                          \
		.name = "proto", .type = ECS_TYPE_CHOICE, .choices = "tcp|udp"                     \
	}
#define P_PORTS                                                                                    \
	{                                                                                          \
		.name = "port", .type = ECS_TYPE_PORTS, .meta = "PORT[-PORT]"                      \
	}
#define K_TO                                                                                       \
	{                                                                                          \
		.name = "to", .type = ECS_TYPE_ENDPOINT, .keyword = "to", .meta = "ADDR[:PORT]"    \
	}
#define K_FORCE_OPT                                                                                \
	{                                                                                          \
		.name = "force", .type = ECS_TYPE_FLAG, .keyword = "force", .optional = true       \
	}
#define K_ADDRESS_OPT                                                                              \
	{                                                                                          \
		.name = "address", .type = ECS_TYPE_ADDR, .keyword = "address", .meta = "ADDR",    \
		.optional = true                                                                   \
	}
#define K_PROTO_OPT                                                                                \
	{                                                                                          \
		.name = "proto", .type = ECS_TYPE_CHOICE, .keyword = "proto",                      \
		.choices = "tcp|udp|icmp", .optional = true                                        \
	}

/* Casts. */
#define K_FROM_OPT                                                                                 \
	{                                                                                          \
		.name = "from", .type = ECS_TYPE_IFNAME, .keyword = "from", .meta = "IF",          \
		.optional = true                                                                   \
	}
#define K_DST                                                                                      \
	{                                                                                          \
		.name = "dst", .type = ECS_TYPE_ADDR, .keyword = "dst", .meta = "ADDR"             \
	}
#define K_UDP_PORT                                                                                 \
	{                                                                                          \
		.name = "port", .type = ECS_TYPE_UINT, .keyword = "port", .meta = "PORT",          \
		.min = 1, .max = 65535                                                             \
	}
#define K_SRC_OPT                                                                                  \
	{                                                                                          \
		.name = "src", .type = ECS_TYPE_ADDR, .keyword = "src", .meta = "ADDR",            \
		.optional = true                                                                   \
	}
#define K_HOST_OPT                                                                                 \
	{                                                                                          \
		.name = "host", .type = ECS_TYPE_FLAG, .keyword = "host", .optional = true         \
	}
#define K_RECEIVER P_IF_OPT("port"), K_NETWORK_OPT, K_HOST_OPT
#define K_ORIGINAL_OPT                                                                             \
	{                                                                                          \
		.name = "original", .type = ECS_TYPE_CHOICE, .keyword = "original",                \
		.choices = "keep|consume", .optional = true                                        \
	}
#define K_CODEC_OPT                                                                                \
	{                                                                                          \
		.name = "codec", .type = ECS_TYPE_CHOICE, .keyword = "codec",                      \
		.choices = "auto|h264|hevc|ts", .optional = true                                   \
	}
#define K_POLICY                                                                                   \
	{                                                                                          \
		.name = "policy", .type = ECS_TYPE_POLICY, .keyword = "policy", .meta = "POLICY"   \
	}
#define K_POLICY_OPT                                                                               \
	{                                                                                          \
		.name = "policy", .type = ECS_TYPE_POLICY, .keyword = "policy", .meta = "POLICY",  \
		.optional = true                                                                   \
	}
#define K_TO_OPT                                                                                   \
	{                                                                                          \
		.name = "to", .type = ECS_TYPE_ENDPOINT, .keyword = "to", .meta = "ADDR[:PORT]",   \
		.optional = true                                                                   \
	}
#define K_MAC_OPT                                                                                  \
	{                                                                                          \
		.name = "mac", .type = ECS_TYPE_MAC, .keyword = "mac", .meta = "MAC",              \
		.optional = true                                                                   \
	}

#define READ 0
#define WRITE ECS_COMMAND_WRITE
#define CONFIG (ECS_COMMAND_CONFIG | ECS_COMMAND_WRITE)
#define SCRIPT (ECS_COMMAND_SCRIPT | ECS_COMMAND_WRITE)

/* clang-format off */
const struct ecs_command ecs_commands[] = {
	{"show", "show", READ, "show the whole switch at a glance", {}},

	{"network list", "network.list", READ, "list the networks", {}},
	{"network add", "network.add", CONFIG,
	 "make a network: isolated, bridged onto an uplink or a VLAN of it, or behind NAT",
	 {P_NAME, K_NETWORK_OPTIONS}},
	{"network set", "network.set", CONFIG | ECS_COMMAND_SET, "change options of a network",
	 {P_NAME, K_NETWORK_OPTIONS}},
	{"network del", "network.del", CONFIG, "remove a network that nothing refers to", {P_NAME}},

	{"match list", "match.list", READ, "list the rules that adopt links", {}},
	{"match add", "match.add", CONFIG, "adopt every link whose name fits a glob into a network",
	 {P_PATTERN, K_NETWORK, K_KIND_OPT}},
	{"match del", "match.del", CONFIG, "remove a rule, and the ports that only it adopted",
	 {P_PATTERN}},

	{"port list", "port.list", READ, "list the ports", {}},
	{"port show", "port.show", READ, "show one port", {P_IF("port")}},
	{"port add", "port.add", CONFIG, "make a link a port of a network", {P_IF("port"), K_NETWORK}},
	{"port set", "port.set", CONFIG | ECS_COMMAND_SET,
	 "move a port that was added into another network, or say which VM is behind a link",
	 {P_IF("port"), K_NETWORK_OPT, K_VM_OPT, K_MAC_OPT}},
	{"port del", "port.del", CONFIG, "release a port that was added", {P_IF("port")}},

	{"patch list", "patch.list", READ, "list the patches", {}},
	{"patch add", "patch.add", CONFIG, "send everything that one link receives out of another",
	 {P_IF("a"), P_IF("b"), K_ONEWAY_OPT}},
	{"patch del", "patch.del", CONFIG, "remove the patch of a link", {P_IF("a"), P_IF_OPT("b")}},

	{"fdb list", "fdb.list", READ, "list the forwarding database", {K_NETWORK_OPT}},
	{"fdb add", "fdb.add", CONFIG, "bind a MAC address to a port for good",
	 {P_MAC, P_IF("port"), K_NETWORK_OPT}},
	{"fdb del", "fdb.del", CONFIG, "remove a static entry", {P_MAC, K_NETWORK_OPT}},
	{"fdb flush", "fdb.flush", WRITE, "forget learned entries", {K_NETWORK_OPT, K_PORT_OPT}},

	{"nat list", "nat.list", READ, "list the forwards and what each network's NAT uses",
	 {K_NETWORK_OPT}},
	{"nat flows", "nat.flows", READ, "list the flows that NAT follows",
	 {K_NETWORK_OPT, K_ADDRESS_OPT, K_PROTO_OPT}},
	{"nat forward add", "nat.forward.add", CONFIG,
	 "send a port of the uplink's address to a VM behind NAT",
	 {P_PROTO, P_PORTS, K_TO, K_NETWORK, K_FORCE_OPT}},
	{"nat forward del", "nat.forward.del", CONFIG, "remove a forward",
	 {P_PROTO, P_PORTS, K_NETWORK}},

	{"cast list", "cast.list", READ, "list the casts", {}},
	{"cast show", "cast.show", READ, "show a cast and what each receiver got", {P_NAME}},
	{"cast add", "cast.add", CONFIG,
	 "take a video stream that a port, or a network, receives, for copies of it",
	 {P_NAME, K_FROM_OPT, K_NETWORK_OPT, K_DST, K_UDP_PORT, K_SRC_OPT, K_CODEC_OPT,
	  K_ORIGINAL_OPT}},
	{"cast to", "cast.to", CONFIG,
	 "send a port, the ports of a network or the host a copy of the stream, thinned by a policy",
	 {P_NAME, K_RECEIVER, K_POLICY_OPT, K_TO_OPT, K_MAC_OPT}},
	{"cast set", "cast.set", CONFIG, "change a receiver's policy from the next frame on",
	 {P_NAME, K_RECEIVER, K_POLICY}},
	{"cast off", "cast.off", CONFIG, "end a receiver's copy", {P_NAME, K_RECEIVER}},
	{"cast del", "cast.del", CONFIG, "end a cast", {P_NAME}},

	{"stats", "stats", READ, "show what each port received and sent", {P_IF_OPT("port")}},
	{"drops", "drops", READ, "show why and where frames were dropped", {P_IF_OPT("port")}},
	{"monitor", "monitor", ECS_COMMAND_STREAM, "follow events until interrupted", {}},
	{"metrics", "metrics", READ, "print all counters in the Prometheus text format", {}},
	{"status", "status", READ, "show the daemon, its limits and its problems", {}},
	{"version", "version", ECS_COMMAND_LOCAL, "show the version of the tool and of the daemon", {}},

	{"apply", "apply", SCRIPT, "make the running state exactly what a file says, or change nothing",
	 {P_FILE}},
	{"batch", "batch", SCRIPT, "run the commands of a file (- reads stdin) as one transaction",
	 {P_FILE}},
	{"check", "check", ECS_COMMAND_LOCAL, "validate a file without the daemon", {P_FILE}},
	{"save", "save", WRITE, "write the running state to the daemon's file, or to another",
	 {P_FILE_OPT}},
	{"reload", "reload", WRITE, "apply the daemon's file", {}},
	{"detach", "detach", WRITE, "take down all that ecswitch made, and end the daemon", {}},
	{},
};
/* clang-format on */

const struct ecs_command *ecs_command_by_method(const char *method)
{
	for (const struct ecs_command *command = ecs_commands; command->words; command++)
		if (!strcmp(command->method, method))
			return command;
	return NULL;
}
