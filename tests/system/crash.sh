#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What outlives the daemon: a crash at any moment, an upgrade to maps of another ABI, and what is
# left after detach.
. "$(dirname "$0")/../lib/system.bash"
TEST_TIMEOUT=180

PINS=/sys/fs/bpf/ecswitch/main

# The machines a and b, the LAN host behind the uplink, and traffic from a to the LAN.
switch_with_traffic()
{
	switch_config <<- 'END'
		network add net uplink up0
		match add veth* network net
	END
	lan_new
	switch_start
	vm_new a 11
	vm_new b 12
	wait_port vetha vethb
	must ping4 a 12
	must ping4 a 2
}

# Numbers of the programs on the VMs' links.
programs()
{
	bpftool -j net show | jq -c '[.[0].tc[] | .prog_id // .id] | unique'
}

# A start without the kernel's verifier takes a tenth of the time.
test_daemon_of_the_same_build_goes_on_with_the_programs_that_run()
{
	local before

	switch_with_traffic
	before=$(programs)
	switch_kill
	switch_start
	assert_eq "$(programs)" "$before" "programs after a crash"
	vm_new c 13
	wait_port vethc
	assert_eq "$(programs)" "$before" "programs with a new port"
	switch_kill
	switch_start --fdb-size 2048
	[ "$(programs)" != "$before" ] || fail "the programs are still on the old FDB"
	before=$(programs)
	switch_kill
	must rm "$(find $PINS -name 'ecs_prog_*_from_port')"
	switch_start --fdb-size 2048
	[ "$(programs)" != "$before" ] || fail "the kernel was not asked again"
	assert_eq "$(find $PINS -name 'ecs_prog_*' | wc -l)" 2 "pinned programs"
	assert ping4 a 12
	assert ping4 a 2
	must ctl detach
	assert_nothing_left vetha vethb vethc up0
}

# Maps of another version; the layout is ours, and the daemon cannot know that.
set_abi() # VERSION
{
	must bpftool map update pinned "$PINS/ecs_meta" key 0 0 0 0 value "$1" 0 0 0 0 0 0 0
}

abi()
{
	bpftool -j map dump pinned "$PINS/ecs_meta" | jq '.[0].formatted.value.abi'
}

old_pins()
{
	find "$PINS" -name 'ecs_old_*' | wc -l
}

# Nothing is left of what ecswitch ever made.
assert_nothing_left() # LINK...
{
	local link

	assert_eq "$(find /sys/fs/bpf -mindepth 1 ! -name '*.debug')" "" "what is pinned"
	for link in "$@"; do
		assert_eq "$(tc qdisc show dev "$link" | grep clsact)" "" "qdisc of $link"
		assert_eq "$(bpftool net show dev "$link" | grep ecs_)" "" "programs on $link"
	done
	assert_eq "$(find /run/ecswitch -name '*.running' -o -name '*.reserved')" "" "files"
}

test_upgrade_from_another_abi_loses_no_frame_and_keeps_what_was_learned()
{
	local version mac macs

	switch_with_traffic
	version=$(abi)
	mac=$(mac_of a eth0)
	macs=$(fdb_count net)
	must ctl network set net ageing 299
	switch_kill
	set_abi 1
	pinger_start a 2
	switch_start
	pinger_end
	assert_eq "$LOST" 0 "lost pings"
	assert_eq "$(abi)" "$version" "ABI of the maps"
	assert_eq "$(old_pins)" 0 "maps that were set aside"
	assert_eq "$(fdb_port net "$mac")" vetha "port of a learned address"
	assert_eq "$(fdb_count net)" "$macs" "addresses"
	assert_eq "$(ctl --json network list | jq '.[0].ageing')" 299 "what a command had set"
	assert ping4 a 12
	must ctl detach
	assert_nothing_left vetha vethb up0
}

# Cut off after N of the maps were set aside.
set_aside() # N
{
	local map

	for map in $(cd $PINS && ls -d ecs_* | grep -v 'ecs_link_\|ecs_prog_\|ecs_meta' | head -n "$1") \
		$([ "$1" -lt 99 ] || echo ecs_meta); do
		must mv "$PINS/$map" "$PINS/ecs_old_${map#ecs_}"
	done
}

test_upgrade_that_was_cut_off_is_done_again()
{
	local n version

	switch_with_traffic
	version=$(abi)
	for n in 1 4 99; do
		switch_kill
		set_abi 1
		set_aside $n
		switch_start
		assert_eq "$(abi)" "$version" "ABI of the maps after a cut at $n"
		assert_eq "$(old_pins)" 0 "maps that were set aside after a cut at $n"
		assert_eq "$(map_links)" "$(printf '%s\n' $(ifindex_of @ up0) $(ifindex_of @ vetha) \
			$(ifindex_of @ vethb) | sort -n | xargs)" "links in the maps"
		assert ping4 a 2
	done
	switch_kill
	set_aside 5 # by a daemon of another version, and now ours is back
	switch_start
	assert_eq "$(old_pins)" 0 "maps that were set aside"
	assert ping4 a 12
	must ctl detach
	assert_nothing_left vetha vethb up0
}

test_downgrade_is_refused_and_the_kernel_forwards_on()
{
	switch_with_traffic
	switch_kill
	set_abi 99
	assert_match "$("$ECSWITCHD" 2>&1)" "ABI 99 .*--detach" "the daemon's word"
	assert ping4 a 12
	assert ping4 a 2
	assert_eq "$(abi)" 99 "ABI of the maps"
	must "$ECSWITCHD" --detach
	assert_nothing_left vetha vethb up0
}

test_detach_leaves_nothing_though_pins_are_missing()
{
	local map

	switch_with_traffic
	switch_kill
	for map in ecs_fdb ecs_meta ecs_networks ecs_flood; do
		must rm "$PINS/$map"
	done
	must "$ECSWITCHD" --detach
	assert_nothing_left vetha vethb up0
	switch_start
	wait_port vetha vethb
	assert ping4 a 12
	assert ping4 a 2
}

test_detach_twice_and_without_a_switch()
{
	must "$ECSWITCHD" --detach
	assert_nothing_left
	switch_with_traffic
	must ctl detach
	assert_nothing_left vetha vethb up0
	must "$ECSWITCHD" --detach
	assert_nothing_left vetha vethb up0
}

# Links that come and go until the file ends; an address is learned on each.
storm()
{
	local i=0

	while [ -e "$WORK/storm" ]; do
		i=$((i + 1))
		ip link add "p$i" type veth peer name "q$i" netns /run/netns/far
		ip link set "p$i" up
		[ $((i % 2)) -eq 0 ] || ip link set "p$i" name "px$i"
		[ $i -le 4 ] || ip link del "p$((i - 4))" || ip link del "px$((i - 4))"
	done
} > "$WORK/storm.log" 2>&1

wanted_links()
{
	ip -j link | jq -r '.[] | select(.ifname | test("^(p|veth)")) | .ifindex' | sort -n | xargs
}

maps_are_right()
{
	[ "$(map_links)" = "$(wanted_links)" ]
}

test_100_kills_in_a_storm_of_links_leave_nothing_stale()
{
	local i pid

	silence
	switch_config <<- 'END'
		network add net
		match add p* network net
		match add veth* network net
	END
	ns_new_silent far
	vm_new a 11
	vm_new b 12
	touch "$WORK/storm"
	storm &
	pid=$!
	for ((i = 0; i < 100; i++)); do
		"$ECSWITCHD" 2>> "$WORK/ecswitchd-main.log" &
		SWITCH_PID=$!
		sleep "0.$(printf %03d $((RANDOM % 400)))" # the moment is the point
		switch_kill
	done
	rm "$WORK/storm"
	wait $pid
	switch_start
	assert_soon 5 maps_are_right
	wait_port vetha vethb
	assert ping4 a 12
	assert_eq "$(ctl --json status | jq -c .problems)" "[]" "problems"
	must ctl detach
	assert_nothing_left vetha vethb
}

run_tests "$@"
