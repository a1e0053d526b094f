# SPDX-License-Identifier: Apache-2.0
# bash-completion looks for COMMAND.bash too, so that the file keeps its name.
dist_bashcompletion_DATA = packaging/ecswitchctl.bash

# systemd units, with the daemon's place filled in.
units = packaging/ecswitchd.service packaging/ecswitchd@.service
EXTRA_DIST += packaging/ecswitchd.service.in packaging/ecswitchd@.service.in
systemdsystemunit_DATA = $(units)
CLEANFILES += $(units)
packaging/ecswitchd.service: packaging/ecswitchd.service.in
packaging/ecswitchd@.service: packaging/ecswitchd@.service.in
$(units):
	$(AM_V_GEN)$(MKDIR_P) packaging && sed 's|@sbindir[@]|$(sbindir)|;s|@bindir[@]|$(bindir)|' $(srcdir)/$@.in >$@

# The configuration to begin with: what is there is the administrator's.
EXTRA_DIST += packaging/ecswitch.conf
install-data-local:
	$(MKDIR_P) "$(DESTDIR)$(configdir)"
	test -e "$(DESTDIR)$(configdir)/ecswitch.conf" || \
		$(INSTALL_DATA) $(srcdir)/packaging/ecswitch.conf "$(DESTDIR)$(configdir)"
uninstall-local:
	! cmp -s $(srcdir)/packaging/ecswitch.conf "$(DESTDIR)$(configdir)/ecswitch.conf" || \
		rm "$(DESTDIR)$(configdir)/ecswitch.conf"

# The switch goes by its own name, too: systemctl status ecswitch, systemctl start ecswitch@lab.
install-data-hook:
	cd $(DESTDIR)$(systemdsystemunitdir) && $(LN_S) -f ecswitchd.service ecswitch.service && \
		$(LN_S) -f ecswitchd@.service ecswitch@.service
uninstall-hook:
	rm -f $(DESTDIR)$(systemdsystemunitdir)/ecswitch.service \
		$(DESTDIR)$(systemdsystemunitdir)/ecswitch@.service

# The group that may read, and the folder of the sockets.
dist_sysusers_DATA = packaging/sysusers.d/ecswitch.conf
dist_tmpfiles_DATA = packaging/tmpfiles.d/ecswitch.conf

# What QEMU calls for a tap, and libvirt for a domain.
dist_pkglibexec_SCRIPTS = \
	packaging/libvirt/ecswitch-libvirt \
	packaging/qemu/ecswitch-ifdown \
	packaging/qemu/ecswitch-ifup
