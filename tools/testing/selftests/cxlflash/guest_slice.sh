#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Guests on slices, under QEMU as it comes, inside the VM: a file system with a tree of files, verified I/O while the
# slice grows and the adapter is reset, reboots, hot-unplug, a slice that is taken away, and what was promised to be safe.
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
# shellcheck source-path=SCRIPTDIR source=../../vm/guest/slice.sh
. "$repo/tools/testing/vm/guest/slice.sh"

# What a removal may take on top of the grace: a second, and what a VM in a VM on a busy machine makes of it.
LIMIT_MS=$((1000 + ${GUEST_SLACK_MS:-5000}))

dir='' uuid='' qemu='' label='' told=0
work=$(mktemp -d)
file=$work/files/flash.img

same() {
	[ -n "$1" ] && [ "$1" = "$2" ]
}

# new_guest NAME WORDS [KERNEL-OPTION]...
new_guest() {
	dir=$work/$label-$1
	dir=${dir// /-} told=0
	shift
	slice_guest "$dir" "$uuid" "$qemu" "$@"
}

# The guest's results, since we were here last, become ours.
guest_results() {
	local line

	while read -r line; do
		case $line in
		"ok "*) ok "guest: ${line#* - }" ;;
		"not ok "*) not_ok "guest: ${line#* - }" ;;
		esac
	done < <(guest_says "$dir" | tail -n "+$((told + 1))")
	told=$(guest_says "$dir" | wc -l)
}

guest_ends() {
	check "the guest came to its end" guest_wait "$dir" 150 'GUEST: done'
	guest_results
	guest_stop "$dir"
}

moves_on() {
	guest_wait "$dir" 60 'GUEST: beat .* moving' $(($(guest_lines "$dir") + 1))
}

# qmp COMMAND [JSON-ARGUMENTS]: its answer is of no interest.
qmp() {
	guest_qmp "$dir" "$@" >/dev/null
}

# How many commands the contexts of the slice have fetched, those of former guests too.
nr_cmds() {
	slice_attr "$uuid" counters/cmds
}

is_closed() {
	local end=$((SECONDS + 20))

	until [ "$(slice_attr "$uuid" state)" = closed ]; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.2
	done
}

has_more_cmds() {
	local end=$((SECONDS + 30))

	until [ "$(nr_cmds)" -gt "$1" ]; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.2
	done
}

#
# The tests
#

# A file system and a tree of files; a reboot; verified I/O on it while the slice grows and the adapter is reset.
test_files() {
	new_guest files reboot,fio slice_secs=15
	check "it makes a file system and reboots" guest_wait "$dir" 150 'GUEST: rebooting'
	check "after the reboot" guest_wait "$dir" 90 'GUEST: again'
	if guest_wait "$dir" 120 'GUEST: fio runs'; then
		sleep 2
		check "the slice grows under fio" slice_resize "$uuid" 1280M
		sleep 2
		check "the adapter is reset under fio" adapter_reset a0
		sleep 2
		check "the slice shrinks again under fio" slice_resize "$uuid" 1G
		check "the adapter is reset under fio once more" adapter_reset a0
	else
		not_ok "fio runs"
	fi
	guest_ends
}

# The host finds the same bytes in the file, without our modules.
test_host() {
	local host

	check "the host finds the slice in the file" slice_view "$file" "$uuid" "$work/view"
	host=$(manifest "$work/view/tree" | sha256sum | cut -d ' ' -f 1)
	check "the tree has the guest's checksum" same "$host" "$(guest_manifest "$dir")"
	slice_unview "$work/view"
}

# Another QEMU, the same slice; it grows with a mounted file system, is reset under load, and is unplugged and plugged.
test_busy() {
	local cmds

	new_guest busy check,busy
	if ! guest_wait "$dir" 150 'GUEST: beat .* moving'; then
		guest_results
		not_ok "a busy guest"
		guest_stop "$dir"
		return
	fi
	check "the slice grows under a mounted file system" slice_resize "$uuid" 1536M
	check "the guest sees it" guest_wait "$dir" 30 'GUEST: size 1024 MiB is now 1536 MiB'
	check "its file system grows too" guest_wait "$dir" 60 'GUEST: file system of'
	check "the adapter is reset" adapter_reset a0
	check "the guest goes on" moves_on
	check "the adapter is reset again" adapter_reset a0
	check "the guest goes on again" moves_on
	check "the adapter fails" put 1 "$CXL/adapters/a0/faults/fail"
	# Long enough for the guest to see it, and not for it to lose patience.
	sleep 1.5
	check "the adapter is reset once more" adapter_reset a0
	check "the guest goes on after all" moves_on
	check "no error, and nothing that it read back was wrong" guest_has_no_errors "$dir"
	check "the device is unplugged" qmp device_del '{"id":"dut"}'
	check "the guest lets it go" guest_wait "$dir" 60 'GUEST: beat .* without disk'
	check "QEMU lets it go" is_closed
	check "QEMU lives, and its monitor says running" guest_running "$dir"
	cmds=$(nr_cmds)
	check "it is plugged in again" qmp device_add \
		"{\"driver\":\"vfio-pci\",\"id\":\"again\",\"sysfsdev\":\"/sys/bus/mdev/devices/$uuid\"}"
	check "the guest uses it again" has_more_cmds "$cmds"
	check "nothing that it read back was wrong" guest_is_right "$dir"
	guest_results
	guest_stop "$dir"
}

# Taken away from a guest that is not asked, and given back to another one, who looks for what was promised.
test_remove() {
	local took acked

	new_guest remove busy acpiphp.disable=1
	if ! guest_wait "$dir" 120 'GUEST: beat .* moving'; then
		guest_results
		not_ok "a busy guest"
		guest_stop "$dir"
		return
	fi
	moves_on
	mdev_grace "$uuid" 0
	took=$(mdev_remove "$uuid")
	check "removal under load took $took ms" less "$took" "$LIMIT_MS"
	check "the guest sees its disk vanish, and lives on" guest_wait "$dir" 60 'GUEST: beat .* without disk'
	check "QEMU lives, and its monitor says running" guest_running "$dir"
	acked=$(guest_acked "$dir")
	check "its UUID is free, and finds the slice again" slice_create "$uuid" a0 flash
	check "QEMU ends when told, with status 0" guest_stop "$dir"
	new_guest after check "slice_acked=$acked"
	guest_ends
}

test_qemu() {
	label=$1 qemu=$2 dir='' uuid=$(cat /proc/sys/kernel/random/uuid)
	echo "# $label: $("$qemu" --version | head -n 1)"
	check "a slice is made" slice_create "$uuid" a0 flash
	test_files
	test_host
	test_busy
	[ -z "${3:-}" ] || test_remove
	mdev_remove "$uuid" >/dev/null
}

# Files on a RAM disk: a file on tmpfs is none for the store.
start() {
	modprobe brd rd_nr=1 rd_size=$((700 << 10)) && mkfs.ext4 -q -F /dev/ram0 && mkdir -p "$work/files" &&
		mount /dev/ram0 "$work/files" && truncate -s 5G "$file" || return 1
	slice_modules && lun_open flash "$file" && lun_format flash && lun_activate flash && adapter_open a0 flash
}

stop() {
	adapter_close a0 && lun_close flash && slice_modules_remove
}

main() {
	if [ ! -e "$guest_files/kernel" ] || [ ! -e "$guest_files/slice.cpio" ]; then
		echo "not ok 1 - there is no guest: run tools/testing/vm/guest/build.sh first"
		echo "1..1"
		exit 1
	fi
	label=host
	check "an adapter with a formatted LUN" start
	guest_accel >/dev/null

	test_qemu "QEMU $(qemu-system-x86_64 --version | sed -n 's/.*version \([0-9]*\).*/\1/p')" qemu-system-x86_64 all
	if [ -x "$guest_files/qemu10" ]; then
		test_qemu "QEMU 10" "$guest_files/qemu10"
	else
		label="QEMU 10" dir=''
		skip_test "all of it" "$(cat "$guest_files/qemu10.why" 2>/dev/null || echo "not fetched")"
	fi
	label=host dir=''
	check "all is taken down and unloaded" stop
	umount "$work/files" && rm -rf "$work"
	echo "1..$nr"
	[ "$failed" = 0 ]
}

main
