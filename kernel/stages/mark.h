/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * mark: a frame that ecswitch itself sent to this hook. Its mark goes away here, before anyone
 * else sees it, and no other stage looks at the frame.
 */
#ifndef ECS_STAGE_MARK_H
#define ECS_STAGE_MARK_H

#include "../pkt.h"

static __always_inline enum ecs_verdict ecs_mark(struct __sk_buff *skb, __u32 own)
{
	if (skb->mark != own)
		return ECS_CONTINUE;
	skb->mark = 0;
	return ECS_PASS;
}

#endif
