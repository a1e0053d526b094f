// SPDX-License-Identifier: Apache-2.0
/*
 * To be preloaded (LD_PRELOAD): what may go wrong between the daemon and the kernel.
 *
 * No memory, or a kernel that lacks what we need: of the bpf() calls with command
 * BPF_FAULT_COMMAND (a number), the one numbered BPF_FAULT_FROM and all after it fail with
 * BPF_FAULT_ERRNO. Each failure leaves a line in the file BPF_FAULT_LOG.
 *
 * While the file DUMP_FAULT exists, requests to list what netlink knows fail with ENOBUFS.
 *
 * kill -9 between any two steps: while the file STEPS exists, each call that changes the kernel's
 * state or a file adds a byte to it, and before number STEPS_MAX the process dies.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/bpf.h>
#include <linux/netlink.h>

long syscall(long number, ...);

static long of_environment(const char *name)
{
	const char *text = getenv(name);

	return text ? atol(text) : -1;
}

static void note(void)
{
	const char *path = getenv("BPF_FAULT_LOG");
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;

	if (fd < 0 || write(fd, "failed\n", 7) < 0)
		return;
	close(fd);
}

static void step(void)
{
	const char *path = getenv("STEPS");
	int fd = path ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
	struct stat st;

	if (fd < 0)
		return;
	if (syscall(SYS_write, fd, ".", 1) == 1 && fstat(fd, &st) == 0 &&
	    st.st_size == of_environment("STEPS_MAX"))
		syscall(SYS_exit_group, 137); /* kill() is beyond the daemon's sandbox */
	close(fd);
}

static bool changes(long command)
{
	return command == BPF_MAP_UPDATE_ELEM || command == BPF_MAP_DELETE_ELEM ||
	       command == BPF_OBJ_PIN || command == BPF_LINK_CREATE || command == BPF_LINK_UPDATE ||
	       command == BPF_PROG_LOAD;
}

long syscall(long number, ...)
{
	static long (*next)(long number, ...);
	static long seen;
	long args[6];
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		args[i] = va_arg(ap, long);
	va_end(ap);
	if (!next)
		next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	if (number == SYS_bpf && changes(args[0]))
		step();
	if (number == SYS_bpf && args[0] == of_environment("BPF_FAULT_COMMAND") &&
	    ++seen >= of_environment("BPF_FAULT_FROM")) {
		note();
		errno = (int)of_environment("BPF_FAULT_ERRNO");
		return -1;
	}
	return next(number, args[0], args[1], args[2], args[3], args[4], args[5]);
}

/* Requests of libnl go this way, those of libmnl by sendto(). */
ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	static ssize_t (*next)(int fd, const struct msghdr *msg, int flags);
	const struct sockaddr_nl *to = msg->msg_name;
	const char *fault = getenv("DUMP_FAULT");

	if (!next)
		next = (ssize_t(*)(int, const struct msghdr *, int))dlsym(RTLD_NEXT, "sendmsg");
	if (to && to->nl_family == AF_NETLINK) {
		const struct nlmsghdr *nlh = msg->msg_iov[0].iov_base;

		step();
		if ((nlh->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP && fault &&
		    access(fault, F_OK) == 0) {
			errno = ENOBUFS;
			return -1;
		}
	}
	return next(fd, msg, flags);
}

ssize_t sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to,
	       socklen_t to_len)
{
	static ssize_t (*next)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);

	if (!next)
		next = (ssize_t(*)(int, const void *, size_t, int, const struct sockaddr *,
				   socklen_t))dlsym(RTLD_NEXT, "sendto");
	if (to)
		step();
	return next(fd, data, len, flags, to, to_len);
}

ssize_t write(int fd, const void *data, size_t len)
{
	if (fd > STDERR_FILENO)
		step();
	return syscall(SYS_write, fd, data, len);
}

int unlink(const char *path)
{
	step();
	return (int)syscall(SYS_unlink, path);
}

int rename(const char *from, const char *to)
{
	step();
	return (int)syscall(SYS_rename, from, to);
}
