#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The switch as a whole, in few and robust steps: for kernels other than the build machine's, in
# a slow virtual machine. tests/vm/run runs it there; it runs anywhere as any system test.
. "$(dirname "$0")/../lib/system.bash"

# Two machines, one behind a veth and one behind a tap, a LAN host and the host's own address.
small_machines()
{
	lan_new
	vm_new a 11 veth
	vm_new b 12 tap
}

small_switch()
{
	switch_config <<- END
		network add default uplink up0
		match add veth* network default kind veth
		match add tap* network default kind tap
	END
	switch_start
	wait_port vetha tapb
	assert_eq "$(ctl --json status | jq -c .problems)" "[]" "problems"
	assert_eq "$(grep -iE 'error|warning|cannot|failed' "$WORK/ecswitchd-main.log")" "" "log"
}

# Programs and maps of ours, and what hangs on links, for before and after.
traces()
{
	local link

	for link in $(ip -j link | jq -r '.[].ifname'); do
		tc qdisc show dev "$link"
		tc filter show dev "$link" ingress
		tc filter show dev "$link" egress
		ip -j -d link show dev "$link" | jq -c '.[0] | [.ifname, .promiscuity]'
	done
	find /sys/fs/bpf -mindepth 1
	ip -j addr | jq -c '.[] | [.ifname, [.addr_info[] | select(.scope != "link") | .local]]'
}

pings_and_tcp_pass_in_all_directions()
{
	local from to

	for from in a:11 b:12 lan:2 @:1; do
		for to in a:11 b:12 lan:2 @:1; do
			[ "$from" != "$to" ] || continue
			assert ping4 "${from%:*}" "${to#*:}" -c 1
			assert ping6 "${from%:*}" "${to#*:}" -c 1
		done
	done
	assert_eq "$(fdb_port default "$(mac_of a eth0)")" vetha "port of a"
	assert_eq "$(fdb_port default "$(mac_of b eth0)")" tapb "port of b"
	assert_eq "$(fdb_port default "$(mac_of lan eth0)")" up0 "port of the LAN host"
	assert_ge "$(tcp_moves a b 12 5)" 1 "Mbit/s from veth to tap"
	assert_ge "$(tcp_moves b lan 2 5)" 1 "Mbit/s from tap to the LAN"
	assert_ge "$(tcp_moves lan @ 1 5)" 1 "Mbit/s from the LAN to the host"
	assert_ge "$(tcp_moves @ a 11 5)" 1 "Mbit/s from the host to veth"
}

killed_daemon_loses_no_ping()
{
	pinger_start a 12
	switch_kill
	sleep 1
	switch_start
	wait_port vetha tapb
	pinger_end
	assert_ge "$SENT" 50 "pings that were sent"
	assert_eq "$LOST" 0 "lost pings"
	assert_eq "$DUPLICATES" 0 "duplicates"
	assert ping4 lan 11
}

port_follows_its_link()
{
	local mac

	assert ping4 b 2
	mac=$(mac_of b eth0)
	assert_eq "$(fdb_port default "$mac")" tapb "port of b"
	kill "$(tap_pid tapb)"
	assert_soon 5 no_port tapb
	assert_eq "$(fdb_port default "$mac")" "" "port of b when its tap is gone"
	assert ping4 a 2
	ns_del b
	vm_new b 12 tap
	wait_port tapb
	assert ping4 b 11
}

vlan_network_keeps_to_its_vlan()
{
	vm_new c 13
	vm_new d 14
	assert ctl network add green uplink up0 vlan 5
	assert ctl port add vethc network green
	wait_port vethc vethd
	assert ping4 d 2
	assert_fails ping4 c 2 -W 1
	must ns lan "$TOOLS/vlanend" eth0 5
	assert ping4 c 2
	assert_fails ping4 d 2 -W 1
}

# A start verifies the programs, which is what an emulated machine is slowest at: one test.
test_ports_reach_each_other_and_follow_their_links_and_detach_leaves_nothing()
{
	local before

	small_machines
	before=$(traces)
	small_switch
	pings_and_tcp_pass_in_all_directions
	killed_daemon_loses_no_ping
	port_follows_its_link
	vlan_network_keeps_to_its_vlan
	ns_del c
	ns_del d
	must ns lan tc qdisc del dev eth0 clsact # and speaks no VLAN any more
	pinger_start @ 2
	assert ping4 a 2
	assert ctl detach
	assert_soon 10 gone "$SWITCH_PID"
	pinger_end
	assert_host_lost_no_ping
	assert_eq "$(traces | grep -v '^/sys/fs/bpf/ecswitch$')" "$before" "traces"
}

run_tests "$@"
