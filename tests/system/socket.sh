#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The control socket: whatever one client does, the others are served.
. "$(dirname "$0")/../lib/system.bash"

SOCKET=/run/ecswitch/main.sock

# say TEXT: send it, print what comes back within a second.
say()
{
	printf '%b' "$1" | timeout 5 socat -t 1 - UNIX-CONNECT:$SOCKET
}

served()
{
	[ "$(timeout 2 "$ECSWITCHCTL" --json status | jq .pid)" = "$SWITCH_PID" ]
}

socket_new()
{
	echo "network add lan" > /etc/ecswitch/ecswitch.conf
	switch_start
}

error_code()
{
	jq -s '.[0].error.code'
}

test_garbage_gets_an_error_and_the_next_request_an_answer()
{
	socket_new
	assert_eq "$(say 'garbage\n' | error_code)" -32700
	assert_eq "$(say '[]\n' | error_code)" -32600
	assert_eq "$(say '{"jsonrpc":"2.0","id":1,"method":"nosuch"}\n' | error_code)" -32601
	assert_eq "$(say '{"jsonrpc":"2.0","id":1,"method":"network.add","params":{"name":5}}\n' | error_code)" -32602
	assert_eq "$(say '{"jsonrpc":"2.0","id":1,"method":"network.add","params":{"name":"lan"}}\n' | error_code)" -32000
	assert_eq "$(say '\0\0\0\n' | error_code)" -32700
	out=$(say 'garbage\n{"jsonrpc":"2.0","id":7,"method":"version"}\n')
	assert_eq "$(tail -n 1 <<< "$out" | jq .id)" 7
	assert served
}

test_half_a_message_disturbs_nobody()
{
	socket_new
	(printf '{"jsonrpc":"2.0","id":1,"meth'; sleep 20) | socat - UNIX-CONNECT:$SOCKET > half.log &
	assert_soon 2 served
	assert served
	assert_eq "$(cat half.log)" ""
}

test_a_message_in_pieces_is_answered()
{
	socket_new
	out=$( (printf '{"jsonrpc":"2.0","id":3,'; sleep 0.2; printf '"method":"version"}\n'; sleep 0.5) |
		socat -t 1 - UNIX-CONNECT:$SOCKET)
	assert_eq "$(jq .id <<< "$out")" 3
}

test_a_10_megabyte_line_is_refused_with_a_reason()
{
	socket_new
	out=$(head -c 10000000 /dev/zero | tr '\0' a | timeout 10 socat -t 2 - UNIX-CONNECT:$SOCKET)
	assert_match "$out" 'longer than 4 MiB'
	assert served
	assert_le "$(awk '/VmRSS/ { print $2 }' /proc/$SWITCH_PID/status)" 20000 "kB of memory afterwards"
}

test_200_idle_clients_make_nobody_wait()
{
	local fds i

	socket_new
	fds=$(ls /proc/$SWITCH_PID/fd | wc -l)
	for ((i = 0; i < 200; i++)); do
		socat -u UNIX-CONNECT:$SOCKET STDOUT > /dev/null &
	done
	assert_soon 10 same eval '[ $(ls /proc/$SWITCH_PID/fd | wc -l) -ge '$((fds + 200))' ] && echo all' = all
	assert served
	must ctl network add other
	kill $(jobs -p | grep -vx $SWITCH_PID)
	assert_soon 5 same eval "ls /proc/$SWITCH_PID/fd | wc -l" = "$fds"
}

test_a_monitor_that_does_not_read_loses_events_and_nobody_else()
{
	local i

	socket_new
	must ctl match add v* network lan
	ns_new_silent a
	start monitor @ "$ECSWITCHCTL" --json monitor
	assert_soon 2 same eval "ls /proc/$SWITCH_PID/fd | wc -l > fds; sleep 0.1; echo ok" = ok
	kill -STOP $STARTED
	for ((i = 0; i < 60; i++)); do
		echo "link add v$i type veth peer name w$i netns a"
		echo "link set v$i up"
	done | must ip -batch -
	for ((i = 0; i < 60; i++)); do
		echo "link del v$i"
	done | must ip -batch -
	assert_soon 20 same eval 'ctl --json port list | jq length' = 0
	assert served
	kill -CONT $STARTED
	assert_soon 5 grep -q port_removed monitor.log
}

test_others_than_root_may_not_write()
{
	socket_new
	assert_eq "$(stat -c %U:%a $SOCKET | sed 's/:6[60]0$/:ok/')" root:ok
	chmod 666 $SOCKET
	out=$(setpriv --reuid 65534 --regid 65534 --clear-groups "$ECSWITCHCTL" network add x 2>&1)
	assert_match "$out" 'only root'
	assert setpriv --reuid 65534 --regid 65534 --clear-groups "$ECSWITCHCTL" network list
	assert_eq "$(ctl --json network list | jq length)" 1
}

test_without_a_daemon_the_tool_says_so_at_once()
{
	local before

	before=$(now_ms)
	out=$(ctl show 2>&1) && fail "it succeeded"
	assert_match "$out" 'not running.*start'
	assert_le $(($(now_ms) - before)) 2000 "ms until it said so"
}

test_a_stopped_daemon_makes_the_tool_wait_no_longer_than_told()
{
	local before

	socket_new
	kill -STOP $SWITCH_PID
	before=$(now_ms)
	out=$(ctl --timeout 1 show 2>&1) && fail "it succeeded"
	assert_match "$out" 'answer|timed out|time'
	assert_le $(($(now_ms) - before)) 4000 "ms until it gave up"
	kill -CONT $SWITCH_PID
	assert served
}

# Connections that wait to be accepted.
waiting_clients()
{
	ss -Hxl | awk -v path=$SOCKET '$5 == path { print $3 }'
}

# Both wait when the daemon goes on: of one who asked 600 things at once, and one who asks one.
test_client_that_asks_much_at_once_lets_others_in_between()
{
	local i

	socket_new
	ns_new_silent a
	veth_new a vetha
	must ctl network add empty
	must ctl match add 'veth*' network lan
	wait_port vetha
	for ((i = 0; i < 12000; i++)); do
		printf 'fdb add 02:00:00:00:%02x:%02x vetha\n' $((i / 256)) $((i % 256))
	done > "$WORK/fdb"
	must ctl --timeout 60 batch "$WORK/fdb" # so that each answer takes a while
	for ((i = 0; i < 600; i++)); do
		echo '{"jsonrpc":"2.0","id":1,"method":"fdb.list","params":{"network":"empty"}}'
	done > "$WORK/asked"
	kill -STOP $SWITCH_PID
	start much @ sh -c "cat asked | socat -d -d -t 60 - UNIX-CONNECT:$SOCKET > answers"
	assert_soon 5 grep -q "data transfer loop" much.log
	start one @ sh -c "$ECSWITCHCTL --timeout 60 status > one.answer; wc -l < answers > seen"
	assert_soon 5 same waiting_clients = 2
	kill -CONT $SWITCH_PID
	assert_soon 20 test -s seen
	assert_le "$(cat seen)" 400 "answers to the one before the other had his"
	assert_soon 20 same eval "wc -l < answers" = 600
}

test_readers_leave_room_for_root()
{
	local i

	ulimit -n 160
	socket_new
	chmod 666 $SOCKET
	for ((i = 0; i < 60; i++)); do
		setpriv --reuid 65534 --regid 65534 --clear-groups \
			socat -u UNIX-CONNECT:$SOCKET STDOUT >> turned-away &
	done
	assert_soon 10 same eval 'grep -c "too many clients" turned-away' = 20
	assert served
	assert ctl network add other
}

run_tests "$@"
