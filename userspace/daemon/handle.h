/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One handler a method, one file a noun. A handler gets checked parameters, answers with a
 * new JSON value, and never waits for anything.
 */
#ifndef ECSWITCH_HANDLE_H
#define ECSWITCH_HANDLE_H

#include <jansson.h>
#include "daemon.h"

typedef int (*ecs_handler)(struct ecs_daemon *d, json_t *params, json_t **result,
			   struct ecs_err *err);

struct ecs_method {
	const char *name;
	ecs_handler handle;
};

/** ecs_handler_find - handler of a method that only reads or acts at once, or NULL. */
ecs_handler ecs_handler_find(const char *method);

/**
 * ecs_change - run CONFIG commands as one transaction
 * @base:     configuration to begin with: d->config, or NULL for an empty one
 * @commands: array of {"method", "params", "line"}; checked
 * @script:   name of the file for messages, NULL for a single command
 * @dry_run:  only tell what would happen
 *
 * Return: 0; -errno with nothing changed.
 */
int ecs_change(struct ecs_daemon *d, const struct ecs_config *base, json_t *commands,
	       const char *script, bool dry_run, json_t **result, struct ecs_err *err);
/** ecs_change_one - the same for one command; "dry_run" is taken out of @params. */
int ecs_change_one(struct ecs_daemon *d, const char *method, json_t *params, json_t **result,
		   struct ecs_err *err);
/** ecs_change_commit - make @config (taken over) the running one and reconcile. */
void ecs_change_commit(struct ecs_daemon *d, struct ecs_config *config);

int ecs_handle_network_list(struct ecs_daemon *d, json_t *params, json_t **result,
			    struct ecs_err *err);
int ecs_handle_match_list(struct ecs_daemon *d, json_t *params, json_t **result,
			  struct ecs_err *err);
int ecs_handle_port_list(struct ecs_daemon *d, json_t *params, json_t **result,
			 struct ecs_err *err);
int ecs_handle_port_show(struct ecs_daemon *d, json_t *params, json_t **result,
			 struct ecs_err *err);
int ecs_handle_port_set(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err);
int ecs_handle_patch_list(struct ecs_daemon *d, json_t *params, json_t **result,
			  struct ecs_err *err);
int ecs_handle_fdb_list(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err);
int ecs_handle_fdb_flush(struct ecs_daemon *d, json_t *params, json_t **result,
			 struct ecs_err *err);
int ecs_handle_nat_list(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err);
int ecs_handle_nat_flows(struct ecs_daemon *d, json_t *params, json_t **result,
			 struct ecs_err *err);
int ecs_handle_cast_list(struct ecs_daemon *d, json_t *params, json_t **result,
			 struct ecs_err *err);
int ecs_handle_cast_show(struct ecs_daemon *d, json_t *params, json_t **result,
			 struct ecs_err *err);
int ecs_handle_stats(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err);
int ecs_handle_drops(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err);
int ecs_handle_metrics(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err);
int ecs_handle_status(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err);
int ecs_handle_show(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err);
int ecs_handle_version(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err);
int ecs_handle_apply(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err);
int ecs_handle_batch(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err);
int ecs_handle_save(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err);
int ecs_handle_reload(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err);
int ecs_handle_detach(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err);

/**
 * ecs_nat_check - whether the host leaves room for what a command asks of NAT
 * @want: state that the change would lead to
 *
 * Return: 0; -EBUSY if the ports are the host's own.
 */
int ecs_nat_check(struct ecs_daemon *d, const struct ecs_state *want, const char *method,
		  const json_t *params, struct ecs_err *err);

/** ecs_port_unknown - the error for a name that is no port. Return: -ENOENT. */
int ecs_port_unknown(struct ecs_err *err, const char *name);

#endif
