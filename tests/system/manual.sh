#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The examples of the manual pages do what they say, and completion knows what there is.
. "$(dirname "$0")/../lib/system.bash"

# Runs every example of a page, one after the other, in the shell that it was written for.
run_examples() # PAGE
{
	local number=0 line text= inside=

	while IFS= read -r line; do
		if [ "$line" = '```' ] && [ -z "$inside" ]; then
			inside=1
			text=
		elif [ "$line" = '```' ]; then
			inside=
			number=$((number + 1))
			assert bash -euo pipefail -c "$text"
		elif [ -n "$inside" ]; then
			text+=$line$'\n'
		fi
	done < <(sed -n '/^# EXAMPLES/,/^# SEE ALSO/p' "$TOP/docs/$1.scd")
	[ $number -gt 0 ] || fail "$1 has no examples"
}

# What the examples take for granted: an uplink eth0, links of machines, and the tools in PATH.
machine_with_eth0()
{
	local link

	PATH=$(dirname "$ECSWITCHD"):$(dirname "$ECSWITCHCTL"):$PATH
	ns_new lan
	veth_new lan eth0
	addr_add @ eth0 1
	for link in sensor0 vm0 vm1; do
		ns_new "$link"
		veth_new "$link" "$link"
	done
	switch_config <<- END
		network add vms
		match add vm* network vms
		match add sensor* network vms
	END
	switch_start
	wait_port vm0 vm1 sensor0
}

test_examples_of_ecswitchctl_work()
{
	machine_with_eth0
	printf 'network add lan uplink eth0\nmatch add vm* network lan\n' > new.conf
	run_examples ecswitchctl.8
	assert_eq "$(ctl --json network list | jq -c '[.[].name] | sort')" '["inside","lan","vms"]' networks
	assert_eq "$(ctl --json nat list | jq -r '.[0].forwards[0].to')" 10.77.0.10:80 "forward"
	assert_eq "$(ctl --json cast show cam | jq -c '[.receivers[].policy]')" '["all","key"]' "receivers"
	assert grep -q 'match add vnet\* network lan kind tap' /etc/ecswitch/ecswitch.conf
}

test_examples_of_ecswitchd_work_and_leave_nothing()
{
	machine_with_eth0
	run_examples ecswitchd.8
	assert grep -qF 'match add lab-* network lab' /etc/ecswitch/lab.conf
	assert_fails ls /sys/fs/bpf/ecswitch/lab
	assert_eq "$(ctl --json network list | jq -r '.[].name')" vms "networks of the other switch"
}

test_examples_of_the_overview_work_and_leave_nothing()
{
	machine_with_eth0
	run_examples ecswitch.7
	assert_eq "$(ctl --json network list | jq -r '.[].name')" vms networks
	assert_eq "$(ctl --json port list | jq -c '[.[].name] | sort')" '["sensor0","vm0","vm1"]' ports
}

# complete WORD...: what bash would offer for the last word.
complete_words()
{
	local COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()

	_ecswitchctl
	echo "${COMPREPLY[*]}"
}

test_completion_in_bash_knows_interfaces_networks_casts_and_ports()
{
	local mac

	machine_with_eth0
	must ctl cast add cam from sensor0 dst 239.1.1.1 port 5004
	must ctl network add dmz uplink eth0
	complete() { :; } # as it is without a terminal
	. "$TOP/packaging/ecswitchctl.bash"
	assert_eq "$(complete_words ecswitchctl cast show "")" cam casts
	assert_eq "$(complete_words ecswitchctl cast to cam vm)" "vm0 vm1" "ports of a cast"
	assert_eq "$(complete_words ecswitchctl cast add x from sens)" sensor0 "source of a cast"
	assert_eq "$(complete_words ecswitchctl cast add x network d)" dmz "network of a cast"
	assert_eq "$(complete_words ecswitchctl network del "")" "vms dmz" networks
	assert_eq "$(complete_words ecswitchctl network add x uplink e)" eth0 "uplink"
	assert_eq "$(complete_words ecswitchctl port set vm0 "")" "network vm mac" "options of a port"
	assert_eq "$(complete_words ecswitchctl match del "")" "vm* sensor*" matches
	assert_eq "$(complete_words ecswitchctl --instance=main match del "")" "vm* sensor*" matches
	assert_eq "$(complete_words ecswitchctl -iother match del "")" "" "matches of no switch"
	mac=$(ctl --json fdb list | jq -r '[.[] | select(.kind == "static").mac][0]')
	assert_eq "$(complete_words ecswitchctl fdb del "$mac")" "$mac" "address"
}

run_tests "$@"
