// SPDX-License-Identifier: Apache-2.0
/*
 * Casts: a stream, by where it comes from and goes to.
 */
#include <arpa/inet.h>
#include <errno.h>

#include <ecswitch/cleanup.h>
#include "config_list.h"

/* What RTP can be said to carry. */
static const char *const codecs[] = {
	[ECS_CODEC_NONE] = "auto",
	[ECS_CODEC_H264] = "h264",
	[ECS_CODEC_HEVC] = "hevc",
	[ECS_CODEC_TS] = "ts",
};

static uint8_t codec_of(const char *text)
{
	for (uint8_t i = 0; i < ECS_ARRAY_SIZE(codecs); i++)
		if (codecs[i] && !strcmp(codecs[i], text))
			return i;
	return ECS_CODEC_NONE;
}

const struct ecs_config_cast *ecs_config_cast(const struct ecs_config *config, const char *name)
{
	for (size_t i = 0; i < config->casts_len; i++)
		if (!strcmp(config->casts[i].name, name))
			return &config->casts[i];
	return NULL;
}

const struct ecs_config_cast *ecs_config_cast_of(const struct ecs_config *config,
						 const char *network)
{
	for (size_t i = 0; i < config->casts_len; i++)
		if (!strcmp(config->casts[i].network, network))
			return &config->casts[i];
	return NULL;
}

int ecs_config_cast_unknown(const char *name, struct ecs_err *err)
{
	return ecs_fail(err, -ENOENT, "there is no cast %s; cast list shows all", name);
}

static bool same_stream(const struct ecs_config_cast *a, const struct ecs_config_cast *b)
{
	return !strcmp(a->from, b->from) && !strcmp(a->network, b->network) &&
	       a->family == b->family && a->port == b->port &&
	       !memcmp(a->dst, b->dst, sizeof(a->dst));
}

static bool same(const struct ecs_config_cast *a, const struct ecs_config_cast *b)
{
	return same_stream(a, b) && a->keep == b->keep && a->rtp == b->rtp &&
	       a->has_src == b->has_src && !memcmp(a->src, b->src, sizeof(a->src));
}

static int check(const struct ecs_config *config, const struct ecs_config_cast *cast,
		 struct ecs_err *err)
{
	if (!cast->from[0] == !cast->network[0])
		return ecs_fail(err, -EINVAL,
				"cast %s: say where the stream comes from: either from IF, or "
				"network NAME",
				cast->name);
	if (!ecs_addr_on_wire(cast->family, cast->dst))
		return ecs_fail(
			err, -EINVAL,
			"cast %s: no stream goes to this address; dst is that of its datagrams",
			cast->name);
	if (cast->network[0] && !ecs_config_network(config, cast->network))
		return ecs_config_network_needed(config, cast->network, err);
	if (ecs_config_cast(config, cast->name))
		return ecs_fail(err, -EEXIST, "there is a cast %s already; first: cast del %s",
				cast->name, cast->name);
	for (size_t i = 0; i < config->casts_len; i++)
		if (same_stream(&config->casts[i], cast))
			return ecs_fail(err, -EEXIST,
					"the cast %s takes this stream already; add receivers to "
					"it with: cast to %s IF",
					config->casts[i].name, config->casts[i].name);
	if (config->casts_len >= ECS_STREAMS_MAX)
		return ecs_fail(err, -ENOSPC, "there are %d casts, and more are not possible",
				ECS_STREAMS_MAX);
	return 0;
}

int ecs_config_cast_add(struct ecs_config *config, const json_t *params, bool *changed,
			struct ecs_err *err)
{
	struct ecs_config_cast cast = {
		.port = json_integer_value(json_object_get(params, "port")),
		.keep = !strcmp(ecs_arg_text(params, "original"), "keep"),
		.rtp = codec_of(ecs_arg_text(params, "codec")),
	};
	const struct ecs_config_cast *old;
	uint8_t family;
	int rc;

	ecs_arg_copy(cast.name, params, "name");
	ecs_arg_copy(cast.from, params, "from");
	ecs_arg_copy(cast.network, params, "network");
	ecs_addr_parse(ecs_arg_text(params, "dst"), &cast.family, cast.dst);
	if (ecs_addr_parse(ecs_arg_text(params, "src"), &family, cast.src) == 0) {
		cast.has_src = true;
		if (family != cast.family)
			return ecs_fail(err, -EINVAL,
					"cast %s: src and dst must both be IPv4 or both IPv6",
					cast.name);
	}
	old = ecs_config_cast(config, cast.name);
	if (old && ecs_arg_if_needed(params) && same(old, &cast))
		return 0;
	rc = check(config, &cast, err);
	if (rc < 0)
		return rc;
	rc = ecs_config_append(config, casts, &cast, err);
	*changed = rc == 0;
	return rc;
}

int ecs_config_cast_del(struct ecs_config *config, const json_t *params, bool *changed,
			struct ecs_err *err)
{
	const char *name = ecs_arg_text(params, "name");
	const struct ecs_config_cast *cast = ecs_config_cast(config, name);

	if (!cast)
		return ecs_arg_if_needed(params) ? 0 : ecs_config_cast_unknown(name, err);
	for (size_t i = config->receivers_len; i-- > 0;)
		if (!strcmp(config->receivers[i].cast, name))
			ecs_config_remove(config, receivers, &config->receivers[i]);
	ecs_config_remove(config, casts, cast);
	*changed = true;
	return 0;
}

json_t *ecs_config_cast_params(const struct ecs_config_cast *cast)
{
	char dst[ECS_ADDR_TEXT_MAX], src[ECS_ADDR_TEXT_MAX];

	inet_ntop(cast->family, cast->dst, dst, sizeof(dst));
	inet_ntop(cast->family, cast->src, src, sizeof(src));
	return json_pack("{s:s, s:s*, s:s*, s:s, s:i, s:s*, s:s*, s:s*}", "name", cast->name,
			 "from", cast->from[0] ? cast->from : NULL, "network",
			 cast->network[0] ? cast->network : NULL, "dst", dst, "port", cast->port,
			 "src", cast->has_src ? src : NULL, "codec",
			 cast->rtp ? codecs[cast->rtp] : NULL, "original",
			 cast->keep ? "keep" : NULL);
}

int ecs_config_cast_dump(json_t *commands, const struct ecs_config *config)
{
	int rc = 0;

	for (size_t i = 0; i < config->casts_len; i++)
		rc |= json_array_append_new(commands,
					    json_pack("{s:s, s:o}", "method", "cast.add", "params",
						      ecs_config_cast_params(&config->casts[i])));
	for (size_t i = 0; i < config->receivers_len; i++)
		rc |= json_array_append_new(
			commands, json_pack("{s:s, s:o}", "method", "cast.to", "params",
					    ecs_config_receiver_params(&config->receivers[i])));
	return rc;
}
