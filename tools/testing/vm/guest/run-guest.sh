#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Inside the VM: boot the test guest on an mram device and print what it found as TAP.
#
# usage: run-guest.sh [--qemu QEMU] [--type 1|16] [--timeout S] [UUID]
#
# Without UUID a device of the type (default: 1) is made, and removed again.
set -uo pipefail

# shellcheck source-path=SCRIPTDIR source=guest.sh
. "$(dirname "$0")/guest.sh"

qemu=qemu-system-x86_64 type=1 timeout=180 uuid='' made=''

while [ $# -gt 0 ]; do
	case $1 in
	--qemu) qemu=$2 && shift 2 ;;
	--type) type=$2 && shift 2 ;;
	--timeout) timeout=$2 && shift 2 ;;
	-*) sed -n '6,8s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
	*) uuid=$1 && shift ;;
	esac
done

dir=$(mktemp -d)
modprobe -a vfio_iommu_type1 mram || exit 1
if [ -z "$uuid" ]; then
	uuid=$(cat /proc/sys/kernel/random/uuid)
	mram_create "$uuid" "$type" || exit 1
	made=1
fi

guest_start "$dir" "$uuid" test "$qemu"
guest_wait_end "$dir" "$timeout" || echo "# time is up after $timeout s"
guest_stop "$dir"
guest_says "$dir" | grep -a -E '^(ok|not ok) '
ending=$(guest_says "$dir" | sed -n 's/^done \([0-9]*\) tests, \([0-9]*\) failed$/\1 \2/p')
[ -z "$made" ] || mdev_remove "$uuid" >/dev/null
if [ -z "$ending" ]; then
	echo "# the guest did not come to its end"
	guest_debug "$dir"
	echo "1..0"
	exit 1
fi
echo "1..${ending% *}"
rm -rf "$dir"
[ "${ending#* }" = 0 ]
