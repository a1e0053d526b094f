/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clsact qdisc and the cls_bpf filters on it, by libmnl, in batches: any number of
 * operations on any number of links in few system calls.
 */
#ifndef ECSWITCH_NETLINK_TC_H
#define ECSWITCH_NETLINK_TC_H

#include "link.h"

/* Where our filter stands on a hook: one fixed preference and handle. Source: tc-bpf(8). */
#define ECS_FILTER_PREF 0xec5
#define ECS_FILTER_HANDLE 1
#define ECS_FILTER_NAME_MAX 64

enum ecs_hook {
	ECS_HOOK_INGRESS, /* TC_H_MIN_INGRESS of clsact */
	ECS_HOOK_EGRESS,  /* TC_H_MIN_EGRESS of clsact */
};

/** ecs_hook_parent - tcm_parent of the filters of a hook. */
uint32_t ecs_hook_parent(enum ecs_hook hook);

enum ecs_tc_verb {
	ECS_TC_CLSACT_ADD, /* -EEXIST if there is one; -EBUSY if an ingress qdisc is in its place */
	ECS_TC_CLSACT_DEL, /* takes all filters on it along; -ENOENT if there is none */
	ECS_TC_FILTER_REPLACE, /* atomic: the old program runs until the new one does */
	ECS_TC_FILTER_DEL,     /* -ENOENT if there is none, or no clsact */
};

struct ecs_tc_op {
	enum ecs_tc_verb verb;
	uint32_t ifindex;
	enum ecs_hook hook; /* filters only */
	int prog_fd;	    /* FILTER_REPLACE only; borrowed */
	const char *name;   /* FILTER_REPLACE only; TCA_BPF_NAME; borrowed */
	int result;	    /* out: 0 or -errno of this operation */
	char text[128];	    /* out: the kernel's extended acknowledgement, or empty */
};

/**
 * ecs_tc_run - run operations in order, batched
 * @ops: @n operations; each one's @result says how it went
 *
 * Operations are independent: one that fails does not stop the next.
 * Return: number of operations that failed; -errno if the socket itself failed.
 */
int ecs_tc_run(struct ecs_nl *nl, struct ecs_tc_op *ops, size_t n, struct ecs_err *err);

/* One filter as dumped. */
struct ecs_filter {
	uint32_t ifindex;
	enum ecs_hook hook;
	uint32_t pref;
	uint32_t handle;
	uint32_t chain;			/* ours is in chain 0 */
	uint32_t prog_id;		/* 0 if it is no cls_bpf */
	char kind[16];			/* TCA_KIND */
	char name[ECS_FILTER_NAME_MAX]; /* TCA_BPF_NAME, may be empty */
};

/**
 * ecs_filter_list - dump the filters of one hook of one link
 * @fn: called for each filter (classifiers' empty chain heads left out); borrowed
 *
 * Return: 0; -ENODEV; -ENOENT if the link has no clsact; -errno.
 */
int ecs_filter_list(struct ecs_nl *nl, uint32_t ifindex, enum ecs_hook hook,
		    void (*fn)(const struct ecs_filter *filter, void *ctx), void *ctx,
		    struct ecs_err *err);

/**
 * ecs_ingress_kind - which qdisc stands where a clsact would
 * @kind: out, 16 bytes: "clsact" or "ingress"
 *
 * Return: 0; -ENOENT if there is none; -ENODEV; -errno.
 */
int ecs_ingress_kind(struct ecs_nl *nl, uint32_t ifindex, char kind[16], struct ecs_err *err);

/**
 * ecs_clsact_list - dump the links that have a clsact qdisc
 * @fn: called with the ifindex of each
 *
 * Return: 0 or -errno.
 */
int ecs_clsact_list(struct ecs_nl *nl, void (*fn)(uint32_t ifindex, void *ctx), void *ctx,
		    struct ecs_err *err);

#endif
