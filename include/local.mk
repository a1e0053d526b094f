# SPDX-License-Identifier: Apache-2.0
noinst_HEADERS = \
	include/ecswitch/abi.h \
	include/ecswitch/abi_cast.h \
	include/ecswitch/cleanup.h \
	include/ecswitch/drops.h \
	include/ecswitch/err.h
