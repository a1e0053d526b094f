// SPDX-License-Identifier: Apache-2.0
/*
 * Where an instance keeps its things. ECSWITCH_RUNDIR moves the socket and the lock away from
 * /run/ecswitch, so that tests and unprivileged trials disturb nobody.
 */
#include <config.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc.h"
#include "types.h"

bool ecs_instance_valid(const char *name)
{
	return ecs_name_valid(name);
}

__attribute__((format(printf, 1, 2))) static char *format(const char *fmt, ...)
{
	char *text;
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = vasprintf(&text, fmt, ap);
	va_end(ap);
	return rc < 0 ? NULL : text;
}

static const char *run_dir(void)
{
	const char *dir = secure_getenv("ECSWITCH_RUNDIR");

	return dir && *dir == '/' ? dir : "/run/ecswitch";
}

char *ecs_path_socket(const char *instance)
{
	return format("%s/%s.sock", run_dir(), instance);
}

char *ecs_path_lock(const char *instance)
{
	return format("%s/%s.lock", run_dir(), instance);
}

char *ecs_path_pins(const char *instance)
{
	return format("/sys/fs/bpf/ecswitch/%s", instance);
}

char *ecs_path_config(const char *instance)
{
	if (!strcmp(instance, "main"))
		return strdup(ECS_CONFIG_DIR "/ecswitch.conf");
	return format("%s/%s.conf", ECS_CONFIG_DIR, instance);
}
