# SPDX-License-Identifier: Apache-2.0
# Casts of RTP under test. What each machine got is recorded as it came; ffmpeg then gets it over
# RTSP and TCP, where nothing is lost, and says what it decodes. Source cast.bash first.

# video_new FILE SECONDS VIDEO-OPTIONS...: a test picture, coded once and sent as often as one likes.
video_new()
{
	local file=$1 seconds=$2

	shift 2
	must ffmpeg -nostdin -v error -f lavfi -i "testsrc2=size=320x180:rate=25" -t "$seconds" \
		-pix_fmt yuv420p "$@" -f nut "$file"
}

# rtp_record NS [ADDRESS [PORT]]: what comes goes to $WORK/NS.rtp.
rtp_record()
{
	start "record-$1" "$1" "$TOOLS/rtp" record "${2:-239.1.1.1}" "${3:-5000}" "$WORK/$1.rtp"
	assert_soon 5 listens "$1" "${3:-5000}"
}

# rtp_play FILE [OPTION...]: four times as fast as it is meant to be seen, or RATE times. RTCP shares
# the port. RTP_TO is another destination.
rtp_play()
{
	local file=$1

	shift
	must ns src ffmpeg -nostdin -v error -readrate "${RATE:-4}" -i "$file" -map 0:v -c copy \
		-sdp_file "$WORK/sdp" "$@" -f rtp "rtp://${RTP_TO:-239.1.1.1:5000}?rtcpport=5000&pkt_size=1400"
}

# rtp_play_halt FILE NS: the same, until some of it is in NS.rtp; then the sender ($STARTED) is stopped.
rtp_play_halt()
{
	start player src ffmpeg -nostdin -v error -readrate 2 -i "$1" -map 0:v -c copy \
		-sdp_file "$WORK/sdp" -f rtp "rtp://239.1.1.1:5000?rtcpport=5000&pkt_size=1400"
	assert_soon 5 test -s "$WORK/$2.rtp"
	must kill -STOP "$STARTED"
}

# rtp_play_ts FILE: a transport stream, in RTP.
rtp_play_ts()
{
	must ns src ffmpeg -nostdin -v error -readrate 4 -copyts -i "$1" -map 0 -c copy -f rtp_mpegts \
		"rtp://239.1.1.1:5000?rtcpport=5000&pkt_size=1328"
}

# rtp_unpack NS: the transport stream that came in RTP, for what cast.bash asserts.
rtp_unpack()
{
	"$TOOLS/rtp" payload "$WORK/$1.rtp" > "$WORK/$1.ts"
}

# All that was sent to a receiver is in its file.
rtp_recorded() # NS
{
	[ "$("$TOOLS/rtp" count "$WORK/$1.rtp")" = "$(receiver "v$1" .packets)" ]
}

# rtp_frames NS SKIP: time stamp and checksum of each decoded picture, as frames() in cast.bash. The
# first one's time is a guess of ffmpeg's.
rtp_frames()
{
	local server

	if [ ! -e "$WORK/$1.$2.frames" ]; then
		start "serve-$1" @ "$TOOLS/rtp" serve "$WORK/$1.rtp" "$WORK/sdp" 8554
		server=$STARTED
		assert_soon 5 tcp_listens 8554
		ffmpeg -nostdin -v warning -rtsp_transport tcp -skip_frame "$2" -copyts \
			-i rtsp://127.0.0.1:8554/x -map 0:v -fps_mode passthrough \
			-enc_time_base 1:90000 -f framemd5 - 2> "$WORK/$1.$2.warnings" |
			awk -F', *' '!/^#/ { print n++ ? $3 : "first", $6 }' > "$WORK/$1.$2.frames"
		wait "$server"
	fi
	cat "$WORK/$1.$2.frames"
}

tcp_listens() # PORT
{
	ss -Hlnt "sport = :$1" | grep -q .
}

assert_rtp_clean() # NS
{
	assert_eq "$("$TOOLS/rtp" gaps "$WORK/$1.rtp")" 0 "gaps in the numbers of $1"
	assert_eq "$(cat "$WORK/$1.default.warnings")" "" "what the decoder says of $1"
}

# rtp_assert_oracle NS SOURCE-NS SKIP: exactly the pictures that ffmpeg keeps of the whole stream, each
# at the time that it has there. (Without B-frames ffmpeg guesses times wrong that RTP does not tell.)
rtp_assert_oracle()
{
	rtp_frames "$2" "$3" | cut -d' ' -f2 > "$WORK/kept"
	rtp_frames "$2" default | grep -Ff "$WORK/kept" > "$WORK/wanted"
	rtp_frames "$1" default > "$WORK/got"
	assert_ge "$(wc -l < "$WORK/kept")" 2 "frames that $3 keeps"
	assert_eq "$(wc -l < "$WORK/wanted")" "$(wc -l < "$WORK/kept")" "frames of $2 that $3 keeps"
	assert_eq "$(diff "$WORK/wanted" "$WORK/got" | grep -c '^[<>]')" 0 "frames of $1 unlike $3"
	assert_rtp_clean "$1"
}

# rtp_assert_part NS SOURCE-NS COUNT: that many frames, each of them one of the whole stream's.
rtp_assert_part()
{
	rtp_frames "$2" default > "$WORK/wanted"
	rtp_frames "$1" default > "$WORK/got"
	assert_eq "$(wc -l < "$WORK/got")" "$3" "frames of $1"
	assert_eq "$(grep -vxFf "$WORK/wanted" -c "$WORK/got")" 0 "frames of $1 that were never sent"
	assert_rtp_clean "$1"
}
