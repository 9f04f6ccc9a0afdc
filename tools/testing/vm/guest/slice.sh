# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Adapters, LUNs and slices, inside the VM, for the demonstration and the tests of guests.  Source it after guest.sh.

slice_tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
CXL=/sys/kernel/config/cxlflash

# put VALUE FILE: one write, whose failure is the function's.
put() {
	{ echo "$1" >"$2"; } 2>/dev/null
}

slice_modules() {
	modprobe -a vfio_iommu_type1 cxlflash_mdev
}

# All of ours; what holds one of them makes it fail.
slice_modules_remove() {
	local name

	for name in cxlflash_mdev cxlflash_afu cxlflash vfio_iommu_type1 mdev vfio; do
		[ ! -e "/sys/module/$name" ] || rmmod "$name" || return 1
	done
}

# lun_make NAME ATTRIBUTE=VALUE...: a LUN, enabled.
lun_make() {
	local lun=$CXL/luns/$1 setting
	shift

	mkdir "$lun" || return 1
	for setting in "$@" enable=1; do
		put "${setting#*=}" "$lun/${setting%%=*}" || return 1
	done
}

# lun_open NAME FILE: a LUN over FILE, as it is.
lun_open() {
	lun_make "$1" store=file "path=$2" write_cache=1
}

# lun_close NAME
lun_close() {
	put 0 "$CXL/luns/$1/active"
	put 0 "$CXL/luns/$1/enable"
	rmdir "$CXL/luns/$1"
}

lun_format() {
	put yes "$CXL/luns/$1/format"
}

lun_activate() {
	put 1 "$CXL/luns/$1/active"
}

# adapter_open NAME LUN [CPUS]: without disks on this machine; engines on CPUS.
adapter_open() {
	local adapter=$CXL/adapters/$1

	mkdir "$adapter" "$adapter/port0/0" && put 0 "$adapter/host" || return 1
	[ -z "${3:-}" ] || put "$3" "$adapter/engine_cpus" || return 1
	ln -s "$CXL/luns/$2" "$adapter/port0/0/lun" && put 1 "$adapter/live"
}

adapter_close() {
	local adapter=$CXL/adapters/$1

	put 0 "$adapter/live"
	rm -f "$adapter/port0/0/lun"
	rmdir "$adapter/port0/0" "$adapter"
}

adapter_reset() {
	put 1 "/sys/bus/cxlflash/devices/$1/reset"
}

# slice_create UUID ADAPTER LUN: of 1 GiB, or what it is already.
slice_create() {
	put "$1" "/sys/class/mdev_bus/$2/mdev_supported_types/cxlflash-$3-1G/create"
}

# slice_attr UUID NAME
slice_attr() {
	cat "/sys/bus/mdev/devices/$1/$2"
}

# slice_resize UUID SIZE
slice_resize() {
	put "$2" "/sys/bus/mdev/devices/$1/size"
}

# The same words as in slice_init.sh.
manifest() {
	(cd "$1" && find . -type f | LC_ALL=C sort | xargs sha256sum)
}

# slice_view FILE UUID DIRECTORY: mount, read-only, what is in FILE at the places that the slice has there.  No module
# of ours takes part: slice_table.py reads the table, and the device mapper puts the pieces together.
slice_view() {
	local loop

	modprobe -a loop dm_mod dm_zero 2>/dev/null || modprobe -a loop dm-mod dm-zero || return 1
	loop=$(losetup --find --show --read-only --direct-io=on "$1") || return 1
	echo "$loop" >"$3.loop"
	python3 "$slice_tools/slice_table.py" "$1" "$2" | sed "s,DEVICE,$loop," >"$3.table" && [ -s "$3.table" ] &&
		DM_DISABLE_UDEV=1 dmsetup create slice-view --readonly "$3.table" && mkdir -p "$3" &&
		mount -t ext4 -o ro,noload /dev/mapper/slice-view "$3"
}

# slice_unview DIRECTORY
slice_unview() {
	umount "$1" 2>/dev/null
	DM_DISABLE_UDEV=1 dmsetup remove slice-view 2>/dev/null
	[ ! -s "$1.loop" ] || losetup --detach "$(cat "$1.loop")"
	rm -f "$1.loop" "$1.table"
}

# The checksum of the manifest that the guest has printed last.
guest_manifest() {
	guest_says "$1" | sed -n 's/^manifest //p' | tail -n 1
}

# The last records that are safe, as the last heartbeat has it.
guest_acked() {
	guest_says "$1" | sed -n 's/^beat .* acked //p' | tail -n 1
}

# Anything that must never be, whatever is done to the slice: wrong data.
guest_is_right() {
	! guest_says "$1" | grep -a -q -E '^(WRONG|LOST|time is up)'
}

# And not as long as it has its disk: errors.
guest_has_no_errors() {
	guest_is_right "$1" && ! guest_says "$1" | grep -a -q '^error'
}
