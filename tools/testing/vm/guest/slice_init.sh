#!/bin/sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-only
#
# The init of a guest that has a slice: loads the driver, waits for the disk, and does what "slice=" on the kernel's
# command line says, one word after the other, telling about it in lines "GUEST: ...".
#
#   mkfs           a file system with a copy of /tree on it, and its manifest
#   check          fsck; is the tree as the manifest says, are slice_acked's records there?
#   fio            fio --verify on a file, for slice_secs seconds
#   busy           verified I/O on a file for ever, see slice_io.c; grows the file system with the disk
#   wait           until somebody writes a line to the console
#   reboot         mkfs and a reboot, or check if that has been done already
export PATH=/bin:/sbin:/usr/bin:/usr/sbin

nr=0
failed=0

result() {
	nr=$((nr + 1))
	if [ "$1" = 0 ]; then
		echo "GUEST: ok $nr - $2"
	else
		echo "GUEST: not ok $nr - $2"
		failed=$((failed + 1))
	fi
}

# try TEXT COMMAND...
try() {
	text=$1
	shift
	"$@" >/tmp/out 2>&1
	status=$?
	result $status "$text"
	[ $status = 0 ] || sed 's/^/GUEST: # /' /tmp/out
	return $status
}

# option NAME: its value on the command line
option() {
	sed -n "s/^\(.* \)\{0,1\}$1=\([^ ]*\).*/\2/p" /proc/cmdline
}

# Everything is on the disk before the machine is turned off.
finish() {
	[ $failed = 0 ] || dmesg | tail -n 15 | sed 's/^/GUEST: # /'
	echo "GUEST: done $nr tests, $failed failed"
	sync
	sleep 0.2
	poweroff -f
	reboot -f
}

# Where a hang is, if something does not come to its end.
watchdog() {
	sleep "$1"
	echo "GUEST: time is up"
	dmesg -n 8
	echo w >/proc/sysrq-trigger
}

mib() {
	echo $(($(cat "/sys/block/$disk/size") / 2048))
}

find_disk() {
	for _ in $(seq 300); do
		for dir in /sys/block/sd*; do
			[ -e "$dir" ] || continue
			disk=${dir##*/}
			[ -b "/dev/$disk" ] && return 0
		done
		sleep 0.1
	done
	return 1
}

# Checksums of a tree, and the checksum of these: the same words as in tools/testing/vm/guest/slice.sh.
manifest() {
	(cd "$1" && find . -type f | LC_ALL=C sort | xargs sha256sum)
}

# By its path, or it would be busybox's.
do_mkfs() {
	try "mkfs.ext4" /bin/mke2fs -q -F -t ext4 -L slice "/dev/$disk" || return 1
	try "mount" mount -t ext4 "/dev/$disk" /mnt || return 1
	try "write $(find /tree -type f | wc -l) files" cp -a /tree /mnt/ || return 1
	manifest /mnt/tree >/mnt/manifest
	sync
	echo "GUEST: manifest $(sha256sum </mnt/manifest | cut -d ' ' -f 1)"
	try "umount" umount /mnt
}

do_check() {
	# 1: it has replayed the journal, or put counters right
	e2fsck -p "/dev/$disk" >/tmp/fsck 2>&1
	[ $? -le 1 ]
	result $? "fsck replays the journal"
	try "fsck finds nothing wrong" e2fsck -f -n "/dev/$disk"
	try "mount" mount -t ext4 "/dev/$disk" /mnt || return 1
	manifest /mnt/tree >/tmp/manifest
	try "the tree is as its manifest says" cmp /tmp/manifest /mnt/manifest
	echo "GUEST: manifest $(sha256sum </tmp/manifest | cut -d ' ' -f 1)"
	acked=$(option slice_acked)
	[ -z "$acked" ] || try "every record that was acknowledged is there" slice_io check /mnt/busy "$acked"
	try "umount" umount /mnt
}

# What fio has written it reads back soon, and compares.
run_fio() {
	fio --name=verify --filename=/mnt/fio --ioengine=libaio --direct=1 --rw=randrw --bsrange=4k-128k --iodepth=16 \
		--numjobs=2 --offset_increment=32m --size=32m --verify=crc32c --verify_backlog=64 --verify_fatal=1 \
		--time_based --runtime="$secs" --minimal
}

do_fio() {
	mount -t ext4 "/dev/$disk" /mnt
	head -c 67108864 /dev/zero >/mnt/fio
	echo "GUEST: fio runs for $secs s"
	try "fio --verify on a file" run_fio
	try "umount" umount /mnt
}

# The disk may grow and shrink: say so, and let the file system have what there is.
follow_size() {
	was=$(mib)
	while [ -e "/sys/block/$disk" ]; do
		now=$(mib 2>/dev/null)
		if [ -n "$now" ] && [ "$now" != "$was" ]; then
			echo "GUEST: size $was MiB is now $now MiB"
			[ "$now" -lt "$was" ] || ! resize2fs "/dev/$disk" >/tmp/resize 2>&1 ||
				echo "GUEST: file system of $(df -m /mnt | awk 'NR == 2 { print $2 }') MiB"
			was=$now
		fi
		sleep 0.2
	done
}

do_busy() {
	try "mount" mount -t ext4 "/dev/$disk" /mnt
	follow_size &
	slice_io busy /mnt/busy "$disk"
}

do_wait() {
	echo "GUEST: waiting"
	read -r _ </dev/console
}

do_reboot() {
	if e2label "/dev/$disk" 2>/dev/null | grep -q slice; then
		echo "GUEST: again"
		do_check
	else
		do_mkfs
		echo "GUEST: rebooting"
		sleep 0.2
		reboot -f
	fi
}

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp
ln -s /proc/self/fd /dev/fd
secs=$(option slice_secs)
secs=${secs:-8}
echo "GUEST: up"
watchdog "$(option slice_limit)" &
insmod /cxlflash.ko && insmod "/cxlflash_pci.ko" || echo "GUEST: insmod failed"
find_disk
result $? "the driver makes a disk of the function: $disk"
queues=$(find "/sys/block/$disk/mq" -mindepth 1 -maxdepth 1 -type d | wc -l)
echo "GUEST: disk $disk of $(mib) MiB, $queues queues, $(cat "/sys/block/$disk/device/vendor") $(cat "/sys/block/$disk/device/model")"
for word in $(option slice | tr ',' ' '); do
	"do_$word"
done
finish
