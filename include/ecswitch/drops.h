/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every reason for which the data path drops a frame. Numbers are part of the map ABI:
 * append, never reorder.
 */
#ifndef ECSWITCH_DROPS_H
#define ECSWITCH_DROPS_H

#define ECS_DROPS(X)                                                                               \
	X(MALFORMED, "frame is shorter than its Ethernet or VLAN header")                          \
	X(SRC_MAC, "source MAC is multicast or zero")                                              \
	X(VLAN_TAGGED, "tagged frame from a port that carries one untagged network")               \
	X(RESERVED_MULTICAST, "link-local multicast 01:80:C2:00:00:0X is not forwarded")           \
	X(HAIRPIN, "destination is behind the port that the frame came from")                      \
	X(NO_NETWORK, "port is in no network")                                                     \
	X(NO_RECEIVER, "no other port in the network")                                             \
	X(MTU, "frame is larger than the MTU of the output port")                                  \
	X(OUTPUT, "output port refused the frame: down, gone, or its queue is full")               \
	X(VLAN, "VLAN tag could not be added or removed")                                          \
	X(NAT_MALFORMED, "IP, TCP, UDP or ICMP header is truncated or contradicts itself")         \
	X(NAT_PROTO, "protocol that NAT cannot translate")                                         \
	X(NAT_UNSOLICITED, "answer, reset or ICMP error that belongs to no flow")                  \
	X(NAT_NO_ADDRESS, "the uplink has no address to hide behind")                              \
	X(NAT_NO_ROUTE, "the route to the destination does not leave by the network's uplink")     \
	X(NAT_NO_PORT, "no free port in the network's NAT range towards this destination")         \
	X(NAT_LIMIT, "the port has as many flows as one port may open")                            \
	X(NAT_TABLE_FULL, "the table of flows is full")                                            \
	X(NAT_FRAGMENT, "fragment whose first fragment has not come before it")                    \
	X(NAT_TTL, "TTL ran out; the sender was told")                                             \
	X(NAT_MTU, "packet is larger than the next link's MTU; the sender was told")               \
	X(NAT_TTL_QUIET, "TTL ran out, of more packets than their sender is told of")              \
	X(NAT_FORGED, "source address that is the host's own, or nobody's")

enum ecs_drop {
	ECS_DROP_NONE = 0,
#define X(name, text) ECS_DROP_##name,
	ECS_DROPS(X)
#undef X
		ECS_DROP_COUNT,
};

#endif
