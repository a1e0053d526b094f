/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon may do once it runs. Called once, by main.c. */
#ifndef ECSWITCH_PRIVILEGES_H
#define ECSWITCH_PRIVILEGES_H

#include <ecswitch/err.h>

/**
 * ecs_privileges_drop - keep CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, for good
 *
 * Of these, what the process has. No program that it might be made to run gains any.
 * Return: 0; -errno, and nothing has changed.
 */
int ecs_privileges_drop(struct ecs_err *err);

#endif
