#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# NAT66: VMs reach the IPv6 world behind the uplink's address.
. "$(dirname "$0")/../lib/system.bash"
. "$(dirname "$0")/../lib/nat.bash"

FAR6=2001:db8::2
PINS=/sys/fs/bpf/ecswitch/main

# The world of the NAT tests, with IPv6: VMs in fd77::/64, up0 is fd00::1.
nat66_world() # [NETWORK OPTIONS...]
{
	nat_world gateway6 fd77::1/64 nat66 "$@"
	must ns far sysctl -qw net.ipv6.conf.all.accept_dad=0
	must ns lan ip addr add 2001:db8::1/64 dev l-far nodad
	must ns far ip addr add $FAR6/64 dev eth0 nodad
	must ns far ip route add default via 2001:db8::1
	must ns lan sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv6.icmp.ratelimit=0
	must ip route add default via fd00::2
	must sysctl -qw net.ipv6.icmp.ratelimit=0
}

nat66_vm() # NAME N [veth|tap]
{
	nat_vm "$@"
	must ns "$1" ip route add default via fd77::1
	assert_soon 5 ns "$1" ping -6 -q -c 1 -W 1 fd77::1
}

ping6_from() # NS ADDR [PING OPTIONS...]
{
	local from=$1 to=$2

	shift 2
	ns "$from" ping -6 -n -q -c 3 -i 0.02 -W 2 "$@" "$to"
}

# What is wrong with the checksums that arrive, TCP, UDP and ICMPv6.
csum6_errors() # NS
{
	ns "$1" awk '/^(Icmp6InCsumErrors|Udp6InCsumErrors|UdpLite6InCsumErrors)/ { sum += $2 } END { print sum + 0 }' \
		/proc/net/snmp6
	csum_errors "$1"
}

test_vm_pings_the_lan_and_a_host_two_hops_away()
{
	nat66_world
	nat66_vm a 11
	assert ping6_from a fd00::2
	assert ping6_from a $FAR6
	assert ping6_from a $FAR6 -s 1400 -M do
	assert_eq "$(flows '.[0] | .proto + " " + .inside' address $FAR6 | sed 's/:[0-9]*$//')" \
		"icmpv6 [fd77::11]" "flow"
	assert_eq "$(ctl --json nat list | jq -r '.[0].address6')" fd00::1 "address6"
}

test_the_world_sees_only_the_uplinks_address()
{
	nat66_world
	nat66_vm a 11
	listen66 far tcp 7 'echo $SOCAT_PEERADDR'
	assert_eq "$(ask a tcp "[$FAR6]" 7)" "[fd00:0000:0000:0000:0000:0000:0000:0001]" "the peer"
	listen66 far udp 7 'read x; echo $SOCAT_PEERADDR'
	assert_eq "$(ask a udp "[$FAR6]" 7)" "[fd00:0000:0000:0000:0000:0000:0000:0001]" "the peer"
	assert_eq "$(csum6_errors a | xargs) $(csum6_errors far | xargs)" "0 0 0 0" "wrong checksums"
}

listen66() # NS tcp|udp PORT COMMAND
{
	local list=tcp6-listen

	[ "$2" = tcp ] || list=udp6-recvfrom
	start "listen-$1-$2-$3" "$1" socat "$list:$3,reuseaddr,fork,ipv6only" "SYSTEM:$4"
	assert_soon 5 ns "$1" sh -c "ss -Hl${2:0:1}n 'sport = :$3' | grep -q ."
}

test_traceroute_shows_every_hop()
{
	local way="fd77::1 fd00::2 $FAR6"

	nat66_world
	nat66_vm a 11
	for kind in -U -I -T; do
		assert_eq "$(ns a traceroute -6 -n $kind -q 1 -w 1 -m 6 $FAR6 |
			awk 'NR > 1 { print $2 }' | xargs)" "$way" "traceroute $kind"
	done
}

test_tcp_runs_both_ways()
{
	nat66_world
	nat66_vm a 11
	start iperf3 far iperf3 -s
	assert_soon 5 ns far sh -c "ss -Hltn 'sport = :5201' | grep -q ."
	assert ns a iperf3 -6 -c $FAR6 -n 100M
	assert ns a iperf3 -6 -c $FAR6 -n 100M -R
	assert_eq "$(csum6_errors a | xargs) $(csum6_errors far | xargs)" "0 0 0 0" "wrong checksums"
}

test_tcp_runs_both_ways_from_a_tap()
{
	nat66_world
	nat66_vm a 11 tap
	start iperf3 far iperf3 -s
	assert_soon 5 ns far sh -c "ss -Hltn 'sport = :5201' | grep -q ."
	assert ns a iperf3 -6 -c $FAR6 -n 50M
	assert ns a iperf3 -6 -c $FAR6 -n 50M -R
}

# Without offloads every checksum is in the packet, and the receiver looks at each.
test_checksums_are_right_without_offloads()
{
	nat66_world
	nat66_vm a 11
	must ns a ethtool -K eth0 tx off rx off tso off gso off > /dev/null
	must ns far ethtool -K eth0 tx off rx off tso off gso off > /dev/null
	must ns lan ethtool -K l-far tx off rx off > /dev/null
	web far 80 2
	assert ns a curl -sS --max-time 20 -o "$WORK/got" "http://[$FAR6]/data"
	assert cmp "$WORK/got" "$WORK/www/data"
	assert ping6_from a $FAR6
	assert_eq "$(csum6_errors a | xargs) $(csum6_errors far | xargs)" "0 0 0 0" "wrong checksums"
}

# judge NS COMMAND...: what tcpdump thinks there of each packet that arrives while the command runs.
judge()
{
	local where=$1 dump

	shift
	start "dump-$where" "$where" tcpdump --immediate-mode -n -i eth0 -Q in -U -w "$WORK/$where.pcap" \
		"tcp or udp or icmp or icmp6"
	dump=$STARTED
	assert_soon 5 grep -q listening "$WORK/dump-$where.log"
	"$@"
	kill "$dump"
	assert_soon 5 gone "$dump"
	tcpdump -n -vv -r "$WORK/$where.pcap" > "$WORK/$where.text" 2> "$WORK/$where.log"
	assert_eq "$(grep -E 'incorrect|bad (udp |icmp6 )?cksum|wrong icmp' "$WORK/$where.text")" "" \
		"wrong checksums at $where"
}

say_everything()
{
	local far

	for far in "$FAR" "[$FAR6]"; do
		assert ns a curl -sS --max-time 20 -o "$WORK/got" "http://$far/data"
		assert_eq "$(ask a udp "$far" 7)" hello "answer"
	done
	assert_eq "$(ask a udp $FAR 7 setsockopt-int=1:11:1)" hello "answer without a checksum"
	assert ping_from a $FAR
	assert ping6_from a $FAR6
	assert_fails ask a udp $FAR 99 # an ICMP error, with a quote
}

test_tcpdump_finds_every_checksum_right()
{
	nat66_world
	nat66_vm a 11
	web far 80 1
	listen far udp 7 'read x; echo hello'
	listen66 far udp 7 'read x; echo hello'
	# What the VM leaves to its card is filled in on the uplink.
	must ns far ethtool -K eth0 tx off
	must ns lan ethtool -K l-far tx off
	must ethtool -K up0 tx off
	for offload in on off; do
		must ns a ethtool -K eth0 tx $offload
		judge far judge a say_everything
		assert_ge "$(grep -c '(correct)' "$WORK/far.text")" 20 "right TCP checksums"
		assert_ge "$(grep -c 'udp sum ok' "$WORK/far.text")" 2 "right UDP checksums"
		assert_eq "$(grep -c 'no cksum' "$WORK/far.text")" 1 "UDP without"
		assert_ge "$(grep -c 'icmp6 sum ok.*echo request' "$WORK/far.text")" 3 "right ICMPv6 checksums"
		assert_ge "$(grep -c 'udp sum ok' "$WORK/a.text")" 3 "right UDP checksums of answers"
	done
}

test_path_mtu_is_discovered_through_nat()
{
	nat66_world
	nat66_vm a 11
	must ns lan ip link set l-far mtu 1280
	must ns far ip link set eth0 mtu 1280
	web far 80 2
	assert_fails ping6_from a $FAR6 -s 1400 -M do -c 1
	assert_soon 5 sh -c "nsenter --net=/run/netns/a ip -6 route get $FAR6 | grep -q 'mtu 1280'"
	assert ns a curl -sS --max-time 20 -o "$WORK/got" "http://[$FAR6]/data"
	assert cmp "$WORK/got" "$WORK/www/data"
	assert ns a curl -sS --max-time 20 -T "$WORK/www/data" -o /dev/null "http://[$FAR6]/x"
}

test_large_datagrams_pass_in_fragments()
{
	nat66_world
	nat66_vm a 11
	assert ping6_from a $FAR6 -s 5000
	assert ping6_from a fd00::2 -s 9000
}

test_two_networks_with_the_same_addresses_work_at_once()
{
	nat66_world
	nat66_vm a 11
	red_vm b 11
	must ctl network set red gateway6 fd77::1/64 nat66
	must ns b ip addr add fd77::11/64 dev eth0 nodad
	must ns b ip -6 neigh replace fd77::1 lladdr "$(mac_of @ ecs-red)" dev eth0
	must ns b ip route add default via fd77::1
	listen66 far tcp 7 'echo $SOCAT_PEERPORT; sleep 1; echo end'
	ask a tcp "[$FAR6]" 7 sourceport=20000 > "$WORK/a" &
	assert_soon 3 test -s "$WORK/a"
	ask b tcp "[$FAR6]" 7 sourceport=20000 > "$WORK/b"
	wait $!
	assert_eq "$(sed -n 2p "$WORK/a") $(sed -n 2p "$WORK/b")" "end end" "both connections"
	assert_eq "$(cat "$WORK/a" "$WORK/b" | grep -c 20000)" 1 "flows with the port as it was"
}

test_a_transfer_outlives_the_daemon()
{
	local client

	nat66_world
	nat66_vm a 11
	web far 80 64
	ns a curl -sS --max-time 60 --limit-rate 24M -o "$WORK/got" "http://[$FAR6]/data" &
	client=$!
	assert_soon 5 test -s "$WORK/got"
	switch_kill
	switch_start
	wait "$client" || fail "curl: status $?"
	assert cmp "$WORK/got" "$WORK/www/data"
}

test_nat_moves_to_the_uplinks_new_address()
{
	nat66_world
	nat66_vm a 11
	assert ping6_from a $FAR6
	must ip addr add fd00::99/64 dev up0 nodad
	must ip addr del fd00::1/64 dev up0
	assert_soon 5 sh -c "ecswitchctl --json nat list | jq -e '.[0].address6 == \"fd00::99\"'"
	assert ping6_from a $FAR6
	assert_eq "$(flows '[.[] | select(.outside | startswith("[fd00::1]"))] | length')" 0 "old flows"
}

test_the_host_and_its_neighbours_are_left_alone()
{
	nat66_world
	nat66_vm a 11
	assert ping6_from a $FAR6
	assert ping6_from @ $FAR6
	assert ping6_from lan fd00::1
	assert ping6_from a fd77::1
	assert ping6_from @ fd77::11
	listen66 @ tcp 7 'echo host'
	assert_eq "$(ask lan tcp '[fd00::1]' 7)" host "answer"
}

addresses_known()
{
	"$TOOLS/pinned" entries "$PINS/ecs_nat_$1"
}

test_addresses_are_forgotten_with_their_flows()
{
	nat66_world icmp-timeout 1
	nat66_vm a 11
	assert ping6_from a $FAR6
	assert_ge "$(addresses_known numbers)" 3 "addresses with a number"
	assert_soon 60 same addresses_known numbers = 0
	assert_eq "$(addresses_known addrs)" 0 "numbers with an address"
	assert ping6_from a $FAR6
}

test_forwards_lead_to_ipv6_addresses()
{
	nat66_world
	nat66_vm a 11
	nat66_vm b 12
	web a 80 2
	must ctl nat forward add tcp 8080 to '[fd77::11]:80' network vms
	for from in lan far b a; do
		assert ns $from curl -sS --max-time 20 -o "$WORK/got" "http://[fd00::1]:8080/data"
		assert cmp "$WORK/got" "$WORK/www/data"
	done
	listen66 a udp 5005 'read x; echo $SOCAT_PEERADDR $SOCAT_PEERPORT'
	must ctl nat forward add udp 6000-6010 to '[fd77::11]:5000' network vms
	assert_eq "$(ask far udp '[fd00::1]' 6005 sourceport=4321)" \
		"[2001:0db8:0000:0000:0000:0000:0000:0002] 4321" "who asks"
	start host @ socat 'tcp6-listen:8090,bind=[fd00::1],fork' 'SYSTEM:echo host'
	assert_soon 5 sh -c "ss -Hltn 'sport = :8090' | grep -q ."
	says 'listens on tcp port 8090' nat forward add tcp 8090 to fd77::11 network vms
	assert ctl nat forward add tcp 8090 to 10.77.0.11 network vms
	must ctl save
	assert_match "$(cat /etc/ecswitch/ecswitch.conf)" 'tcp 8080 to [[]fd77::11]:80 network vms'
	switch_kill
	assert ns lan curl -sS --max-time 20 -o "$WORK/got" "http://[fd00::1]:8080/data"
	switch_start
	assert_eq "$(ctl --dry-run apply /etc/ecswitch/ecswitch.conf | grep -c forward)" 0 \
		"forwards that a restart would change"
	must ip addr add fd00::99/64 dev up0 nodad
	must ip addr del fd00::1/64 dev up0
	assert_soon 10 ns lan curl -sS --max-time 2 -o "$WORK/got" "http://[fd00::99]:8080/data"
	must ctl nat forward del tcp 8080 network vms
	assert_fails ns lan curl -sS --max-time 2 -o "$WORK/got" "http://[fd00::99]:8080/data"
	assert_eq "$(csum6_errors a | xargs) $(csum6_errors far | xargs)" "0 0 0 0" "wrong checksums"
}

# The guests learn the gateway by what runs on ecs-vms, here a real dnsmasq.
test_guests_learn_the_gateway_from_dnsmasq()
{
	nat66_world
	ns_new b
	veth_new b vethb
	must ns b sysctl -qw net.ipv6.conf.eth0.accept_ra=1
	start dnsmasq @ dnsmasq --no-daemon --conf-file=/dev/null --port=0 --pid-file= --user=root \
		--interface=ecs-vms --bind-interfaces --enable-ra --dhcp-range=fd77::,ra-only,64 \
		--dhcp-leasefile="$WORK/leases"
	wait_port vethb
	assert_soon 20 ns b sh -c "ip -6 route | grep -q '^default via fe80'"
	assert_soon 10 ns b ping -6 -n -q -c 1 -W 1 $FAR6
}

# says REGEX COMMAND...: it is refused with that.
says()
{
	local regex=$1 out

	shift
	out=$(ctl "$@" 2>&1) && fail "$*: done"
	assert_match "$out" "$regex" "error of: $*"
}

test_what_nat66_needs_is_said()
{
	nat_world
	says gateway6 network set vms nat66
	says 'add: nat66' nat forward add tcp 8080 to '[fd77::11]:80' network vms
	assert ctl network set vms gateway6 fd77::1/64 nat66
	says 'no address of network vms' nat forward add tcp 8080 to '[fd78::11]:80' network vms
	says 'without nat' network set vms nat none
	assert_eq "$(ctl --json network list | jq -r '.[0].nat66')" true nat66
}

run_tests "$@"
