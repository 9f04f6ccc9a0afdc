# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Helpers for tests of adapters and LUNs by way of configfs.  Source it, do not run it.
# shellcheck disable=SC2034 # some variables are for those who source it

ROOT=/sys/kernel/config/cxlflash
BUS=/sys/bus/cxlflash/devices

# shellcheck source-path=SCRIPTDIR source=../../lib/selftest_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/selftest_lib.sh"

fast_programs mkdir rmdir ln rm

# Each test begins with nothing configured.
after_test() {
	wipe
}

#
# LUNs, adapters, disks
#

# make_lun NAME [ATTRIBUTE=VALUE]...: enabled
make_lun() {
	local dir=$ROOT/luns/$1 pair

	expect_call 0 mkdir "$dir"
	shift
	write_to 64M "$dir/size"
	for pair in "$@"; do
		expect_put 0 "${pair#*=}" "$dir/${pair%%=*}"
	done
	expect_put 0 1 "$dir/enable"
}

# make_adapter NAME [ATTRIBUTE=VALUE]...: not live
make_adapter() {
	local dir=$ROOT/adapters/$1 pair

	expect_call 0 mkdir "$dir"
	shift
	for pair in "$@"; do
		expect_put 0 "${pair#*=}" "$dir/${pair%%=*}"
	done
}

# link_lun ADAPTER PORT NUMBER LUN
link_lun() {
	expect_call 0 mkdir "$ROOT/adapters/$1/port$2/$3"
	expect_call 0 ln -s "$ROOT/luns/$4" "$ROOT/adapters/$1/port$2/$3/lun"
}

# Everything that is configured goes, live or not.
wipe() {
	local dir link

	[ -d "$ROOT" ] || return 0
	for dir in "$ROOT"/adapters/*/; do
		[ -e "$dir/live" ] || continue
		write_to 0 "$dir/live"
		for link in "$dir"port?/*/*; do
			[ ! -L "$link" ] || rm "$link"
		done
		for link in "$dir"port?/*/; do
			[ ! -d "$link" ] || rmdir "$link"
		done
		rmdir "$dir"
	done
	for dir in "$ROOT"/luns/*/; do
		[ -e "$dir/enable" ] || continue
		write_to 0 "$dir/enable"
		wait_until 30 grep -q disabled "$dir/state"
		rmdir "$dir"
	done
}

# list_disks LUN: their names, in found
list_disks() {
	local want wwid dir

	found=()
	read -r want <"$ROOT/luns/$1/wwid"
	for dir in /sys/block/sd*; do
		wwid=
		# It may go at any time.
		{ read -r wwid <"$dir/device/wwid"; } 2>/dev/null
		[ "$wwid" != "naa.$want" ] || found+=("${dir##*/}")
	done
}

# has_disks LUN COUNT
has_disks() {
	list_disks "$1"
	[ "${#found[@]}" = "$2" ]
}

# find_disk LUN: sets disk
find_disk() {
	wait_until 30 has_disks "$1" 1 || complain "LUN $1 has no disk"
	disk=${found[*]}
}

# disk_is DISK ATTRIBUTE VALUE
disk_is() {
	local value=

	{ read -r value <"/sys/block/$1/$2"; } 2>/dev/null
	[ "$value" = "$3" ]
}

#
# Persistent memory, which the VM has and few tests want
#

# pmem_start: sets pmem to a device that has DAX, and no table of slices; fails if there is no such memory
pmem_start() {
	local at

	pmem=/dev/pmem0
	modprobe -qa nd_e820 nd_pmem
	[ -d /sys/bus/nd/devices/region0 ] && wait_until 10 test -b $pmem || return 1
	# Where a formatted LUN has its two superblocks.
	for at in 0 128; do
		expect dd if=/dev/zero of=$pmem bs=4k seek=${at}M count=1 oflag=direct,seek_bytes status=none
	done
}

# need_pmem: pmem_start, or the test is skipped
need_pmem() {
	pmem_start && return
	skip_test "no persistent memory"
	return 1
}

# pmem_goes: as if it were pulled out; pmem_comes is what brings it back, with its data, and without what was bad
pmem_goes() {
	readlink -f "/sys/block/${pmem##*/}/device" >"$scratch/namespace"
	read -r pmem_namespace <"$scratch/namespace"
	pmem_namespace=${pmem_namespace##*/}
	expect_put 0 "$pmem_namespace" /sys/bus/nd/drivers/nd_pmem/unbind
	expect_not test -e "/sys/block/${pmem##*/}"
}

pmem_comes() {
	expect_put 0 "$pmem_namespace" /sys/bus/nd/drivers/nd_pmem/bind
	expect wait_until 10 test -b "$pmem"
}

pmem_stop() {
	modprobe -qr nd_pmem
}
