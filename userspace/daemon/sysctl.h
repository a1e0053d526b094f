/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of the daemon's own network namespace, in /proc/sys/net. */
#ifndef ECSWITCH_SYSCTL_H
#define ECSWITCH_SYSCTL_H

#include <stddef.h>

/**
 * ecs_sysctl_read - a setting's text without its line end
 * @name: below /proc/sys/net, "ipv4/ip_local_port_range"
 * @text: out, malloc'd
 *
 * Return: 0; -errno.
 */
int ecs_sysctl_read(const char *name, char **text);

/** ecs_sysctl_write - in one write, as the kernel wants it. Return: 0; -errno. */
int ecs_sysctl_write(const char *name, const char *text);

#endif
