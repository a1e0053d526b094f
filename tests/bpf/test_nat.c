// SPDX-License-Identifier: Apache-2.0
/* Masquerade and forwards with real sockets: who reaches whom, as whom. */
#include "nat_test.h"

#include <errno.h>
#include <unistd.h>

#include "kernel/ecswitch.skel.h"

static void udp_from_a_vm_appears_from_the_uplinks_address(void **state)
{
	struct bt *bt = *state;
	int lan = nt_socket(bt, BT_LAN, SOCK_DGRAM, NT_LAN, 7000);
	int vm = nt_socket(bt, 0, SOCK_DGRAM, "10.77.0.10", 5000);
	struct sockaddr_in from;
	char text[16];

	nt_send(vm, NT_LAN, 7000, "ask");
	from = nt_recv(lan, text, sizeof(text));
	assert_string_equal(text, "ask");
	assert_int_equal(from.sin_addr.s_addr, inet_addr(NT_UPLINK));
	assert_in_range(ntohs(from.sin_port), NT_LOW, NT_HIGH);
	assert_int_equal(sendto(lan, "say", 3, 0, (struct sockaddr *)&from, sizeof(from)), 3);
	from = nt_recv(vm, text, sizeof(text));
	assert_string_equal(text, "say");
	assert_int_equal(from.sin_addr.s_addr, inet_addr(NT_LAN));
	assert_int_equal(ntohs(from.sin_port), 7000);
	assert_int_equal(nt_flows(bt), 2);
	close(lan);
	close(vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NT_TEST(udp_from_a_vm_appears_from_the_uplinks_address),
	};

	return cmocka_run_group_tests(tests, nt_setup, nt_teardown);
}
