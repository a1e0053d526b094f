#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What QEMU calls when it has made a tap and libvirt when it starts a domain, and what is known of
# the VM behind a port by it. The real libvirt is in tests/vm/libvirt.sh.
. "$(dirname "$0")/../lib/system.bash"

tap_of_qemu() # and what QEMU calls for it
{
	qemu=$TOP/packaging/qemu
	PATH=$(dirname "$ECSWITCHCTL"):$PATH
	echo "network add net" > /etc/ecswitch/ecswitch.conf
	switch_start
	ns_new a
	tap_new a vm7
}

test_ifup_returns_when_the_tap_is_a_port_and_ifdown_takes_it_back()
{
	tap_of_qemu
	assert_fails timeout 8 "$qemu/ecswitch-ifup" vm7
	must ctl match add 'vm*' network net kind tap
	assert "$qemu/ecswitch-ifup" vm7
	assert_eq "$(ctl --json port show vm7 | jq -r .state)" up "state of the port"
	assert "$qemu/ecswitch-ifdown" vm7
	must ctl match del 'vm*'
	assert env ECSWITCH_NETWORK=net ECSWITCH_VM=web "$qemu/ecswitch-ifup" vm7
	assert_eq "$(ctl --json port show vm7 | jq -r .vm)" web "VM of the port"
	assert_eq "$(ctl --json port show vm7 | jq -r .network)" net "network of the port"
	assert env ECSWITCH_NETWORK=net "$qemu/ecswitch-ifdown" vm7
	assert_fails ctl port show vm7
}

whose() # LINK: the VM and its MAC address, as port list shows them
{
	ctl --json port list | jq -r ".[] | select(.name == \"$1\") | \"\(.vm) \(.vm_mac)\""
}

switch_with_tap()
{
	switch_config <<- END
		network add net
		match add vm* network net
	END
	switch_start
	ns_new a
	tap_new a vm7
	wait_port vm7
}

test_port_list_says_whose_port_it_is_until_the_link_goes()
{
	switch_with_tap
	assert_eq "$(whose vm7)" "null null" "before anybody said so"
	assert ctl port set vm7 vm "web 1" mac 52:54:00:AA:00:07
	assert_eq "$(whose vm7)" "web 1 52:54:00:aa:00:07" "VM"
	assert_match "$(ctl port list)" "web 1" "table"
	assert_eq "$(ctl --json port show vm7 | jq -r .vm)" "web 1" "VM of port show"
	assert ctl port set vm7 vm db
	assert_eq "$(whose vm7)" "db null" "VM that was told anew"
	assert_fails ctl port set nolink vm web
	assert_fails ctl port set vm7 mac 52:54:00:00:00:07
	assert_fails ctl port set vm7 vm $'a\nb'
	assert_fails setpriv --reuid 65534 --regid 65534 --clear-groups "$ECSWITCHCTL" port set vm7 vm x

	kill "$(tap_pid vm7)"
	assert_soon 5 no_port vm7
	ns_del a
	ns_new a
	tap_new a vm7
	wait_port vm7
	assert_eq "$(whose vm7)" "null null" "the next link of that name"
	assert ctl port set vm7 vm web
	assert ctl port set vm7 vm none
	assert_eq "$(whose vm7)" "null null" "VM that was taken back"
}

test_vm_of_a_port_outlives_the_daemon_but_not_its_link()
{
	switch_with_tap
	ns_new b
	tap_new b vm8
	wait_port vm8
	assert ctl port set vm7 vm web mac 52:54:00:00:00:07
	assert ctl port set vm8 vm db
	switch_kill
	ip link set vm8 down # held by a process, so it cannot be deleted by hand
	kill "$(tap_pid vm8)"
	assert_soon 5 gone "$(tap_pid vm8)"
	ns_del b
	ns_new b
	tap_new b vm8
	switch_start
	wait_port vm7 vm8
	assert_eq "$(whose vm7)" "web 52:54:00:00:00:07" "VM after a crash"
	assert_eq "$(whose vm8)" "null null" "VM of a link that is another one now"
	switch_stop
	switch_start
	wait_port vm7
	assert_eq "$(whose vm7)" "web 52:54:00:00:00:07" "VM after a restart"
}

test_vm_of_a_port_is_no_configuration()
{
	switch_with_tap
	assert ctl port set vm7 vm web
	assert ctl save
	assert_fails grep -q web /etc/ecswitch/ecswitch.conf
	assert ctl apply /etc/ecswitch/ecswitch.conf
	assert ctl reload
	assert_eq "$(whose vm7)" "web null" "VM after apply and reload"
	echo "port set vm7 vm web" >> /etc/ecswitch/ecswitch.conf
	assert_fails ctl check /etc/ecswitch/ecswitch.conf
	assert_fails ctl reload
	assert_match "$(ctl --dry-run port set vm7 vm other)" "the VM is other" "plan"
	assert_eq "$(whose vm7)" "web null" "VM after a dry run"
	assert ctl detach
	assert_eq "$(ls /run/ecswitch/*.guests 2>&-)" "" "file when all is taken down"
}

# As libvirt does: NAME start begin -, and the domain's XML.
test_libvirt_hook_names_the_taps_of_a_domain_and_never_fails_it()
{
	local hook=$TOP/packaging/libvirt/ecswitch-libvirt xml

	PATH=$(dirname "$ECSWITCHCTL"):$PATH
	xml="<domain type='qemu' id='1'>
	  <name>web 1</name>
	  <devices>
	    <interface type='bridge'>
	      <mac address='52:54:00:00:00:01'/>
	      <target dev='vnet0'/>
	    </interface>
	    <interface type='ethernet'>
	      <mac address='52:54:00:00:00:07'/>
	      <target dev='vm7'/>
	      <model type='virtio'/>
	    </interface>
	    <interface type='ethernet'>
	      <mac address='52:54:00:00:00:08'/>
	    </interface>
	  </devices>
	</domain>"
	assert_eq "$("$hook" "web 1" start begin - <<< "$xml" 2>&1)" "" "what it says with no switch"
	switch_with_tap
	assert_eq "$("$hook" "web 1" prepare begin - <<< "$xml" 2>&1)" "" "what it says too early"
	assert_eq "$(whose vm7)" "null null" "VM before its start"
	assert_eq "$("$hook" "web 1" start begin - <<< "$xml" 2>&1)" "" "what it says"
	assert_eq "$(whose vm7)" "web 1 52:54:00:00:00:07" "VM"
	assert "$hook" "-i x" reconnect begin - <<< "$xml"
	assert_eq "$(whose vm7)" "-i x 52:54:00:00:00:07" "VM of a nasty name"
	switch_stop
	assert "$hook" "web 1" start begin - <<< "$xml"
}

test_ifup_works_again_after_a_qemu_that_was_killed_or_did_not_start()
{
	tap_of_qemu
	must tc qdisc add dev vm7 ingress
	assert_fails env ECSWITCH_NETWORK=net "$qemu/ecswitch-ifup" vm7
	assert_eq "$(ctl --json port list)" "[]" "what is left of a start that failed"
	must tc qdisc del dev vm7 ingress
	assert env ECSWITCH_NETWORK=net "$qemu/ecswitch-ifup" vm7
	must ctl network add other
	assert env ECSWITCH_NETWORK=other "$qemu/ecswitch-ifup" vm7
	assert_eq "$(ctl --json port show vm7 | jq -r .network)" other "network of the port"
}

run_tests "$@"
