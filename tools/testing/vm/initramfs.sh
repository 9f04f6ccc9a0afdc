#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-only
#
# The first init of the VM, in the initramfs: mounts the host's root (9p, read-only) with a tmpfs over it, and all that
# a test may want.  busybox does it here because it starts at once; on the debug kernel a program of the host's takes
# half a second to start.
bb=/bin/busybox

fail() {
	$bb echo "initramfs: $*" >/dev/console
	$bb reboot -f
}

$bb mount -t proc proc /proc
$bb mount -t sysfs sysfs /sys
$bb mount -t devtmpfs dev /dev
while read -r module; do
	$bb insmod "/modules/$module" || fail "insmod $module"
done </modules/order
$bb mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose root /host || fail "no 9p root"
$bb mount -t tmpfs -o mode=755 tmpfs /over
$bb mkdir /over/upper /over/work
$bb mount -t overlay -o lowerdir=/host,upperdir=/over/upper,workdir=/over/work overlay /new || fail "no overlay"
$bb mkdir -p /new/dev /new/proc /new/sys /new/run /new/tmp
# udev is what would make this name.
for port in /sys/class/virtio-ports/*; do
	name=$($bb cat "$port/name" 2>/dev/null) || continue
	$bb mkdir -p /dev/virtio-ports
	$bb ln -s "../${port##*/}" "/dev/virtio-ports/$name"
done

# on TYPE DIRECTORY [OPTIONS]
on() {
	[ -d "/new$2" ] || $bb mkdir -p "/new$2"
	$bb mount -t "$1" -o "${3:-rw}" "$1" "/new$2" || $bb echo "initramfs: no $1 on $2" >/dev/console
}

for dir in proc sys dev; do
	$bb mount -o move "/$dir" "/new/$dir"
done
on tmpfs /run mode=755,nosuid
$bb mkdir -p /new/run/job
$bb mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=none job /new/run/job || fail "no 9p job"
$bb cp /bin/busybox /new/run/busybox
# shellcheck source=/dev/null
. /new/run/job/env
modules=/lib/modules/$($bb uname -r)
$bb mkdir -p "/new$modules"
$bb mount -o bind "/new$RIG_MODULES$modules" "/new$modules" || fail "no modules"
case "$RIG_REPO/ $RIG_CACHE/" in
*/tmp/*) ;;
*) on tmpfs /tmp mode=1777 ;;
esac
on devpts /dev/pts mode=620,ptmxmode=666
on tmpfs /dev/shm mode=1777
on hugetlbfs /dev/hugepages
on cgroup2 /sys/fs/cgroup
on debugfs /sys/kernel/debug
on tracefs /sys/kernel/tracing
on configfs /sys/kernel/config
$bb ln -sfn /proc/self/fd /new/dev/fd
$bb ip link set lo up
$bb hostname vfio-rig
init=$($bb sed -n 's/.*rig\.init=\([^ ]*\).*/\1/p' /new/proc/cmdline)
exec $bb switch_root /new /bin/bash "$init"
