// SPDX-License-Identifier: Apache-2.0
/*
 * Takes down what this instance made: the plan from what there is to nothing, then the pins.
 */
#include "daemon.h"

#include <errno.h>
#include <unistd.h>

#include "userspace/lib/file.h"

int ecs_detach(struct ecs_daemon *d, struct ecs_err *err)
{
	struct ecs_config *empty = ecs_config_new();

	if (!empty)
		return ecs_fail(err, -ENOMEM, "out of memory");
	ecs_config_free(d->config);
	d->config = empty;
	ecs_reconcile_now(d);
	if (d->problems.count)
		return ecs_fail(err, -EBUSY, "not everything could be taken down: %s",
				d->problems.list[0].text);
	ecs_file_remove(d->running_path, NULL);
	ecs_file_remove(d->guests_path, NULL);
	unlink(d->socket_path); /* a killed daemon leaves it */
	return ecs_datapath_unpin(d->pins_path, err);
}
