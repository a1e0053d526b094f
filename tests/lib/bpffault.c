// SPDX-License-Identifier: Apache-2.0
/*
 * To be preloaded (LD_PRELOAD): a kernel that has no memory, or lacks what we need. Of the bpf()
 * calls with command BPF_FAULT_COMMAND (a number), the one numbered BPF_FAULT_FROM and all after
 * it fail with BPF_FAULT_ERRNO. Each failure leaves a line in the file BPF_FAULT_LOG.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

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
	if (number == SYS_bpf && args[0] == of_environment("BPF_FAULT_COMMAND") &&
	    ++seen >= of_environment("BPF_FAULT_FROM")) {
		note();
		errno = (int)of_environment("BPF_FAULT_ERRNO");
		return -1;
	}
	return next(number, args[0], args[1], args[2], args[3], args[4], args[5]);
}
