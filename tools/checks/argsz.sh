#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Every VFIO ioctl that the code handles and whose argument starts with argsz is in the argsz test, which calls each
# with a short, an exact and a long argument.  Prints the ioctls that are missing there; silent if there are none.
set -euo pipefail
cd "$(dirname "$0")/../.."

# By their definition they take no structure, or one without argsz.
no_argsz='VFIO_GET_API_VERSION|VFIO_CHECK_EXTENSION|VFIO_SET_IOMMU|VFIO_GROUP_(SET|UNSET)_CONTAINER|VFIO_GROUP_GET_DEVICE_FD|VFIO_DEVICE_RESET|VFIO_IOMMU_(EN|DIS)ABLE'
# Answered without a look at the argument.
no_argsz+='|VFIO_DEVICE_(BIND_IOMMUFD|ATTACH_IOMMUFD_PT|DETACH_IOMMUFD_PT)'

handled() {
	find drivers/vfio -maxdepth 2 -name '*.c' -not -path '*/tests/*' -print0 |
		xargs -0 sed -nE 's/.*(case|cmd [!=]=) (VFIO_[A-Z_0-9]+).*/\2/p' |
		grep -E '^VFIO_(GET|CHECK|SET|GROUP|DEVICE|IOMMU|MIG)_' |
		grep -vE "^($no_argsz)\$" |
		grep -vE '^VFIO_(DEVICE_FEATURE_|DEVICE_STATE_|GROUP_FLAGS|IOMMU_(TYPE|MAP_FLAG|UNMAP_FLAG|DIRTY_PAGES_FLAG)|DEVICE_FLAGS)' | sort -u
}

# grep -l exits with 1 where there is no such file: no test, and so nothing is covered.
test_file=$(grep -rlE 'argsz' tools/testing/selftests/vfio --include='*argsz*' 2>/dev/null | head -n 1 || true)
if [ -z "$test_file" ]; then
	echo "no argsz test in tools/testing/selftests/vfio"
	exit 1
fi
bad=0
for ioctl in $(handled); do
	grep -qw "$ioctl" "$test_file" && continue
	echo "$ioctl is handled, but $test_file does not name it"
	bad=1
done
exit "$bad"
