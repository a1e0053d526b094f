// SPDX-License-Identifier: Apache-2.0
/*
 * Accepts clients and moves their bytes, without ever blocking: input waits in a buffer until
 * a line is complete, output until the client reads. A client that does not read gets no more
 * of its requests answered, and loses events, which it is told.
 */
#include "server.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <ecswitch/cleanup.h>
#include "dispatch.h"
#include "userspace/lib/log.h"
#include "userspace/lib/rpc.h"

#define CLIENTS_MAX 1024
#define READ_CHUNK 65536
#define DISCARD_MAX (64u << 20)		/* bytes after the last answer */
#define READERS_HELD_MAX (64u << 20)	/* bytes for all readers who do not fetch their answers */
#define EVENTS_PENDING_MAX (256 * 1024) /* bytes that a slow monitor may lag behind */

struct ecs_server {
	struct ecs_daemon *d;
	int fd;
	sd_event_source *source;
	struct ecs_client_conn *clients;
	size_t count, max;
	size_t readers; /* at most half of all, so that root always gets in */
	size_t monitors;
};

struct buffer {
	char *data;
	size_t len, room;
};

struct ecs_client_conn {
	struct ecs_client_conn *next, *prev;
	struct ecs_server *server;
	int fd;
	sd_event_source *source;
	bool writer;  /* may change things */
	bool monitor; /* wants events */
	bool closing; /* answered for the last time; input is discarded until it hangs up */
	size_t discarded;
	size_t lost;	/* events since the last one that was sent */
	size_t scanned; /* bytes of the input known to hold no newline */
	struct buffer in, out;
};

static int buffer_append(struct buffer *buffer, const char *data, size_t len)
{
	if (buffer->room - buffer->len < len) {
		size_t room = (buffer->len + len) * 2;
		char *p = realloc(buffer->data, room);

		if (!p)
			return -ENOMEM;
		buffer->data = p;
		buffer->room = room;
	}
	memcpy(buffer->data + buffer->len, data, len);
	buffer->len += len;
	return 0;
}

static void buffer_consume(struct buffer *buffer, size_t len)
{
	buffer->len -= len;
	memmove(buffer->data, buffer->data + len, buffer->len);
	if (buffer->len || buffer->room <= READ_CHUNK)
		return;
	free(buffer->data); /* an idle client holds no large buffer */
	*buffer = (struct buffer){};
}

static void client_free(struct ecs_client_conn *client)
{
	struct ecs_server *server = client->server;

	if (client->prev)
		client->prev->next = client->next;
	else
		server->clients = client->next;
	if (client->next)
		client->next->prev = client->prev;
	server->count--;
	server->readers -= !client->writer;
	server->monitors -= client->monitor;
	sd_event_source_disable_unref(client->source);
	close(client->fd);
	free(client->in.data);
	free(client->out.data);
	free(client);
}

/* Whether there is input that nobody has looked at. */
static bool is_waiting(const struct ecs_client_conn *client)
{
	return !client->closing && !client->out.len && client->in.len > client->scanned;
}

/* Return: 0; -errno if the client is gone. */
static int client_flush(struct ecs_client_conn *client)
{
	size_t sent = 0;

	while (sent < client->out.len) {
		ssize_t n = send(client->fd, client->out.data + sent, client->out.len - sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return -errno;
		if (n < 0)
			break;
		sent += n;
	}
	if (sent)
		buffer_consume(&client->out, sent);
	if (client->closing && !client->out.len)
		shutdown(client->fd, SHUT_WR);
	/* Whoever has answers to fetch, or requests to be served, is not read from. */
	sd_event_source_set_io_events(client->source,
				      client->out.len || is_waiting(client) ? EPOLLOUT : EPOLLIN);
	return 0;
}

static void client_queue(struct ecs_client_conn *client, json_t *message)
{
	char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;

	if (!text || buffer_append(&client->out, text, strlen(text)) < 0 ||
	    buffer_append(&client->out, "\n", 1) < 0)
		client->closing = true; /* out of memory: better no answer than half of one */
	free(text);
	json_decref(message);
}

/* Readers could otherwise have the daemon hold any number of answers. Root may. */
static bool is_held_up(const struct ecs_client_conn *client)
{
	size_t held = 0;

	if (client->writer)
		return false;
	for (const struct ecs_client_conn *c = client->server->clients; c; c = c->next)
		held += c->writer ? 0 : c->in.room + c->out.room;
	return held > READERS_HELD_MAX;
}

static void client_line(struct ecs_client_conn *client, const char *line, size_t len)
{
	struct ecs_dispatch result = {.writer = client->writer};

	if (is_held_up(client)) {
		client_queue(client, ecs_rpc_error(NULL, ECS_RPC_REFUSED,
						   "too many answers wait to be fetched"));
		client->closing = true;
		return;
	}
	ecs_dispatch(client->server->d, line, len, &result);
	if (result.answer)
		client_queue(client, result.answer);
	if (result.monitor && !client->monitor) {
		client->monitor = true;
		client->server->monitors++;
	}
}

/* Takes the next complete line out of the input and answers it. Return: whether there was one. */
static bool client_next_line(struct ecs_client_conn *client)
{
	char *end =
		memchr(client->in.data + client->scanned, '\n', client->in.len - client->scanned);
	size_t used;

	client->scanned = client->in.len;
	if (!end)
		return false;
	if (end > client->in.data)
		client_line(client, client->in.data, end - client->in.data);
	for (used = end + 1 - client->in.data; used < client->in.len; used++)
		if (client->in.data[used] != '\n')
			break;
	buffer_consume(&client->in, used);
	client->scanned = 0;
	return true;
}

/* One request, as long as the client takes the answers: the next one waits for the next turn of the
 * loop, behind links and other clients. */
static int client_serve(struct ecs_client_conn *client)
{
	if (!client->out.len && client->in.len && !client_next_line(client) &&
	    client->in.len > ECS_RPC_LINE_MAX) {
		client_queue(client, ecs_rpc_error(NULL, ECS_RPC_INVALID_REQUEST,
						   "message is longer than 4 MiB"));
		client->closing = true;
	}
	return client_flush(client);
}

static int client_read(struct ecs_client_conn *client)
{
	char chunk[READ_CHUNK];
	ssize_t n = recv(client->fd, chunk, sizeof(chunk), MSG_DONTWAIT);

	if (n == 0)
		return -EPIPE;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (client->closing) {
		/* Closing with input unread would reset the connection, and the answer with it. */
		client->discarded += n;
		return client->discarded > DISCARD_MAX ? -EPIPE : 0;
	}
	if (buffer_append(&client->in, chunk, n) < 0)
		return -ENOMEM;
	return client_serve(client);
}

static int on_client(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	struct ecs_client_conn *client = ctx;
	int r = 0;

	(void)source, (void)fd;
	if (events & EPOLLOUT) {
		r = client_flush(client);
		if (r == 0 && is_waiting(client))
			r = client_serve(client);
	} else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		r = client_read(client);
	}
	if (r < 0)
		client_free(client);
	return 0;
}

/* Root may write. The socket's mode lets in only root and the group, so the rest may read. */
static bool may_write(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.uid == 0;
}

static int client_add(struct ecs_server *server, int fd)
{
	bool writer = may_write(fd);
	struct ecs_client_conn *client;

	if (server->count >= server->max || (!writer && server->readers >= server->max / 2))
		return -EMFILE;
	client = calloc(1, sizeof(*client));
	if (!client || sd_event_add_io(server->d->event, &client->source, fd, EPOLLIN, on_client,
				       client) < 0) {
		free(client);
		return -ENOMEM;
	}
	/* Links, and those who change things, come before those who look. */
	if (!writer)
		sd_event_source_set_priority(client->source, SD_EVENT_PRIORITY_IDLE);
	client->fd = fd;
	client->server = server;
	client->writer = writer;
	client->next = server->clients;
	if (client->next)
		client->next->prev = client;
	server->clients = client;
	server->count++;
	server->readers += !writer;
	return 0;
}

static int on_connect(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	static const char full[] = "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32000,"
				   "\"message\":\"too many clients\"}}\n";
	struct ecs_server *server = ctx;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)source, (void)events;
	if (client < 0)
		return 0;
	if (client_add(server, client) == 0)
		return 0;
	send(client, full, sizeof(full) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(client);
	return 0;
}

/* The group `ecswitch` may read, where there is one. */
static void set_rights(const char *path)
{
	const struct group *group = getgrnam("ecswitch");

	if (group && chown(path, 0, group->gr_gid) == 0)
		chmod(path, 0660);
}

static int listen_on(const char *path, struct ecs_err *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	ECS_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask;
	int r, taken;

	if (strlen(path) >= sizeof(addr.sun_path))
		return ecs_fail(err, -ENAMETOOLONG, "%s is too long for a socket", path);
	strcpy(addr.sun_path, path);
	unlink(path); /* the lock is ours, so whoever made it is dead */
	mask = umask(0177);
	r = fd < 0 ? -1 : bind(fd, (struct sockaddr *)&addr, sizeof(addr));
	umask(mask);
	if (r < 0 || listen(fd, 128) < 0)
		return ecs_fail(err, -errno, "cannot listen on %s: %s", path, strerror(errno));
	set_rights(path);
	taken = fd;
	fd = -1;
	return taken;
}

/* Half of the descriptors are the switch's own. */
static size_t clients_max(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur / 2 >= CLIENTS_MAX)
		return CLIENTS_MAX;
	return files.rlim_cur / 2;
}

int ecs_server_open(struct ecs_daemon *d, struct ecs_err *err)
{
	struct ecs_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return ecs_fail(err, -ENOMEM, "out of memory");
	server->d = d;
	server->max = clients_max();
	server->fd = listen_on(d->socket_path, err);
	r = server->fd;
	if (r >= 0) {
		d->server = server;
		r = sd_event_add_io(d->event, &server->source, server->fd, EPOLLIN, on_connect,
				    server);
	}
	if (r < 0 && server->fd < 0)
		free(server);
	return r < 0 ? r : 0;
}

void ecs_server_close(struct ecs_server *server)
{
	if (!server)
		return;
	while (server->clients)
		client_free(server->clients);
	sd_event_source_disable_unref(server->source);
	close(server->fd);
	unlink(server->d->socket_path);
	free(server);
}

bool ecs_server_monitored(const struct ecs_server *server)
{
	return server && server->monitors;
}

static void publish_to(struct ecs_client_conn *client, json_t *event)
{
	if (client->out.len > EVENTS_PENDING_MAX) {
		client->lost++;
		return;
	}
	if (client->lost)
		client_queue(client,
			     ecs_rpc_event(json_pack("{s:O, s:s, s:I}", "time",
						     json_object_get(event, "time"), "type", "lost",
						     "events", (json_int_t)client->lost)));
	client->lost = 0;
	client_queue(client, ecs_rpc_event(json_incref(event)));
	/* A client that has gone is found out about by its own event source. */
	(void)client_flush(client);
}

void ecs_server_publish(struct ecs_server *server, json_t *event)
{
	for (struct ecs_client_conn *client = server->clients; client; client = client->next)
		if (client->monitor)
			publish_to(client, event);
	json_decref(event);
}
