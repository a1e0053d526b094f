#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# monitor: a line, or a JSON object, for every event as it happens. And what the tool shows.
. "$(dirname "$0")/../lib/system.bash"

monitored_new() # [MONITOR OPTIONS...]
{
	printf 'network add lan\nmatch add veth* network lan\n' > /etc/ecswitch/ecswitch.conf
	switch_start
	start monitor @ "$ECSWITCHCTL" "$@" monitor
	# Subscribed once an event arrives: make one after the other until it does.
	assert_soon 5 poke
}

# A port that comes and goes.
poke()
{
	ns_new poked
	ip link add vethpoke type veth peer name eth0 netns poked
	ip link del vethpoke
	ns_del poked
	[ -s monitor.log ]
}

# heard JQ-CONDITION: some event fulfils it.
heard()
{
	[ -n "$(jq -c "select($1)" monitor.log)" ]
}

test_ports_and_addresses_are_told_as_they_come_and_go()
{
	monitored_new --json
	vm_new a 11
	assert_soon 5 heard '.type == "port_added" and .port == "vetha" and .network == "lan" and .role == "vm"'
	vm_new b 12
	wait_port vetha vethb
	assert ping4 a 12
	assert_soon 5 heard ".type == \"fdb_learned\" and .mac == \"$(mac_of a eth0)\" and .port == \"vetha\""
	must ctl fdb flush port vetha
	assert_soon 5 heard ".type == \"fdb_flushed\" and .mac == \"$(mac_of a eth0)\""
	must ns b ip link set eth0 down
	assert_soon 5 heard '.type == "port_changed" and .port == "vethb" and .state == "down"'
	must ip link del vetha
	assert_soon 5 heard '.type == "port_removed" and .port == "vetha"'
	assert heard '(.time | fromdateiso8601? // (sub("\\.[0-9]+"; "") | fromdateiso8601)) > 1600000000'
}

test_a_move_is_told_with_both_ports()
{
	monitored_new --json
	vm_new a 11
	vm_new b 12
	wait_port vetha vethb
	must "$TOOLS/frame" -d ff:ff:ff:ff:ff:ff -s 02:00:00:00:00:44 a/eth0
	assert_soon 5 heard '.type == "fdb_learned" and .mac == "02:00:00:00:00:44" and .port == "vetha"'
	must "$TOOLS/frame" -d ff:ff:ff:ff:ff:ff -s 02:00:00:00:00:44 b/eth0
	assert_soon 5 heard '.type == "fdb_moved" and .mac == "02:00:00:00:00:44" and .port == "vethb" and .old_port == "vetha"'
}

test_an_error_and_its_end_are_told()
{
	monitored_new --json
	ns_new a
	# A qdisc that is not clsact stands on the hook: the port cannot be attached.
	must ip link add vetha type veth peer name eth0
	must tc qdisc add dev vetha ingress
	must ip link set eth0 netns a
	assert_soon 5 heard '.type == "error" and (.text | contains("vetha"))'
	assert_eq "$(ctl --json port show vetha | jq -r .state)" waiting
	assert_match "$(ctl --json status | jq -r '.problems[0]')" vetha
	must tc qdisc del dev vetha ingress
	assert_soon 5 heard '.type == "recovered" and (.text | contains("vetha"))'
	assert_eq "$(ctl --json status | jq '.problems | length')" 0
}

test_people_get_lines()
{
	monitored_new
	vm_new a 11
	assert_soon 5 grep -q 'port_added.*port=vetha' monitor.log
}

test_drops_lists_every_reason_with_its_text()
{
	monitored_new --json
	assert_eq "$(ctl --json drops | jq '[.[] | select(.reason == "" or .text == "")] | length')" 0
	assert_ge "$(ctl --json drops | jq '[.[].reason] | unique | length')" 10 "reasons"
	vm_new a 11
	vm_new b 12
	wait_port vetha vethb
	must "$TOOLS/frame" -d 01:80:c2:00:00:02 a/eth0
	assert_soon 5 same drops_of RESERVED_MULTICAST vetha = 1
	assert_match "$(ctl drops)" 'RESERVED_MULTICAST.*vetha +1'
}

test_json_keys_are_stable()
{
	monitored_new --json
	vm_new a 11
	wait_port vetha
	assert_eq "$(ctl --json port show vetha | jq -r '[has("name", "ifindex", "kind", "role", "network", "state", "mac")] | all')" true
	must ctl fdb add 02:00:00:00:00:99 vetha
	assert_eq "$(ctl --json fdb list | jq -r '.[0] | [has("network", "mac", "port", "kind", "age_s")] | all')" true
	assert_eq "$(ctl --json drops | jq -r '.[0] | [has("reason", "text", "port", "packets")] | all')" true
	assert_eq "$(ctl --json show | jq -r '[has("status", "networks", "ports", "matches", "patches")] | all')" true
}

run_tests "$@"
