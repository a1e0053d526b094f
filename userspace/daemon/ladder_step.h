/* SPDX-License-Identifier: Apache-2.0 */
/* When a receiver with the policy "auto" goes a step down or up. Pure. */
#ifndef ECSWITCH_LADDER_STEP_H
#define ECSWITCH_LADDER_STEP_H

#include "state.h"

#define ECS_LADDER_WAIT_S 5	  /* quiet time before a step up */
#define ECS_LADDER_WAIT_MAX_S 120 /* after steps up that failed */
#define ECS_LADDER_PROOF_S 10	  /* a step up without drops for so long has not failed */

/**
 * ecs_ladder_step - one second has passed
 * @ladder: of the receiver; takes the step
 * @drops:  frames that its link did not take, up to now
 *
 * Down at once when there are new drops; up after a quiet time, which doubles with each step up
 * that led to drops. Return: whether ladder->step changed.
 */
bool ecs_ladder_step(struct ecs_ladder *ladder, uint64_t drops);

#endif
