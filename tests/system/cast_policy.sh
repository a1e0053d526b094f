#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Policies of casts that decide by GOP, by rate or by the receiver's own link, and receivers that
# are more or less than one port. ffmpeg sends, and judges what came.
. "$(dirname "$0")/../lib/system.bash"
. "$TOP/tests/lib/cast.bash"
. "$TOP/tests/lib/rtp.bash"
TEST_TIMEOUT=120

# assert_kept NS FILE COUNT [TOLERANCE]: that many frames, each of them one of the file's, and none
# of them damaged.
assert_kept()
{
	local count

	frames "$2" default > "$WORK/wanted"
	frames "$WORK/$1.ts" default > "$WORK/got"
	count=$(wc -l < "$WORK/got")
	assert_ge "$count" $(($3 - ${4:-0})) "frames of $1"
	assert_ge $(($3 + ${4:-0})) "$count" "frames of $1, at most"
	assert_eq "$(grep -vxFf "$WORK/wanted" -c "$WORK/got")" 0 "frames of $1 that were never sent"
	# The tables tell of sound that a policy left out.
	sed -i '/stream 1/d; /analyzeduration/d' "$WORK/$1.ts.default.warnings"
	assert_clean "$1"
}

# Six seconds of 25 frames a second, GOPs of a second with 9 references or so.
test_gop_and_fps_decimate_without_damage()
{
	local i refs

	stream_new in.ts 6 -c:v libx264 -preset veryfast -bf 2 -g 25 -sc_threshold 0 \
		-x264-params b-pyramid=none:b-adapt=0
	cast_world 5
	assert ctl cast to tv vr1
	assert ctl cast to tv vr2 policy gop 15
	assert ctl cast to tv vr3 policy gop 3
	assert ctl cast to tv vr4 policy fps 5
	assert ctl cast to tv vr5 policy fps 20
	for i in 1 2 3 4 5; do
		record "r$i"
	done
	play_fast in.ts
	for i in 1 2 3 4 5; do
		assert_soon 5 recorded "r$i"
	done
	assert_kept r1 r1.ts 150
	assert_kept r2 r1.ts $((6 * 15))
	assert_kept r3 r1.ts $((6 * 3))
	assert_kept r4 r1.ts $((25 + 5 * 5)) # all of the first GOP
	assert_kept r5 r1.ts $((25 + 5 * 20))
	for i in 2 3 4 5; do
		assert_eq "$(audio "r$i.ts")" "$(audio r1.ts)" "sound of r$i"
	done
	refs=$(frames r1.ts noref | wc -l)
	assert_eq "$(receiver vr5 '.dropped.ref + .dropped.key')" 0 "references dropped"
	assert_ge "$(receiver vr4 .dropped.ref)" 1 "references dropped"
	assert_ge "$refs" $((6 * 8)) "references of the stream"
}

# Changed ten times a second and more, among policies that keep all references: at every moment
# exactly the frames of one of them.
test_changes_of_a_policy_damage_no_frame()
{
	local player policies=(ref all "thin 50%" "ref join now" auto) i=0

	stream_new in.ts 16 -c:v libx264 -preset ultrafast -bf 2 -g 25
	cast_world 3
	assert ctl cast to tv vr1
	assert ctl cast to tv vr2
	assert ctl cast to tv vr3 policy ref
	record r1
	record r2
	record r3
	play in.ts &
	player=$!
	while kill -0 "$player" 2> /dev/null; do
		assert ctl cast set tv vr2 policy "${policies[i++ % ${#policies[@]}]}"
	done
	wait "$player"
	assert_soon 5 recorded r2
	assert_ge "$i" 20 "changes"
	assert_oracle r1 r1 default
	assert_oracle r3 r1 noref
	frames r1.ts noref > refs
	frames r2.ts default > got
	assert_eq "$(grep -vxFf got -c refs)" 0 "references that r2 did not get"
	assert_ge "$(wc -l < got)" $(($(wc -l < refs) + 1)) "frames of r2"
	assert_kept r2 r1.ts "$(wc -l < got)"
	assert_eq "$(audio r2.ts)" "$(audio r1.ts)" "sound of r2"
}

# The ports of a network come and go; one that is named has its own policy.
# A family of metrics is in one place and begins with its type; nothing is there twice.
metrics_are_well_formed()
{
	ctl metrics | awk '/^# TYPE / { wrong += seen[$3]++; family = $3; next }
		{ split($1, name, "{"); wrong += name[1] != family || NF != 2 || there[$1]++; lines++ }
		END { exit !lines || wrong }'
}

test_network_receives_at_all_its_ports()
{
	stream_new in.ts 6 -c:v libx264 -preset ultrafast -bf 2 -g 25
	cast_world 2
	assert ctl network add other
	assert ctl match add w* network other
	assert_fails ctl cast to tv vr1 network lan
	assert ctl cast to tv network lan policy ref
	assert ctl cast to tv network other
	assert ctl cast to tv vr2 policy key
	assert_match "$(ctl cast to tv network lan 2>&1)" "already"
	assert_match "$(ctl network del lan 2>&1)" "cast off tv network lan"
	assert_eq "$(ctl --json cast show tv | jq -c '[.receivers[] | [.port, .network, .policy, .state]]')" \
		'[["vr1","lan","ref","joining"],[null,"other","all","waiting"],["vr2",null,"key","joining"]]'
	ns_new late
	veth_new late wlate
	addr_add late eth0 30
	wait_port wlate
	assert_soon 5 same receiver wlate .state = '"joining"'
	record r1
	record r2
	record late
	play_fast in.ts
	assert_soon 5 recorded r1
	assert_soon 5 recorded r2
	assert_soon 5 recorded late wlate
	frames late.ts default > all
	assert_eq "$(wc -l < all)" 150 "frames of the whole stream"
	assert_oracle r1 late noref
	assert_oracle r2 late nokey
	assert_eq "$(receiver wlate .sent.ref+.sent.key+.sent.nonref)" 150 "frames that are counted"
	assert_eq "$(receiver vsrc .port)" "" "row of the sender"
	assert metrics_are_well_formed
	assert_match "$(ctl metrics)" 'ecswitch_cast_frames_in_total\{cast="tv",class="key"\} 6'
	assert_match "$(ctl metrics)" 'ecswitch_receiver_sent_total\{cast="tv",port="vr2",class="key"\} 6'
	assert_match "$(ctl metrics)" 'ecswitch_receiver_refused_total\{cast="tv",port="wlate"\} 0'
	assert ctl cast set tv network lan policy key
	assert_eq "$(receiver vr1 .policy)" '"key"'
	must ip link del wlate
	assert_soon 5 same receiver wlate .state = ""
	assert ctl save
	assert grep -qx 'cast to tv network lan policy key' /etc/ecswitch/ecswitch.conf
	assert ctl reload
	assert ctl cast off tv network lan
	assert_eq "$(ctl --json cast show tv | jq -c '[.receivers[].port]')" '[null,"vr2"]'
}

# record_host SOCAT-OPTIONS PORT
record_host()
{
	start record-host @ socat -u "UDP4-RECV:$2,rcvbuf=16000000$1" "CREATE:$WORK/host.ts"
	assert_soon 5 listens @ "$2"
}

# By the gateway if there is one, else by the uplink; a copy for one address finds the host's MAC.
test_host_receives_by_its_gateway_or_its_uplink()
{
	stream_new in.ts 3 -c:v libx264 -preset ultrafast -bf 2 -g 25
	cast_world 1
	assert ctl cast to tv vr1
	assert ctl cast to tv host policy ref
	assert_eq "$(receiver host .state)" '"waiting"'
	assert ctl network set lan gateway 10.0.0.1/24
	assert_soon 5 same receiver host .state = '"joining"'
	record r1
	record_host ,ip-add-membership=239.1.1.1:ecs-lan 5000
	play_fast in.ts
	assert_soon 5 recorded r1
	assert_soon 5 recorded host host
	assert_oracle host r1 noref
	assert ctl network set lan gateway none
	kill "$STARTED"
	cp r1.ts first.ts

	ns_new wire
	veth_new wire up0
	must ip addr add 10.0.0.1/24 dev up0
	assert ctl network set lan uplink up0
	assert ctl cast off tv host
	assert ctl cast to tv host policy key to 10.0.0.1:6000
	assert_soon 5 same receiver host .state = '"joining"'
	record_host "" 6000
	play_fast in.ts
	assert_soon 5 recorded host host
	assert_oracle host first nokey
	assert_eq "$(ctl --json cast show tv | jq -c '[.receivers[].port]')" '["vr1","host"]'
	assert ctl cast off tv host
	assert_eq "$(ctl --json cast show tv | jq -c '[.receivers[].port]')" '["vr1"]'
}

pids() # FILE: each PID and how many packets it has
{
	od -An -v -tu1 -w188 "$1" | awk '{ n[($2 % 32) * 256 + $3]++ } END { for (p in n) print p, n[p] }'
}

has_pid() # FILE PID
{
	pids "$1" | grep -q "^$2 "
}

# The tables are as they were, and so is the video; a clock on the sound's PID would stay.
test_sound_and_stuffing_are_left_out_if_so_wanted()
{
	local audio=257 null=8191

	stream_new in.ts 3 -c:v libx264 -preset ultrafast -bf 2 -g 25 -muxrate 3M
	assert has_pid in.ts "$null"
	cast_world 4
	assert ctl cast to tv vr1
	assert ctl cast to tv vr2 policy all audio drop
	assert ctl cast to tv vr3 policy ref nulls strip
	assert ctl cast to tv vr4 policy all audio drop nulls strip
	for i in 1 2 3 4; do
		record "r$i"
	done
	play_fast in.ts
	for i in 1 2 3 4; do
		assert_soon 5 recorded "r$i"
	done
	assert has_pid r1.ts "$audio"
	assert has_pid r1.ts "$null"
	assert_fails has_pid r2.ts "$audio"
	assert has_pid r2.ts "$null"
	assert_fails has_pid r3.ts "$null"
	assert_oracle r3 r1 noref
	assert_kept r2 r1.ts 75
	assert_kept r4 r1.ts 75
	assert_eq "$(pids r4.ts | sort -n | cut -d' ' -f1 | xargs)" "0 17 256 4096" "PIDs without sound"
	assert_eq "$(receiver vr1 '[.dropped.audio, .dropped.other]')" "[0,0]" "dropped for all"
	assert_eq "$(receiver vr2 '[.sent.audio, .dropped.other]')" "[0,0]" "TS packets without sound"
	assert_ge "$(receiver vr2 .dropped.audio)" 30 "TS packets of sound dropped"
	assert_eq "$(receiver vr3 .dropped.audio)" 0 "TS packets of sound dropped with the stuffing"
	assert_ge "$(receiver vr3 .dropped.other)" 30 "TS packets of stuffing dropped"
}

test_late_receiver_may_join_at_once()
{
	local player

	stream_new in.ts 12 -c:v libx264 -preset ultrafast -bf 0 -g 150
	cast_world 2
	assert ctl cast to tv vr1
	record r1
	record r2
	play in.ts &
	player=$!
	assert_soon 5 same receiver vr1 .state = '"up"'
	assert ctl cast to tv vr2 policy all join now
	assert_soon 5 same receiver vr2 .state = '"up"'
	assert_eq "$(receiver vr2 .sent.key)" 0 "keyframes so far"
	assert_ge "$(receiver vr2 .packets)" 1 "packets so far"
	wait "$player"
	assert_soon 5 recorded r2
	assert_eq "$(continuity_errors r2.ts)" 0 "continuity errors"
	assert_eq "$(receiver vr2 .sent.key)" 1 "keyframes"
}

# References that are dropped by force take along what needs them.
test_forced_drop_of_references_damages_nothing()
{
	stream_new in.ts 8 -c:v libx264 -preset ultrafast -bf 2 -g 25 -sc_threshold 0
	cast_world 3
	assert ctl cast to tv vr1
	assert ctl cast to tv vr2 policy drop ref 10% force
	assert ctl cast to tv vr3 policy drop key 50% force
	for i in 1 2 3; do
		record "r$i"
	done
	play_fast in.ts
	for i in 1 2 3; do
		assert_soon 5 recorded "r$i"
	done
	frames r2.ts default > got
	assert_ge "$(wc -l < got)" 50 "frames of r2"
	assert_ge 150 "$(wc -l < got)" "frames of r2, at most"
	assert_kept r2 r1.ts "$(wc -l < got)"
	assert_kept r3 r1.ts 100
	assert_eq "$(receiver vr3 .dropped.key)" 4 "keyframes dropped"
}

test_gop_and_fps_decimate_rtp_without_damage()
{
	local i

	stream_new in.ts 4 -c:v libx264 -preset veryfast -bf 2 -g 25 -sc_threshold 0 \
		-x264-params b-pyramid=none:b-adapt=0
	cast_world 4
	assert ctl cast to tv vr1
	assert ctl cast to tv vr2 policy gop 5
	assert ctl cast to tv vr3 policy fps 10
	assert ctl cast to tv vr4 policy gop half
	for i in 1 2 3 4; do
		rtp_record "r$i"
	done
	rtp_play in.ts
	for i in 1 2 3 4; do
		assert_soon 5 rtp_recorded "r$i"
	done
	rtp_assert_part r2 r1 $((4 * 5))
	rtp_assert_part r3 r1 $((25 + 3 * 10))
	rtp_assert_part r4 r1 $((25 + 3 * 13))
}

# Frames behind a keyframe that refer to the GOP before it go, if that lost its tail.
test_open_gops_lose_their_tail_without_damage()
{
	local codec i

	stream_new mpeg2.ts 4 -c:v mpeg2video -b:v 2M -bf 2 -g 12
	stream_new hevc.ts 4 -c:v libx265 -preset ultrafast -x265-params \
		"bframes=3:b-pyramid=1:keyint=25:min-keyint=25:scenecut=0:open-gop=1:log-level=error"
	cast_world 3
	for codec in mpeg2 hevc; do
		assert ctl cast to tv vr1
		assert ctl cast to tv vr2 policy gop 3
		assert ctl cast to tv vr3 policy drop ref 10% force
		for i in 1 2 3; do
			record "r$i"
			pids[i]=$STARTED
		done
		play_fast "$codec.ts"
		for i in 1 2 3; do
			assert_soon 5 recorded "r$i"
			frames "r$i.ts" default > got
			assert_ge "$(wc -l < got)" 8 "frames of r$i"
			[ "$i" != 2 ] || assert_ge 30 "$(wc -l < got)" "frames of r2, at most"
			assert_kept "r$i" r1.ts "$(wc -l < got)"
			kill "${pids[i]}"
			assert ctl cast off tv "vr$i"
		done
	done
}

# measure_rate PORT: bits a second over ten seconds.
measure_rate()
{
	local bits='8*(.bytes-42*.packets)' from to start end

	start=$(date +%s%N) from=$(receiver "$1" "$bits")
	sleep 10
	end=$(date +%s%N) to=$(receiver "$1" "$bits")
	echo $(((to - from) * 1000000 / ((end - start) / 1000)))
}

rate_is() # PORT RATE
{
	local got

	got=$(measure_rate "$1")
	echo "got $got, wanted $2"
	[ "$got" -ge $(($2 * 95 / 100)) ] && [ "$got" -le $(($2 * 105 / 100)) ]
}

# Of 1.5 Mbit/s. A machine that is too slow to send may need another ten seconds.
test_rate_is_met_within_five_percent_and_damages_nothing()
{
	stream_new in.ts 36 -c:v libx264 -preset ultrafast -bf 2 -g 10 -b:v 1300k -maxrate 1300k -bufsize 500k
	cast_world 3
	assert ctl cast to tv vr1
	assert ctl cast to tv vr2 policy rate 1M
	assert ctl cast to tv vr3 policy rate 600k
	for i in 1 2 3; do
		record "r$i"
	done
	start player src ffmpeg -nostdin -v error -re -i in.ts -map 0 -c copy -f mpegts \
		"udp://239.1.1.1:5000?pkt_size=1316"
	assert_soon 10 same receiver vr3 .state = '"up"'
	assert_soon 45 rate_is vr2 1000000 &
	assert_soon 45 rate_is vr3 600000
	wait $!
	kill "$STARTED"
	assert_soon 5 recorded r3
	frames r3.ts default > got
	assert_kept r3 r1.ts "$(wc -l < got)"
	frames r2.ts default > got
	assert_kept r2 r1.ts "$(wc -l < got)"
}

step_of()
{
	receiver "$1" .step | tr -d '"'
}

has_left() # PORT STEP
{
	[ "$(step_of "$1")" != "$2" ]
}

# A machine that does not take its frames from its tap for a while.
test_auto_follows_the_receivers_link_down_and_up()
{
	local step

	stream_new in.ts 4 -c:v libx264 -preset ultrafast -bf 2 -g 25
	cast_world 1
	ns_new slow
	tap_new slow vslow
	must ip link set vslow txqueuelen 16
	wait_port vslow
	assert ctl cast to tv vr1 policy auto
	assert ctl cast to tv vslow policy auto audio drop
	assert_eq "$(step_of vslow)" all
	monitor_start src
	start player src ffmpeg -nostdin -v error -re -stream_loop -1 -i in.ts -map 0 -c copy -f mpegts \
		"udp://239.1.1.1:5000?pkt_size=1316"
	assert_soon 10 same receiver vslow .state = '"up"'
	kill -STOP "$(tap_pid vslow)"
	assert_soon 20 has_left vslow all
	kill -CONT "$(tap_pid vslow)"
	switch_kill
	switch_start
	step=$(step_of vslow)
	assert_eq "$(ctl --json cast show tv | jq -c '[.receivers[].policy]')" '["auto","auto audio drop"]'
	assert_fails test "$step" = all
	assert_soon 40 same step_of vslow = all
	assert_eq "$(step_of vr1)" all
	assert_eq "$(events '.params? // . | select(.type == "cast_step") | [.cast, .port, .old_step, .step] | join(" ")' |
		head -n 1)" "tv vslow all thin 50%"
}

run_tests "$@"
