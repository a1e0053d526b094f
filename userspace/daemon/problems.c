// SPDX-License-Identifier: Apache-2.0
/* The list of what does not work at the moment. */
#include "problems.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ecs_problems_begin(struct ecs_problems *problems)
{
	for (size_t i = 0; i < problems->count; i++)
		problems->list[i].seen = false;
}

bool ecs_problems_note(struct ecs_problems *problems, const char *subject, const char *text)
{
	struct ecs_problem *problem = NULL;
	bool news;

	for (size_t i = 0; i < problems->count && !problem; i++)
		if (!strcmp(problems->list[i].subject, subject))
			problem = &problems->list[i];
	if (!problem) {
		if (problems->count == problems->room) {
			size_t room = problems->room ? problems->room * 2 : 8;
			void *list = reallocarray(problems->list, room, sizeof(*problems->list));

			if (!list)
				return true; /* it is at least logged */
			problems->list = list;
			problems->room = room;
		}
		problem = &problems->list[problems->count++];
		*problem = (struct ecs_problem){};
		snprintf(problem->subject, sizeof(problem->subject), "%s", subject);
	}
	news = strncmp(problem->text, text, sizeof(problem->text) - 1) != 0;
	snprintf(problem->text, sizeof(problem->text), "%s", text);
	problem->seen = true;
	return news;
}

void ecs_problems_end(struct ecs_problems *problems,
		      void (*over)(const struct ecs_problem *problem, void *ctx), void *ctx)
{
	size_t kept = 0;

	for (size_t i = 0; i < problems->count; i++) {
		if (problems->list[i].seen)
			problems->list[kept++] = problems->list[i];
		else
			over(&problems->list[i], ctx);
	}
	problems->count = kept;
}

void ecs_problems_free(struct ecs_problems *problems)
{
	free(problems->list);
	*problems = (struct ecs_problems){};
}
