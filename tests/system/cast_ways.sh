#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Casts by other ways than from one machine to the others: from and to the wire, tagged or not,
# from any port of a network, from one source of several, over IPv6, and with several programs.
. "$(dirname "$0")/../lib/system.bash"
. "$TOP/tests/lib/cast.bash"
TEST_TIMEOUT=120

# ways_world NETWORK-OPTION...: in.ts; machines r1 and r2 in network lan, whose uplink is up0 with
# the machine lan at its other end.
ways_world()
{
	local i

	stream_new in.ts 2 -c:v libx264 -preset ultrafast -bf 2 -g 25 -b:v 800k
	switch_config <<-TEXT
		network add lan uplink up0 $*
		match add v* network lan
	TEXT
	switch_start
	lan_new
	must ns lan ip route add 239.0.0.0/8 dev eth0
	wait_port up0
	for i in 1 2; do
		ns_new "r$i"
		veth_new "r$i" "vr$i"
		addr_add "r$i" eth0 $((20 + i))
		must ns "r$i" ip route add 239.0.0.0/8 dev eth0
		wait_port "vr$i"
	done
}

# send NS [OPTION...]: in.ts to the cast's group.
send()
{
	local from=$1

	shift
	ns "$from" "$TOOLS/tsplay" "$@" in.ts "${GROUP:-239.1.1.1}" 5000 > played || fail "tsplay failed"
}

# as_sent NS: in.ts came whole.
as_sent()
{
	cmp -s in.ts "$WORK/$1.ts"
}

# all_and_ref: the machine lan sends; r1 gets all of it and r2 what "ref" makes of it.
all_and_ref()
{
	assert ctl cast to tv vr1
	assert ctl cast to tv vr2 policy ref
	record r1
	record r2
	send lan "$@"
	assert_soon 5 as_sent r1
	assert_soon 5 recorded r2
}

# assert_ref NS: what "ref" makes of in.ts came.
assert_ref()
{
	cp in.ts whole.ts
	assert_oracle "$1" whole noref
}

test_tagged_stream_from_the_wire_is_cast_untagged()
{
	ways_world vlan 5
	must ns lan "$TOOLS/vlanend" eth0 5
	assert ctl cast add tv network lan dst 239.1.1.1 port 5000
	all_and_ref
	assert_ref r2
	assert_eq "$(drops_of VLAN)" 0 "frames whose tag made trouble"
}

test_uplink_as_source_means_all_its_networks()
{
	ways_world vlan 5
	assert ctl network add plain uplink up0
	assert ctl cast add tv from up0 dst 239.1.1.1 port 5000 original keep
	assert ctl cast to tv vr1 policy key
	send lan
	assert_eq "$(ctl --json cast show tv | jq .packets)" "$(jq .sent played)" "untagged datagrams"
	must ns lan "$TOOLS/vlanend" eth0 5
	record r2
	send lan -z 1472
	assert_ge "$(ctl --json cast show tv | jq .packets)" $((2 * $(jq .sent played))) "datagrams"
	# The switch brings the original to all of its network, which takes the tag off.
	assert_soon 5 as_sent r2
	assert_ge "$(receiver vr1 .sent.key)" 2 "keyframes sent"
}

test_stream_from_the_wire_is_cast()
{
	ways_world
	assert ctl cast add tv from up0 dst 239.1.1.1 port 5000
	all_and_ref
	assert_ref r2
}

test_wire_may_be_a_receiver()
{
	ways_world
	assert ctl cast add tv from vr1 dst 239.1.1.1 port 5000
	assert ctl cast to tv up0 policy ref
	assert ctl cast to tv vr2
	record lan
	record r2
	send r1
	assert_soon 5 as_sent r2
	assert_soon 5 same_bytes lan up0
	assert_ref lan
}

# All that was sent to a receiver behind LINK is in NS's file.
same_bytes() # NS LINK
{
	[ "$(stat -c %s "$WORK/$1.ts")" = "$(receiver "$2" '.bytes - 42 * .packets')" ]
}

test_any_port_of_a_network_may_be_the_source()
{
	ways_world
	ns_new r3
	veth_new r3 vr3
	wait_port vr3
	assert ctl cast add tv network lan dst 239.1.1.1 port 5000
	assert ctl cast to tv vr3
	record r3
	send r1
	assert_soon 5 as_sent r3
	send lan
	assert_soon 5 same stat -c %s r3.ts = $((2 * $(stat -c %s in.ts)))
	assert_eq "$(receiver vr3 '.sent.key + .sent.ref + .sent.nonref')" 100 "frames of both senders"
}

test_only_the_named_source_is_cast()
{
	ways_world
	assert ctl cast add tv network lan dst 239.1.1.1 port 5000 src 10.0.0.21
	assert ctl cast to tv vr2 policy key
	assert ctl cast to tv up0 policy key
	record r2
	# The other one's goes its normal way, to everybody.
	send lan
	assert_soon 5 as_sent r2
	assert_eq "$(ctl --json cast show tv | jq .packets)" 0 "datagrams of another source"
	send r1
	assert_soon 5 same_bytes_more r2 vr2
	assert_eq "$(ctl --json cast show tv | jq .packets)" "$(jq .sent played)" "datagrams"
	assert_eq "$(receiver vr2 .dropped.key)" 0 "keyframes dropped"
}

# in.ts, and all that was sent to a receiver.
same_bytes_more() # NS LINK
{
	local more

	more=$(receiver "$2" '.bytes - 42 * .packets')
	[ "$more" -gt 0 ] && [ "$(stat -c %s "$WORK/$1.ts")" = $(($(stat -c %s in.ts) + more)) ]
}

# With checksums that the sender's kernel makes, over IPv6, in datagrams that tear TS packets.
test_ipv6_stream_with_whole_checksums_is_cast()
{
	local i

	ways_world
	must ns lan ethtool -K eth0 tx off
	must ns lan ip -6 route add table local multicast ff3e::/16 dev eth0
	assert ctl cast add tv from up0 dst ff3e::7 port 5000
	assert ctl cast to tv vr1
	assert ctl cast to tv vr2 policy ref
	for i in 1 2; do
		start "record-r$i" "r$i" socat -u \
			"UDP6-RECV:5000,ipv6-join-group=[ff3e::7]:eth0,rcvbuf=16000000" "CREATE:$WORK/r$i.ts"
		assert_soon 5 listens "r$i" 5000
	done
	GROUP=ff3e::7 send lan -z 1400
	assert_soon 5 as_sent r1
	assert_soon 5 recorded6 r2
	assert_ref r2
	for i in 1 2; do
		assert_eq "$(ns "r$i" awk '$1 == "Udp6InCsumErrors" { print $2 }' /proc/net/snmp6)" 0 \
			"checksum errors of r$i"
	done
}

recorded6() # NS
{
	[ "$(stat -c %s "$WORK/$1.ts")" = "$(receiver "v$1" '.bytes - 62 * .packets')" ]
}

test_programs_of_one_stream_are_all_thinned()
{
	local i all nonref

	ways_world
	must ffmpeg -nostdin -v error -y -f lavfi -i "testsrc2=size=320x180:rate=25" -f lavfi -i \
		"testsrc=size=320x180:rate=25" -f lavfi -i "sine=frequency=440" -t 2 -pix_fmt yuv420p \
		-map 0:v -map 2:a -map 1:v -c:v:0 libx264 -c:v:1 mpeg2video -c:a aac -bf 2 -g 25 \
		-program title=one:st=0:st=1 -program title=two:st=2 -f mpegts in.ts
	assert_eq "$(ffprobe -v error -show_programs in.ts 2> /dev/null | grep -c program_num=)" 2 programs
	assert ctl cast add tv from up0 dst 239.1.1.1 port 5000
	all_and_ref -z 1472
	for i in 0 1; do
		must ffmpeg -nostdin -v error -y -i in.ts -map "v:$i" -map 0:a -c copy "one$i.ts"
		must ffmpeg -nostdin -v error -y -i r2.ts -map "v:$i" -map 0:a -c copy "r2-$i.ts"
		frames "one$i.ts" noref > wanted
		frames "r2-$i.ts" default > got
		assert_ge "$(wc -l < wanted)" 10 "frames of video $i that are referred to"
		assert_le "$(wc -l < wanted)" 40 "frames of video $i that are referred to"
		assert_eq "$(diff wanted got | grep -c '^[<>]')" 0 "frames of video $i unlike noref"
	done
	assert_eq "$(continuity_errors r2.ts)" 0 "continuity errors"
	assert_eq "$(audio r2.ts)" "$(audio in.ts)" "sound"
}

# A link may be named that sends into a network's cast: others get the stream, and it does not.
test_sender_that_is_named_gets_no_copy_of_its_own()
{
	stream_new in.ts 1 -c:v libx264 -preset ultrafast -g 25
	cast_world 1
	assert ctl cast del tv
	assert ctl cast add tv network lan dst 239.1.1.1 port 5000
	assert ctl cast to tv vr1
	assert ctl cast to tv vsrc
	record r1
	play_fast in.ts
	assert_soon 5 recorded r1
	assert_oracle r1 r1 default
	assert_eq "$(receiver vsrc '[.state, .packets]')" '["joining",0]'
}

run_tests "$@"
