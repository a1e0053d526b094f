# SPDX-License-Identifier: Apache-2.0
# The world of the NAT tests: VMs of network "vms" (10.77.0.0/24) behind the hypervisor's up0
# (10.0.0.1), the LAN host "lan" (10.0.0.2), and "far" (192.0.2.2), a router's hop behind it.

FAR=192.0.2.2

# nat_world [NETWORK OPTIONS...]: everything but the VMs.
nat_world()
{
	ns_new far
	lan_new
	must ip link add l-far netns lan type veth peer name eth0 netns far
	must ns lan ip link set l-far up
	must ns far ip link set eth0 up
	must ns lan ip addr add 192.0.2.1/24 dev l-far
	must ns far ip addr add $FAR/24 dev eth0
	must ns far ip route add default via 192.0.2.1
	must ns lan sysctl -qw net.ipv4.ip_forward=1 net.ipv4.icmp_ratelimit=0 \
		net.ipv4.icmp_msgs_per_sec=100000
	must ip route add default via 10.0.0.2
	must sysctl -qw net.ipv4.icmp_ratelimit=0
	cat > /etc/ecswitch/ecswitch.conf <<-END
	network add vms uplink up0 gateway 10.77.0.1/24 nat $*
	match add veth* network vms
	match add tap* network vms
	END
	switch_start "${SWITCH_OPTIONS[@]}"
}

SWITCH_OPTIONS=()

# nat_vm NAME N [veth|tap]: a VM with the address 10.77.0.N and its route.
nat_vm()
{
	local kind=${3:-veth}

	NET4=10.77.0 NET6=fd77: vm_new "$1" "$2" "$kind"
	must ns "$1" ip route add default via 10.77.0.1
	wait_port "$kind$1"
	assert_soon 5 ns "$1" ping -q -c 1 -W 1 10.77.0.1
}

# A second NAT network, "red", with the same addresses, and its VM.
red_vm() # NAME N [UPLINK [NET]]
{
	local net=${4:-10.77.0}

	must ctl network add red uplink "${3:-up0}" gateway $net.1/24 nat
	ns_new "$1"
	must ip link add "r$1" type veth peer name eth0 netns "$1"
	must ip link set "r$1" up
	must ns "$1" ip link set eth0 up
	must ns "$1" ip addr add "$net.$2/24" dev eth0
	must ns "$1" ip route add default via $net.1
	must ctl port add "r$1" network red
	wait_port "r$1"
	# The host itself has one route to a network; frames to the gateway need only its MAC.
	must ns "$1" ip neigh replace $net.1 lladdr "$(mac_of @ ecs-red)" dev eth0
}

ping_from() # NS ADDR [PING OPTIONS...]
{
	local from=$1 to=$2

	shift 2
	ns "$from" ping -4 -n -q -c 3 -i 0.02 -W 2 "$@" "$to"
}

# listen NS PROTO PORT COMMAND: each connection, or packet, gets the command's output.
listen()
{
	local options=reuseaddr,fork list=tcp-listen

	[ "$2" = tcp ] || list=udp-recvfrom
	start "listen-$1-$2-$3" "$1" socat "$list:$3,$options" "SYSTEM:$4"
	if [ "$2" = tcp ]; then
		assert_soon 5 ns "$1" sh -c "ss -Hltn 'sport = :$3' | grep -q ."
	else
		assert_soon 5 ns "$1" sh -c "ss -Hlun 'sport = :$3' | grep -q ."
	fi
	LISTENER=$STARTED
}

# ask NS PROTO ADDR PORT [SOCAT OPTIONS]: what the other side answers.
ask()
{
	if [ "$2" = tcp ]; then
		ns "$1" timeout 3 socat -t 2 -,ignoreeof "tcp:$3:$4,connect-timeout=2${5:+,$5}" \
			< /dev/null 2> "$WORK/ask.log"
	else
		echo ask | ns "$1" timeout 3 socat -t 1 - "udp:$3:$4${5:+,$5}" 2> "$WORK/ask.log"
	fi
}

# A web server in a namespace, with a file "data" of some megabytes.
web() # NS PORT [MEGABYTES]
{
	mkdir -p "$WORK/www"
	head -c "${3:-4}M" /dev/urandom > "$WORK/www/data"
	start "web-$1-$2" "$1" busybox httpd -f -p "$2" -h "$WORK/www"
	assert_soon 5 ns "$1" sh -c "ss -Hltn 'sport = :$2' | grep -q ."
}

web_get() # NS URL: assert that the file arrives whole.
{
	assert ns "$1" curl -4 -sS --max-time 20 -o "$WORK/got" "$2"
	assert cmp "$WORK/got" "$WORK/www/data"
}

flows() # JQ-FILTER [NAT FLOWS OPTIONS...]
{
	local filter=$1

	shift
	ctl --json nat flows "$@" | jq -r "$filter"
}

# What kernels found wrong with what they received.
csum_errors() # NS
{
	ns "$1" cat /proc/net/snmp | awk '
		$1 == "Tcp:" || $1 == "Udp:" || $1 == "Icmp:" {
			if (!($1 in head)) { head[$1] = $0; next }
			n = split(head[$1], names)
			for (i = 2; i <= n; i++) if (names[i] == "InCsumErrors") sum += $i
		}
		END { print sum + 0 }'
}
