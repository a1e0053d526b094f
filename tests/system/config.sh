#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Configuration: what is wrong is told with file, line, word and remedy, and changes nothing.
. "$(dirname "$0")/../lib/system.bash"

running()
{
	ctl --json network list | jq 'map(del(.fdb))' && ctl --json match list && ctl --json patch list &&
		ctl --json port list | jq 'map({name, network, state, manual})'
}

# A switch with something to lose.
base_new()
{
	lan_new
	switch_config <<-END
	network add lan uplink up0
	match add veth* network lan
	END
	switch_start
	vm_new a 11
	wait_port vetha up0
	BEFORE=$(running)
}

# refused REGEX COMMAND...: exit status 1 or 2, one line that matches, and nothing changed.
refused()
{
	local regex=$1 out rc

	shift
	out=$(ctl "$@" 2>&1)
	rc=$?
	[ $rc -eq 1 ] || [ $rc -eq 2 ] || fail "$*: exit status $rc, wanted 1 or 2: $out"
	assert_eq "$(wc -l <<< "$out")" 1 "lines of the error of: $* ($out)"
	assert_match "$out" "$regex" "error of: $*"
	assert_eq "$(running)" "$BEFORE" "running state after: $*"
}

# refused_file REGEX < FILE: by apply, and by batch.
refused_file()
{
	cat > bad.conf
	refused "$1" apply bad.conf
}

test_wrong_commands_name_the_word_and_change_nothing()
{
	base_new
	refused 'unknown command "frobnicate"' frobnicate
	refused 'did you mean "add"' network ad x
	refused 'NAME is missing' network add
	refused '"4095" is no value' network add x uplink up0 vlan 4095
	refused '"zz:zz" is no value for MAC' fdb add zz:zz vetha
	refused 'no/such' port add no/such network lan
	refused 'bogus' network add x bogus 5
	refused 'lan exists' network add lan
	refused 'nosuch' match add t* network nosuch
	refused 'nosuch' network del nosuch
	refused 'nosuch' match del nosuch
	refused 'nosuch' patch del nosuch
	refused 'nosuch' port show nosuch
}

test_absent_links_are_refused_by_name()
{
	base_new
	refused '"nosuch0".*no such link' network add x uplink nosuch0
	refused '"nosuch0".*create it first' port add nosuch0 network lan
	refused '"nosuch0".*create it first' fdb add 02:00:00:00:00:99 nosuch0
	refused '"lo".*(loopback|Ethernet)' port add lo network lan
}

test_one_uplink_carries_an_untagged_network_once()
{
	base_new
	refused 'up0.*lan' network add second uplink up0
	must ctl network add red uplink up0 vlan 20
	BEFORE=$(running)
	refused 'vlan 20.*red' network add blue uplink up0 vlan 20
	refused 'uplink' network add green vlan 30
}

test_both_ends_of_a_veth_pair_are_refused()
{
	base_new
	must ip link add p0 type veth peer name p1
	must ctl port add p0 network lan
	BEFORE=$(running)
	refused '"p1".*peer p0.*loop' port add p1 network lan
	refused 'p1' patch add p1 vetha
	must ctl port del p0
	BEFORE=$(running)
	refused '"p1".*loop|"p0".*loop' patch add p0 p1
}

test_a_network_in_use_is_not_deleted()
{
	base_new
	refused 'lan is in use.*match del veth' network del lan
}

test_errors_in_files_name_the_line()
{
	base_new
	refused_file 'bad.conf:2: .*"addd"' <<-END
	network add x
	network addd y
	END
	refused_file 'bad.conf:3: .*x exists' <<-END
	network add x

	network add x # twice
	END
	refused_file 'bad.conf:2: .*"nosuch0"' <<-END
	network add x
	port add nosuch0 network x
	END
	refused_file 'bad.conf:1: .*uplink.*twice|bad.conf:1: .*again' <<-END
	network add x uplink up0 uplink vetha
	END
	refused_file 'bad.conf:1: ' <<< 'show'
	refused_file 'bad.conf:1: ' <<< 'network add "x'
	printf 'network add x\0y\n' | refused_file 'bad.conf:1: .*NUL'
	head -c 5000 /dev/zero | tr '\0' x | refused_file 'bad.conf:1: '
	refused 'No such file' apply nosuch.conf
}

test_check_needs_no_daemon()
{
	printf 'network add x\nport add y network x\n' > good.conf
	assert ctl check good.conf
	printf 'network add x\nnetwork add x\n' > bad.conf
	assert_match "$(ctl check bad.conf 2>&1)" 'bad.conf:2: .*x exists'
	assert_fails ctl check bad.conf
}

test_apply_is_all_or_nothing()
{
	base_new
	must ip link add p0 type veth peer name eth1 netns a
	cat > new.conf <<-END
	network add lan uplink up0
	match add veth* network lan
	network add other
	port add p0 network other
	END
	assert ctl apply new.conf
	assert_eq "$(ctl --json port show p0 | jq -r .network)" other
	# What the file does not say goes; what it says stays as it is.
	printf 'network add lan uplink up0\nmatch add veth* network lan\n' > new.conf
	must ping4 lan 11
	assert ctl apply new.conf
	assert_eq "$(running)" "$BEFORE"
	assert_eq "$(ctl --json stats vetha | jq '.[0].rx_packets > 0')" true "counters of a port that stayed"
}

test_batch_adds_to_what_runs()
{
	base_new
	printf 'network add x\nnetwork add y\n' | must ctl batch -
	assert_eq "$(ctl --json network list | jq -r '[.[].name] | join(" ")')" "lan x y"
	BEFORE=$(running)
	printf 'network add z\nnetwork add x\n' > bad.conf
	refused 'bad.conf:2: .*x exists' batch bad.conf
}

test_save_and_reload_give_the_same_switch()
{
	base_new
	must ctl network add red uplink up0 vlan 20 ageing 60 fdb-limit 100
	must ctl fdb add 02:00:00:00:00:99 vetha
	must ctl patch add p8 p9 oneway
	BEFORE=$(running)
	assert ctl save
	must ctl network del red
	must ctl patch del p8
	assert ctl reload
	assert_eq "$(running)" "$BEFORE"
	assert_eq "$(fdb_port lan 02:00:00:00:00:99)" vetha
}

test_a_save_that_fails_leaves_the_old_file()
{
	base_new
	mkdir small
	must mount -t tmpfs -o size=8k tmpfs small
	printf 'network add old\n' > small/file.conf
	dd if=/dev/zero of=small/filler bs=4k count=8 2> /dev/null
	assert_fails ctl save "$PWD/small/file.conf"
	assert_eq "$(cat small/file.conf)" "network add old"
	assert_eq "$(ls small | wc -l)" 2 "files left behind"
}

test_dry_run_tells_and_changes_nothing()
{
	base_new
	assert_match "$(ctl --dry-run match del 'veth*')" 'release vetha'
	assert_match "$(ctl --dry-run network add x)" 'create network x'
	assert_match "$(ctl --dry-run save "$PWD/dry.conf")" "write $PWD/dry.conf"
	[ ! -e dry.conf ] || fail "--dry-run save wrote the file"
	printf 'network add y\n' > new.conf
	assert_match "$(ctl --dry-run apply new.conf)" 'release up0'
	assert_eq "$(running)" "$BEFORE"
	assert ping4 lan 11
}

test_if_needed_makes_add_and_del_idempotent()
{
	base_new
	assert ctl network add x --if-needed
	assert ctl network add x --if-needed
	assert_fails ctl network add x
	assert ctl network del x --if-needed
	assert ctl network del x --if-needed
	assert_eq "$(running)" "$BEFORE"
}

test_without_a_file_the_default_routes_device_is_the_uplink()
{
	lan_new
	must ip route add default via 10.0.0.2
	switch_start
	assert_eq "$(ctl --json network list | jq -r '.[0].uplink')" up0
	vm_new a 11
	vm_new b 12 tap
	wait_port vetha tapb
	assert ping4 lan 11
	assert ping4 lan 12
	assert ping4 @ 11
}

test_without_a_file_a_default_route_that_comes_later_is_found()
{
	lan_new
	switch_start
	assert_eq "$(ctl --json network list | jq -r '.[0].uplink')" auto
	assert_match "$(ctl show)" "no default route yet"
	must ip route add default via 10.0.0.2
	assert_soon 5 port_is up0 up
	switch_kill
	must ip route del default
	switch_start
	assert port_is up0 up
}

test_uplink_auto_is_the_default_routes_device()
{
	lan_new
	echo "network add lan" > /etc/ecswitch/ecswitch.conf
	switch_start
	assert ctl network add dmz uplink auto vlan 20
	assert_eq "$(ctl --json network list | jq -r '.[1].uplink')" auto
	must ip route add default via 10.0.0.2
	assert_soon 5 port_is up0 up
	assert_match "$(ctl --dry-run network set lan uplink auto)" "change network lan" "plan"
	assert ctl network set lan uplink auto
	assert_eq "$(ctl --json network list | jq -r '[.[].uplink] | join(" ")')" "up0 up0"
	assert_match "$(ctl network add more uplink auto 2>&1)" "up0 untagged already belongs to network lan"
	assert ctl network del lan
	assert ctl network del dmz
	must ip route del default
	must ctl network add lan uplink up0
	must ctl network add later uplink auto
	must ip route add default via 10.0.0.2
	assert_soon 5 grep -q "up0 untagged already belongs to network lan.*retrying" "$WORK/ecswitchd-main.log"
	assert ctl network set later uplink none
	assert_soon 5 grep -q "uplink: recovered" "$WORK/ecswitchd-main.log"
}

test_reload_without_a_file_is_the_configuration_of_the_package()
{
	lan_new
	must ip route add default via 10.0.0.2
	switch_start
	must ctl network add mine
	assert ctl reload
	assert_eq "$(ctl --json network list | jq -r '[.[] | .name + " " + .uplink] | join(" ")')" "default up0"
	cp "$TOP/packaging/ecswitch.conf" /etc/ecswitch/
	assert ctl reload
	assert_eq "$(ctl --json network list | jq -r '[.[] | .name + " " + .uplink] | join(" ")')" "default up0"
}

test_a_broken_file_at_start_is_refused_and_the_kernel_forwards_on()
{
	base_new
	vm_new b 12
	wait_port vethb
	switch_kill
	echo "network addd x" > /etc/ecswitch/ecswitch.conf
	out=$("$ECSWITCHD" 2>&1) && fail "a broken file was taken"
	assert_match "$out" 'ecswitch.conf:1: '
	assert ping4 a 12
	assert ping4 lan 11
}

test_unsaved_changes_outlive_a_crash_and_an_edited_file_wins()
{
	base_new
	must ctl network add unsaved
	switch_kill
	switch_start
	assert_eq "$(ctl --json network list | jq -r '[.[].name] | join(" ")')" "lan unsaved"
	switch_kill
	echo "network add edited" >> /etc/ecswitch/ecswitch.conf
	switch_start
	assert_eq "$(ctl --json network list | jq -r '[.[].name] | join(" ")')" "lan edited"
}

test_sighup_reloads_and_keeps_what_runs_if_the_file_is_broken()
{
	base_new
	echo "network add more" >> /etc/ecswitch/ecswitch.conf
	kill -HUP $SWITCH_PID
	assert_soon 5 same eval 'ctl --json network list | jq length' = 2
	echo "nonsense" >> /etc/ecswitch/ecswitch.conf
	kill -HUP $SWITCH_PID
	assert_soon 5 grep -q 'ecswitch.conf:4: ' "$WORK/ecswitchd-main.log"
	assert_eq "$(ctl --json network list | jq length)" 2
	assert ping4 lan 11
}

test_save_replaces_nothing_but_a_file_and_keeps_its_mode()
{
	local conf=/etc/ecswitch/ecswitch.conf

	mv $conf /etc/ecswitch/real.conf 2> /dev/null || touch /etc/ecswitch/real.conf
	ln -s real.conf $conf
	chmod 640 /etc/ecswitch/real.conf
	mknod "$WORK/null" c 1 3
	switch_start
	must ctl network add saved
	assert_match "$(ctl save "$WORK/null" 2>&1)" "no regular file" "word on a device"
	assert_eq "$(stat -c %F "$WORK/null")" "character special file" "the device"
	mkdir "$WORK/folder"
	assert_match "$(ctl save "$WORK/folder" 2>&1)" "no regular file" "word on a folder"
	assert_match "$(ctl save /proc/x 2>&1)" "cannot write beside /proc/x" "word where no file can be"
	assert ctl save
	assert test -L $conf
	assert grep -q "network add saved" /etc/ecswitch/real.conf
	assert_eq "$(stat -c %a /etc/ecswitch/real.conf)" 640 "mode of the file"
}

test_file_that_is_named_from_here_is_saved_and_reloaded()
{
	echo "network add lan" > "$WORK/my.conf"
	switch_start -c my.conf
	must ctl network add saved
	assert ctl save
	assert grep -q "network add saved" "$WORK/my.conf"
	assert ctl reload
}

test_file_that_was_edited_before_a_command_holds_at_the_next_start()
{
	echo "network add net" > /etc/ecswitch/ecswitch.conf
	switch_start
	echo "network add edited" >> /etc/ecswitch/ecswitch.conf
	must ctl network add told
	switch_stop
	switch_start
	assert_eq "$(ctl --json network list | jq -c '[.[].name]')" '["net","edited"]' networks
	must ctl network add told
	switch_stop
	switch_start
	assert_eq "$(ctl --json network list | jq -c '[.[].name]')" '["net","edited","told"]' networks
}

run_tests "$@"
