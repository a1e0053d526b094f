#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Beside other users of traffic control: what they take from us comes back, what is theirs stays.
. "$(dirname "$0")/../lib/system.bash"

machines()
{
	lan_new
	vm_new a 11
	vm_new b 12
	config_lan
	switch_start
	wait_port up0 vetha vethb
	assert ping4 a 12
}

has_filter() # LINK
{
	tc filter show dev "$1" ingress | grep -q ecswitch:main:from_port
}

has_clsact() # LINK
{
	tc qdisc show dev "$1" | grep -q clsact
}

# ms_until_back LINK COMMAND...: runs it, and tells how long the filter was away.
ms_until_back()
{
	local link=$1 start

	shift
	start=$(now_ms)
	"$@" || fail "$*"
	wait_until 5 has_filter "$link" || fail "$*: the filter did not come back"
	echo $(($(now_ms) - start))
}

# The middle one of five attempts, for a busy machine may be late once.
assert_back_within_100_ms() # LINK COMMAND...
{
	local i

	for i in 1 2 3 4 5; do
		ms_until_back "$@" || exit
	done > "$WORK/ms"
	assert_le "$(sort -n "$WORK/ms" | sed -n 3p)" "$(allowed_ms 100)" \
		"milliseconds until the filter was back"
	assert_soon 2 same ctl_problems = "[]"
	assert ping4 a 12
	assert ping4 b 11
}

ctl_problems()
{
	ctl --json status | jq -c .problems
}

test_deleted_filter_comes_back_within_100_ms()
{
	machines
	assert_back_within_100_ms vetha tc filter del dev vetha ingress
}

test_deleted_filter_of_one_preference_comes_back()
{
	machines
	assert_back_within_100_ms vetha tc filter del dev vetha ingress pref $((0xec5))
}

test_deleted_clsact_comes_back_within_100_ms()
{
	machines
	assert_back_within_100_ms vetha tc qdisc del dev vetha clsact
}

test_program_of_others_at_our_place_is_reported_until_it_goes()
{
	machines
	must mkdir /sys/fs/bpf/theirs
	must "$TOOLS/countprog" /sys/fs/bpf/theirs
	must tc filter replace dev vetha ingress pref $((0xec5)) handle 1 protocol all bpf da \
		pinned /sys/fs/bpf/theirs/prog
	assert_soon 2 reports "vetha: the filter"
	assert_eq "$(ctl --json status | jq '.problems | length')" 1 "problems"
	assert_match "$(tc filter show dev vetha ingress)" "name count" "their filter"
	assert_eq "$(grep -c ': ,' "$WORK/ecswitchd-main.log")" 0 "messages without a text"
	must tc filter del dev vetha ingress pref $((0xec5))
	assert_soon 5 has_filter vetha
	assert_soon 2 same ctl_problems = "[]"
	assert ping4 a 12
}

reports() # TEXT
{
	ctl_problems | grep -F "$1"
}

test_filters_deleted_while_no_daemon_runs_come_back_at_start()
{
	machines
	switch_kill
	must tc qdisc del dev vetha clsact
	must tc filter del dev vethb ingress
	assert_fails ping4 a 12 -W 0.2
	switch_start
	assert_soon 2 has_filter vetha
	assert_soon 2 has_filter vethb
	assert ping4 a 12
}

their_program() # LINK PREF
{
	must mkdir -p /sys/fs/bpf/theirs
	[ -e /sys/fs/bpf/theirs/prog ] || must "$TOOLS/countprog" /sys/fs/bpf/theirs
	must tc filter add dev "$1" ingress pref "$2" protocol all bpf da \
		pinned /sys/fs/bpf/theirs/prog
}

their_count()
{
	bpftool -j map lookup pinned /sys/fs/bpf/theirs/count key 0 0 0 0 |
		jq -r '[.value[] | ltrimstr("0x")] | reverse | join("") | ascii_downcase' |
		sed 's/^/0x/' | xargs printf '%d\n'
}

test_program_of_others_on_a_machines_port_still_runs()
{
	local before

	lan_new
	vm_new a 11
	vm_new b 12
	must tc qdisc add dev vetha clsact
	their_program vetha 1
	config_lan
	switch_start
	wait_port up0 vetha vethb
	before=$(their_count)
	assert ping4 a 12
	assert_ge $(($(their_count) - before)) 3 "frames that their program saw"
}

test_program_of_others_on_the_uplink_still_runs()
{
	local before

	lan_new
	must tc qdisc add dev up0 clsact
	their_program up0 1
	vm_new a 11
	config_lan
	switch_start
	wait_port up0 vetha
	before=$(their_count)
	assert ping4 lan 1
	assert_ge $(($(their_count) - before)) 3 "frames for the host that their program saw"
	# One that comes later, behind ours.
	must tc filter del dev up0 ingress pref 1
	their_program up0 5000
	before=$(their_count)
	assert ping4 lan 1
	assert_ge $(($(their_count) - before)) 3 "frames for the host that their later program saw"
	assert ping4 lan 11
}

test_tcx_program_of_others_on_the_uplink_still_runs()
{
	local before

	lan_new
	vm_new a 11
	config_lan
	switch_start
	wait_port up0 vetha
	must mkdir /sys/fs/bpf/theirs
	"$TOOLS/countprog" /sys/fs/bpf/theirs up0 2> "$WORK/tcx.log" ||
		skip "this kernel has no TCX: $(cat "$WORK/tcx.log")"
	before=$(their_count)
	assert ping4 lan 1
	assert ping4 lan 11
	assert_ge $(($(their_count) - before)) 3 "frames that their program saw"
	ctl detach > "$WORK/detach.log" || fail "detach"
	before=$(their_count)
	assert ping4 lan 1
	assert_ge $(($(their_count) - before)) 3 "frames that their program saw after detach"
}

promiscuity()
{
	ip -d -j link show dev "$1" | jq '.[0].promiscuity'
}

# What is there of us, anywhere: one thing a line.
traces()
{
	local link

	[ ! -e /sys/fs/bpf/ecswitch ] || find /sys/fs/bpf/ecswitch
	for link in up0 vetha vethb; do
		tc qdisc show dev $link | grep clsact | sed "s/^/$link /"
		tc filter show dev $link ingress 2> "$WORK/tc.log"
		tc filter show dev $link egress 2> "$WORK/tc.log"
		[ "$(promiscuity $link)" = 0 ] || echo "$link is promiscuous"
	done
	bpftool -j net show | jq -r '.[] | .tc[]? | tostring'
	# A lock file may stay: to remove it would let two daemons hold two locks.
	ls /run/ecswitch 2> "$WORK/ls.log" | grep -v '\.lock$'
}

test_detach_leaves_nothing()
{
	machines
	assert ctl detach
	assert_soon 5 gone "$SWITCH_PID"
	assert_eq "$(traces)" "" "what detach left"
	assert ping4 lan 1
	assert ping4 @ 2
	assert_fails ping4 a 12 -W 0.2
	assert_fails ctl --timeout 1 status
	# And it can start again.
	switch_start
	wait_port up0 vetha vethb
	assert ping4 a 12
	assert ping4 a 2
}

# A bridge takes only what is for itself unless it is promiscuous, as a network card does.
test_promiscuity_of_an_uplink_is_ours_to_set_and_to_take_back()
{
	ns_new lan
	veth_new lan wire0
	addr_add lan eth0 2
	must ip link add up0 type bridge forward_delay 0
	must ip link set wire0 up master up0
	must ip link set up0 up
	addr_add @ up0 1
	vm_new a 11
	config_lan
	switch_start
	wait_port up0 vetha
	assert ping4 a 2
	assert ping4 lan 11
	assert ping4 a 1
	assert_eq "$(promiscuity up0)" 1 "promiscuity of the uplink while it is one"
	switch_kill
	switch_start
	assert_eq "$(promiscuity up0)" 1 "promiscuity after a restart"
	assert ctl detach
	assert_soon 5 gone "$SWITCH_PID"
	assert_eq "$(promiscuity up0)" 0 "promiscuity after detach"
	assert ping4 lan 1
}

test_detach_without_a_daemon_leaves_nothing()
{
	machines
	switch_kill
	assert ping4 a 12
	assert "$ECSWITCHD" --detach
	assert_eq "$(traces)" "" "what ecswitchd --detach left"
	assert ping4 lan 1
	assert "$ECSWITCHD" --detach
}

test_detach_leaves_what_others_made()
{
	lan_new
	vm_new a 11
	vm_new b 12
	must ip link set up0 promisc on
	must tc qdisc add dev vetha clsact
	config_lan
	switch_start
	wait_port up0 vetha vethb
	their_program vethb 7
	assert ping4 a 12
	assert ctl detach
	assert_soon 5 gone "$SWITCH_PID"
	assert has_clsact vetha
	assert_eq "$(tc filter show dev vetha ingress)" "" "filters on a qdisc that was there before us"
	# A qdisc of ours stays if somebody else's program hangs on it.
	assert has_clsact vethb
	assert_eq "$(tc filter show dev vethb ingress | grep -c 'bpf chain 0 handle')" 1 "their filters"
	assert_eq "$(promiscuity up0)" 1 "promiscuity that the operator had set"
}

test_port_that_is_let_go_leaves_nothing_on_its_link()
{
	machines
	assert ctl match del 'veth*'
	assert_soon 2 no_port vetha
	assert_eq "$(tc qdisc show dev vetha | grep clsact)" "" "qdisc"
	assert_soon 2 same map_links = "$(ifindex_of @ up0)"
	assert ctl match add 'veth*' network lan
	wait_port vetha vethb
	assert ping4 a 12
}

link_ids() # of the pinned ones
{
	local pin

	for pin in /sys/fs/bpf/ecswitch/main/ecs_link_*; do
		bpftool -j link show pinned "$pin" | jq .id
	done
}

new_links() # OLD
{
	[ -z "$(link_ids | grep -xF "$1")" ]
}

# A filter that goes is announced; this is not. The daemon may look at any moment.
test_tcx_program_that_somebody_detaches_comes_back()
{
	local pin old

	has_tcx || skip "this kernel has no TCX"
	lan_new
	printf 'network add lan uplink up0\nmatch add veth* network lan\n' > /etc/ecswitch/ecswitch.conf
	switch_start
	vm_new a 11
	wait_port vetha up0
	old=$(link_ids)
	assert_ge "$(wc -l <<< "$old")" 2 "links"
	for pin in /sys/fs/bpf/ecswitch/main/ecs_link_*; do
		must bpftool link detach pinned "$pin"
	done
	assert_soon 15 new_links "$old"
	assert_soon 5 ping4 a 2 -c 1 -W 1
}

run_tests "$@"
