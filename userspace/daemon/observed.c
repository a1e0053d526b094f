// SPDX-License-Identifier: Apache-2.0
/* The table of links and addresses as last heard from the kernel. */
#include "observed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/rtnetlink.h>

/* Index of the first link whose ifindex is not below @ifindex. */
static size_t link_place(const struct ecs_observed *observed, uint32_t ifindex)
{
	size_t low = 0, high = observed->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (observed->links[mid].ifindex < ifindex)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void ecs_observed_free(struct ecs_observed *observed)
{
	free(observed->links);
	free(observed->addrs);
	*observed = (struct ecs_observed){};
}

int ecs_observed_link_set(struct ecs_observed *observed, const struct ecs_link *link)
{
	size_t at = link_place(observed, link->ifindex);

	if (at < observed->count && observed->links[at].ifindex == link->ifindex) {
		observed->links[at] = *link;
		return 0;
	}
	if (observed->count == observed->room) {
		size_t room = observed->room ? observed->room * 2 : 64;
		void *links = reallocarray(observed->links, room, sizeof(*observed->links));

		if (!links)
			return -ENOMEM;
		observed->links = links;
		observed->room = room;
	}
	memmove(&observed->links[at + 1], &observed->links[at],
		(observed->count - at) * sizeof(*observed->links));
	observed->links[at] = *link;
	observed->count++;
	return 0;
}

bool ecs_observed_link_del(struct ecs_observed *observed, uint32_t ifindex)
{
	size_t at = link_place(observed, ifindex);

	if (at == observed->count || observed->links[at].ifindex != ifindex)
		return false;
	observed->count--;
	memmove(&observed->links[at], &observed->links[at + 1],
		(observed->count - at) * sizeof(*observed->links));
	return true;
}

void ecs_observed_clear_addrs(struct ecs_observed *observed)
{
	observed->addr_count = 0;
}

int ecs_observed_addr_add(struct ecs_observed *observed, const struct ecs_addr *addr)
{
	if (addr->scope != RT_SCOPE_UNIVERSE && addr->scope != RT_SCOPE_SITE)
		return 0;
	if (observed->addr_count == observed->addr_room) {
		size_t room = observed->addr_room ? observed->addr_room * 2 : 16;
		void *list = reallocarray(observed->addrs, room, sizeof(*observed->addrs));

		if (!list)
			return -ENOMEM;
		observed->addrs = list;
		observed->addr_room = room;
	}
	observed->addrs[observed->addr_count++] = *addr;
	return 0;
}

const struct ecs_link *ecs_observed_by_index(const struct ecs_observed *observed, uint32_t ifindex)
{
	size_t at = link_place(observed, ifindex);

	if (at == observed->count || observed->links[at].ifindex != ifindex)
		return NULL;
	return &observed->links[at];
}

const struct ecs_link *ecs_observed_by_name(const struct ecs_observed *observed, const char *name)
{
	for (size_t i = 0; i < observed->count; i++)
		if (!strcmp(observed->links[i].name, name))
			return &observed->links[i];
	return NULL;
}

bool ecs_observed_addressed(const struct ecs_observed *observed, uint32_t ifindex)
{
	for (size_t i = 0; i < observed->addr_count; i++)
		if (observed->addrs[i].ifindex == ifindex)
			return true;
	return false;
}

bool ecs_observed_has_addr(const struct ecs_observed *observed, uint32_t ifindex,
			   const struct ecs_prefix *prefix)
{
	for (size_t i = 0; i < observed->addr_count; i++) {
		const struct ecs_addr *addr = &observed->addrs[i];

		if (addr->ifindex == ifindex && addr->family == prefix->family &&
		    addr->prefix_len == prefix->len &&
		    !memcmp(addr->addr, prefix->addr, sizeof(addr->addr)))
			return true;
	}
	return false;
}

uint32_t ecs_observed_addr4(const struct ecs_observed *observed, uint32_t ifindex, uint32_t now)
{
	uint32_t first = 0;

	for (size_t i = 0; i < observed->addr_count; i++) {
		const struct ecs_addr *addr = &observed->addrs[i];
		uint32_t addr_be;

		if (addr->ifindex != ifindex || addr->family != AF_INET)
			continue;
		memcpy(&addr_be, addr->addr, sizeof(addr_be));
		if (addr_be == now)
			return now;
		if (!first)
			first = addr_be;
	}
	return first;
}

void ecs_observed_addr6(const struct ecs_observed *observed, uint32_t ifindex,
			const uint8_t now[16], uint8_t out[16])
{
	const struct ecs_addr *best = NULL;

	for (size_t i = 0; i < observed->addr_count; i++) {
		const struct ecs_addr *addr = &observed->addrs[i];

		if (addr->ifindex != ifindex || addr->family != AF_INET6 || !addr->usable)
			continue;
		if (!best || (best->temporary && !addr->temporary))
			best = addr;
		if (!memcmp(addr->addr, now, sizeof(addr->addr))) {
			best = addr;
			break;
		}
	}
	if (best)
		memcpy(out, best->addr, sizeof(best->addr));
	else
		memset(out, 0, 16);
}

const struct ecs_link *ecs_observed_peer(const struct ecs_observed *observed,
					 const struct ecs_link *link)
{
	const struct ecs_link *peer;

	if (strcmp(link->kind, "veth") || link->peer_elsewhere || !link->peer)
		return NULL;
	peer = ecs_observed_by_index(observed, link->peer);
	return peer && !strcmp(peer->kind, "veth") ? peer : NULL;
}
