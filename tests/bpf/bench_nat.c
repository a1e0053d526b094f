// SPDX-License-Identifier: Apache-2.0
/*
 * What NAT costs a packet: small UDP frames of established flows from a VM to the LAN, through the
 * nat stage, through plain routing and through nftables masquerade, on the same links and one
 * core. Build and run by hand: make tests/bpf/bench_nat && tests/bpf/bench_nat [CPU [FLOWS]].
 */
#include "nat_test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "kernel/ecswitch.skel.h"

#define FRAME 60
#define BATCH 64
#define ROUND_MS 700
#define ROUNDS 5

struct load {
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH];
	uint8_t frames[BATCH][FRAME];
	int sock;
	uint32_t flows, next;
};

/* The thread runs the whole path, to the LAN, in its own system calls. */
static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint16_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

/* IPv4 and UDP without checksum, from 10.77.0.10:1024+n to the LAN. */
static void build(uint8_t *at, const uint8_t *dst, const uint8_t *src)
{
	const uint8_t ip[] = {0x45, 0, 0,    FRAME - 14, 0, 0,		0x40, 0, 64, 17,
			      0,    0, 10,   77,	 0, 10,		192,  0, 2,  2,
			      0x10, 0, 0x1b, 0x58,	 0, FRAME - 34, 0,    0};
	uint32_t sum = 0;

	memset(at, 0, FRAME);
	memcpy(at, dst, 6);
	memcpy(at + 6, src, 6);
	at[12] = 8;
	memcpy(at + 14, ip, sizeof(ip));
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)(at[14 + i] << 8 | at[15 + i]);
	at[24] = (uint8_t)(fold(sum) >> 8);
	at[25] = (uint8_t)fold(sum);
}

static void load_init(struct load *load, struct bt *bt, const uint8_t *dst, uint32_t flows)
{
	struct sockaddr_ll addr = {.sll_family = AF_PACKET,
				   .sll_ifindex = (int)bt->end[0].far_ifindex};
	int on = 1;

	bt_enter(bt->end[0].far_ns);
	load->sock = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	assert_true(load->sock >= 0);
	assert_int_equal(bind(load->sock, (struct sockaddr *)&addr, sizeof(addr)), 0);
	setsockopt(load->sock, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on));
	bt_enter(bt->ns);
	load->flows = flows;
	load->next = 0;
	for (int i = 0; i < BATCH; i++) {
		build(load->frames[i], dst, bt->end[0].far_mac);
		load->iov[i] = (struct iovec){load->frames[i], FRAME};
		load->msgs[i].msg_hdr = (struct msghdr){.msg_iov = &load->iov[i], .msg_iovlen = 1};
	}
}

static void load_step(struct load *load)
{
	for (int i = 0; i < BATCH; i++) {
		uint32_t port = 1024 + load->next++ % load->flows;

		load->frames[i][34] = (uint8_t)(port >> 8);
		load->frames[i][35] = (uint8_t)port;
	}
	sendmmsg(load->sock, load->msgs, BATCH, 0);
}

/* What went out of the uplink. */
static uint64_t received(void)
{
	unsigned long long packets = 0;
	FILE *file = fopen("/proc/thread-self/net/dev", "re");
	char line[512], name[32];

	snprintf(name, sizeof(name), "near%d:", BT_LAN);
	while (file && fgets(line, sizeof(line), file))
		if (strstr(line, name))
			sscanf(strchr(line, ':') + 1, "%*u %*u %*u %*u %*u %*u %*u %*u %*u %llu",
			       &packets);
	if (file)
		fclose(file);
	return packets;
}

static double round_mpps(struct load *load)
{
	uint64_t start = now_ns(), end = start + ROUND_MS * 1000000ull, packets = received(), now;

	do {
		for (int i = 0; i < 16; i++)
			load_step(load);
		now = now_ns();
	} while (now < end);
	return (double)(received() - packets) * 1000 / (double)(now - start);
}

static double run(struct bt *bt, const char *what, const uint8_t *dst, uint32_t flows)
{
	static struct load load;
	double best = 0;

	load_init(&load, bt, dst, flows);
	for (uint32_t i = 0; i < flows; i += BATCH)
		load_step(&load);
	for (int i = 0; i < ROUNDS; i++) {
		double mpps = round_mpps(&load);

		best = mpps > best ? mpps : best;
	}
	close(load.sock);
	printf("%-28s %6u flows %7.3f Mpps %6.0f ns a packet\n", what, flows, best, 1000 / best);
	return best;
}

static void sh(const char *command)
{
	if (system(command))
		fail_msg("failed: %s", command);
}

/* The tests' packet sockets would have every packet cloned. */
static void close_taps(struct bt *bt)
{
	for (int i = 0; i <= BT_LAN; i++)
		close(bt->end[i].far_sock);
	close(bt->host_sock);
	close(bt->tap_sock);
}

static void attach(uint32_t ifindex, const struct bpf_insn *insns, size_t n)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 1,
		    .prog_fd =
			    bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "bench", "GPL", insns, n, NULL));

	if (bpf_tc_hook_create(&hook) || bpf_tc_attach(&hook, &opts))
		fprintf(stderr, "cannot attach to link %u\n", ifindex);
	close(opts.prog_fd);
}

/* The LAN drops what arrives: only the way there is measured. */
static void drop_at_lan(struct bt *bt)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = TC_ACT_SHOT},
		{.code = BPF_JMP | BPF_EXIT},
	};

	bt_enter(bt->end[BT_LAN].far_ns);
	attach(bt->end[BT_LAN].far_ifindex, insns, 2);
	bt_enter(bt->ns);
}

static void redirect_to_lan(struct bt *bt)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K,
		 .dst_reg = BPF_REG_1,
		 .imm = (int)bt->end[BT_LAN].ifindex},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 0},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect},
		{.code = BPF_JMP | BPF_EXIT},
	};

	attach(bt->end[0].ifindex, insns, 4);
}

static void program_ns(const char *what, struct bpf_program *prog, uint64_t *run, uint64_t *ns)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);

	bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len);
	if (what && info.run_cnt > *run)
		printf("%-28s %llu ns a packet in the program\n", what,
		       (unsigned long long)((info.run_time_ns - *ns) / (info.run_cnt - *run)));
	*run = info.run_cnt;
	*ns = info.run_time_ns;
}

static double measure_ecs(struct bt *bt, uint32_t flows)
{
	struct bpf_program *prog = bt->bpf->progs.ecs_from_port;
	uint64_t count = 0, ns = 0;
	double mpps = run(bt, "ecswitch nat", nt_gateway_mac(1), flows);
	int stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	struct load load;

	load_init(&load, bt, nt_gateway_mac(1), flows);
	program_ns(NULL, prog, &count, &ns);
	for (int i = 0; i < 2000; i++)
		load_step(&load);
	program_ns("ecs_from_port", prog, &count, &ns);
	close(load.sock);
	close(stats);
	return mpps;
}

int main(int argc, char **argv)
{
	static const uint32_t steps[] = {1, 1000, 60000};
	cpu_set_t cpu;
	void *state;
	struct bt *bt;
	double ecs, routed, masqueraded, redirected;

	CPU_ZERO(&cpu);
	CPU_SET(argc > 1 ? atoi(argv[1]) : 0, &cpu);
	sched_setaffinity(0, sizeof(cpu), &cpu);
	nt_setup(&state);
	nt_test_setup(&state);
	bt = state;
	close_taps(bt);
	drop_at_lan(bt);
	bt_ip("neighbour replace " NT_LAN " lladdr 02:00:00:00:00:05 dev near4");
	nt_ports(bt, 1, 1024, 65535);
	if (argc > 2) { /* one step alone, for a profiler */
		measure_ecs(bt, (uint32_t)atoi(argv[2]));
		return 0;
	}
	for (int i = 0; i < 3; i++)
		ecs = measure_ecs(bt, steps[i]);
	ecs = measure_ecs(bt, 1);
	sh("tc qdisc del dev near0 clsact; tc qdisc del dev near4 clsact");
	bt_ip("link del ecs-1");
	bt_ip("link del ecs-2");
	bt_ip("address add " NT_GATEWAY "/24 dev near0");
	sh("echo 1 >/proc/sys/net/ipv4/ip_forward");
	routed = run(bt, "routed", bt->end[0].mac, 1);
	sh("nft 'add table ip n; add chain ip n p { type nat hook postrouting priority 100; };"
	   " add rule ip n p oifname near4 masquerade'");
	masqueraded = run(bt, "nftables masquerade", bt->end[0].mac, 1);
	redirect_to_lan(bt);
	redirected = run(bt, "bare redirect", bt->end[0].mac, 1);
	printf("to nftables: ecswitch %.2f, routed %.2f, bare redirect %.2f\n", ecs / masqueraded,
	       routed / masqueraded, redirected / masqueraded);
	return 0;
}
