# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Helpers for tests of the disks: stores and what is behind them, load, trees of files.  Source it, do not run it.
# shellcheck disable=SC2034 # some variables are for those who source it

# shellcheck source-path=SCRIPTDIR source=config_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/config_lib.sh"

LUN=$ROOT/luns/dt
ADAPTER=$ROOT/adapters/dt
FAULTS=$ADAPTER/faults
mnt=$scratch/mnt

#
# What is behind a store
#

# Two RAM disks: a file system for files, and a block device.  A file system on tmpfs is none to a file store.
backing_start() {
	mkdir -p "$scratch/files" "$mnt"
	modprobe brd rd_nr=2 rd_size=$((400 << 10)) || return 1
	mkfs.ext4 -q -F /dev/ram0 && mount /dev/ram0 "$scratch/files"
}

backing_stop() {
	umount "$mnt" 2>/dev/null
	umount "$scratch/files" 2>/dev/null
	modprobe -r brd 2>/dev/null
	pmem_stop
}

# For a trap: nothing of a test's is left.
disk_cleanup() {
	kill_jobs
	umount "$mnt" 2>/dev/null
	wipe
	backing_stop
	rm -rf "$scratch"
}

has_store() {
	[ "$1" != pmem ] || pmem_start
}

# backing_path STORE SIZE: makes it, if it is a file, and prints its name.
backing_path() {
	case $1 in
	file)
		rm -f "$scratch/files/backing"
		truncate -s "$2" "$scratch/files/backing"
		echo "$scratch/files/backing"
		;;
	block) echo /dev/ram1 ;;
	pmem) echo "$pmem" ;;
	esac
}

#
# A LUN with an adapter of its own
#

# new_disk STORE SIZE [ATTRIBUTE=VALUE]...: sets disk (sdX), dev (/dev/sdX)
new_disk() {
	local store=$1 size=$2 path
	shift 2

	path=$(backing_path "$store" "$size")
	make_lun dt "store=$store" ${path:+"path=$path"} "size=$size" "$@"
	make_adapter dt
	link_lun dt 0 0 dt
	expect_put 0 1 "$ADAPTER/live"
	attach_disk
}

# partitions_are_read DISK: has the kernel looked for them?  Until it says this it reads, and keeps others from opening the disk.
partitions_are_read() {
	local at

	at=$(readlink "/sys/block/$1/device")
	# Not a pipe: grep does not wait for its end, and dmesg would fail.
	grep -q "sd ${at##*/}: \[$1\] Attached SCSI" < <(dmesg)
}

# open_disk LUN: sets disk, which can be opened
open_disk() {
	disk=
	find_disk "$1"
	expect wait_until 10 test -b "/dev/$disk"
	expect wait_until 10 partitions_are_read "$disk"
}

# The disk that LUN dt has now.
attach_disk() {
	open_disk dt
	dev=/dev/$disk
	# No test waits for half a minute to see a command time out.
	write_to 3 "/sys/block/$disk/device/timeout"
	write_to 3 "/sys/block/$disk/device/eh_timeout"
}

disk_gone() {
	has_disks dt 0
}

# took_less SECONDS START WHAT
took_less() {
	[ $((SECONDS - $2)) -le "$1" ] || complain "$3 took $((SECONDS - $2)) s"
}

# one_block DEVICE: can a block be read from the disk itself?  The end of one whose size is not known is none.
one_block() {
	[ "$(dd if="$1" bs=4k count=1 iflag=direct 2>/dev/null | wc -c)" = 4096 ]
}

#
# Load
#

# verify_load DEVICE [OPTION]...: writes and reads back; fails if anything is not as it was written.
verify_load() {
	local file=$1
	shift

	fio --name=verify --filename="$file" --allow_file_create=0 --ioengine=libaio --direct=1 --rw=randrw --bsrange=4k-256k --iodepth=16 \
		--size=24m --verify=crc32c --verify_fatal=1 --minimal "$@" >"$scratch/fio" 2>&1
}

# count_writes DISK: sets writes
count_writes() {
	local -a stat=()

	read -ra stat <"/sys/block/$1/stat"
	writes=${stat[4]:-0}
}

# has_written DISK COUNT: more than so many requests
has_written() {
	count_writes "$1"
	[ "$writes" -gt "$2" ]
}

# load_start DEVICE: reads and writes until load_stop, whatever becomes of the device.
load_start() {
	local create=1

	count_writes "$disk"
	# Or a disk that has gone leaves a file of its name.
	[ ! -b "$1" ] || create=0
	fio --name=load --filename="$1" --allow_file_create=$create --ioengine=libaio --direct=1 --rw=randrw --bs=16k --iodepth=16 --numjobs=2 \
		--thread --size=32m --time_based --runtime=300 --continue_on_error=none >/dev/null 2>&1 &
	load_pid=$!
	expect wait_until 60 has_written "$disk" $((writes + 100))
}

# wait_for_load: what has been started in the background writes to the disk
wait_for_load() {
	count_writes "$disk"
	expect wait_until 60 has_written "$disk" $((writes + 20))
}

# Its handlers of other signals print, and wait for ever if that is what they have interrupted.
load_stop() {
	kill -KILL "$load_pid" 2>/dev/null
	wait "$load_pid" 2>/dev/null
}

#
# File systems
#

# One program: the debug kernel takes half a second to start one.
TREE='
import hashlib, os, sys
top = sys.argv[1]
for i in range(1, 21):
    deep = f"{top}/{i}/deeper/down"
    os.makedirs(deep)
    with open(f"{top}/{i}/large", "wb") as file:
        file.write(os.urandom(i * 40000))
    with open(f"{deep}/small", "w") as file:
        file.write(f"{i}\n")
    os.link(f"{top}/{i}/large", f"{top}/{i}/deeper/hard")
    os.symlink("../large", f"{top}/{i}/deeper/soft")
for dir, _, names in os.walk(top):
    for name in names:
        path = os.path.join(dir, name)
        if not os.path.islink(path):
            with open(path, "rb") as file:
                print(hashlib.sha256(file.read()).hexdigest(), "", os.path.relpath(path, top))
'

# make_tree DIRECTORY: some hundred files, and what they are in $scratch/sums
make_tree() {
	local dir=$1/tree

	mkdir -p "$dir"
	cp -r /usr/share/common-licenses "$dir/" 2>/dev/null
	python3 -c "$TREE" "$dir" >"$scratch/sums" || complain "cannot make a tree in $1"
}

tree_is_right() {
	(cd "$1/tree" && sha256sum --quiet -c "$scratch/sums")
}

make_fs() {
	case $1 in
	ext4) mkfs.ext4 -q -F "$2" ;;
	xfs) mkfs.xfs -q -f "$2" ;;
	esac
}

check_fs() {
	case $1 in
	ext4) e2fsck -f -n "$2" >"$scratch/fsck" 2>&1 ;;
	xfs) xfs_repair -n "$2" >"$scratch/fsck" 2>&1 ;;
	esac
}

#
# A program that needs more memory than it may have: fills, waits, looks again
#

HOG='
import sys
size = int(sys.argv[1]) << 20
pages = bytearray(size)
for round in range(2):
    for at in range(0, size, 4096):
        pages[at:at + 8] = (at * 2654435761 + round).to_bytes(8, "little")
    for at in range(0, size, 4096):
        if int.from_bytes(pages[at:at + 8], "little") != at * 2654435761 + round:
            sys.exit(f"page {at >> 12} is wrong")
'
