# SPDX-License-Identifier: Apache-2.0
# A Debian 12 machine with a real systemd, made from packages: its root file system, the package
# of ecswitch, and the disk and the initial RAM disk that QEMU boots. fetch.bash and image.bash
# are sourced before.

DEBIAN_PACKAGES="systemd systemd-sysv udev dbus kmod iproute2 iputils-ping jq procps busybox-static"

# package_build FOLDER: the Debian source and binary packages of this tree, and their log.
package_build()
{
	local tree=$1/tree version

	mkdir -p "$tree"
	(cd "$TOP" && { git ls-files -zco --exclude-standard 2> /dev/null || find . -name build -prune -o -type f -print0; } |
		xargs -0 cp --parents -t "$tree") || return
	version=$(cd "$tree" && dpkg-parsechangelog -S Version)
	(
		cd "$1" && tar --exclude=tree/debian -cJf "ecswitch_${version%-*}.orig.tar.xz" tree &&
			cd "$tree" && DEB_BUILD_OPTIONS="nocheck noautodbgsym parallel=$(nproc)" dpkg-buildpackage -us -uc
	) > "$1/log" 2>&1 || { tail -n 30 "$1/log"; return 1; }
	rm -rf "$tree"
}

# package_bumped DEB VERSION NEW-DEB: the same package with another version.
package_bumped()
{
	local tree=${3%.deb}

	dpkg-deb -R "$1" "$tree" &&
		sed -i "s/^Version: .*/Version: $2/" "$tree/DEBIAN/control" &&
		dpkg-deb --root-owner-group -b "$tree" "$3" && rm -rf "$tree"
}

# Lines of sources.list for Debian 12, as this machine's own apt has them.
debian_sources()
{
	apt-get indextargets 'Created-By: Packages' 'Origin: Debian' --format \
		'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(REPO_URI) $(RELEASE) $(COMPONENT)' |
		grep ' bookworm' | sort -u
}

# debian_root DEB: sets DEBIAN_ROOT, the cached root file system with what DEB depends on.
debian_root()
{
	local packages tmp

	packages="$DEBIAN_PACKAGES $(dpkg-deb -f "$1" Depends | tr ',' '\n' |
		awk '!/\|/ { printf "%s ", $1 }')"
	DEBIAN_ROOT=$VM_CACHE/debian-12-$(md5sum <<< "$packages" | cut -c1-12)
	[ ! -d "$DEBIAN_ROOT" ] || return 0
	rm -rf "$VM_CACHE"/debian-12-* # of another list
	tmp=$(mktemp -d "$VM_CACHE/tmp.XXXXXX") || return
	debian_sources > "$tmp/sources.list"
	[ -s "$tmp/sources.list" ] || vm_skip "apt knows no source of Debian 12"
	if mmdebstrap --mode=root --variant=essential --include="${packages// /,}" --format=directory \
		bookworm "$tmp/root" "$tmp/sources.list" > "$tmp/log" 2>&1; then
		mv "$tmp/root" "$DEBIAN_ROOT"
	else
		tail -n 5 "$tmp/log" | sed 's/^/# /'
	fi
	rm -rf "$tmp"
	[ -d "$DEBIAN_ROOT" ] || vm_skip "cannot make a root file system of Debian 12"
}

# debian_modules ROOT: the kernel's modules, those that a switch may need.
debian_modules()
{
	local to=$1/lib/modules/$RELEASE folder

	mkdir -p "$to/kernel"
	for folder in drivers/net/{tun,veth,virtio_net,net_failover} net/core net/sched net/packet; do
		for folder in "$MODULES/lib/modules/$RELEASE/kernel/$folder"*; do
			[ -e "$folder" ] || continue
			mkdir -p "$to/${folder#"$MODULES/lib/modules/$RELEASE/"}/.."
			cp -r "$folder" "$to/${folder#"$MODULES/lib/modules/$RELEASE/"}"
		done
	done
	cp "$MODULES/lib/modules/$RELEASE"/modules.{builtin,builtin.modinfo,order} "$to/"
	depmod -b "$1" "$RELEASE"
}

# chrooted ROOT COMMAND...: with a /proc, in mounts of its own.
chrooted()
{
	local root=$1

	shift
	unshare --mount --propagation private sh -c '
		root=$1 && shift && mount -t proc proc "$root/proc" && mount -t tmpfs tmpfs "$root/run" &&
		exec chroot "$root" "$@"' sh "$root" "$@"
}

# debian_disk FOLDER DEB: FOLDER/disk, an ext4 image of the machine with the package installed.
debian_disk()
{
	local root=$1/root unit

	cp -a "$DEBIAN_ROOT" "$root" && debian_modules "$root" || return
	mkdir -p "$root/ecs" "$root/etc/systemd/network"
	cp "$2" "$root/ecs/ecswitch.deb"
	[ ! -e "$1/next.deb" ] || cp "$1/next.deb" "$root/ecs/"
	cp "$TOP/tests/vm/debian"/{agent,machine} "$BUILD/tests/lib/taphost" "$root/ecs/"
	cp "$TOP/tests/vm/debian"/*.{network,link} "$root/etc/systemd/network/"
	cp "$TOP/tests/vm/debian"/*.service "$root/etc/systemd/system/"
	echo ecswitch > "$root/etc/hostname"
	: > "$root/etc/fstab"
	rm -f "$root/etc/machine-id" && touch "$root/etc/machine-id"
	chrooted "$root" dpkg -i /ecs/ecswitch.deb || return
	cmp "$TOP/packaging/ecswitch.conf" "$root/etc/ecswitch/ecswitch.conf" || return
	cp "$TOP/tests/vm/debian"/*.conf "$root/etc/ecswitch/"
	for unit in "$TOP"/tests/vm/debian/*.service; do
		chrooted "$root" systemctl -q enable "${unit##*/}" || return
	done
	chrooted "$root" systemctl -q enable systemd-networkd ecswitchd || return
	truncate -s 768M "$1/disk"
	mke2fs -q -t ext4 -E lazy_itable_init=1,nodiscard -d "$root" "$1/disk" && rm -rf "$root"
}

# debian_initrd FILE: finds the disk, and hands over to what is on it.
debian_initrd()
{
	image_new "$WORK/initrd.d"
	image_modules virtio_pci virtio_blk
	cp "$TOP/tests/vm/debian/init" "$IMAGE/init"
	image_pack "$1" && rm -rf "$IMAGE"
}
