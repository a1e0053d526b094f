#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What is taken down is gone, and the machine is what it was.
. "$(dirname "$0")/../lib/system.bash"
. "$TOP/tests/lib/nat.bash"

TEST_TIMEOUT=240

# What ecswitch may change of a machine, as far as it does not change by itself.
machine()
{
	sysctl -a 2> /dev/null | grep '^net\.'
	ip -d -j link | jq -c '.[] | [.ifname, .ifindex, .promiscuity, .allmulti, (.flags | sort),
		.mtu, .master, .linkinfo.info_kind]'
	ip -j addr | jq -c '.[] | [.ifname, [.addr_info[].local]]'
	ip route show table all
	ip -6 route show table all
	tc qdisc show | sort
	tc filter show dev up0 ingress
	bpftool net show
	ethtool -k up0
	find /sys/fs/bpf /run/ecswitch -mindepth 1 ! -name '*.debug' ! -name '*.lock' 2> /dev/null | sort
}

links_are_settled()
{
	! ip addr | grep -qE 'tentative|NO-CARRIER'
}

# The machines a, b, s, r1, r2, p1, p2, the LAN host, and settings of the host's own.
machine_make()
{
	local vm

	lan_new
	must ip route add default via 10.0.0.2
	for vm in a b s r1 r2 p1 p2; do
		ns_new $vm
		veth_new $vm veth$vm
	done
	vm_new t 40 tap
	must sysctl -qw net.ipv4.ip_local_reserved_ports=40000-40010
	must tc qdisc add dev vethb clsact
	mkdir /sys/fs/bpf/other
	must "$TOOLS/countprog" /sys/fs/bpf/other
	must tc filter add dev vethb ingress pref 5 protocol all bpf da pinned /sys/fs/bpf/other/prog
	listen lan tcp 7000 'echo $SOCAT_PEERADDR'
	assert_soon 10 links_are_settled
	machine > "$WORK/before"
}

# Everything that a switch does, at once, and each of it in use.
everything()
{
	switch_config <<- 'END'
		network add vms uplink up0 gateway 10.77.0.1/24 gateway6 fd77::1/64 nat nat66
		network add wire uplink up0
		network add tagged uplink up0 vlan 7 gateway 10.99.0.1/24
		match add veth? network vms
		match add vethr* network wire
		match add tap* network wire
		port add veths network wire
		nat forward add tcp 8080-8090 to 10.77.0.11:80 network vms
		patch add vethp1 vethp2
		cast add tv from veths dst 239.1.1.1 port 5000
		cast to tv vethr1
		cast to tv vethr2 policy ref
	END
	switch_start
	wait_port up0 vetha vethb veths vethr1 vethr2 tapt vethp1 vethp2
	must ctl fdb add 02:00:00:00:00:99 vetha
	must ns a ip addr replace 10.77.0.11/24 dev eth0
	must ns a ip route replace default via 10.77.0.1
	must ns s ip addr replace 10.0.0.50/24 dev eth0
	must ns s ip route replace 239.0.0.0/8 dev eth0
	must ns a ip neigh flush all # a gateway that is made anew has another MAC
	assert_soon 5 ns a ping -q -c 1 -W 1 10.77.0.1
	assert_eq "$(ask a tcp 10.0.0.2 7000)" 10.0.0.1 "address that the LAN sees"
	start cast s "$TOOLS/counted" cast 239.1.1.1 5000 100
	assert_soon 5 eval '[ "$(ctl --json cast show tv | jq ".frames_in | add")" -gt 5 ]'
	assert ping4 t 2
	assert_eq "$(ctl --json status | jq -c .problems)" "[]" problems
	machine > "$WORK/during"
	! cmp -s "$WORK/before" "$WORK/during" || fail "the switch changed nothing"
}

assert_as_before()
{
	assert_soon 5 gone "$SWITCH_PID"
	machine > "$WORK/after"
	assert_eq "$(diff "$WORK/before" "$WORK/after")" "" "what is left"
	assert ns t ping -q -c 1 -W 1 10.0.0.40 # the tap itself
}

test_detach_gives_the_machine_back_as_it_was()
{
	machine_make
	everything
	must ctl detach
	assert_as_before
	everything
	switch_kill
	must "$ECSWITCHD" --detach
	assert_as_before
}

run_tests "$@"
