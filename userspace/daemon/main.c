// SPDX-License-Identifier: Apache-2.0
/*
 * ecswitchd: reads its options, opens its parts in order, runs the loop until a signal, and
 * closes them. The data path goes on without it.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include <ecswitch/cleanup.h>
#include "config.h"
#include "daemon.h"
#include "events.h"
#include "handle.h"
#include "privileges.h"
#include "sandbox.h"
#include "server.h"
#include "userspace/lib/log.h"
#include "userspace/lib/rpc.h"
#include "userspace/lib/types.h"

static const char usage[] =
	"usage: ecswitchd [OPTION]...\n"
	"\n"
	"  -i, --instance NAME    which switch this is (main)\n"
	"  -c, --config FILE      configuration instead of " ECS_CONFIG_DIR "/ecswitch.conf\n"
	"      --log-level LEVEL  error, warning, info or debug (info)\n"
	"      --fdb-size N       entries of the forwarding database (16384)\n"
	"      --nat-flows N      flows that NAT can follow at once (65536)\n"
	"      --netlink-buffer BYTES\n"
	"                         receive buffer for the kernel's notifications (4 MiB)\n"
	"      --detach           take down everything that the instance made, and end\n"
	"      --version          print the version and end\n"
	"      --help             this text\n";

static int fail_usage(const char *what, const char *value)
{
	fprintf(stderr, "ecswitchd: %s \"%s\"; see ecswitchd --help\n", what, value);
	return 2;
}

static int parse_number(const char *name, const char *text, uint64_t min, uint64_t max,
			uint64_t *out)
{
	if (ecs_uint_parse(text, min, max, out) == 0)
		return 0;
	fprintf(stderr, "ecswitchd: %s: \"%s\" is no number from %" PRIu64 " to %" PRIu64 "\n",
		name, text, min, max);
	return 2;
}

/* Return: -1 to go on, else the exit status. */
static int parse_option(int c, struct ecs_options *options)
{
	enum ecs_log_level level;
	uint64_t number = 0;
	int r = 0;

	switch (c) {
	case 'i':
		if (!ecs_name_valid(optarg))
			return fail_usage("not an instance name:", optarg);
		options->instance = optarg;
		break;
	case 'c':
		options->config_path = optarg;
		break;
	case 'l':
		if (ecs_log_level_parse(optarg, &level) < 0)
			return fail_usage("unknown log level", optarg);
		ecs_log_set_level(level);
		break;
	case 'f':
		r = parse_number("--fdb-size", optarg, ECS_FDB_MIN, ECS_FDB_MAX, &number);
		options->sizes.fdb = number;
		break;
	case 'F':
		r = parse_number("--nat-flows", optarg, ECS_NAT_FLOWS_MIN, ECS_NAT_FLOWS_MAX,
				 &number);
		options->sizes.nat = number;
		break;
	case 'n':
		r = parse_number("--netlink-buffer", optarg, 1, 1u << 30, &number);
		options->netlink_buffer = number;
		break;
	case 'd':
		options->detach = true;
		break;
	case 'v':
		printf("ecswitchd %s (ABI %u)\n", PACKAGE_VERSION, ECS_ABI_VERSION);
		return 0;
	case 'h':
		fputs(usage, stdout);
		return 0;
	default:
		fputs("see ecswitchd --help\n", stderr);
		return 2;
	}
	return r ? r : -1;
}

static int parse_options(int argc, char *argv[], struct ecs_options *options)
{
	static const struct option list[] = {
		{"instance", required_argument, NULL, 'i'},
		{"config", required_argument, NULL, 'c'},
		{"log-level", required_argument, NULL, 'l'},
		{"fdb-size", required_argument, NULL, 'f'},
		{"nat-flows", required_argument, NULL, 'F'},
		{"netlink-buffer", required_argument, NULL, 'n'},
		{"detach", no_argument, NULL, 'd'},
		{"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{},
	};
	int c, r = -1;

	while (r < 0 && (c = getopt_long(argc, argv, "i:c:h", list, NULL)) != -1)
		r = parse_option(c, options);
	if (r < 0 && optind < argc)
		return fail_usage("unexpected word", argv[optind]);
	return r;
}

/* "save" takes no other than absolute paths. */
static char *absolute(const char *path)
{
	ECS_FREE char *cwd = *path == '/' ? NULL : getcwd(NULL, 0);
	char *text;

	if (!cwd)
		return strdup(path);
	return asprintf(&text, "%s/%s", cwd, path) < 0 ? NULL : text;
}

static int make_paths(struct ecs_daemon *d, struct ecs_err *err)
{
	const char *instance = d->options.instance;

	d->config_path = d->options.config_path ? absolute(d->options.config_path)
						: ecs_path_config(instance);
	d->socket_path = ecs_path_socket(instance);
	d->pins_path = ecs_path_pins(instance);
	if (!d->config_path || !d->socket_path || !d->pins_path ||
	    asprintf(&d->running_path, "/run/ecswitch/%s.running", instance) < 0 ||
	    asprintf(&d->reserved_path, "/run/ecswitch/%s.reserved", instance) < 0 ||
	    asprintf(&d->guests_path, "/run/ecswitch/%s.guests", instance) < 0)
		return ecs_fail(err, -ENOMEM, "out of memory");
	if (mkdir("/run/ecswitch", 0755) < 0 && errno != EEXIST)
		return ecs_fail(err, -errno, "cannot make /run/ecswitch: %s", strerror(errno));
	return 0;
}

/* One daemon an instance: the lock goes with the process, however it ends. */
static int take_lock(const struct ecs_options *options, struct ecs_err *err)
{
	ECS_FREE char *path = ecs_path_lock(options->instance);
	int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
	int r;

	if (fd < 0)
		return ecs_fail(err, -errno, "cannot open %s: %s%s", path ? path : "the lock",
				strerror(errno), errno == EACCES ? "; be root" : "");
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	r = -errno;
	close(fd);
	return ecs_fail(err, r,
			"an ecswitchd of instance \"%s\" is running already (%s is locked)%s%s",
			options->instance, path,
			options->detach ? "; use ecswitchctl detach, with -i " : "",
			options->detach ? options->instance : "");
}

static int on_terminate(sd_event_source *source, const struct signalfd_siginfo *info, void *ctx)
{
	(void)source;
	ecs_info("signal %u: leaving, the kernel forwards on", info->ssi_signo);
	return sd_event_exit(((struct ecs_daemon *)ctx)->event, 0);
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *ctx)
{
	json_t *params = json_object(), *result = NULL;
	struct ecs_err err = {};

	(void)source, (void)info;
	if (ecs_handle_reload(ctx, params, &result, &err) < 0)
		ecs_error("reload: %s; the running configuration is unchanged", err.text);
	json_decref(params);
	json_decref(result);
	return 0;
}

static int on_ring(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	(void)source, (void)fd, (void)events;
	ecs_datapath_events_dispatch(((struct ecs_daemon *)ctx)->dp);
	return 0;
}

static int open_loop(struct ecs_daemon *d, struct ecs_err *err)
{
	sigset_t signals;
	int r = sd_event_default(&d->event);

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	if (r >= 0)
		r = sd_event_add_signal(d->event, NULL, SIGTERM, on_terminate, d);
	if (r >= 0)
		r = sd_event_add_signal(d->event, NULL, SIGINT, on_terminate, d);
	if (r >= 0)
		r = sd_event_add_signal(d->event, NULL, SIGHUP, on_reload, d);
	return r < 0 ? ecs_fail(err, r, "cannot set up the event loop: %s", strerror(-r)) : 0;
}

static int open_ring(struct ecs_daemon *d, struct ecs_err *err)
{
	int fd = ecs_datapath_events_open(d->dp, ecs_event_from_kernel, d);
	int r = fd < 0 ? fd : sd_event_add_io(d->event, NULL, fd, EPOLLIN, on_ring, d);

	return r < 0 ? ecs_fail(err, r, "cannot follow the data path's events: %s", strerror(-r))
		     : 0;
}

/* Everything up to a switch that is as the configuration says. */
static int open_switch(struct ecs_daemon *d, struct ecs_err *err)
{
	bool adopted = false;
	int r;

	r = d->options.detach ? 0 : ecs_config_check(d, err);
	if (r == 0)
		r = open_loop(d, err);
	if (r == 0)
		r = ecs_nl_open(&d->nl, err);
	if (r == 0)
		r = ecs_datapath_open(&d->dp, d->pins_path, &d->options.sizes, d->options.detach,
				      &adopted, err);
	if (r == 0)
		r = ecs_reconcile_open(d, err);
	if (r == 0)
		r = ecs_follow_open(d, err);
	if (r == 0)
		r = ecs_adopt(d, err);
	if (r == 0)
		ecs_guests_load(&d->guests, d->guests_path, &d->observed);
	if (r < 0 || d->options.detach)
		return r;
	r = ecs_config_start(d, adopted, err);
	if (r < 0)
		return r;
	ecs_reconcile_now(d);
	r = ecs_datapath_settle(d->dp);
	if (r < 0)
		ecs_warning("what was learned during the upgrade is lost: %s", strerror(-r));
	r = open_ring(d, err);
	if (r == 0)
		r = ecs_ageing_open(d);
	r = r < 0 ? r : ecs_ladder_open(d);
	return r < 0 ? r : ecs_expiry_open(d);
}

static void close_all(struct ecs_daemon *d)
{
	ecs_server_close(d->server);
	ecs_follow_close(d);
	ecs_datapath_close(d->dp);
	ecs_nl_close(d->nl);
	ecs_config_free(d->config);
	ecs_state_free(&d->have);
	ecs_observed_free(&d->observed);
	ecs_guests_free(&d->guests);
	ecs_problems_free(&d->problems);
	sd_event_source_unref(d->reconcile);
	sd_event_source_unref(d->retry);
	sd_event_source_unref(d->hooks);
	sd_event_source_unref(d->ageing);
	sd_event_source_unref(d->expiry);
	sd_event_unref(d->event);
	free(d->config_path);
	free(d->socket_path);
	free(d->pins_path);
	free(d->running_path);
	free(d->reserved_path);
	free(d->guests_path);
}

static int run(struct ecs_daemon *d, struct ecs_err *err)
{
	int r = open_switch(d, err);

	if (r < 0)
		return r;
	if (d->options.detach)
		return ecs_detach(d, err);
	r = ecs_server_open(d, err);
	if (r == 0)
		r = ecs_privileges_drop(err);
#ifndef __SANITIZE_ADDRESS__ /* sanitizers need more system calls than a switch */
	if (r == 0)
		r = ecs_sandbox_enter(err);
#endif
	if (r < 0)
		return r;
	ecs_info("ecswitchd %s, instance %s: %zu ports", PACKAGE_VERSION, d->options.instance,
		 d->have.port_count);
	sd_event_set_watchdog(d->event, true);
	sd_notify(0, "READY=1");
	r = sd_event_loop(d->event);
	sd_notify(0, "STOPPING=1");
	return r < 0 ? ecs_fail(err, r, "event loop: %s", strerror(-r)) : r;
}

static void raise_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

int main(int argc, char *argv[])
{
	struct ecs_daemon d = {
		.options = {.instance = "main", .sizes = {ECS_FDB_DEFAULT, ECS_NAT_FLOWS_DEFAULT}},
		.started = time(NULL),
	};
	struct ecs_err err = {};
	ECS_CLOSE int lock = -1;
	int r = parse_options(argc, argv, &d.options);

	if (r >= 0)
		return r;
	signal(SIGPIPE, SIG_IGN);
	raise_limits();
	r = make_paths(&d, &err);
	if (r == 0) {
		lock = take_lock(&d.options, &err);
		r = lock < 0 ? lock : run(&d, &err);
	}
	if (r < 0)
		ecs_error("%s", err.text);
	close_all(&d);
	return r < 0 ? 1 : r;
}
