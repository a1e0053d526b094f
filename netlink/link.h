/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links, addresses and routes as rtnetlink tells them, by libnl. Owns the request socket
 * (struct ecs_nl). Knows no policy and never logs.
 */
#ifndef ECSWITCH_NETLINK_LINK_H
#define ECSWITCH_NETLINK_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include <net/if.h>
#include <netinet/in.h>
#include <ecswitch/err.h>

/* One kernel link, a plain copy. */
struct ecs_link {
	uint32_t ifindex;
	char name[IFNAMSIZ];
	/* IFLA_INFO_KIND; "tap" for a tun device that carries Ethernet; empty for hardware */
	char kind[IFNAMSIZ];
	uint8_t mac[6];
	bool ethernet; /* ARPHRD_ETHER with a 6-byte address */
	uint32_t mtu;
	uint32_t flags;	     /* IFF_* */
	bool carrier;	     /* IFF_UP and IFF_LOWER_UP */
	uint32_t master;     /* ifindex, 0 = none */
	uint32_t peer;	     /* IFLA_LINK: a veth's other end, a VLAN's lower link; 0 = none */
	bool peer_elsewhere; /* IFLA_LINK_NETNSID is present: the peer is in another netns */
	uint64_t tx_dropped; /* frames that it did not take, up to now */
};

/* One address of the host. */
struct ecs_addr {
	uint32_t ifindex;
	uint8_t family; /* AF_INET or AF_INET6 */
	uint8_t prefix_len;
	uint8_t scope; /* RT_SCOPE_* */
	uint8_t addr[16];
	bool usable; /* IPv6: neither tentative nor deprecated */
	bool temporary;
};

struct ecs_nl; /* request sockets: one of libnl, one of libmnl */

/**
 * ecs_nl_open - open the request sockets in the calling thread's network namespace
 * @out: set only on success; free with ecs_nl_close()
 * @err: text on failure
 *
 * Return: 0 or -errno.
 */
int ecs_nl_open(struct ecs_nl **out, struct ecs_err *err);
void ecs_nl_close(struct ecs_nl *nl);

/**
 * ecs_link_list - dump all links (RTM_GETLINK)
 * @fn: called for each link; its @link is borrowed
 *
 * Retries a dump that the kernel marks as interrupted, and calls @fn only when it is complete:
 * @fn may use @nl. Return: 0; -EAGAIN if links changed during each try; -errno.
 */
int ecs_link_list(struct ecs_nl *nl, void (*fn)(const struct ecs_link *link, void *ctx), void *ctx,
		  struct ecs_err *err);

/** ecs_link_get - ask for one link. Return: 0; -ENODEV if there is none; -errno. */
int ecs_link_get(struct ecs_nl *nl, uint32_t ifindex, struct ecs_link *out, struct ecs_err *err);

/** ecs_link_set_promisc - set or clear IFF_PROMISC. Return: 0; -ENODEV; -errno. */
int ecs_link_set_promisc(struct ecs_nl *nl, uint32_t ifindex, bool on, struct ecs_err *err);

/** ecs_addr_list - dump the addresses of all links. Return: 0 or -errno. */
int ecs_addr_list(struct ecs_nl *nl, void (*fn)(const struct ecs_addr *addr, void *ctx), void *ctx,
		  struct ecs_err *err);

/**
 * ecs_route_default_link - the device of the default route
 * @ifindex: out: lowest metric in table main, IPv4 before IPv6; 0 if there is no default route
 *
 * Return: 0 or -errno.
 */
int ecs_route_default_link(struct ecs_nl *nl, uint32_t *ifindex, struct ecs_err *err);

/**
 * ecs_lro_get, ecs_lro_set - large receive offload by ethtool netlink
 *
 * LRO merges frames beyond recovery, so a link that forwards must not use it.
 * Return: 0; -EOPNOTSUPP if the driver has no LRO; -ENODEV; -errno.
 */
int ecs_lro_get(struct ecs_nl *nl, const char *name, bool *on, struct ecs_err *err);
int ecs_lro_set(struct ecs_nl *nl, const char *name, bool on, struct ecs_err *err);

#endif
