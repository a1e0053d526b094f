// SPDX-License-Identifier: Apache-2.0
/*
 * Somebody else's program on a tc hook: counts every frame and leaves it to the next one.
 *
 *	countprog DIRECTORY               pins the program "prog" and its array "count" there
 *	countprog DIRECTORY LINK          also attaches it to the link's ingress by TCX
 *
 * A TCX attachment is pinned too, as "link".
 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <net/if.h>

#include "netns.h"

#define ATTACH_TCX_INGRESS 46 /* BPF_TCX_INGRESS of Linux 6.6, which older headers lack */
#define INSN(c, d, s, o, i)                                                                        \
	((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)})

static int load(int map_fd)
{
	static char log[65536];
	const struct bpf_insn insns[] = {
		INSN(BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, -4, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -4),
		INSN(BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map_fd),
		INSN(0, 0, 0, 0, 0),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 2, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, 1),
		INSN(BPF_STX | BPF_ATOMIC | BPF_DW, BPF_REG_0, BPF_REG_1, 0, BPF_ADD),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, -1), /* TC_ACT_UNSPEC */
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .log_buf = log, .log_size = sizeof(log),
		    .log_level = 1);
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "count", "GPL", insns,
			       sizeof(insns) / sizeof(*insns), &opts);

	if (fd < 0)
		errx(1, "program: %s\n%s", strerror(-fd), log);
	return fd;
}

static void pin(int fd, const char *dir, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (fd < 0 || bpf_obj_pin(fd, path))
		err(1, "%s", path);
}

int main(int argc, char **argv)
{
	int map_fd, prog_fd;

	if (argc != 2 && argc != 3)
		errx(2, "usage: countprog DIRECTORY [LINK]");
	map_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "count", 4, 8, 1, NULL);
	if (map_fd < 0)
		err(1, "map");
	prog_fd = load(map_fd);
	pin(map_fd, argv[1], "count");
	pin(prog_fd, argv[1], "prog");
	if (argc == 3)
		pin(bpf_link_create(prog_fd, if_nametoindex(argv[2]),
				    (enum bpf_attach_type)ATTACH_TCX_INGRESS, NULL),
		    argv[1], "link");
	return 0;
}
