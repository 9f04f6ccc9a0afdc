#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Count exits and interrupts of a guest that reads: a slice, beside virtio-blk with an iothread and QEMU's NVMe controller,
# of the same QEMU, on RAM disks and on persistent memory.  Runs in a VM with two CPUs and three devices of the latter.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=../testing/lib/common.sh
. "$here/../testing/lib/common.sh"
repo=$(repo_dir)
# shellcheck source-path=SCRIPTDIR source=../testing/vm/guest/guest.sh
. "$repo/tools/testing/vm/guest/guest.sh"
# shellcheck source-path=SCRIPTDIR source=../testing/vm/guest/slice.sh
. "$repo/tools/testing/vm/guest/slice.sh"

work=$(mktemp -d)
guest=$work/guest
guest_files=$repo/build/bench
tracing=/sys/kernel/tracing
# The vCPU has the first CPU, everything else the last one.
last=$(($(nproc) - 1))

# slice_on NAME ATTRIBUTE=VALUE...: a formatted LUN, an adapter, and a slice of it; sets uuid.
slice_on() {
	lun_make "$@"
	lun_format "$1"
	lun_activate "$1"
	adapter_open "$1" "$1" "$last"
	uuid=$(cat /proc/sys/kernel/random/uuid)
	slice_create "$uuid" "$1" "$1"
	put 2 "/sys/bus/mdev/devices/$uuid/queues"
}

last_cpu() {
	put "$1" "/sys/devices/system/cpu/cpu$last/online"
}

# Exits by reason and interrupts are counted from here on, for good, and without the names of tasks.
trace_start() {
	put 0 $tracing/options/record-cmd
	put hist:keys=exit_reason.hex $tracing/events/kvm/kvm_exit/trigger
	put hist:keys=vector.hex $tracing/events/kvm/kvm_inj_virq/trigger
}

# QEMU's workers come and go; engines went elsewhere when their CPU did.
pin_threads() {
	local pid=$1 task

	for task in /proc/"$pid"/task/*; do
		case $(cat "$task/comm" 2>/dev/null) in
		CPU*KVM) taskset -cp 0 "${task##*/}" ;;
		*) taskset -cp "$last" "${task##*/}" ;;
		esac
	done >/dev/null 2>&1 || true
	for task in $(pgrep '^afu_'); do
		taskset -cp "$last" "$task" >/dev/null
	done
}

boot_guest() {
	local block=$1 pmem=$2

	guest_boot "$guest" "$block" qemu-system-x86_64 bench.cpio \
		'quiet nvme.poll_queues=1' -m 256M -smp 1 -no-reboot \
		-device "vfio-pci,sysfsdev=/sys/bus/mdev/devices/$pmem" \
		-object iothread,id=io \
		-drive if=none,id=virtio,file=/dev/ram1,format=raw,cache=none,aio=io_uring \
		-device virtio-blk-pci,drive=virtio,iothread=io,num-queues=2 \
		-drive if=none,id=virtio-pmem,file=/dev/pmem1,format=raw,cache=none,aio=io_uring \
		-device virtio-blk-pci,drive=virtio-pmem,iothread=io,num-queues=2 \
		-drive if=none,id=nvme,file=/dev/ram2,format=raw,cache=none,aio=io_uring \
		-drive if=none,id=nvme-pmem,file=/dev/pmem2,format=raw,cache=none,aio=io_uring \
		-device nvme,id=nvme,serial=bench -device nvme-ns,bus=nvme,drive=nvme -device nvme-ns,bus=nvme,drive=nvme-pmem
	if ! guest_wait "$guest" 120 'GUEST: up'; then
		guest_debug "$guest"
		die 'the guest does not come up'
	fi
}

main() {
	local block status=0

	modprobe brd rd_nr=3 rd_size=2097152
	modprobe -a nd_e820 nd_pmem
	slice_modules
	modprobe kvm_amd || modprobe kvm_intel
	# A guest in a VM is some fifty times as slow as elsewhere, and its pauses are as long.
	put 20000 /sys/module/cxlflash_afu/parameters/poll_us
	slice_on block store=block path=/dev/ram0
	block=$uuid
	slice_on pmem store=pmem path=/dev/pmem0
	# What KVM and tracing have the kernel change in its own code may be stale on a CPU that runs meanwhile: it is emulated.
	# So there is one while the guest comes, and while it goes.
	last_cpu 0
	boot_guest "$block" "$uuid"
	trace_start
	sleep 3
	last_cpu 1
	pin_threads "$(cat "$guest/pid")"
	python3 "$here/guest_bench.py" "$guest" "$block" "$uuid" || status=$?
	[ "$status" = 0 ] || guest_debug "$guest"
	last_cpu 0
	guest_stop "$guest" || true
	rm -rf "$work"
	return "$status"
}

main
