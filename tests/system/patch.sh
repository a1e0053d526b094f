#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Patches: a wire between two links, of any kind.
. "$(dirname "$0")/../lib/system.bash"

# Machines a and b, and the links vetha and vethb, in no network.
pair_new() # [KIND OF B]
{
	echo "network add unused" > /etc/ecswitch/ecswitch.conf
	switch_start
	vm_new a 11
	vm_new b 12 "${1:-veth}"
}

# arrivals FRAME-OPTIONS... FROM TO: how many of the frames came.
arrivals()
{
	"$TOOLS/frame" "$@" | cut -d ' ' -f 2
}

patch_state()
{
	ctl --json patch list | jq -r '.[0].state'
}

test_a_patch_joins_two_links_both_ways()
{
	pair_new
	must ctl patch add vetha vethb
	assert ping4 a 12
	assert ping6 b 11
	assert ping4 a 12 -s 8000
	assert_eq "$(patch_state)" up
	assert_eq "$(fdb_count)" 0 "addresses learned by a patch"
	must ctl patch del vetha
	assert_fails ping4 a 12 -c 1 -W 1
	assert_eq "$(ctl --json port list | jq length)" 0 "ports left"
	assert_eq "$(tc qdisc show dev vetha clsact)" "" "qdisc left"
}

test_a_patch_joins_a_veth_and_a_tap()
{
	pair_new tap
	must ctl patch add vetha tapb
	assert ping4 a 12
	assert ping4 b 11
}

test_a_oneway_patch_carries_one_direction()
{
	pair_new
	must ctl patch add vetha vethb oneway
	assert_eq "$(arrivals -d 02:00:00:00:00:0c a/eth0 b/eth0)" 1 "frames from a to b"
	assert_eq "$(arrivals -d 02:00:00:00:00:0c b/eth0 a/eth0)" 0 "frames from b to a"
}

test_a_patch_waits_for_a_link_that_does_not_exist_yet()
{
	pair_new
	must ctl patch add vetha vethc
	assert_eq "$(patch_state)" waiting
	vm_new c 13
	assert_soon 5 same patch_state = up
	assert ping4 a 13
	must ip link del vethc
	assert_soon 5 same patch_state = waiting
	ns_del c
	vm_new c 13
	assert_soon 5 same patch_state = up
	must ns a ip neigh flush all
	assert ping4 a 13
}

test_a_patch_carries_reserved_multicast_and_tags()
{
	pair_new
	must ctl patch add vetha vethb
	assert_eq "$(arrivals -d 01:80:c2:00:00:02 a/eth0 b/eth0)" 1
	assert_eq "$("$TOOLS/frame" -d 02:00:00:00:00:0c -v 100 a/eth0 b/eth0 | cut -d ' ' -f 2,3)" "1 100"
}

test_an_uplink_patched_to_a_bridge_keeps_the_hosts_address()
{
	lan_new
	echo "network add unused" > /etc/ecswitch/ecswitch.conf
	switch_start
	must ip link add br0 type bridge forward_delay 0
	must ip link set br0 up
	vm_new a 11
	must ip link set vetha master br0
	must ctl patch add up0 br0
	assert ping4 a 2
	assert ping4 lan 11
	assert ping4 lan 1
	assert ping4 @ 2
	assert_match "$(ip -d link show br0)" 'promiscuity [1-9]'
	must ctl patch del up0 br0
	assert_match "$(ip -d link show br0)" 'promiscuity 0'
	assert_fails ping4 a 2 -c 1 -W 1
	assert ping4 lan 1
}

test_a_patch_outlives_the_daemon()
{
	pair_new
	must ctl patch add vetha vethb
	switch_kill
	assert ping4 a 12
	switch_start
	assert_eq "$(patch_state)" up
	assert ping4 a 12
}

run_tests "$@"
