/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the stages hand on about one frame: struct ecs_pkt lives on the entry program's stack
 * and every stage reads and refines it. It holds no packet pointer: clones and tag changes
 * invalidate those.
 */
#ifndef ECS_KERNEL_PKT_H
#define ECS_KERNEL_PKT_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <ecswitch/abi.h>
#include <ecswitch/drops.h>

#define ECS_VID_MASK 0x0fff
#define ECS_VLAN_HLEN 4

/* Only emit.h acts on a verdict. CONTINUE is 0, so that `a(...) ?: b(...)` chains stages. */
enum ecs_verdict {
	ECS_CONTINUE = 0,
	ECS_PASS,    /* left to other tc programs and the host's stack */
	ECS_DROP,    /* ecs_pkt.reason says why */
	ECS_FORWARD, /* to the one output in ecs_pkt */
	ECS_FLOOD,   /* to every other port of the network, its wire and its host */
	ECS_COPY,    /* a copy to the one output, the original to the host's stack */
	ECS_DONE,    /* all that was to be sent has been sent: the original ends here */
};

enum ecs_hook {
	ECS_FROM_VM,	 /* clsact ingress of a vm or host port */
	ECS_FROM_UPLINK, /* clsact ingress of an uplink */
	ECS_TO_UPLINK,	 /* clsact egress of an uplink: what the host itself sends */
};

/* Which side of the output link a frame is for. */
enum ecs_via {
	ECS_VIA_PORT,	/* vm or host port of the network, untagged */
	ECS_VIA_WIRE,	/* out of the uplink, with the network's tag */
	ECS_VIA_HOST,	/* into the uplink's stack, with the network's tag */
	ECS_VIA_PATCH,	/* the other end of a patch, the frame as it is */
	ECS_VIA_CAST,	/* the last receiver of a cast, the frame as the cast made it */
	ECS_VIA_NAT,	/* out of NAT's uplink, addressed by the nat stage */
	ECS_VIA_NEIGH,	/* the kernel's neighbour code addresses it; out is NULL or the uplink */
	ECS_VIA_ANSWER, /* back where it came from, as our answer; the packet itself is dropped */
};

/* The part without map pointers, which a BPF global function could not take. */
struct ecs_frame {
	struct ecs_fdb_key dst;
	struct ecs_fdb_key src;
	__u32 ifindex; /* of the hook's link */
	__u32 out_ifindex;
	__u32 len;	/* of the frame as it came, L2 header included */
	__u32 l3_len;	/* of it without L2 header and outermost tag */
	__u16 vlan_tci; /* outermost tag, wherever it was */
	__be16 vlan_proto_be;
	__u8 hook;	  /* enum ecs_hook */
	__u8 via;	  /* enum ecs_via */
	__u8 reason;	  /* enum ecs_drop */
	__u8 tagged;	  /* the frame carries a tag */
	__u8 patched;	  /* everything goes to the other end of the patch */
	__u8 flooded;	  /* copies go to whoever is there */
	__u8 reached;	  /* at least one copy went */
	__u8 known;	  /* the output is known to have the destination address */
	__u8 learned;	  /* the nat stage has seen this sender here within the tick */
	__u8 next_family; /* VIA_NEIGH: of next_be; 0 = the kernel routes itself */
	__u8 nat_l4_len;  /* nat_fast.h's own: bytes of the TCP or UDP header */
	__u8 local;	  /* went between two hooks of the uplink for the nat stage to see */
	union {
		__be32 next_be[4];	    /* VIA_NEIGH: the neighbour */
		struct ecs_nat_key nat_key; /* nat_fast.h's own, on a stack that is short */
	};
};

struct ecs_pkt {
	const struct ecs_port *in;     /* port that the frame came from; NULL = not ours */
	const struct ecs_network *net; /* NULL on a patched port, and on NAT's way out */
	const struct ecs_port *out;    /* FORWARD, COPY */
	struct ecs_frame;
};

_Static_assert(__builtin_offsetof(struct ecs_pkt, dst) == 3 * sizeof(void *), "frame comes last");

/* The stages' way to drop: `return ecs_drop(pkt, ECS_DROP_HAIRPIN)`. */
static __always_inline enum ecs_verdict ecs_drop(struct ecs_pkt *pkt, enum ecs_drop reason)
{
	pkt->reason = reason;
	return ECS_DROP;
}

static __always_inline __u32 ecs_vid(const struct ecs_pkt *pkt)
{
	return pkt->vlan_tci & ECS_VID_MASK;
}

/* 802.1ad, or whatever else a later kernel accelerates: no tag of a network. */
static __always_inline int ecs_tag_foreign(const struct ecs_pkt *pkt)
{
	return pkt->tagged && pkt->vlan_proto_be != bpf_htons(ETH_P_8021Q);
}

/* A network id of the map ABI makes bytes 2 to 7 of a key the address: compare words. */
static __always_inline int ecs_mac_multicast(const struct ecs_fdb_key *key)
{
	return key->mac[0] & 1;
}

static __always_inline __u64 ecs_mac_word(const void *mac)
{
	const __u16 *half = mac;

	return half[0] | (__u64)half[1] << 16 | (__u64)half[2] << 32;
}

/* 01:80:C2:00:00:00 to 0F, IEEE 802.1Q table 8-1: never forwarded by a bridge. */
static __always_inline int ecs_mac_reserved(const struct ecs_fdb_key *key)
{
	const __u16 *half = (const void *)key->mac;

	return half[0] == bpf_htons(0x0180) && half[1] == bpf_htons(0xc200) &&
	       !(half[2] & bpf_htons(0xfff0));
}

#endif
