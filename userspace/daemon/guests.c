// SPDX-License-Identifier: Apache-2.0
/*
 * The table of VMs behind links, and its file: a JSON array, one object a link. Called by the
 * handler of `port set`, by follow.c when links change, and at start.
 */
#include "guests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include <ecswitch/cleanup.h>
#include "userspace/lib/file.h"

void ecs_guests_free(struct ecs_guests *guests)
{
	free(guests->list);
	*guests = (struct ecs_guests){};
}

static struct ecs_guest *find(const struct ecs_guests *guests, uint32_t ifindex)
{
	for (size_t i = 0; i < guests->count; i++)
		if (guests->list[i].ifindex == ifindex)
			return &guests->list[i];
	return NULL;
}

const struct ecs_guest *ecs_guest_of(const struct ecs_guests *guests, uint32_t ifindex)
{
	return ifindex ? find(guests, ifindex) : NULL;
}

static struct ecs_guest *add(struct ecs_guests *guests)
{
	if (guests->count == guests->room) {
		size_t room = guests->room ? guests->room * 2 : 16;
		struct ecs_guest *list = reallocarray(guests->list, room, sizeof(*list));

		if (!list)
			return NULL;
		guests->list = list;
		guests->room = room;
	}
	return &guests->list[guests->count++];
}

int ecs_guest_set(struct ecs_guests *guests, const struct ecs_link *link, const char *name,
		  const uint8_t *mac)
{
	struct ecs_guest *guest = find(guests, link->ifindex);

	if (!guest && guests->count >= ECS_PORTS_MAX)
		return -ENOSPC;
	if (!guest)
		guest = add(guests);
	if (!guest)
		return -ENOMEM;
	*guest = (struct ecs_guest){.ifindex = link->ifindex, .has_mac = mac != NULL};
	memcpy(guest->link, link->name, sizeof(guest->link));
	memcpy(guest->kind, link->kind, sizeof(guest->kind));
	memcpy(guest->link_mac, link->mac, sizeof(guest->link_mac));
	snprintf(guest->name, sizeof(guest->name), "%s", name);
	if (mac)
		memcpy(guest->mac, mac, sizeof(guest->mac));
	guests->changed = true;
	return 0;
}

static void del(struct ecs_guests *guests, struct ecs_guest *guest)
{
	*guest = guests->list[--guests->count];
	guests->changed = true;
}

void ecs_guest_del(struct ecs_guests *guests, uint32_t ifindex)
{
	struct ecs_guest *guest = find(guests, ifindex);

	if (guest)
		del(guests, guest);
}

/* The kernel may give a number again: to a link that then has another name, kind or address. */
static bool is_behind(const struct ecs_guest *guest, const struct ecs_link *link)
{
	return link && !strcmp(guest->link, link->name) && !strcmp(guest->kind, link->kind) &&
	       !memcmp(guest->link_mac, link->mac, sizeof(guest->link_mac));
}

void ecs_guest_check(struct ecs_guests *guests, const struct ecs_link *link)
{
	struct ecs_guest *guest = find(guests, link->ifindex);

	if (guest && !is_behind(guest, link))
		del(guests, guest);
}

void ecs_guests_prune(struct ecs_guests *guests, const struct ecs_observed *observed)
{
	for (size_t i = guests->count; i-- > 0;) {
		struct ecs_guest *guest = &guests->list[i];

		if (!is_behind(guest, ecs_observed_by_index(observed, guest->ifindex)))
			del(guests, guest);
	}
}

static void load_one(struct ecs_guests *guests, const json_t *item,
		     const struct ecs_observed *observed)
{
	const char *link_name, *kind, *link_mac, *name, *mac = NULL;
	const struct ecs_link *link;
	struct ecs_guest was = {};
	json_int_t ifindex;

	if (json_unpack((json_t *)item, "{s:I, s:s, s:s, s:s, s:s, s?s}", "ifindex", &ifindex,
			"link", &link_name, "kind", &kind, "link_mac", &link_mac, "vm", &name,
			"mac", &mac) < 0 ||
	    !ecs_text_valid(name) || ecs_mac_parse(link_mac, was.link_mac) < 0 ||
	    (mac && ecs_mac_parse(mac, was.mac) < 0))
		return;
	snprintf(was.link, sizeof(was.link), "%s", link_name);
	snprintf(was.kind, sizeof(was.kind), "%s", kind);
	link = ecs_observed_by_index(observed, (uint32_t)ifindex);
	if (is_behind(&was, link))
		ecs_guest_set(guests, link, name, mac ? was.mac : NULL);
}

void ecs_guests_load(struct ecs_guests *guests, const char *path,
		     const struct ecs_observed *observed)
{
	json_t *list = json_load_file(path, 0, NULL), *item;
	size_t i;

	json_array_foreach (list, i, item)
		load_one(guests, item, observed);
	/* Those that went meanwhile go from the file, too. */
	guests->changed = list && guests->count != json_array_size(list);
	json_decref(list);
}

static json_t *dump(const struct ecs_guests *guests)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < guests->count; i++) {
		const struct ecs_guest *guest = &guests->list[i];
		char link_mac[ECS_MAC_TEXT_MAX], mac[ECS_MAC_TEXT_MAX];

		json_array_append_new(
			list,
			json_pack("{s:I, s:s, s:s, s:s, s:s, s:s*}", "ifindex",
				  (json_int_t)guest->ifindex, "link", guest->link, "kind",
				  guest->kind, "link_mac",
				  ecs_mac_format(guest->link_mac, link_mac), "vm", guest->name,
				  "mac", guest->has_mac ? ecs_mac_format(guest->mac, mac) : NULL));
	}
	return list;
}

int ecs_guests_save(const struct ecs_guests *guests, const char *path, struct ecs_err *err)
{
	ECS_FREE char *text = NULL;
	json_t *list;

	if (!guests->count)
		return ecs_file_remove(path, err);
	list = dump(guests);
	text = list ? json_dumps(list, JSON_COMPACT) : NULL;
	json_decref(list);
	return text ? ecs_file_replace(path, text, 0600, err)
		    : ecs_fail(err, -ENOMEM, "out of memory");
}
