#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Many links at once, and more news of them than the daemon can read.
. "$(dirname "$0")/../lib/system.bash"
TEST_TIMEOUT=300

descriptors()
{
	ls "/proc/$SWITCH_PID/fd" | wc -l
}

storm_switch() # [ECSWITCHD OPTIONS...]
{
	silence
	ns_new_silent far
	switch_config <<- 'EOF'
		network add net
		match add p* network net
	EOF
	switch_start "$@"
}

# The best of three starts, for a busy machine may be late.
test_500_links_that_exist_at_start_are_ports_within_2_s()
{
	local start best=100000 attempt took

	silence
	ns_new_silent far
	many_veths far p 500
	switch_config <<- 'EOF'
		network add net
		match add p* network net
	EOF
	for attempt in 1 2 3; do
		start=$(now_ms)
		switch_start
		assert_soon 10 same ports_up = 500
		took=$(($(now_ms) - start))
		[ $took -ge $best ] || best=$took
		[ $best -gt 2000 ] || break
		assert ctl detach
		assert_soon 5 gone "$SWITCH_PID"
	done
	assert_le $best "$(allowed_ms 2000)" "milliseconds until 500 links were ports"
}

test_storm_of_1000_veths_leaves_nothing()
{
	local before

	storm_switch
	before=$(descriptors)
	many_veths far p 1000
	assert_soon 10 same ports_up = 1000
	many_del p 1000
	assert_soon 20 same ports_up = 0
	assert_clean
	assert_eq "$(descriptors)" "$before" "open descriptors of the daemon"
}

test_links_that_live_for_a_moment_leave_nothing()
{
	local before i

	storm_switch
	before=$(descriptors)
	for ((i = 0; i < 300; i++)); do
		echo "link add p$i type veth peer name q$i netns far"
		echo "link set p$i up"
		echo "link del p$i"
	done > "$WORK/blink.batch"
	must ip -batch "$WORK/blink.batch"
	assert_soon 10 same ports_up = 0
	assert_clean
	assert_eq "$(descriptors)" "$before" "open descriptors of the daemon"
	vm_new a 11
	must ip link set vetha down
	must ip link set vetha name p-last
	must ip link set p-last up
	wait_port p-last
}

test_storm_while_frames_flow_disturbs_nobody_else()
{
	local sum

	storm_switch
	ns_new_silent a
	ns_new_silent b
	veth_new a p-a
	veth_new b p-b
	must ns a ip addr add 10.0.0.11/24 dev eth0
	must ns b ip addr add 10.0.0.12/24 dev eth0
	wait_port p-a p-b
	pinger_start a 12
	many_veths far p 200
	many_del p 200
	assert_soon 10 same ports_up = 2
	pinger_end
	sum="$LOST lost, $DUPLICATES twice"
	assert_eq "$sum" "0 lost, 0 twice" "pings between two machines"
}

# The state after an overrun is the one without: every link is a port, and nothing else is.
test_overrun_of_the_netlink_socket_loses_no_link()
{
	storm_switch --netlink-buffer 4096 --log-level debug
	many_veths far p 300
	assert_soon 15 same ports_up = 300
	assert_match "$(cat "$WORK/ecswitchd-main.log")" [Oo]verrun "the log"
	frame -w 300 far/p7 far/ > "$WORK/flood"
	assert_eq "$(grep -c ' 1 - ' "$WORK/flood")" 299 "ports that a flood reaches"
	many_del p 300
	assert_soon 15 same ports_up = 0
	assert_clean
}

test_overrun_hides_no_change_of_identity()
{
	local index i

	storm_switch --netlink-buffer 4096
	many_veths far p 50
	assert_soon 10 same ports_up = 50
	index=$(ifindex_of @ p7)
	frame -s 02:00:00:00:00:07 -w 5 far/p7
	assert_eq "$(fdb_port net 02:00:00:00:00:07)" p7 "port of the address"
	for ((i = 0; i < 50; i++)); do
		echo "link del p$i"
		echo "link add p$i index $(ifindex_of @ p$i) type veth peer name p$i netns far"
		echo "link set p$i up"
	done > "$WORK/remake.batch"
	must ip -batch "$WORK/remake.batch"
	assert_eq "$(ifindex_of @ p7)" "$index" "ifindex of the new link"
	assert_soon 10 same fdb_port net 02:00:00:00:00:07 = ""
	must ns far ip -batch "$WORK/ends.batch"
	assert_soon 10 same ports_up = 50
}

test_overrun_hides_no_change_of_a_gateway()
{
	local i

	silence
	ns_new lan
	veth_new lan up0
	must ip addr add 10.0.0.1/24 dev up0
	switch_config <<- 'EOF'
		network add net uplink up0 gateway 10.77.0.1/24 nat
	EOF
	switch_start --netlink-buffer 4096
	assert_soon 5 same cat /proc/sys/net/ipv4/conf/ecs-net/forwarding = 1
	kill -STOP $SWITCH_PID
	for ((i = 0; i < 100; i++)); do
		echo "link set up0 alias name$i"
	done > "$WORK/alias.batch"
	must ip -batch "$WORK/alias.batch"
	echo 0 > /proc/sys/net/ipv4/conf/ecs-net/forwarding
	must ip addr del 10.77.0.1/24 dev ecs-net
	must ip link set ecs-net down
	kill -CONT $SWITCH_PID
	assert_soon 10 same cat /proc/sys/net/ipv4/conf/ecs-net/forwarding = 1
	assert_soon 10 eval "ip -br addr show dev ecs-net up | grep -q '10.77.0.1/24'"
	assert_match "$(cat "$WORK/ecswitchd-main.log")" [Oo]verrun "the log"
}

run_tests "$@"
