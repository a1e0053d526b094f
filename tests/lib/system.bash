# SPDX-License-Identifier: Apache-2.0
# What every system test sources.
. "$(dirname "${BASH_SOURCE[0]}")/world.bash"
. "$(dirname "${BASH_SOURCE[0]}")/net.bash"
. "$(dirname "${BASH_SOURCE[0]}")/switch.bash"
