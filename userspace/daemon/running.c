// SPDX-License-Identifier: Apache-2.0
/*
 * Configuration on disk: the operator's file, and beside the socket a copy of what is running,
 * so that a daemon that was killed or upgraded comes back to what it was told by commands.
 * That copy counts only while the maps are still there and the operator's file is unchanged.
 */
#include "daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <ecswitch/cleanup.h>
#include "userspace/lib/file.h"
#include "userspace/lib/log.h"

static int config_from_script(const json_t *commands, const char *name, struct ecs_config **out,
			      struct ecs_err *err)
{
	struct ecs_config *config = ecs_config_new();
	struct ecs_err why = {};
	json_t *item;
	size_t i;

	if (!config)
		return ecs_fail(err, -ENOMEM, "out of memory");
	json_array_foreach (commands, i, item) {
		const char *method = json_string_value(json_object_get(item, "method"));
		bool changed;
		int r = ecs_config_apply(config, ecs_command_by_method(method),
					 json_object_get(item, "params"), &changed, &why);

		if (r < 0) {
			ecs_config_free(config);
			return ecs_fail(err, r, "%s:%lld: %s", name,
					json_integer_value(json_object_get(item, "line")),
					why.text);
		}
	}
	*out = config;
	return 0;
}

int ecs_config_load_file(const char *path, struct ecs_config **out, struct ecs_err *err)
{
	ECS_FCLOSE FILE *in = fopen(path, "re");
	json_t *commands = NULL;
	int r;

	if (!in)
		return ecs_fail(err, -errno, "cannot read %s: %s", path, strerror(errno));
	r = ecs_script_parse(in, path, &commands, err);
	if (r < 0)
		return r;
	r = config_from_script(commands, path, out, err);
	json_decref(commands);
	return r;
}

/* The configuration as a script, behind a comment. Return: to be freed; NULL: out of memory. */
static char *config_text(const struct ecs_config *config, const char *header)
{
	json_t *commands = ecs_config_dump(config), *item;
	char *text = NULL;
	size_t size, i;
	FILE *out = commands ? open_memstream(&text, &size) : NULL;
	bool whole = out;

	if (out)
		fprintf(out, "# %s\n", header);
	json_array_foreach (commands, i, item) {
		const char *method = json_string_value(json_object_get(item, "method"));
		ECS_FREE char *line = ecs_command_format(ecs_command_by_method(method),
							 json_object_get(item, "params"));

		whole = whole && line && fprintf(out, "%s\n", line) > 0;
	}
	json_decref(commands);
	if (out && fclose(out) == 0 && whole)
		return text;
	free(text);
	return NULL;
}

int ecs_config_save(const struct ecs_config *config, const char *path, mode_t mode,
		    const char *header, struct ecs_err *err)
{
	ECS_FREE char *target = realpath(path, NULL); /* where a symbolic link leads */
	struct stat st;
	bool exists = target && stat(target, &st) == 0;
	ECS_FREE char *text = NULL;

	if (exists && !S_ISREG(st.st_mode))
		return ecs_fail(err, -EINVAL, "cannot write %s: it is no regular file", path);
	text = config_text(config, header);
	if (!text)
		return ecs_fail(err, -ENOMEM, "out of memory");
	return ecs_file_replace(target ? target : path, text, exists ? st.st_mode & 0777 : mode,
				err);
}

void ecs_config_stamp(const struct ecs_daemon *d, char stamp[ECS_STAMP_MAX])
{
	struct stat st;

	if (stat(d->config_path, &st) < 0)
		snprintf(stamp, ECS_STAMP_MAX, "running with no configuration file");
	else
		snprintf(stamp, ECS_STAMP_MAX, "running since file %llu %lld %lld.%09ld",
			 (unsigned long long)st.st_ino, (long long)st.st_size,
			 (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

/* The stamp is that of the file which was read: one that was edited since wins over this. */
void ecs_running_save(struct ecs_daemon *d)
{
	struct ecs_err err = {};

	if (ecs_config_save(d->config, d->running_path, 0600, d->stamp, &err) < 0)
		ecs_warning("changes will not outlive this daemon: %s", err.text);
}

void ecs_guests_keep(struct ecs_daemon *d)
{
	struct ecs_err err = {};

	if (d->guests.changed && ecs_guests_save(&d->guests, d->guests_path, &err) < 0)
		ecs_warning("the names of VMs will not outlive this daemon: %s", err.text);
	d->guests.changed = false;
}

static bool running_is_current(const struct ecs_daemon *d)
{
	ECS_FCLOSE FILE *in = fopen(d->running_path, "re");
	char stamp[ECS_STAMP_MAX], line[ECS_STAMP_MAX + 4] = "";

	if ((!in && errno != ENOENT) || (in && !fgets(line, sizeof(line), in) && ferror(in)))
		ecs_warning("what commands had changed is lost: cannot read %s: %s",
			    d->running_path, strerror(errno));
	line[strcspn(line, "\n")] = '\0';
	ecs_config_stamp(d, stamp);
	return !strncmp(line, "# ", 2) && !strcmp(line + 2, stamp);
}

static int config_builtin(struct ecs_config **out, struct ecs_err *err)
{
	static char text[] =
#include "userspace/daemon/builtin.h"
		;
	ECS_FCLOSE FILE *in = fmemopen(text, strlen(text), "r");
	json_t *commands = NULL;
	int r = in ? ecs_script_parse(in, "built-in", &commands, err) : -ENOMEM;

	if (r == 0)
		r = config_from_script(commands, "built-in", out, err);
	json_decref(commands);
	return r;
}

int ecs_config_read(const struct ecs_daemon *d, struct ecs_config **out, struct ecs_err *err)
{
	int r = ecs_config_load_file(d->config_path, out, err);

	if (r != -ENOENT || d->options.config_path)
		return r;
	return config_builtin(out, err);
}

int ecs_config_check(const struct ecs_daemon *d, struct ecs_err *err)
{
	struct ecs_config *config = NULL;
	int r;

	if (running_is_current(d))
		return 0;
	r = ecs_config_load_file(d->config_path, &config, err);
	ecs_config_free(config);
	if (r != -ENOENT || d->options.config_path)
		return r;
	ecs_info("no %s: the built-in configuration holds", d->config_path);
	return 0;
}

int ecs_config_start(struct ecs_daemon *d, bool adopted, struct ecs_err *err)
{
	int r;

	ecs_config_stamp(d, d->stamp);
	if (adopted && running_is_current(d)) {
		r = ecs_config_load_file(d->running_path, &d->config, err);
		if (r == 0) {
			ecs_info("going on with the configuration that was running");
			return 0;
		}
		ecs_warning("what commands had changed is lost: %s", err->text);
	}
	return ecs_config_read(d, &d->config, err);
}
