// SPDX-License-Identifier: Apache-2.0
/* cast list, cast show. */
#include "handle.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <ecswitch/cleanup.h>
#include "desired.h"
#include "userspace/lib/policy.h"

static const char *const frames[] = {"key", "ref", "nonref"};
static const char *const passes[ECS_CAST_PASSES] = {
	[ECS_CAST_PASS_SIZE] = "too large or too small to be looked into",
	[ECS_CAST_PASS_SYNC] = "no TS packets",
	[ECS_CAST_PASS_GSO] = "several datagrams in one (GSO)",
	[ECS_CAST_PASS_SCRAMBLED] = "scrambled",
	[ECS_CAST_PASS_CODEC] = "RTP whose codec is not known yet",
	[ECS_CAST_PASS_SOURCE] = "RTP of another source than the video",
	[ECS_CAST_PASS_RTCP] = "RTCP",
	[ECS_CAST_PASS_RTP] = "RTP packets of a kind that is not looked into",
	[ECS_CAST_PASS_DAMAGED] = "wrong checksum",
	[ECS_CAST_PASS_SEVERAL] = "PES packets that are not one picture each",
};

static const char *codec_text(uint8_t codec)
{
	static const char *const names[] = {
		[ECS_CODEC_MPEG2] = "mpeg2", [ECS_CODEC_H264] = "h264", [ECS_CODEC_HEVC] = "hevc"};

	return codec < ECS_ARRAY_SIZE(names) ? names[codec] : NULL;
}

static const char *container_text(uint8_t container)
{
	static const char *const names[] = {[ECS_CONTAINER_TS] = "ts",
					    [ECS_CONTAINER_RTP_TS] = "rtp/ts",
					    [ECS_CONTAINER_RTP] = "rtp"};

	return container < ECS_ARRAY_SIZE(names) ? names[container] : NULL;
}

static json_t *frame_counts(const __u64 counts[], const __u64 base[])
{
	json_t *object = json_object();

	for (size_t i = 0; i < ECS_ARRAY_SIZE(frames); i++)
		json_object_set_new(object, frames[i],
				    json_integer(counts[i] - (base ? base[i] : 0)));
	return object;
}

/* Frames of video, and TS packets of the rest. */
static json_t *class_counts(const __u64 counts[], const __u64 base[])
{
	json_t *object = frame_counts(counts, base);

	json_object_set_new(object, "audio",
			    json_integer(counts[ECS_CLASS_AUDIO] - base[ECS_CLASS_AUDIO]));
	json_object_set_new(object, "other",
			    json_integer(counts[ECS_CLASS_OTHER] - base[ECS_CLASS_OTHER]));
	return object;
}

/* A port of a network that is none of its receivers found no room. Without its source a cast waits,
 * and all that receive it. */
static const char *receiver_state(const struct ecs_config_receiver *from, const char *name,
				  const struct ecs_state_receiver *to, bool live, bool joined)
{
	if (!to && name && from->network[0])
		return "full";
	return !live || !to || !to->ifindex ? "waiting" : joined ? "up" : "joining";
}

static const char *step_text(const struct ecs_state_receiver *to, char text[ECS_POLICY_TEXT_MAX])
{
	const struct ecs_policy follower = {.kind = ECS_POLICY_AUTO};
	struct ecs_policy policy;

	if (!to || !to->follows)
		return NULL;
	policy = ecs_policy_step(&follower, to->ladder.step);
	return ecs_policy_format(&policy, text);
}

/* Into @row what was asked for, by the names of the commands; null where nothing was. */
static void add_asked(json_t *row, json_t *asked, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		json_t *value = json_object_get(asked, names[i]);

		json_object_set(row, names[i], value ? value : json_null());
	}
	json_decref(asked);
}

/* One receiver; of a network one port of it, or NULL if it has none. */
static json_t *receiver_row(struct ecs_daemon *d, const struct ecs_state_cast *cast,
			    const struct ecs_config_receiver *from, const char *name)
{
	const struct ecs_state_receiver *to =
		cast && name ? ecs_state_cast_receiver(cast, name) : NULL;
	struct ecs_cast_group_state group = {};
	struct ecs_receiver_count count = {};
	static const char *const asked[] = {"to", "mac"};
	char policy[ECS_POLICY_TEXT_MAX], step[ECS_POLICY_TEXT_MAX];
	bool joined;
	json_t *row;

	if (to && cast->live) { /* else the place is of whoever had it before */
		ecs_datapath_cast_count(d->dp, cast->id, to->record.number, &count);
		ecs_datapath_cast_group(d->dp, cast->id, to->state, &group);
	}
	joined = count.joined && count.turn == to->record.turn;
	if (!joined) {
		memset(&group, 0, sizeof(group));
		memset(count.base_sent, 0, sizeof(count.base_sent));
		memset(count.base_dropped, 0, sizeof(count.base_dropped));
	}
	row = json_pack(
		"{s:s?, s:s?, s:s, s:s?, s:s, s:I, s:I, s:I, s:o, s:o, s:I}", "port",
		from->host ? "host" : name, "network", from->network[0] ? from->network : NULL,
		"policy", ecs_policy_format(&from->policy, policy), "step", step_text(to, step),
		"state", receiver_state(from, name, to, cast && cast->live, joined), "packets",
		(json_int_t)count.packets, "bytes", (json_int_t)count.bytes, "refused",
		(json_int_t)count.refused, "sent", class_counts(group.sent, count.base_sent),
		"dropped", class_counts(group.dropped, count.base_dropped), "unclassified",
		(json_int_t)(group.sent[ECS_FRAME_UNKNOWN] - count.base_sent[ECS_FRAME_UNKNOWN]));
	add_asked(row, ecs_config_receiver_params(from), asked, ECS_ARRAY_SIZE(asked));
	return row;
}

static void member_rows(struct ecs_daemon *d, const struct ecs_config_cast *cast,
			const struct ecs_state_cast *state, const struct ecs_config_receiver *from,
			json_t *list)
{
	size_t before = json_array_size(list);

	for (size_t i = 0; i < d->have.port_count; i++) {
		const struct ecs_state_port *port = &d->have.ports[i];

		if (ecs_desired_is_member(d->config, &d->have, cast, from, port))
			json_array_append_new(list, receiver_row(d, state, from, port->port.name));
	}
	if (json_array_size(list) == before)
		json_array_append_new(list, receiver_row(d, state, from, NULL));
}

static json_t *receiver_rows(struct ecs_daemon *d, const struct ecs_config_cast *cast,
			     const struct ecs_state_cast *state)
{
	json_t *list = json_array();

	for (size_t i = 0; i < d->config->receivers_len; i++) {
		const struct ecs_config_receiver *from = &d->config->receivers[i];

		if (strcmp(from->cast, cast->name))
			continue;
		if (from->network[0])
			member_rows(d, cast, state, from, list);
		else
			json_array_append_new(
				list, receiver_row(d, state, from,
						   from->host ? ECS_HOST_NAME : from->ifname));
	}
	return list;
}

static void add_source(json_t *row, const struct ecs_config_cast *from)
{
	static const char *const names[] = {"network", "src"};
	json_t *asked = ecs_config_cast_params(from);
	json_t *codec = json_object_get(asked, "codec");

	json_object_set(row, "codec_set", codec ? codec : json_null());
	json_object_set_new(row, "original", json_string(from->keep ? "keep" : "consume"));
	add_asked(row, asked, names, ECS_ARRAY_SIZE(names));
}

static json_t *cast_row(struct ecs_daemon *d, const struct ecs_config_cast *from, bool full)
{
	const struct ecs_state_cast *cast = ecs_state_cast_by_name(&d->have, from->name);
	struct ecs_cast_state state = {};
	char dst[INET6_ADDRSTRLEN] = "";
	json_t *row, *list = receiver_rows(d, from, cast);
	const struct ecs_cast_video *video = &state.video[0];

	if (cast && cast->live)
		ecs_datapath_cast_state(d->dp, cast->id, &state);
	inet_ntop(from->family, from->dst, dst, sizeof(dst));
	row = json_pack(
		"{s:s, s:s, s:s, s:i, s:s, s:s?, s:s?, s:o, s:o, s:i}", "name", from->name, "from",
		from->from[0] ? from->from : from->network, "dst", dst, "port", from->port, "state",
		cast && cast->live ? "up" : "waiting", "container", container_text(state.container),
		"codec", codec_text(video->codec), "video_pid",
		video->codec && state.container != ECS_CONTAINER_RTP ? json_integer(video->pid)
								     : json_null(),
		"frames_in", frame_counts(state.frames, NULL), "receivers",
		(int)json_array_size(list));
	if (!full) {
		json_decref(list);
		return row;
	}
	add_source(row, from);
	json_object_set_new(row, "receivers", list);
	json_object_set_new(row, "packets", json_integer(state.packets));
	json_object_set_new(row, "bytes", json_integer(state.bytes));
	json_object_set_new(row, "torn", json_integer(state.torn));
	list = json_array();
	for (size_t i = 0; i < ECS_CAST_PASSES; i++)
		if (state.passed[i])
			json_array_append_new(list,
					      json_pack("{s:s, s:I}", "reason", passes[i],
							"packets", (json_int_t)state.passed[i]));
	json_object_set_new(row, "passed", list);
	return row;
}

int ecs_handle_cast_list(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err)
{
	json_t *list = json_array();

	(void)params, (void)err;
	for (size_t i = 0; i < d->config->casts_len; i++)
		json_array_append_new(list, cast_row(d, &d->config->casts[i], false));
	*result = list;
	return 0;
}

int ecs_handle_cast_show(struct ecs_daemon *d, json_t *params, json_t **result, struct ecs_err *err)
{
	const char *name = json_string_value(json_object_get(params, "name"));

	for (size_t i = 0; i < d->config->casts_len; i++) {
		if (strcmp(d->config->casts[i].name, name))
			continue;
		*result = cast_row(d, &d->config->casts[i], true);
		return 0;
	}
	return ecs_fail(err, -ENOENT, "there is no cast %s; ecswitchctl cast list shows all", name);
}
