#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Casts of RTP: H.264, HEVC and transport streams. ffmpeg sends, and judges what each policy let
# through.
. "$(dirname "$0")/../lib/system.bash"
. "$TOP/tests/lib/cast.bash"
. "$TOP/tests/lib/rtp.bash"
TEST_TIMEOUT=480

# As policies_play.
rtp_policies_play() # COMMAND...
{
	local i recorders=()

	rm -f "$WORK"/r*.frames
	policies_set
	for ((i = 1; i <= POLICY_COUNT; i++)); do
		rtp_record "r$i"
		recorders+=("$STARTED")
	done
	"$@"
	for ((i = 1; i <= POLICY_COUNT; i++)); do
		assert_soon 5 rtp_recorded "r$i"
	done
	kill "${recorders[@]}"
	ctl cast show tv
}

rtp_assert_policies()
{
	local all nonref

	rtp_assert_oracle r1 r1 default
	rtp_assert_oracle r2 r1 nokey
	rtp_assert_oracle r3 r1 noref
	all=$(rtp_frames r1 default | wc -l)
	nonref=$((all - $(rtp_frames r1 noref | wc -l)))
	rtp_assert_part r4 r1 $((all - nonref * 50 / 100))
	rtp_assert_part r5 r1 $((all - nonref * 25 / 100))
	rtp_assert_part r6 r1 "$(frames_sent vr6)"
	assert_le "$(frames_sent vr6)" $((10 * $(rtp_frames r1 nokey | wc -l))) "frames in GOPs"
	assert_le "$(frames_sent vr6)" $((all - 1)) "frames with gop 10"
	assert_eq "$(receiver vr3 .dropped.nonref)" "$nonref" "frames without reference"
	assert_eq "$(receiver vr3 '.dropped.ref + .dropped.key')" 0 "references dropped"
	assert_eq "$(receiver vr3 .unclassified)" 0 "frames without a type"
	assert_eq "$(drops_of OUTPUT)" 0 "copies refused"
}

cast_is() # KEY VALUE
{
	assert_eq "$(ctl --json cast show tv | jq -r ".$1")" "$2" "$1 of the cast"
}

# passed REASON: packets that went to all as they were, whose reason begins so.
passed()
{
	ctl --json cast show tv |
		jq "[.passed[] | select(.reason | startswith(\"$1\")) | .packets] | add // 0"
}

# H.264 with a delimiter in front of each frame, which goes or stays with it; HEVC; and H.264 whose
# parameter sets are in the SDP alone, with several slices, each NAL unit a packet of its own.
test_h264_and_hevc_are_thinned_as_ffmpeg_does()
{
	stream_new h264.ts 4 -c:v libx264 -preset veryfast -bf 3 -g 25 -x264-params b-pyramid=normal
	stream_new hevc.ts 4 -c:v libx265 -preset ultrafast -x265-params \
		"bframes=3:b-pyramid=1:keyint=25:open-gop=0:log-level=error"
	video_new told.nut 4 -c:v libx264 -preset veryfast -bf 2 -g 25 \
		-x264-params slice-max-size=1000:b-pyramid=none
	cast_world $POLICY_COUNT
	rtp_policies_play rtp_play h264.ts
	cast_is container rtp
	cast_is codec h264
	rtp_assert_policies
	cast_again
	rtp_policies_play rtp_play hevc.ts
	cast_is container rtp
	cast_is codec hevc
	rtp_assert_policies
	cast_again codec h264
	rtp_policies_play rtp_play told.nut -rtpflags h264_mode0
	rtp_assert_policies
	assert ctl save
	assert grep -q "^cast add tv .* codec h264" /etc/ecswitch/ecswitch.conf
}

# Without parameter sets and without being told, nothing is guessed.
test_codec_that_is_not_known_passes_whole()
{
	video_new in.nut 1 -c:v libx264 -preset ultrafast -bf 2 -g 25
	cast_world 1
	assert ctl cast to tv vr1 policy key
	rtp_record r1
	rtp_play in.nut
	assert_soon 5 rtp_recorded r1
	assert_eq "$(rtp_frames r1 default | wc -l)" 25 "frames"
	cast_is codec null
	assert_ge "$(passed "RTP whose codec")" 25 "packets that passed"
}

# Headers of RTP with all that they can have: sources, an extension, padding.
test_transport_stream_in_rtp_is_thinned_as_ffmpeg_does()
{
	local i

	stream_new in.ts 4 -c:v libx264 -preset veryfast -bf 3 -g 25
	cast_world $POLICY_COUNT
	rtp_policies_play ns src "$TOOLS/rtp" send in.ts 239.1.1.1 5000 200
	cast_is container rtp/ts
	cast_is codec h264
	for ((i = 1; i <= POLICY_COUNT; i++)); do
		rtp_unpack "r$i"
		assert_eq "$("$TOOLS/rtp" gaps "r$i.rtp")" 0 "gaps in the numbers of r$i"
	done
	assert_policies
	assert_ge "$(receiver vr1 '.packets')" "$(($(receiver vr2 '.packets') + 10))" "datagrams left out"
}

# ffmpeg does not send the end of its last frame's sound.
test_transport_stream_of_ffmpegs_rtp_muxer_is_thinned()
{
	stream_new in.ts 2 -c:v libx264 -preset veryfast -bf 3 -g 25
	cast_world 2
	assert ctl cast to tv vr1
	assert ctl cast to tv vr2 policy ref
	rtp_record r1
	rtp_record r2
	rtp_play_ts in.ts
	for i in 1 2; do
		assert_soon 5 rtp_recorded "r$i"
		rtp_unpack "r$i"
		assert_eq "$("$TOOLS/rtp" gaps "r$i.rtp")" 0 "gaps in the numbers of r$i"
		assert_eq "$(continuity_errors "r$i.ts")" 0 "continuity errors of r$i"
	done
	cast_is container rtp/ts
	frames r1.ts noref > wanted
	assert_ge "$(wc -l < wanted)" 20 "frames that others refer to"
	assert_eq "$(frames r2.ts default | diff wanted - | wc -l)" 0 "frames unlike those"
}

# Its first packets are the keyframe's parameter sets, and its first number is just the first.
test_late_receiver_starts_at_a_keyframe()
{
	local i

	stream_new in.ts 6 -c:v libx264 -preset ultrafast -bf 2 -g 25
	cast_world 3
	assert ctl cast to tv vr1
	rtp_record r1
	rtp_record r2
	rtp_record r3
	rtp_play_halt in.ts r1
	assert ctl cast to tv vr2
	assert ctl cast to tv vr3 policy ref
	kill -CONT "$STARTED"
	wait "$STARTED"
	for i in 1 2 3; do
		assert_soon 5 rtp_recorded "r$i"
	done
	for i in 2 3; do
		assert_ge "$(rtp_frames "r$i" default | wc -l)" 25 "frames of r$i"
		assert_eq "$(rtp_frames "r$i" default | cut -d' ' -f2 | head -n 1)" \
			"$(rtp_frames r1 nokey | cut -d' ' -f2 |
				grep -Ff <(rtp_frames "r$i" default | cut -d' ' -f2) | head -n 1)" "first picture"
		assert_rtp_clean "r$i"
	done
	rtp_frames r2 default | cut -d' ' -f2 > got
	assert_eq "$(rtp_frames r1 default | cut -d' ' -f2 | tail -n "$(wc -l < got)" | diff - got | wc -l)" \
		0 "frames unlike the sender's"
}

# However often its policy changes, a receiver sees no gap in the numbers, and nobody else sees it.
test_changes_of_policy_leave_no_gap()
{
	local i player

	stream_new in.ts 8 -c:v libx264 -preset ultrafast -bf 2 -g 12
	cast_world 3
	assert ctl cast to tv vr1
	assert ctl cast to tv vr2 policy ref
	assert ctl cast to tv vr3 policy ref
	for i in 1 2 3; do
		rtp_record "r$i"
	done
	rtp_play in.ts &
	player=$!
	for i in key all ref "thin 50%" key ref all; do
		sleep 0.2
		assert ctl cast set tv vr3 policy "$i"
	done
	wait "$player"
	for i in 1 2 3; do
		assert_soon 5 rtp_recorded "r$i"
	done
	rtp_assert_oracle r1 r1 default
	rtp_assert_oracle r2 r1 noref
	assert_eq "$("$TOOLS/rtp" gaps r3.rtp)" 0 "gaps in the numbers of r3"
	rtp_frames r3 default | cut -d' ' -f2 > got
	assert_ge "$(wc -l < got)" 20 "frames of r3"
	assert_eq "$(rtp_frames r1 default | cut -d' ' -f2 | grep -vxFf - -c got)" 0 "damaged frames of r3"
}

# Sound on the same port, and a sender that is started anew.
test_other_sources_pass_and_a_new_one_starts_over()
{
	stream_new in.ts 2 -c:v libx264 -preset ultrafast -bf 2 -g 25
	cast_world 2
	assert ctl cast to tv vr1
	assert ctl cast to tv vr2 policy ref
	rtp_record r1
	rtp_record r2
	ns src ffmpeg -nostdin -v error -readrate 4 -i in.ts -map 0:a -c copy -payload_type 97 -f rtp \
		"rtp://239.1.1.1:5000?rtcpport=5000" > sdp.audio &
	rtp_play in.ts
	wait $!
	rtp_play in.ts
	assert_soon 5 rtp_recorded r1
	assert_soon 5 rtp_recorded r2
	ctl cast show tv
	assert_ge "$(passed "RTP of another source")" 20 "packets of sound that passed"
	assert_ge "$(passed RTCP)" 2 "reports that passed"
	assert_eq "$(receiver vr2 '.sent.key + .sent.ref + .dropped.nonref')" 100 "frames of both"
	assert_eq "$(receiver vr2 .unclassified)" 0 "frames without a type"
	for i in $("$TOOLS/rtp" sources r1.rtp); do
		assert_eq "$("$TOOLS/rtp" gaps r2.rtp "$i")" 0 "gaps in the numbers of $i"
	done
}

test_h264_in_ipv6_is_thinned_as_ffmpeg_does()
{
	stream_new in.ts 2 -c:v libx264 -preset ultrafast -bf 2 -g 25
	cast_world 2
	assert ctl cast del tv
	assert ctl cast add tv from vsrc dst ff05::1:1 port 5000
	assert ctl cast to tv vr1
	assert ctl cast to tv vr2 policy ref
	must ns src ip -6 route add ff05::/16 dev eth0 table local
	rtp_record r1 ff05::1:1
	rtp_record r2 ff05::1:1
	RTP_TO='[ff05::1:1]:5000' rtp_play in.ts
	assert_soon 5 rtp_recorded r1
	assert_soon 5 rtp_recorded r2
	rtp_assert_oracle r1 r1 default
	rtp_assert_oracle r2 r1 noref
}

# What was held, renumbered and addressed to somebody is whole again on its normal way.
test_kept_original_is_whole()
{
	stream_new in.ts 2 -c:v libx264 -preset ultrafast -bf 2 -g 25
	cast_world 2
	assert ctl cast del tv
	assert ctl cast add tv from vsrc dst 239.1.1.1 port 5000 original keep
	assert ctl cast to tv vr1 policy ref to 10.0.0.21:6000 mac "$(mac_of r1 eth0)"
	rtp_record r1 10.0.0.21 6000
	rtp_record r2
	rtp_play in.ts
	assert_soon 5 same "$TOOLS/rtp" count r2.rtp = "$(ctl --json cast show tv | jq .packets)"
	assert_soon 5 rtp_recorded r1
	rtp_assert_oracle r2 r2 default
	rtp_assert_oracle r1 r2 noref
	assert_eq "$(rtp_frames r2 default | wc -l)" 50 "frames of the original"
}

# The same source goes on; what was learned of it by the wrong word does not.
test_codec_that_was_wrong_can_be_corrected()
{
	stream_new in.ts 1 -c:v libx265 -preset ultrafast -x265-params \
		"bframes=3:keyint=25:log-level=error"
	cast_world 1
	cast_again codec h264
	assert ctl cast to tv vr1
	rtp_play in.ts -ssrc 7
	cast_is codec h264
	assert ctl save
	must sed -i "s/codec h264/codec hevc/" /etc/ecswitch/ecswitch.conf
	assert ctl reload
	cast_is packets 0
	rtp_play in.ts -ssrc 7
	cast_is codec hevc
	cast_is frames_in.key 1
}

run_tests "$@"
