// SPDX-License-Identifier: Apache-2.0
/*
 * The smallest clsact programs: to compare the switch and its casts with, and to end frames at.
 *
 *	hook redirect A B	joins two links both ways: bpf_redirect() to the other one
 *	hook clone LINK TO...	bpf_clone_redirect() of what LINK receives to each, and no more
 *	hook drop LINK...	drops what a LINK receives; its clsact qdisc counts that
 */
#include <config.h>

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

static void attach(const char *link, const struct bpf_insn *insns, size_t n)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex(link),
		    .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts,
		    .prog_fd =
			    bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "bench", "GPL", insns, n, NULL));
	int ret;

	if (opts.prog_fd < 0)
		err(1, "cannot load the program");
	ret = bpf_tc_hook_create(&hook);
	if (ret && ret != -EEXIST)
		errx(1, "clsact of %s: error %d", link, -ret);
	ret = bpf_tc_attach(&hook, &opts);
	if (ret)
		errx(1, "filter of %s: error %d", link, -ret);
}

static void redirect(const char *from, const char *to)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K,
		 .dst_reg = BPF_REG_1,
		 .imm = (int)if_nametoindex(to)},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 0},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect},
		{.code = BPF_JMP | BPF_EXIT},
	};

	attach(from, insns, sizeof(insns) / sizeof(insns[0]));
}

/* Unrolled: no loop could cost less. */
static void clone(const char *from, char **to, size_t count)
{
	struct bpf_insn *insns = calloc(4 * count + 3, sizeof(*insns)), *at = insns;

	if (!insns)
		err(1, "%zu copies", count);
	*at++ = (struct bpf_insn){
		.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_6, .src_reg = BPF_REG_1};
	for (size_t i = 0; i < count; i++) {
		*at++ = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_X,
					  .dst_reg = BPF_REG_1,
					  .src_reg = BPF_REG_6};
		*at++ = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K,
					  .dst_reg = BPF_REG_2,
					  .imm = (int)if_nametoindex(to[i])};
		*at++ = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K,
					  .dst_reg = BPF_REG_3};
		*at++ = (struct bpf_insn){.code = BPF_JMP | BPF_CALL,
					  .imm = BPF_FUNC_clone_redirect};
	}
	*at++ = (struct bpf_insn){
		.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = TC_ACT_SHOT};
	*at++ = (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
	attach(from, insns, (size_t)(at - insns));
	free(insns);
}

static void drop(const char *link)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = TC_ACT_SHOT},
		{.code = BPF_JMP | BPF_EXIT},
	};

	attach(link, insns, sizeof(insns) / sizeof(insns[0]));
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "redirect")) {
		redirect(argv[2], argv[3]);
		redirect(argv[3], argv[2]);
		return 0;
	}
	if (argc > 3 && !strcmp(argv[1], "clone")) {
		clone(argv[2], argv + 3, (size_t)argc - 3);
		return 0;
	}
	if (argc < 3 || strcmp(argv[1], "drop"))
		errx(2, "usage: hook redirect A B | hook clone LINK TO... | hook drop LINK...");
	for (int i = 2; i < argc; i++)
		drop(argv[i]);
	return 0;
}
