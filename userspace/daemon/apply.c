// SPDX-License-Identifier: Apache-2.0
/*
 * Runs the operations of a plan in phases, so that one pass over the FDB serves all flushes
 * and a few system calls serve the hooks of any number of links.
 */
#include "apply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ecswitch/cleanup.h>

static void run_maps(const struct ecs_applier *a, struct ecs_plan *plan, bool removals);
static void run_port_dels(const struct ecs_applier *a, struct ecs_plan *plan);
static void run_flushes(const struct ecs_applier *a, struct ecs_plan *plan);
static void run_filter_dels(const struct ecs_applier *a, struct ecs_plan *plan);
static void run_clsact_dels(const struct ecs_applier *a, struct ecs_plan *plan);
static void run_clsact_adds(const struct ecs_applier *a, struct ecs_plan *plan,
			    struct ecs_state *want);
static void run_filter_sets(const struct ecs_applier *a, struct ecs_plan *plan);
static void run_links(const struct ecs_applier *a, struct ecs_plan *plan, struct ecs_state *want,
		      bool removals);
static void run_tcx(const struct ecs_applier *a, struct ecs_plan *plan, bool removals);
static int count_failures(const struct ecs_plan *plan);

/*
 * The daemon may be killed between any two steps, and the next one knows only what is in the maps.
 * So an entry is there before what it remembers is done, and goes after that is undone.
 */
int ecs_apply(const struct ecs_applier *applier, struct ecs_plan *plan, struct ecs_state *want)
{
	run_tcx(applier, plan, true);
	run_filter_dels(applier, plan);
	run_clsact_dels(applier, plan);
	run_links(applier, plan, want, true);
	ecs_apply_gateways(applier, plan, true);
	run_maps(applier, plan, true);
	run_flushes(applier, plan);
	run_maps(applier, plan, false);
	ecs_apply_nat(applier, plan, want);
	ecs_apply_gateways(applier, plan, false);
	run_links(applier, plan, want, false);
	run_clsact_adds(applier, plan, want);
	run_filter_sets(applier, plan);
	run_tcx(applier, plan, false);
	run_port_dels(applier, plan);
	return count_failures(plan);
}

bool ecs_op_removes(enum ecs_op_verb verb)
{
	return verb < ECS_OP_PORT_SET;
}

/* An entry that is a port, and not a VLAN of one. */
static bool ends_port(const struct ecs_op *op)
{
	return op->verb == ECS_OP_PORT_DEL && !op->key.vid;
}

static int map_op(const struct ecs_applier *a, const struct ecs_op *op)
{
	static const struct ecs_flood_member nobody;

	switch (op->verb) {
	case ECS_OP_PATCH_DEL:
		return ecs_datapath_patch_del(a->dp, op->ifindex);
	case ECS_OP_PATCH_SET:
		return ecs_datapath_patch_set(a->dp, op->ifindex, &op->patch);
	case ECS_OP_FLOOD_CLEAR:
		return ecs_datapath_flood_set(a->dp, op->network, op->place, &nobody);
	case ECS_OP_FLOOD_SET:
		return ecs_datapath_flood_set(a->dp, op->network, op->place, &op->member);
	case ECS_OP_PORT_DEL:
		return ecs_datapath_port_del(a->dp, &op->key);
	case ECS_OP_PORT_SET:
		return ecs_datapath_port_set(a->dp, &op->key, &op->port);
	case ECS_OP_NETWORK_SET:
		return ecs_datapath_network_set(a->dp, op->network, &op->record);
	case ECS_OP_CAST_DEL:
		return ecs_datapath_cast_del(a->dp, &op->cast->key);
	case ECS_OP_CAST_SET:
		return ecs_datapath_cast_set(a->dp, op->cast, op->old);
	case ECS_OP_FDB_STATIC_DEL:
		return ecs_datapath_fdb_del(a->dp, &op->fdb.key);
	case ECS_OP_NAT_RULE_DEL:
		return ecs_datapath_nat_rule_del(a->dp, &op->rule.key);
	case ECS_OP_NAT_RULE_SET:
		return ecs_datapath_nat_rule_set(a->dp, &op->rule);
	case ECS_OP_FDB_STATIC_SET:
		return ecs_datapath_fdb_static_set(a->dp, &op->fdb.key, op->fdb.ifindex,
						   op->fdb.flags);
	default:
		return 0;
	}
}

/* What is to be removed and is not there, or whose link has gone, is done. */
static int forgive(int result)
{
	return result == -ENOENT || result == -ENODEV || result == -EINVAL ? 0 : result;
}

static void run_map(const struct ecs_applier *a, struct ecs_op *op)
{
	int r = map_op(a, op);

	if (ecs_op_removes(op->verb))
		r = forgive(r);
	if (r == 0)
		return;
	op->result = r;
	snprintf(op->text, sizeof(op->text), "map write: %s", strerror(-r));
}

static void run_maps(const struct ecs_applier *a, struct ecs_plan *plan, bool removals)
{
	for (size_t i = 0; i < plan->count; i++) {
		struct ecs_op *op = &plan->ops[i];

		if (ecs_op_removes(op->verb) == removals && !ends_port(op))
			run_map(a, op);
	}
}

static void run_port_dels(const struct ecs_applier *a, struct ecs_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		if (ends_port(&plan->ops[i]))
			run_map(a, &plan->ops[i]);
}

struct flush {
	uint32_t *ports; /* sorted */
	size_t count;
	bool networks[ECS_NETWORKS_MAX + 1];
};

static int compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static bool is_flushed(const struct ecs_fdb_key *key, const struct ecs_fdb_entry *entry, void *ctx)
{
	const struct flush *flush = ctx;

	if (key->network > ECS_NETWORKS_MAX || flush->networks[key->network])
		return true;
	if (entry->flags & ECS_FDB_STATIC)
		return false; /* those are planned for one by one */
	return bsearch(&entry->ifindex, flush->ports, flush->count, sizeof(*flush->ports),
		       compare_u32);
}

static void run_flushes(const struct ecs_applier *a, struct ecs_plan *plan)
{
	ECS_FREE uint32_t *ports = calloc(plan->count + 1, sizeof(*ports));
	struct flush flush = {.ports = ports};
	bool any = false;
	int r;

	for (size_t i = 0; i < plan->count && ports; i++) {
		struct ecs_op *op = &plan->ops[i];

		if (op->verb == ECS_OP_FDB_FLUSH_PORT)
			ports[flush.count++] = op->ifindex;
		else if (op->verb == ECS_OP_FDB_FLUSH_NETWORK)
			flush.networks[op->network] = true;
		else if (op->verb == ECS_OP_SLOT_CLEAR)
			op->result = ecs_datapath_slot_clear(a->dp, op->slot);
		else
			continue;
		any = true;
	}
	if (!any)
		return;
	qsort(ports, flush.count, sizeof(*ports), compare_u32);
	r = ecs_datapath_fdb_walk(a->dp, is_flushed, &flush);
	for (size_t i = 0; i < plan->count && r < 0; i++)
		if (plan->ops[i].verb == ECS_OP_FDB_FLUSH_PORT)
			plan->ops[i].result = r;
}

/* Says whose filter one is. */
static void filter_name(char name[ECS_FILTER_NAME_MAX], const char *instance, enum ecs_prog prog)
{
	snprintf(name, ECS_FILTER_NAME_MAX, "ecswitch:%s:%s", instance, ecs_prog_word(prog));
}

bool ecs_filter_is_ours(const struct ecs_filter *filter, const char *instance)
{
	char prefix[ECS_FILTER_NAME_MAX];
	int len = snprintf(prefix, sizeof(prefix), "ecswitch:%s:", instance);

	return filter->pref == ECS_FILTER_PREF && !filter->chain &&
	       !strncmp(filter->name, prefix, len);
}

/* Runs the operations of one verb as one batch and hands the results back. */
static void run_tc(const struct ecs_applier *a, struct ecs_plan *plan, enum ecs_op_verb verb,
		   enum ecs_tc_verb tc_verb)
{
	ECS_FREE struct ecs_tc_op *tc = calloc(plan->count + 1, sizeof(*tc));
	ECS_FREE struct ecs_op **from = calloc(plan->count + 1, sizeof(*from));
	static char names[ECS_PROGS][ECS_FILTER_NAME_MAX];
	struct ecs_err err = {};
	size_t n = 0;

	for (int prog = ECS_PROG_FROM_PORT; prog < ECS_PROGS; prog++)
		filter_name(names[prog], a->instance, prog);
	for (size_t i = 0; tc && from && i < plan->count; i++) {
		struct ecs_op *op = &plan->ops[i];

		if (op->verb != verb || op->result < 0)
			continue;
		from[n] = op;
		tc[n++] = (struct ecs_tc_op){
			.verb = tc_verb,
			.ifindex = op->ifindex,
			.hook = op->hook,
			.prog_fd = ecs_datapath_prog_fd(a->dp, op->prog),
			.name = names[op->prog],
		};
	}
	if (!n || ecs_tc_run(a->nl, tc, n, &err) == 0)
		return;
	for (size_t i = 0; i < n; i++) {
		from[i]->result = err.text[0] && !tc[i].result ? -EIO : tc[i].result;
		snprintf(from[i]->text, sizeof(from[i]->text), "%s",
			 tc[i].text[0] ? tc[i].text
			 : err.text[0] ? err.text
				       : strerror(-tc[i].result));
	}
}

static void run_filter_dels(const struct ecs_applier *a, struct ecs_plan *plan)
{
	run_tc(a, plan, ECS_OP_FILTER_DEL, ECS_TC_FILTER_DEL);
	for (size_t i = 0; i < plan->count; i++)
		if (plan->ops[i].verb == ECS_OP_FILTER_DEL)
			plan->ops[i].result = forgive(plan->ops[i].result);
}

static void note_filter(const struct ecs_filter *filter, void *ctx)
{
	(void)filter;
	*(bool *)ctx = true;
}

/* A clsact of ours that others hang filters on stays, as theirs. */
static void run_clsact_dels(const struct ecs_applier *a, struct ecs_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		struct ecs_op *op = &plan->ops[i];
		bool in_use = false;

		if (op->verb != ECS_OP_CLSACT_DEL)
			continue;
		ecs_filter_list(a->nl, op->ifindex, ECS_HOOK_INGRESS, note_filter, &in_use, NULL);
		ecs_filter_list(a->nl, op->ifindex, ECS_HOOK_EGRESS, note_filter, &in_use, NULL);
		op->result = in_use ? -EBUSY : 0;
	}
	run_tc(a, plan, ECS_OP_CLSACT_DEL, ECS_TC_CLSACT_DEL);
	for (size_t i = 0; i < plan->count; i++)
		if (plan->ops[i].verb == ECS_OP_CLSACT_DEL)
			plan->ops[i].result =
				plan->ops[i].result == -EBUSY ? 0 : forgive(plan->ops[i].result);
}

/* What we change of a link is noted in its entry before, and taken out if nothing came of it. */
static void note(const struct ecs_applier *a, struct ecs_state *want, uint32_t ifindex,
		 uint32_t flag, bool ours)
{
	struct ecs_state_port *port = ecs_state_port_get(want, ifindex);
	struct ecs_port_key key = {.ifindex = ifindex};

	if (!port)
		return;
	port->port.flags = ours ? port->port.flags | flag : port->port.flags & ~flag;
	ecs_datapath_port_set(a->dp, &key, &port->port);
}

static void run_link(const struct ecs_applier *a, struct ecs_op *op, struct ecs_state *want)
{
	struct ecs_err err = {};
	bool on = false;

	switch (op->verb) {
	case ECS_OP_PROMISC_OFF:
		op->result = forgive(ecs_link_set_promisc(a->nl, op->ifindex, false, &err));
		break;
	case ECS_OP_PROMISC_ON:
		op->result = ecs_link_set_promisc(a->nl, op->ifindex, true, &err);
		break;
	case ECS_OP_LRO_ON:
		op->result = forgive(ecs_lro_set(a->nl, op->name, true, &err));
		break;
	case ECS_OP_LRO_OFF:
		if (ecs_lro_get(a->nl, op->name, &on, NULL) < 0 || !on)
			break; /* most drivers have none */
		note(a, want, op->ifindex, ECS_PORT_OWN_LRO, true);
		op->result = ecs_lro_set(a->nl, op->name, false, &err);
		if (op->result < 0)
			note(a, want, op->ifindex, ECS_PORT_OWN_LRO, false);
		break;
	default:
		return;
	}
	if (op->result < 0)
		snprintf(op->text, sizeof(op->text), "%s", err.text);
}

static void run_links(const struct ecs_applier *a, struct ecs_plan *plan, struct ecs_state *want,
		      bool removals)
{
	for (size_t i = 0; i < plan->count; i++)
		if (ecs_op_removes(plan->ops[i].verb) == removals)
			run_link(a, &plan->ops[i], want);
}

struct owner {
	const char *instance;
	char other[ECS_FILTER_NAME_MAX];
};

static void note_owner(const struct ecs_filter *filter, void *ctx)
{
	struct owner *owner = ctx;

	if (filter->pref == ECS_FILTER_PREF && !filter->chain &&
	    !ecs_filter_is_ours(filter, owner->instance))
		snprintf(owner->other, sizeof(owner->other), "%s",
			 filter->name[0] ? filter->name : filter->kind);
}

/* Another instance's port, or a stranger's filter at our preference: hands off. */
static void refuse_owned(const struct ecs_applier *a, struct ecs_op *op)
{
	struct owner owner = {.instance = a->instance};

	ecs_filter_list(a->nl, op->ifindex, ECS_HOOK_INGRESS, note_owner, &owner, NULL);
	ecs_filter_list(a->nl, op->ifindex, ECS_HOOK_EGRESS, note_owner, &owner, NULL);
	if (!owner.other[0])
		return;
	op->result = -EBUSY;
	snprintf(op->text, sizeof(op->text),
		 "the filter \"%s\" is there already; remove the link from that switch first",
		 owner.other);
}

static void run_clsact_adds(const struct ecs_applier *a, struct ecs_plan *plan,
			    struct ecs_state *want)
{
	ECS_FREE bool *missing = calloc(plan->count + 1, sizeof(*missing));
	char kind[16];

	for (size_t i = 0; missing && i < plan->count; i++) {
		const struct ecs_op *op = &plan->ops[i];

		missing[i] = op->verb == ECS_OP_CLSACT_ADD &&
			     ecs_ingress_kind(a->nl, op->ifindex, kind, NULL) == -ENOENT;
		if (missing[i])
			note(a, want, op->ifindex, ECS_PORT_OWN_CLSACT, true);
	}
	run_tc(a, plan, ECS_OP_CLSACT_ADD, ECS_TC_CLSACT_ADD);
	for (size_t i = 0; missing && i < plan->count; i++) {
		struct ecs_op *op = &plan->ops[i];

		if (op->verb != ECS_OP_CLSACT_ADD)
			continue;
		if (missing[i] && op->result < 0)
			note(a, want, op->ifindex, ECS_PORT_OWN_CLSACT, false);
		if (op->result == -EEXIST) {
			op->result = 0;
			refuse_owned(a, op);
		}
	}
}

/* The filters of a link whose clsact could not be had would only repeat its error. */
static void inherit_failure(struct ecs_plan *plan)
{
	const struct ecs_op *clsact = NULL;

	for (size_t i = 0; i < plan->count; i++) {
		struct ecs_op *op = &plan->ops[i];

		if (op->verb == ECS_OP_CLSACT_ADD)
			clsact = op;
		if (op->verb != ECS_OP_FILTER_SET || !clsact || op->ifindex != clsact->ifindex ||
		    clsact->result >= 0)
			continue;
		op->result = clsact->result;
		memcpy(op->text, clsact->text, sizeof(op->text));
	}
}

static void run_filter_sets(const struct ecs_applier *a, struct ecs_plan *plan)
{
	inherit_failure(plan);
	run_tc(a, plan, ECS_OP_FILTER_SET, ECS_TC_FILTER_REPLACE);
}

static void run_tcx(const struct ecs_applier *a, struct ecs_plan *plan, bool removals)
{
	for (size_t i = 0; i < plan->count; i++) {
		struct ecs_op *op = &plan->ops[i];
		struct ecs_err err = {};

		if (removals && op->verb == ECS_OP_TCX_DEL)
			op->result = forgive(ecs_datapath_tcx_detach(a->dp, op->ifindex, op->hook));
		else if (!removals && op->verb == ECS_OP_TCX_SET)
			op->result = ecs_datapath_tcx_attach(a->dp, op->ifindex, op->hook, op->prog,
							     &err);
		else
			continue;
		if (op->result < 0)
			snprintf(op->text, sizeof(op->text), "%s",
				 err.text[0] ? err.text : strerror(-op->result));
	}
}

static int count_failures(const struct ecs_plan *plan)
{
	int n = 0;

	for (size_t i = 0; i < plan->count; i++)
		n += plan->ops[i].result < 0;
	return n;
}
