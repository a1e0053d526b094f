/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls that a running switch needs. Installed once, when everything is open.
 */
#ifndef ECSWITCH_SANDBOX_H
#define ECSWITCH_SANDBOX_H

#include <ecswitch/err.h>

/**
 * ecs_sandbox_enter - refuse every other system call, from now on, with EPERM
 *
 * The kernel logs refused calls (audit, type SECCOMP). With ECSWITCH_SANDBOX=kill in the
 * environment they end the process instead, so that a test sees a call that the list lacks.
 * Return: 0; -errno.
 */
int ecs_sandbox_enter(struct ecs_err *err);

#endif
