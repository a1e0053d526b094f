#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Casts: one video stream to many machines, thinned by frame. ffmpeg sends, and judges what each
# policy let through.
. "$(dirname "$0")/../lib/system.bash"
. "$TOP/tests/lib/cast.bash"
TEST_TIMEOUT=480

test_h264_with_b_pyramid_is_thinned_as_ffmpeg_does()
{
	stream_new in.ts 6 -c:v libx264 -preset veryfast -bf 3 -g 50 -x264-params b-pyramid=normal
	cast_world $POLICY_COUNT
	policies_play play in.ts
	assert_policies
}

# Sent without ffmpeg, which is slow: MPEG-2, HEVC with AAC, and H.264 in several slices.
test_each_codec_is_thinned_as_ffmpeg_does()
{
	local codec

	stream_new mpeg2.ts 6 -c:v mpeg2video -b:v 2M -bf 2 -g 12
	AUDIO=aac stream_new hevc.ts 4 -c:v libx265 -preset ultrafast -x265-params \
		"bframes=3:b-pyramid=1:keyint=25:open-gop=0:log-level=error"
	stream_new h264.ts 6 -c:v libx264 -preset veryfast -bf 2 -g 25 -x264-params b-pyramid=none:slices=4
	cast_world $POLICY_COUNT
	for codec in mpeg2 hevc h264; do
		policies_play play_fast "$codec.ts"
		assert_eq "$(ctl --json cast show tv | jq -r .codec)" "$codec" codec
		assert_policies
		cast_again
	done
}

# Every frame is a reference: there is nothing to drop, and it says so.
test_baseline_has_nothing_to_thin()
{
	stream_new in.ts 4 -c:v libx264 -profile:v baseline -preset ultrafast -g 25
	cast_world 2
	assert ctl cast to tv vr1
	assert ctl cast to tv vr2 policy thin 50%
	record r1
	record r2
	play_fast in.ts
	assert_soon 5 recorded r2
	assert_oracle r2 r1 default
	assert_eq "$(receiver vr2 '.dropped | [.[]] | add')" 0 "frames dropped"
	assert_eq "$(receiver vr2 .sent.nonref)" 0 "frames that might be dropped"
}

test_late_receiver_starts_at_a_keyframe()
{
	local player

	stream_new in.ts 8 -c:v libx264 -preset ultrafast -bf 2 -g 25
	cast_world 2
	assert ctl cast to tv vr1
	record r1
	record r2
	play_halt in.ts vr1 2
	player=$STARTED
	assert ctl cast to tv vr2 policy all
	must kill -CONT "$player"
	wait "$player"
	assert_soon 5 recorded r2
	frames "$WORK/r1.ts" default > wanted
	frames "$WORK/r2.ts" default > got
	assert_ge "$(wc -l < got)" 25 "frames of the late one"
	assert_eq "$(tail -n "$(wc -l < got)" wanted | diff - got | wc -l)" 0 "frames unlike the sender's"
	assert_clean r2
	assert_eq "$(ffprobe -v error -select_streams v -show_entries packet=flags -of csv=p=0 r2.ts |
		head -n 1 | cut -c 1)" K "flag of the first packet"
}

test_changes_of_others_and_death_of_the_daemon_harm_nobody()
{
	local i player

	stream_new in.ts 12 -c:v libx264 -preset ultrafast -bf 2 -g 25
	cast_world 4
	assert ctl cast to tv vr1
	assert ctl cast to tv vr2 policy ref
	assert ctl cast to tv vr3 policy key
	record r1
	record r2
	play in.ts &
	player=$!
	for i in 1 2 3 4 5; do
		assert ctl cast to tv vr4 policy thin 50%
		assert ctl cast set tv vr3 policy ref
		sleep 0.05
		assert ctl cast off tv vr4
		assert ctl cast set tv vr3 policy key
	done
	switch_kill
	sleep 0.2
	switch_start
	assert ctl cast to tv vr4
	wait "$player"
	assert_soon 5 recorded r2
	assert_oracle r1 r1 default
	assert_eq "$(frames r1.ts default | wc -l)" 300 "frames of the whole stream"
	assert_oracle r2 r1 noref
}

# The copy is for one machine, by its own address.
test_copy_can_be_addressed_to_a_machine()
{
	stream_new in.ts 3 -c:v libx264 -preset ultrafast -bf 2 -g 25
	cast_world 2
	assert ctl cast to tv vr1
	assert ctl cast to tv vr2 policy ref to 10.0.0.22:6000 mac "$(mac_of r2 eth0)"
	record r1
	start record-r2 r2 socat -u UDP4-RECV:6000,rcvbuf=16000000 "CREATE:$WORK/r2.ts"
	assert_soon 5 listens r2 6000
	play_fast in.ts
	assert_soon 5 recorded r2
	assert_oracle r2 r1 noref
	assert_eq "$(receiver vr2 '[.to, .mac]')" "[\"10.0.0.22:6000\",\"$(mac_of r2 eth0)\"]" "what was asked for"
	assert_eq "$(receiver vr1 '[.to, .mac]')" "[null,null]" "what was not"
	cast_again src 10.0.0.10 codec h264 original keep
	assert_eq "$(ctl --json cast show tv | jq -c '[.src, .codec_set, .original, .network]')" \
		'["10.0.0.10","h264","keep",null]' "how the stream is told"
}

test_original_goes_its_way_only_if_it_is_kept()
{
	stream_new in.ts 1 -c:v libx264 -preset ultrafast -g 25
	cast_world 2
	assert ctl cast to tv vr1 policy key
	record r2
	play_fast in.ts
	assert_eq "$(stat -c %s r2.ts)" 0 "bytes of a consumed original"
	assert ctl cast del tv
	assert ctl cast add tv from vsrc dst 239.1.1.1 port 5000 original keep
	assert ctl cast to tv vr1 policy key
	play_fast in.ts
	assert_soon 5 cmp -s in.ts r2.ts
	assert_eq "$(frames r2.ts default | wc -l)" 25 "frames of the original"
	assert_eq "$(continuity_errors r2.ts)" 0 "continuity errors of the original"
}

test_casts_are_saved_and_wait_for_their_ports()
{
	command -v ffmpeg > /dev/null || skip "ffmpeg is not installed"
	cast_world 0
	assert ctl cast to tv vlate policy drop ref 10% force
	assert_eq "$(receiver vlate .state)" '"waiting"'
	assert ctl save
	assert grep -qx 'cast to tv vlate policy "drop ref 10% force"' /etc/ecswitch/ecswitch.conf
	assert ctl reload
	ns_new late
	veth_new late vlate
	wait_port vlate
	assert_soon 5 same receiver vlate .state = '"joining"'
	assert_match "$(ctl cast to tv vr9 to 10.0.0.9 2>&1)" "mac MAC"
	assert_match "$(ctl cast to tv vr9 policy drop ref 10% 2>&1)" "expected"
	assert_match "$(ctl network del nothing 2>&1)" "no network"
	assert_fails ctl cast to tv vsrc
	assert ctl cast del tv
	assert_eq "$(ctl --json cast list)" "[]"
}

# Without its source a cast shows nothing of one that had its place in the maps before.
test_new_cast_that_waits_shows_no_counts()
{
	stream_new in.ts 1 -c:v libx264 -preset ultrafast -g 25
	cast_world 1
	assert ctl cast to tv vr1
	record r1
	play_fast in.ts
	assert_soon 5 recorded r1
	assert_eq "$(receiver vr1 .state)" '"up"'
	assert ctl cast del tv
	assert ctl cast add tv from vlate dst 239.1.1.9 port 5000
	assert ctl cast to tv vr1
	assert_eq "$(ctl --json cast show tv |
		jq -c '[.state, .container, .codec, .packets, .bytes, .torn, (.frames_in | add)]')" \
		'["waiting",null,null,0,0,0,0]'
	assert_eq "$(receiver vr1 '[.state, .packets, .bytes, (.sent | add), (.dropped | add)]')" \
		'["waiting",0,0,0,0]'
	ns_new late
	veth_new late vlate
	assert_soon 5 same receiver vr1 .state = '"joining"'
}

run_tests "$@"
