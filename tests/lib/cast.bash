# SPDX-License-Identifier: Apache-2.0
# Casts under test: ffmpeg makes the stream, sends it and, with its own -skip_frame, says which
# frames a receiver should have got.

# cast_world N: a sender behind vsrc and machines r1 to rN behind vr1 to vrN, all in network lan,
# and the cast "tv" of 239.1.1.1:5000 that comes from the sender.
cast_world()
{
	command -v ffmpeg > /dev/null || skip "ffmpeg is not installed"
	switch_config <<-'TEXT'
		network add lan
		match add v* network lan
	TEXT
	switch_start
	ns_new src
	veth_new src vsrc
	addr_add src eth0 10
	must ns src ip route add 239.0.0.0/8 dev eth0
	receivers_new "$1"
	assert_soon 5 same ports_up = $(($1 + 1))
	assert ctl cast add tv from vsrc dst 239.1.1.1 port 5000
}

# receivers_new N: the machines, all links in one go.
receivers_new()
{
	local i

	for ((i = 1; i <= $1; i++)); do
		touch "/run/netns/r$i"
		must unshare "--net=/run/netns/r$i" sysctl -qw net.ipv6.conf.{all,default}.accept_dad=0
		echo "link add vr$i type veth peer name eth0 netns r$i"
		echo "link set vr$i up"
	done > "$WORK/links.batch"
	must ip -batch "$WORK/links.batch"
	for ((i = 1; i <= $1; i++)); do
		printf '%s\n' "link set lo up" "link set eth0 up" "addr add 10.0.0.$((20 + i))/24 dev eth0" \
			"addr add fd00::$((20 + i))/64 dev eth0 nodad" > "$WORK/ends.batch"
		must ns "r$i" ip -batch "$WORK/ends.batch"
	done
}

# cast_again [OPTION...]: the cast tv anew, with no receivers and nothing learned of the last stream.
cast_again()
{
	assert ctl cast del tv
	assert ctl cast add tv from vsrc dst 239.1.1.1 port 5000 "$@"
}

# stream_new FILE SECONDS VIDEO-OPTIONS...: a test picture with a tone, as a transport stream. AUDIO
# is another codec than mp2.
stream_new()
{
	local file=$1 seconds=$2

	shift 2
	must ffmpeg -nostdin -v error -f lavfi -i "testsrc2=size=320x180:rate=25" -f lavfi \
		-i "sine=frequency=440" -t "$seconds" -pix_fmt yuv420p "$@" -c:a "${AUDIO:-mp2}" \
		-f mpegts "$file"
}

listens() # NS PORT
{
	ns "$1" ss -Hlnu "sport = :$2" | grep -q .
}

# record NS [GROUP [PORT]]: what comes goes to $WORK/NS.ts.
record()
{
	local group=${2:-239.1.1.1} port=${3:-5000}

	start "record-$1" "$1" socat -u \
		"UDP4-RECV:$port,ip-add-membership=$group:eth0,rcvbuf=16000000" "CREATE:$WORK/$1.ts"
	assert_soon 5 listens "$1" "$port"
}

# play FILE [OPTION...]: four times as fast as it is meant to be seen, or RATE times.
play()
{
	local file=$1

	shift
	must ns src ffmpeg -nostdin -v error -readrate "${RATE:-4}" -copyts -i "$file" -map 0 -c copy "$@" \
		-f mpegts "udp://239.1.1.1:5000?pkt_size=1316"
}

# play_halt FILE LINK KEYFRAMES: the same at half that pace, until so many went to LINK; then the sender
# ($STARTED) is stopped.
play_halt()
{
	start player src ffmpeg -nostdin -v error -readrate 2 -copyts -i "$1" -map 0 -c copy -f mpegts \
		"udp://239.1.1.1:5000?pkt_size=1316"
	assert_soon 5 has_keyframes "$2" "$3"
	must kill -STOP "$STARTED"
}

has_keyframes() # LINK COUNT
{
	[ "$(receiver "$1" .sent.key)" -ge "$2" ]
}

# play_fast FILE [SIZE]: the file as it is, in datagrams of SIZE, as fast as receivers can be expected
# to read. For policies that do not look at the clock.
play_fast()
{
	must ns src "$TOOLS/tsplay" -z "${2:-1316}" "$1" 239.1.1.1 5000 > played
}

receiver() # NAME KEY
{
	ctl --json cast show tv | jq -c ".receivers[] | select(.port == \"$1\") | $2"
}

# All that was sent to a receiver is in its file; Ethernet, IP and UDP took 42 bytes each.
recorded() # NS [PORT]
{
	[ "$(stat -c %s "$WORK/$1.ts")" = "$(receiver "${2:-v$1}" '.bytes - 42 * .packets')" ]
}

# decode FILE SKIP OUTPUT...: framemd5 into FILE.SKIP.md5, what the decoder says into FILE.SKIP.warnings.
decode()
{
	local out=$1.$2

	ffmpeg -nostdin -y -v warning -skip_frame "$2" -fflags +discardcorrupt -copyts -i "$1" -map 0:v \
		-fps_mode passthrough -enc_time_base 1:90000 -f framemd5 "$out.md5" "${@:3}" \
		2> "$out.warnings"
}

# frames FILE SKIP: time stamp and checksum of each decoded picture, without those that ffmpeg
# itself leaves out. A file that did not change is decoded once; its sound is read on the way, if
# there is any.
frames()
{
	if [ ! "$1.$2.done" -nt "$1" ]; then
		decode "$1" "$2" -map 0:a -c copy -f md5 "$1.sound" || decode "$1" "$2"
		touch "$1.$2.done"
	fi
	awk -F, '!/^#/ { print $3, $6 }' "$1.$2.md5"
}

audio() # FILE
{
	frames "$1" default > /dev/null
	[ -s "$1.sound" ] && cat "$1.sound" || echo "no sound in $1"
}

# continuity_errors FILE: packets with payload whose counter does not follow the last one's.
continuity_errors()
{
	od -An -v -tu1 -w188 "$1" | cut -c 1-16 | awk '{
		pid = ($2 % 32) * 256 + $3; cc = $4 % 16; payload = int($4 / 16) % 2
		if ($1 != 71) { errors++; next }
		if (pid == 8191) next
		if (pid in last && cc != (last[pid] + payload) % 16) errors++
		last[pid] = cc
	} END { print errors + 0 }'
}

# assert_clean NS: no damage of any kind.
assert_clean()
{
	assert_eq "$(continuity_errors "$WORK/$1.ts")" 0 "continuity errors of $1"
	assert_eq "$(cat "$WORK/$1.ts.default.warnings")" "" "what the decoder says of $1"
}

# assert_oracle NS SOURCE-NS SKIP: exactly the frames that ffmpeg keeps of the whole stream, and
# all of the sound.
assert_oracle()
{
	frames "$WORK/$2.ts" "$3" > "$WORK/wanted"
	frames "$WORK/$1.ts" default > "$WORK/got"
	assert_ge "$(wc -l < "$WORK/wanted")" 2 "frames that $3 keeps"
	assert_eq "$(diff "$WORK/wanted" "$WORK/got" | grep -c '^[<>]')" 0 "frames of $1 unlike $3"
	assert_clean "$1"
	assert_eq "$(audio "$WORK/$1.ts")" "$(audio "$WORK/$2.ts")" "sound of $1"
}

# assert_part NS SOURCE-NS COUNT: that many frames, each of them one of the whole stream's.
assert_part()
{
	frames "$WORK/$2.ts" default > "$WORK/wanted"
	frames "$WORK/$1.ts" default > "$WORK/got"
	assert_eq "$(wc -l < "$WORK/got")" "$3" "frames of $1"
	assert_eq "$(grep -vxFf "$WORK/wanted" -c "$WORK/got")" 0 "frames of $1 that were never sent"
	assert_clean "$1"
	assert_eq "$(audio "$WORK/$1.ts")" "$(audio "$WORK/$2.ts")" "sound of $1"
}

# Six receivers, vr1 to vr6: all, key, ref, thin 50%, drop nonref 25% and gop 10.
POLICY_COUNT=6
policies_set()
{
	assert ctl cast to tv vr1
	assert ctl cast to tv vr2 policy key
	assert ctl cast to tv vr3 policy ref
	assert ctl cast to tv vr4 policy thin 50%
	assert ctl cast to tv vr5 policy drop nonref 25%
	assert ctl cast to tv vr6 policy gop 10
}

# As recorded, of all receivers at once.
all_recorded()
{
	[ "$(stat -c %s "$WORK"/r[1-$POLICY_COUNT].ts)" = \
		"$(ctl --json cast show tv | jq '.receivers[] | .bytes - 42 * .packets')" ]
}

# policies_play COMMAND...: what these receivers get of what the command plays.
policies_play()
{
	local i recorders=()

	policies_set
	for ((i = 1; i <= POLICY_COUNT; i++)); do
		record "r$i"
		recorders+=("$STARTED")
	done
	"$@"
	assert_soon 5 all_recorded
	kill "${recorders[@]}"
	ctl cast show tv
}

# frames_sent LINK: frames that were sent to a receiver.
frames_sent()
{
	receiver "$1" '.sent.key + .sent.ref + .sent.nonref'
}

# The oracle's frames, and of those that may go as many as were asked for.
assert_policies()
{
	local all nonref

	assert_oracle r1 r1 default
	assert_oracle r2 r1 nokey
	assert_oracle r3 r1 noref
	all=$(frames "$WORK/r1.ts" default | wc -l)
	nonref=$((all - $(frames "$WORK/r1.ts" noref | wc -l)))
	assert_part r4 r1 $((all - nonref * 50 / 100))
	assert_part r5 r1 $((all - nonref * 25 / 100))
	assert_part r6 r1 "$(frames_sent vr6)"
	assert_le "$(frames_sent vr6)" $((10 * $(frames "$WORK/r1.ts" nokey | wc -l))) "frames in GOPs"
	assert_le "$(frames_sent vr6)" $((all - 1)) "frames with gop 10"
	assert_eq "$(receiver vr3 .dropped.nonref)" "$nonref" "frames without reference"
	assert_eq "$(receiver vr3 '.dropped.ref + .dropped.key')" 0 "references dropped"
	assert_eq "$(receiver vr3 .unclassified)" 0 "frames without a type"
	assert_eq "$(drops_of OUTPUT)" 0 "copies refused"
}
