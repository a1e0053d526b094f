#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What is taken down is gone, and the machine is what it was.
. "$(dirname "$0")/../lib/system.bash"
. "$TOP/tests/lib/nat.bash"

TEST_TIMEOUT=$((240 + 100 * ${LIVES:-0}))

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

# Two configurations that have as little as possible in common, one at the daemon's place.
two_configurations()
{
	switch_config <<- 'END'
		network add vms uplink up0 gateway 10.77.0.1/24 gateway6 fd77::1/64 nat nat66
		network add tagged uplink up0 vlan 7 gateway 10.99.0.1/24
		match add veth? network vms
		nat forward add tcp 8080-8082 to 10.77.0.11:80 network vms
		patch add vethp1 vethp2
		cast add tv from vetha dst 239.1.1.1 port 5000
		cast to tv vethb
	END
	cp /etc/ecswitch/ecswitch.conf "$WORK/one"
	cat > "$WORK/two" <<- 'END'
		network add vms gateway 10.77.0.1/24
		network add other uplink up0 vlan 7 gateway 10.98.0.1/24
		match add veth? network other
		cast add tv from vethb dst 239.1.1.1 port 5000
		cast to tv vetha
	END
}

# dying STEP COMMAND...: what it starts ends, as by kill -9, before that step; see bpffault.c. 0: not.
dying()
{
	STEPS=$WORK/steps STEPS_MAX=$1 LD_PRELOAD=$TOOLS/bpffault.so "${@:2}"
}

# steps_of COMMAND...: sets $STEPS to how many there were until it or the daemon ended.
steps_of()
{
	: > "$WORK/steps"
	"$@" > "$WORK/step.log" 2>&1
	STEPS=$(stat -c %s "$WORK/steps")
	rm "$WORK/steps"
}

# Whatever the daemon died in, the next one makes of it what it should be.
assert_second_is_whole()
{
	local links='^(up0|veth[abs]|ecp-.*)$'

	wait_port up0 vetha vethb ecp-vms ecp-other
	assert_eq "$(map_links)" "$(ip -j link |
		jq -r ".[] | select(.ifname | test(\"$links\")) | .ifindex" | sort -n | xargs)" "links in the maps"
	assert_eq "$(ip -j link | jq -r '.[].ifname | select(startswith("ecs-"))' | sort | xargs)" \
		"ecs-other ecs-vms" gateways
	assert_eq "$(ctl --json status | jq -c .problems)" "[]" problems
}

# A life in which the daemon dies at a start, in a change and in detach; 0: it does not. Sets how many
# steps there were.
life() # STEP-OF-START STEP-OF-CHANGE STEP-OF-DETACH
{
	cp "$WORK/one" /etc/ecswitch/ecswitch.conf
	if [ "$1" -ne 0 ]; then
		steps_of dying "$1" "$ECSWITCHD"
		dying "$2" switch_start
	else
		steps_of dying 0 switch_start
		START_STEPS=$STEPS
	fi
	wait_port up0 vetha vethb
	steps_of ctl apply "$WORK/two"
	CHANGE_STEPS=$STEPS
	kill -9 "$SWITCH_PID" 2> "$WORK/kill.log"
	wait "$SWITCH_PID"
	cp "$WORK/two" /etc/ecswitch/ecswitch.conf
	dying "$3" switch_start
	assert_second_is_whole
	steps_of ctl detach
	DETACH_STEPS=$STEPS
	wait "$SWITCH_PID"
	must "$ECSWITCHD" --detach
	machine > "$WORK/after"
	assert_eq "$(diff "$WORK/before" "$WORK/after")" "" "what is left after deaths at $*"
}

# All steps: LIVES=300 tests/system/detach.sh test_kill_…
test_kill_at_any_step_of_a_start_a_change_and_detach_leaves_nothing()
{
	local start change detach i lives=${LIVES:-2}

	machine_make
	two_configurations
	life 0 0 0
	start=$START_STEPS change=$CHANGE_STEPS detach=$DETACH_STEPS
	echo "$start steps of a start, $change of a change, $detach of detach"
	for ((i = 0; i < lives; i++)); do
		life $((1 + (start * i + RANDOM % start) / lives)) \
			$((1 + (change * i + RANDOM % change) / lives)) \
			$((1 + (detach * i + RANDOM % detach) / lives))
	done
}

run_tests "$@"
