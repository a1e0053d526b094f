# SPDX-License-Identifier: Apache-2.0
# Manual pages. A synopsis that is not the one of the command table fails test_manual.
manuals = \
	docs/ecswitch.7 \
	docs/ecswitch.conf.5 \
	docs/ecswitchctl.8 \
	docs/ecswitchd.8

man_MANS += $(manuals)
CLEANFILES += $(manuals)
EXTRA_DIST += \
	docs/architecture.md \
	docs/benchmarks.md \
	docs/cast.md \
	docs/hypervisors.md \
	docs/ecswitch.7.scd \
	docs/ecswitch.conf.5.scd \
	docs/ecswitchctl.8.scd \
	docs/ecswitchd.8.scd \
	docs/nat.md \
	docs/protocol.md

docs/ecswitch.7: docs/ecswitch.7.scd
docs/ecswitch.conf.5: docs/ecswitch.conf.5.scd
docs/ecswitchctl.8: docs/ecswitchctl.8.scd
docs/ecswitchd.8: docs/ecswitchd.8.scd
$(manuals):
	$(AM_V_GEN)$(MKDIR_P) docs && $(SCDOC) <$(srcdir)/$@.scd >$@.tmp && mv $@.tmp $@
