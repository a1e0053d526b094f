#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A frame reaches whom it should, once, and nobody else.
. "$(dirname "$0")/../lib/system.bash"
TEST_TIMEOUT=240

SRC=02:00:00:00:00:01
UNKNOWN=02:00:00:00:00:77
MULTICAST=01:00:5e:01:02:03
BROADCAST=ff:ff:ff:ff:ff:ff

# reach SENDER DST RECEIVER...: "NAME COUNT" of each receiver that something reached.
reach()
{
	local from=$1 dst=$2

	shift 2
	frame -s $SRC -d "$dst" "$from" "$@" | awk '$2 > 0 { printf "%s%s %d", n++ ? ", " : "", $1, $2 }'
}

vms_and_lan()
{
	silent_lan
	silent_vms a b c
	config_lan
	switch_start
	wait_port up0 vetha vethb vethc
}

test_flood_from_a_machine_reaches_all_others_once()
{
	local dst

	vms_and_lan
	for dst in $UNKNOWN $MULTICAST $BROADCAST; do
		assert_eq "$(reach a/eth0 $dst a/eth0 b/eth0 c/eth0 lan/eth0)" \
			"b/eth0 1, c/eth0 1, lan/eth0 1" "receivers of $dst"
	done
}

test_flood_from_the_lan_reaches_all_machines_once()
{
	local dst

	vms_and_lan
	for dst in $UNKNOWN $MULTICAST $BROADCAST; do
		assert_eq "$(reach lan/eth0 $dst lan/eth0 a/eth0 b/eth0 c/eth0)" \
			"a/eth0 1, b/eth0 1, c/eth0 1" "receivers of $dst"
	done
}

test_flood_from_the_host_reaches_lan_and_machines_once()
{
	local dst

	vms_and_lan
	for dst in $UNKNOWN $MULTICAST $BROADCAST; do
		assert_eq "$(reach @/up0 $dst a/eth0 b/eth0 c/eth0 lan/eth0)" \
			"a/eth0 1, b/eth0 1, c/eth0 1, lan/eth0 1" "receivers of $dst"
	done
}

# An ARP request is answered once for each copy of it that comes up.
test_host_takes_a_broadcast_once()
{
	local request

	vms_and_lan
	must ip addr add 10.0.0.1/24 dev up0
	request="ffffffffffff 020000000001 0806 0001080006040001 020000000001 0a00000b 000000000000 0a000001"
	start dump a tcpdump -nn -i eth0 -l arp and arp[7]=2
	assert_soon 5 grep -q listening "$WORK/dump.log"
	frame -x "$request" -n 3 a/eth0
	assert_soon 2 same grep -c "10.0.0.1 is-at" "$WORK/dump.log" = 3
	sleep 0.1
	assert_eq "$(grep -c "10.0.0.1 is-at" "$WORK/dump.log")" 3 "answers to three requests"
}

test_known_unicast_reaches_its_owner_only()
{
	vms_and_lan
	frame -s $UNKNOWN -w 5 b/eth0
	assert_eq "$(reach a/eth0 $UNKNOWN a/eth0 b/eth0 c/eth0 lan/eth0)" "b/eth0 1" "receivers"
	assert_eq "$(reach lan/eth0 $UNKNOWN a/eth0 b/eth0 c/eth0 lan/eth0)" "b/eth0 1" "receivers"
	frame -s $UNKNOWN -w 5 lan/eth0
	assert_eq "$(reach a/eth0 $UNKNOWN a/eth0 b/eth0 c/eth0 lan/eth0)" "lan/eth0 1" "receivers"
}

test_frame_does_not_leave_by_its_own_port()
{
	vms_and_lan
	frame -s $UNKNOWN -w 5 a/eth0
	assert_eq "$(reach a/eth0 $UNKNOWN a/eth0 b/eth0 c/eth0 lan/eth0)" "" "receivers"
	assert_eq "$(drops_of HAIRPIN vetha)" 1 "frames dropped as hairpin"
	frame -s $UNKNOWN -w 5 lan/eth0
	assert_eq "$(reach lan/eth0 $UNKNOWN a/eth0 b/eth0 c/eth0 lan/eth0)" "" "receivers"
}

test_networks_do_not_mix()
{
	local dst

	silent_vms a b c d
	switch_config <<- 'EOF'
		network add one
		network add two
		port add vetha network one
		port add vethb network one
		port add vethc network two
		port add vethd network two
	EOF
	switch_start
	wait_port vetha vethb vethc vethd
	for dst in $UNKNOWN $MULTICAST $BROADCAST; do
		assert_eq "$(reach a/eth0 $dst b/eth0 c/eth0 d/eth0)" "b/eth0 1" "receivers of $dst"
	done
	# An address that is known in one network is unknown in the other.
	frame -s $UNKNOWN -w 5 c/eth0
	assert_eq "$(reach a/eth0 $UNKNOWN b/eth0 c/eth0 d/eth0)" "b/eth0 1" "receivers"
	assert_eq "$(reach d/eth0 $UNKNOWN a/eth0 b/eth0 c/eth0)" "c/eth0 1" "receivers"
}

test_vlan_and_untagged_networks_of_an_uplink_do_not_mix()
{
	silent_lan
	silent_vms a b
	switch_config <<- 'EOF'
		network add one uplink up0
		network add five uplink up0 vlan 5
		port add vetha network one
		port add vethb network five
	EOF
	switch_start
	wait_port up0 vetha vethb
	assert_eq "$(frame a/eth0 b/eth0 lan/eth0)" $'b/eth0 0 - 0\nlan/eth0 1 - 60'
	assert_eq "$(frame b/eth0 a/eth0 lan/eth0)" $'a/eth0 0 - 0\nlan/eth0 1 5 60'
	assert_eq "$(frame lan/eth0 a/eth0 b/eth0)" $'a/eth0 1 - 60\nb/eth0 0 - 0'
	assert_eq "$(frame -v 5 -l 64 lan/eth0 a/eth0 b/eth0)" $'a/eth0 0 - 0\nb/eth0 1 - 60'
	assert_eq "$(frame -v 6 lan/eth0 a/eth0 b/eth0)" $'a/eth0 0 - 0\nb/eth0 0 - 0'
	# The host does not lose what is tagged: captures and sub-interfaces see it.
	assert_eq "$(frame -v 6 -l 64 lan/eth0 @/up0)" "@/up0 1 6 60"
}

test_tagged_frame_from_a_machine_is_dropped()
{
	vms_and_lan
	assert_eq "$(frame -v 5 a/eth0 b/eth0 lan/eth0)" $'b/eth0 0 - 0\nlan/eth0 0 - 0'
	assert_eq "$(drops_of VLAN_TAGGED vetha)" 1 "drops"
}

test_reserved_multicast_stays_local()
{
	local i

	vms_and_lan
	for i in 0 1 2 3 e f; do
		assert_eq "$(reach a/eth0 01:80:c2:00:00:0$i b/eth0 c/eth0 lan/eth0)" "" "receivers of ..0$i"
	done
	assert_eq "$(drops_of RESERVED_MULTICAST vetha)" 6 "drops"
	# From the wire it is for the host: LLDP, LACP.
	assert_eq "$(reach lan/eth0 01:80:c2:00:00:0e a/eth0 b/eth0 @/up0)" "@/up0 1" "receivers"
	assert_eq "$(reach lan/eth0 01:80:c2:00:00:10 a/eth0 b/eth0)" "a/eth0 1, b/eth0 1" \
		"receivers of the first address beyond the reserved ones"
}

test_bad_source_address_is_dropped()
{
	vms_and_lan
	assert_eq "$(frame -s 01:00:00:00:00:01 a/eth0 b/eth0)" "b/eth0 0 - 0"
	assert_eq "$(frame -s 00:00:00:00:00:00 a/eth0 b/eth0)" "b/eth0 0 - 0"
	assert_eq "$(drops_of SRC_MAC vetha)" 2 "drops"
}

test_flood_reaches_999_other_ports_once()
{
	local got

	silence
	ns_new_silent far
	many_veths far p 1000
	switch_config <<- 'EOF'
		network add net
		match add p* network net
	EOF
	switch_start
	assert_soon 10 same ports_up = 1000
	got=$(frame -w 300 far/p500 far/)
	assert_eq "$(awk '{ print $2 }' <<< "$got" | sort | uniq -c | awk '{ print $1, $2 }')" "999 1" \
		"ports, and how often each was reached"
	assert_eq "$(grep -c 'far/p500 ' <<< "$got")" 0 "arrivals at the sender"
	assert_eq "$(ctl --json stats p500 | jq '.[0].flooded')" 1 "floods counted"
}

run_tests "$@"
