#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Adapters and LUNs as an administrator sees them: every attribute in configfs and sysfs, what it refuses and how, LUNs
# that come and go while adapters are live, bounded removal.  cxl_module.sh loads and unloads.
#
#   luns/  ct0, ct1 --- ram              adapters/  ct  --- port0/0 -> ct0, ...
#          ct2      --- file                        ct2 --- the same LUN by another path
#
# For root in a VM with the modules installed; removes every adapter and LUN that there is.
set -uo pipefail
export LC_ALL=C

# shellcheck source-path=SCRIPTDIR source=config_lib.sh
. "$(dirname "$0")/config_lib.sh"

STORM_SECONDS=${STORM_SECONDS:-${VFIO_TEST_SECONDS:-8}}

cleanup() {
	kill_jobs
	umount "$scratch/mnt" 2>/dev/null
	wipe
	pmem_stop
	rm -rf "$scratch"
}

#
# The tree and names
#

tree_is_there() {
	expect test -d $ROOT/luns -a -d $ROOT/adapters
	expect test -d $BUS
	expect_call EPERM mkdir $ROOT/others
	expect_call EPERM rmdir $ROOT/luns
}

names_are_checked() {
	local dir name

	for dir in luns adapters; do
		for name in -a .a _a 'a b' a:b 'a!b' power uevent module "$(printf 'a%.0s' {1..32})"; do
			expect_call EINVAL mkdir "$ROOT/$dir/$name"
		done
		for name in a 0 A-b_c.d "$(printf 'a%.0s' {1..31})"; do
			expect_call 0 mkdir "$ROOT/$dir/$name"
			expect_call EEXIST mkdir "$ROOT/$dir/$name"
			expect_call 0 rmdir "$ROOT/$dir/$name"
		done
	done
}

#
# LUNs
#

lun_has_defaults() {
	local dir=$ROOT/luns/ct0

	expect_call 0 mkdir $dir
	expect_eq "$(cd $dir && echo *)" \
		"active block_size capacity delete enable format path read_only secret size slices space state store write_cache wwid" attributes
	expect_get ram $dir/store
	expect_get '' $dir/path
	expect_get 0 $dir/size
	expect_get 4096 $dir/block_size
	expect_get 0 $dir/read_only
	expect_get 0 $dir/write_cache
	expect_get 1 $dir/secret
	expect_get 0 $dir/enable
	expect_get disabled $dir/state
	expect_get 0 $dir/capacity
	expect_get 0 $dir/format
	expect_get 0 $dir/active
	expect_get '' $dir/slices
	expect_get '0 0' $dir/space
	expect_put EINVAL nonsense $dir/delete
	expect_put ENODEV 5a000001-0000-4000-8000-000000000001 $dir/delete
	expect_eq "$(tr -d '0-9a-f' <$dir/wwid)" '' "digits of wwid"
	expect_eq "$(head -c 7 $dir/wwid)" 6f1a500 "what wwid begins with"
	expect_eq "$(stat -c %s:%a $dir/state | cut -d : -f 2)" 444 "mode of state"
}

lun_takes_what_it_should() {
	local dir=$ROOT/luns/ct0 value

	expect_call 0 mkdir $dir
	for value in file block pmem null record ram; do
		expect_put 0 "$value"$'\n' $dir/store
		expect_get "$value" $dir/store
	done
	expect_put 0 /a/path $dir/path
	expect_get /a/path $dir/path
	expect_put 0 $'with space \n' $dir/path
	expect_get 'with space ' $dir/path
	expect_put 0 $'\n' $dir/path
	expect_get '' $dir/path
	for value in 512 4096; do
		expect_put 0 $value $dir/block_size
		expect_get $value $dir/block_size
	done
	for value in read_only write_cache secret; do
		expect_put 0 1 $dir/$value
		expect_get 1 $dir/$value
		expect_put 0 n $dir/$value
		expect_get 0 $dir/$value
		expect_put EINVAL maybe $dir/$value
	done
	expect_put 0 6F1A5000123456789abcdef001234567 $dir/wwid
	expect_get 6f1a5000123456789abcdef001234567 $dir/wwid
}

lun_refuses_what_it_should() {
	local dir=$ROOT/luns/ct0 value

	expect_call 0 mkdir $dir
	for value in '' x RAM "ram ram" aVeryLongNameOfAStore; do
		expect_put EINVAL "$value"$'\n' $dir/store
	done
	expect_put EINVAL $'two\nlines\n' $dir/path
	for value in x 0 1 1024 8192 4097 -1; do
		expect_put EINVAL $value $dir/block_size
	done
	for value in x 6 5f1a5000123456789abcdef001234567 6f1a5000123456789abcdef00123456 \
		6f1a5000123456789abcdef0012345670 6f1a5000123456789abcdef00123456g; do
		expect_put EINVAL $value $dir/wwid
	done
	for value in 1 x YES; do
		expect_put EINVAL $value $dir/format
	done
	for value in yes force; do
		expect_put ENODEV $value $dir/format
	done
	expect_put ENODEV 1 $dir/active
	expect_put EACCES x $dir/state
	expect_put EINVAL x $dir/enable
	expect_get ram $dir/store
	expect_get 4096 $dir/block_size
}

lun_size_has_suffixes() {
	local dir=$ROOT/luns/ct0 value

	expect_call 0 mkdir $dir
	for value in 0:0 4096:4096 4K:4096 4k:4096 1M:1048576 2G:2147483648 1T:1099511627776 0x1000:4096; do
		expect_put 0 ${value%:*} $dir/size
		expect_get ${value#*:} $dir/size
	done
	for value in x K 1KK '1 K' 1Q -1 1.5G; do
		expect_put EINVAL "$value" $dir/size
	done
	expect_put EOVERFLOW 8388608T $dir/size
	expect_put EOVERFLOW 9223372036854775808 $dir/size
	expect_put ERANGE 18446744073709551616 $dir/size
	expect_get 4096 $dir/size
}

lun_is_enabled_and_disabled() {
	local dir=$ROOT/luns/ct0 value

	make_lun ct0
	expect_get 1 $dir/enable
	expect_get enabled $dir/state
	expect_get 67108864 $dir/capacity
	expect_put 0 1 $dir/enable
	expect_call EBUSY rmdir $dir
	for value in store=null path=/x block_size=512 write_cache=1 wwid=6f1a5000123456789abcdef001234567; do
		expect_put EBUSY ${value#*=} $dir/${value%=*}
	done
	expect_put 0 0 $dir/enable
	expect_put 0 0 $dir/enable
	expect_get disabled $dir/state
	expect_get 0 $dir/capacity
	expect_put 0 512 $dir/block_size
	expect_put 0 1 $dir/enable
	expect_put 0 0 $dir/enable
	expect_call 0 rmdir $dir
}

lun_grows_live() {
	local dir=$ROOT/luns/ct0

	make_lun ct0
	expect_put EINVAL 100000 $dir/size
	expect_get 67108864 $dir/size
	expect_put 0 128M $dir/size
	expect_get 134217728 $dir/capacity
	expect_get 134217728 $dir/size
}

lun_enable_says_what_is_wrong() {
	local dir=$ROOT/luns/ct0

	expect_call 0 mkdir $dir
	expect_put 0 file $dir/store
	expect_put 0 "$scratch/missing" $dir/path
	expect_put 0 1 $dir/write_cache
	expect_put ENOENT 1 $dir/enable
	# Nothing of it is lost, and the directory is as free as before.
	expect_get "$scratch/missing" $dir/path
	expect_get file $dir/store
	expect_get 1 $dir/write_cache
	expect_get 0 $dir/enable
	expect_get disabled $dir/state
	truncate -s 16M "$scratch/missing"
	expect_put 0 1 $dir/enable
	expect_get 16777216 $dir/capacity
	expect_put 0 0 $dir/enable
	expect_put 0 '' $dir/path
	write_to $'\n' $dir/path
	write_to 1 $dir/enable
	expect test "$errno" != 0
	expect_call 0 rmdir $dir
}

# pmem_refuses ERRNO PATH
pmem_refuses() {
	expect_put 0 "$2" $ROOT/luns/ct0/path
	expect_put "$1" 1 $ROOT/luns/ct0/enable
	expect_get 0 $ROOT/luns/ct0/enable
}

lun_on_pmem_says_what_is_wrong() {
	local dir=$ROOT/luns/ct0

	need_pmem || return
	expect_call 0 mkdir $dir
	expect_put 0 pmem $dir/store
	expect_put EINVAL 1 $dir/enable
	pmem_refuses EINVAL pmem0
	pmem_refuses ENOENT "$scratch/nowhere"
	truncate -s 16M "$scratch/file"
	pmem_refuses ENOTBLK "$scratch/file"
	# A disk, but no memory.
	expect modprobe brd rd_nr=1 rd_size=16384
	pmem_refuses EOPNOTSUPP /dev/ram0
	expect modprobe -r brd
	expect_put 0 1G $dir/size
	pmem_refuses ENOSPC "$pmem"
	expect_put 0 64M $dir/size
	# One owner at a time, us and others.
	expect mkfs.ext4 -q -F -b 4096 "$pmem" 16M
	expect mkdir -p "$scratch/mnt"
	expect mount "$pmem" "$scratch/mnt"
	pmem_refuses EBUSY "$pmem"
	expect umount "$scratch/mnt"
	expect_put 0 1 $dir/enable
	expect_not mount "$pmem" "$scratch/mnt" 2>/dev/null
	expect_call 0 mkdir $ROOT/luns/ct1
	expect_put 0 pmem $ROOT/luns/ct1/store
	expect_put 0 "$pmem" $ROOT/luns/ct1/path
	expect_put EBUSY 1 $ROOT/luns/ct1/enable
	expect_put 0 0 $dir/enable
	expect_put 0 1 $ROOT/luns/ct1/enable
}

# As large as its memory, if nobody says how large, and never larger.
lun_on_pmem_grows() {
	local dir=$ROOT/luns/ct0 all

	need_pmem || return
	all=$(blockdev --getsize64 "$pmem")
	make_lun ct0 store=pmem path="$pmem"
	expect_get 67108864 $dir/capacity
	expect_put 0 128M $dir/size
	expect_get 134217728 $dir/capacity
	expect_put EINVAL 100000 $dir/size
	expect_put ENOSPC $((all + 4096)) $dir/size
	expect_get 134217728 $dir/capacity
	expect_put 0 "$all" $dir/size
	expect_get "$all" $dir/capacity
	expect_put 0 0 $dir/enable
	expect_put 0 0 $dir/size
	expect_put 0 1 $dir/read_only
	expect_put 0 1 $dir/enable
	expect_get "$all" $dir/capacity
}

lun_on_pmem_is_gone() {
	local dir=$ROOT/luns/ct0

	need_pmem || return
	make_lun ct0 store=pmem path="$pmem" size=512M
	pmem_goes
	expect_get enabled $dir/state
	expect_put ENOLINK 256M $dir/size
	expect_put ENOLINK yes $dir/format
	expect_put 0 0 $dir/enable
	expect_put ENOENT 1 $dir/enable
	pmem_comes
	expect_put 0 1 $dir/enable
}

lun_wwid_is_enabled_once() {
	local wwid=6f1a5000123456789abcdef001234567

	make_lun ct0 wwid=$wwid
	expect_call 0 mkdir $ROOT/luns/ct1
	expect_put 0 $wwid $ROOT/luns/ct1/wwid
	expect_put 0 64M $ROOT/luns/ct1/size
	expect_put EEXIST 1 $ROOT/luns/ct1/enable
	expect_put 0 0 $ROOT/luns/ct0/enable
	expect_put 0 1 $ROOT/luns/ct1/enable
}

lun_is_formatted_and_activated() {
	local dir=$ROOT/luns/ct0

	make_lun ct0 size=1G
	expect_put 0 yes $dir/format
	expect_get 1 $dir/format
	expect_put 0 1 $dir/active
	expect_get 1 $dir/active
	cat $dir/slices >/dev/null || complain "slices cannot be read"
	expect_put 0 0 $dir/active
	expect_get 0 $dir/active
}

#
# Adapters
#

adapter_has_defaults() {
	local dir=$ROOT/adapters/ct

	expect_call 0 mkdir $dir
	expect_eq "$(cd $dir && echo *)" \
		"contexts engine_cpus faults grace_ms host live port0 port1 port2 port3 ports" attributes
	expect_get 2 $dir/ports
	expect_get 508 $dir/contexts
	expect_get '' $dir/engine_cpus
	expect_get 1 $dir/host
	expect_get 1000 $dir/grace_ms
	expect_get 0 $dir/live
	expect_call EPERM rmdir $dir/port0
	expect_call EPERM rmdir $dir/faults
	expect_call EPERM mkdir $dir/faults/x
}

adapter_checks_its_attributes() {
	local dir=$ROOT/adapters/ct value

	expect_call 0 mkdir $dir
	for value in ports=1 ports=4 contexts=1 contexts=508 engine_cpus=0 host=0 host=1 grace_ms=0 grace_ms=600000; do
		expect_put 0 ${value#*=} $dir/${value%=*}
		expect_get ${value#*=} $dir/${value%=*}
	done
	for value in ports=0 ports=5 ports=x contexts=0 contexts=509 engine_cpus=x engine_cpus=3-1 host=x grace_ms=600001 \
		grace_ms=-1 live=x; do
		expect_put EINVAL ${value#*=} $dir/${value%=*}
	done
	expect_put 0 $'\n' $dir/engine_cpus
	expect_get '' $dir/engine_cpus
}

adapter_goes_live_and_back() {
	local dir=$ROOT/adapters/ct dev=$BUS/ct value

	make_adapter ct host=0 ports=3 contexts=7 grace_ms=5 engine_cpus=0
	expect_not test -e $dev
	expect_put 0 1 $dir/live
	expect_put 0 1 $dir/live
	expect_get 1 $dir/live
	for value in state=live ports=3 contexts=7 contexts_used=0 engines=1 grace_ms=5; do
		expect_get ${value#*=} $dev/${value%=*}
	done
	for value in ports=1 contexts=1 engine_cpus=0 host=1; do
		expect_put EBUSY ${value#*=} $dir/${value%=*}
	done
	expect_call EBUSY rmdir $dir
	expect_put 0 6 $dir/grace_ms
	expect_get 6 $dev/grace_ms
	expect_put 0 7 $dev/grace_ms
	expect_put EINVAL 600001 $dev/grace_ms
	expect_put 0 0 $dir/live
	expect_put 0 0 $dir/live
	expect_get 0 $dir/live
	expect_not test -e $dev
	expect_put 0 1 $dir/ports
	expect_call 0 rmdir $dir
}

adapter_needs_a_cpu() {
	make_adapter ct host=0
	write_to 4000 $ROOT/adapters/ct/engine_cpus
	if [ "$errno" != 0 ]; then
		skip_test "no CPU that cannot be online"
		return
	fi
	expect_put ENODEV 1 $ROOT/adapters/ct/live
	expect_not test -e $BUS/ct
	expect_put 0 0 $ROOT/adapters/ct/engine_cpus
	expect_put 0 1 $ROOT/adapters/ct/live
}

adapter_is_reset() {
	local dev=$BUS/ct faults=$ROOT/adapters/ct/faults

	make_adapter ct host=0
	expect_put 0 1 $ROOT/adapters/ct/live
	expect_put EINVAL 0 $dev/reset
	expect_put EINVAL x $dev/reset
	expect_put 0 1 $dev/reset
	expect_get live $dev/state
	expect_put 0 1 $faults/fail
	expect_get failed $dev/state
	expect_put 0 1 $faults/fail_reset
	expect_put EIO 1 $dev/reset
	expect_get failed $dev/state
	expect_put 0 0 $faults/fail_reset
	expect_put 0 1 $dev/reset
	expect_get live $dev/state
	expect_get 0 $faults/fail
}

adapter_has_fault_points() {
	local dir=$ROOT/adapters/ct/faults value live

	make_adapter ct host=0
	for live in 0 1; do
		expect_put 0 $live $ROOT/adapters/ct/live
		for value in link_down=15 port_error=3 slow_ms=60000 lose_nth=7 media_lba=101 fail_reset=1; do
			expect_put 0 ${value#*=} $dir/${value%=*}
			expect_get ${value#*=} $dir/${value%=*}
			expect_put 0 0 $dir/${value%=*}
			expect_put EINVAL x $dir/${value%=*}
		done
		for value in link_down=16 port_error=16 slow_ms=60001; do
			expect_put EINVAL ${value#*=} $dir/${value%=*}
		done
		expect_put ERANGE 256 $dir/async_bits
	done
	expect_put 0 1 $dir/async_bits
	expect_put 0 0 $ROOT/adapters/ct/live
	expect_put ENODEV 1 $dir/async_bits
	# What is set before is there when it goes live, each time.
	expect_put 0 5 $dir/lose_nth
	expect_put 0 1 $dir/fail
	for _ in 1 2; do
		expect_put 0 1 $ROOT/adapters/ct/live
		expect_get 5 $dir/lose_nth
		expect_get failed $BUS/ct/state
		expect_put 0 0 $ROOT/adapters/ct/live
	done
}

#
# Links
#

slots_have_numbers() {
	local port=$ROOT/adapters/ct/port0 value

	make_adapter ct
	for value in x 01 +1 1x 0x1; do
		expect_call EINVAL mkdir $port/$value
	done
	expect_call ERANGE mkdir $port/256
	for value in 0 7 255; do
		expect_call 0 mkdir $port/$value
		expect_call EEXIST mkdir $port/$value
	done
	expect_call ENOTEMPTY rmdir $ROOT/adapters/ct
	for value in 0 7 255; do
		expect_call 0 rmdir $port/$value
	done
}

links_are_checked() {
	local slot=$ROOT/adapters/ct/port0/0

	make_lun ct0
	make_lun ct1
	make_adapter ct host=0
	expect_call 0 mkdir $slot
	expect_call EINVAL ln -s $ROOT/adapters/ct $slot/lun
	expect_call EINVAL ln -s $ROOT/luns $slot/lun
	expect_call EPERM ln -s $ROOT/luns/ct0 $ROOT/adapters/ct/port0/lun
	expect_call 0 ln -s $ROOT/luns/ct0 $slot/lun
	expect_call EEXIST ln -s $ROOT/luns/ct1 $slot/other
	expect_call ENOTEMPTY rmdir $slot
	expect_put 0 0 $ROOT/luns/ct0/enable
	expect_call EBUSY rmdir $ROOT/luns/ct0
	expect_call 0 rm $slot/lun
	expect_call 0 rmdir $ROOT/luns/ct0
	expect_call 0 ln -s $ROOT/luns/ct1 $slot/lun
}

links_need_a_port() {
	make_lun ct0
	make_adapter ct host=0 ports=1
	link_lun ct 1 0 ct0
	expect_put EINVAL 1 $ROOT/adapters/ct/live
	expect_get 0 $ROOT/adapters/ct/live
	expect_not test -e $BUS/ct
	expect_call 0 rm $ROOT/adapters/ct/port1/0/lun
	expect_put 0 1 $ROOT/adapters/ct/live
	expect_call EINVAL ln -s $ROOT/luns/ct0 $ROOT/adapters/ct/port1/0/lun
}

#
# Disks
#

disks_come_in_any_order() {
	local disk

	expect_call 0 mkdir $ROOT/luns/ct0
	expect_put 0 64M $ROOT/luns/ct0/size
	make_adapter ct
	link_lun ct 0 0 ct0
	expect_put 0 1 $ROOT/adapters/ct/live
	expect has_disks ct0 0
	expect_put 0 1 $ROOT/luns/ct0/enable
	find_disk ct0
	expect disk_is "$disk" size 131072
	expect_call 0 rm $ROOT/adapters/ct/port0/0/lun
	expect wait_until 20 has_disks ct0 0
	expect_call 0 ln -s $ROOT/luns/ct0 $ROOT/adapters/ct/port0/0/lun
	expect wait_until 20 has_disks ct0 1
	expect_put 0 0 $ROOT/luns/ct0/enable
	expect wait_until 20 has_disks ct0 0
	expect_put 0 1 $ROOT/luns/ct0/enable
	expect wait_until 20 has_disks ct0 1
	expect_put 0 0 $ROOT/adapters/ct/live
	expect has_disks ct0 0
}

disks_of_two_adapters_are_one_lun() {
	local disk

	make_lun ct0
	make_adapter ct
	make_adapter ct2
	link_lun ct 0 0 ct0
	link_lun ct 1 9 ct0
	link_lun ct2 0 3 ct0
	expect_put 0 1 $ROOT/adapters/ct/live
	expect_put 0 1 $ROOT/adapters/ct2/live
	expect wait_until 30 has_disks ct0 3
	disk=/dev/${found[0]}
	echo shared >"$scratch/in"
	truncate -s 4096 "$scratch/in"
	dd if="$scratch/in" of="$disk" bs=4096 count=1 oflag=direct status=none || complain "cannot write $disk"
	for disk in "${found[@]}"; do
		dd if="/dev/$disk" of="$scratch/out" bs=4096 count=1 iflag=direct status=none
		expect cmp -s "$scratch/in" "$scratch/out"
	done
	expect_put 0 0 $ROOT/luns/ct0/enable
	expect wait_until 20 has_disks ct0 0
}

disk_grows_and_turns_read_only() {
	local disk

	make_lun ct0
	make_adapter ct
	link_lun ct 0 0 ct0
	expect_put 0 1 $ROOT/adapters/ct/live
	find_disk ct0
	expect_put 0 128M $ROOT/luns/ct0/size
	expect wait_until 20 disk_is "$disk" size 262144
	expect_put 0 1 $ROOT/luns/ct0/read_only
	expect wait_until 20 disk_is "$disk" ro 1
	expect_not dd if=/dev/zero of="/dev/$disk" bs=4096 count=1 oflag=direct status=none 2>/dev/null
	expect_put 0 0 $ROOT/luns/ct0/read_only
	expect wait_until 20 disk_is "$disk" ro 0
	expect dd if=/dev/zero of="/dev/$disk" bs=4096 count=1 oflag=direct status=none
}

# removal_is_bounded VALUE FILE: with a file system mounted and being written to
removal_is_bounded() {
	local disk start writer

	if ! command -v mkfs.ext4 >/dev/null; then
		skip_test "no mkfs.ext4"
		return
	fi
	make_lun ct0
	make_adapter ct
	link_lun ct 0 0 ct0
	expect_put 0 1 $ROOT/adapters/ct/live
	find_disk ct0
	mkfs.ext4 -q "/dev/$disk" || complain "mkfs.ext4 fails"
	mkdir -p "$scratch/mnt"
	mount "/dev/$disk" "$scratch/mnt" || complain "cannot mount"
	while dd if=/dev/zero of="$scratch/mnt/file" bs=1M count=8 conv=fsync status=none 2>/dev/null; do :; done &
	writer=$!
	sleep 1
	start=$SECONDS
	expect_put 0 "$1" "$2"
	expect test $((SECONDS - start)) -lt 30
	kill "$writer" 2>/dev/null
	wait "$writer" 2>/dev/null
	umount "$scratch/mnt" || complain "cannot unmount"
	expect wait_until 20 has_disks ct0 0
}

adapter_removal_with_io_is_bounded() {
	removal_is_bounded 0 $ROOT/adapters/ct/live
}

lun_removal_with_io_is_bounded() {
	removal_is_bounded 0 $ROOT/luns/ct0/enable
}

#
# The module
#

module_stays_while_there_is_anything() {
	local dir

	for dir in luns/ct0 adapters/ct; do
		expect_call 0 mkdir "$ROOT/$dir"
		expect_not rmmod cxlflash_afu 2>/dev/null
		expect_call 0 rmdir "$ROOT/$dir"
	done
	expect rmmod cxlflash_afu
	expect_not test -d $ROOT
	expect modprobe cxlflash_afu
}

# storm_one WHO: everything, in no order, failing or not
storm_one() {
	local end=$((SECONDS + STORM_SECONDS)) lun=$ROOT/luns/s$1 ad=$ROOT/adapters/s$(($1 % 2))

	while [ $SECONDS -lt $end ]; do
		case $((RANDOM % 10)) in
		0) mkdir "$lun" ;;
		1) write_to 16M "$lun/size" ;;
		2 | 3) write_to $((RANDOM % 2)) "$lun/enable" ;;
		4) mkdir "$ad" "$ad/port0/$1" ;;
		5) ln -s "$lun" "$ad/port0/$1/lun" ;;
		6) write_to $((RANDOM % 2)) "$ad/live" ;;
		7) rm "$ad/port0/$1/lun" ;;
		8) write_to 1 "$BUS/${ad##*/}/reset" ;;
		9) rmdir "$ad/port0/$1" "$lun" "$ad" ;;
		esac 2>/dev/null
	done
}

everything_at_once() {
	local i pids=()

	for i in 0 1 2 3; do
		storm_one $i &
		pids+=($!)
	done
	wait "${pids[@]}"
	wipe
	expect_eq "$(echo $ROOT/luns/* $ROOT/adapters/*)" "$ROOT/luns/* $ROOT/adapters/*" "what is left"
	expect modprobe -r cxlflash_afu
	expect modprobe cxlflash_afu
}

trap cleanup EXIT
# The programs that drive raw contexts leave this one behind, and it pins ours.
modprobe -r cxtest 2>/dev/null
modprobe sd_mod 2>/dev/null
if ! modprobe cxlflash_afu || [ ! -d "$ROOT" ]; then
	skip_all "no module cxlflash_afu, or configfs is not mounted"
fi
wipe

# shellcheck disable=SC2046 # words
run_tests $(sample_on_debug 9 tree_is_there names_are_checked \
	lun_has_defaults lun_takes_what_it_should lun_refuses_what_it_should lun_size_has_suffixes \
	lun_is_enabled_and_disabled lun_grows_live lun_enable_says_what_is_wrong lun_wwid_is_enabled_once \
	lun_is_formatted_and_activated lun_on_pmem_says_what_is_wrong lun_on_pmem_grows lun_on_pmem_is_gone \
	adapter_has_defaults adapter_checks_its_attributes adapter_goes_live_and_back adapter_needs_a_cpu \
	adapter_is_reset adapter_has_fault_points \
	slots_have_numbers links_are_checked links_need_a_port \
	disks_come_in_any_order disks_of_two_adapters_are_one_lun disk_grows_and_turns_read_only \
	adapter_removal_with_io_is_bounded lun_removal_with_io_is_bounded \
	module_stays_while_there_is_anything everything_at_once)
