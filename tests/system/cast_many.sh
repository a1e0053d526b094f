#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One stream of 8 Mbit/s to a hundred receivers with eight policies: nothing is lost, and what
# becomes of some of them is nothing to the others.
. "$(dirname "$0")/../lib/system.bash"
. "$TOP/tests/lib/cast.bash"
TEST_TIMEOUT=240

RECEIVERS=100
POLICIES=(all key ref "thin 50%" "thin 25%" "drop ref 10% force" "gop 10" "fps 12")

# The machines p0, p1, ... have the other ends of their links, of the same names, in one namespace.
# Receiver N has policy N modulo 8, and of the first of each policy the stream is recorded.
many_world()
{
	local i

	silence
	cast_world 0
	ns_new_silent far
	# One report of each is flooded to all others when it joins, and none while the stream runs.
	ns far sysctl -qw net.ipv4.igmp_qrv=1
	for ((i = 0; i < RECEIVERS; i++)); do
		echo "link add p$i up type veth peer name p$i netns far"
	done > links.batch
	must ip -batch links.batch
	for ((i = 0; i < RECEIVERS; i++)); do
		echo "link set p$i up"
		echo "addr add 10.1.0.$i/32 dev p$i"
	done > ends.batch
	must ns far ip -batch ends.batch
	{
		echo "match add p* network lan"
		for ((i = 0; i < RECEIVERS; i++)); do
			echo "cast to tv p$i policy \"${POLICIES[$((i % 8))]}\""
		done
	} > more.conf
	assert ctl batch more.conf
	assert_soon 20 same ports_up = $((RECEIVERS + 1))
	rm -f castsink.json
	nsenter --net=/run/netns/far -- "$TOOLS/castsink" 239.1.1.1 5000 p{0..7} \
		> castsink.json 2> castsink.log &
	SINK=$!
	assert_soon 5 grep -q ready castsink.log
	assert_soon 5 quiet
	REFUSED=$(drops_of OUTPUT)
}

quiet()
{
	local before

	before=$(ctl --json stats | md5sum)
	sleep 0.2
	[ "$(ctl --json stats | md5sum)" = "$before" ]
}

# 8 Mbit/s, with B-frames that others refer to and some that none does.
many_stream() # SECONDS
{
	stream_new in.ts "$1" -c:v libx264 -preset ultrafast -bf 3 -g 25 -b:v 7500k -minrate 7500k \
		-maxrate 7500k -bufsize 750k -x264-params nal-hrd=cbr:b-pyramid=normal
	truncate -s $(($(stat -c %s in.ts) / 1316 * 1316)) in.ts
	assert_ge "$(($(stat -c %s in.ts) * 8 / $1))" 7800000 "bit/s of the stream"
}

# In bursts of five datagrams, 8 Mbit/s on the whole.
many_play()
{
	must ns src "$BUILD/tests/bench/tsload" in.ts 239.1.1.1 5000 0 760
}

many_end()
{
	REFUSED=$(($(drops_of OUTPUT) - REFUSED)) # before all leave their group
	kill "$SINK"
	assert_soon 20 gone "$SINK"
	ctl --json cast show tv > show.json
	assert_eq "$(ns far awk '$1 == "Udp:" && $2 + 0 == $2 { print $6 }' /proc/net/snmp)" 0 \
		"datagrams for which a receiver had no room"
}

# of_policy N KEY: what all receivers of a policy have in common; fails if they have not.
of_policy()
{
	jq -r --argjson n "$1" ".[] | select((.link[1:] | tonumber) % 8 == \$n) | .$2" castsink.json |
		sort -u
}

# What was sent to each receiver has arrived, and all of one policy got the same.
assert_none_lost()
{
	local i

	jq -r '.receivers[] | "\(.port) \(.packets) \(.bytes - 42 * .packets)"' show.json |
		grep '^p' | sort > sent
	jq -r '.[] | "\(.link) \(.packets) \(.bytes)"' castsink.json | sort > got
	assert_eq "$(diff sent got)" "" "receivers that got something else than was sent"
	for i in 0 1 2 3 4 5 6 7; do
		assert_eq "$(of_policy $i hash | wc -l)" 1 "streams of policy ${POLICIES[$i]}"
	done
}

# assert_subset NS: frames of the stream and nothing else.
assert_subset()
{
	frames p0.ts default > wanted
	frames "$1.ts" default > got
	assert_ge "$(wc -l < got)" 5 "frames of $1"
	assert_eq "$(grep -vxFf wanted -c got)" 0 "frames of $1 that were never sent"
	assert_clean "$1"
}

test_hundred_receivers_with_eight_policies_lose_nothing()
{
	local all nonref

	many_world
	many_stream 5
	many_play
	many_end
	assert_none_lost
	assert_eq "$REFUSED" 0 "copies refused"
	assert cmp p0.ts in.ts
	assert_oracle p1 p0 nokey
	assert_oracle p2 p0 noref
	all=$(frames p0.ts default | wc -l)
	nonref=$((all - $(frames p0.ts noref | wc -l)))
	assert_eq "$all" 125 "frames"
	assert_part p3 p0 $((all - nonref * 50 / 100))
	assert_part p4 p0 $((all - nonref * 25 / 100))
	assert_subset p5
	assert_subset p6
	assert_subset p7
}

# Links of four machines vanish, and twelve are taken from the cast and given back ten times a
# second, each time with another policy, while the stream runs.
test_receivers_that_come_and_go_harm_no_other()
{
	local player i n=0 end

	many_world
	many_stream 5
	many_play &
	player=$!
	end=$(($(now_ms) + 4000))
	while [ "$(now_ms)" -lt $end ]; do
		i=$((88 + n % 12))
		assert ctl cast off tv "p$i"
		sleep 0.1
		assert ctl cast to tv "p$i" policy "${POLICIES[$((n / 12 % 8))]}"
		[ $((n % 8)) -ne 1 ] || ip link del "p$((80 + n / 8 % 8))"
		n=$((n + 1))
	done
	wait $player
	many_end
	assert_ge "$n" 2 "changes, the second of which takes a link away"
	# Those that nobody touched, 0 to 79: each of one policy has the same, and all of it.
	jq '[.[] | select((.link[1:] | tonumber) < 80)]' castsink.json > rest.json
	jq '.receivers |= [.[] | select((.port[1:] | tonumber) < 80)]' show.json > rest-show.json
	mv rest.json castsink.json
	mv rest-show.json show.json
	assert_none_lost
	assert cmp p0.ts in.ts
	assert_oracle p1 p0 nokey
	assert_oracle p2 p0 noref
	assert_subset p6
}

run_tests "$@"
