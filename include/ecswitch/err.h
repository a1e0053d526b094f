/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How userspace reports a failure: a negative errno for the program and a sentence for the
 * person. Nothing here logs; whoever stops the propagation does.
 */
#ifndef ECSWITCH_ERR_H
#define ECSWITCH_ERR_H

#include <stdarg.h>
#include <stdio.h>

struct ecs_err {
	char text[512]; /* one line, no newline: what is wrong and what to do */
};

/**
 * ecs_fail - fill in an error text and hand back the code
 * @err:  where the text goes; may be NULL
 * @code: negative errno
 * @fmt:  printf format of the sentence
 *
 * Return: @code, so that callers can write `return ecs_fail(...)`.
 */
__attribute__((format(printf, 3, 4))) static inline int ecs_fail(struct ecs_err *err, int code,
								 const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return code;
}

#endif
