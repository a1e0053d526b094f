#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Traffic under way does not notice that the switch starts, stops, is killed or goes.
. "$(dirname "$0")/../lib/system.bash"
TEST_TIMEOUT=240

assert_undisturbed() # WHAT
{
	pinger_end
	assert_ge "$SENT" 50 "pings sent"
	assert_eq "$LOST" 0 "pings lost ($1)"
	assert_eq "$DUPLICATES" 0 "pings answered twice ($1)"
}

# Where the switch needs one, there is a clsact before.
uplink_without_a_pause()
{
	lan_new
	has_tcx || must tc qdisc add dev up0 clsact
}

addresses()
{
	ip -o addr show dev up0 | awk '{ print $4 }'
	ip route show
}

test_host_and_lan_do_not_notice_the_life_of_a_switch()
{
	local before

	uplink_without_a_pause
	must ip route add default via 10.0.0.2
	config_lan
	before=$(addresses)
	pinger_start lan 1
	stream_start @ lan 2
	switch_start
	vm_new a 11
	wait_port up0 vetha
	assert ping4 a 2
	assert_eq "$(addresses)" "$before" "addresses and routes of the host while the switch runs"
	switch_stop
	switch_start
	wait_port vetha
	must ip link del vetha
	switch_kill
	switch_start
	vm_new b 12 tap
	wait_port tapb
	assert ping4 b 1
	ctl detach || fail "detach failed"
	assert_soon 5 gone "$SWITCH_PID"
	stream_end
	assert_eq "$STREAM_LOST" 0 "segments lost"
	assert_undisturbed "start, plug, stop, restart, unplug, kill, detach"
	assert_eq "$(addresses)" "$before" "addresses and routes of the host after detach"
}

test_host_to_lan_stream_survives_network_changes()
{
	uplink_without_a_pause
	config_lan
	pinger_start @ 2
	stream_start lan @ 1
	switch_start
	wait_port up0
	vm_new a 11
	wait_port vetha
	assert ctl network add five uplink up0 vlan 5
	assert ctl network del five
	assert ctl match del 'veth*'
	assert ctl network set lan uplink none
	assert_soon 5 no_port up0
	assert ctl network set lan uplink up0
	wait_port up0
	assert ctl reload
	sleep 0.5
	stream_end
	assert_eq "$STREAM_LOST" 0 "segments lost"
	assert_undisturbed "networks and matches come and go"
}

machines() # KIND-OF-A KIND-OF-B
{
	lan_new
	vm_new a 11 "$1"
	vm_new b 12 "$2"
	config_lan
	switch_start
	wait_port up0 "${1}a" "${2}b"
	assert ping4 a 12
	assert ping4 a 2
}

kill_and_restart()
{
	switch_kill
	sleep 0.3
	switch_start
	wait_port up0
	switch_stop
	sleep 0.3
	switch_start
	wait_port up0
	sleep 0.3
}

test_veth_machines_do_not_notice_kill_and_restart()
{
	machines veth veth
	pinger_start a 12
	kill_and_restart
	assert_undisturbed "kill -9, restart, stop, start"
}

test_tap_machines_do_not_notice_kill_and_restart()
{
	machines tap tap
	pinger_start a 12
	kill_and_restart
	assert_undisturbed "kill -9, restart, stop, start"
}

test_machine_and_lan_do_not_notice_kill_and_restart()
{
	machines tap veth
	pinger_start b 2
	kill_and_restart
	assert_undisturbed "kill -9, restart, stop, start"
}

test_restart_with_another_fdb_size_loses_nothing()
{
	machines veth veth
	pinger_start a 12
	switch_stop
	switch_start --fdb-size 4096
	wait_port up0 vetha vethb
	assert_eq "$(ctl --json status | jq .fdb_size)" 4096 "size of the FDB"
	sleep 0.4
	assert_undisturbed "restart with another FDB size"
}

test_killed_daemon_leaves_learning_to_the_kernel()
{
	machines veth veth
	switch_kill
	assert ping4 b 11
	assert ping6 a 12
	assert ping4 lan 12
	assert_ge "$(tcp_moves a b 12 5)" 1 "Mbit/s without a daemon"
}

run_tests "$@"
