#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# NAT: VMs reach the world behind the uplink's address.
. "$(dirname "$0")/../lib/system.bash"
. "$(dirname "$0")/../lib/nat.bash"

test_vm_pings_the_lan_and_a_host_two_hops_away()
{
	nat_world
	nat_vm a 11
	assert ping_from a 10.0.0.2
	assert ping_from a $FAR
	assert ping_from a $FAR -s 1400 -M do
	assert_eq "$(flows '.[0] | .proto + " " + .network + " " + .remote' address $FAR | cut -d: -f1)" \
		"icmp vms $FAR" "flow"
}

test_the_world_sees_only_the_uplinks_address()
{
	nat_world
	nat_vm a 11
	listen far tcp 7 'echo $SOCAT_PEERADDR'
	assert_eq "$(ask a tcp $FAR 7)" 10.0.0.1 "address that the server sees"
	listen far udp 7 'read x; echo $SOCAT_PEERADDR'
	assert_eq "$(ask a udp $FAR 7)" 10.0.0.1 "address that the server sees"
}

# Without the kernel's leave to route for the gateway's link no neighbour is known in time, and each
# packet has to ask for one.
test_the_host_routes_for_the_gateway_whatever_somebody_sets()
{
	local setting=net.ipv4.conf.ecs-vms.forwarding

	nat_world
	assert_eq "$(sysctl -n net.ipv4.ip_forward)" 0 "ip_forward"
	assert_soon 5 sh -c "[ \"\$(sysctl -n $setting)\" = 1 ]"
	must sysctl -qw $setting=0
	assert_soon 5 sh -c "[ \"\$(sysctl -n $setting)\" = 1 ]"
	must sysctl -qw net.ipv4.ip_forward=1
	must sysctl -qw net.ipv4.ip_forward=0
	assert_soon 5 sh -c "[ \"\$(sysctl -n $setting)\" = 1 ]"
}

test_traceroute_shows_every_hop()
{
	local way="10.77.0.1 10.0.0.2 $FAR"

	nat_world
	nat_vm a 11
	for kind in -U -I -T; do
		assert_eq "$(ns a traceroute -n $kind -q 1 -w 1 -m 6 $FAR | awk 'NR > 1 { print $2 }' |
			xargs)" "$way" "traceroute $kind"
	done
}

test_tcp_runs_both_ways()
{
	nat_world
	nat_vm a 11
	start iperf3 far iperf3 -s
	assert_soon 5 ns far sh -c "ss -Hltn 'sport = :5201' | grep -q ."
	assert ns a iperf3 -c $FAR -n 100M
	assert ns a iperf3 -c $FAR -n 100M -R
}

test_tcp_runs_both_ways_from_a_tap()
{
	nat_world
	nat_vm a 11 tap
	start iperf3 far iperf3 -s
	assert_soon 5 ns far sh -c "ss -Hltn 'sport = :5201' | grep -q ."
	assert ns a iperf3 -c $FAR -n 50M
	assert ns a iperf3 -c $FAR -n 50M -R
}

test_http_and_dns()
{
	nat_world
	nat_vm a 11
	web far 80 64
	web_get a "http://$FAR/data"
	start dnsmasq far dnsmasq --no-daemon --conf-file=/dev/null --no-resolv --no-hosts --pid-file= \
		--address=/server.test/192.0.2.9 --user=root
	assert_soon 5 ns far sh -c "ss -Hlun 'sport = :53' | grep -q ."
	assert_eq "$(ns a dig +short +time=2 @$FAR server.test)" 192.0.2.9 "DNS by UDP"
	assert_eq "$(ns a dig +short +tcp +time=2 @$FAR server.test)" 192.0.2.9 "DNS by TCP"
}

test_path_mtu_is_discovered_through_nat()
{
	local end=198.51.100.2

	nat_world
	nat_vm a 11
	# The narrow link is between lan and far, so that neither end of a connection knows of it.
	must ns lan ip link set l-far mtu 1280
	must ns far ip link set eth0 mtu 1280
	must ns far sysctl -qw net.ipv4.ip_forward=1 net.ipv4.icmp_ratelimit=0
	ns_new end
	must ip link add f-end netns far type veth peer name eth0 netns end
	must ns far ip link set f-end up
	must ns end ip link set eth0 up
	must ns far ip addr add 198.51.100.1/24 dev f-end
	must ns end ip addr add $end/24 dev eth0
	must ns end ip route add default via 198.51.100.1
	must ns lan ip route add 198.51.100.0/24 via $FAR
	assert_fails ping_from a $end -c 1 -s 1400 -M "do" -W 1
	assert_match "$(ns a ip route get $end)" "mtu 1280" "route of the VM after an ICMP error"
	must ns a ip route flush cache
	web end 80
	start sink end socat -u tcp-listen:9,reuseaddr "open:$WORK/sunk,creat"
	assert_soon 5 ns end sh -c "ss -Hltn 'sport = :9' | grep -q ."
	assert ns a timeout 20 socat -u "open:$WORK/www/data" "tcp:$end:9"
	assert_soon 5 cmp "$WORK/sunk" "$WORK/www/data"
	assert_match "$(ns a ip route get $end)" "mtu 1280" "route of the VM after TCP"
	web_get a "http://$end/data"
}

test_checksums_are_right_with_and_without_offloads()
{
	nat_world
	nat_vm a 11
	web far 80 8
	listen far udp 7 'read x; echo hello'
	for offload in on off; do
		must ns a ethtool -K eth0 tx $offload
		must ns far ethtool -K eth0 tx $offload
		web_get a "http://$FAR/data"
		assert_eq "$(ask a udp $FAR 7)" hello "answer with offloads $offload"
		assert_eq "$(ask a udp $FAR 7 setsockopt-int=1:11:1)" hello "answer without checksum"
		assert ping_from a $FAR
	done
	assert_eq "$(csum_errors a) $(csum_errors far)" "0 0" "wrong checksums"
}

test_large_datagrams_pass_in_fragments()
{
	nat_world
	nat_vm a 11
	assert ping_from a $FAR -s 8000
	start echo far socat udp-listen:7,fork pipe
	assert_soon 5 ns far sh -c "ss -Hlun 'sport = :7' | grep -q ."
	head -c 7000 /dev/zero | tr '\0' x > "$WORK/large"
	ns a timeout 3 socat -b 8000 -t 1 - udp:$FAR:7 < "$WORK/large" > "$WORK/back"
	assert cmp "$WORK/large" "$WORK/back"
}

test_equal_vms_of_two_networks_talk_to_one_server()
{
	nat_world
	nat_vm a 11
	red_vm c 11
	listen far tcp 7 'echo $SOCAT_PEERPORT; sleep 2'
	ask a tcp $FAR 7 sourceport=20000 > "$WORK/port-a" &
	ask c tcp $FAR 7 sourceport=20000 > "$WORK/port-c" &
	assert_soon 3 test -s "$WORK/port-a"
	assert_soon 3 test -s "$WORK/port-c"
	assert_eq "$(flows '[.[] | select(.remote == "'$FAR':7") | .inside] | unique | join(" ")')" \
		10.77.0.11:20000 "inside of both flows"
	[ "$(cat "$WORK/port-a")" != "$(cat "$WORK/port-c")" ] || fail "both have the same port"
	assert ping_from c $FAR
}

test_the_vms_own_port_is_kept_when_it_is_free()
{
	nat_world
	nat_vm a 11
	listen far tcp 7 'echo $SOCAT_PEERPORT'
	assert_eq "$(ask a tcp $FAR 7 sourceport=20123)" 20123 "port that the server sees"
}

test_the_hosts_own_connections_are_never_touched()
{
	nat_world
	nat_vm a 11
	listen far tcp 7 'echo $SOCAT_PEERPORT; sleep 1; echo end'
	# The host first, then a VM with the same port to the same server; then the other way round.
	ask @ tcp $FAR 7 sourceport=20000 > "$WORK/host" &
	assert_soon 3 test -s "$WORK/host"
	ask a tcp $FAR 7 sourceport=20000 > "$WORK/vm"
	assert_match "$(cat "$WORK/vm")" "end" "the VM's connection"
	wait $!
	assert_eq "$(xargs < "$WORK/host")" "20000 end" "the host's connection"
	# A server of the host on a port of NAT's range.
	listen @ tcp 20001 'echo host'
	assert_eq "$(ask lan tcp 10.0.0.1 20001)" host "service of the host"
	assert_eq "$(ask a tcp 10.77.0.1 20001)" host "service of the host, from the VM"
	listen @ udp 20002 'read x; echo host'
	assert_eq "$(ask lan udp 10.0.0.1 20002)" host "UDP service of the host"
	assert ping_from lan 10.0.0.1
	assert ping_from @ $FAR
}

test_a_host_connection_that_takes_a_vms_port_works()
{
	nat_world
	nat_vm a 11
	listen far tcp 7 'echo $SOCAT_PEERPORT; sleep 1; echo end'
	ask a tcp $FAR 7 sourceport=20000 > "$WORK/vm" &
	assert_soon 3 test -s "$WORK/vm"
	# The host's socket and the VM's flow would be one to the server: the host comes first.
	ask @ tcp $FAR 7 sourceport=20001 > "$WORK/host"
	assert_eq "$(xargs < "$WORK/host")" "20001 end" "the host's connection"
	wait $!
	assert_eq "$(xargs < "$WORK/vm")" "20000 end" "the VM's connection"
}

ip_received() # NS
{
	ns "$1" awk '$1 == "Ip:" && $2 + 0 == $2 { print $3 }' /proc/net/snmp
}

test_unsolicited_packets_reach_the_host_and_no_vm()
{
	local before after

	nat_world
	nat_vm a 11
	must ping_from a $FAR
	before=$(ip_received a)
	assert_fails ask lan tcp 10.0.0.1 20005
	grep -q refused "$WORK/ask.log" || fail "no reset from the host: $(cat "$WORK/ask.log")"
	ask lan udp 10.0.0.1 20006
	grep -q refused "$WORK/ask.log" || fail "no ICMP from the host: $(cat "$WORK/ask.log")"
	after=$(ip_received a)
	assert_eq $((after - before)) 0 "packets that reached the VM"
}

test_exhausted_ports_are_counted_and_come_back()
{
	nat_world nat-ports 20000-20007 udp-timeout 4
	nat_vm a 11
	start sink far socat -u udp-recv:9 "open:/dev/null"
	assert_soon 5 ns far sh -c "ss -Hlun 'sport = :9' | grep -q ."
	for port in {30001..30012}; do
		echo x | ns a socat -u - "udp:$FAR:9,sourceport=$port"
	done
	assert_eq "$(drops_of NAT_NO_PORT vetha)" 4 "drops for want of a port"
	assert_eq "$(flows length proto udp)" 8 "flows"
	assert ping_from a 10.0.0.2
	listen lan udp 7 'read x; echo other'
	assert_eq "$(ask a udp 10.0.0.2 7)" other "answer of another remote"
	assert_soon 15 same flows length address $FAR proto udp = 0
	listen far udp 10 'read x; echo again'
	assert_eq "$(ask a udp $FAR 10)" again "answer after the flows have ended"
}

test_idle_flows_end()
{
	nat_world udp-timeout 1 icmp-timeout 1
	nat_vm a 11
	must ping_from a $FAR
	ask a udp $FAR 9 > "$WORK/none"
	assert_soon 20 same flows length = 0
	assert_eq "$(ctl --json status | jq .nat_flows)" 0 "flows in use"
}

port_flows() # LINK: those that count for it
{
	ctl metrics | awk -v port="$1" '$1 == "ecswitch_port_nat_flows{port=\"" port "\"}" { print $2 }'
}

# A daemon that is killed between a flow's end and its count leaves numbers that are wrong, here by 7.
test_wrong_counts_are_found_and_corrected()
{
	local slot

	nat_world
	nat_vm a 11
	must ping_from a $FAR
	assert_eq "$(port_flows vetha)" 1 "flows of the VM"
	for slot in 0 1 2 3 4; do
		must bpftool map update pinned /sys/fs/bpf/ecswitch/main/ecs_nat_used \
			key $slot 0 0 0 value 7 0 0 0 0 0 1 0 0 0 0 0 0 0 0 0
	done
	assert_soon 20 same port_flows vetha = 1
	assert_eq "$(ctl --json status | jq .nat_flows)" 1 "flows in use"
}

test_limit_of_one_vm_spares_the_others()
{
	SWITCH_OPTIONS=(--nat-flows 1024)
	nat_world
	nat_vm a 11
	nat_vm b 12
	listen far tcp 7 'echo hello'
	must ns b "$TOOLS/many" half 192.0.2.77 9 4000
	assert_eq "$(ask a tcp $FAR 7)" hello "connection of another VM during a flood"
	assert_ge "$(drops_of NAT_LIMIT vethb)" 1 "drops for the limit"
	assert_le "$(ctl --json status | jq .nat_flows)" 1024 "flows"
}

test_full_table_gives_up_half_open_flows_first()
{
	SWITCH_OPTIONS=(--nat-flows 512)
	nat_world nat-limit 512
	nat_vm a 11
	nat_vm b 12
	start echo far socat tcp-listen:7,reuseaddr,fork pipe
	assert_soon 5 ns far sh -c "ss -Hltn 'sport = :7' | grep -q ."
	mkfifo "$WORK/in"
	ns a socat - tcp:$FAR:7 < "$WORK/in" > "$WORK/out" &
	exec 9> "$WORK/in"
	echo one >&9
	assert_soon 3 grep -q one "$WORK/out"
	for _ in 1 2 3 4; do
		must ns b "$TOOLS/many" half 192.0.2.77 9 500
	done
	assert_soon 5 sh -c "[ $(ctl --json status | jq .nat_flows) -le 512 ]"
	echo two >&9
	assert_soon 3 grep -q two "$WORK/out"
	assert_eq "$(flows '.[] | select(.state == "established") | .inside' address 10.77.0.11 |
		cut -d: -f1)" 10.77.0.11 "established flow"
	listen far tcp 8 'echo hello'
	assert_eq "$(ask a tcp $FAR 8)" hello "new connection when the table is full"
	exec 9>&-
}

test_ten_thousand_connections_echo_what_was_said()
{
	nat_world
	nat_vm a 11
	sysctl -qw net.core.somaxconn=8192
	must ns far sysctl -qw net.core.somaxconn=8192
	start server far "$TOOLS/many" serve 7
	assert_soon 5 grep -q ready "$WORK/server.log"
	ns a "$TOOLS/many" echo $FAR 7 10000 3 > "$WORK/many" || fail "$(cat "$WORK/many")"
	cat "$WORK/many"
	assert_eq "$(jq -c '[.echoed, .failed, .wrong]' "$WORK/many")" "[10000,0,0]"
}

test_two_hundred_vms_at_once()
{
	nat_world
	for i in {1..200}; do
		ns_new_silent "v$i"
		veth_new "v$i" "vethv$i"
		must ns "v$i" ip addr add "10.77.0.$((i + 10))/24" dev eth0
		must ns "v$i" ip route add default via 10.77.0.1
	done
	assert_soon 10 port_is vethv200 up
	start server far "$TOOLS/many" serve 7
	assert_soon 5 grep -q ready "$WORK/server.log"
	for i in {1..200}; do
		ns "v$i" "$TOOLS/many" echo $FAR 7 5 2 > "$WORK/many-$i" &
		jobs[i]=$!
	done
	for i in {1..200}; do
		wait "${jobs[i]}" || fail "VM $i: $(cat "$WORK/many-$i")"
	done
	assert_ge "$(flows '[.[].inside | split(":")[0]] | unique | length')" 200 "VMs with flows"
}

test_kill_and_restart_during_a_transfer_lose_nothing()
{
	nat_world
	nat_vm a 11
	start iperf3 far iperf3 -s
	assert_soon 5 ns far sh -c "ss -Hltn 'sport = :5201' | grep -q ."
	NET4=192.0.2 pinger_start a 2
	start iperf-client a iperf3 -c $FAR -t 3 -J --logfile "$WORK/iperf.json"
	client=$STARTED
	sleep 0.7
	switch_kill
	sleep 0.5
	switch_start
	wait "$client" || fail "transfer: $(jq -r .error "$WORK/iperf.json")"
	pinger_end
	assert_eq "$LOST" 0 "lost pings"
	assert_ge "$(flows '[.[] | select(.remote == "'$FAR':5201")] | length')" 2 "flows"
	assert_eq "$(ctl --json drops | jq '[.[] | select(.reason | startswith("NAT")) | .packets] | add')" \
		0 "NAT's drops"
}

test_nat_forwards_on_without_the_daemon()
{
	nat_world
	nat_vm a 11
	listen far tcp 7 'echo hello'
	switch_kill
	assert_eq "$(ask a tcp $FAR 7)" hello "new connection without the daemon"
	switch_start
	must ctl network set vms icmp-timeout 1
	must ping_from a $FAR
	assert_soon 20 same flows length proto icmp = 0
}

test_nat_follows_the_uplinks_address()
{
	nat_world
	nat_vm a 11
	listen far tcp 7 'echo $SOCAT_PEERADDR'
	assert_eq "$(ask a tcp $FAR 7)" 10.0.0.1 "address that the server sees"
	must ip addr add 10.0.0.9/24 dev up0
	assert_eq "$(ask a tcp $FAR 7)" 10.0.0.1 "address while the old one is there"
	must sysctl -qw net.ipv4.conf.up0.promote_secondaries=1
	must ip addr del 10.0.0.1/24 dev up0
	must ip route replace default via 10.0.0.2
	assert_soon 5 same ctl --json nat list network vms = "$(ctl --json nat list network vms)"
	assert_soon 5 sh -c "$ECSWITCHCTL --json nat list | grep -q 10.0.0.9"
	assert_eq "$(ask a tcp $FAR 7)" 10.0.0.9 "address that the server sees"
	assert_eq "$(flows '[.[] | select(.outside | startswith("10.0.0.1:"))] | length')" 0 \
		"flows of the old address"
	must ip addr del 10.0.0.9/24 dev up0
	assert_soon 5 sh -c "$ECSWITCHCTL --json nat list | grep -q waiting"
	must ip route add 192.0.2.0/24 dev up0 # without a route it is the host that answers
	assert_fails ping_from a $FAR -c 1 -W 0.3
	assert_ge "$(drops_of NAT_NO_ADDRESS)" 1 "drops without an address"
	must ip route del 192.0.2.0/24 dev up0
	must ip addr add 10.0.0.1/24 dev up0
	must ip route replace default via 10.0.0.2
	assert_soon 5 ping_from a $FAR -c 1
}

test_flows_go_with_their_port()
{
	nat_world
	nat_vm a 11
	nat_vm b 12
	must ping_from a $FAR
	must ping_from b $FAR
	must ip link del vethb
	assert_soon 5 same flows '[.[].inside | split(":")[0]] | unique | join(" ")' = 10.77.0.11
	assert_eq "$(ctl --json status | jq .nat_flows)" 1 "flows in use"
}

test_flows_stay_with_a_vm_that_moves_to_another_port()
{
	local mac

	nat_world
	nat_vm a 11
	start echo far socat tcp-listen:7,reuseaddr,fork pipe
	assert_soon 5 ns far sh -c "ss -Hltn 'sport = :7' | grep -q ."
	mkfifo "$WORK/in"
	ns a socat - tcp:$FAR:7 < "$WORK/in" > "$WORK/out" &
	exec 9> "$WORK/in"
	echo one >&9
	assert_soon 3 grep -q one "$WORK/out"
	# The same machine, by its address, behind another link; then the first link goes.
	mac=$(mac_of a eth0)
	must ip link add vetha2 type veth peer name eth1 netns a
	must ip link set vetha2 up
	must ns a ip link set eth0 down
	must ns a ip link set eth1 address "$mac"
	must ns a ip addr del 10.77.0.11/24 dev eth0
	must ns a ip addr add 10.77.0.11/24 dev eth1
	must ns a ip link set eth1 up
	wait_port vetha2
	must ns a ip route replace default via 10.77.0.1
	assert_soon 5 ns a ping -q -c 1 -W 1 10.77.0.1
	must ip link del vetha
	assert_soon 5 no_port vetha
	echo two >&9
	assert_soon 5 grep -q two "$WORK/out"
	assert_eq "$(port_flows vetha2)" 1 "flows that count for the new port"
	exec 9>&-
}

test_reserved_ports_come_and_go_with_nat()
{
	must sysctl -qw net.ipv4.ip_local_reserved_ports=20000-20010,40000
	nat_world
	must ctl nat forward add tcp 8080 to 10.77.0.11:80 network vms
	assert_eq "$(sysctl -n net.ipv4.ip_local_reserved_ports)" 8080,16384-32767,40000
	switch_kill
	switch_start
	must ctl nat forward del tcp 8080 network vms
	assert_eq "$(sysctl -n net.ipv4.ip_local_reserved_ports)" 16384-32767,40000
	assert_fails ctl network set vms nat-ports 50000-51000
	must ctl detach
	assert_eq "$(sysctl -n net.ipv4.ip_local_reserved_ports)" 20000-20010,40000
}

run_tests "$@"
