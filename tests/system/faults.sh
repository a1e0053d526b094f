#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What can be wrong with the machine: each is a clear line and nothing half done, or the switch
# does without. And what may happen to links while no daemon runs.
. "$(dirname "$0")/../lib/system.bash"
. "$TOP/tests/lib/nat.bash"
. "$TOP/tests/lib/load.bash"

TEST_TIMEOUT=240
PINS=/sys/fs/bpf/ecswitch/main

switch_with_vms()
{
	switch_config <<- 'END'
		network add net
		match add veth* network net
	END
	switch_start
	vm_new a 11
	vm_new b 12
	wait_port vetha vethb
	must ping4 a 12
}

# refuses REGEX [COMMAND...]: the daemon ends at once, with status 1 and one line that says why.
refuses()
{
	local want=$1 out status

	shift
	out=$("$@" timeout 10 "$ECSWITCHD" 2>&1)
	status=$?
	assert_eq "$status" 1 "exit status, with '$out'"
	assert_match "$(tail -n 1 <<< "$out")" "$want" "the daemon's word"
	assert_eq "$(grep -c error: <<< "$out")" 1 "lines of errors in '$out'"
}

test_bpffs_that_is_not_mounted()
{
	must umount /sys/fs/bpf
	refuses "mount -t bpf bpf /sys/fs/bpf"
	must mount -t bpf bpf /sys/fs/bpf
	switch_with_vms
}

test_run_that_is_read_only()
{
	mkdir "$WORK/ro"
	must mount --bind "$WORK/ro" /run/netns
	must mkdir -p /run/ecswitch
	must mount -t tmpfs -o ro tmpfs /run/ecswitch
	refuses "cannot open /run/ecswitch/main.lock: Read-only file system"
	assert_eq "$(find /sys/fs/bpf -mindepth 1 ! -name '*.debug')" "" "what is pinned"
}

test_map_of_a_stranger_is_named_and_kept_until_detach()
{
	switch_with_vms
	switch_kill
	must rm "$PINS/ecs_stats"
	must bpftool map create "$PINS/ecs_stats" type hash key 4 value 4 entries 4 name stranger
	refuses "$PINS/ecs_stats is not a map of ours; remove it"
	assert ping4 a 12
	assert bpftool map show pinned "$PINS/ecs_stats"
	must rm "$PINS/ecs_stats"
	switch_start
	assert ping4 a 12
	switch_kill
	must rm "$PINS/ecs_stats"
	must bpftool map create "$PINS/ecs_stats" type hash key 4 value 4 entries 4 name stranger
	must "$ECSWITCHD" --detach
	assert_eq "$(find /sys/fs/bpf -mindepth 1 ! -name '*.debug')" "" "what is pinned"
}

pinned()
{
	find /sys/fs/bpf -mindepth 1 ! -name '*.debug'
}

attached()
{
	bpftool -j net show | jq '.[0] | [.tc[], .tcx[]?] | length'
}

# faulty COMMAND FROM ERRNO PROGRAM...: becomes the program, whose bpf() calls of that kind fail; see
# tests/lib/bpffault.c.
MAP_CREATE=0 PROG_LOAD=5 OBJ_PIN=6
ENOMEM=12 EINVAL=22
faulty()
{
	local set=("BPF_FAULT_COMMAND=$1" "BPF_FAULT_FROM=$2" "BPF_FAULT_ERRNO=$3")

	shift 3
	exec env "${set[@]}" "BPF_FAULT_LOG=$WORK/faults" "LD_PRELOAD=$TOOLS/bpffault.so" "$@"
}

test_kernel_without_btf_is_enough()
{
	must mount --bind /dev/null /sys/kernel/btf/vmlinux
	switch_with_vms
}

test_kernel_that_is_too_old_is_named()
{
	switch_config <<< "network add net"
	refuses "this is Linux 2.6.[0-9]+.*6.1 or later is needed" \
		faulty $PROG_LOAD 1 $EINVAL setarch --uname-2.6
	refuses "the kernel refused the BPF programs: Invalid argument .*ECSWITCH_LIBBPF_LOG" \
		faulty $PROG_LOAD 1 $EINVAL
	assert_eq "$(pinned)" "" "what is pinned"
}

test_switch_can_be_taken_down_where_its_programs_are_refused()
{
	switch_with_vms
	switch_kill
	must faulty $PROG_LOAD 3 $EINVAL "$ECSWITCHD" --detach # the first two are trials of libbpf's
	assert_eq "$(pinned)" "" "what is pinned"
	assert_eq "$(attached)" 0 "attached programs"
}

# each_shortage COMMAND CHECK [OPTIONS...]: the daemon starts with the first call of a kind failing,
# with the second one, and so on until all succeed; after each failure CHECK must hold.
each_shortage()
{
	local command=$1 check=$2 n pid

	shift 2
	for ((n = 1; n < 200; n++)); do
		rm -f "$WORK/faults"
		: > "$WORK/start-main"
		faulty "$command" $n $ENOMEM "$ECSWITCHD" "$@" 2> "$WORK/shortage.log" &
		pid=$!
		wait_until 10 switch_decides main $pid
		if ! gone $pid; then
			kill -9 $pid
			wait $pid
			[ -e "$WORK/faults" ] || break
			# A program without a pin is verified again, and that is all.
			assert_eq $command $OBJ_PIN "kind of a call that can be done without"
			assert_le "$(find $PINS -name "ecs_prog_*" | wc -l)" 1 "programs that are pinned"
			continue
		fi
		wait $pid
		assert_eq $? 1 "exit status when call $n failed, with $(cat "$WORK/shortage.log")"
		assert_match "$(cat "$WORK/shortage.log")" "no memory|Cannot allocate memory" "word on call $n"
		$check $n
	done
	echo "$((n - 1)) calls can fail"
	assert_ge $n 2 "calls that can fail"
	assert_le $n 199 "calls"
}

nothing_was_made() # CALL
{
	assert_eq "$(pinned)" "" "what is pinned after call $1 failed"
	assert_eq "$(attached)" 0 "attached programs after call $1 failed"
}

goes_on() # CALL
{
	ping4 a 12 -c 1 > "$WORK/ping.log" || fail "no forwarding after call $1 failed"
}

test_want_of_memory_at_the_first_start_leaves_nothing_behind()
{
	local command

	vm_new a 11
	vm_new b 12
	for command in $MAP_CREATE $PROG_LOAD $OBJ_PIN; do
		each_shortage $command nothing_was_made
		must "$ECSWITCHD" --detach
	done
	config_net
	switch_start
	wait_port vetha vethb
	assert ping4 a 12
}

test_want_of_memory_at_a_later_start_disturbs_nobody()
{
	local macs

	switch_with_vms
	macs=$(fdb_count net)
	switch_kill
	each_shortage $PROG_LOAD goes_on --fdb-size 4096
	each_shortage $MAP_CREATE goes_on --fdb-size 1024
	switch_start --fdb-size 2048
	assert_eq "$(fdb_count net)" "$macs" "addresses"
	assert ping4 a 12
	must ctl detach
	assert_eq "$(pinned)" "" "what is pinned"
}

test_want_of_memory_in_an_upgrade_disturbs_nobody_and_loses_nothing()
{
	local macs command

	switch_with_vms
	macs=$(fdb_count net)
	switch_kill
	for command in $OBJ_PIN $MAP_CREATE; do
		must bpftool map update pinned "$PINS/ecs_meta" key 0 0 0 0 value 1 0 0 0 0 0 0 0
		each_shortage $command goes_on
	done
	switch_start
	assert_eq "$(fdb_count net)" "$macs" "addresses"
	assert_eq "$(find $PINS -name 'ecs_old_*')" "" "maps that were set aside"
	must ctl detach
	assert_eq "$(pinned)" "" "what is pinned"
}

no_problems()
{
	[ "$(ctl --json status | jq -c .problems)" = "[]" ]
}

# After an overrun nobody knows what there is, and the kernel does not say.
test_links_that_cannot_be_listed_cost_nobody_his_port()
{
	local i

	config_net
	vm_new a 11
	vm_new b 12
	DUMP_FAULT=$WORK/fault LD_PRELOAD=$TOOLS/bpffault.so switch_start --netlink-buffer 4096
	wait_port vetha vethb
	pinger_start a 12
	touch "$WORK/fault"
	kill -STOP $SWITCH_PID
	for ((i = 0; i < 100; i++)); do
		echo "link set vetha alias name$i"
	done > "$WORK/alias.batch"
	must ip -batch "$WORK/alias.batch"
	kill -CONT $SWITCH_PID
	assert_soon 5 grep -q "warning: cannot list the links: .*, retrying" "$WORK/ecswitchd-main.log"
	assert_match "$(ctl --json status | jq -r ".problems[0]")" "cannot list the links" problem
	assert_eq "$(ctl --json port list | jq -c '[.[].state] | unique')" '["up"]' "states of ports"
	must ip addr add 10.1.0.1/24 dev lo # the list of addresses fails, too
	rm "$WORK/fault"
	assert_soon 10 no_problems
	vm_new c 13
	wait_port vethc
	pinger_end
	assert_eq "$LOST" 0 "lost pings"
}

test_capability_that_is_missing()
{
	local cap

	for cap in bpf net_admin perfmon; do
		refuses "CAP_BPF|CAP_NET_ADMIN|not permitted" setpriv --bounding-set "-$cap,-sys_admin" \
			--inh-caps "-$cap,-sys_admin"
	done
	assert_eq "$(bpftool -j net show | jq '.[0].tc | length')" 0 "attached programs"
}

test_three_capabilities_are_enough_from_the_start()
{
	local only=-all,+bpf,+net_admin,+perfmon

	mkdir -p /run/ecswitch
	lan_new
	switch_config <<- 'END'
		network add net uplink up0
		match add veth* network net
	END
	setpriv --bounding-set $only --inh-caps $only "$ECSWITCHD" 2>> "$WORK/ecswitchd-main.log" &
	SWITCH_PID=$!
	assert_soon 10 switch_answers main $SWITCH_PID
	vm_new a 11
	wait_port vetha
	assert ping4 a 2
}

caps_of() # PID SET
{
	sed -n "s/^$2:\t0*//p" "/proc/$1/status"
}

test_running_daemon_keeps_three_capabilities_and_does_its_work()
{
	local set

	lan_new
	switch_with_vms
	for set in CapPrm CapEff CapBnd; do
		assert_eq "$(caps_of $SWITCH_PID $set)" c000001000 "$set" # bpf, perfmon, net_admin
	done
	assert_eq "$(caps_of $SWITCH_PID NoNewPrivs)" 1 "no new privileges"
	assert_eq "$(caps_of $SWITCH_PID Seccomp)" 2 "mode of seccomp: a filter"
	must ctl network set net uplink up0
	must ctl network set net gateway 10.0.0.9/24
	must ctl fdb add 02:00:00:00:00:99 vetha
	assert ping4 a 2
	assert ping4 a 9
	must ctl network add nat gateway 10.9.0.1/24
	must ctl save
	must ctl reload
	assert ping4 a 2
	switch_stop
	switch_start --fdb-size 1024
	assert ping4 a 2
	must ctl detach
	assert_eq "$(find /sys/fs/bpf -mindepth 1 ! -name '*.debug')" "" "what is pinned"
	assert_eq "$(tc qdisc show | grep clsact)" "" "qdiscs"
	assert_fails ip link show ecs-net
}

test_second_instance_is_refused_the_uplink_of_the_first()
{
	local first

	lan_new
	switch_config <<< "network add net uplink up0"
	switch_start
	wait_port up0
	first=$SWITCH_PID
	echo "network add net uplink up0" > /etc/ecswitch/two.conf
	switch_start -i two
	assert_match "$(ctl -i two --json status | jq -c .problems)" "another ecswitch instance|ecswitch:main:" problems
	switch_kill
	must "$ECSWITCHD" -i two --detach
	assert_soon 2 alive "$first"
	wait_port up0
}

test_full_disk_loses_no_configuration()
{
	local i

	must mount -t tmpfs -o size=16k,nr_inodes=20 tmpfs /etc/ecswitch
	switch_with_vms
	dd if=/dev/zero of=/etc/ecswitch/fill bs=1k count=100 2> "$WORK/dd.log"
	for ((i = 0; i < 60; i++)); do
		echo "network add net$i"
	done > "$WORK/many"
	must ctl batch "$WORK/many"
	assert_match "$(ctl save 2>&1)" "No space left.*old file is unchanged" "word of save"
	assert_eq "$(wc -l < /etc/ecswitch/ecswitch.conf)" 2 "lines of the file"
	assert_eq "$(find /etc/ecswitch -type f | wc -l)" 2 "files"
	rm /etc/ecswitch/fill
	must ctl save
	assert_eq "$(grep -c '^network add' /etc/ecswitch/ecswitch.conf)" 61 "networks in the file"
	assert ping4 a 12
}

test_full_run_lets_commands_work_and_says_what_is_lost()
{
	must mkdir -p /run/ecswitch
	must mount -t tmpfs -o size=4k,nr_inodes=20 tmpfs /run/ecswitch
	switch_with_vms
	dd if=/dev/zero of=/run/ecswitch/fill bs=1k count=100 2> "$WORK/dd.log"
	must ctl network add more
	assert grep -q "will not outlive this daemon: .*No space left" "$WORK/ecswitchd-main.log"
	assert ping4 a 12
}

test_running_file_that_is_broken_falls_back_to_the_configuration()
{
	switch_with_vms
	must ctl network add more
	switch_kill
	sed -i '2,$s/^/rubbish /' /run/ecswitch/main.running
	switch_start
	assert grep -q "what commands had changed is lost" "$WORK/ecswitchd-main.log"
	assert_eq "$(ctl --json network list | jq -r '.[].name' | xargs)" net networks
	switch_kill
	rm /run/ecswitch/main.running
	mkdir /run/ecswitch/main.running
	switch_start
	assert ping4 a 12
}

test_error_in_the_configuration_ends_the_daemon_and_not_the_switch()
{
	local before

	switch_config <<< "network ad net"
	refuses "ecswitch.conf:1: "
	assert_eq "$(pinned)" "" "what is pinned"
	switch_with_vms
	assert_match "$("$ECSWITCHD" --detach 2>&1)" "is running already.*ecswitchctl detach" "word of --detach"
	switch_kill
	before=$(bpftool -j map dump pinned $PINS/ecs_ports | md5sum)
	echo "network ad net" >> /etc/ecswitch/ecswitch.conf
	refuses "ecswitch.conf:3: "
	assert ping4 a 12
	assert_eq "$(bpftool -j map dump pinned $PINS/ecs_ports | md5sum)" "$before" "ports in the map"
	sed -i '$d' /etc/ecswitch/ecswitch.conf
	switch_start
	assert ping4 a 12
	echo "network ad net" >> /etc/ecswitch/ecswitch.conf
	assert_match "$(ctl reload 2>&1)" "ecswitch.conf:3: " "word of reload"
	kill -HUP $SWITCH_PID
	assert_soon 2 grep -q "reload: .*running configuration is unchanged" "$WORK/ecswitchd-main.log"
	assert ping4 a 12
}

test_log_that_nobody_reads()
{
	local i

	switch_config <<- 'END'
		network add net
		match add veth* network net
	END
	mkfifo "$WORK/log"
	exec 9<> "$WORK/log" # held open, and never read
	"$ECSWITCHD" --log-level debug 2>&9 &
	SWITCH_PID=$!
	assert_soon 10 switch_answers main $SWITCH_PID
	ns_new_silent far
	for i in 1 2 3; do
		many_veths far veth 200
		many_del veth 200
	done
	vm_new a 11
	vm_new b 12
	wait_port vetha vethb
	assert ping4 a 12
}

test_clients_that_hang_disturb_nobody()
{
	local i

	switch_with_vms
	for ((i = 0; i < 20; i++)); do
		start "hung$i" @ socat -u EXEC:"sleep 60" UNIX-CONNECT:/run/ecswitch/main.sock
	done
	# One that asks on and on and reads nothing.
	start deaf @ bash -c 'while :; do echo "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"port.list\"}"
		done | socat -u - UNIX-CONNECT:/run/ecswitch/main.sock'
	vm_new c 13
	wait_port vethc
	assert ping4 a 13
	assert ctl --timeout 3 port list
}

test_uplink_that_appears_later()
{
	switch_config <<- 'END'
		network add net uplink up0
		match add veth* network net
	END
	switch_start
	vm_new a 11
	wait_port vetha
	assert_eq "$(ctl --json port show up0 | jq -r .state)" waiting "state of the uplink"
	lan_new
	wait_port up0
	assert ping4 a 2
}

test_default_route_that_appears_later()
{
	switch_start
	vm_new a 11
	wait_port vetha
	lan_new
	must ip route add default via 10.0.0.2
	wait_port up0
	assert ping4 a 2
}

test_links_that_changed_while_no_daemon_ran()
{
	local index count

	lan_new
	switch_with_vms
	must ctl network set net uplink up0
	must ctl save
	vm_new c 13
	vm_new d 14
	vm_new e 15
	wait_port vethc vethd vethe up0
	pinger_start a 12
	switch_kill
	index=$(ifindex_of @ vethc)
	must ip link del vethc # and another one with its number and its name
	must ip link add vethc index "$index" type veth peer name eth1 netns /run/netns/b
	must ip link set vethc up
	must ip link set vethd down
	must ip link set vethd name vethz
	must ip link set vethz up
	must tc filter del dev vethe ingress
	must tc qdisc del dev vethe clsact
	must ip addr add 10.0.0.77/24 dev up0
	switch_start
	wait_port vethz vethe
	pinger_end
	assert_eq "$LOST" 0 "lost pings between ports that nothing happened to"
	assert no_port vethd
	assert ping4 a 14
	assert ping4 a 15
	assert ping4 a 77
	count=$(ip -j link | jq '[.[] | select(.ifname | test("^(up0|veth)"))] | length')
	assert_soon 2 same ports_up = $((count - 1)) # vethc has no carrier
	assert_eq "$(fdb_port net "$(mac_of e eth0)")" vethe "port of e"
	assert_eq "$(ctl --json status | jq -c .problems)" "[]" problems
}

# The number and the name of a link go to another one.
replace_link() # LINK NS
{
	local index

	index=$(ifindex_of @ "$1")
	must ip link del "$1"
	must ip link add "$1" index "$index" type veth peer name eth0 netns "/run/netns/$2"
	must ip link set "$1" up
	must ns "$2" ip link set eth0 up
}

test_nat_and_casts_are_right_after_changes_while_no_daemon_ran()
{
	local link pin

	LOAD_RATE=2000
	load_world
	for link in c d e; do
		ns_new $link
		veth_new $link veth$link
		must ctl cast to tv veth$link
	done
	wait_port vethc vethd vethe
	must ctl save
	load_start
	listen lan tcp 7000 'echo $SOCAT_PEERADDR'
	assert_eq "$(ask a tcp 10.0.0.2 7000)" 10.0.0.1 "address that the LAN sees"
	switch_kill
	replace_link vethc c
	must ip link set vethd down
	must ip link set vethd name vethz
	must ip link set vethz up
	must tc filter del dev vethe ingress
	must tc qdisc del dev vethe clsact # this stops the link's queue for a moment
	for pin in "$PINS"/ecs_link_*; do
		rm -f "$pin" # as somebody's bpftool link detach
	done
	counted_end send nat
	kill "$STREAM" # their address goes
	must ip addr del 10.0.0.1/24 dev up0
	must ip addr add 10.0.0.7/24 dev up0
	must ip route replace default via 10.0.0.2
	switch_start
	wait_port up0 vetha vethb vethc vethz vethe vethr1 vethr2
	assert_eq "$(ask a tcp 10.0.0.2 7000)" 10.0.0.7 "address that the LAN sees"
	assert_eq "$(ctl --json nat flows | jq '[.[] | select(.outside | startswith("10.0.0.1:"))] | length')" \
		0 "flows of the address that went"
	assert_eq "$(cast_state vethr1) $(cast_state vethr2)" "up up" "receivers that nothing happened to"
	assert_soon 5 same cast_state vethc = up
	assert_eq "$(cast_state vethe)" up "receiver whose filters went"
	assert_eq "$(cast_state vethd)" waiting "receiver whose link got another name"
	counted_end send vms tv
	counted_end receive vms all ref
	assert_all_arrived vms vms sent 500
	assert_all_arrived tv all sent 100
	assert_all_arrived tv ref ref 100
	assert_eq "$(ctl --json status | jq -c .problems)" "[]" problems
	assert_eq "$(map_links)" "$(switch_links)" "links in the maps"
}

cast_state() # LINK
{
	ctl --json cast show tv | jq -r ".receivers[] | select(.port == \"$1\") | .state"
}

# Links that the switch should know: its ports, and the hosts' ends of gateways.
switch_links()
{
	ip -j link | jq -r '.[] | select(.ifname | test("^(up0|veth|ecp-)")) | .ifindex' | sort -n | xargs
}

run_tests "$@"
