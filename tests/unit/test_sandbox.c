// SPDX-License-Identifier: Apache-2.0
/*
 * The daemon's seccomp filter, in a child of its own for each claim: what a taken-over daemon
 * would begin with is refused, and what it needs works.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/bpf.h>

#include "userspace/daemon/sandbox.h"

/* What @fn returns inside the sandbox: 0, or the errno of its last call. -1: it was killed. */
static int inside(int (*fn)(void), const char *how)
{
	struct ecs_err err = {};
	pid_t child = fork();
	int status;

	if (child == 0) {
		setenv("ECSWITCH_SANDBOX", how, 1);
		status = ecs_sandbox_enter(&err) < 0 ? 255 : 0;
		errno = 0;
		if (!status && fn() < 0)
			status = errno;
		/* Before _exit() a sanitizer would make calls of its own. */
		syscall(SYS_exit_group, status);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFSIGNALED(status))
		return -WTERMSIG(status);
	return WEXITSTATUS(status);
}

static int start_program(void)
{
	char *argv[] = {"true", NULL};

	return execve("/bin/true", argv, NULL);
}

static int start_process(void)
{
	return (int)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

static int trace(void)
{
	return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int mount_something(void)
{
	return mount("none", "/nowhere", "tmpfs", 0, NULL);
}

static int leave_namespace(void)
{
	return unshare(CLONE_NEWNET);
}

static int open_inet(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static int map_executable(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : 0;
}

static int make_executable(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static int load_bpf(void)
{
	union bpf_attr attr = {};

	return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

static int change_limit(void)
{
	struct rlimit limit = {.rlim_cur = 4, .rlim_max = 4};

	return setrlimit(RLIMIT_NOFILE, &limit);
}

static int load_module(void)
{
	return (int)syscall(SYS_finit_module, -1, "", 0);
}

static void what_an_intruder_begins_with_is_refused(void **state)
{
	static int (*const calls[])(void) = {
		start_program,	 start_process, trace,		mount_something,
		leave_namespace, open_inet,	map_executable, make_executable,
		load_bpf,	 change_limit,	load_module,
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		assert_int_equal(inside(calls[i], ""), EPERM);
}

static int work(void)
{
	union bpf_attr attr = {};
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC), loop, sock;
	struct epoll_event event = {.events = EPOLLIN};
	char byte;

	if (fd < 0 || read(fd, &byte, 1) != 1 || close(fd))
		return -1;
	loop = epoll_create1(EPOLL_CLOEXEC);
	sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (loop < 0 || sock < 0 || epoll_ctl(loop, EPOLL_CTL_ADD, sock, &event))
		return -1;
	if (epoll_wait(loop, &event, 1, 0) < 0)
		return -1;
	free(malloc(64u << 20));
	/* A map that is not there: the kernel says so, not the filter. */
	attr.map_fd = (uint32_t)-1;
	if (syscall(SYS_bpf, BPF_MAP_LOOKUP_ELEM, &attr, sizeof(attr)) == 0 || errno == EPERM)
		errno = EPERM;
	else
		errno = 0;
	return errno ? -1 : 0;
}

static void what_the_switch_needs_works(void **state)
{
	assert_int_equal(inside(work, ""), 0);
}

static void refusal_kills_where_tests_want_it(void **state)
{
	assert_int_equal(inside(open_inet, "kill"), -SIGSYS);
	assert_int_equal(inside(work, "kill"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_an_intruder_begins_with_is_refused),
		cmocka_unit_test(what_the_switch_needs_works),
		cmocka_unit_test(refusal_kills_where_tests_want_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
