#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What udhcpc does with a lease in the tests: the address and the default route, no resolv.conf.
case $1 in
bound | renew)
	ip addr replace "$ip/${mask:-24}" dev "$interface"
	[ -z "$router" ] || ip route replace default via "${router%% *}"
	;;
esac
