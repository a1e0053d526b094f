# SPDX-License-Identifier: Apache-2.0
# The virtual machines of the tests; scripts/check runs them.
EXTRA_DIST += \
	tests/vm/boot \
	tests/vm/checksum.sh \
	tests/vm/debian \
	tests/vm/debian.bash \
	tests/vm/fetch.bash \
	tests/vm/guest-init \
	tests/vm/guests.sh \
	tests/vm/image.bash \
	tests/vm/init \
	tests/vm/libvirt.sh \
	tests/vm/run \
	tests/vm/smoke.sh
