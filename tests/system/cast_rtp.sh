#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Casts of RTP: H.264, HEVC and transport streams. ffmpeg sends, and judges what each policy let
# through.
. "$(dirname "$0")/../lib/system.bash"
. "$TOP/tests/lib/cast.bash"
. "$TOP/tests/lib/rtp.bash"
TEST_TIMEOUT=120

# Five receivers: all, key, ref, thin 50% and drop nonref 25%.
five_policies() # FILE [OPTION...]
{
	local i

	cast_world 5
	assert ctl cast to tv vr1
	assert ctl cast to tv vr2 policy key
	assert ctl cast to tv vr3 policy ref
	assert ctl cast to tv vr4 policy thin 50%
	assert ctl cast to tv vr5 policy drop nonref 25%
	for i in 1 2 3 4 5; do
		rtp_record "r$i"
	done
	rtp_play "$@"
	for i in 1 2 3 4 5; do
		assert_soon 5 rtp_recorded "r$i"
	done
	ctl cast show tv
}

assert_five_policies()
{
	local all nonref

	rtp_assert_oracle r1 r1 default
	rtp_assert_oracle r2 r1 nokey
	rtp_assert_oracle r3 r1 noref
	all=$(rtp_frames r1 default | wc -l)
	nonref=$((all - $(rtp_frames r1 noref | wc -l)))
	rtp_assert_part r4 r1 $((all - nonref * 50 / 100))
	rtp_assert_part r5 r1 $((all - nonref * 25 / 100))
	assert_eq "$(receiver vr3 .dropped.nonref)" "$nonref" "frames without reference"
	assert_eq "$(receiver vr3 '.dropped.ref + .dropped.key')" 0 "references dropped"
	assert_eq "$(receiver vr3 .unclassified)" 0 "frames without a type"
	assert_eq "$(drops_of OUTPUT)" 0 "copies refused"
}

test_h264_is_thinned_as_ffmpeg_does()
{
	stream_new in.ts 4 -c:v libx264 -preset veryfast -bf 3 -g 25 -x264-params b-pyramid=normal
	five_policies in.ts
	assert_five_policies
}

run_tests "$@"
