#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Ports follow links: whatever happens to a link, the switch ends in the right state, and
# nothing of what was stays behind.
. "$(dirname "$0")/../lib/system.bash"

# One machine "b" that is always there.
switch_with_b()
{
	config_net
	switch_start
	vm_new b 12
	wait_port vethb
}

# All links but those of b have gone; then b goes too.
assert_only_b_then_clean()
{
	assert_soon 2 same map_links = "$(ifindex_of @ vethb)"
	must ip link del vethb
	assert_soon 2 no_port vethb
	assert_clean
}

test_veth_is_a_port_when_it_appears_and_gone_when_it_goes()
{
	switch_with_b
	vm_new a 11
	wait_port vetha
	assert ping4 a 12
	must ip link del vetha
	assert_soon 2 no_port vetha
	assert_only_b_then_clean
}

test_tap_is_a_port_while_its_machine_runs()
{
	switch_with_b
	vm_new a 11 tap
	wait_port tapa
	assert ping4 a 12
	kill -9 "$(tap_pid tapa)"
	assert_soon 2 no_port tapa
	assert_only_b_then_clean
}

test_persistent_tap_waits_for_its_machine()
{
	switch_with_b
	must ip tuntap add tapa mode tap
	must ip link set tapa up
	assert_soon 2 port_is tapa down
	vm_new a 11 tap
	wait_port tapa
	assert ping4 a 12
	kill -9 "$(tap_pid tapa)"
	assert_soon 2 port_is tapa down
	ns_del a
	vm_new a 13 tap
	wait_port tapa
	assert ping4 b 13
	kill -9 "$(tap_pid tapa)"
	assert_soon 2 port_is tapa down
	must ip link del tapa
	assert_soon 2 no_port tapa
	assert_only_b_then_clean
}

test_multiqueue_tap_is_a_port()
{
	switch_with_b
	must ip tuntap add tapq mode tap multi_queue
	must ip link set tapq up
	assert_soon 2 port_is tapq down
	must ip tuntap del tapq mode tap multi_queue
	assert_soon 2 no_port tapq
	assert_only_b_then_clean
}

# The kernel does not announce that a peer moved; the switch has to find out.
test_veth_is_a_port_once_its_peer_has_moved_away()
{
	switch_with_b
	ns_new a
	must ip link add vetha type veth peer name eth9
	must ip link set vetha up
	assert_soon 2 port_is vetha waiting
	assert_eq "$(ctl --json port show eth9 | jq -r .name)" "" "the other end, which no match fits"
	must ip link set eth9 netns a name eth0
	assert_soon 2 port_is vetha down # no longer waiting, though nobody said so
	must ns a ip link set eth0 up
	wait_port vetha
	addr_add a eth0 11
	assert ping4 a 12
	# And home again.
	must ns a ip link set eth0 netns 1 name eth9
	must ip link set eth9 up
	assert_soon 2 port_is vetha waiting
	must ip link del vetha
	assert_soon 2 no_port vetha
	assert_only_b_then_clean
}

test_pair_with_both_ends_here_never_loops()
{
	silence
	switch_with_b
	must ip link add veth0 type veth peer name veth1
	must ip link set veth0 up
	must ip link set veth1 up
	assert_soon 2 port_is veth0 waiting
	assert_soon 2 port_is veth1 waiting
	assert_eq "$(frame -n 3 b/eth0 @/veth0 @/veth1)" $'@/veth0 0 - 0\n@/veth1 0 - 0'
	must ip link del veth0
	assert_soon 2 no_port veth1
	assert_only_b_then_clean
}

test_rename_makes_and_ends_a_port()
{
	switch_with_b
	vm_new a 11
	wait_port vetha
	must ip link set vetha down
	must ip link set vetha name web0
	must ip link set web0 up
	assert_soon 2 no_port vetha
	assert_eq "$(ctl --json port list | jq -r '.[].name')" vethb "ports"
	assert_fails ping4 a 12 -W 0.2
	must ip link set web0 down
	must ip link set web0 name veth-web
	must ip link set veth-web up
	wait_port veth-web
	assert ping4 a 12
	must ip link del veth-web
	assert_soon 2 no_port veth-web
	assert_only_b_then_clean
}

test_port_goes_down_and_up_with_its_link()
{
	switch_with_b
	vm_new a 11
	wait_port vetha
	assert ping4 a 12
	must ip link set vetha down
	assert_soon 2 port_is vetha down
	assert_fails ping4 b 11 -W 0.2
	must ip link set vetha up
	wait_port vetha
	assert ping4 b 11
	# Carrier, from the other side.
	must ns a ip link set eth0 down
	assert_soon 2 port_is vetha down
	must ns a ip link set eth0 up
	wait_port vetha
	assert ping4 b 11
	must ip link del vetha
	assert_soon 2 no_port vetha
	assert_only_b_then_clean
}

test_link_moves_to_another_namespace_and_back()
{
	switch_with_b
	vm_new a 11
	wait_port vetha
	ns_new elsewhere
	must ip link set vetha netns elsewhere
	assert_soon 2 no_port vetha
	assert_soon 2 same map_links = "$(ifindex_of @ vethb)"
	must ns elsewhere ip link set vetha netns 1
	must ip link set vetha up
	wait_port vetha
	assert ping4 a 12
	must ip link del vetha
	assert_soon 2 no_port vetha
	assert_only_b_then_clean
}

test_link_with_a_master_is_left_alone_until_it_is_freed()
{
	switch_with_b
	vm_new a 11
	wait_port vetha
	must ip link add br0 type bridge
	must ip link set vetha master br0
	assert_soon 2 port_is vetha waiting
	assert_match "$(ctl --json port show vetha | jq -r .reason)" br0 "reason"
	assert_soon 2 same map_links = "$(ifindex_of @ vethb)"
	assert_eq "$(tc filter show dev vetha ingress)" "" "filters on the bridge's port"
	must ip link set vetha nomaster
	wait_port vetha
	assert ping4 a 12
	must ip link del vetha
	assert_soon 2 no_port vetha
	assert_only_b_then_clean
}

test_link_with_an_address_is_not_matched()
{
	switch_with_b
	ns_new a
	must ip link add vetha type veth peer name eth0 netns a
	must ip addr add 192.0.2.1/24 dev vetha
	must ip link set vetha up
	must ns a ip link set eth0 up
	assert_soon 2 port_is vetha waiting
	must ip addr del 192.0.2.1/24 dev vetha
	wait_port vetha
	must ip link del vetha
	assert_soon 2 no_port vetha
	assert_only_b_then_clean
}

# remake_a [LINK OPTIONS]: vetha goes and comes at once, as another machine's.
remake_a()
{
	ip -batch - <<- EOF
		link del vetha
		link add vetha $* type veth peer name eth0 netns a
		link set vetha up
	EOF
	must ns a ip link set eth0 up
	addr_add a eth0 13
}

assert_no_trace_of_11() # OLD-MAC
{
	assert_eq "$(fdb_port net "$1")" "" "port of the old machine's address"
	assert_le "$(ctl --json stats vetha | jq '.[0].rx_packets')" 20 "packets counted for the new link"
}

test_link_remade_under_the_same_ifindex_is_a_new_port()
{
	local index mac

	switch_with_b
	vm_new a 11
	wait_port vetha
	assert ping4 a 12 -c 50 -i 0.002
	index=$(ifindex_of @ vetha)
	mac=$(mac_of a eth0)
	remake_a index "$index"
	wait_port vetha
	assert ping4 b 13
	assert_eq "$(ifindex_of @ vetha)" "$index" "ifindex"
	assert_no_trace_of_11 "$mac"
	must ip link del vetha
	assert_soon 2 no_port vetha
	assert_only_b_then_clean
}

test_link_remade_under_the_same_name_is_a_new_port()
{
	local mac

	switch_with_b
	vm_new a 11
	wait_port vetha
	assert ping4 a 12 -c 50 -i 0.002
	mac=$(mac_of a eth0)
	remake_a
	wait_port vetha
	assert ping4 b 13
	assert_no_trace_of_11 "$mac"
	must ip link del vetha
	assert_soon 2 no_port vetha
	assert_only_b_then_clean
}

test_link_remade_while_no_daemon_runs_is_a_new_port()
{
	local index mac

	switch_with_b
	vm_new a 11
	wait_port vetha
	assert ping4 a 12 -c 50 -i 0.002
	index=$(ifindex_of @ vetha)
	mac=$(mac_of a eth0)
	switch_kill
	remake_a index "$index"
	switch_start
	wait_port vetha
	assert ping4 b 13
	assert_no_trace_of_11 "$mac"
	must ip link del vetha
	assert_soon 2 no_port vetha
	assert_only_b_then_clean
}

test_what_happens_to_links_while_no_daemon_runs_is_found_at_start()
{
	switch_with_b
	vm_new gone 21
	vm_new renamed 22
	vm_new enslaved 23
	wait_port vethgone vethrenamed vethenslaved
	switch_kill
	must ip link del vethgone
	must ip link set vethrenamed down
	must ip link set vethrenamed name web0
	must ip link set web0 up
	must ip link add br0 type bridge
	must ip link set vethenslaved master br0
	vm_new new 24
	switch_start
	wait_port vethb vethnew
	assert_eq "$(ctl --json port list | jq -r '.[] | select(.state == "up") | .name' | sort | xargs)" \
		"vethb vethnew" "ports"
	assert_eq "$(map_links)" "$(printf '%s\n' "$(ifindex_of @ vethb)" "$(ifindex_of @ vethnew)" |
		sort -n | xargs)" "links in the maps"
	assert_eq "$(tc filter show dev web0 ingress)" "" "filters on the renamed link"
	assert_eq "$(tc filter show dev vethenslaved ingress)" "" "filters on the bridge's port"
	assert ping4 new 12
}

test_changed_address_of_a_link_makes_a_new_port()
{
	switch_with_b
	vm_new a 11
	wait_port vetha
	assert ping4 a 12
	must ip link set vetha address 02:00:00:00:00:55
	assert_soon 2 same mac_of_port vetha = 02:00:00:00:00:55
	assert ping4 b 11
	must ip link del vetha
	assert_soon 2 no_port vetha
	assert_only_b_then_clean
}

mac_of_port()
{
	ctl --json port show "$1" | jq -r .mac
}

test_mtu_of_a_port_follows_its_link()
{
	switch_with_b
	vm_new a 11
	wait_port vetha
	for link in vetha vethb; do
		must ip link set $link mtu 9000
	done
	must ns a ip link set eth0 mtu 9000
	must ns b ip link set eth0 mtu 9000
	assert_soon 2 same mtu_of_port vetha = 9000
	assert_soon 2 same mtu_of_port vethb = 9000
	assert ping4 a 12 -M "do" -s 8972
}

mtu_of_port()
{
	ctl --json port show "$1" | jq -r .mtu
}

test_uplink_may_come_later_and_come_back()
{
	config_lan
	switch_start
	vm_new a 11
	wait_port vetha
	assert_eq "$(ctl --json port show up0 | jq -r .state)" waiting "state of an absent uplink"
	lan_new
	wait_port up0
	assert ping4 a 2
	assert ping4 lan 11
	must ip link del up0
	ns_del lan
	assert_soon 2 port_is up0 waiting
	lan_new
	wait_port up0
	must ns a ip neigh flush all
	assert ping4 a 2
	assert ping4 @ 11
	assert ping4 lan 11
}

run_tests "$@"
