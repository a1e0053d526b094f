/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What does not work at the moment, one sentence a subject, so that the same failure in every
 * retry is told once, and its end, too.
 */
#ifndef ECSWITCH_PROBLEMS_H
#define ECSWITCH_PROBLEMS_H

#include <stdbool.h>
#include <stddef.h>

struct ecs_problem {
	char subject[40]; /* a link's name, "network vms", "netlink" */
	char text[200];
	bool seen; /* in the current round */
};

struct ecs_problems {
	struct ecs_problem *list;
	size_t count, room;
};

/** ecs_problems_begin - start a round: what is not noted again until _end() is over. */
void ecs_problems_begin(struct ecs_problems *problems);
/** ecs_problems_note - Return: true if this is news (a new subject or another text). */
bool ecs_problems_note(struct ecs_problems *problems, const char *subject, const char *text);
/** ecs_problems_end - call @over for each subject that has recovered, and forget it. */
void ecs_problems_end(struct ecs_problems *problems,
		      void (*over)(const struct ecs_problem *problem, void *ctx), void *ctx);
void ecs_problems_free(struct ecs_problems *problems);

#endif
