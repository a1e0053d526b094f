#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The real libvirt and a real VM on a port of the switch. libvirt's packages are unpacked over a
# copy-on-write view of this machine's root, and its daemon runs in there, with its sockets, its
# state and its taps in the test's own namespaces: nothing is installed.
. "$(dirname "$0")/../lib/system.bash"
. "$(dirname "$0")/fetch.bash"
. "$(dirname "$0")/image.bash"
TEST_TIMEOUT=400
SERIES=6.1
PATIENCE=20 # seconds for what guests do, without KVM

# Sets LIBVIRT to the folder of the unpacked packages: none, where they are installed.
libvirt_fetch()
{
	local packages

	LIBVIRT=$VM_CACHE/libvirt
	[ ! -d "$LIBVIRT" ] || return 0
	packages=$(apt_closure libvirt-daemon-system libvirt-clients)
	if [ -z "$packages" ] && command -v libvirtd > /dev/null; then
		mkdir "$LIBVIRT"
	else
		apt_unpack "$LIBVIRT" $packages || vm_skip "cannot fetch libvirt"
	fi
}

# The root that libvirt sees, at $WORK/root.
libvirt_root()
{
	local layer=$WORK/layer folder

	ROOT=$WORK/root
	mkdir -p "$ROOT" "$layer"
	mount -t tmpfs tmpfs "$layer" && mkdir "$layer"/{upper,work}
	mount -t overlay overlay -o "lowerdir=/,upperdir=$layer/upper,workdir=$layer/work" "$ROOT" \
		2> /dev/null || skip "this kernel has no overlayfs, or not here"
	# With /lib a link to /usr/lib, as on this machine.
	tar -C "$LIBVIRT" -c . | tar -x -C "$ROOT" --keep-directory-symlink || fail "cannot unpack libvirt"
	for folder in /proc /sys /dev /run /tmp "$TOP" "$BUILD" "$VM_CACHE"; do
		mkdir -p "$ROOT$folder"
		must mount --rbind "$folder" "$ROOT$folder"
	done
	mkdir -p "$ROOT/etc/libvirt"
	# What the packages' scripts would do. The guest is root in here, for there are no other users' files.
	echo "libvirt-qemu:x:64055:0::/:/bin/false" >> "$ROOT/etc/passwd"
	echo "libvirt-qemu:x:64055:" >> "$ROOT/etc/group"
	printf '%s\n' 'user = "root"' 'group = "root"' 'security_driver = "none"' 'namespaces = []' \
		'cgroup_controllers = []' 'stdio_handler = "file"' > "$ROOT/etc/libvirt/qemu.conf"
	printf '%s\n' 'auth_unix_rw = "none"' 'unix_sock_group = "root"' > "$ROOT/etc/libvirt/libvirtd.conf"
	mkdir -p "$ROOT/etc/libvirt/hooks/qemu.d"
	install -m 755 "$TOP/packaging/libvirt/ecswitch-libvirt" "$ROOT/etc/libvirt/hooks/qemu.d/ecswitch"
	emulator "$ROOT/usr/local/bin/qemu"
}

# QEMU as it was fetched, without the options that the other tests have.
emulator() # FILE
{
	local words=() word

	for word in "${QEMU[@]}"; do
		[ "$word" != -accel ] || break
		words+=("$word")
	done
	printf '#!/bin/sh\nexec %s "$@"\n' "${words[*]}" > "$1"
	chmod 755 "$1"
}

libvirtd_start()
{
	PATH=$BUILD:$PATH start libvirtd @ chroot "$ROOT" libvirtd
	LIBVIRTD=$STARTED
	wait_until $PATIENCE virsh list || fail "libvirtd does not answer: $(tail -n 5 "$WORK/libvirtd.log")"
}

virsh()
{
	chroot "$ROOT" virsh -q -c qemu:///system "$@"
}

# domain NAME < devices: its XML.
domain()
{
	cat <<- END
		<domain type='qemu'>
		  <name>$1</name>
		  <memory unit='MiB'>192</memory>
		  <os>
		    <type arch='x86_64' machine='pc'>hvm</type>
		    <kernel>$WORK/kernel</kernel>
		    <initrd>$WORK/initrd</initrd>
		    <cmdline>$KERNEL_OPTIONS loglevel=1</cmdline>
		  </os>
		  <devices>
		    <emulator>/usr/local/bin/qemu</emulator>
		    <serial type='file'><source path='$WORK/console'/></serial>
		    $(cat)
		  </devices>
		</domain>
	END
}

# A guest that has an address on each card as soon as it is up.
guest_image()
{
	image_new "$WORK/image"
	image_modules virtio_pci virtio_net
	sed '/^while read -r number/,$d' "$TOP/tests/vm/guest-init" > "$IMAGE/init"
	cat >> "$IMAGE/init" <<- 'END'
		for card in eth0 eth1; do
			ip link set $card up && ip addr add 10.0.0.2$(cut -c17 /sys/class/net/$card/address)/24 dev $card
		done
		while sleep 1000; do :; done
	END
	chmod 755 "$IMAGE/init"
	image_pack "$WORK/initrd" || fail "cannot pack the image"
	rm -rf "$IMAGE"
	cp "$KERNEL" "$WORK/kernel"
}

whose() # LINK
{
	ctl --json port list | jq -r ".[] | select(.name == \"$1\") | \"\(.vm) \(.vm_mac)\""
}

test_domain_with_ethernet_interfaces_is_on_the_switch_under_its_name()
{
	vm_fetch_tools
	vm_fetch_kernel $SERIES
	libvirt_fetch
	libvirt_root
	guest_image
	lan_new
	switch_config <<- END
		network add lan uplink up0
		match add vnet* network lan kind tap
		match add vm-dmz* network lan kind tap
	END
	switch_start
	libvirtd_start
	# As docs/hypervisors.md has them: libvirt's own name, and one of ours with the script.
	domain "web 1" > "$WORK/web.xml" <<- END
		<interface type='ethernet'>
		  <mac address='52:54:00:00:00:01'/>
		  <model type='virtio'/>
		</interface>
		<interface type='ethernet'>
		  <mac address='52:54:00:00:00:02'/>
		  <target dev='vm-dmz0'/>
		  <script path='$TOP/packaging/qemu/ecswitch-ifup'/>
		  <model type='virtio'/>
		</interface>
	END
	assert virsh create "$WORK/web.xml"
	wait_port vnet0 vm-dmz0
	assert_eq "$(whose vnet0)" "web 1 52:54:00:00:00:01" "VM of libvirt's tap"
	assert_eq "$(whose vm-dmz0)" "web 1 52:54:00:00:00:02" "VM of the named tap"
	assert_soon $PATIENCE ping4 lan 21
	assert ping4 @ 22
	assert_eq "$(fdb_port lan 52:54:00:00:00:01)" vnet0 "port of the first card"

	# A new libvirtd tells again; the switch was told nothing meanwhile.
	must ctl port set vnet0 vm none
	kill "$LIBVIRTD"
	assert_soon $PATIENCE gone "$LIBVIRTD"
	libvirtd_start
	assert_soon $PATIENCE same whose vnet0 = "web 1 52:54:00:00:00:01"
	assert ping4 lan 21

	assert virsh destroy "web 1"
	assert_soon 5 no_port vnet0
	assert_soon 5 no_port vm-dmz0
	assert_eq "$(ls /run/ecswitch/*.guests 2>&-)" "" "what is remembered of VMs"
	assert_eq "$(ctl --json status | jq -c .problems)" "[]" "problems"
}

# What is missing is fetched once, out here.
if [ "${1:-}" != --world ] && [ "${1:-}" != --list ] && [ "$(id -u)" -eq 0 ]; then
	vm_fetch_tools
	vm_fetch_kernel $SERIES
	libvirt_fetch
fi
run_tests "$@"
