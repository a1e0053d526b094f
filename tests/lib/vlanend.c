// SPDX-License-Identifier: Apache-2.0
/*
 * Makes an interface of a LAN machine speak one VLAN of its wire, for kernels that have no
 * 8021q module: what it sends gets the tag, what it receives with the tag loses it, and all
 * else that it receives is dropped.
 *
 *	vlanend LINK VID
 */
#include <config.h>

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <arpa/inet.h>
#include <net/if.h>

#include "netns.h"

#define INSN(c, d, s, o, i)                                                                        \
	((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)})
#define MOV_IMM(d, i) INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define LOAD_FIELD(d, f) INSN(BPF_LDX | BPF_W | BPF_MEM, d, 1, offsetof(struct __sk_buff, f), 0)
#define JUMP_NE(d, i, o) INSN(BPF_JMP | BPF_JNE | BPF_K, d, 0, o, i)
#define ALU_IMM(op, d, i) INSN(BPF_ALU64 | (op) | BPF_K, d, 0, 0, i)
#define CALL(f) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, f)
#define EXIT() INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

static int load(const char *name, const struct bpf_insn *insns, size_t n)
{
	static char log[65536];
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .log_buf = log, .log_size = sizeof(log),
		    .log_level = 1);
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, name, "GPL", insns, n, &opts);

	if (fd < 0)
		errx(1, "%s: %s\n%s", name, strerror(-fd), log);
	return fd;
}

static int load_push(unsigned int vid)
{
	const struct bpf_insn insns[] = {
		MOV_IMM(BPF_REG_2, htons(0x8100)),
		MOV_IMM(BPF_REG_3, vid),
		CALL(BPF_FUNC_skb_vlan_push),
		MOV_IMM(BPF_REG_0, TC_ACT_OK),
		EXIT(),
	};

	return load("vlan_push", insns, sizeof(insns) / sizeof(*insns));
}

static int load_pop(unsigned int vid)
{
	const struct bpf_insn insns[] = {
		LOAD_FIELD(BPF_REG_2, vlan_present), JUMP_NE(BPF_REG_2, 1, 6),
		LOAD_FIELD(BPF_REG_2, vlan_tci),     ALU_IMM(BPF_AND, BPF_REG_2, 0xfff),
		JUMP_NE(BPF_REG_2, vid, 3),	     CALL(BPF_FUNC_skb_vlan_pop),
		MOV_IMM(BPF_REG_0, TC_ACT_OK),	     EXIT(),
		MOV_IMM(BPF_REG_0, TC_ACT_SHOT),     EXIT(),
	};

	return load("vlan_pop", insns, sizeof(insns) / sizeof(*insns));
}

static void attach(int ifindex, enum bpf_tc_attach_point point, int fd)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = point);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = fd);
	int rc = bpf_tc_hook_create(&hook);

	if (rc && rc != -EEXIST)
		errx(1, "clsact: %s", strerror(-rc));
	rc = bpf_tc_attach(&hook, &opts);
	if (rc)
		errx(1, "filter: %s", strerror(-rc));
}

int main(int argc, char **argv)
{
	unsigned int vid = argc == 3 ? atoi(argv[2]) : 0;
	int ifindex;

	if (vid < 1 || vid > 4094)
		errx(2, "usage: vlanend LINK VID");
	ifindex = if_nametoindex(argv[1]);
	if (!ifindex)
		err(1, "%s", argv[1]);
	attach(ifindex, BPF_TC_EGRESS, load_push(vid));
	attach(ifindex, BPF_TC_INGRESS, load_pop(vid));
	return 0;
}
