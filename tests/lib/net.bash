# SPDX-License-Identifier: Apache-2.0
# Machines for the system tests: namespaces that stand for VMs and LAN hosts, and the links by
# which they hang on the hypervisor, which is the namespace that the test itself runs in.
# `ip netns exec` would remount /sys and hide the pinned maps; nsenter does not.

ns_new() # NAME
{
	: > "/run/netns/$1"
	must unshare "--net=/run/netns/$1" sh -c '
		echo 0 > /proc/sys/net/ipv6/conf/all/accept_dad
		echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad
		exec ip link set lo up'
}

# A namespace that stays silent: no IPv6, so no router solicitations and no MLD reports.
ns_new_silent() # NAME
{
	ns_new "$1"
	ns "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
}

# The same for the hypervisor, before it gets links.
silence()
{
	sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
}

# silent_vms NAME...: machines behind vethNAME that only say what a test makes them say.
silent_vms()
{
	local name

	silence
	for name in "$@"; do
		ns_new_silent "$name"
		veth_new "$name" "veth$name"
	done
}

# A silent LAN host "lan" at the hypervisor's uplink up0.
silent_lan()
{
	silence
	ns_new_silent lan
	veth_new lan up0
}

ns_del() # NAME
{
	umount "/run/netns/$1" && rm -f "/run/netns/$1"
}

# ns NAME COMMAND...: run it there; "@" is the hypervisor itself.
ns()
{
	local name=$1

	shift
	if [ "$name" = @ ]; then
		"$@"
	else
		nsenter "--net=/run/netns/$name" -- "$@"
	fi
}

# Starts a program in the background, with its output in $WORK/NAME.log; its pid is $STARTED.
start() # NAME NS PROGRAM...
{
	local name=$1 enter=()

	[ "$2" = @ ] || enter=(nsenter "--net=/run/netns/$2" --)
	shift 2
	rm -f "$WORK/$name.log"
	"${enter[@]}" "$@" >> "$WORK/$name.log" 2>&1 &
	STARTED=$!
}

# veth_new NS LINK [MTU]: LINK on the hypervisor, its other end is eth0 of NS.
veth_new()
{
	local mtu=${3:+mtu $3}

	must ip -batch - <<- END
		link add $2 $mtu type veth peer name eth0 netns $1 $mtu
		link set $2 up
	END
	must ns "$1" ip link set eth0 up
}

# tap_new NS LINK [MTU]: the same with a tap. As with a VM, a process holds it and carries
# frames to the other machine's whole network stack, offloads included.
tap_new()
{
	start "tap-$2" @ "$TOOLS/taphost" "$2" "/run/netns/$1" eth0 ${3:+"$3"}
	eval "TAPHOST_${2//[^A-Za-z0-9]/_}=$STARTED"
	assert_soon 5 grep -q ready "$WORK/tap-$2.log"
}

tap_pid() # LINK
{
	local var=TAPHOST_${1//[^A-Za-z0-9]/_}

	echo "${!var}"
}

# rename_link IF NAME: leaves it down, since Linux 6.1 renames no link that is up.
rename_link()
{
	printf '%s\n' "link set $1 down" "link set $1 name $2" | ip -batch -
}

mac_of() # NS IF
{
	[[ $(ns "$1" ip -o link show dev "$2") =~ link/ether\ ([0-9a-f:]+) ]] && echo "${BASH_REMATCH[1]}"
}

ifindex_of() # NS IF
{
	[[ $(ns "$1" ip -o link show dev "$2" 2> /dev/null) =~ ^([0-9]+): ]] && echo "${BASH_REMATCH[1]}"
}

# many_veths NS PREFIX COUNT [FIRST]: links PREFIX0... whose other ends, of the same names, are in NS.
many_veths()
{
	local i first=${4:-0}

	for ((i = first; i < first + $3; i++)); do
		echo "link add $2$i type veth peer name $2$i netns $1"
		echo "link set $2$i up"
	done > "$WORK/links.batch"
	must ip -batch "$WORK/links.batch"
	for ((i = first; i < first + $3; i++)); do
		echo "link set $2$i up"
	done > "$WORK/ends.batch"
	must ns "$1" ip -batch "$WORK/ends.batch"
}

# A link deleted by itself takes the kernel 50 ms; as a group they go at once.
many_del() # PREFIX COUNT [FIRST]
{
	local i first=${3:-0}

	for ((i = first; i < first + $2; i++)); do
		echo "link set $1$i group 7"
	done > "$WORK/del.batch"
	must ip -batch "$WORK/del.batch"
	must ip link del group 7
}

counter() # NS IF rx|tx packets|bytes|dropped|errors
{
	ns "$1" ip -j -s link show dev "$2" | jq ".[0].stats64.$3.$4"
}

# addr_add NS IF N: 10.0.0.N/24 and fd00::N/64.
addr_add()
{
	must ns "$1" ip -batch - <<- END
		addr add ${NET4:-10.0.0}.$3/24 dev $2
		addr add ${NET6:-fd00:}:$3/64 dev $2 nodad
	END
}

# vm_new NAME N [veth|tap] [MTU]: a machine with the addresses N, behind the link vethNAME or
# tapNAME.
vm_new()
{
	local kind=${3:-veth}

	ns_new "$1"
	"${kind}_new" "$1" "$kind$1" ${4:+"$4"}
	addr_add "$1" eth0 "$2"
}

# lan_new [MTU]: the LAN host "lan" (address 2) at the other end of the hypervisor's uplink
# up0 (address 1).
lan_new()
{
	ns_new lan
	veth_new lan up0 ${1:+"$1"}
	addr_add lan eth0 2
	addr_add @ up0 1
}

ping4() # NS N [PING OPTIONS...]
{
	local from=$1 to=$2

	shift 2
	ns "$from" ping -4 -n -q -c 3 -i 0.02 -W 2 "$@" "${NET4:-10.0.0}.$to"
}

ping6() # NS N [PING OPTIONS...]
{
	local from=$1 to=$2

	shift 2
	ns "$from" ping -6 -n -q -c 3 -i 0.02 -W 2 "$@" "${NET6:-fd00:}:$to"
}

# tcp_moves FROM TO N [MEGABYTES]: TCP from machine FROM to address N of machine TO; prints Mbit/s.
tcp_moves()
{
	local server

	start iperf-server "$2" iperf3 -s -1 --forceflush
	server=$STARTED
	assert_soon 5 grep -q listening "$WORK/iperf-server.log"
	ns "$1" iperf3 -c "${NET4:-10.0.0}.$3" -n "${4:-20}M" -J > "$WORK/iperf.json" ||
		fail "TCP from $1 to $2: $(jq -r .error "$WORK/iperf.json")"
	wait "$server"
	jq '.end.sum_received.bits_per_second / 1e6 | floor' "$WORK/iperf.json"
}

# frame OPTIONS...: see frame.c.
frame()
{
	"$TOOLS/frame" "$@"
}

# pinger_start NS N: 100 pings a second; returns after the first answer. pinger_end sets $LOST,
# $DUPLICATES, $LONGEST_GAP_MS and $SENT.
pinger_start()
{
	start pinger "$1" "$TOOLS/pinger" "${NET4:-10.0.0}.$2"
	PINGER=$STARTED
	assert_soon 5 grep -q started "$WORK/pinger.log"
}

pinger_end()
{
	local report

	kill "$PINGER"
	assert_soon 5 gone "$PINGER"
	report=$(tail -n 1 "$WORK/pinger.log")
	echo "pinger: $report"
	read -r SENT LOST DUPLICATES LONGEST_GAP_MS < <(
		jq -r '[.sent, .lost, .duplicates, .longest_gap_ms] | join(" ")' <<< "$report")
}

# has_tcx [RELEASE]: Linux 6.6 has it. Without, to add or remove a clsact the kernel stops the link's
# queue for a moment (docs/architecture.md), and what the host itself sends then is gone.
has_tcx()
{
	printf "%s\n" 6.6 "${1:-$(uname -r)}" | sort -VC
}

# assert_host_lost_no_ping [RELEASE]: while its uplink was attached to and detached from. Without TCX
# an emulated machine has the queue stopped for a good part of a second.
assert_host_lost_no_ping()
{
	local most=0

	has_tcx "$@" || most=50
	assert_le "$LOST" $most "lost pings of the host"
}

# stream_start FROM TO N: a steady TCP stream, 100 segments a second. stream_end sets $STREAM_LOST to
# those that were sent and not received; what TCP sends again tells less, a busy machine makes it do
# so without a loss.
stream_start()
{
	start stream-receiver "$2" "$TOOLS/stream" 5001
	assert_soon 5 grep -q ready "$WORK/stream-receiver.log"
	start stream "$1" "$TOOLS/stream" "10.0.0.$3" 5001
	STREAM=$STARTED
	assert_soon 5 grep -q started "$WORK/stream.log"
}

stream_end() # [LEAST]
{
	local sent received

	assert alive "$STREAM"
	kill "$STREAM"
	assert_soon 5 gone "$STREAM"
	sent=$(tail -n 1 "$WORK/stream.log")
	received=$(tail -n 1 "$WORK/stream-receiver.log")
	echo "sent $sent, received $received"
	assert_ge "$(jq .segments <<< "$sent")" "${1:-1000}" "segments of the stream"
	assert_eq "$(jq .bytes <<< "$received")" "$(jq .bytes <<< "$sent")" "bytes received"
	STREAM_LOST=$(($(jq .segments <<< "$sent") - $(jq .segments <<< "$received")))
}
