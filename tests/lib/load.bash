# SPDX-License-Identifier: Apache-2.0
# Traffic of every kind at once, of which each datagram and segment is accounted for: between two
# VMs, from a VM through NAT to the LAN (UDP and TCP), and a cast to two receivers.

LOAD_RATE=${LOAD_RATE:-100000} # datagrams a second between the VMs, if the machine can

# load_world: nat_world with the VMs a, b, n (NAT), s (sends the stream), r1 and r2.
load_world()
{
	local vm n=10

	nat_world
	for vm in a b n s r1 r2; do
		n=$((n + 1))
		nat_vm $vm $n
	done
	must ns s ip route add 239.0.0.0/8 dev eth0
	must ctl cast add tv from veths dst 239.1.1.1 port 5000
	must ctl cast to tv vethr1
	must ctl cast to tv vethr2 policy ref
}

counted_receive() # NAME NS PORT [GROUP]
{
	start "$1-receive" "$2" "$TOOLS/counted" receive "${@:3}"
	eval "RECEIVE_$1=$STARTED"
	assert_soon 5 grep -q ready "$WORK/$1-receive.log"
}

counted_send() # NAME NS send|cast ADDRESS PORT RATE
{
	start "$1-send" "$2" "$TOOLS/counted" "${@:3}"
	eval "SEND_$1=$STARTED"
	assert_soon 5 grep -q started "$WORK/$1-send.log"
}

load_start()
{
	counted_receive vms b 6001
	counted_receive nat lan 6002
	counted_receive all r1 5000 239.1.1.1
	counted_receive ref r2 5000 239.1.1.1
	counted_send tv s cast 239.1.1.1 5000 1000
	counted_send nat n send 10.0.0.2 6002 5000
	stream_start n lan 2
	counted_send vms a send 10.77.0.12 6001 "$LOAD_RATE"
}

counted_end() # send|receive NAME...
{
	local what=$1 name pid

	shift
	for name in "$@"; do
		pid="${what^^}_$name"
		assert alive "${!pid}"
		kill "${!pid}"
		assert_soon 20 gone "${!pid}"
		echo "figure: $name $what: $(tail -n 1 "$WORK/$name-$what.log")"
	done
}

counted() # NAME-send|receive KEY
{
	tail -n 1 "$WORK/$1.log" | jq ".$2"
}

assert_all_arrived() # SENDER RECEIVER KEY MINIMUM
{
	assert_ge "$(counted "$1-send" sent)" "$4" "datagrams sent ($1)"
	assert_eq "$(counted "$2-receive" socket_drops)" 0 "datagrams that a socket had no room for ($2)"
	assert_eq "$(counted "$2-receive" received)" "$(counted "$1-send" "$3")" "datagrams ($2)"
	assert_eq "$(counted "$2-receive" twice)" 0 "datagrams that came twice ($2)"
}

cast_frames() # what the cast has counted
{
	ctl --json cast show tv | jq '.frames_in | add'
}

nat_packets() # PROTO: of the flow to the LAN, from the VM
{
	flows "[.[] | select(.proto == \"$1\" and (.remote | startswith(\"10.0.0.2:\"))) | .packets_sent] | add"
}

load_is_enough()
{
	[ "$(counter b eth0 rx packets)" -ge 21000 ] && [ "$(cast_frames)" -ge 500 ] &&
		[ "$(nat_packets udp)" -ge 2000 ] && [ "$(nat_packets tcp)" -ge 350 ]
}

# load_end: nothing was lost, and there was enough to lose.
load_end()
{
	assert_soon 10 load_is_enough
	counted_end send vms nat tv
	stream_end 300
	counted_end receive vms nat all ref
	assert_all_arrived vms vms sent 20000
	assert_all_arrived nat nat sent 2000
	assert_all_arrived tv all sent 500
	assert_all_arrived tv ref ref 500
	assert_eq "$(counted ref-receive received)" "$(counted ref-receive ref)" "pictures that are references"
	assert_eq "$STREAM_LOST" 0 "segments lost"
}
