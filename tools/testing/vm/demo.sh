#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Show what this is: boot the distribution's kernel in a VM, load the modules, give a mediated device to a guest under
# an unmodified QEMU, let the guest use it, and take it away while the guest is running.
#
# usage: demo.sh            on the host: builds what is missing, boots the VM
#        demo.sh --inside   in the VM
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd -P)

#
# In the VM
#

uuid=83b8f4f2-509f-382f-3c1e-e6bfe0fa1001
bad=0

# say MARK TEXT: a line with the seconds since we began.
say() {
	local ms=$(($(now_ms) - began))

	printf '%3d.%d s  %s %s\n' $((ms / 1000)) $((ms % 1000 / 100)) "$1" "$2"
}

note() {
	say ' ' "$*"
}

# must TEXT COMMAND...: the command's success is part of the show.
must() {
	local text=$1
	shift

	if "$@" >/dev/null 2>&1; then
		say '+' "$text"
	else
		say '!' "FAILED: $text"
		bad=$((bad + 1))
		return 1
	fi
}

chapter() {
	printf '\n%s\n' "$1"
}

show_modules() {
	chapter "1. The modules, on $(uname -r), in the place of the kernel's own"
	must "modprobe vfio_iommu_type1 mram" modprobe -a vfio_iommu_type1 mram || return 1
	awk '$1 ~ /^(vfio|mdev|vfio_iommu_type1|mram)$/ { printf "           %-18s %7d bytes\n", $1, $2 }' /proc/modules
}

show_device() {
	chapter "2. A mediated device, made with mdevctl"
	must "mdevctl start -u $uuid -p mram -t mram-1" mdevctl start -u "$uuid" -p mram -t mram-1 || return 1
	note "$(mdevctl list | head -n 1)"
	note "$(cat /sys/bus/mdev/devices/$uuid/mdev_type/description)"
}

# The guest's own words, numbers taken off.
show_guest_results() {
	local line

	while read -r line; do
		case $line in
		"ok "*) say '+' "guest: ${line#* - }" ;;
		"not ok "*)
			say '!' "guest FAILED: ${line#* - }"
			bad=$((bad + 1))
			;;
		esac
	done < <(guest_says "$dir")
}

show_guest() {
	chapter "3. A guest under $(qemu-system-x86_64 --version | sed -n 's/.*\(QEMU\) emulator version \([^ ]*\).*/\1 \2/p'), $(guest_accel)"
	note "qemu-system-x86_64 ... -device vfio-pci,sysfsdev=/sys/bus/mdev/devices/$uuid"
	guest_start "$dir" "$uuid" busy
	must "the guest's program is up" guest_wait "$dir" 120 'GUEST: up' || return 1
	guest_wait "$dir" 120 'GUEST: busy' || bad=$((bad + 1))
	show_guest_results
	must "the guest now rings the doorbell all the time" guest_wait "$dir" 30 'GUEST: beat 3 with device'
}

show_removal() {
	local took

	chapter "4. The device is taken away while the guest uses it"
	mdev_grace "$uuid" 1000
	note "its user gets a grace of 1000 ms; QEMU is asked, this guest does not listen"
	took=$(mdev_remove "$uuid")
	must "echo 1 > remove: came back after ${took:-no} ms" [ "${took:-9999}" -lt 4000 ]
	must "the guest sees registers and memory of all ones, like a PCI card pulled out" \
		guest_wait "$dir" 20 'GUEST: gone .*RAM reads ffffffff'
	note "guest: $(guest_says "$dir" | grep -a -m 1 '^gone')"
	must "the guest lives on: heartbeats without the device" guest_wait "$dir" 20 'GUEST: beat .* without device'
	must "QEMU lives on: its monitor answers \"running\"" guest_running "$dir"
}

show_again() {
	chapter "5. And again, while the old QEMU still holds its file descriptors"
	must "mdevctl start with the same UUID" mdevctl start -u "$uuid" -p mram -t mram-1
	must "QEMU quits when told to" guest_stop "$dir"
	must "mdevctl stop" mdevctl stop -u "$uuid"
	must "rmmod mram vfio_iommu_type1 mdev vfio" rmmod mram vfio_iommu_type1 mdev vfio
}

inside() {
	# shellcheck source-path=SCRIPTDIR source=guest/guest.sh
	. "$here/guest/guest.sh"
	began=$(now_ms)
	dir=$(mktemp -d)
	show_modules && show_device && show_guest && show_removal && show_again
	if [ "$bad" = 0 ]; then
		chapter "All of it worked."
		exit 0
	fi
	[ ! -e "$dir/console" ] || guest_debug "$dir"
	guest_stop "$dir"
	chapter "$bad of the steps failed."
	exit 1
}

#
# On the host
#

outside() {
	# shellcheck source-path=SCRIPTDIR source=../lib/common.sh
	. "$here/../lib/common.sh"
	set -e
	bash "$here/setup.sh" build vm
	bash "$here/build.sh" stock >/dev/null
	bash "$here/guest/build.sh" >/dev/null
	exec bash "$here/run.sh" --kernel stock --timeout 600 -- bash "$here/demo.sh" --inside
}

case ${1:-} in
--inside) inside ;;
'') outside ;;
*) sed -n '7,8s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac
