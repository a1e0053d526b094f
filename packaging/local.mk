# SPDX-License-Identifier: Apache-2.0
# bash-completion looks for COMMAND.bash too, so that the file keeps its name.
dist_bashcompletion_DATA = packaging/ecswitchctl.bash
