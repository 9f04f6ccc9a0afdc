#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The disks: partitions, file systems, sg tools, error handling, removal, each on the adapter of its own that a test makes.
#
#   adapters/dt/port0/0/lun -> luns/dt --- ram
#                                      --- file   on ext4 on /dev/ram0
#                                      --- block  /dev/ram1
#                                      --- pmem   /dev/pmem0
#
# For root in a VM with the modules installed; removes every adapter and LUN that there is.
# shellcheck disable=SC2154 # variables of disk_lib.sh
set -uo pipefail
export LC_ALL=C

# shellcheck source-path=SCRIPTDIR source=disk_lib.sh
. "$(dirname "$0")/disk_lib.sh"

# A removal has a grace of a second for users, two for commands, and some for the resets of contexts.
BOUND=30
# Is it a sample of the tests, and less of each, that is run?
sampled=0

#
# What a disk looks like
#

disk_has_its_attributes() {
	local queues=()

	new_disk ram 96M
	expect disk_is "$disk" device/mode legacy
	expect disk_is "$disk" size $((96 << 11))
	expect disk_is "$disk" queue/logical_block_size 4096
	expect disk_is "$disk" queue/rotational 0
	expect disk_is "$disk" queue/max_hw_sectors_kb 16384
	expect_eq "$(<"/sys/block/$disk/device/wwid")" "naa.$(<"$LUN/wwid")" "wwid"
	queues=("/sys/block/$disk/mq"/*)
	expect_eq "${#queues[@]}" "$(nproc)" "hardware queues"
}

blocks_of_512() {
	new_disk ram 32M block_size=512
	expect disk_is "$disk" queue/logical_block_size 512
	expect disk_is "$disk" size $((32 << 11))
	expect verify_load "$dev" --bsrange=512-64k --size=16m
}

partitions_work() {
	new_disk ram 96M
	printf '%s\n' 'label: gpt' 'size=32MiB' 'size=32MiB' | expect sfdisk -q --no-reread "$dev" >/dev/null
	expect blockdev --rereadpt "$dev"
	wait_until 10 test -b "${dev}2"
	expect_eq "$(blockdev --getsize64 "${dev}1" "${dev}2" | xargs)" "33554432 33554432" "partitions"
	head -c 33554432 /dev/urandom >"$scratch/one"
	expect dd if="$scratch/one" of="${dev}1" bs=1M oflag=direct status=none
	expect dd if=/dev/zero of="${dev}2" bs=1M count=32 oflag=direct status=none
	expect cmp "$scratch/one" "${dev}1"
	rm -f "$scratch/one"
}

large_commands() {
	new_disk ram 64M
	write_to 16384 "/sys/block/$disk/queue/max_sectors_kb"
	head -c $((32 << 20)) /dev/urandom >"$scratch/large"
	expect dd if="$scratch/large" of="$dev" bs=16M oflag=direct status=none
	blockdev --flushbufs "$dev"
	expect cmp -n $((32 << 20)) "$scratch/large" "$dev"
	expect dd if="$dev" bs=16M count=2 iflag=direct of="$scratch/back" status=none
	expect cmp "$scratch/large" "$scratch/back"
	rm -f "$scratch/large" "$scratch/back"
}

#
# File systems, data
#

# filesystem_on FS STORE SIZE
filesystem_on() {
	new_disk "$2" "$3" write_cache=1
	expect make_fs "$1" "$dev"
	expect mount "$dev" "$mnt"
	make_tree "$mnt"
	[ "$2" = pmem ] || expect fstrim "$mnt"
	expect umount "$mnt"
	expect check_fs "$1" "$dev"

	# The LUN stays, the adapter is another one.
	expect_put 0 0 "$ADAPTER/live"
	expect_put 0 1 "$ADAPTER/live"
	attach_disk
	expect check_fs "$1" "$dev"
	expect mount "$dev" "$mnt"
	expect tree_is_right "$mnt"
	rm -r "$mnt/tree/1"
	expect umount "$mnt"
	expect check_fs "$1" "$dev"
}

ext4_on_ram() {
	filesystem_on ext4 ram 128M
}

ext4_on_file() {
	filesystem_on ext4 file 128M
}

ext4_on_pmem() {
	need_pmem || return
	filesystem_on ext4 pmem 128M
}

xfs_on_file() {
	filesystem_on xfs file 320M
}

xfs_on_block() {
	filesystem_on xfs block 320M
}

# verify_on STORE [ATTRIBUTE=VALUE]...
verify_on() {
	local store=$1
	shift

	if ! has_store "$store"; then
		skip_test "no memory for $store"
		return
	fi
	new_disk "$store" 128M "$@"
	if [ "$sampled" = 0 ]; then
		expect verify_load "$dev"
		expect verify_load "$dev" --rw=write --bs=2m --size=48m
	fi
	# Two jobs on two CPUs, each in its own part: both queues.
	expect verify_load "$dev" --numjobs=2 --size=12m --offset_increment=32m --cpus_allowed=0-1 --cpus_allowed_policy=split
}

fio_on_ram() {
	verify_on ram
}

fio_on_file() {
	verify_on file
}

fio_on_file_with_cache() {
	verify_on file write_cache=1
}

fio_on_block() {
	verify_on block
}

fio_on_pmem() {
	verify_on pmem
}

fio_on_pmem_with_cache() {
	verify_on pmem write_cache=1
}

# discard_on STORE
discard_on() {
	new_disk "$1" 64M
	if [ "$(<"/sys/block/$disk/queue/discard_max_bytes")" = 0 ]; then
		skip_test "the store cannot unmap"
		return
	fi
	head -c $((8 << 20)) /dev/urandom >"$scratch/data"
	expect dd if="$scratch/data" of="$dev" bs=1M oflag=direct status=none
	expect blkdiscard -o $((1 << 20)) -l $((2 << 20)) "$dev"
	expect blkdiscard -z -o $((4 << 20)) -l $((2 << 20)) "$dev"
	dd if=/dev/zero of="$scratch/data" bs=1M seek=4 count=2 conv=notrunc status=none
	expect cmp -n $((1 << 20)) "$scratch/data" "$dev"
	expect cmp -i $((3 << 20)) -n $((5 << 20)) "$scratch/data" "$dev"
	rm -f "$scratch/data"
}

discard_on_ram() {
	discard_on ram
}

discard_on_file() {
	discard_on file
}

# It unmaps nothing, and clears by writing.  What is behind the disk has what the disk has.
zeroes_on_pmem() {
	need_pmem || return
	new_disk pmem 64M
	expect disk_is "$disk" queue/discard_max_bytes 0
	head -c $((8 << 20)) /dev/urandom >"$scratch/data"
	expect dd if="$scratch/data" of="$dev" bs=1M oflag=direct status=none
	expect blkdiscard -z -o $((4 << 20)) -l $((2 << 20)) "$dev"
	expect sg_write_same --lba=0 --num=64 --xferlen=4096 --in=/dev/zero "$dev" >/dev/null
	dd if=/dev/zero of="$scratch/data" bs=1M seek=4 count=2 conv=notrunc status=none
	dd if=/dev/zero of="$scratch/data" bs=4k count=64 conv=notrunc status=none
	blockdev --flushbufs "$dev"
	expect cmp -n $((8 << 20)) "$scratch/data" "$dev"
	expect_put 0 0 "$ADAPTER/live"
	expect_put 0 0 "$LUN/enable"
	expect cmp -n $((8 << 20)) "$scratch/data" "$pmem"
	rm -f "$scratch/data"
}

#
# The tools for SCSI
#

sg_inquiry_and_vpd() {
	local page

	new_disk ram 64M
	expect sg_inq "$dev" >/dev/null
	for page in 0x00 0x80 0x83 0xb0 0xb1 0xb2; do
		expect sg_vpd -p "$page" "$dev" >"$scratch/vpd"
	done
	expect_eq "$(sg_vpd -p di -i "$dev" 2>/dev/null | grep -o "0x$(<"$LUN/wwid")" | head -n 1)" \
		"0x$(<"$LUN/wwid")" "designator"
	expect_not sg_vpd -p 0xc7 "$dev" >/dev/null 2>&1
}

sg_asks() {
	new_disk ram 64M
	expect sg_turs -n 10 "$dev" >/dev/null
	expect sg_readcap "$dev" >/dev/null
	expect sg_readcap -l "$dev" >"$scratch/out"
	expect grep -q 'Number of logical blocks=16384' "$scratch/out"
	expect sg_modes "$dev" >/dev/null
	expect sg_luns "$dev" >"$scratch/out"
	expect sg_requests "$dev" >/dev/null 2>&1
	expect sg_opcodes "$dev" >/dev/null
}

sg_acts() {
	new_disk ram 64M
	expect sg_sync "$dev" >/dev/null
	expect sg_start --start "$dev" >/dev/null
	expect dd if=/dev/urandom of="$dev" bs=1M count=4 oflag=direct status=none
	expect sg_write_same --lba=0 --num=64 --xferlen=4096 --in=/dev/zero "$dev" >/dev/null
	expect sg_unmap --force --lba=64 --num=64 "$dev" >/dev/null
	blockdev --flushbufs "$dev"
	expect cmp -n $((128 << 12)) /dev/zero "$dev"
	# Beyond the end: sg3-utils have a status for ILLEGAL REQUEST, LBA OUT OF RANGE.
	sg_write_same --lba=16384 --num=1 --xferlen=4096 --in=/dev/zero "$dev" >/dev/null 2>&1
	expect_eq $? 22 "status of a write beyond the end"
}

sg_reserves() {
	new_disk ram 64M
	expect sg_persist --out --register --param-sark=0xabc "$dev" >/dev/null
	expect sg_persist --out --reserve --param-rk=0xabc --prout-type=1 "$dev" >/dev/null
	expect sg_persist --in --read-reservation "$dev" >"$scratch/out"
	expect grep -q '0xabc' "$scratch/out"
	# All queues are one nexus: whichever CPU we are on, it is our reservation.
	expect verify_load "$dev" --numjobs=2 --size=8m --offset_increment=16m --cpus_allowed=0-1 --cpus_allowed_policy=split
	expect sg_persist --out --release --param-rk=0xabc --prout-type=1 "$dev" >/dev/null
	expect sg_persist --out --clear --param-rk=0xabc "$dev" >/dev/null
}

#
# Changes while it is used
#

grows_live() {
	new_disk ram 64M
	expect make_fs ext4 "$dev"
	expect mount "$dev" "$mnt"
	make_tree "$mnt"
	expect_put 0 128M "$LUN/size"
	expect wait_until 20 disk_is "$disk" size $((128 << 11))
	expect resize2fs "$dev" >/dev/null 2>&1
	expect tree_is_right "$mnt"
	expect umount "$mnt"
	expect check_fs ext4 "$dev"
}

becomes_read_only() {
	new_disk ram 64M
	expect_put 0 1 "$LUN/read_only"
	expect wait_until 20 disk_is "$disk" ro 1
	expect_not dd if=/dev/zero of="$dev" bs=4k count=1 oflag=direct status=none 2>/dev/null
	expect one_block "$dev"
	expect_put 0 0 "$LUN/read_only"
	expect wait_until 20 disk_is "$disk" ro 0
	expect verify_load "$dev" --size=8m
}

lun_goes_under_load() {
	local start

	new_disk file 128M
	load_start "$dev"
	start=$SECONDS
	expect rm "$ADAPTER/port0/0/lun"
	took_less $BOUND "$start" "removal of a LUN"
	expect wait_until 10 disk_gone
	load_stop
	expect ln -s "$LUN" "$ADAPTER/port0/0/lun"
	attach_disk
	expect verify_load "$dev" --size=8m
}

# mounted_goes FS COMMAND...: what COMMAND does to a mounted disk is bounded.
mounted_goes() {
	local fs=$1 start
	shift

	new_disk file 320M
	expect make_fs "$fs" "$dev"
	expect mount "$dev" "$mnt"
	make_tree "$mnt"
	load_start "$mnt/load"
	start=$SECONDS
	expect_put 0 "$@"
	took_less $BOUND "$start" "removal"
	expect wait_until 10 disk_gone
	load_stop
	expect_not dd if=/dev/zero of="$mnt/more" bs=4k count=1 oflag=sync status=none 2>/dev/null
	start=$SECONDS
	expect umount "$mnt"
	took_less $BOUND "$start" "umount"
}

mounted_ext4_loses_its_lun() {
	mounted_goes ext4 0 "$LUN/enable"
}

mounted_xfs_loses_its_adapter() {
	mounted_goes xfs 0 "$ADAPTER/live"
}

adapter_goes_while_store_is_slow() {
	local start

	new_disk ram 64M
	expect_put 0 20000 "$FAULTS/slow_ms"
	one_block "$dev" &
	sleep 1
	start=$SECONDS
	expect_put 0 0 "$ADAPTER/live"
	took_less $BOUND "$start" "removal"
	expect wait_until 10 disk_gone
	expect_not wait $!
}

# The memory goes while it is read and written; what was in it is there when it is back.
pmem_goes_under_load() {
	need_pmem || return
	new_disk pmem 128M
	head -c $((1 << 20)) /dev/urandom >"$scratch/data"
	expect dd if="$scratch/data" of="$dev" bs=1M seek=100 oflag=direct status=none
	load_start "$dev"
	pmem_goes
	expect_not wait "$load_pid"
	expect_not one_block "$dev"
	expect_not dd if=/dev/zero of="$dev" bs=4k count=1 oflag=direct status=none 2>/dev/null
	# All commands say the same; sg3-utils have 99 for what is no answer of a disk.
	expect_eq "$(read_status 0)" 99 "status of a read"
	sg_raw "$dev" 35 00 00 00 00 00 00 00 00 00 2>/dev/null
	expect_eq $? 99 "status of a flush"
	expect_put ENOLINK 64M "$LUN/size"
	pmem_comes
	# Another one, as far as the LUN knows.
	expect_not one_block "$dev"
	expect_put 0 0 "$LUN/enable"
	expect wait_until 10 disk_gone
	expect_put 0 1 "$LUN/enable"
	attach_disk
	dd if="$dev" bs=1M skip=100 count=1 iflag=direct of="$scratch/back" status=none
	expect cmp "$scratch/data" "$scratch/back"
	expect verify_load "$dev" --size=8m
	rm -f "$scratch/data" "$scratch/back"
}

modules_stay_while_open() {
	new_disk ram 64M
	exec 9<"$dev"
	expect_not rmmod cxlflash_afu 2>/dev/null
	expect_not rmmod cxlflash 2>/dev/null
	expect_put 0 0 "$ADAPTER/live"
	exec 9<&-
	wipe
	expect wait_until 10 rmmod cxlflash_afu
	expect rmmod cxlflash
	expect modprobe cxlflash_afu
}

#
# Errors
#

link_goes_down_and_up() {
	new_disk ram 64M
	expect_put 0 1 "$FAULTS/link_down"
	expect_not one_block "$dev"
	expect_put 0 0 "$FAULTS/link_down"
	expect wait_until 10 one_block "$dev"
	expect verify_load "$dev" --size=8m
}

port_errors_end() {
	new_disk ram 64M
	expect_put 0 1 "$FAULTS/port_error"
	expect_not one_block "$dev"
	expect_put 0 0 "$FAULTS/port_error"
	expect wait_until 10 one_block "$dev"
}

medium_error_is_reported() {
	new_disk ram 64M
	# Block 100.
	expect_put 0 101 "$FAULTS/media_lba"
	expect_not dd if="$dev" of=/dev/null bs=4k count=1 skip=100 iflag=direct status=none 2>/dev/null
	expect dd if="$dev" of=/dev/null bs=4k count=1 skip=101 iflag=direct status=none
	# READ(10); sg3-utils have a status for MEDIUM ERROR.
	sg_raw -o "$scratch/out" -r 4096 "$dev" 28 00 00 00 00 64 00 00 01 00 >/dev/null 2>&1
	expect_eq $? 3 "status of a read of a bad block"
	expect_put 0 0 "$FAULTS/media_lba"
	expect dd if="$dev" of=/dev/null bs=4k count=1 skip=100 iflag=direct status=none
}

# read_status BLOCK: of READ(10); sg3-utils have 3 for MEDIUM ERROR
read_status() {
	sg_raw -o "$scratch/out" -r 4096 "$dev" 28 00 00 00 00 "$(printf %x "$1")" 00 00 01 00 >/dev/null 2>&1
	echo $?
}

# Sector 803 is in block 100.  What clears it makes it good again, as the driver of the memory does.
bad_memory_is_reported() {
	local list=/sys/block/pmem0/badblocks

	need_pmem || return
	new_disk pmem 64M
	expect dd if=/dev/urandom of="$dev" bs=4k count=1 seek=100 oflag=direct status=none
	expect_put 0 '803 1' $list
	expect_eq "$(read_status 99) $(read_status 100) $(read_status 101)" "0 3 0" "status of reads"
	expect_not dd if=/dev/zero of="$dev" bs=4k count=1 seek=100 oflag=direct status=none 2>/dev/null
	# WRITE(10)
	sg_raw -s 4096 -i /dev/zero "$dev" 2a 00 00 00 00 64 00 00 01 00 2>"$scratch/out"
	expect grep -q 'Sense key: Medium Error' "$scratch/out"
	expect_eq "$(read_status 100)" 3 "status after a write that failed"
	expect sg_write_same --lba=100 --num=1 --xferlen=4096 --in=/dev/zero "$dev" >/dev/null
	expect_get '' $list
	expect_eq "$(read_status 100)" 0 "status of a read of what was cleared"
	expect cmp -n 4096 "$scratch/out" /dev/zero
	# Nothing that is bad is left to others.
	expect_put 0 0 "$LUN/enable"
	pmem_goes
	pmem_comes
}

slow_commands_come_back() {
	new_disk ram 64M
	# Longer than the timeout: aborts have to wait, or escalate.
	expect_put 0 5000 "$FAULTS/slow_ms"
	one_block "$dev" &
	sleep 8
	expect_put 0 0 "$FAULTS/slow_ms"
	expect wait $!
	expect wait_until 60 one_block "$dev"
	expect disk_is "$disk" device/state running
	expect verify_load "$dev" --size=8m
}

lost_completions_are_recovered() {
	new_disk file 64M
	expect_put 0 200 "$FAULTS/lose_nth"
	expect verify_load "$dev" --size=8m
	expect_put 0 0 "$FAULTS/lose_nth"
	expect disk_is "$disk" device/state running
	expect verify_load "$dev" --size=8m
}

adapter_fails_and_recovers() {
	new_disk file 128M
	verify_load "$dev" --size=32m --time_based --runtime=8 &
	wait_for_load
	expect_put 0 1 "$FAULTS/fail"
	expect wait $!
	expect wait_until 30 one_block "$dev"
	expect disk_is "$disk" device/state running
}

reset_fails_for_a_while() {
	local start=$SECONDS

	new_disk ram 64M
	expect_put 0 1 "$FAULTS/fail_reset"
	expect_put 0 1 "$FAULTS/fail"
	# Given up in the end, and an error.
	expect_not one_block "$dev"
	took_less 60 "$start" "giving up"
	expect_put 0 0 "$FAULTS/fail_reset"
	# The host tries again every ten seconds.
	expect wait_until 60 one_block "$dev"
	expect disk_is "$disk" device/state running
	expect verify_load "$dev" --size=8m
}

resets_under_load() {
	new_disk file 128M
	verify_load "$dev" --size=32m --time_based --runtime=8 &
	wait_for_load
	for _ in 1 2 3; do
		sleep 1
		expect sg_reset -d "$dev"
		expect sg_reset -H "$dev"
	done
	expect wait $!
	expect one_block "$dev"
}

administrator_resets_under_load() {
	new_disk file 128M
	verify_load "$dev" --size=32m --time_based --runtime=8 &
	wait_for_load
	expect_put 0 1 "$BUS/dt/reset"
	sleep 2
	expect_put 0 1 "$BUS/dt/reset"
	expect wait $!
	expect one_block "$dev"
}

#
# Memory
#

swap_under_pressure() {
	local group=/sys/fs/cgroup/cxlflash-swap mib=64

	[ -z "${VFIO_TEST_SECONDS:-}" ] || mib=96
	write_to +memory /sys/fs/cgroup/cgroup.subtree_control
	if ! mkdir -p "$group" || [ ! -e "$group/memory.max" ]; then
		skip_test "no memory controller"
		return
	fi
	new_disk file 256M write_cache=1
	expect mkswap "$dev" >/dev/null
	expect swapon "$dev"
	write_to 32M "$group/memory.max"
	(
		echo "$BASHPID" >"$group/cgroup.procs"
		exec python3 -c "$HOG" $mib
	) 2>"$scratch/hog"
	expect_eq $? 0 "status of the program ($(<"$scratch/hog"))"
	expect swapoff "$dev"
	rmdir "$group"
}

# More dirty pages than there may be, on a file system on the disk on a file.
dirty_pages_under_pressure() {
	local group=/sys/fs/cgroup/cxlflash-dirty

	write_to +memory /sys/fs/cgroup/cgroup.subtree_control
	if ! mkdir -p "$group" || [ ! -e "$group/memory.max" ]; then
		skip_test "no memory controller"
		return
	fi
	new_disk file 256M write_cache=1
	expect make_fs ext4 "$dev"
	expect mount "$dev" "$mnt"
	# Writing back is slow here: who dirties pages is to wait for it, not to be killed.
	write_to 32M "$group/memory.high"
	write_to 128M "$group/memory.max"
	(
		echo "$BASHPID" >"$group/cgroup.procs"
		exec dd if=/dev/zero of="$mnt/file" bs=1M count=96 conv=fsync status=none
	)
	expect_eq $? 0 "status of dd"
	expect cmp -n $((96 << 20)) /dev/zero "$mnt/file"
	expect umount "$mnt"
	expect check_fs ext4 "$dev"
	rmdir "$group"
}

# one_of NAME...: adds one of them to sample
one_of() {
	sample+=("${@:1 + RANDOM % $#:1}")
}

# The tests that are run.  On the debug kernel, where all takes ten times as long, that is a sample which the seed
# chooses: data on a store, a file system with its check, a removal under load, SCSI's tools, errors.  make check-long
# runs all.
choose() {
	local seed=${VFIO_TEST_SEED:-$((EPOCHSECONDS % 10000))}

	if [ "${VM_KERNEL:-}" != debug ] || [ -n "${VFIO_TEST_SECONDS:-}" ]; then
		mapfile -t sample < <(declared | tr ' ' '\n')
		return
	fi
	diag "VFIO_TEST_SEED=$seed"
	RANDOM=$seed
	sample=()
	one_of fio_on_ram fio_on_file fio_on_file_with_cache fio_on_block fio_on_pmem
	one_of ext4_on_ram ext4_on_file ext4_on_pmem
	one_of sg_inquiry_and_vpd sg_acts sg_reserves discard_on_ram discard_on_file zeroes_on_pmem
	one_of mounted_ext4_loses_its_lun lun_goes_under_load pmem_goes_under_load
	one_of adapter_fails_and_recovers resets_under_load administrator_resets_under_load link_goes_down_and_up \
		medium_error_is_reported bad_memory_is_reported slow_commands_come_back
	sampled=1
}

main() {
	modprobe -r cxtest 2>/dev/null
	modprobe -a sd_mod sg cxlflash_afu || exit 1
	trap 'kill_jobs; swapoff -a; disk_cleanup' EXIT
	wipe
	backing_start || exit 1
	if [ -n "${TESTS:-}" ]; then
		read -ra sample <<<"$TESTS"
	else
		choose
	fi
	run_tests "${sample[@]}"
}

# The tests, in the order of this file.
declared() {
	echo disk_has_its_attributes blocks_of_512 partitions_work large_commands \
		ext4_on_ram ext4_on_file ext4_on_pmem xfs_on_file xfs_on_block \
		fio_on_ram fio_on_file fio_on_file_with_cache fio_on_block fio_on_pmem fio_on_pmem_with_cache \
		discard_on_ram discard_on_file zeroes_on_pmem \
		sg_inquiry_and_vpd sg_asks sg_acts sg_reserves \
		grows_live becomes_read_only lun_goes_under_load mounted_ext4_loses_its_lun \
		mounted_xfs_loses_its_adapter adapter_goes_while_store_is_slow pmem_goes_under_load \
		modules_stay_while_open \
		link_goes_down_and_up port_errors_end medium_error_is_reported bad_memory_is_reported slow_commands_come_back \
		lost_completions_are_recovered adapter_fails_and_recovers reset_fails_for_a_while \
		resets_under_load administrator_resets_under_load \
		swap_under_pressure dirty_pages_under_pressure
}

main
