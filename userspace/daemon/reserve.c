// SPDX-License-Identifier: Apache-2.0
/*
 * Sets of ports as the kernel lists them ("80,8000-8100"), and which of those are ours. A set
 * is a bitmap; the file of ours has the kernel's form, too.
 */
#include "reserve.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ecswitch/cleanup.h>
#include "sysctl.h"
#include "userspace/lib/file.h"

#define RESERVED "ipv4/ip_local_reserved_ports"
#define PORTS (UINT16_MAX + 1)

struct set {
	bool has[PORTS];
};

static void set_add(struct set *set, const struct ecs_ports *ports)
{
	for (uint32_t port = ports->low; port <= ports->high; port++)
		set->has[port] = true;
}

static void set_parse(struct set *set, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, ",");
		struct ecs_ports ports;
		char item[ECS_PORTS_TEXT_MAX];

		if (len < sizeof(item)) {
			memcpy(item, text, len);
			item[len] = '\0';
			if (ecs_ports_parse(item, &ports) == 0)
				set_add(set, &ports);
		}
		text += len;
		text += *text == ',';
	}
}

static char *set_format(const struct set *set)
{
	char *text = NULL, item[ECS_PORTS_TEXT_MAX];
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	const char *comma = "";

	if (!out)
		return NULL;
	for (uint32_t port = 1; port < PORTS; port++) {
		struct ecs_ports ports = {.low = (uint16_t)port};

		if (!set->has[port])
			continue;
		while (port + 1 < PORTS && set->has[port + 1])
			port++;
		ports.high = (uint16_t)port;
		fprintf(out, "%s%s", comma, ecs_ports_format(&ports, item));
		comma = ",";
	}
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static void ours_load(struct set *ours, const char *path)
{
	ECS_FCLOSE FILE *in = fopen(path, "re");
	ECS_FREE char *line = NULL;
	size_t size = 0;

	if (!in || getline(&line, &size, in) < 0)
		return;
	line[strcspn(line, "\n")] = '\0';
	set_parse(ours, line);
}

/* Whole or not: of half a list the other half would never be given back. */
static int ours_save(const struct set *ours, const char *path, struct ecs_err *err)
{
	ECS_FREE char *text = set_format(ours);

	if (!text)
		return ecs_fail(err, -ENOMEM, "out of memory");
	return *text ? ecs_file_replace(path, text, 0644, err) : ecs_file_remove(path, err);
}

/* Ours are those that we want and nobody else has reserved. */
static void merge(struct set *all, struct set *ours, const struct set *want)
{
	for (uint32_t port = 0; port < PORTS; port++) {
		bool others = all->has[port] && !ours->has[port];

		ours->has[port] = want->has[port] && !others;
		all->has[port] = others || want->has[port];
	}
}

static int kernel_set(const struct set *all, const char *old, struct ecs_err *err)
{
	ECS_FREE char *text = set_format(all);
	int r = -ENOMEM;

	if (text && !strcmp(old, text))
		return 0;
	if (text)
		r = ecs_sysctl_write(RESERVED, *text ? text : "\n");
	return r < 0 ? ecs_fail(err, r, "cannot write net/" RESERVED ": %s", strerror(-r)) : 0;
}

int ecs_reserve(const struct ecs_ports *ports, size_t count, const char *path, struct ecs_err *err)
{
	ECS_FREE struct set *sets = calloc(4, sizeof(*sets));
	struct set *all = sets, *ours = sets + 1, *want = sets + 2, *once = sets + 3;
	ECS_FREE char *old = NULL;
	int r;

	if (!sets)
		return ecs_fail(err, -ENOMEM, "out of memory");
	r = ecs_sysctl_read(RESERVED, &old);
	if (r < 0)
		return ecs_fail(err, r, "cannot read net/" RESERVED ": %s", strerror(-r));
	set_parse(all, old);
	ours_load(ours, path);
	for (size_t i = 0; i < count; i++)
		set_add(want, &ports[i]);
	*once = *ours;
	merge(all, ours, want);
	for (uint32_t port = 0; port < PORTS; port++)
		once->has[port] |= ours->has[port];
	/* What is not remembered is never given back: what comes is so before, what goes after. */
	r = ours_save(once, path, err);
	if (r == 0)
		r = kernel_set(all, old, err);
	return r < 0 ? r : ours_save(ours, path, err);
}

struct ecs_ports ecs_reserve_local_range(void)
{
	ECS_FREE char *text = NULL;
	unsigned int low, high;

	if (ecs_sysctl_read("ipv4/ip_local_port_range", &text) < 0 ||
	    sscanf(text, "%u %u", &low, &high) != 2 || low > high || high > UINT16_MAX)
		return (struct ecs_ports){};
	return (struct ecs_ports){(uint16_t)low, (uint16_t)high};
}
