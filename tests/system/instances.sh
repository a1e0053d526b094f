#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Several switches on one host, and one daemon for each.
. "$(dirname "$0")/../lib/system.bash"

test_a_second_daemon_of_an_instance_is_refused()
{
	echo "network add lan" > /etc/ecswitch/ecswitch.conf
	switch_start
	out=$("$ECSWITCHD" 2>&1) && fail "a second daemon started"
	assert_match "$out" 'running already'
	assert ctl show
}

test_two_instances_share_the_host_and_not_their_ports()
{
	printf 'network add lan\nmatch add vetha* network lan\n' > /etc/ecswitch/ecswitch.conf
	printf 'network add lan\nmatch add vethb* network lan\n' > /etc/ecswitch/second.conf
	switch_start
	first=$SWITCH_PID
	switch_start -i second
	vm_new a1 11
	vm_new a2 12
	vm_new b1 13
	vm_new b2 14
	wait_port vetha1 vetha2
	assert_soon 5 same eval 'ctl -i second --json port list | jq length' = 2
	assert ping4 a1 12
	assert ping4 b1 14
	assert_fails ping4 a1 13 -c 1 -W 1
	must ctl -i second detach
	assert_soon 5 gone $SWITCH_PID
	assert ping4 a1 12
	assert_eq "$(ls /sys/fs/bpf/ecswitch)" main "instances with pins"
	assert alive $first
}

test_a_link_of_another_instance_is_left_alone()
{
	lan_new
	printf 'network add lan uplink up0\nmatch add veth* network lan\n' > /etc/ecswitch/ecswitch.conf
	printf 'network add lan uplink up0\nmatch add veth* network lan\n' > /etc/ecswitch/second.conf
	switch_start
	vm_new a 11
	wait_port vetha up0
	switch_start -i second
	assert_eq "$(ctl -i second --json port show vetha | jq -r .state)" waiting
	assert_match "$(ctl -i second --json port show vetha | jq -r .reason)" 'ecswitch:main'
	assert_eq "$(ctl -i second --json port show up0 | jq -r .state)" waiting
	assert ping4 a 2
	must ctl -i second detach
	assert ping4 a 2
}

test_detach_works_without_a_daemon()
{
	lan_new
	printf 'network add lan uplink up0\nmatch add veth* network lan\n' > /etc/ecswitch/ecswitch.conf
	switch_start
	vm_new a 11
	wait_port vetha up0
	switch_kill
	assert ping4 a 2
	assert "$ECSWITCHD" --detach
	assert_eq "$(tc qdisc show | grep -c clsact)" 0 "clsact qdiscs left"
	assert_eq "$(ls /sys/fs/bpf)" "$(ls /sys/fs/bpf | grep -v ecswitch)" "pins left"
	assert_fails ping4 a 2 -c 1 -W 1
	assert ping4 lan 1
}

run_tests "$@"
