#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The forwarding database: learning, ageing, moves, static entries, a full table, flushes.
. "$(dirname "$0")/../lib/system.bash"

ONE=02:00:00:00:00:01
TWO=02:00:00:00:00:02

# A switch with the silent machines a, b and c in network "net".
three_machines()
{
	silent_vms a b c
	config_net
	switch_start "$@"
	wait_port vetha vethb vethc
}

# says NS MAC: a broadcast from it.
says()
{
	frame -s "$2" -w 5 "$1/eth0"
}

# who_hears NS SRC DST: the other machines that a frame reaches; with *N if it came N times.
who_hears()
{
	local from=$1 name others=()

	for name in a b c; do
		! ip link show "veth$name" > "$WORK/link.log" 2>&1 || others+=("$name/eth0")
	done
	frame -s "$2" -d "$3" "$from/eth0" "${others[@]}" |
		awk '$2 > 0 { out = out " " substr($1, 1, 1) ($2 > 1 ? "*" $2 : "") } END { print substr(out, 2) }'
}

moves_of() # MAC
{
	ctl --json fdb list | jq ".[] | select(.mac == \"$1\") | .moves"
}

test_source_address_is_learned_and_ends_flooding()
{
	three_machines
	assert_eq "$(who_hears b $TWO $ONE)" "a c" "hearers of an unknown address"
	says a $ONE
	assert_eq "$(fdb_port net $ONE)" vetha "port of the address"
	assert_eq "$(ctl --json fdb list | jq -r ".[] | select(.mac == \"$ONE\") | .kind")" learned kind
	assert_eq "$(who_hears b $TWO $ONE)" "a" "hearers of a known address"
}

test_idle_entry_ages_and_a_talking_one_stays()
{
	local end

	three_machines
	assert ctl network set net ageing 10
	says a $ONE
	says b $TWO
	end=$(($(now_ms) + 16000))
	while [ -n "$(fdb_port net $ONE)" ]; do
		[ "$(now_ms)" -lt $end ] || fail "an idle entry is still there after 16 s"
		says b $TWO
		sleep 0.5
	done
	assert_ge "$(($(now_ms) - end + 16000))" 9000 "milliseconds until it went"
	assert_eq "$(fdb_port net $TWO)" vethb "port of the address that talks"
}

test_ageing_0_keeps_entries()
{
	three_machines
	assert ctl network set net ageing 0
	says a $ONE
	sleep 1.2
	assert_eq "$(fdb_port net $ONE)" vetha "port of the address"
}

test_move_is_followed_counted_and_announced()
{
	three_machines
	monitor_start c
	says a $ONE
	assert_soon 2 grep -q fdb_learned "$WORK/monitor.log"
	says b $ONE
	assert_eq "$(fdb_port net $ONE)" vethb "port after the move"
	assert_eq "$(moves_of $ONE)" 1 "moves of the entry"
	assert_eq "$(ctl --json stats vethb | jq '.[0].fdb_moved')" 1 "moves to the port"
	assert_soon 2 grep -q fdb_moved "$WORK/monitor.log"
	assert_eq "$(events 'select(.type == "fdb_moved") | "\(.mac) \(.old_port) \(.port)"')" \
		"$ONE vetha vethb" "the event"
	assert_eq "$(who_hears c $TWO $ONE)" "b" "hearers after the move"
}

test_static_entry_does_not_move()
{
	three_machines
	assert ctl fdb add $ONE vetha
	says b $ONE
	assert_eq "$(fdb_port net $ONE)" vetha "port of the static entry"
	assert_eq "$(ctl --json fdb list | jq -r ".[] | select(.mac == \"$ONE\") | .kind")" static kind
	assert_eq "$(who_hears c $TWO $ONE)" "a" "hearers of the static address"
	assert ctl fdb del $ONE
	assert_eq "$(fdb_port net $ONE)" "" "port of the removed entry"
}

test_static_entry_takes_the_place_of_a_learned_one()
{
	three_machines
	says a $ONE
	assert ctl fdb add $ONE vethb
	assert_eq "$(fdb_port net $ONE)" vethb "port"
	assert_eq "$(who_hears c $TWO $ONE)" "b" hearers
}

test_static_entry_for_an_absent_port_waits_for_it()
{
	config_net
	echo "fdb add $ONE vethc" >> /etc/ecswitch/ecswitch.conf
	silent_vms a b
	switch_start
	wait_port vetha vethb
	assert_eq "$(who_hears a $TWO $ONE)" "b" "hearers before the port exists"
	silent_vms c
	wait_port vethc
	assert_eq "$(fdb_port net $ONE)" vethc "port of the static entry"
	assert_eq "$(who_hears a $TWO $ONE)" "c" "hearers once the port is there"
	must ip link del vethc
	assert_soon 2 no_port vethc
	assert_eq "$(who_hears a $TWO $ONE)" "b" "hearers once the port has gone"
}

# Frames from COUNT different addresses of one machine.
many_talk() # NS COUNT
{
	local i

	for ((i = 0; i < $2; i++)); do
		frame -w 0 -s "$(printf '02:11:00:00:%02x:%02x' $((i / 256)) $((i % 256)))" "$1/eth0"
	done
}

test_full_table_floods_and_keeps_static_entries()
{
	three_machines --fdb-size 64
	assert ctl fdb add $ONE vethb
	many_talk a 90
	assert_le "$(fdb_count)" 64 "entries of a table of 64"
	assert_ge "$(ctl --json stats vetha | jq '.[0].fdb_full')" 20 "addresses that found no room"
	assert_eq "$(fdb_port net $ONE)" vethb "port of the static entry"
	# Not learned, and therefore flooded: both ways still work.
	assert_eq "$(who_hears b $TWO 02:11:00:00:00:59)" "a c" "hearers of an address without room"
	assert_eq "$(who_hears c 02:11:00:00:00:60 $ONE)" "b" "hearers of the static address"
	# An operator's entry goes before a learned one.
	assert ctl fdb add $TWO vethc
	assert_eq "$(fdb_port net $TWO)" vethc "port of a static entry added to a full table"
}

test_full_table_is_announced()
{
	three_machines --fdb-size 64
	monitor_start c
	many_talk a 80
	assert_soon 2 grep -q '"fdb_full"' "$WORK/monitor.log"
}

test_fdb_limit_bounds_one_network()
{
	three_machines
	assert ctl network set net fdb-limit 5
	many_talk a 12
	assert_eq "$(fdb_count net)" 5 "entries of a network with a limit of 5"
	assert_eq "$(who_hears b $TWO 02:11:00:00:00:0b)" "a c" "hearers of an address beyond the limit"
}

test_flush_forgets_by_network_and_by_port()
{
	three_machines
	assert ctl network add other
	assert ctl port add vethc network other
	wait_port vethc
	assert ctl fdb add 02:00:00:00:00:99 vetha
	says a $ONE
	says b $TWO
	says c $TWO
	assert ctl fdb flush port vetha
	assert_eq "$(fdb_port net $ONE)$(fdb_port net $TWO)$(fdb_port other $TWO)" vethbvethc \
		"ports after a flush of vetha"
	assert ctl fdb flush network net
	assert_eq "$(fdb_port net $TWO)$(fdb_port other $TWO)" vethc "ports after a flush of net"
	assert ctl fdb flush
	assert_eq "$(ctl --json fdb list | jq -r '.[].mac')" 02:00:00:00:00:99 "what a flush leaves"
}

test_addresses_of_a_gone_port_go_with_it()
{
	three_machines
	says a $ONE
	says b $TWO
	must ip link del vetha
	assert_soon 2 no_port vetha
	assert_eq "$(fdb_port net $ONE)" "" "port of an address behind a gone link"
	assert_eq "$(who_hears c 02:00:00:00:00:03 $ONE)" "b" "hearers"
	assert_eq "$(fdb_port net $TWO)" vethb "port of the other address"
}

test_same_address_lives_in_two_networks()
{
	three_machines
	assert ctl network add other
	assert ctl port add vethc network other
	wait_port vethc
	says a $ONE
	says c $ONE
	assert_eq "$(fdb_port net $ONE) $(fdb_port other $ONE)" "vetha vethc" "ports"
}

run_tests "$@"
