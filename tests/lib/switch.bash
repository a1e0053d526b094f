# SPDX-License-Identifier: Apache-2.0
# The switch under test: start and end the daemon, ask it, wait for it.

# switch_start [ECSWITCHD OPTIONS...]: returns when the control socket answers. Its pid is
# $SWITCH_PID, its log $WORK/ecswitchd-INSTANCE.log.
switch_start()
{
	local instance=main i

	for ((i = 1; i < $#; i++)); do
		[ "${!i}" != -i ] || instance=${*:$((i + 1)):1}
	done
	: > "$WORK/start-$instance"
	"$ECSWITCHD" "$@" 2>> "$WORK/ecswitchd-$instance.log" &
	SWITCH_PID=$!
	wait_until 10 switch_decides "$instance" $SWITCH_PID
	switch_answers "$instance" $SWITCH_PID ||
		fail "ecswitchd $* does not answer: $(tail -n 3 "$WORK/ecswitchd-$instance.log")"
}

# While the socket is the last daemon's, or none, there is nobody to ask: that would only slow down
# the one who is starting.
switch_decides() # INSTANCE PID
{
	gone "$2" || { [ "/run/ecswitch/$1.sock" -nt "$WORK/start-$1" ] && switch_answers "$1" "$2"; }
}

switch_answers() # INSTANCE PID
{
	[[ $("$ECSWITCHCTL" -i "$1" --json status) == *'"pid": '"$2,"* ]] # what is polled does without jq
}

# switch_config < TEXT: the daemon's configuration file.
switch_config()
{
	cat > /etc/ecswitch/ecswitch.conf
}

# One isolated network "net", or "lan" behind the uplink up0; taps and veths are its ports.
config_net()
{
	switch_config <<- 'EOF'
		network add net
		match add veth* network net
		match add tap* network net
	EOF
}

config_lan() # [NETWORK OPTIONS...]
{
	switch_config <<- EOF
		network add lan uplink up0 $*
		match add veth* network lan
		match add tap* network lan
	EOF
}

switch_stop()
{
	kill "$SWITCH_PID"
	assert_soon 10 gone "$SWITCH_PID"
}

switch_kill()
{
	kill -9 "$SWITCH_PID"
	wait "$SWITCH_PID" 2> /dev/null
}

ctl()
{
	"$ECSWITCHCTL" "$@"
}

# port_is LINK STATE: for wait_until.
port_is()
{
	[[ $("$ECSWITCHCTL" --json port show "$1") == *'"state": "'"$2"'"'* ]]
}

wait_port() # LINK...
{
	local link

	for link in "$@"; do
		assert_soon 5 port_is "$link" up
	done
}

no_port() # LINK
{
	! ctl --json port show "$1"
}

ports_up()
{
	ctl --json port list | jq '[.[] | select(.state == "up")] | length'
}

# drops_of REASON [PORT]: packets.
drops_of()
{
	ctl --json drops ${2:+"$2"} | jq "[.[] | select(.reason == \"$1\") | .packets] | add // 0"
}

# fdb_port NETWORK MAC: the port that the address is behind, or nothing.
fdb_port()
{
	ctl --json fdb list network "$1" | jq -r ".[] | select(.mac == \"$2\") | .port"
}

fdb_count() # [NETWORK]
{
	ctl --json fdb list ${1:+network "$1"} | jq length
}

# monitor_start NS: events as JSON objects in $WORK/monitor.log, from now on. NS is a machine
# whose frames the switch learns from: an event of its own tells that the monitor follows.
monitor_start()
{
	MONITOR_PROBES=0
	start monitor @ "$ECSWITCHCTL" --json monitor
	MONITOR=$STARTED
	wait_until 5 monitor_hears "$1" || fail "the monitor hears nothing: $(cat "$WORK/monitor.log")"
	ctl fdb flush > "$WORK/flush.log"
	assert_soon 2 grep -q fdb_flushed "$WORK/monitor.log"
	: > "$WORK/monitor.log"
}

monitor_hears() # NS
{
	MONITOR_PROBES=$((MONITOR_PROBES + 1))
	frame -w 1 -s "$(printf '02:fe:00:00:00:%02x' $MONITOR_PROBES)" "$1/eth0"
	grep -q fdb_learned "$WORK/monitor.log"
}

# events FILTER: those that were seen so far, through jq.
events()
{
	jq -r "$@" "$WORK/monitor.log"
}

# map_links [INSTANCE]: the ifindexes that stand in the data path's maps.
map_links()
{
	"$TOOLS/pinned" links "/sys/fs/bpf/ecswitch/${1:-main}"
}

# The maps with counters that are not zero: statistics of ports, drops, entries of the FDB.
map_counts() # [INSTANCE]
{
	"$TOOLS/pinned" counts "/sys/fs/bpf/ecswitch/${1:-main}" 2>&1 # an error is no empty map
}

# No port is left, in the daemon or in any map, and no error.
assert_clean()
{
	assert_eq "$(ctl --json port list | jq -r '.[].name' | xargs)" "" "ports"
	assert_soon 2 same map_links = ""
	assert_eq "$(map_counts)" "" "counters in the maps"
	assert_eq "$(ctl --json status | jq -c .problems)" "[]" "problems"
}
