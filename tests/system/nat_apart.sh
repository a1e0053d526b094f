#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What NAT keeps apart: networks from each other and from the world, and the host's own from both.
. "$(dirname "$0")/../lib/system.bash"
. "$(dirname "$0")/../lib/nat.bash"

# The host forwards from a gateway's link: what NAT left to it would arrive as it is.
test_nothing_leaves_as_it_is_while_the_uplink_is_away()
{
	nat_world
	nat_vm a 11
	must ip link add up1 type veth peer name x1
	must ip link set up1 up
	must ip addr add 10.9.0.1/24 dev up1
	red_vm c 11 up1 10.78.0
	assert_soon 5 ns c ping -q -c 1 -W 1 10.78.0.1
	must ip link del up1
	assert_soon 5 sh -c "$ECSWITCHCTL --json nat list network red | grep -q waiting"
	start seen-a a tcpdump -nUi eth0 -w "$WORK/a.pcap" net 10.78.0.0/24
	start seen-lan lan tcpdump -nUi eth0 -w "$WORK/lan.pcap" net 10.78.0.0/24
	assert_soon 5 grep -q listening "$WORK/seen-a.log"
	assert_soon 5 grep -q listening "$WORK/seen-lan.log"
	for to in 10.77.0.11 10.0.0.2 $FAR; do
		assert_fails ping_from c $to -c 2 -W 0.3
	done
	assert_eq "$(tcpdump -nr "$WORK/a.pcap" 2> "$WORK/err")" "" "what the other network's VM got"
	assert_eq "$(tcpdump -nr "$WORK/lan.pcap" 2> "$WORK/err")" "" "what the LAN got"
	assert_ge "$(drops_of NAT_NO_ROUTE rc)" 6 "drops"
	assert ping_from c 10.78.0.1
	assert ping_from a $FAR
}

unanswered() # PING...
{
	! "$@"
}

test_a_route_of_one_network_does_not_serve_anothers_packets()
{
	local loss ping

	nat_world
	nat_vm a 11
	red_vm c 11
	must ping_from a $FAR
	must ping_from c $FAR
	must ip rule add iif ecs-red to $FAR blackhole
	# What a route said is kept for a second, by each CPU.
	ping=(ping -4 -n -q -i 0.02 -W 0.2 $FAR)
	taskset -c 0 nsenter --net=/run/netns/a "${ping[@]}" -c 100 > "$WORK/a.ping" &
	assert_soon 5 unanswered taskset -c 0 nsenter --net=/run/netns/c "${ping[@]}" -c 1
	loss=$(taskset -c 0 nsenter --net=/run/netns/c "${ping[@]}" -c 20)
	assert_match "$loss" " 0 received" "answers by another network's route"
	wait $!
	assert_match "$(cat "$WORK/a.ping")" " 100 received" "answers where the route holds"
}

test_a_host_connection_that_is_bound_to_the_uplink_is_never_touched()
{
	nat_world
	nat_vm a 11
	mkfifo "$WORK/say"
	listen far tcp 7 'echo $SOCAT_PEERPORT; read said; echo $said'
	socat - "tcp:$FAR:7,sourceport=20000,so-bindtodevice=up0" <> "$WORK/say" > "$WORK/host" &
	assert_soon 3 test -s "$WORK/host"
	assert_match "$(ask a tcp $FAR 7 sourceport=20000)" "^[0-9]+" "port of the VM's connection, at the same time"
	echo end > "$WORK/say"
	assert_soon 3 grep -q end "$WORK/host"
	assert_eq "$(xargs < "$WORK/host")" "20000 end" "the host's connection"
}

long_list() # how many entries the reserved ports are
{
	sysctl -n net.ipv4.ip_local_reserved_ports | tr , '\n' | wc -l
}

# Together more than a page, of which the kernel takes one at a time.
test_a_long_list_of_reserved_ports_survives_nat_and_forwards()
{
	local mine

	must sysctl -qw net.ipv4.ip_local_reserved_ports="$(seq -s, 40001 2 41301)"
	mine=$(sysctl -n net.ipv4.ip_local_reserved_ports)
	nat_world
	assert_eq "$(long_list)" 652 "entries with NAT"
	seq -f 'nat forward add tcp %g to 10.77.0.11:80 network vms' 1001 2 1199 > "$WORK/batch"
	must ctl batch "$WORK/batch"
	assert_eq "$(long_list)" 752 "entries with forwards"
	must ctl detach
	assert_eq "$(sysctl -n net.ipv4.ip_local_reserved_ports)" "$mine" "what was reserved before"
}

run_tests "$@"
