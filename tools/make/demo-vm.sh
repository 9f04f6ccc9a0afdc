#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Inside the VM: the life of a mediated device.  A guest uses one; then it is taken away from a guest that uses it.
set -uo pipefail

# shellcheck source-path=SCRIPTDIR source=../testing/vm/guest/guest.sh
. "$(dirname "$0")/../testing/vm/guest/guest.sh"

tell() {
	printf '\n### %s\n' "$*"
}

show() {
	printf '# %s\n' "$*"
	"$@"
}

fail() {
	echo "demo: $*" >&2
	exit 1
}

new_uuid() {
	cat /proc/sys/kernel/random/uuid
}

types=/sys/class/mdev_bus/mram/mdev_supported_types
work=$(mktemp -d)

tell "The stock kernel, and our modules on it"
show uname -r
show modprobe -a vfio_iommu_type1 mram || fail "the modules do not load"
lsmod | grep -E '^(vfio|mdev|mram)'

tell "What the sample driver can make"
for type in "$types"/*; do
	echo "${type##*/}: $(cat "$type/name"), $(cat "$type/available_instances") available"
done

tell "A device for a guest, which tries all that it can do"
uuid=$(new_uuid)
echo "# echo $uuid > $types/mram-1/create"
mram_create "$uuid" 1 || fail "the device cannot be made"
show ls "/sys/bus/mdev/devices/$uuid"
"$guest_tools/run-guest.sh" "$uuid" || fail "the guest did not like it"
mdev_remove "$uuid" >/dev/null || fail "the device cannot be removed"

tell "A device taken away from a guest that does not let go of it"
uuid=$(new_uuid)
mram_create "$uuid" 1 || fail "the device cannot be made"
mdev_grace "$uuid" 1000
guest_start "$work" "$uuid" busy
guest_wait "$work" 120 'GUEST: beat' || fail "the guest did not start"
echo "The guest runs and uses it.  Its user gets 1000 ms:"
echo "# echo 1 > /sys/bus/mdev/devices/$uuid/remove"
echo "... removed after $(mdev_remove "$uuid") ms."
! mdev_exists "$uuid" || fail "the device still exists"
guest_alive "$work" || fail "its QEMU did not survive"
echo "Its QEMU lives on, with a device that is gone."
mram_create "$uuid" 1 || fail "the UUID cannot be used again"
echo "The same UUID makes a new device while the old one's descriptors are still open."
guest_stop "$work"
mdev_remove "$uuid" >/dev/null || fail "the device cannot be removed"

tell "And everything unloads"
show modprobe -r mram || fail "mram does not unload"
show modprobe -r vfio_iommu_type1 vfio || fail "vfio does not unload"
rm -rf "$work"
