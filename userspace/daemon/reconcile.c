// SPDX-License-Identifier: Apache-2.0
/*
 * The one path for every change: desired + observed -> want; want - have -> plan; apply; have
 * = want. What failed is marked dirty and tried again, with back-off.
 */
#include "daemon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply.h"
#include "desired.h"
#include "events.h"
#include "plan.h"
#include "userspace/lib/log.h"

#define RETRY_MAX_S 30
#define HOOKS_USEC (10 * 1000000ull) /* how long a lost TCX program may stay unnoticed */

static bool link_exists(uint32_t ifindex, const void *ctx)
{
	const struct ecs_daemon *d = ctx;

	return ecs_observed_by_index(&d->observed, ifindex);
}

/* The kernel announces lost filters and qdiscs, but not that a TCX link was detached. */
static bool look_at_hooks(struct ecs_daemon *d)
{
	bool any = false;

	for (size_t i = 0; i < d->have.port_count; i++) {
		struct ecs_state_port *port = &d->have.ports[i];

		if (!(port->port.flags & ECS_PORT_TCX) || port->dirty)
			continue;
		port->dirty = ecs_datapath_tcx_lost(d->dp, port->ifindex, ECS_HOOK_INGRESS) ||
			      ecs_datapath_tcx_lost(d->dp, port->ifindex, ECS_HOOK_EGRESS);
		if (port->dirty)
			ecs_warning("%s: a program was detached, attaching it again",
				    port->port.name);
		any |= port->dirty;
	}
	return any;
}

/* The next daemon goes on with the uplink that was found, whatever the routes are then. */
static void name_uplinks(struct ecs_daemon *d)
{
	d->no_uplink.text[0] = '\0';
	if (ecs_uplink_name(d, d->config, &d->no_uplink) > 0)
		ecs_running_save(d);
}

/* Ports that came, went or changed, for the log and for those who monitor. */
static void announce(struct ecs_daemon *d, const struct ecs_state *want)
{
	for (size_t i = 0; i < d->have.port_count; i++) {
		const struct ecs_state_port *old = &d->have.ports[i];

		if (ecs_state_port_get(want, old->ifindex))
			continue;
		ecs_info("port %s (ifindex %u) is gone", old->port.name, old->ifindex);
		ecs_event_port(d, "port_removed", &d->have, old);
	}
	for (size_t i = 0; i < want->port_count; i++) {
		const struct ecs_state_port *new = &want->ports[i];
		const struct ecs_state_port *old = ecs_state_port_get(&d->have, new->ifindex);

		if (!old) {
			ecs_info("port %s (ifindex %u)%s%s", new->port.name, new->ifindex,
				 new->port.network ? " in network " : "",
				 want->networks[new->port.network].name);
			ecs_event_port(d, "port_added", want, new);
		} else if (memcmp(&old->port, &new->port, sizeof(new->port))) {
			ecs_event_port(d, "port_changed", want, new);
		}
	}
}

static void note_failure(struct ecs_daemon *d, struct ecs_state *want, const struct ecs_op *op)
{
	struct ecs_state_port *port = ecs_state_port_get(want, op->ifindex);
	char subject[40], text[200];

	if (port)
		port->dirty = true;
	else if (op->ifindex && (port = ecs_state_port_add(want, op->ifindex)))
		*port = *ecs_state_port_get(&d->have,
					    op->ifindex); /* so that it is removed again */
	if (op->verb == ECS_OP_CAST_SET)
		ecs_state_cast_by_name(want, op->cast->name)->dirty = true;
	if (!op->ifindex && op->network)
		want->network_dirty[op->network] = true;
	if (op->result == -ENODEV && port)
		return; /* it went while we worked; its DELLINK is on the way */
	snprintf(subject, sizeof(subject), "%s%s", op->ifindex ? "" : "network ",
		 op->ifindex ? op->name : want->networks[op->network].name);
	snprintf(text, sizeof(text), "%s: %s", subject, op->text);
	if (!ecs_problems_note(&d->problems, subject, text))
		return;
	ecs_warning("%s, retrying", text);
	ecs_event_text(d, "error", text);
}

static void note_problem(struct ecs_daemon *d, const char *subject, const struct ecs_err *why)
{
	if (why->text[0] && ecs_problems_note(&d->problems, subject, why->text))
		ecs_warning("%s, retrying", why->text);
}

static void on_recovered(const struct ecs_problem *problem, void *ctx)
{
	char text[64];

	snprintf(text, sizeof(text), "%s: recovered", problem->subject);
	ecs_info("%s", text);
	ecs_event_text(ctx, "recovered", text);
}

/* A failed static entry must be written again: forget that we wanted it. */
static void forget_fdb(struct ecs_state *want, const struct ecs_fdb_key *key)
{
	for (size_t i = 0; i < want->fdb_count; i++) {
		if (ecs_fdb_key_compare(&want->fdb[i].key, key))
			continue;
		memmove(&want->fdb[i], &want->fdb[i + 1],
			(want->fdb_count - i - 1) * sizeof(*want->fdb));
		want->fdb_count--;
		return;
	}
}

static int retry_later(struct ecs_daemon *d, bool failed)
{
	uint64_t usec;

	if (!failed) {
		d->retry_s = 0;
		return sd_event_source_set_enabled(d->retry, SD_EVENT_OFF);
	}
	d->retry_s = d->retry_s ? d->retry_s * 2 : 1;
	if (d->retry_s > RETRY_MAX_S)
		d->retry_s = RETRY_MAX_S;
	sd_event_now(d->event, CLOCK_MONOTONIC, &usec);
	sd_event_source_set_time(d->retry, usec + d->retry_s * 1000000ull);
	return sd_event_source_set_enabled(d->retry, SD_EVENT_ONESHOT);
}

/* A place that this very change set free is taken in the next run. */
static bool wants_place(const struct ecs_state *state)
{
	for (size_t i = 0; i < state->port_count; i++)
		if (state->ports[i].port.network && state->ports[i].place == ECS_NO_PLACE &&
		    state->ports[i].port.role != ECS_ROLE_UPLINK)
			return true;
	return false;
}

/* Links that we made, changed or removed ourselves; the kernel's word of it comes later. */
static bool see_links(struct ecs_daemon *d, const struct ecs_plan *plan)
{
	bool made = false;

	for (size_t i = 0; i < plan->count; i++) {
		const struct ecs_op *op = &plan->ops[i];

		if (op->result < 0)
			continue;
		if (op->verb == ECS_OP_GATEWAY_DEL) {
			ecs_observed_link_del(&d->observed, op->gateway.host_ifindex);
			ecs_observed_link_del(&d->observed, op->gateway.port_ifindex);
		} else if (op->verb == ECS_OP_GATEWAY_ADD) {
			ecs_follow_refresh(d, op->gateway.host);
			ecs_follow_refresh(d, op->gateway.port);
			made = true;
		} else if (op->verb == ECS_OP_PROMISC_ON) {
			ecs_follow_refresh(d, op->name);
		}
	}
	return made;
}

/* Return: whether there is more to do at once. */
static bool apply(struct ecs_daemon *d, struct ecs_plan *plan, struct ecs_state *want)
{
	struct ecs_applier applier = {d->dp, d->nl, d->options.instance, d->reserved_path};
	int failures = ecs_apply(&applier, plan, want);

	announce(d, want);
	ecs_problems_begin(&d->problems);
	note_problem(d, "links", &d->behind); /* what was known of them stays in use */
	note_problem(d, "uplink", &d->no_uplink);
	for (size_t i = 0; i < plan->count; i++) {
		if (plan->ops[i].result >= 0)
			continue;
		note_failure(d, want, &plan->ops[i]);
		if (plan->ops[i].verb == ECS_OP_FDB_STATIC_SET)
			forget_fdb(want, &plan->ops[i].fdb.key);
	}
	ecs_problems_end(&d->problems, on_recovered, d);
	ecs_state_free(&d->have);
	d->have = *want;
	*want = (struct ecs_state){};
	retry_later(d, failures > 0 || d->behind.text[0] || d->no_uplink.text[0]);
	ecs_ladder_wake(d);
	if (wants_place(&d->have))
		ecs_reconcile_request(d);
	return see_links(d, plan);
}

static bool reconcile(struct ecs_daemon *d)
{
	struct ecs_state want = {};
	struct ecs_plan plan = {};
	bool more = false;

	if (ecs_desired_make(d->config, &d->observed, &d->have, &want) < 0 ||
	    ecs_plan_make(&d->have, &want, link_exists, d, &plan) < 0) {
		ecs_error("out of memory, retrying");
		retry_later(d, true);
	} else {
		more = apply(d, &plan, &want);
	}
	ecs_plan_free(&plan);
	ecs_state_free(&want);
	return more;
}

void ecs_reconcile_now(struct ecs_daemon *d)
{
	sd_event_source_set_enabled(d->reconcile, SD_EVENT_OFF);
	ecs_follow_catch_up(d);
	look_at_hooks(d);
	name_uplinks(d);
	if (reconcile(d))
		reconcile(d); /* now with the links that the first turn made */
	ecs_guests_keep(d);
}

json_t *ecs_reconcile_preview(struct ecs_daemon *d, const struct ecs_config *config)
{
	struct ecs_state want = {};
	struct ecs_plan plan = {};
	json_t *list = NULL;

	if (ecs_desired_make(config, &d->observed, &d->have, &want) == 0 &&
	    ecs_plan_make(&d->have, &want, link_exists, d, &plan) == 0)
		list = ecs_plan_describe(&plan, &d->have, &want);
	ecs_plan_free(&plan);
	ecs_state_free(&want);
	return list;
}

void ecs_reconcile_request(struct ecs_daemon *d)
{
	if (d->reconcile)
		sd_event_source_set_enabled(d->reconcile, SD_EVENT_ONESHOT);
}

static int on_reconcile(sd_event_source *source, void *ctx)
{
	(void)source;
	ecs_reconcile_now(ctx);
	return 0;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *ctx)
{
	(void)source, (void)usec;
	ecs_reconcile_now(ctx);
	return 0;
}

static int on_hooks(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct ecs_daemon *d = ctx;

	if (look_at_hooks(d))
		ecs_reconcile_request(d);
	sd_event_source_set_time(source, usec + HOOKS_USEC);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int ecs_reconcile_open(struct ecs_daemon *d, struct ecs_err *err)
{
	int r = sd_event_add_defer(d->event, &d->reconcile, on_reconcile, d);

	if (r >= 0)
		r = sd_event_add_time(d->event, &d->retry, CLOCK_MONOTONIC, 0, 0, on_retry, d);
	if (r >= 0)
		r = sd_event_add_time_relative(d->event, &d->hooks, CLOCK_MONOTONIC, HOOKS_USEC, 0,
					       on_hooks, d);
	if (r < 0)
		return ecs_fail(err, r, "cannot set up the event loop: %s", strerror(-r));
	sd_event_source_set_enabled(d->reconcile, SD_EVENT_OFF);
	return sd_event_source_set_enabled(d->retry, SD_EVENT_OFF);
}
