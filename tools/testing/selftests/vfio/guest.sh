#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Guests on mediated devices, under QEMU as it comes, inside the VM: they use the device, and it is taken from them.
# Needs build/guest, which tools/testing/vm/guest/build.sh makes outside of the VM.
set -uo pipefail

# This script is run from the tree or as a copy in its build directory.
repo=$(cd "$(dirname "$0")" && pwd -P)
while [ ! -e "$repo/tools/testing/vm/guest/guest.sh" ]; do
	[ "$repo" != / ] || exit 1
	repo=$(dirname "$repo")
done
# shellcheck source-path=SCRIPTDIR source=../../vm/guest/guest.sh
. "$repo/tools/testing/vm/guest/guest.sh"
# shellcheck source-path=SCRIPTDIR source=../../vm/guest/results.sh
. "$repo/tools/testing/vm/guest/results.sh"

# What a removal may take on top of the grace: a second, and what a VM in a VM on a busy machine makes of it.
LIMIT_MS=$((1000 + ${GUEST_SLACK_MS:-3000}))

dir='' uuid='' qemu='' label=''
work=$(mktemp -d)

at_least() {
	[ -n "$1" ] && [ "$1" -ge "$2" ]
}

new_guest() {
	dir=$work/$label-$1
	dir=${dir// /-}
	uuid=$(cat /proc/sys/kernel/random/uuid)
	mram_create "$uuid" 1 && guest_start "$dir" "$uuid" "$1" "$qemu"
}

end_guest() {
	guest_stop "$dir" || true
	! mdev_exists "$uuid" || mdev_remove "$uuid" >/dev/null
}

#
# What KVM was seen doing
#

trace=/sys/kernel/tracing

trace_start() {
	[ -e $trace/events/kvm/kvm_msi_set_irq/enable ] || return 0
	echo >$trace/trace
	echo 1 >$trace/events/kvm/kvm_msi_set_irq/enable
}

# An interrupt that KVM injects from a worker of the kernel came by irqfd: QEMU had no part in it.
trace_saw_irqfd() {
	grep -q 'kworker.*kvm_msi_set_irq' $trace/trace
}

trace_stop() {
	[ ! -e $trace/events/kvm/kvm_msi_set_irq/enable ] || echo 0 >$trace/events/kvm/kvm_msi_set_irq/enable
}

has_kvm_vfio_device() {
	find /proc/"$(cat "$dir/pid")"/fd -lname 'anon_inode:kvm-vfio' | grep -q .
}

# Changes of the VM's state go to the device as changes of its migration state.
stop_and_continue() {
	guest_qmp "$dir" stop >/dev/null && guest_qmp "$dir" cont >/dev/null && guest_running "$dir"
}

#
# The tests
#

# Every line of the guest is a result of ours.
test_use() {
	local line ended=0

	trace_start
	new_guest test
	guest_wait_end "$dir" 180 || echo "# time is up"
	while read -r line; do
		case $line in
		"ok "*) ok "guest: ${line#* - }" ;;
		"not ok "*) not_ok "guest: ${line#* - }" ;;
		"done "*) ended=1 ;;
		esac
	done < <(guest_says "$dir")
	check "the guest came to its end" [ "$ended" = 1 ]
	if [ ! -e /dev/kvm ]; then
		skip_test "interrupts took the way of irqfd" "no KVM in this VM"
	elif [ ! -e $trace/events/kvm/kvm_msi_set_irq/enable ]; then
		skip_test "interrupts took the way of irqfd" "no tracepoints"
	else
		check "interrupts took the way of irqfd" trace_saw_irqfd
	fi
	trace_stop
	end_guest
}

# test_remove GRACE-MS: take the device from a guest that is using it all the time.
test_remove() {
	local grace=$1 took from

	new_guest busy
	if ! guest_wait "$dir" 120 'GUEST: beat 3 with device'; then
		not_ok "a busy guest"
		end_guest
		return
	fi
	[ ! -e /dev/kvm ] || check "KVM has its VFIO device" has_kvm_vfio_device
	mdev_grace "$uuid" "$grace"
	took=$(mdev_remove "$uuid")
	check "removal with a grace of $grace ms took $took ms: no less" at_least "$took" "$grace"
	check "removal with a grace of $grace ms took $took ms: not $LIMIT_MS ms more" less "$took" $((grace + LIMIT_MS))
	check "its UUID is free at once" mram_create "$uuid" 1
	check "the guest sees the device vanish" guest_wait "$dir" 20 'GUEST: gone .*RAM reads ffffffff'
	from=$(($(guest_lines "$dir") + 1))
	check "the guest lives on" guest_wait "$dir" 20 'GUEST: beat .* without device' "$from"
	check "QEMU lives, and its monitor says running" guest_running "$dir"
	check "the VM can be stopped and continued" stop_and_continue
	check "QEMU ends when told, with status 0" guest_stop "$dir"
	end_guest
}

# The request interrupt makes QEMU ask the guest, the guest agrees, and the removal ends long before the grace does.
test_request() {
	local took

	new_guest eject
	if ! guest_wait "$dir" 120 'GUEST: beat 3 with device'; then
		not_ok "a busy guest"
		end_guest
		return
	fi
	mdev_grace "$uuid" 60000
	took=$(mdev_remove "$uuid")
	check "a guest that is asked lets go, in $took ms of 60000" less "$took" 30000
	check "it was asked" guest_wait "$dir" 10 'GUEST: asked to eject'
	check "the guest lives on" guest_wait "$dir" 20 'GUEST: beat after eject'
	check "QEMU lives, and its monitor says running" guest_running "$dir"
	end_guest
}

test_qemu() {
	label=$1 qemu=$2 dir=''
	echo "# $label: $("$qemu" --version | head -n 1)"
	test_use
	test_remove 0
	test_remove 2000
	test_request
}

main() {
	if [ ! -e "$guest_files/kernel" ] || [ ! -e "$guest_files/initrd.cpio" ]; then
		echo "not ok 1 - there is no guest: run tools/testing/vm/guest/build.sh first"
		echo "1..1"
		exit 1
	fi
	modprobe -a vfio_iommu_type1 mram || exit 1
	guest_accel >/dev/null

	test_qemu "QEMU $(qemu-system-x86_64 --version | sed -n 's/.*version \([0-9]*\).*/\1/p')" qemu-system-x86_64
	if [ -x "$guest_files/qemu10" ]; then
		test_qemu "QEMU 10" "$guest_files/qemu10"
	else
		label="QEMU 10" dir=''
		skip_test "all of it" "$(cat "$guest_files/qemu10.why" 2>/dev/null || echo "not fetched")"
	fi
	rm -rf "$work"
	echo "1..$nr"
	[ "$failed" = 0 ]
}

main
