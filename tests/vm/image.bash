# SPDX-License-Identifier: Apache-2.0
# Builds the initial RAM disk that a virtual machine runs from: busybox, programs of this machine
# with the libraries that ldd names, and kernel modules in the order in which they must go in.

image_new() # FOLDER
{
	IMAGE=$1
	mkdir -p "$IMAGE"/{bin,sbin,usr/bin,usr/sbin,dev,proc,sys,run,tmp,etc,root,modules}
	cp "$BUSYBOX" "$IMAGE/bin/busybox"
	# The shell of busybox would prefer its own applets to the programs in PATH.
	image_program /bin/dash /bin/sh
	echo root:x:0:0:root:/root:/bin/bash > "$IMAGE/etc/passwd"
	printf 'root:x:0:\n' > "$IMAGE/etc/group"
	printf '127.0.0.1 localhost\n' > "$IMAGE/etc/hosts"
}

# image_program PATH [DESTINATION]: the program; its libraries come with image_pack.
image_program()
{
	local path=$1 to=$IMAGE${2:-$1}

	mkdir -p "${to%/*}"
	cp -L "$path" "$to"
	echo "$path" >> "$IMAGE.programs"
}

# Of all programs at once: ldd is a script, and slow to start.
image_libraries()
{
	local library

	xargs -d '\n' ldd < "$IMAGE.programs" 2> /dev/null |
		awk '$2 == "=>" { print $3 } $1 ~ /^\// && $1 !~ /:$/ { print $1 }' | sort -u |
	while read -r library; do
		mkdir -p "$IMAGE${library%/*}"
		cp -L "$library" "$IMAGE$library"
	done
}

# image_tools NAME...: programs that are found in PATH.
image_tools()
{
	local name path

	for name in "$@"; do
		path=$(PATH=$PATH:/usr/sbin:/sbin type -P "$name") || continue
		image_program "$path" "/usr/bin/$name"
	done
}

# image_modules NAME...: needs what vm_fetch_kernel sets. A built-in one has no file.
image_modules()
{
	local name word path

	for name in "$@"; do
		while read -r word path _; do
			[ "$word" = insmod ] || continue
			path=${path%.xz}
			grep -qxF "${path##*/}" "$IMAGE/modules/order" 2> /dev/null && continue
			echo "${path##*/}" >> "$IMAGE/modules/order"
			if [ -e "$path" ]; then
				cp "$path" "$IMAGE/modules/"
			else
				xz -dc "$path.xz" > "$IMAGE/modules/${path##*/}"
			fi
		done < <(modprobe -d "$MODULES" -S "$RELEASE" --show-depends "$name")
	done
}

image_pack() # FILE
{
	[ ! -e "$IMAGE.programs" ] || image_libraries
	(cd "$IMAGE" && find . -print0 | "$BUSYBOX" cpio -0 -o -H newc --quiet) > "$1" 2> "$1.log" ||
		{ cat "$1.log"; return 1; }
}
