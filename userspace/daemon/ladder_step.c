// SPDX-License-Identifier: Apache-2.0
/* When a receiver with the policy "auto" goes a step down or up. Pure. */
#include "ladder_step.h"

#include "userspace/lib/policy.h"

static bool go_down(struct ecs_ladder *ladder)
{
	ladder->quiet_s = 0;
	if (ladder->climbed_s) {
		ladder->wait_s = ladder->wait_s * 2 < ECS_LADDER_WAIT_MAX_S ? ladder->wait_s * 2
									    : ECS_LADDER_WAIT_MAX_S;
		ladder->climbed_s = 0;
	}
	if (ladder->step + 1 >= ECS_POLICY_STEPS)
		return false;
	ladder->step++;
	return true;
}

bool ecs_ladder_step(struct ecs_ladder *ladder, uint64_t drops)
{
	bool rose = ladder->known && drops > ladder->drops;

	ladder->drops = drops;
	ladder->known = true;
	if (!ladder->wait_s)
		ladder->wait_s = ECS_LADDER_WAIT_S;
	if (rose)
		return go_down(ladder);
	if (ladder->climbed_s && ladder->climbed_s++ == ECS_LADDER_PROOF_S) {
		ladder->climbed_s = 0;
		ladder->wait_s = ECS_LADDER_WAIT_S;
	}
	if (!ladder->step || ++ladder->quiet_s < ladder->wait_s)
		return false;
	ladder->step--;
	ladder->quiet_s = 0;
	ladder->climbed_s = 1;
	return true;
}
