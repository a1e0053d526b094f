#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Machines, the host and the LAN reach each other, in every direction and by every kind of port.
. "$(dirname "$0")/../lib/system.bash"

# Everyone pings everyone, by IPv4 and IPv6: NAME:ADDRESS...
all_ping_all()
{
	local from to

	for from in "$@"; do
		for to in "$@"; do
			[ "$from" != "$to" ] || continue
			assert ping4 "${from%:*}" "${to#*:}"
			assert ping6 "${from%:*}" "${to#*:}"
		done
	done
}

# TCP in the six directions between a VM (a), another (b), the host and the LAN.
tcp_everywhere()
{
	local way

	for way in "a b 12" "a @ 1" "@ a 11" "a lan 2" "lan a 11" "lan @ 1" "@ lan 2"; do
		# shellcheck disable=SC2086
		assert_ge "$(tcp_moves $way 5)" 1 "Mbit/s of TCP $way"
	done
}

lan_with_machines() # KIND-OF-A KIND-OF-B [MTU]
{
	lan_new ${3:+"$3"}
	vm_new a 11 "$1" ${3:+"$3"}
	vm_new b 12 "$2" ${3:+"$3"}
	config_lan
	switch_start
	wait_port "${1}a" "${2}b" up0
}

test_veth_machines_host_and_lan_ping_each_other()
{
	lan_with_machines veth veth
	all_ping_all a:11 b:12 @:1 lan:2
}

test_tap_machines_host_and_lan_ping_each_other()
{
	lan_with_machines tap tap
	all_ping_all a:11 b:12 @:1 lan:2
}

test_tap_and_veth_machines_ping_each_other()
{
	lan_with_machines tap veth
	all_ping_all a:11 b:12
}

test_tcp_flows_in_every_direction_with_veths()
{
	lan_with_machines veth veth
	tcp_everywhere
}

test_tcp_flows_in_every_direction_with_taps()
{
	lan_with_machines tap tap
	tcp_everywhere
}

test_fragments_of_large_pings_arrive()
{
	local way

	lan_with_machines tap veth
	for way in "a 12" "b 11" "a 1" "b 2" "lan 11" "lan 12" "@ 12" "lan 1"; do
		# shellcheck disable=SC2086
		assert ping4 $way -s 8000
		# shellcheck disable=SC2086
		assert ping6 $way -s 8000
	done
}

test_mtu_9000_is_used_in_full()
{
	local way

	lan_with_machines veth tap 9000
	for way in "a 12" "b 11" "a 1" "a 2" "lan 11" "@ 11" "lan 1"; do
		# shellcheck disable=SC2086
		assert ping4 $way -M "do" -s 8972
	done
	tcp_everywhere
}

test_frame_beyond_the_mtu_of_its_port_is_dropped_and_counted()
{
	lan_with_machines veth veth
	must ns a ip link set eth0 mtu 4000
	must ip link set vetha mtu 4000
	assert_fails ping4 a 12 -s 3000 -M "do" -W 0.3
	assert_ge "$(drops_of MTU vetha)" 3 "drops for MTU"
	assert ping4 a 12
}

test_large_segments_stay_large()
{
	local before after

	lan_with_machines veth tap
	before=$(counter lan eth0 rx packets)
	assert_ge "$(tcp_moves a lan 2 30)" 1 "Mbit/s"
	after=$(counter lan eth0 rx packets)
	# 30 MB are 21,000 segments of the MTU, and some 500 packets of 64 KB.
	assert_le $((after - before)) 8000 "packets of 30 MB from a veth machine"
	assert_ge "$(tcp_moves b lan 2 30)" 1 "Mbit/s"
	assert_le $(($(counter lan eth0 rx packets) - after)) 8000 "packets of 30 MB from a tap machine"
}

test_vlan_network_is_tagged_on_the_wire_only()
{
	lan_with_machines veth tap
	switch_stop
	config_lan vlan 5
	switch_start
	wait_port vetha tapb
	must ns lan "$TOOLS/vlanend" eth0 5
	all_ping_all a:11 b:12 lan:2
	assert ping4 a 2 -s 8000
	assert_ge "$(tcp_moves a lan 2 10)" 1 "Mbit/s"
	assert_ge "$(tcp_moves lan b 12 10)" 1 "Mbit/s"
	# The host is on the untagged wire, where none of them is.
	assert_fails ping4 @ 2 -W 0.2
	assert_fails ping4 a 1 -W 0.2
}

# One wire with two LAN hosts: "lan" untagged, "tagged" in VLAN 5.
test_untagged_and_vlan_networks_share_an_uplink()
{
	ns_new wire
	veth_new wire up0
	addr_add @ up0 1
	must ns wire ip link add br0 type bridge forward_delay 0
	must ns wire ip link set br0 up
	must ns wire ip link set eth0 master br0
	for name in lan tagged; do
		ns_new $name
		must ns wire ip link add to$name type veth peer name eth0 netns $name
		must ns wire ip link set to$name up master br0
		must ns $name ip link set eth0 up
	done
	addr_add lan eth0 2
	addr_add tagged eth0 3
	must ns tagged "$TOOLS/vlanend" eth0 5
	vm_new a 11
	vm_new b 12
	switch_config <<- 'EOF'
		network add lan uplink up0
		network add five uplink up0 vlan 5
		port add vetha network lan
		port add vethb network five
	EOF
	switch_start
	wait_port vetha vethb
	assert ping4 a 2
	assert ping4 a 1
	assert ping4 @ 2
	assert ping4 b 3
	assert_ge "$(tcp_moves tagged b 12 5)" 1 "Mbit/s"
	assert_fails ping4 a 3 -W 0.2
	assert_fails ping4 b 2 -W 0.2
	assert_fails ping4 b 11 -W 0.2
	assert_fails ping4 @ 12 -W 0.2
}

test_without_a_configuration_the_default_route_is_the_uplink()
{
	lan_new
	must ip route add default via 10.0.0.2
	switch_start
	vm_new a 11
	vm_new b 12 tap
	must rename_link tapb vnet0
	must ip link set vnet0 up
	wait_port vetha vnet0 up0
	assert_eq "$(ctl --json port show up0 | jq -r .role)" uplink "role of the default route's device"
	all_ping_all a:11 b:12 @:1 lan:2
}

run_tests "$@"
