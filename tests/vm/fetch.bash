# SPDX-License-Identifier: Apache-2.0
# What the virtual machines are made of: Debian's kernels, QEMU and busybox, from their packages,
# unpacked into a cache and never installed. A machine that has QEMU installed uses that one.

VM_CACHE=${ECS_VM_CACHE:-$TOP/build/vm}
VM_ROOT=$VM_CACHE/root

# What all their kernels are told: nothing that only costs time without KVM.
KERNEL_OPTIONS="console=ttyS0 panic=-1 mitigations=off no_timer_check init_on_alloc=0 rcupdate.rcu_expedited=1"

# Ends the whole run, as a skip: nothing of what is tested was seen to be wrong.
vm_skip()
{
	echo "1..0 # SKIP $*"
	exit 0
}

# apt_get FOLDER PACKAGE...: the packages, unpacked. Only a finished folder gets its name.
apt_unpack()
{
	local folder=$1 tmp deb

	shift
	tmp=$(mktemp -d "$VM_CACHE/tmp.XXXXXX") && mkdir "$tmp/root" || return
	chmod 755 "$tmp/root"
	if (cd "$tmp" && timeout 300 apt-get -q download "$@") > "$tmp/log" 2>&1; then
		for deb in "$tmp"/*.deb; do
			dpkg-deb -x "$deb" "$tmp/root" || return
		done
		mv "$tmp/root" "$folder"
	else
		tail -n 3 "$tmp/log" | sed 's/^/# /'
	fi
	rm -rf "$tmp"
	[ -d "$folder" ]
}

# Packages that an installation of "$@" would bring.
apt_closure()
{
	apt-get install -s --no-install-recommends "$@" 2> /dev/null | awk '/^Inst/ { print $2 }'
}

# Sets QEMU (an array) and BUSYBOX.
vm_fetch_tools()
{
	local need=busybox-static

	mkdir -p "$VM_CACHE"
	command -v qemu-system-x86_64 > /dev/null || need+=" qemu-system-x86"
	if [ ! -d "$VM_ROOT" ]; then
		apt_unpack "$VM_ROOT" $(apt_closure $need) || vm_skip "cannot fetch $need"
	fi
	BUSYBOX=$VM_ROOT/bin/busybox
	[ -x "$BUSYBOX" ] || BUSYBOX=/bin/busybox
	if command -v qemu-system-x86_64 > /dev/null; then
		QEMU=(qemu-system-x86_64)
	else
		QEMU=(env "LD_LIBRARY_PATH=$VM_ROOT/usr/lib/x86_64-linux-gnu:$VM_ROOT/lib/x86_64-linux-gnu"
			"$VM_ROOT/usr/bin/qemu-system-x86_64"
			-L "$VM_ROOT/usr/share/qemu" -L "$VM_ROOT/usr/share/seabios")
	fi
	# Without what string functions prefer and emulation does byte by byte: a sixth of the time.
	QEMU+=(-accel tcg -cpu "max,-avx,-avx2,-erms,-fsrm" -smp 1 -nodefaults -display none -no-reboot)
}

# vm_fetch_kernel SERIES: sets KERNEL (the image), RELEASE and MODULES (the folder above lib).
vm_fetch_kernel()
{
	local series=$1 package

	MODULES=$VM_CACHE/linux-$series
	if [ ! -d "$MODULES" ]; then
		package=$(apt-cache search --names-only "^linux-image-${series//./\\.}\\.[0-9].*-cloud-amd64\$" |
			awk '{ print $1 }' | sort -V | tail -n 1)
		[ -n "$package" ] || vm_skip "no package with a kernel $series for cloud-amd64"
		apt_unpack "$MODULES" "$package" || vm_skip "cannot fetch $package"
	fi
	KERNEL=$(echo "$MODULES"/boot/vmlinuz-*)
	RELEASE=${KERNEL##*/vmlinuz-}
	[ -e "$MODULES/lib/modules/$RELEASE/modules.dep" ] || depmod -b "$MODULES" "$RELEASE"
}
