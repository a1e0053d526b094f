#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Casts of datagrams that are no whole number of TS packets: thinned like all others.
. "$(dirname "$0")/../lib/system.bash"
. "$TOP/tests/lib/cast.bash"
TEST_TIMEOUT=120

# H.264 with B frames and AAC, 4 s.
stream_aac() # FILE
{
	AUDIO=aac stream_new "$1" 4 -c:v libx264 -preset veryfast -bf 3 -g 25
}

# play_sized SIZE FILE: SIZE as ffmpeg's option; "default" is 1472.
play_sized()
{
	local url=udp://239.1.1.1:5000

	[ "$1" = default ] || url+="?pkt_size=$1"
	must ns src ffmpeg -nostdin -v error -readrate 4 -copyts -i "$2" -map 0 -c copy -f mpegts "$url"
}

cast_passed()
{
	ctl --json cast show tv | jq -c '[.passed[].packets] | add // 0'
}

test_default_size_of_ffmpeg_is_thinned_as_ffmpeg_does()
{
	stream_aac in.ts
	cast_world $POLICY_COUNT
	policies_play play_sized default in.ts
	assert_policies
	assert_eq "$(frames r1.ts default | wc -l)" 100 "frames of the whole stream"
	assert_eq "$(cast_passed)" 0 "datagrams that were not looked into"
	assert_eq "$(($(stat -c %s r3.ts) % 188))" 0 "bytes behind the last whole packet"
}

# Copies go on at the same byte, whatever the policy, and a late one begins with a whole packet.
test_policies_change_and_receivers_join_without_damage()
{
	local i player

	stream_aac in.ts
	cast_world 3
	assert ctl cast to tv vr1
	assert ctl cast to tv vr2
	record r1
	record r2
	record r3
	play_sized default in.ts &
	player=$!
	assert_soon 5 joined vr1
	assert ctl cast to tv vr3 policy all
	for i in ref "thin 50%" key all ref; do
		assert ctl cast set tv vr2 policy $i
		sleep 0.1
	done
	wait "$player"
	for i in 1 2 3; do
		assert_soon 5 recorded "r$i"
	done
	ctl cast show tv
	assert_eq "$(cast_passed)" 0 "datagrams that were not looked into"
	assert_oracle r1 r1 default
	assert_eq "$(audio r2.ts)" "$(audio r1.ts)" "sound of the one whose policy changed"
	frames r1.ts default > wanted
	frames r2.ts default > got
	assert_eq "$(grep -vxFf wanted -c got)" 0 "frames of r2 that were never sent"
	assert_clean r2
	frames r3.ts default > got
	assert_ge "$(wc -l < got)" 25 "frames of the late one"
	assert_eq "$(tail -n "$(wc -l < got)" wanted | diff - got | wc -l)" 0 "frames of r3 unlike the sender's"
	assert_clean r3
}

joined() # LINK
{
	[ "$(receiver "$1" .state)" = '"up"' ]
}

run_tests "$@"
