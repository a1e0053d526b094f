// SPDX-License-Identifier: Apache-2.0
/*
 * The client's side of the control socket. Every call has one deadline; nothing here waits for
 * a daemon that hangs.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include <ecswitch/cleanup.h>

#include "client.h"
#include "rpc.h"
#include "types.h"

#define ANSWER_MAX (64u << 20) /* bytes; a list of a full FDB is larger than a request may be */
#define CHUNK 65536

struct ecs_client {
	int fd;
	unsigned int timeout_ms;
	int last_id;
	char *buf; /* received, not yet consumed */
	size_t len, size;
	size_t scanned; /* no newline before this */
	json_t *events; /* that came before somebody asked for them */
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int fail_connect(struct ecs_err *err, int error, const char *instance, const char *path,
			unsigned int timeout_ms)
{
	switch (error) {
	case ENOENT:
	case ECONNREFUSED:
		return ecs_fail(err, -error,
				"ecswitchd is not running for instance %s (%s); start it: %s%s",
				instance, path,
				strcmp(instance, "main") ? "ecswitchd -i "
							 : "systemctl start ecswitchd",
				strcmp(instance, "main") ? instance : "");
	case EACCES:
	case EPERM:
		return ecs_fail(err, -EACCES,
				"%s: permission denied; be root, or for reading in group ecswitch",
				path);
	case EAGAIN:
		return ecs_fail(err, -ETIMEDOUT,
				"ecswitchd took no connection within %u ms (%s); is it stopped?",
				timeout_ms, path);
	default:
		return ecs_fail(err, -error, "%s: cannot connect: %s", path, strerror(error));
	}
}

/* Connecting blocks while the listener's backlog is full, for as long as SO_SNDTIMEO says. */
static int connect_within(int fd, const struct sockaddr_un *addr, unsigned int timeout_ms)
{
	int64_t deadline = now_ms() + timeout_ms;

	for (;;) {
		int64_t left = deadline - now_ms();
		struct timeval tv = {.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000};

		if (left <= 0)
			return EAGAIN;
		if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) < 0)
			return errno;
		if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0)
			return 0;
		if (errno != EINTR)
			return errno;
	}
}

int ecs_client_open(struct ecs_client **out, const char *instance, unsigned int timeout_ms,
		    struct ecs_err *err)
{
	ECS_FREE char *path = ecs_path_socket(instance);
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	ECS_CLOSE int fd = -1;
	struct ecs_client *client;
	int error;

	if (!path)
		return ecs_fail(err, -ENOMEM, "out of memory");
	if (strlen(path) >= sizeof(addr.sun_path))
		return ecs_fail(err, -ENAMETOOLONG, "%s: too long for a socket's path", path);
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return ecs_fail(err, -errno, "cannot make a socket: %m");
	error = connect_within(fd, &addr, timeout_ms);
	if (error)
		return fail_connect(err, error, instance, path, timeout_ms);
	client = calloc(1, sizeof(*client));
	if (client)
		client->events = json_array();
	if (!client || !client->events) {
		free(client);
		return ecs_fail(err, -ENOMEM, "out of memory");
	}
	client->timeout_ms = timeout_ms;
	client->fd = fd;
	fd = -1;
	*out = client;
	return 0;
}

void ecs_client_close(struct ecs_client *client)
{
	if (!client)
		return;
	close(client->fd);
	json_decref(client->events);
	free(client->buf);
	free(client);
}

/* Waits until @deadline_ms (-1 = for ever). Return: 0; -ETIMEDOUT; -EINTR without a deadline. */
static int wait_for(struct ecs_client *client, short events, int64_t deadline_ms,
		    struct ecs_err *err)
{
	struct pollfd pfd = {.fd = client->fd, .events = events};

	for (;;) {
		int64_t left = deadline_ms < 0 ? -1 : deadline_ms - now_ms();
		int rc;

		if (deadline_ms >= 0 && left < 0)
			left = 0;
		rc = poll(&pfd, 1, (int)left);
		if (rc > 0)
			return 0;
		if (rc == 0)
			return ecs_fail(err, -ETIMEDOUT,
					"ecswitchd did not answer within %u ms; see its log, or "
					"give more --timeout",
					client->timeout_ms);
		if (errno != EINTR)
			return ecs_fail(err, -errno, "cannot wait for ecswitchd: %m");
		if (deadline_ms < 0)
			return ecs_fail(err, -EINTR, "interrupted");
	}
}

/*
 * A daemon that refuses a message may close before it has read it all: -EPIPE is then left to
 * the reader, who finds the reason.
 */
static int write_all(struct ecs_client *client, const char *data, size_t len, int64_t deadline_ms,
		     struct ecs_err *err)
{
	while (len) {
		ssize_t sent = send(client->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		int rc;

		if (sent >= 0) {
			data += sent;
			len -= (size_t)sent;
			continue;
		}
		if (errno == EPIPE || errno == ECONNRESET)
			return 0;
		if (errno != EAGAIN && errno != EINTR)
			return ecs_fail(err, -errno, "cannot write to ecswitchd: %m");
		rc = wait_for(client, POLLOUT, deadline_ms, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int grow(struct ecs_client *client, struct ecs_err *err)
{
	size_t size = client->size ? client->size * 2 : CHUNK;
	char *buf;

	if (client->len < client->size)
		return 0;
	if (client->size >= ANSWER_MAX)
		return ecs_fail(err, -EMSGSIZE, "the answer of ecswitchd is larger than %u MiB",
				ANSWER_MAX >> 20);
	buf = realloc(client->buf, size);
	if (!buf)
		return ecs_fail(err, -ENOMEM, "out of memory");
	client->buf = buf;
	client->size = size;
	return 0;
}

static int read_some(struct ecs_client *client, int64_t deadline_ms, struct ecs_err *err)
{
	ssize_t got;
	int rc = grow(client, err);

	if (rc < 0)
		return rc;
	got = recv(client->fd, client->buf + client->len, client->size - client->len, MSG_DONTWAIT);
	if (got > 0) {
		client->len += (size_t)got;
		return 0;
	}
	if (got == 0 || errno == ECONNRESET)
		return ecs_fail(err, -EPIPE, "ecswitchd closed the connection; see its log");
	if (errno != EAGAIN && errno != EINTR)
		return ecs_fail(err, -errno, "cannot read from ecswitchd: %m");
	return wait_for(client, POLLIN, deadline_ms, err);
}

/* Takes the first line out of the buffer as JSON. Return: 1; 0 if there is no whole line. */
static int take_line(struct ecs_client *client, json_t **out, struct ecs_err *err)
{
	char *end = client->len ? memchr(client->buf + client->scanned, '\n',
					 client->len - client->scanned)
				: NULL;
	json_error_t why;
	size_t used;

	client->scanned = client->len;
	if (!end)
		return 0;
	used = (size_t)(end - client->buf) + 1;
	*out = json_loadb(client->buf, used - 1, 0, &why);
	client->len -= used;
	memmove(client->buf, client->buf + used, client->len);
	client->scanned = 0;
	if (!*out)
		return ecs_fail(err, -EPROTO, "ecswitchd sent what is not JSON; is it ecswitchd?");
	return 1;
}

static int read_message(struct ecs_client *client, int64_t deadline_ms, json_t **out,
			struct ecs_err *err)
{
	int rc;

	while ((rc = take_line(client, out, err)) == 0) {
		rc = read_some(client, deadline_ms, err);
		if (rc < 0)
			return rc;
	}
	return rc < 0 ? rc : 0;
}

static bool is_event(const json_t *message)
{
	const char *method = json_string_value(json_object_get(message, "method"));

	return method && !strcmp(method, "event");
}

static int take_answer(const json_t *message, json_t **result, struct ecs_err *err)
{
	const json_t *error = json_object_get(message, "error");
	const char *text = json_string_value(json_object_get(error, "message"));
	json_t *value = json_object_get(message, "result");

	if (text) {
		ecs_fail(err, -EREMOTEIO, "%s", text);
		if (err)
			ecs_text_clean(err->text);
		return -EREMOTEIO;
	}
	if (!value)
		return ecs_fail(err, -EPROTO, "ecswitchd sent no answer; is it ecswitchd?");
	*result = json_incref(value);
	return 0;
}

static int await_answer(struct ecs_client *client, int id, int64_t deadline_ms, json_t **result,
			struct ecs_err *err)
{
	for (;;) {
		json_t *message, *answer_id;
		int rc = read_message(client, deadline_ms, &message, err);

		if (rc < 0)
			return rc;
		answer_id = json_object_get(message, "id");
		if (is_event(message)) {
			json_array_append(client->events, json_object_get(message, "params"));
		} else if (!json_is_integer(answer_id) || json_integer_value(answer_id) == id) {
			/* An answer without a number is to something that could not be read. */
			rc = take_answer(message, result, err);
			json_decref(message);
			return rc;
		}
		json_decref(message);
	}
}

int ecs_client_call(struct ecs_client *client, const char *method, json_t *params, json_t **result,
		    struct ecs_err *err)
{
	int64_t deadline_ms = now_ms() + client->timeout_ms;
	json_t *message = ecs_rpc_request(++client->last_id, method, params);
	ECS_FREE char *line = message ? json_dumps(message, JSON_COMPACT) : NULL;
	size_t len = line ? strlen(line) : 0;
	int rc;

	json_decref(message);
	if (!line)
		return ecs_fail(err, -ENOMEM, "out of memory");
	if (len > ECS_RPC_LINE_MAX)
		return ecs_fail(err, -EMSGSIZE, "the request is larger than 4 MiB; split the file");
	line[len] = '\n'; /* in place of the terminating zero */
	rc = write_all(client, line, len + 1, deadline_ms, err);
	if (rc < 0)
		return rc;
	return await_answer(client, client->last_id, deadline_ms, result, err);
}

int ecs_client_next(struct ecs_client *client, json_t **params, struct ecs_err *err)
{
	for (;;) {
		json_t *message;
		int rc;

		if (json_array_size(client->events)) {
			*params = json_incref(json_array_get(client->events, 0));
			json_array_remove(client->events, 0);
			return 0;
		}
		rc = read_message(client, -1, &message, err);
		if (rc < 0)
			return rc;
		if (is_event(message) && json_is_object(json_object_get(message, "params")))
			json_array_append(client->events, json_object_get(message, "params"));
		json_decref(message);
	}
}
