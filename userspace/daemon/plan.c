// SPDX-License-Identifier: Apache-2.0
/*
 * Compares have with want and lists the operations between them. Order matters: removals
 * first, so that a re-used ifindex, slot or network id never meets an old trace; then maps;
 * programs last. Makes no system call.
 */
#include "plan_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ecswitch/cleanup.h>

static void plan_removals(struct ecs_plan_context *c);
static void plan_networks(struct ecs_plan_context *c);
static void plan_ports(struct ecs_plan_context *c);
static void plan_fdb(struct ecs_plan_context *c);
static void plan_hooks(struct ecs_plan_context *c);

int ecs_plan_make(const struct ecs_state *have, const struct ecs_state *want,
		  bool (*exists)(uint32_t ifindex, const void *ctx), const void *ctx,
		  struct ecs_plan *plan)
{
	struct ecs_plan_context c = {have, want, exists, ctx, plan};

	*plan = (struct ecs_plan){};
	plan_removals(&c);
	ecs_plan_gateways_away(&c);
	ecs_plan_casts_away(&c);
	plan_ports(&c);
	plan_networks(&c);
	plan_fdb(&c);
	ecs_plan_nat(&c);
	ecs_plan_casts(&c);
	ecs_plan_gateways(&c);
	plan_hooks(&c);
	if (!plan->failed)
		return 0;
	ecs_plan_free(plan);
	return -ENOMEM;
}

void ecs_plan_free(struct ecs_plan *plan)
{
	free(plan->ops);
	*plan = (struct ecs_plan){};
}

struct ecs_op *ecs_plan_add(struct ecs_plan_context *c, enum ecs_op_verb verb,
			    const struct ecs_state_port *port)
{
	static struct ecs_op scratch;
	struct ecs_plan *plan = c->plan;
	struct ecs_op *op = &scratch;

	if (plan->count == plan->room) {
		size_t room = plan->room ? plan->room * 2 : 64;
		void *ops = reallocarray(plan->ops, room, sizeof(*plan->ops));

		if (!ops) {
			plan->failed = true;
			return op;
		}
		plan->ops = ops;
		plan->room = room;
	}
	op = &plan->ops[plan->count++];
	*op = (struct ecs_op){.verb = verb};
	if (port) {
		op->ifindex = op->key.ifindex = port->ifindex;
		op->network = port->port.network;
		op->slot = port->port.slot;
		op->place = port->place;
		memcpy(op->name, port->port.name, sizeof(op->name));
	}
	return op;
}

/* The link is another one than the entry was made for, though the number is the same. */
static bool identity_changed(const struct ecs_port *a, const struct ecs_port *b)
{
	return memcmp(a->name, b->name, sizeof(a->name)) ||
	       memcmp(a->kind, b->kind, sizeof(a->kind)) || memcmp(a->mac, b->mac, sizeof(a->mac));
}

static bool on_tcx(const struct ecs_state_port *port)
{
	return port->port.flags & ECS_PORT_TCX;
}

/* A TCX link is ours even when its device is gone; a qdisc goes with the device. */
static void remove_programs(struct ecs_plan_context *c, const struct ecs_state_port *old)
{
	enum ecs_op_verb verb = on_tcx(old) ? ECS_OP_TCX_DEL : ECS_OP_FILTER_DEL;

	if (!on_tcx(old) && !c->exists(old->ifindex, c->exists_ctx))
		return;
	if (old->ingress)
		ecs_plan_add(c, verb, old)->hook = ECS_HOOK_INGRESS;
	if (old->egress)
		ecs_plan_add(c, verb, old)->hook = ECS_HOOK_EGRESS;
	if (old->port.flags & ECS_PORT_OWN_CLSACT)
		ecs_plan_add(c, ECS_OP_CLSACT_DEL, old);
}

static void remove_hooks(struct ecs_plan_context *c, const struct ecs_state_port *old)
{
	remove_programs(c, old);
	if (!c->exists(old->ifindex, c->exists_ctx))
		return;
	if (old->port.flags & ECS_PORT_OWN_PROMISC)
		ecs_plan_add(c, ECS_OP_PROMISC_OFF, old);
	if (old->port.flags & ECS_PORT_OWN_LRO)
		ecs_plan_add(c, ECS_OP_LRO_ON, old);
}

/* Everything of a port but its hooks. The slot's counters go only with the port itself. */
static void remove_traces(struct ecs_plan_context *c, const struct ecs_state_port *old, bool gone)
{
	if (old->port.flags & ECS_PORT_PATCHED)
		ecs_plan_add(c, ECS_OP_PATCH_DEL, old);
	if (old->place != ECS_NO_PLACE)
		ecs_plan_add(c, ECS_OP_FLOOD_CLEAR, old);
	if (gone)
		ecs_plan_add(c, ECS_OP_PORT_DEL, old);
	ecs_plan_add(c, ECS_OP_FDB_FLUSH_PORT, old);
	ecs_plan_add(c, ECS_OP_SLOT_CLEAR, old);
}

static void remove_network(struct ecs_plan_context *c, uint16_t id)
{
	const struct ecs_network *net = &c->have->networks[id];
	struct ecs_op *op;

	if (net->uplink && net->uplink_vid) {
		op = ecs_plan_add(c, ECS_OP_PORT_DEL, ecs_state_port_get(c->have, net->uplink));
		op->key = (struct ecs_port_key){net->uplink, net->uplink_vid, 0};
	}
	if (c->want->networks[id].used && !strcmp(c->want->networks[id].name, net->name))
		return;
	op = ecs_plan_add(c, ECS_OP_FDB_FLUSH_NETWORK, NULL);
	op->network = id;
	op = ecs_plan_add(c, ECS_OP_NETWORK_SET, NULL);
	op->network = id;
}

static bool network_moved(const struct ecs_network *a, const struct ecs_network *b)
{
	return strcmp(a->name, b->name) || a->uplink != b->uplink || a->uplink_vid != b->uplink_vid;
}

static void plan_removals(struct ecs_plan_context *c)
{
	for (size_t i = 0; i < c->have->port_count; i++) {
		const struct ecs_state_port *old = &c->have->ports[i];
		const struct ecs_state_port *new = ecs_state_port_get(c->want, old->ifindex);

		if (!new) {
			remove_hooks(c, old);
			remove_traces(c, old, true);
		} else if (identity_changed(&old->port, &new->port) ||
			   old->port.network != new->port.network ||
			   old->port.slot != new->port.slot) {
			remove_traces(c, old, false);
		} else if (old->place != ECS_NO_PLACE && old->place != new->place) {
			ecs_plan_add(c, ECS_OP_FLOOD_CLEAR, old);
		}
		if (new &&on_tcx(old) != on_tcx(new))
			remove_programs(c, old);
		if (new && (old->port.flags & ~new->port.flags &ECS_PORT_PATCHED))
			ecs_plan_add(c, ECS_OP_PATCH_DEL, old);
	}
	for (size_t i = 0; i < c->have->fdb_count; i++)
		if (!ecs_state_fdb_get(c->want, &c->have->fdb[i].key))
			ecs_plan_add(c, ECS_OP_FDB_STATIC_DEL, NULL)->fdb = c->have->fdb[i];
	for (uint16_t id = 1; id <= ECS_NETWORKS_MAX; id++)
		if (c->have->networks[id].used &&
		    network_moved(&c->have->networks[id], &c->want->networks[id]))
			remove_network(c, id);
}

static void plan_ports(struct ecs_plan_context *c)
{
	for (size_t i = 0; i < c->want->port_count; i++) {
		const struct ecs_state_port *new = &c->want->ports[i];
		const struct ecs_state_port *old = ecs_state_port_get(c->have, new->ifindex);
		bool again = !old || old->dirty || identity_changed(&old->port, &new->port) ||
			     old->port.network != new->port.network;

		if (again || memcmp(&old->port, &new->port, sizeof(new->port)))
			ecs_plan_add(c, ECS_OP_PORT_SET, new)->port = new->port;
		if (new->place != ECS_NO_PLACE && (again || old->place != new->place))
			ecs_plan_add(c, ECS_OP_FLOOD_SET, new)->member =
				(struct ecs_flood_member){new->ifindex, new->port.slot};
		if ((new->port.flags &ECS_PORT_PATCHED) &&
		    (again || memcmp(&old->patch, &new->patch, sizeof(new->patch))))
			ecs_plan_add(c, ECS_OP_PATCH_SET, new)->patch = new->patch;
	}
}

/* A VLAN of an uplink is an entry of its own in ecs_ports: the uplink's, in another network. */
static void set_vlan(struct ecs_plan_context *c, uint16_t id)
{
	const struct ecs_network *net = &c->want->networks[id];
	const struct ecs_state_port *uplink = ecs_state_port_get(c->want, net->uplink);
	struct ecs_op *op;

	if (!uplink || !net->uplink_vid)
		return;
	op = ecs_plan_add(c, ECS_OP_PORT_SET, uplink);
	op->key.vid = net->uplink_vid;
	op->port = uplink->port;
	op->port.network = id;
	op->port.flags &= ~ECS_PORT_NAT; /* the way out is untagged */
}

/* Does the entry that a network's VLAN has in ecs_ports follow a change of its uplink's? */
static bool uplink_changed(const struct ecs_plan_context *c, uint32_t ifindex)
{
	const struct ecs_state_port *old = ecs_state_port_get(c->have, ifindex);
	const struct ecs_state_port *new = ecs_state_port_get(c->want, ifindex);

	return new && (!old || old->dirty || memcmp(&old->port, &new->port, sizeof(new->port)));
}

static void plan_networks(struct ecs_plan_context *c)
{
	for (uint16_t id = 1; id <= ECS_NETWORKS_MAX; id++) {
		const struct ecs_network *old = &c->have->networks[id];
		const struct ecs_network *new = &c->want->networks[id];
		struct ecs_op *op;

		if (!new->used)
			continue;
		if (c->have->network_dirty[id] || memcmp(old, new, sizeof(*new))) {
			op = ecs_plan_add(c, ECS_OP_NETWORK_SET, NULL);
			op->network = id;
			op->record = *new;
			set_vlan(c, id);
		} else if (new->uplink && uplink_changed(c, new->uplink)) {
			set_vlan(c, id);
		}
	}
}

static void plan_fdb(struct ecs_plan_context *c)
{
	for (size_t i = 0; i < c->want->fdb_count; i++) {
		const struct ecs_state_fdb *new = &c->want->fdb[i];
		const struct ecs_state_fdb *old = ecs_state_fdb_get(c->have, &new->key);

		if (!old || old->ifindex != new->ifindex || old->flags != new->flags)
			ecs_plan_add(c, ECS_OP_FDB_STATIC_SET, NULL)->fdb = *new;
	}
}

static void set_filter(struct ecs_plan_context *c, const struct ecs_state_port *port,
		       enum ecs_hook hook, enum ecs_prog prog)
{
	enum ecs_op_verb set = on_tcx(port) ? ECS_OP_TCX_SET : ECS_OP_FILTER_SET;
	enum ecs_op_verb del = on_tcx(port) ? ECS_OP_TCX_DEL : ECS_OP_FILTER_DEL;
	struct ecs_op *op = ecs_plan_add(c, prog ? set : del, port);

	op->hook = hook;
	op->prog = prog;
}

static void plan_hooks(struct ecs_plan_context *c)
{
	for (size_t i = 0; i < c->want->port_count; i++) {
		const struct ecs_state_port *new = &c->want->ports[i];
		const struct ecs_state_port *old = ecs_state_port_get(c->have, new->ifindex);
		bool again = !old || old->dirty || on_tcx(old) != on_tcx(new);
		enum ecs_prog ingress = again ? ECS_PROG_NONE : old->ingress;
		enum ecs_prog egress = again ? ECS_PROG_NONE : old->egress;
		uint32_t flags = old ? old->port.flags : 0;

		if (new->lacks_promisc)
			ecs_plan_add(c, ECS_OP_PROMISC_ON, new);
		else if (flags & ~new->port.flags & ECS_PORT_OWN_PROMISC)
			ecs_plan_add(c, ECS_OP_PROMISC_OFF, new);
		if (new->port.role == ECS_ROLE_UPLINK && again)
			ecs_plan_add(c, ECS_OP_LRO_OFF, new);
		if (!on_tcx(new) && ((new->ingress &&new->ingress != ingress) ||
				     (new->egress &&new->egress != egress)))
			ecs_plan_add(c, ECS_OP_CLSACT_ADD, new);
		if (new->ingress != ingress)
			set_filter(c, new, ECS_HOOK_INGRESS, new->ingress);
		if (new->egress != egress)
			set_filter(c, new, ECS_HOOK_EGRESS, new->egress);
	}
}

static void describe(json_t *list, const char *fmt, const char *a, const char *b)
{
	json_array_append_new(list, json_sprintf(fmt, a, b));
}

static const char *prog_text(enum ecs_prog prog)
{
	switch (prog) {
	case ECS_PROG_FROM_PORT:
		return "from_port";
	case ECS_PROG_TO_UPLINK:
		return "to_uplink";
	case ECS_PROG_NONE:
		break;
	}
	return "nothing";
}

/* Operations of which only the link's name is worth telling. */
static const char *const link_sentences[] = {
	[ECS_OP_FILTER_DEL] = "detach from %s",
	[ECS_OP_TCX_DEL] = "detach from %s",
	[ECS_OP_PATCH_SET] = "patch %s",
	[ECS_OP_PATCH_DEL] = "unpatch %s",
	[ECS_OP_PROMISC_ON] = "make %s promiscuous",
	[ECS_OP_PROMISC_OFF] = "end promiscuous mode of %s",
};

static void describe_op(json_t *list, const struct ecs_op *op, const struct ecs_state *have,
			const struct ecs_state *want)
{
	const char *net = want->networks[op->network].used ? want->networks[op->network].name
							   : have->networks[op->network].name;

	switch (op->verb) {
	case ECS_OP_PORT_SET:
		if (!ecs_state_port_get(have, op->ifindex) && !op->key.vid)
			describe(list, op->network ? "adopt %s into network %s" : "adopt %s",
				 op->name, net);
		break;
	case ECS_OP_PORT_DEL:
		if (!op->key.vid)
			describe(list, "release %s", op->name, NULL);
		break;
	case ECS_OP_FILTER_SET:
	case ECS_OP_TCX_SET:
		describe(list, "attach %s to %s", prog_text(op->prog), op->name);
		break;
	case ECS_OP_NETWORK_SET:
		describe(list,
			 !op->record.used		    ? "delete network %s"
			 : have->networks[op->network].used ? "change network %s"
							    : "create network %s",
			 op->record.used ? op->record.name : have->networks[op->network].name,
			 NULL);
		break;
	case ECS_OP_CAST_DEL:
		describe(list, "end the cast %s", op->cast->name, NULL);
		break;
	case ECS_OP_CAST_SET:
		describe(list, op->old ? "change the cast %s" : "begin the cast %s", op->cast->name,
			 NULL);
		break;
	case ECS_OP_NAT_RULE_SET:
	case ECS_OP_NAT_RULE_DEL:
		ecs_plan_describe_rule(list, op);
		break;
	case ECS_OP_NAT_END_NETWORK:
		describe(list, "end the flows of network %s", net, NULL);
		break;
	case ECS_OP_GATEWAY_ADD:
		describe(list, "make the veth pair %s and %s", op->gateway.host, op->gateway.port);
		break;
	case ECS_OP_GATEWAY_DEL:
		describe(list, "remove the veth pair %s and %s", op->gateway.host,
			 op->gateway.port);
		break;
	default: /* without a sentence, it follows from the others */
		if (op->verb < ECS_ARRAY_SIZE(link_sentences) && link_sentences[op->verb])
			describe(list, link_sentences[op->verb], op->name, NULL);
		break;
	}
}

json_t *ecs_plan_describe(const struct ecs_plan *plan, const struct ecs_state *have,
			  const struct ecs_state *want)
{
	json_t *list = json_array();

	for (size_t i = 0; i < plan->count; i++)
		describe_op(list, &plan->ops[i], have, want);
	return list;
}
