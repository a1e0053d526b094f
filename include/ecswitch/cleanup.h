/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ownership that is visible in the function: variables that free or close themselves when
 * they go out of scope, and ecs_take() to hand one on.
 */
#ifndef ECSWITCH_CLEANUP_H
#define ECSWITCH_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void ecs_cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void ecs_cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void ecs_cleanup_fclose(FILE **file)
{
	if (*file)
		fclose(*file);
}

#define ECS_FREE __attribute__((cleanup(ecs_cleanup_free)))
#define ECS_CLOSE __attribute__((cleanup(ecs_cleanup_close)))
#define ECS_FCLOSE __attribute__((cleanup(ecs_cleanup_fclose)))

/* Hands the pointer on and forgets it, so that the cleanup does nothing. */
#define ecs_take(p)                                                                                \
	({                                                                                         \
		__typeof__(p) *from_ = &(p);                                                       \
		__typeof__(p) taken_ = *from_;                                                     \
		*from_ = NULL;                                                                     \
		taken_;                                                                            \
	})

#define ECS_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
