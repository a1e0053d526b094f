/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bench of the data path's tests: one network namespace with the switch, one more for each
 * virtual machine and for the wire, joined by veth pairs, and the programs attached as the
 * daemon would. Tests either run a program on a frame (bt_run) or send real frames.
 */
#ifndef ECS_BPF_TEST_H
#define ECS_BPF_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/pkt_cls.h>
#include <ecswitch/abi.h>
#include <ecswitch/drops.h>

#define BT_VMS 4
#define BT_LAN BT_VMS	   /* index of the uplink in bt.end */
#define BT_MARKED 3	   /* vm port whose frames carry a mark of somebody else's */
#define BT_NETWORK 1	   /* the network that most tests use */
#define BT_UPLINK_SLOT 100 /* a vm port's slot is its index plus one */
#define BT_PROTO 0x88b5	   /* IEEE 802 local experimental: no stack answers it */
#define BT_MTU 1500
#define BT_FRAME 60 /* bytes of an ordinary test frame */

/* A veth pair: near end in the switch's namespace, far end in one of its own. */
struct bt_end {
	uint32_t ifindex; /* near end */
	uint8_t mac[6];	  /* near end's */
	uint8_t far_mac[6];
	uint32_t far_ifindex;
	int far_ns;
	int far_sock; /* packet socket on the far end, all protocols */
};

struct bt {
	struct ecswitch_bpf *bpf;
	struct ring_buffer *ring;
	struct ecs_event event; /* last one that bt_events() read */
	struct bt_end end[BT_VMS + 1];
	int ns;
	int host_sock; /* packet socket on the uplink for BT_PROTO: what the host's stack gets */
	int tap_sock;  /* packet socket on the uplink, all protocols: what a capture sees */
};

struct bt_frame {
	uint8_t data[2048];
	uint32_t len;
	bool tagged;
	bool unfinished; /* its checksum is still to be filled in */
	uint16_t tci;
	uint32_t mark;
	uint8_t pkt_type;
};

/** bt_group_setup, bt_group_teardown - cmocka fixtures of a group; *state is a struct bt. Ends the
 * process with 77 (skipped, with a reason) without the privilege. */
int bt_group_setup(void **state);
int bt_group_teardown(void **state);

/** bt_load - the data path, loaded, its maps empty; from $ECS_BPF_PINS, if it is there. */
struct ecswitch_bpf *bt_load(void);
/** bt_prog_fd - of a program of bt_load()'s; borrowed. */
int bt_prog_fd(const struct bpf_program *prog);

/** bt_rounds - of that many, those that there is time for: a fifth in a machine without KVM. */
uint32_t bt_rounds(uint32_t count);

/** bt_test_setup - fixture of one test: every map empty, every socket drained, all links up. */
int bt_test_setup(void **state);

/* A test that starts from empty maps. */
#define BT_TEST(f) cmocka_unit_test_setup(f, bt_test_setup)

/** bt_network - network @id exists; its uplink comes with bt_uplink(). */
void bt_network(struct bt *bt, uint16_t id);
/** bt_vm - vm port @i is in network @id, with more ECS_PORT_* @flags. */
void bt_vm(struct bt *bt, int i, uint16_t id, uint32_t flags);
/** bt_uplink - the uplink, or its VLAN @vid, carries network @id. */
void bt_uplink(struct bt *bt, uint16_t id, uint16_t vid, uint32_t flags);
/** bt_patch - one-way patch; both ports keep what else they are. */
void bt_patch(struct bt *bt, int from, int to);
/** bt_port_get, bt_port_set - the entry of a port; false if there is none. */
bool bt_port_get(struct bt *bt, uint32_t ifindex, uint16_t vid, struct ecs_port *out);
void bt_port_set(struct bt *bt, uint32_t ifindex, uint16_t vid, const struct ecs_port *port);
void bt_port_del(struct bt *bt, uint32_t ifindex, uint16_t vid);
/** bt_port_near - its copy in ecs_ports_near alone; NULL takes it away. */
void bt_port_near(struct bt *bt, uint32_t ifindex, const struct ecs_port *port);
void bt_network_get(struct bt *bt, uint16_t id, struct ecs_network *out);
void bt_network_set(struct bt *bt, uint16_t id, const struct ecs_network *network);

void bt_fdb_set(struct bt *bt, uint16_t id, const uint8_t *mac, uint32_t ifindex, uint32_t flags);
bool bt_fdb_get(struct bt *bt, uint16_t id, const uint8_t *mac, struct ecs_fdb_entry *out);
/** bt_fdb_changed - as the daemon does whenever it changes an entry or deletes one. */
void bt_fdb_changed(struct bt *bt);
uint32_t bt_fdb_used(struct bt *bt, uint16_t id);

struct ecs_port_stats bt_stats(struct bt *bt, uint32_t slot);
uint64_t bt_drops(struct bt *bt, uint32_t slot, enum ecs_drop reason);
/** bt_drops_total - of all slots and reasons. */
uint64_t bt_drops_total(struct bt *bt);
/** bt_events - read the ring empty. Return: number of events; the last is in bt->event. */
int bt_events(struct bt *bt);

/** bt_slot - statistics slot of vm port @i, or of the uplink. */
uint32_t bt_slot(int i);

/** bt_build - an ordinary frame; @tci < 0 = untagged. Return: @frame. */
struct bt_frame *bt_build(struct bt_frame *frame, const uint8_t *dst, const uint8_t *src, int tci);

/**
 * bt_run - run a program once on a frame, without sending it
 * @prog:  of the skeleton
 * @mark:  in and out; NULL = 0
 *
 * Redirects are only decided, clones really go. Return: TC_ACT_*, or -errno if the kernel refused
 * the frame itself.
 */
int bt_run(struct bt *bt, struct bpf_program *prog, uint32_t ifindex, uint32_t *mark,
	   const void *data, uint32_t len);

/** bt_run_vm - ecs_from_port on port @i with an ordinary untagged frame. */
int bt_run_vm(struct bt *bt, int i, const uint8_t *dst, const uint8_t *src);

/** bt_sock - packet socket on a link of the current namespace: @proto, or ETH_P_ALL. */
int bt_sock(uint32_t ifindex, uint16_t proto);
/** bt_read - the next frame of any kind; false if there is none now. */
bool bt_read(int sock, struct bt_frame *out);
/** bt_send - put a frame on a link, from a packet socket on it. */
void bt_send(int sock, const struct bt_frame *frame);
/** bt_expect - the next test frame on a socket; fails the test after a deadline. */
void bt_expect(int sock, struct bt_frame *out);
/** bt_expect_after - the same on a socket of one protocol on the uplink, with the frame's tag. */
void bt_expect_after(int sock, struct bt_frame *out);
/** bt_expect_host - the next test frame that the host's stack gets, with its tag. */
void bt_expect_host(struct bt *bt, struct bt_frame *out);
/** bt_expect_none - no test frame comes within a short time. */
void bt_expect_none(int sock);

/** bt_ip - run one "ip" command line; fails the test when it fails. */
void bt_ip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/** bt_enter - the calling thread's network namespace becomes @ns. */
void bt_enter(int ns);

extern const uint8_t bt_broadcast[6];
extern const uint8_t bt_nobody[6]; /* unicast address that no port has */

#endif
