/* SPDX-License-Identifier: Apache-2.0 */
/* What of a stream a cast's receiver gets: struct ecs_policy from its words and back. */
#ifndef ECSWITCH_POLICY_H
#define ECSWITCH_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>
#include <ecswitch/abi.h>

#define ECS_POLICY_TEXT_MAX 64
#define ECS_POLICY_STEPS 5 /* of "auto": all, thin 50%, ref, gop half, key */

/** ecs_policy_parse - "ref", "thin 50% audio drop", "rate 2M", with one space. Return: 0; -EINVAL.
 */
int ecs_policy_parse(const char *text, struct ecs_policy *out);

/** ecs_policy_format - the one way to write it, which parses back. Return: @text. */
char *ecs_policy_format(const struct ecs_policy *policy, char text[ECS_POLICY_TEXT_MAX]);

/** ecs_policy_words - how many of the words, at least one, make the policy that begins here. */
int ecs_policy_words(int argc, char *const argv[]);

bool ecs_policy_same(const struct ecs_policy *a, const struct ecs_policy *b);

/** ecs_policy_changes - a datagram may not go out as it came. */
bool ecs_policy_changes(const struct ecs_policy *policy);

/** ecs_policy_step - what the data path does for a policy: a step of "auto", others as they are. */
struct ecs_policy ecs_policy_step(const struct ecs_policy *policy, unsigned int step);

/** ecs_policy_step_of - the step of "auto" that a policy is; 0 if it is none. */
unsigned int ecs_policy_step_of(const struct ecs_policy *policy);

/** ecs_policy_word - the first words of policies, for @i from 0 on. Return: NULL after the last. */
const char *ecs_policy_word(size_t i);

#endif
