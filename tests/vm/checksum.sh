#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Packets whose payload the kernel has summed before they reach the switch (CHECKSUM_COMPLETE), as
# some network cards do: here they come out of a VXLAN tunnel with checksums. What is rewritten must
# be so in that sum too. tests/lib/csumwatch needs a kernel that lets itself be traced.
. "$(dirname "$0")/../lib/system.bash"
. "$TOP/tests/lib/nat.bash"
. "$TOP/tests/lib/cast.bash"
TEST_TIMEOUT=${TEST_TIMEOUT:-60}

# The LAN at the far end of a tunnel: up0 and the LAN host's eth0 are its two ends.
lan_new()
{
	ns_new lan
	must ip link add under type veth peer name under netns lan
	tunnel_end @ up0 1 2
	tunnel_end lan eth0 2 1
	addr_add lan eth0 2
	addr_add @ up0 1
}

tunnel_end() # NS NAME N PEER-N
{
	must ns "$1" ip addr add "192.168.9.$3/24" dev under
	must ns "$1" ip link set under up
	must ns "$1" ethtool -K under tx off gro off
	must ns "$1" ip link add "$2" mtu 1400 type vxlan id 7 dev under local "192.168.9.$3" \
		remote "192.168.9.$4" dstport 4789 udpcsum
	must ns "$1" ethtool -K "$2" gro off # which makes CHECKSUM_PARTIAL of it
	must ns "$1" ip link set "$2" up
}

watch_start()
{
	"$TOOLS/csumwatch" > "$WORK/csumwatch.log" 2>&1 &
	WATCH=$!
	assert_soon 30 grep -q ready "$WORK/csumwatch.log"
}

# watch_end LEAST MOST: there were so many of these packets at least, and so many wrong at most.
watch_end()
{
	kill "$WATCH"
	assert_soon 30 gone "$WATCH"
	tail -n 1 "$WORK/csumwatch.log"
	assert_ge "$(tail -n 1 "$WORK/csumwatch.log" | jq .complete)" "$1" "packets that were summed"
	assert_le "$(tail -n 1 "$WORK/csumwatch.log" | jq .wrong)" "$2" "of them wrong"
}

test_what_was_summed_stays_so_through_nat_and_casts()
{
	local i

	nat_world gateway6 fd77::1/64 nat66
	nat_vm a 11
	must ns a ip -6 route add default via fd77::1
	for i in b:12 c:13 d:14; do
		vm_new "${i%:*}" "${i#*:}"
	done
	must ns d ip link set eth0 address 02:00:00:00:00:14
	wait_port up0 vetha vethb vethc vethd
	watch_start
	nat_both_ways
	# The first packet of a forward goes by bpf_redirect_neigh(), which takes the old link header
	# for the new one when it sums (seen in Linux 6.12). The receiver's kernel sums again.
	watch_end 300 1
	watch_start
	casts_of_both_families
	watch_end 60 0
	assert_eq "$(csum_errors a) $(csum_errors lan)" "0 0" "wrong checksums"
}

nat_both_ways()
{
	assert ctl nat forward add tcp 8080 to 10.77.0.11:80 network vms
	web lan 80 1
	web_get a "http://10.0.0.2/data"
	listen lan udp 7 'read x; echo hello'
	assert_eq "$(ask a udp 10.0.0.2 7)" hello "answer"
	assert ns a curl -6 -sS --max-time 60 -o "$WORK/got6" "http://[fd00::2]/data"
	assert cmp "$WORK/got6" "$WORK/www/data"
	web a 80 1
	web_get lan "http://10.0.0.1:8080/data"
}

# Thinned, whole, and to addresses of their own.
casts_of_both_families()
{
	local i

	assert ctl cast add tv from up0 dst 239.1.1.1 port 5000
	assert ctl cast add tv6 from up0 dst ff3e::7 port 5006
	assert ctl cast to tv vetha
	assert ctl cast to tv vethb policy ref
	assert ctl cast to tv vethd to 10.0.0.14:6000 mac 02:00:00:00:00:14
	assert ctl cast to tv6 vetha
	assert ctl cast to tv6 vethc policy key
	for i in a:5000 b:5000 d:6000; do
		record "${i%:*}" 239.1.1.1 "${i#*:}"
	done
	must ns lan ip route add 239.0.0.0/8 dev eth0
	must ns lan ip -6 route add table local multicast ff3e::/16 dev eth0
	play_to 239.1.1.1 5000
	for i in a d; do
		assert_soon 20 cmp "$WORK/$i.ts" "$TOP/tests/data/h264.ts"
	done
	assert_soon 20 recorded b vethb
	for i in a c; do
		start "record6-$i" $i socat -u "UDP6-RECV:5006,ipv6-join-group=[ff3e::7]:eth0" \
			"CREATE:$WORK/$i.ts6"
		assert_soon 20 listens $i 5006
	done
	play_to ff3e::7 5006
	assert_soon 20 cmp "$WORK/a.ts6" "$TOP/tests/data/h264.ts"
	assert_soon 20 test -s "$WORK/c.ts6"
}

play_to() # GROUP PORT
{
	must ns lan "$TOOLS/tsplay" -z 1316 "$TOP/tests/data/h264.ts" "$1" "$2" > "$WORK/played"
}

run_tests "$@"
