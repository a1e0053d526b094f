#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Forwards: the outside, other networks and the VMs themselves reach a VM by the uplink's address.
. "$(dirname "$0")/../lib/system.bash"
. "$(dirname "$0")/../lib/nat.bash"

test_lan_and_far_hosts_reach_a_forwarded_service()
{
	nat_world
	nat_vm a 11
	web a 80 16
	must ctl nat forward add tcp 8080 to 10.77.0.11:80 network vms
	web_get lan http://10.0.0.1:8080/data
	web_get far http://10.0.0.1:8080/data
	assert_eq "$(flows '[.[] | .kind + " " + .inside] | unique | join(",")' proto tcp)" \
		"forward 10.77.0.11:80" "flows"
}

test_the_service_sees_who_asks()
{
	nat_world
	nat_vm a 11
	listen a tcp 80 'echo $SOCAT_PEERADDR $SOCAT_PEERPORT'
	must ctl nat forward add tcp 8080 to 10.77.0.11:80 network vms
	assert_eq "$(ask far tcp 10.0.0.1 8080 sourceport=4321)" "$FAR 4321" "address of the client"
}

test_udp_and_ranges_are_forwarded()
{
	nat_world
	nat_vm a 11
	listen a udp 53 'read x; echo first'
	listen a udp 5005 'read x; echo fifth'
	must ctl nat forward add udp 5353 to 10.77.0.11:53 network vms
	must ctl nat forward add udp 6000-6010 to 10.77.0.11:5000 network vms
	assert_eq "$(ask lan udp 10.0.0.1 5353)" first "answer of a forwarded port"
	assert_eq "$(ask lan udp 10.0.0.1 6005)" fifth "answer in a range"
}

test_vms_reach_forwards_by_the_uplinks_address()
{
	nat_world
	nat_vm a 11
	nat_vm b 12
	red_vm c 11
	web a 80
	must ctl nat forward add tcp 8080 to 10.77.0.11:80 network vms
	web_get b http://10.0.0.1:8080/data
	web_get c http://10.0.0.1:8080/data
	web_get a http://10.0.0.1:8080/data
	assert_ge "$(flows '[.[] | select(.kind == "hairpin")] | length')" 2 "hairpin flows"
}

# A VM of the network that is bridged onto the same uplink is as far outside as the LAN is.
test_vms_of_a_bridged_network_reach_forwards_and_are_reached()
{
	nat_world gateway6 fd77::1/64 nat66
	must ctl network add lan uplink up0
	ns_new b
	veth_new b br0
	addr_add b eth0 20
	must ctl port add br0 network lan
	wait_port br0
	nat_vm a 11
	must ns a ip route add default via fd77::1
	web a 80 8
	web b 80 8
	must ctl nat forward add tcp 8080 to 10.77.0.11:80 network vms
	must ctl nat forward add tcp 8080 to '[fd77::11]:80' network vms
	web_get b http://10.0.0.1:8080/data
	web_get a http://10.0.0.20/data
	assert ns b curl -sS --max-time 20 -o "$WORK/got" "http://[fd00::1]:8080/data"
	assert ns a curl -sS --max-time 20 -o "$WORK/got" "http://[fd00::20]/data"
	listen b tcp 7 'echo $SOCAT_PEERADDR'
	assert_eq "$(ask a tcp 10.0.0.20 7)" 10.0.0.1 "address that the bridged VM sees"
	web_get lan http://10.0.0.1:8080/data
	assert ping_from a 10.0.0.2
	# What is not asked for stays the host's, and what is not NAT's the switch's.
	listen @ tcp 8081 'echo host'
	assert_soon 5 same ask b tcp 10.0.0.1 8081 = host
	assert_fails ask b tcp 10.0.0.1 8082
	assert ping_from b 10.0.0.1
	assert ping_from b 10.0.0.2
	assert_eq "$(fdb_port lan "$(mac_of b eth0)")" br0 "port of the bridged VM"
}

test_the_host_itself_reaches_the_vm()
{
	nat_world
	nat_vm a 11
	web a 80
	web_get @ http://10.77.0.11/data
}

test_forwards_work_when_the_daemon_is_dead()
{
	nat_world
	nat_vm a 11
	web a 80
	must ctl nat forward add tcp 8080 to 10.77.0.11:80 network vms
	switch_kill
	web_get lan http://10.0.0.1:8080/data
	web_get a http://10.0.0.1:8080/data
	switch_start
	web_get lan http://10.0.0.1:8080/data
	assert_eq "$(ctl --json nat list | jq -r '.[0].forwards[0].port')" 8080 "forward after a restart"
}

test_a_forward_waits_for_its_vm()
{
	nat_world
	must ctl nat forward add tcp 8080 to 10.77.0.11:80 network vms
	assert_fails ask lan tcp 10.0.0.1 8080
	nat_vm a 11
	web a 80
	web_get lan http://10.0.0.1:8080/data
}

test_a_forward_that_is_removed_is_the_hosts_again()
{
	nat_world
	nat_vm a 11
	listen a tcp 80 'echo vm'
	must ctl nat forward add tcp 8080 to 10.77.0.11:80 network vms
	assert_eq "$(ask lan tcp 10.0.0.1 8080)" vm "answer of the forward"
	must ctl nat forward del tcp 8080 network vms
	listen @ tcp 8080 'echo host'
	assert_eq "$(ask lan tcp 10.0.0.1 8080)" host "answer without the forward"
}

test_a_port_that_the_host_listens_on_is_refused_unless_forced()
{
	nat_world
	nat_vm a 11
	listen @ tcp 8080 'echo host'
	listen @ udp 8081 'read x; echo host'
	listen a tcp 80 'echo vm'
	assert_match "$(ctl nat forward add tcp 8000-8100 to 10.77.0.11 network vms 2>&1)" \
		"listens on tcp port 8080.*force"
	assert_match "$(ctl nat forward add udp 8081 to 10.77.0.11 network vms 2>&1)" "udp port 8081"
	must ctl nat forward add udp 8080 to 10.77.0.11 network vms
	assert_eq "$(ask lan tcp 10.0.0.1 8080)" host "answer before the forward"
	must ctl nat forward add tcp 8080 to 10.77.0.11:80 network vms force
	assert_eq "$(ask lan tcp 10.0.0.1 8080)" vm "answer of the forced forward"
}

test_a_forward_that_leaves_a_network_no_port_is_refused()
{
	local said

	nat_world nat-ports 20000-20099
	must ctl network add red uplink up0 gateway 10.78.0.1/24 nat nat-ports 21000-21099
	must ctl nat forward add udp 20000-20098 to 10.77.0.11:1 network vms
	said=$(ctl nat forward add udp 20099 to 10.77.0.11:1 network vms force 2>&1)
	assert_match "$said" "network vms none of its ports 20000-20099.*network set vms nat-ports"
	said=$(ctl nat forward add tcp 20900-21200 to 10.77.0.11:1 network vms 2>&1)
	assert_match "$said" "network set red nat-ports"
	assert_eq "$(ctl --json nat list network vms | jq '.[0].forwards | length')" 1 "forwards"
	must ctl nat forward add tcp 20099 to 10.77.0.11:1 network vms
	must ctl network set vms nat-ports 20000-20199
	must ctl nat forward add udp 20099 to 10.77.0.11:1 network vms
}

test_a_flood_at_one_forward_leaves_another_usable()
{
	SWITCH_OPTIONS=(--nat-flows 1024)
	nat_world
	nat_vm a 11
	nat_vm b 12
	listen b tcp 80 'echo hello'
	must ctl nat forward add tcp 8080 to 10.77.0.11:80 network vms
	must ctl nat forward add tcp 8081 to 10.77.0.12:80 network vms
	must ns a ip link set eth0 down # no answer, no reset
	must ns lan "$TOOLS/many" half 10.0.0.1 8080 600
	assert_ge "$(drops_of NAT_LIMIT up0)" 1 "drops for the limit"
	assert_soon 3 same ask lan tcp 10.0.0.1 8081 = hello
	assert_le "$(ctl --json status | jq .nat_flows)" 256 "flows"
}

test_a_vm_that_speaks_first_uses_its_forwarded_port()
{
	nat_world
	nat_vm a 11
	must ctl nat forward add udp 51820 to 10.77.0.11:51820 network vms
	start far far socat -u udp-recv:51820,reuseaddr "open:$WORK/far,creat"
	start vm a socat -u udp-recv:51820,reuseaddr "open:$WORK/vm,creat"
	assert_soon 5 ns far sh -c "ss -Hlun 'sport = :51820' | grep -q ."
	assert_soon 5 ns a sh -c "ss -Hlun 'sport = :51820' | grep -q ."
	echo one | ns a socat -u - udp:$FAR:51820,sourceport=51820,reuseaddr
	assert_soon 3 grep -q one "$WORK/far"
	assert_eq "$(flows '.[].outside' proto udp)" 10.0.0.1:51820 "the VM from outside"
	echo two | ns far socat -u - udp:10.0.0.1:51820,sourceport=51820,reuseaddr
	assert_soon 3 grep -q two "$WORK/vm"
}

test_flows_pass_beside_a_block_of_forwards_in_nats_range()
{
	nat_world
	nat_vm a 11
	nat_vm b 12
	must ctl nat forward add udp 10000-24000 to 10.77.0.11:10000 network vms
	for port in {33000..64900..1600}; do
		echo x | ns b socat -u - "udp:$FAR:9,sourceport=$port"
	done
	assert_eq "$(drops_of NAT_NO_PORT)" 0 "drops for want of a port"
	assert_eq "$(flows length address 10.77.0.12 proto udp)" 20 "flows"
}

test_a_gateway_in_the_uplinks_own_network_is_refused()
{
	nat_world gateway6 fd77::1/64 nat66
	assert_match "$(ctl network add red uplink up0 gateway 10.0.0.5/24 nat 2>&1)" \
		"10.0.0.5/24 is in the network of the uplink"
	assert_match "$(ctl network add red uplink up0 gateway 10.1.0.1/8 nat 2>&1)" "10.0.0.1/24"
	assert_match "$(ctl network set vms gateway6 fd00::5/64 2>&1)" "fd00::1/64"
	assert ctl network add red uplink up0 gateway 10.0.1.1/24 nat
}

test_overlapping_forwards_of_one_uplink_are_refused()
{
	nat_world
	must ctl network add red uplink up0 gateway 10.78.0.1/24 nat
	must ctl nat forward add tcp 8000-8010 to 10.77.0.11 network vms
	assert_match "$(ctl nat forward add tcp 8005 to 10.78.0.11 network red 2>&1)" "already"
	must ctl nat forward add udp 8005 to 10.78.0.11 network red
	assert_fails ctl network del vms
}

test_forwards_move_with_the_uplinks_address()
{
	nat_world
	nat_vm a 11
	listen a tcp 80 'echo vm'
	must ctl nat forward add tcp 8080 to 10.77.0.11:80 network vms
	must sysctl -qw net.ipv4.conf.up0.promote_secondaries=1
	must ip addr add 10.0.0.9/24 dev up0
	must ip addr del 10.0.0.1/24 dev up0
	assert_soon 5 same ask lan tcp 10.0.0.9 8080 = vm
}

run_tests "$@"
