#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Virtual machines behind taps of QEMU, with virtio's offloads: what the switch is for.
. "$(dirname "$0")/../lib/system.bash"
. "$(dirname "$0")/fetch.bash"
. "$(dirname "$0")/image.bash"
TEST_TIMEOUT=400
SERIES=6.1
PATIENCE=20 # seconds for what guests do, without KVM

guest_image() # FILE
{
	image_new "$WORK/image"
	image_modules virtio_pci virtio_net
	cp "$TOP/tests/vm/guest-init" "$IMAGE/init"
	image_pack "$1" || fail "cannot pack the image"
	rm -rf "$IMAGE"
}

# guest_boot NAME N SCRIPT: its tap is tapNAME, its address N comes later.
guest_boot()
{
	local fd

	mkfifo "$WORK/$1.in"
	exec {fd}<> "$WORK/$1.in"
	PATH=$BUILD:$PATH "${QEMU[@]}" -m 192 -kernel "$KERNEL" -initrd "$WORK/initrd" -serial stdio \
		-append "$KERNEL_OPTIONS loglevel=1" \
		-netdev "tap,id=net,ifname=tap$1,script=$3,downscript=no" \
		-device "virtio-net-pci,netdev=net,mac=52:54:00:00:00:$2,romfile=" \
		<&"$fd" > "$WORK/$1.out" 2>&1 &
	eval "GUEST_$1=$!"
}

said() # NAME NUMBER
{
	tr -d '\r' < "$WORK/$1.out" | sed -n "s/^@$2 //p" | grep .
}

guest_wait() # NAME NUMBER
{
	wait_until $PATIENCE said "$1" "$2" || fail "$1 is silent: $(tail -n 5 "$WORK/$1.out")"
}

# guest NAME COMMAND: in the guest; fails with the command. May run in a subshell: nothing is kept.
guest()
{
	local id=${EPOCHREALTIME//[.,]/}

	echo "$id ${2//[$'\n\t']/ }" > "$WORK/$1.in"
	guest_wait "$1" "$id"
	[ "$(said "$1" "$id")" = 0 ] || { tail -n 8 "$WORK/$1.out"; return 1; }
}

two_guests()
{
	local guest

	vm_fetch_tools
	vm_fetch_kernel $SERIES
	guest_image "$WORK/initrd"
	lan_new
	switch_config <<- END
		network add default uplink up0
		match add tap* network default kind tap
	END
	switch_start
	guest_boot a 11 no
	guest_boot b 12 "$TOP/packaging/qemu/ecswitch-ifup"
	assert_soon $PATIENCE ip link set tapa up
	guest_wait a up
	guest_wait b up
	wait_port tapa tapb
	assert guest a "ip link set eth0 up && ip addr add 10.0.0.11/24 dev eth0"
	assert guest b "ip link set eth0 up && ip addr add 10.0.0.12/24 dev eth0"
}

# 8 MB from the HTTP server of NAME with address N, with the sum that is there.
fetched_whole() # NS-OR-GUEST NAME N
{
	local sum

	guest "$2" "pidof httpd || httpd -p 80 -h /tmp; md5sum /tmp/data | cut -c1-32 > /tmp/sum;
		for i in \$(seq 50); do wget -q -O /tmp/up http://127.0.0.1/sum && break; sleep 0.2; done" ||
		return
	if [ "$1" = a ] || [ "$1" = b ]; then
		guest "$1" "wget -q -O /tmp/got http://10.0.0.$3/data && wget -q -O /tmp/got.sum \
			http://10.0.0.$3/sum && md5sum /tmp/got | grep -qf /tmp/got.sum"
	else
		ns "$1" "$BUSYBOX" wget -q -O "$WORK/got" "http://10.0.0.$3/data" &&
			sum=$(ns "$1" "$BUSYBOX" wget -q -O - "http://10.0.0.$3/sum") &&
			[ "$(md5sum < "$WORK/got" | cut -c1-32)" = "$sum" ]
	fi
}

test_guests_talk_and_a_killed_one_leaves_no_trace()
{
	local from

	two_guests
	for from in "a 12" "a 1" "a 2" "b 11" "b 1" "b 2"; do
		assert guest "${from% *}" "ping -c 3 -W 5 10.0.0.${from#* }"
	done
	for from in @ lan; do
		assert ping4 "$from" 11 -W 10
		assert ping4 "$from" 12 -W 10
	done
	assert guest a "dd if=/dev/urandom of=/tmp/data bs=1M count=8"
	assert fetched_whole b a 11
	assert fetched_whole @ a 11
	assert fetched_whole lan a 11
	assert_eq "$(fdb_port default 52:54:00:00:00:11)" tapa "port of a"

	pinger_start lan 12
	kill -9 "$GUEST_a"
	assert_soon 5 no_port tapa
	assert_eq "$(fdb_port default 52:54:00:00:00:11)" "" "port of a when it is dead"
	assert_fails ip link show tapa
	assert_eq "$(ctl --json port list | jq -c '[.[].name] | sort')" '["tapb","up0"]' "ports"
	assert guest b "ping -c 3 -W 5 10.0.0.2"
	pinger_end
	assert_eq "$LOST" 0 "pings that b's port lost"
	kill -9 "$GUEST_b"
}

# What is missing is fetched once, out here.
if [ "${1:-}" != --world ] && [ "${1:-}" != --list ]; then
	vm_fetch_tools
	vm_fetch_kernel $SERIES
fi
run_tests "$@"
