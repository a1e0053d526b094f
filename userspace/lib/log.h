/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's log: one line a message to stderr, with the priority prefix that the journal
 * understands (sd-daemon(3)) when stderr is one. Only the daemon and the CLI call it.
 */
#ifndef ECSWITCH_LOG_H
#define ECSWITCH_LOG_H

enum ecs_log_level {
	ECS_LOG_ERROR,
	ECS_LOG_WARNING,
	ECS_LOG_INFO,
	ECS_LOG_DEBUG,
};

/** ecs_log_set_level - print messages up to @level; INFO until called. */
void ecs_log_set_level(enum ecs_log_level level);

/** ecs_log_level_parse - "error", "warning", "info" or "debug". Return: 0; -EINVAL. */
int ecs_log_level_parse(const char *text, enum ecs_log_level *out);

/**
 * ecs_log - print one line
 *
 * Never blocks: when stderr is a full pipe the line is dropped and counted, and the count is
 * printed with the next line that fits.
 */
__attribute__((format(printf, 2, 3))) void ecs_log(enum ecs_log_level level, const char *fmt, ...);

#define ecs_error(...) ecs_log(ECS_LOG_ERROR, __VA_ARGS__)
#define ecs_warning(...) ecs_log(ECS_LOG_WARNING, __VA_ARGS__)
#define ecs_info(...) ecs_log(ECS_LOG_INFO, __VA_ARGS__)
#define ecs_debug(...) ecs_log(ECS_LOG_DEBUG, __VA_ARGS__)

#endif
