#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The harness itself: worlds are private, machines reach each other over a plain Linux bridge.
. "$(dirname "$0")/../lib/system.bash"

# A bridge in place of the switch.
bridge_new()
{
	must ip link add br0 type bridge forward_delay 0
	sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0 \
		2> "$WORK/sysctl.log"
	must ip link set br0 up
	for link in "$@"; do
		must ip link set "$link" master br0
	done
}

test_world_is_private()
{
	assert_eq "$(ip -j link | jq -r '[.[].ifname] | join(" ")')" lo "links of a new world"
	assert_eq "$(ls /etc/ecswitch)" "" "configuration of a new world"
	assert_eq "$(ls -d /sys/fs/bpf/*/ 2> "$WORK/ls.log")" "" "pins of a new world"
	assert getent group root
}

test_veth_machines_reach_each_other()
{
	vm_new a 11
	vm_new b 12
	bridge_new vetha vethb
	assert ping4 a 12
	assert ping6 b 11
	assert_ge "$(tcp_moves a b 12)" 1 "Mbit/s"
}

test_tap_machines_reach_each_other_with_offloads()
{
	vm_new a 11 tap
	vm_new b 12
	bridge_new tapa vethb
	assert ping4 a 12 -s 8000
	assert ping6 b 11
	assert_ge "$(tcp_moves a b 12)" 1 "Mbit/s"
	assert_ge "$(tcp_moves b a 11)" 1 "Mbit/s"
	# Segments that stay large are few.
	assert_le "$(counter b eth0 rx packets)" 12000 "packets of 20 MB"
}

test_persistent_tap_can_be_held()
{
	must ip tuntap add tapa mode tap
	vm_new a 11 tap
	vm_new b 12
	bridge_new tapa vethb
	assert ping4 a 12
	kill "$(tap_pid tapa)"
	assert_soon 2 gone "$(tap_pid tapa)"
	assert ip link show tapa
}

test_frame_counts_each_arrival()
{
	ns_new_silent a
	ns_new_silent b
	veth_new a va
	veth_new b vb
	bridge_new va vb
	assert_eq "$(frame -n 5 a/eth0 b/eth0 @/va @/vb)" $'b/eth0 5 - 60\n@/va 5 - 60\n@/vb 0 - 0'
	assert_eq "$(frame -v 7 -l 100 a/eth0 b/)" "b/eth0 1 7 96"
	assert_eq "$(frame -x "ffffffffffff 020000000002 88b5 0102" a/eth0 b/eth0)" "b/eth0 1 - 16"
}

test_vlan_end_speaks_only_its_vlan()
{
	vm_new a 11
	vm_new b 12
	vm_new c 13
	bridge_new vetha vethb vethc
	must ns a "$TOOLS/vlanend" eth0 5
	must ns b "$TOOLS/vlanend" eth0 5
	assert ping4 a 12 -s 8000
	assert_ge "$(tcp_moves a b 12)" 1 "Mbit/s"
	assert_fails ping4 a 13 -W 0.2
}

test_pinger_counts_what_is_lost()
{
	vm_new a 11
	vm_new b 12
	bridge_new vetha vethb
	pinger_start a 12
	must ip link set vethb nomaster
	sleep 0.3
	must ip link set vethb master br0
	pinger_end
	assert_ge "$LOST" 20 "lost pings"
	pinger_start a 12
	pinger_end
	assert_eq "$LOST" 0 "lost pings"
}

test_stream_counts_what_is_lost()
{
	vm_new a 11
	vm_new b 12
	bridge_new vetha vethb
	stream_start a b 12
	sleep 0.5
	must ip link set vethb nomaster
	sleep 0.2
	must ip link set vethb master br0
	sleep 0.5
	stream_end
	assert_ge "$STREAM_LOST" 1 "segments lost"
	stream_start a b 12
	sleep 0.5
	stream_end
	assert_eq "$STREAM_LOST" 0 "segments lost"
}

test_everything_ends_with_the_world()
{
	start sleeper @ sleep 1000
	assert alive "$STARTED"
	assert_soon 1 same pgrep -c sleep = 1
}

run_tests "$@"
