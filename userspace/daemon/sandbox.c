// SPDX-License-Identifier: Apache-2.0
/*
 * The seccomp filter. What start-up alone needs is not in it: no program, map or BTF is loaded
 * by a running switch, no file is made executable, and no process is started, traced or entered.
 */
#include "sandbox.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <linux/bpf.h>
#include <linux/sockios.h>

#include <seccomp.h>

#include <ecswitch/cleanup.h>

/* clang-format off */
static const int allowed[] = {
	/* files: the configuration, what is running, pins, settings of the network, /proc/net */
	SCMP_SYS(openat), SCMP_SYS(open), SCMP_SYS(close), SCMP_SYS(read), SCMP_SYS(readv),
	SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(pwrite64),
	SCMP_SYS(lseek), SCMP_SYS(_llseek), SCMP_SYS(fstat), SCMP_SYS(fstat64), SCMP_SYS(stat),
	SCMP_SYS(lstat), SCMP_SYS(newfstatat), SCMP_SYS(fstatat64), SCMP_SYS(statx),
	SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink),
	SCMP_SYS(readlinkat), SCMP_SYS(getdents64), SCMP_SYS(statfs), SCMP_SYS(fstatfs),
	SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(rmdir), SCMP_SYS(mkdir), SCMP_SYS(mkdirat),
	SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(fsync),
	SCMP_SYS(fdatasync), SCMP_SYS(ftruncate), SCMP_SYS(fchmod), SCMP_SYS(fcntl),
	SCMP_SYS(fcntl64), SCMP_SYS(flock), SCMP_SYS(dup), SCMP_SYS(dup3), SCMP_SYS(umask),
	SCMP_SYS(getcwd),
	/* sockets that are open, and their clients */
	SCMP_SYS(bind), SCMP_SYS(connect), SCMP_SYS(accept4), SCMP_SYS(accept), SCMP_SYS(sendto),
	SCMP_SYS(sendmsg), SCMP_SYS(sendmmsg), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg),
	SCMP_SYS(recvmmsg), SCMP_SYS(shutdown), SCMP_SYS(setsockopt), SCMP_SYS(getsockopt),
	SCMP_SYS(getsockname), SCMP_SYS(getpeername),
	/* the loop, signals and clocks */
	SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(ppoll_time64),
	SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(timerfd_settime64),
	SCMP_SYS(signalfd4), SCMP_SYS(eventfd2), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(sigreturn), SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_gettime64), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep),
	SCMP_SYS(clock_nanosleep_time64), SCMP_SYS(nanosleep), SCMP_SYS(gettimeofday),
	SCMP_SYS(time), SCMP_SYS(restart_syscall),
	/* memory, and the process itself */
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(futex),
	SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid),
	SCMP_SYS(getegid), SCMP_SYS(getrandom), SCMP_SYS(getrusage), SCMP_SYS(sysinfo),
	SCMP_SYS(uname), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield), SCMP_SYS(tgkill),
	SCMP_SYS(exit), SCMP_SYS(exit_group),
};

static const enum bpf_cmd bpf_commands[] = {
	BPF_MAP_LOOKUP_ELEM, BPF_MAP_UPDATE_ELEM, BPF_MAP_DELETE_ELEM, BPF_MAP_GET_NEXT_KEY,
	BPF_MAP_LOOKUP_BATCH, BPF_MAP_UPDATE_BATCH, BPF_MAP_DELETE_BATCH, BPF_OBJ_PIN, BPF_OBJ_GET,
	BPF_OBJ_GET_INFO_BY_FD, BPF_PROG_QUERY, BPF_PROG_GET_FD_BY_ID, BPF_LINK_CREATE,
	BPF_LINK_UPDATE, BPF_LINK_DETACH, BPF_LINK_GET_FD_BY_ID,
};
/* clang-format on */

static int allow_value(scmp_filter_ctx filter, int call, unsigned int arg, uint64_t value)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1, SCMP_CMP(arg, SCMP_CMP_EQ, value));
}

static int allow_unless_bits(scmp_filter_ctx filter, int call, unsigned int arg, uint64_t bits)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
				SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, bits, 0));
}

static int add_rules(scmp_filter_ctx filter)
{
	int r = 0;

	/* Calls that this architecture does not have are left out by the library. */
	for (size_t i = 0; i < ECS_ARRAY_SIZE(allowed) && r == 0; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; i < ECS_ARRAY_SIZE(bpf_commands) && r == 0; i++)
		r = allow_value(filter, SCMP_SYS(bpf), 0, bpf_commands[i]);
	r = r ?: allow_value(filter, SCMP_SYS(socket), 0, AF_UNIX);
	r = r ?: allow_value(filter, SCMP_SYS(socket), 0, AF_NETLINK);
	r = r ?: allow_unless_bits(filter, SCMP_SYS(mmap), 2, PROT_EXEC);
	r = r ?: allow_unless_bits(filter, SCMP_SYS(mmap2), 2, PROT_EXEC);
	r = r ?: allow_unless_bits(filter, SCMP_SYS(mprotect), 2, PROT_EXEC);
	/* Is the log a terminal? What is the link called? */
	r = r ?: allow_value(filter, SCMP_SYS(ioctl), 1, TCGETS);
	r = r ?: allow_value(filter, SCMP_SYS(ioctl), 1, FIONREAD);
	r = r ?: allow_value(filter, SCMP_SYS(ioctl), 1, SIOCGIFNAME);
	r = r ?: allow_value(filter, SCMP_SYS(ioctl), 1, SIOCGIFINDEX);
	r = r ?: allow_value(filter, SCMP_SYS(prctl), 0, PR_SET_NAME);
	/* To read one's own limits, not to set them or another's. */
	return r ?: allow_value(filter, SCMP_SYS(prlimit64), 2, 0);
}

int ecs_sandbox_enter(struct ecs_err *err)
{
	const char *how = getenv("ECSWITCH_SANDBOX");
	bool kill = how && !strcmp(how, "kill");
	scmp_filter_ctx filter;
	int r;

	filter = seccomp_init(kill ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM));
	if (!filter)
		return ecs_fail(err, -ENOMEM, "out of memory");
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);      /* an old kernel has none: fine */
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree instead of a list */
	r = add_rules(filter);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r < 0 ? ecs_fail(err, r, "cannot limit the system calls: %s", strerror(-r)) : 0;
}
