// SPDX-License-Identifier: Apache-2.0
/* Tables of a switch state: ports by ifindex, static FDB entries by key, and who waits. */
#include "state.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for one more element. Return: 0; -ENOMEM. */
static int grow(void **list, size_t count, size_t *room, size_t size)
{
	size_t more = *room ? *room * 2 : 32;
	void *p;

	if (count < *room)
		return 0;
	p = reallocarray(*list, more, size);
	if (!p)
		return -ENOMEM;
	*list = p;
	*room = more;
	return 0;
}

void ecs_state_free(struct ecs_state *state)
{
	free(state->ports);
	free(state->fdb);
	free(state->rules);
	free(state->reserved);
	free(state->waiting);
	free(state->casts);
	*state = (struct ecs_state){};
}

static size_t port_place(const struct ecs_state *state, uint32_t ifindex)
{
	size_t low = 0, high = state->port_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (state->ports[mid].ifindex < ifindex)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct ecs_state_port *ecs_state_port_add(struct ecs_state *state, uint32_t ifindex)
{
	size_t at = port_place(state, ifindex);

	if (grow((void **)&state->ports, state->port_count, &state->port_room,
		 sizeof(*state->ports)) < 0)
		return NULL;
	memmove(&state->ports[at + 1], &state->ports[at],
		(state->port_count - at) * sizeof(*state->ports));
	state->ports[at] = (struct ecs_state_port){.ifindex = ifindex, .place = ECS_NO_PLACE};
	state->port_count++;
	return &state->ports[at];
}

struct ecs_state_port *ecs_state_port_get(const struct ecs_state *state, uint32_t ifindex)
{
	size_t at = port_place(state, ifindex);

	if (at == state->port_count || state->ports[at].ifindex != ifindex)
		return NULL;
	return &state->ports[at];
}

struct ecs_state_port *ecs_state_port_by_name(const struct ecs_state *state, const char *name)
{
	for (size_t i = 0; i < state->port_count; i++)
		if (!strcmp(state->ports[i].port.name, name))
			return &state->ports[i];
	return NULL;
}

struct ecs_state_port *ecs_state_port_by_slot(const struct ecs_state *state, uint32_t slot)
{
	for (size_t i = 0; i < state->port_count; i++)
		if (state->ports[i].port.slot == slot)
			return &state->ports[i];
	return NULL;
}

int ecs_fdb_key_compare(const struct ecs_fdb_key *a, const struct ecs_fdb_key *b)
{
	if (a->network != b->network)
		return a->network < b->network ? -1 : 1;
	return memcmp(a->mac, b->mac, sizeof(a->mac));
}

static size_t fdb_place(const struct ecs_state *state, const struct ecs_fdb_key *key)
{
	size_t low = 0, high = state->fdb_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (ecs_fdb_key_compare(&state->fdb[mid].key, key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

int ecs_state_fdb_add(struct ecs_state *state, const struct ecs_state_fdb *entry)
{
	size_t at = fdb_place(state, &entry->key);

	if (at < state->fdb_count && !ecs_fdb_key_compare(&state->fdb[at].key, &entry->key))
		return -EEXIST;
	if (grow((void **)&state->fdb, state->fdb_count, &state->fdb_room, sizeof(*state->fdb)) < 0)
		return -ENOMEM;
	memmove(&state->fdb[at + 1], &state->fdb[at],
		(state->fdb_count - at) * sizeof(*state->fdb));
	state->fdb[at] = *entry;
	state->fdb_count++;
	return 0;
}

const struct ecs_state_fdb *ecs_state_fdb_get(const struct ecs_state *state,
					      const struct ecs_fdb_key *key)
{
	size_t at = fdb_place(state, key);

	if (at == state->fdb_count || ecs_fdb_key_compare(&state->fdb[at].key, key))
		return NULL;
	return &state->fdb[at];
}

static int rule_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct ecs_state_rule_key));
}

int ecs_state_rule_add(struct ecs_state *state, const struct ecs_state_rule *rule)
{
	if (grow((void **)&state->rules, state->rule_count, &state->rule_room,
		 sizeof(*state->rules)) < 0)
		return -ENOMEM;
	state->rules[state->rule_count++] = *rule;
	return 0;
}

void ecs_state_rules_sort(struct ecs_state *state)
{
	if (state->rule_count)
		qsort(state->rules, state->rule_count, sizeof(*state->rules), rule_compare);
}

const struct ecs_state_rule *ecs_state_rule_get(const struct ecs_state *state,
						const struct ecs_state_rule_key *key)
{
	if (!state->rule_count)
		return NULL;
	return bsearch(key, state->rules, state->rule_count, sizeof(*state->rules), rule_compare);
}

int ecs_state_reserve(struct ecs_state *state, const struct ecs_ports *ports)
{
	if (grow((void **)&state->reserved, state->reserved_count, &state->reserved_room,
		 sizeof(*state->reserved)) < 0)
		return -ENOMEM;
	state->reserved[state->reserved_count++] = *ports;
	return 0;
}

int ecs_state_waiting_add(struct ecs_state *state, const struct ecs_waiting *what, const char *fmt,
			  ...)
{
	struct ecs_waiting *entry;
	va_list ap;

	if (grow((void **)&state->waiting, state->waiting_count, &state->waiting_room,
		 sizeof(*state->waiting)) < 0)
		return -ENOMEM;
	entry = &state->waiting[state->waiting_count++];
	*entry = *what;
	va_start(ap, fmt);
	vsnprintf(entry->reason, sizeof(entry->reason), fmt, ap);
	va_end(ap);
	return 0;
}

uint16_t ecs_state_network_id(const struct ecs_state *state, const char *name)
{
	for (uint16_t id = 1; id <= ECS_NETWORKS_MAX; id++)
		if (state->networks[id].used && !strcmp(state->networks[id].name, name))
			return id;
	return 0;
}

struct ecs_state_cast *ecs_state_cast_by_name(const struct ecs_state *state, const char *name)
{
	for (size_t i = 0; i < state->cast_count; i++)
		if (!strcmp(state->casts[i].name, name))
			return &state->casts[i];
	return NULL;
}

const struct ecs_state_receiver *ecs_state_cast_receiver(const struct ecs_state_cast *cast,
							 const char *name)
{
	for (size_t i = 0; i < cast->receiver_count; i++)
		if (!strcmp(cast->receivers[i].name, name))
			return &cast->receivers[i];
	return NULL;
}

struct ecs_state_group *ecs_state_cast_group(const struct ecs_state_cast *cast, uint16_t state)
{
	for (size_t i = 0; i < cast->group_count; i++)
		if (cast->groups[i].state == state)
			return (struct ecs_state_group *)&cast->groups[i];
	return NULL;
}
