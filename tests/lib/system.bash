# SPDX-License-Identifier: Apache-2.0
# What every system test sources.
. "${BASH_SOURCE[0]%/*}/world.bash"
. "${BASH_SOURCE[0]%/*}/net.bash"
. "${BASH_SOURCE[0]%/*}/switch.bash"
