/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small files that are there whole or not at all.
 */
#ifndef ECSWITCH_FILE_H
#define ECSWITCH_FILE_H

#include <sys/types.h>

#include <ecswitch/err.h>

/**
 * ecs_file_replace - make @text the whole content of the file at @path
 *
 * Written beside (PATH.ecswitch-new) and renamed over, so that a full disk or a crash leaves the
 * old file. What a crash left beside, the next call takes away. A process at a time a path.
 *
 * Return: 0, or what open(2), write(2), fsync(2) and rename(2) fail with: the old file is
 * unchanged.
 */
int ecs_file_replace(const char *path, const char *text, mode_t mode, struct ecs_err *err);

/** ecs_file_remove - the file and what lies beside it go; none is no error. As unlink(2). */
int ecs_file_remove(const char *path, struct ecs_err *err);

#endif
