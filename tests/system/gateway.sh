#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A network's gateway: the host's own link in it, with everything that usually runs on one.
. "$(dirname "$0")/../lib/system.bash"

NET4=10.77.0 NET6=fd77:

# A network "vms" with a gateway and the machines a and b.
vms_new() # [MORE OPTIONS OF THE NETWORK...]
{
	switch_config <<-END
	network add vms gateway 10.77.0.1/24 $*
	match add veth* network vms
	END
	switch_start
	vm_new a 11
	vm_new b 12
	wait_port vetha vethb
}

has_addr() # LINK ADDR/LEN
{
	ip -o addr show dev "$1" | grep -q " inet6\? $2 "
}

no_link() # NAME
{
	! ip link show "$1"
}

test_gateway_answers_and_comes_and_goes_with_its_network()
{
	echo > /etc/ecswitch/ecswitch.conf
	switch_start
	must ctl network add vms gateway 10.77.0.1/24 gateway6 fd77::1/64
	assert has_addr ecs-vms 10.77.0.1/24
	assert has_addr ecs-vms fd77::1/64
	assert_eq "$(ctl --json port show ecp-vms | jq -r .role)" host "role of the switch's end"
	must ctl match add 'vetha' network vms
	vm_new a 11
	wait_port vetha
	assert ping4 a 1
	assert ping6 a 1
	assert ping4 @ 11
	must ctl match del vetha
	must ctl network del vms
	assert no_link ecs-vms
	assert no_link ecp-vms
}

test_gateway_is_set_right_when_somebody_changes_it()
{
	vms_new
	must ip addr del 10.77.0.1/24 dev ecs-vms
	assert_soon 5 has_addr ecs-vms 10.77.0.1/24
	must ip link set ecs-vms down
	assert_soon 5 ping4 a 1 -c 1 -W 1
	must ip link set ecp-vms down
	assert_soon 5 ping4 a 1 -c 1 -W 1
	must ip link del ecs-vms
	assert_soon 5 ping4 a 1 -c 1 -W 1
	assert_soon 5 rename_link ecs-vms other # before the daemon has set it up again
	assert_soon 5 ping4 a 1 -c 1 -W 1
	assert no_link other
}

test_strangers_link_of_the_gateways_name_is_refused_and_kept()
{
	switch_start
	must ip link add ecs-vms type bridge
	assert_fails ctl network add vms gateway 10.77.0.1/24
	assert_match "$(ctl network add vms gateway 10.77.0.1/24 2>&1)" "ecs-vms.*rename"
	assert ip link show ecs-vms
	assert_eq "$(ctl --json network list | jq '[.[] | select(.name == "vms")] | length')" 0
}

test_gateway_address_changes_in_place()
{
	vms_new
	local index=$(ifindex_of @ ecs-vms)

	must ctl network set vms gateway 10.77.0.2/24
	assert has_addr ecs-vms 10.77.0.2/24
	assert_fails has_addr ecs-vms 10.77.0.1/24
	assert ping4 a 2
	assert_eq "$(ifindex_of @ ecs-vms)" "$index" "ifindex of the gateway"
	must ctl network set vms gateway none
	assert no_link ecs-vms
}

test_gateway_outlives_the_daemon()
{
	vms_new
	local index=$(ifindex_of @ ecs-vms)

	switch_kill
	assert ping4 a 1
	switch_start
	assert ping4 a 1
	assert_eq "$(ifindex_of @ ecs-vms)" "$index" "ifindex of the gateway"
	switch_kill
	sed -i s/10.77.0.1/10.77.0.3/ /etc/ecswitch/ecswitch.conf
	switch_start
	assert_soon 5 has_addr ecs-vms 10.77.0.3/24
	assert_fails has_addr ecs-vms 10.77.0.1/24
	must ctl detach
	assert no_link ecs-vms
	assert no_link ecp-vms
}

test_detach_by_a_new_daemon_removes_the_gateway()
{
	vms_new
	switch_kill
	must "$ECSWITCHD" --detach
	assert no_link ecs-vms
	assert_eq "$(ls -d /sys/fs/bpf/*/ 2> "$WORK/ls.log")" "" "what is pinned"
}

test_gateway_mac_cannot_be_taken_by_a_vm()
{
	vms_new
	local mac=$(mac_of @ ecs-vms)

	must ping4 a 1
	must ns b ip link set eth0 address "$mac"
	ns b ping -c 1 -W 0.2 10.77.0.11 > "$WORK/spoof.log"
	assert_eq "$(fdb_port vms "$mac")" ecp-vms "port of the gateway's address"
	assert ping4 a 1
}

test_dhcp_and_dns_from_dnsmasq()
{
	[ -x "$(command -v dnsmasq)" ] || skip "no dnsmasq"
	NET4=10.0.0 NET6=fd00: lan_new
	vms_new uplink up0 nat
	start dnsmasq @ dnsmasq --no-daemon --conf-file=/dev/null --interface=ecs-vms \
		--bind-interfaces --dhcp-range=10.77.0.50,10.77.0.59,1h --no-resolv --no-hosts \
		--address=/server.test/10.9.9.9 --dhcp-leasefile="$WORK/leases" --pid-file= --user=root
	assert_soon 10 sh -c "ss -Hlun 'sport = :67' | grep -q ."
	must ns a ip addr flush dev eth0
	start udhcpc a udhcpc -f -i eth0 -s "$TOP/tests/lib/udhcpc.sh"
	assert_soon 30 ns a sh -c "ip -4 addr show dev eth0 | grep -q 10.77.0.5"
	assert_soon 2 ns a ip route get 192.0.2.1
	assert ping4 a 1
	assert_eq "$(ns a dig +short +time=2 @10.77.0.1 server.test)" 10.9.9.9 "DNS answer"
	assert ns a ping -q -c 1 -W 2 10.0.0.2
}

test_gateway_on_a_bridged_network()
{
	NET4=10.0.0 NET6=fd00:
	switch_config <<-END
	network add lan uplink up0 gateway 10.0.0.254/24
	match add veth* network lan
	END
	lan_new
	switch_start
	vm_new a 11
	wait_port vetha ecp-lan
	assert ping4 a 254
	assert ping4 a 2
	assert ping4 a 1
	assert ping4 lan 254
	assert ping4 lan 11
}

run_tests "$@"
