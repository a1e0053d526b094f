/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offloads by ethtool netlink: reads and changes one feature by name. Source:
 * Documentation/networking/ethtool-netlink.rst, FEATURES_GET and FEATURES_SET.
 */
#include <errno.h>
#include <string.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include "nl.h"

static struct nlmsghdr *generic_request(char *buf, uint16_t family, uint8_t cmd, uint8_t version)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = family;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = version;
	return nlh;
}

static int take_family(const struct nlmsghdr *nlh, void *ctx)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
	{
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID &&
		    mnl_attr_validate(attr, MNL_TYPE_U16) == 0)
			*(uint16_t *)ctx = mnl_attr_get_u16(attr);
	}
	return 0;
}

/* Opens the generic socket and asks for the family, once. */
static int ethtool_open(struct ecs_nl *nl, struct ecs_err *err)
{
	struct nlmsghdr *nlh;
	int ret = 0;

	if (nl->ethtool_id)
		return 0;
	if (!nl->generic)
		ret = ecs_mnl_open(&nl->generic, NETLINK_GENERIC);
	if (ret < 0)
		return ecs_fail(err, ret, "cannot open generic netlink: %s", strerror(-ret));
	nlh = generic_request(nl->send_buf, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, ETHTOOL_GENL_NAME);
	ret = ecs_mnl_talk(nl, nl->generic, nlh, take_family, &nl->ethtool_id, err);
	if (ret == -ENOENT || (ret == 0 && nl->ethtool_id == 0))
		return ecs_fail(err, -EOPNOTSUPP, "the kernel has no ethtool netlink");
	return ret;
}

struct feature {
	const char *name;
	bool changeable; /* in ETHTOOL_A_FEATURES_HW */
	bool active;
};

/* Whether one bit of a verbose bitset is the one of that name, and set. */
static bool bit_is_set(const struct nlattr *bit, const char *name, bool nomask)
{
	const struct nlattr *attr;
	bool ours = false, set = nomask;

	mnl_attr_for_each_nested(attr, bit)
	{
		int type = mnl_attr_get_type(attr);

		if (type == ETHTOOL_A_BITSET_BIT_NAME &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
			ours = strcmp(mnl_attr_get_str(attr), name) == 0;
		else if (type == ETHTOOL_A_BITSET_BIT_VALUE)
			set = true;
	}
	return ours && set;
}

static bool bitset_has(const struct nlattr *bitset, const char *name)
{
	const struct nlattr *attr, *bit;
	bool nomask = false;

	mnl_attr_for_each_nested(attr, bitset)
	{
		if (mnl_attr_get_type(attr) == ETHTOOL_A_BITSET_NOMASK)
			nomask = true;
	}
	mnl_attr_for_each_nested(attr, bitset)
	{
		if (mnl_attr_get_type(attr) != ETHTOOL_A_BITSET_BITS)
			continue;
		mnl_attr_for_each_nested(bit, attr)
		{
			if (bit_is_set(bit, name, nomask))
				return true;
		}
	}
	return false;
}

static int take_feature(const struct nlmsghdr *nlh, void *ctx)
{
	struct feature *feature = ctx;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
	{
		if (mnl_attr_get_type(attr) == ETHTOOL_A_FEATURES_HW)
			feature->changeable = bitset_has(attr, feature->name);
		else if (mnl_attr_get_type(attr) == ETHTOOL_A_FEATURES_ACTIVE)
			feature->active = bitset_has(attr, feature->name);
	}
	return 0;
}

static void put_link(struct nlmsghdr *nlh, const char *link, uint32_t flags)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, ETHTOOL_A_FEATURES_HEADER);

	mnl_attr_put_strz(nlh, ETHTOOL_A_HEADER_DEV_NAME, link);
	if (flags)
		mnl_attr_put_u32(nlh, ETHTOOL_A_HEADER_FLAGS, flags);
	mnl_attr_nest_end(nlh, nest);
}

static int feature_read(struct ecs_nl *nl, const char *link, struct feature *feature,
			struct ecs_err *err)
{
	struct ecs_err why = {0};
	struct nlmsghdr *nlh;
	int ret;

	ret = ethtool_open(nl, err);
	if (ret < 0)
		return ret;
	nlh = generic_request(nl->send_buf, nl->ethtool_id, ETHTOOL_MSG_FEATURES_GET,
			      ETHTOOL_GENL_VERSION);
	put_link(nlh, link, 0);
	ret = ecs_mnl_talk(nl, nl->generic, nlh, take_feature, feature, &why);
	if (ret < 0)
		return ecs_fail(err, ret, "cannot read the offloads of %s: %s", link, why.text);
	return 0;
}

int ecs_feature_get(struct ecs_nl *nl, const char *link, const char *feature, bool *on,
		    struct ecs_err *err)
{
	struct feature found = {.name = feature};
	int ret;

	ret = feature_read(nl, link, &found, err);
	if (ret < 0)
		return ret;
	if (!found.changeable && !found.active)
		return ecs_fail(err, -EOPNOTSUPP, "%s has no %s", link, feature);
	*on = found.active;
	return 0;
}

static int feature_write(struct ecs_nl *nl, const char *link, const char *feature, bool on,
			 struct ecs_err *err)
{
	struct nlattr *bitset, *bits, *bit;
	struct ecs_err why = {0};
	struct nlmsghdr *nlh;
	int ret;

	nlh = generic_request(nl->send_buf, nl->ethtool_id, ETHTOOL_MSG_FEATURES_SET,
			      ETHTOOL_GENL_VERSION);
	put_link(nlh, link, ETHTOOL_FLAG_OMIT_REPLY);
	bitset = mnl_attr_nest_start(nlh, ETHTOOL_A_FEATURES_WANTED);
	bits = mnl_attr_nest_start(nlh, ETHTOOL_A_BITSET_BITS);
	bit = mnl_attr_nest_start(nlh, ETHTOOL_A_BITSET_BITS_BIT);
	mnl_attr_put_strz(nlh, ETHTOOL_A_BITSET_BIT_NAME, feature);
	if (on)
		mnl_attr_put(nlh, ETHTOOL_A_BITSET_BIT_VALUE, 0, NULL);
	mnl_attr_nest_end(nlh, bit);
	mnl_attr_nest_end(nlh, bits);
	mnl_attr_nest_end(nlh, bitset);
	ret = ecs_mnl_talk(nl, nl->generic, nlh, NULL, NULL, &why);
	if (ret < 0)
		return ecs_fail(err, ret, "cannot switch %s of %s %s: %s", feature, link,
				on ? "on" : "off", why.text);
	return 0;
}

int ecs_feature_set(struct ecs_nl *nl, const char *link, const char *feature, bool on,
		    struct ecs_err *err)
{
	struct feature found = {.name = feature};
	int ret;

	ret = feature_read(nl, link, &found, err);
	if (ret < 0)
		return ret;
	if (!found.changeable && !found.active)
		return ecs_fail(err, -EOPNOTSUPP, "%s has no %s", link, feature);
	ret = feature_write(nl, link, feature, on, err);
	if (ret < 0)
		return ret;
	/* A driver that cannot or will not change it lets the request succeed. */
	found = (struct feature){.name = feature};
	ret = feature_read(nl, link, &found, err);
	if (ret < 0)
		return ret;
	if (found.active != on)
		return ecs_fail(err, -EBUSY, "the driver of %s keeps %s %s", link, feature,
				found.active ? "on" : "off");
	return 0;
}

int ecs_lro_get(struct ecs_nl *nl, const char *name, bool *on, struct ecs_err *err)
{
	return ecs_feature_get(nl, name, "rx-lro", on, err);
}

int ecs_lro_set(struct ecs_nl *nl, const char *name, bool on, struct ecs_err *err)
{
	return ecs_feature_set(nl, name, "rx-lro", on, err);
}
