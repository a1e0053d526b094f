#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What QEMU calls when it has made a tap.
. "$(dirname "$0")/../lib/system.bash"

test_ifup_returns_when_the_tap_is_a_port_and_ifdown_takes_it_back()
{
	local qemu=$TOP/packaging/qemu

	PATH=$(dirname "$ECSWITCHCTL"):$PATH
	echo "network add net" > /etc/ecswitch/ecswitch.conf
	switch_start
	ns_new a
	tap_new a vm7
	assert_fails timeout 8 "$qemu/ecswitch-ifup" vm7
	must ctl match add 'vm*' network net kind tap
	assert "$qemu/ecswitch-ifup" vm7
	assert_eq "$(ctl --json port show vm7 | jq -r .state)" up "state of the port"
	assert "$qemu/ecswitch-ifdown" vm7
	must ctl match del 'vm*'
	assert env ECSWITCH_NETWORK=net "$qemu/ecswitch-ifup" vm7
	assert_eq "$(ctl --json port show vm7 | jq -r .network)" net "network of the port"
	assert env ECSWITCH_NETWORK=net "$qemu/ecswitch-ifdown" vm7
	assert_fails ctl port show vm7
}

run_tests "$@"
