#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Casts of a stream that arrives damaged: datagrams are lost, come twice or in disorder. Damage
# ends with the GOP that it hit, and what was lost on the way to us is seen as lost.
. "$(dirname "$0")/../lib/system.bash"
. "$TOP/tests/lib/cast.bash"
TEST_TIMEOUT=120

# gops FILE: byte and time stamp at which each GOP begins.
gops()
{
	ffprobe -v error -select_streams v -show_entries packet=pts,pos,flags -of csv=p=0 "$1" |
		awk -F, '$3 ~ /K/ { print $2, $1 }'
}

# damage_new: in.ts, gops, and in $ranges the bytes of every second GOP.
damage_new()
{
	local at pts begin=
	stream_new in.ts 4 -c:v libx264 -preset veryfast -bf 2 -g 10 -keyint_min 10 -sc_threshold 0 \
		-b:v 1500k
	gops in.ts > gops
	assert_eq "$(wc -l < gops)" 10 "GOPs"
	ranges=()
	while read -r at pts; do
		if [ -n "$begin" ]; then
			ranges+=("$begin-$at")
			begin=
		else
			begin=$at
		fi
	done < gops
}

# pictures FILE SKIP: as frames, but with all that the demuxer calls corrupt: by that it also means
# the last frame before a corrupt one.
pictures()
{
	ffmpeg -nostdin -v fatal -skip_frame "$2" -copyts -i "$1" -map 0:v -fps_mode passthrough \
		-enc_time_base 1:90000 -f framemd5 - | awk -F, '!/^#/ { print $3, $6 }'
}

# of_whole_gops: of the frames on stdin those of GOPs that were not damaged. The last three shown
# are left out: when the next keyframe is damaged, ffmpeg does not always give those out.
of_whole_gops()
{
	awk 'NR == FNR { from[NR] = $2; next }
		{
			for (i = NR - FNR; i > 0 && from[i] > $1; i--);
			if (i > 0 && i % 2 == 0 && (!(i + 1 in from) || $1 < from[i + 1] - 3 * 3600)) print
		}' gops -
}

# assert_recovers NS SKIP: all the pictures of whole GOPs that ffmpeg keeps are there, in order. Not
# by their time stamps: the decoder guesses those once it has met disorder. A damaged frame may be
# shown as a copy of the one before.
assert_recovers()
{
	pictures in.ts "$2" | of_whole_gops | awk '{ print $2 }' > wanted
	pictures "$1.ts" default | awk '{ print $2 }' | grep -xFf wanted | uniq > got
	assert_ge "$(wc -l < wanted)" 5 "frames of whole GOPs with $2"
	assert_eq "$(diff wanted got | grep -c '^[<>]')" 0 "frames of $1 in whole GOPs unlike $2"
	assert_le "$(continuity_errors "$1.ts")" "$(continuity_errors "$3")" "counter jumps of $1 beside $3"
}

# damaged_run FILE OPTION...: of tsplay, beside the ranges. No receiver's counters jump more often
# than those in FILE: what was sent, if its packets stand in a row, or what the first one got.
damaged_run()
{
	local i upstream=$1

	shift
	damage_new
	cast_world 3
	assert ctl cast to tv vr1
	assert ctl cast to tv vr2 policy ref
	assert ctl cast to tv vr3 policy key
	for i in 1 2 3; do
		record "r$i"
	done
	ns src "$TOOLS/tsplay" -o sent.ts "$@" in.ts 239.1.1.1 5000 "${ranges[@]}" > played ||
		fail "tsplay failed"
	cat played
	for i in 1 2 3; do
		assert_soon 5 recorded "r$i"
	done
	ctl cast show tv
	assert_recovers r1 default "$upstream"
	assert_recovers r2 noref "$upstream"
	assert_recovers r3 nokey "$upstream"
}

test_lost_datagrams_damage_their_gop_alone()
{
	damaged_run sent.ts -s 1 -l 5
	assert_ge "$(jq .lost played)" 5 "datagrams lost"
	assert_ge "$(continuity_errors r1.ts)" 5 "losses that are seen"
	assert_ge "$(continuity_errors r2.ts)" 5 "losses that are seen where it is thinned"
}

test_doubled_and_late_datagrams_damage_their_gop_alone()
{
	damaged_run sent.ts -s 2 -l 2 -d 4 -r 4
	assert_ge "$(jq '[.twice, .late] | min' played)" 3 "datagrams of each kind"
}

test_torn_packets_are_found_again_after_any_damage()
{
	damaged_run r1.ts -s 3 -z 1472 -l 3 -d 3 -r 3
	assert_ge "$(jq '[.lost, .twice, .late] | min' played)" 3 "datagrams of each kind"
	assert_eq "$(ctl --json cast show tv | jq -c .passed)" "[]" "what was not looked into"
	assert_eq "$(($(stat -c %s r1.ts) % 188))" 0 "bytes behind the last whole packet"
}

run_tests "$@"
