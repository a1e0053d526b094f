/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's one object, and what its parts ask of each other. main.c makes it; reconcile.c
 * keeps the switch as the configuration says; server.c and the handle_*.c files let people in.
 */
#ifndef ECSWITCH_DAEMON_H
#define ECSWITCH_DAEMON_H

#include <stdbool.h>
#include <time.h>
#include <systemd/sd-event.h>

#include "datapath.h"
#include "guests.h"
#include "netlink/watch.h"
#include "observed.h"
#include "problems.h"
#include "state.h"
#include "userspace/lib/config.h"

struct ecs_server;

#define ECS_STAMP_MAX 128

struct ecs_options {
	const char *instance;
	const char *config_path; /* given by -c, or NULL */
	struct ecs_datapath_sizes sizes;
	int netlink_buffer; /* bytes, 0 = default */
	bool detach;
};

struct ecs_daemon {
	struct ecs_options options;
	char *config_path, *socket_path, *pins_path, *running_path, *reserved_path, *guests_path;
	time_t started;

	sd_event *event;
	sd_event_source *reconcile, *retry, *ageing, *expiry, *ladders, *hooks;
	unsigned int retry_s;

	struct ecs_nl *nl;
	struct ecs_watch *watch;
	struct ecs_datapath *dp;
	struct ecs_server *server;

	struct ecs_config *config;
	char stamp[ECS_STAMP_MAX]; /* of the operator's file when it was last read or written */
	struct ecs_observed observed;
	struct ecs_err behind;	  /* why the kernel's links or addresses could not be read; or "" */
	struct ecs_err no_uplink; /* why the default route's device cannot be one; or "" */
	struct ecs_guests guests;
	struct ecs_state have;
	struct ecs_problems problems;
	struct ecs_nat_cursor expiry_cursor;
	uint32_t forgot_tick; /* when the addresses of flows were last looked through */
	bool addrs_left;
};

/* reconcile.c */

/** ecs_reconcile_open - load what an earlier daemon left and subscribe to the kernel. */
int ecs_reconcile_open(struct ecs_daemon *d, struct ecs_err *err);
/** ecs_reconcile_request - have the switch brought in line, soon and once for many requests. */
void ecs_reconcile_request(struct ecs_daemon *d);
/** ecs_reconcile_now - the same at once, so that an answer can tell the result. */
void ecs_reconcile_now(struct ecs_daemon *d);
/** ecs_reconcile_preview - new JSON array: what a configuration would change. NULL: no memory. */
json_t *ecs_reconcile_preview(struct ecs_daemon *d, const struct ecs_config *config);

/* uplink.c */

/**
 * ecs_uplink_name - put the name of the default route's device where @config has the uplink
 * "auto". Without such a device, "auto" stays.
 *
 * Return: how many networks got an uplink; -EBUSY if the device has another use in @config.
 */
int ecs_uplink_name(struct ecs_daemon *d, struct ecs_config *config, struct ecs_err *err);
/** ecs_uplink_awaited - whether some network still waits for a default route. */
bool ecs_uplink_awaited(const struct ecs_config *config);

/* follow.c */

/** ecs_follow_open - subscribe to links, addresses, routes and tc, then read them all. */
int ecs_follow_open(struct ecs_daemon *d, struct ecs_err *err);
void ecs_follow_close(struct ecs_daemon *d);
/** ecs_follow_refresh - read a link again without waiting for the kernel's word of it. */
void ecs_follow_refresh(struct ecs_daemon *d, const char *name);
/** ecs_follow_catch_up - read the kernel's links again if that failed the last time. */
void ecs_follow_catch_up(struct ecs_daemon *d);

/* adopt.c */

/** ecs_adopt - read what an earlier daemon left in the maps and on the hooks into d->have. */
int ecs_adopt(struct ecs_daemon *d, struct ecs_err *err);

/* adopt_cast.c */

/** ecs_adopt_casts - the same of casts; the ports are read already. */
void ecs_adopt_casts(struct ecs_daemon *d);

/* ageing.c */

/** ecs_ageing_open - delete idle learned entries from time to time, while there are any. */
int ecs_ageing_open(struct ecs_daemon *d);
/** ecs_ageing_wake - an entry was learned, or an ageing time changed. */
void ecs_ageing_wake(struct ecs_daemon *d);

/* expiry.c */

/** ecs_expiry_open - end flows of NAT that were idle too long, while there are any. */
int ecs_expiry_open(struct ecs_daemon *d);
/** ecs_expiry_wake - the first flow came. */
void ecs_expiry_wake(struct ecs_daemon *d);
/** ecs_expiry_evict - make room in a table that is nearly full; the least worthy flows go. */
void ecs_expiry_evict(struct ecs_daemon *d);
/** ecs_expiry_relieve - a port is at its limit: its flows that ended or were never answered go. */
void ecs_expiry_relieve(struct ecs_daemon *d, uint32_t ifindex);

/* ladder.c */

/** ecs_ladder_open - watch the links of receivers with the policy "auto", while there are any. */
int ecs_ladder_open(struct ecs_daemon *d);
/** ecs_ladder_wake - receivers may have come. */
void ecs_ladder_wake(struct ecs_daemon *d);

/* detach.c */

/** ecs_detach - take down everything that this instance made. Return: 0 or -errno. */
int ecs_detach(struct ecs_daemon *d, struct ecs_err *err);

/* running.c */

/** ecs_config_check - whether there is a configuration to begin with, before anything is made or
 * loaded. */
int ecs_config_check(const struct ecs_daemon *d, struct ecs_err *err);
/** ecs_config_start - the configuration to begin with: what was running if the file has not
 * changed since, or what the file says. */
int ecs_config_start(struct ecs_daemon *d, bool adopted, struct ecs_err *err);
/** ecs_config_read - the file, or the built-in configuration if there is none and none was asked
 * for. Return: 0; -ENOENT; -EINVAL. */
int ecs_config_read(const struct ecs_daemon *d, struct ecs_config **out, struct ecs_err *err);
/** ecs_config_load_file - parse and build; @out is new. Return: 0; -ENOENT; -EINVAL. */
int ecs_config_load_file(const char *path, struct ecs_config **out, struct ecs_err *err);
/** ecs_config_save - write as a command file, atomically. What is there keeps its mode, and must be
 * a regular file, or a symbolic link to one; what is new gets @mode. Return: 0 or -errno. */
int ecs_config_save(const struct ecs_config *config, const char *path, mode_t mode,
		    const char *header, struct ecs_err *err);
/** ecs_guests_keep - remember who is behind which link for the next daemon, if that changed. */
void ecs_guests_keep(struct ecs_daemon *d);
/** ecs_config_stamp - what tells one version of the operator's file from another. */
void ecs_config_stamp(const struct ecs_daemon *d, char stamp[ECS_STAMP_MAX]);
/** ecs_running_save - remember the running configuration for the next daemon. */
void ecs_running_save(struct ecs_daemon *d);

#endif
