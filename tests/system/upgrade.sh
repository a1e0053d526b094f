#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The daemon ends, dies, is upgraded and reads its file anew under load: nothing is lost, and what
# the switch knew it knows on.
. "$(dirname "$0")/../lib/system.bash"
. "$TOP/tests/lib/nat.bash"
. "$TOP/tests/lib/load.bash"
TEST_TIMEOUT=180

PROGRAM_NEXT=$BUILD/tests/next/program/ecswitchd # the same ABI, other programs
ABI_NEXT=$BUILD/tests/next/abi/ecswitchd	 # records that have grown
PINS=/sys/fs/bpf/ecswitch/main

# Tags of the programs that run on the VMs' links, once each.
tags()
{
	bpftool -j net show | jq -r '.[0].tc[] | .prog_id // .id' | sort -u | while read -r id; do
		bpftool -j prog show id "$id" | jq -r .tag
	done | sort -u | xargs
}

abi()
{
	bpftool -j map dump pinned "$PINS/ecs_meta" | jq '.[0].formatted.value.abi'
}

map_id() # MAP
{
	bpftool -j map show pinned "$PINS/$1" | jq .id
}

flow_ticks() # when flows were opened
{
	bpftool -j map dump pinned $PINS/ecs_nat_flows |
		jq '.[].formatted.value | select(.flags % 2 == 1) | .created'
}

flows_until() # TICK: how many were opened until then
{
	flow_ticks | awk -v tick="$1" '$1 <= tick' | wc -l
}

map_ids() # NAME ID of each
{
	local map

	for map in $(cd "$PINS" && ls -d ecs_* | grep -v "ecs_link_\|ecs_prog_"); do
		echo "$map $(map_id "$map")"
	done
}

# Maps that have grown in the next ABI, and those that begin empty because nothing in them is worth
# keeping. Who adds a map names it in pins_migrate.c, or here.
NEW_MAPS="ecs_cast_work ecs_events ecs_fdb ecs_meta ecs_nat_answers ecs_nat_flows ecs_nat_fragments
	ecs_nat_hops ecs_nat_scratch ecs_networks ecs_ports ecs_ports_near ecs_receiver_counts ecs_recent ecs_streams"

# What a new daemon must find: taken before the old one ends.
remember()
{
	MACS=$(fdb_count vms)
	FRAMES=$(cast_frames)
	PACKETS=$(nat_packets udp)
	TICK=$(flow_ticks | sort -n | tail -n 1)
	FLOWS=$(flows_until "$TICK")
	assert_ge "$MACS" 6 "addresses"
	assert_ge "$FLOWS" 2 "flows"
	assert_ge "$FRAMES" 1 "pictures of the cast"
	assert_ge "$PACKETS" 1 "packets of the flow"
}

assert_known_on()
{
	wait_port up0 vetha vethb vethn veths vethr1 vethr2
	assert_eq "$(fdb_count vms)" "$MACS" "addresses"
	assert_ge "$(flows_until "$TICK")" "$FLOWS" "flows of before"
	assert_ge "$(nat_packets udp)" "$PACKETS" "packets of the flow"
	assert_ge "$(cast_frames)" "$FRAMES" "pictures of the cast"
	assert_eq "$(ctl --json cast show tv | jq -r '[.receivers[].state] | unique | join(",")')" \
		up "receivers' states"
	assert_eq "$(ctl --json status | jq -c .problems)" "[]" problems
}

# All that was sent was counted: nothing was counted by a record that was thrown away.
assert_counted_on()
{
	assert_eq "$(cast_frames)" "$(counted tv-send sent)" "pictures of the cast"
	assert_eq "$(nat_packets udp)" "$(counted nat-send sent)" "packets of the flow"
	assert_le "$(ctl --json stats vetha | jq '.[0].flooded')" $((FLOODED + 100)) "frames flooded"
}

begin()
{
	load_world
	load_start
	remember
	FLOODED=$(ctl --json stats vetha | jq '.[0].flooded')
}

test_end_and_start_under_load_lose_nothing()
{
	begin
	switch_stop
	sleep 0.3 # on its own; only how long it is
	switch_start
	assert_known_on
	load_end
	assert_counted_on
}

test_kill_and_start_under_load_lose_nothing()
{
	begin
	switch_kill
	sleep 0.3
	switch_start
	assert_known_on
	load_end
	assert_counted_on
}

test_upgrade_to_other_programs_under_load_loses_nothing()
{
	local before maps

	begin
	before=$(tags)
	maps=$(map_id ecs_fdb)
	switch_stop
	ECSWITCHD=$PROGRAM_NEXT switch_start
	assert_known_on
	[ "$(tags)" != "$before" ] || fail "the programs are the same: $before"
	assert_eq "$(map_id ecs_fdb)" "$maps" "the FDB's map"
	load_end
	assert_counted_on
}

test_upgrade_to_the_next_abi_under_load_loses_nothing()
{
	local version opens

	begin
	version=$(abi)
	start serve lan "$TOOLS/many" serve 7000
	assert_soon 5 grep -q ready "$WORK/serve.log"
	start opens n "$TOOLS/many" rate 10.0.0.2 7000 4
	opens=$STARTED
	map_ids > "$WORK/maps"
	switch_kill
	ECSWITCHD=$ABI_NEXT switch_start
	assert_known_on
	assert_eq "$(map_ids | grep -vxFf "$WORK/maps" | cut -d " " -f 1 | xargs)" "$(xargs <<< "$NEW_MAPS")" \
		"maps that are not shared"
	assert_eq "$(abi)" $((version + 1)) "ABI of the maps"
	assert_eq "$(find $PINS -name 'ecs_old_*')" "" "maps that were set aside"
	switch_kill
	assert_match "$("$ECSWITCHD" 2>&1)" "ABI $((version + 1)) .*knows $version: .*--detach" "word on a downgrade"
	ECSWITCHD=$ABI_NEXT switch_start
	assert_known_on
	assert_soon 10 gone "$opens"
	assert_ge "$(cat "$WORK/opens.log")" 1 "connections a second while it was upgraded"
	load_end
	assert_eq "$(cast_frames)" "$(counted tv-send sent)" "pictures of the cast"
	must ctl detach
	assert_eq "$(find /sys/fs/bpf -mindepth 1 ! -name '*.debug')" "" "what is pinned"
}

test_reload_of_a_changed_configuration_under_load_loses_nothing()
{
	begin
	cat >> /etc/ecswitch/ecswitch.conf <<- 'END'
		network set vms ageing 200
		network set vms udp-timeout 250
		network add more gateway 10.88.0.1/24
		nat forward add tcp 8080 to 10.77.0.11:80 network vms
		cast add tv from veths dst 239.1.1.1 port 5000
		cast to tv vethr1
		cast to tv vethr2 policy ref
		cast to tv vethb policy key
	END
	must ctl reload
	assert_eq "$(ctl --json network list | jq -c '[.[].name]')" '["vms","more"]' networks
	assert_eq "$(ctl --json cast show tv | jq '.receivers | length')" 3 "receivers"
	sed -i '/vethb/d; /more/d; /8080/d' /etc/ecswitch/ecswitch.conf
	kill -HUP $SWITCH_PID
	assert_soon 5 same eval 'ctl --json cast show tv | jq ".receivers | length"' = 2
	assert_known_on
	load_end
	assert_counted_on
}

run_tests "$@"
