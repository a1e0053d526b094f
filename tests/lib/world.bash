# SPDX-License-Identifier: Apache-2.0
# The private world of a system test. A test file sources this, defines functions test_CLAIM,
# and ends with `run_tests "$@"`. Each function runs in fresh mount, network and PID namespaces
# with its own /run, /etc/ecswitch and /sys/fs/bpf: whatever it makes or starts dies with it.
set -u
export ECSWITCH_SANDBOX=kill # a system call that the daemon's filter lacks ends it, and the test
export LC_ALL=C # shells and their helpers are slower at characters than at bytes

TOP=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
BUILD=${ECS_BUILD:-$TOP/build/check} # where scripts/check builds
TOOLS=$BUILD/tests/lib
ECSWITCHD=${ECSWITCHD:-$BUILD/ecswitchd}
ECSWITCHCTL=${ECSWITCHCTL:-$BUILD/ecswitchctl}
TEST_TIMEOUT=${TEST_TIMEOUT:-180} # seconds a test may take; a file may set its own
# Deadlines only end what would wait for ever. They are multiplied by this, for machines that do
# other things too; where a time is the claim, the test measures it.
TEST_PATIENCE=${TEST_PATIENCE:-5}

# --- running -----------------------------------------------------------------------------

# Names of the test functions in the order of their definition.
list_tests()
{
	shopt -s extdebug
	declare -F | awk '$3 ~ /^test_/ { print $3 }' | while read -r name; do
		declare -F "$name"
	done | sort -n -k 2 | awk '{ print $1 }'
	shopt -u extdebug
}

# run_tests [--list | NAME...]: TAP on stdout; exit status 1 if a test failed.
run_tests()
{
	local name log rc n=0 failed=0 world=

	case ${1:-} in
	--list) list_tests; exit 0 ;;
	--world) enter_world "$2"; exit 0 ;;
	esac
	if [ "$(id -u)" -ne 0 ]; then
		echo "1..0 # SKIP system tests need root"
		exit 0
	fi
	if [ ! -x "$ECSWITCHD" ] || [ ! -x "$TOOLS/frame" ]; then
		echo "Bail out! build first (scripts/check build), or say where it is built: ECS_BUILD=DIR"
		exit 1
	fi
	[ $# -gt 0 ] || set -- $(list_tests)
	for name in "$@"; do
		declare -F "$name" > /dev/null || { echo "Bail out! there is no $name in $0"; exit 2; }
	done
	echo "1..$#"
	log=$(mktemp)
	# A world does not outlive who made it.
	trap '[ -z "$world" ] || kill "$world"; rm -f "$log"' EXIT
	trap 'exit 143' TERM INT HUP
	for name in "$@"; do
		n=$((n + 1))
		timeout -k 5 "$TEST_TIMEOUT" unshare --mount --net --pid --fork --kill-child --mount-proc \
			--propagation private bash "$0" --world "$name" < /dev/null > "$log" 2>&1 &
		world=$!
		wait "$world"
		rc=$?
		world=
		case $rc in
		0) echo "ok $n - $name" && sed -n 's/^figure:/#/p' "$log" ;;
		77) echo "ok $n - $name # SKIP $(tail -n 1 "$log")" ;;
		*)
			failed=1
			case $rc in
			1) ;;
			124 | 137) echo "took longer than $TEST_TIMEOUT s, or was killed" >> "$log" ;;
			*) echo "ended with status $rc" >> "$log" ;;
			esac
			echo "not ok $n - $name"
			tail -n 60 "$log" | sed 's/^/# /'
			;;
		esac
	done
	exit $failed
}

# Runs as process 1 of the new namespaces.
enter_world()
{
	local entry entries=()

	# Outside the namespaces this would mount over the machine's own /run and /etc.
	[ $$ -eq 1 ] || { echo "--world is for run_tests alone" >&2; exit 2; }
	mount -a -T "$TOP/tests/lib/world.fstab" || exit 1
	# Our own /etc: the machine's entries, but no configuration of ecswitch.
	mkdir -p /run/netns /run/work /etc/ecswitch
	for entry in /run/etc/*; do
		[ "$entry" = /run/etc/ecswitch ] || entries+=("$entry")
	done
	ln -s "${entries[@]}" /etc/
	cd /run/work || exit 1
	ip link set lo up
	echo 0 > /proc/sys/net/ipv6/conf/all/accept_dad
	echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad
	declare -g WORK=/run/work NAP STDOUT
	exec {STDOUT}>&1 {NAP}<> <(:) # there nothing ever comes: for waiting
	trap 'on_exit $?' EXIT
	"$1"
}

# The daemon's last words explain most failures.
on_exit()
{
	local log

	[ "$1" -ne 0 ] || return
	exec 1>&"$STDOUT"
	cat "$WORK"/said.* 2> /dev/null
	[ "$1" -ne 77 ] || return
	for log in "$WORK"/ecswitchd*.log; do
		[ -s "$log" ] || continue
		echo "--- $(basename "$log")"
		tail -n 25 "$log"
	done
}

# --- claims ------------------------------------------------------------------------------

# Ends the test: fail MESSAGE...
fail()
{
	local depth=1

	# The line that matters is the one of the test file.
	while [[ ${BASH_SOURCE[$depth]:-} == *.bash ]]; do
		depth=$((depth + 1))
	done
	echo "FAILED at $(basename "${BASH_SOURCE[$depth]:-?}"):${BASH_LINENO[$((depth - 1))]}: $*" >&2
	exit 1
}

skip()
{
	echo "$*"
	exit 77
}

assert_eq() # GOT WANTED WHAT
{
	[ "$1" = "$2" ] || fail "${3:-value}: got '$1', wanted '$2'"
}

assert_le() # NUMBER LIMIT WHAT
{
	[ "$1" -le "$2" ] 2> /dev/null || fail "${3:-value}: got '$1', wanted at most $2"
}

assert_ge() # NUMBER LIMIT WHAT
{
	[ "$1" -ge "$2" ] 2> /dev/null || fail "${3:-value}: got '$1', wanted at least $2"
}

assert_match() # TEXT REGEX WHAT
{
	[[ $1 =~ $2 ]] || fail "${3:-text}: got '$1', wanted something like '$2'"
}

# assert COMMAND...: its output shows only when it fails.
assert()
{
	quietly "" "$@"
}

# must COMMAND...: for steps that prepare a test; prints nothing.
must()
{
	quietly "cannot prepare: " "$@"
}

# The output goes into a file: a subshell would be a process more each time. on_exit tells what a
# command said that ended the test itself.
quietly() # COMPLAINT COMMAND...
{
	local said=$WORK/said.$BASHPID.${#FUNCNAME[@]} complaint=$1 status=0

	shift
	"$@" > "$said" 2>&1 || status=$?
	[ $status -eq 0 ] || complaint+="$* (status $status): $(< "$said")"
	: > "$said"
	[ $status -eq 0 ] || fail "$complaint"
}

assert_fails()
{
	local out

	! out=$("$@" 2>&1) || fail "$*: succeeded, with '$out'"
}

# allowed_ms MS: a time that is the claim itself, stretched when others want to run, too: they
# take processors, and the kernel's one lock for network configuration.
allowed_ms()
{
	local load

	read -r load _ < /proc/loadavg
	load=$((${load%.*} * 2 / $(nproc)))
	echo $(($1 * (load > 1 ? load : 1)))
}

now_ms()
{
	local t=${EPOCHREALTIME/[.,]/}

	echo $((t / 1000))
}

# wait_until SECONDS COMMAND...: polls, every 10 ms at first and then less often, since most of what
# is asked costs more than it waits for; status 1 at the deadline.
wait_until()
{
	local now=${EPOCHREALTIME/[.,]/} nap=10 seconds began end
	began=$now end=$((now + $1 * 1000000 * TEST_PATIENCE))

	shift
	until "$@" > /dev/null 2>&1; do
		now=${EPOCHREALTIME/[.,]/}
		[ "$now" -lt $end ] || return 1
		printf -v seconds '0.%03d' $nap
		read -rt $seconds -u "$NAP" || true # sleep(1) would be one process more each time
		nap=$((nap < 30 ? nap * 3 / 2 : now - began < 600000 ? 30 : now - began < 5000000 ?
			(now - began) / 20000 : 250))
	done
}

# assert_soon SECONDS COMMAND...: the claim comes true before the deadline.
assert_soon()
{
	local out

	wait_until "$@" && return
	shift
	out=$("$@" 2>&1)
	fail "did not come true in time: $*: $out"
}

# same GOT-COMMAND... = WANTED: for assert_soon.
same()
{
	local args=("$@")
	local n=$((${#args[@]} - 2)) out

	out=$("${args[@]:0:$n}" 2>&1)
	[ "$out" = "${args[-1]}" ] || { echo "got '$out', wanted '${args[-1]}'"; return 1; }
}

alive()
{
	kill -0 "$1" 2> /dev/null
}

gone()
{
	! kill -0 "$1" 2> /dev/null
}
