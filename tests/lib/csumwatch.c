// SPDX-License-Identifier: Apache-2.0
/*
 * Adds up what the kernel believes of packets whose payload it has summed (CHECKSUM_COMPLETE), as
 * they come to TCP and UDP. If that is wrong the kernel sums again, and nobody sees the fault.
 *
 *	csumwatch
 *
 * Prints "ready"; on SIGINT or SIGTERM one line of JSON: how many there were, and how many wrong.
 */
#include <config.h>

#include <err.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "stopped.h"
#include "tests/lib/csumwatch.skel.h"

int main(void)
{
	struct csumwatch_bpf *bpf = csumwatch_bpf__open_and_load();

	if (!bpf || csumwatch_bpf__attach(bpf))
		err(1, "programs");
	stop_on_signals();
	say("ready");
	while (!stopped)
		pause();
	printf("{\"complete\":%" PRIu64 ",\"wrong\":%" PRIu64 "}\n", (uint64_t)bpf->bss->complete,
	       (uint64_t)bpf->bss->wrong);
	csumwatch_bpf__destroy(bpf);
	return 0;
}
