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
	"$ECSWITCHD" "$@" 2>> "$WORK/ecswitchd-$instance.log" &
	SWITCH_PID=$!
	wait_until 10 switch_answers "$instance" $SWITCH_PID ||
		fail "ecswitchd $* does not answer: $(tail -n 3 "$WORK/ecswitchd-$instance.log")"
}

switch_answers() # INSTANCE PID
{
	[ "$(ctl -i "$1" --json status | jq .pid)" = "$2" ] # jq -e of no input succeeds
}

# switch_config < TEXT: the daemon's configuration file.
switch_config()
{
	cat > /etc/ecswitch/ecswitch.conf
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
	[ "$(ctl --json port show "$1" | jq -r .state)" = "$2" ]
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
