#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Load the modules, use them, take everything away under load, unload them; again and again.
#
#   adapters/cm/port0/0 -> luns/cm-ram    /dev/sdX, ext4, mounted, files being written
#                    /1 -> luns/cm-file   /dev/sdY, blocks being written; the file is on ext4 on /dev/ram0
#                    /2 -> luns/cm-null   /dev/sdZ, the same
#
# MODULE_ROUNDS is how often: 4, or 2 on the debug kernel, where a round takes most of a minute; 20 in make check-long.
# What a round leaves behind is found by the rig's leak check on the debug kernel.
#
# For root in a VM with the modules installed; removes every adapter and LUN that there is.
# shellcheck disable=SC2154 # variables of disk_lib.sh
set -uo pipefail
export LC_ALL=C

# shellcheck source-path=SCRIPTDIR source=disk_lib.sh
. "$(dirname "$0")/disk_lib.sh"

rounds=4
[ "${VM_KERNEL:-}" != debug ] || rounds=2
[ -z "${VFIO_TEST_SECONDS:-}" ] || rounds=20
rounds=${MODULE_ROUNDS:-$rounds}
RANDOM=${VFIO_TEST_SEED:-1}
CM=$ROOT/adapters/cm
stores=(ram file null)
declare -A disks
writers=()

# The rounds are one state after the other, so no test begins with nothing configured.
after_test() {
	:
}

is_loaded() {
	[ -d /sys/module/cxlflash_afu ] && [ -d /sys/module/cxlflash ]
}

# unload: at the first attempt
unload() {
	expect rmmod cxlflash_afu
	expect rmmod cxlflash
}

configure() {
	local i store path

	make_adapter cm
	for i in "${!stores[@]}"; do
		store=${stores[i]}
		path=$(backing_path "$store" 64M)
		make_lun "cm-$store" "store=$store" ${path:+"path=$path"} size=64M
		link_lun cm 0 "$i" "cm-$store"
	done
	expect_put 0 1 "$CM/live"
	for store in "${stores[@]}"; do
		find_disk "cm-$store"
		disks[$store]=$disk
		expect wait_until 10 test -b "/dev/$disk"
	done
}

# writer FILE OPTION...: until it cannot
writer() {
	while dd if=/dev/zero of="$1" bs=64k count=64 "${@:2}" 2>/dev/null; do
		:
	done
}

# load_runs: each disk is written to, from now on
load_runs() {
	local store

	for store in "${stores[@]}"; do
		count_writes "${disks[$store]}"
		expect wait_until 60 has_written "${disks[$store]}" "$writes"
	done
}

load_begins() {
	expect make_fs ext4 "/dev/${disks[ram]}"
	expect mount "/dev/${disks[ram]}" "$mnt"
	writer "$mnt/file" conv=fsync &
	writers=($!)
	for store in file null; do
		writer "/dev/${disks[$store]}" conv=nocreat,notrunc oflag=direct &
		writers+=($!)
	done
}

# One of the ways to take it all away.
take_away() {
	local i

	case $1 in
	live) expect_put 0 0 "$CM/live" ;;
	enable)
		for i in "${stores[@]}"; do
			expect_put 0 0 "$ROOT/luns/cm-$i/enable"
		done
		;;
	link)
		for i in "${!stores[@]}"; do
			expect_call 0 rm "$CM/port0/$i/lun"
		done
		;;
	esac
}

# Who writes finds out by himself: nobody is killed.
load_ends() {
	wait "${writers[@]}"
	writers=()
	expect umount "$mnt"
}

# one_round WAY
one_round() {
	configure
	load_begins
	load_runs
	expect_not rmmod cxlflash_afu 2>/dev/null
	expect_not rmmod cxlflash 2>/dev/null
	expect is_loaded
	load_runs
	take_away "$1"
	load_ends
	wipe
	unload
	expect_not is_loaded
	expect modprobe cxlflash_afu
}

rounds_under_load() {
	local round first=$((RANDOM % 3)) ways=(live enable link)

	for ((round = 0; round < rounds && !bad; round++)); do
		one_round "${ways[(first + round) % 3]}"
	done
	diag "$rounds rounds, of which $round were run"
}

# What is configured holds the module, also when nothing is live.
items_hold_the_module() {
	local dir

	for dir in "$ROOT/luns/cm" "$CM"; do
		expect_call 0 mkdir "$dir"
		expect_not rmmod cxlflash_afu 2>/dev/null
		expect_call 0 rmdir "$dir"
	done
}

# Nothing has been configured.
unused_modules_go() {
	unload
	expect_not is_loaded
	expect modprobe cxlflash_afu
}

for user in cxlflash_mdev cxtest; do
	modprobe -r "$user" 2>/dev/null
done
if ! modprobe -a sd_mod cxlflash_afu || [ ! -d "$ROOT" ]; then
	skip_all "no module cxlflash_afu, or configfs is not mounted"
fi
trap disk_cleanup EXIT
wipe
backing_start || exit 1
run_tests items_hold_the_module unused_modules_go rounds_under_load
