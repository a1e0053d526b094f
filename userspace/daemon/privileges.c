// SPDX-License-Identifier: Apache-2.0
/*
 * Drops what a running switch does not need. CAP_BPF: maps, programs and pins. CAP_NET_ADMIN:
 * links, tc, TCX, sysctls of the network, big socket buffers. CAP_PERFMON: the verifier allows
 * pointer arithmetic that it otherwise holds for a leak. Files are root's own by their owner.
 */
#include "privileges.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#define KEPT 3

static const cap_value_t kept[KEPT] = {CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON};

static bool is_kept(cap_value_t cap)
{
	for (int i = 0; i < KEPT; i++)
		if (kept[i] == cap)
			return true;
	return false;
}

/* Needs CAP_SETPCAP; a supervisor that did not leave us that has set the bounds itself. */
static void drop_bounds(void)
{
	for (cap_value_t cap = 0; cap <= cap_max_bits() - 1; cap++)
		if (!is_kept(cap))
			cap_drop_bound(cap);
}

static int set_caps(cap_t now, cap_t next)
{
	for (int i = 0; i < KEPT; i++) {
		cap_flag_value_t has = CAP_CLEAR;

		if (cap_get_flag(now, kept[i], CAP_PERMITTED, &has) < 0)
			return -errno;
		if (cap_set_flag(next, CAP_PERMITTED, 1, &kept[i], has) < 0 ||
		    cap_set_flag(next, CAP_EFFECTIVE, 1, &kept[i], has) < 0)
			return -errno;
	}
	drop_bounds();
	return cap_set_proc(next) < 0 ? -errno : 0;
}

int ecs_privileges_drop(struct ecs_err *err)
{
	cap_t now = cap_get_proc(), next = cap_init();
	int r = now && next ? set_caps(now, next) : -ENOMEM;

	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = -errno;
	cap_free(now);
	cap_free(next);
	return r < 0 ? ecs_fail(err, r, "cannot drop capabilities: %s", strerror(-r)) : 0;
}
