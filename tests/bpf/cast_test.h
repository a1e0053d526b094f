/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bench of casts' tests, on that of bpf_test.h: a stream of real datagrams comes from VM 0,
 * and casts are written to the maps as the daemon does.
 */
#ifndef ECS_CAST_TEST_H
#define ECS_CAST_TEST_H

#include "bpf_test.h"

#define CT_PORT 5000
#define CT_DATAGRAM (7 * ECS_TS_LEN)
#define CT_HEADERS4 42
#define CT_HEADERS6 62

/* A transport stream file, in memory. */
struct ct_file {
	const uint8_t *data;
	uint32_t datagrams; /* of CT_DATAGRAM bytes */
};

/* One bank of a cast, as it is being filled. */
struct ct_cast {
	struct ecs_cast_plan plan;
	struct ecs_receiver receivers[ECS_RECEIVERS_MAX];
	uint64_t seen[ECS_RECEIVERS_MAX]; /* copies, by ct_copy() */
	uint32_t count;
	uint16_t id;
};

/** ct_setup, ct_teardown - cmocka fixtures of a group; *state is a struct bt. */
int ct_setup(void **state);
int ct_teardown(void **state);
/** ct_test_setup - fixture of one test: no cast, VMs 0 to 3 in BT_NETWORK, links up. */
int ct_test_setup(void **state);

#define CT_TEST(f) cmocka_unit_test_setup(f, ct_test_setup)

/** ct_load - a stream of tests/data. */
enum ct_stream { CT_H264, CT_HEVC, CT_MPEG2 };
struct ct_file ct_load(enum ct_stream stream);

/** ct_rtp - datagram @n of tests/data/NAME.rtp, which begins anew after the last one. */
enum ct_rtp { CT_RTP_H264, CT_RTP_HEVC, CT_RTP_TS };
const uint8_t *ct_rtp(enum ct_rtp stream, uint32_t n, uint32_t *length);

/** ct_group - another group of receivers. */
void ct_group(struct ct_cast *cast, uint8_t kind, uint8_t type, uint8_t percent);
/** ct_sink - a last receiver, so that all others get clones: bt_run() sends only those. */
void ct_sink(struct ct_cast *cast, struct bt *bt);
/** ct_to - another receiver of the last group, at VM @vm. Return: it, to be addressed. */
struct ecs_receiver *ct_to(struct ct_cast *cast, struct bt *bt, int vm);
/** ct_set - the cast of 239.1.1.1, or ff3e::1, port CT_PORT + its id; nobody waits for a keyframe.
 */
void ct_set(struct bt *bt, struct ct_cast *cast, int family, uint8_t flags);

/* What the UDP checksum is to be: right, none, or the pseudo header's, for the card to finish. */
enum ct_sum { CT_SUM, CT_SUM_ZERO, CT_SUM_PSEUDO };

/** ct_frame - a datagram to the cast @id; @family 4 or 6. */
void ct_frame(struct bt *bt, struct bt_frame *frame, int family, uint16_t id, const void *payload,
	      uint32_t len, enum ct_sum sum);
/** ct_run - ecs_from_port on VM 0 with it. Return: TC_ACT_*. */
int ct_run(struct bt *bt, const struct bt_frame *frame);

/** ct_send - the same by the way that frames take: from the machine's own link. */
void ct_send(struct bt *bt, const struct bt_frame *frame);
/** ct_send_unfinished - a frame of CT_SUM_PSEUDO, as machines with checksum offload send it. */
void ct_send_unfinished(struct bt *bt, const struct bt_frame *frame);
/** ct_expect - the next frame that VM @vm gets; fails the test after a deadline. */
void ct_expect(struct bt *bt, int vm, struct bt_frame *frame);
/** ct_copy - the copy for receiver @i, at VM @vm, if one was sent since the last call for it. */
bool ct_copy(struct bt *bt, struct ct_cast *cast, uint32_t i, int vm, struct bt_frame *frame);
/** ct_check - lengths and checksums of a frame are right, or right for the card to finish. Return:
 * bytes of payload. */
uint32_t ct_check(const struct bt_frame *frame);

struct ecs_receiver_count ct_count(struct bt *bt, uint16_t id, uint16_t number);
struct ecs_cast_group_state ct_group_state(struct bt *bt, uint16_t id, uint16_t group);
struct ecs_cast_state ct_state(struct bt *bt, uint16_t id);

#endif
