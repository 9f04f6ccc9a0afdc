#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Show what this is: boot the distribution's kernel in a VM, put a flash adapter on a file, give a slice of it to a guest
# under an unmodified QEMU, and do to the guest's disk what happens to disks: read it elsewhere, let it grow, reset it
# under load, take it away.  In the end another guest finds what the first one was promised to be safe.
#
# usage: demo.sh            on the host: builds what is missing, boots the VM
#        demo.sh --inside   in the VM
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd -P)

#
# In the VM
#

uuid=83b8f4f2-509f-382f-3c1e-e6bfe0fa1001
type=cxlflash-flash-1G
disk=/dev/vda
srv=/srv
file=$srv/flash.img
bad=0
acked=''

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

	if "$@" >"$dir/output" 2>&1; then
		say '+' "$text"
	else
		say '!' "FAILED: $text"
		sed 's/^/              /' "$dir/output" | head -n 20
		bad=$((bad + 1))
		return 1
	fi
}

chapter() {
	printf '\n%s\n' "$1"
}

show_modules() {
	chapter "1. The modules, on $(uname -r), in the place of the kernel's own"
	must "modprobe vfio_iommu_type1 cxlflash_mdev" slice_modules || return 1
	awk '$1 ~ /^(vfio|mdev|vfio_iommu_type1|cxlflash|cxlflash_afu|cxlflash_mdev)$/ {
		printf "           %-18s %7d bytes\n", $1, $2 }' /proc/modules
}

# A real file on a real file system, on a disk that the VM has.
make_file() {
	modprobe -a virtio_blk ext4 || return 1
	mkfs.ext4 -q -F "$disk" && mkdir -p "$srv" && mount "$disk" "$srv" && truncate -s 4G "$file"
}

show_adapter() {
	chapter "2. A flash adapter in software, over a file"
	must "$file: 4 GiB on $disk, ext4, sparse" make_file || return 1
	must "LUN \"flash\" on it, formatted for slices" show_lun || return 1
	must "adapter \"a0\" is live" adapter_open a0 flash
}

show_lun() {
	lun_open flash "$file" && lun_format flash && lun_activate flash
}

show_slice() {
	chapter "3. A slice of it, made with mdevctl"
	must "mdevctl start -u $uuid -p a0 -t $type" mdevctl start -u "$uuid" -p a0 -t "$type" || return 1
	note "$(mdevctl list | head -n 1)"
	note "$(head -n 1 /sys/bus/mdev/devices/$uuid/mdev_type/description)"
}

# The guest's own words since the last time, numbers taken off.
show_guest_results() {
	local line

	while read -r line; do
		case $line in
		"ok "*) say '+' "guest: ${line#* - }" ;;
		"not ok "*)
			say '!' "guest FAILED: ${line#* - }"
			bad=$((bad + 1))
			;;
		"disk "*) note "guest: $line" ;;
		esac
	done < <(guest_says "$dir" | tail -n "+$((told + 1))")
	told=$(guest_says "$dir" | wc -l)
}

qemu_name() {
	"$1" --version | sed -n 's/.*\(QEMU\) emulator version \([0-9.]*\).*/\1 \2/p'
}

show_guest() {
	chapter "4. A guest under $(qemu_name qemu-system-x86_64), unmodified, $(guest_accel | cut -d ' ' -f 1-2)"
	note "qemu-system-x86_64 ... -device vfio-pci,sysfsdev=/sys/bus/mdev/devices/$uuid"
	dir=$work/first told=0
	slice_guest "$dir" "$uuid" qemu-system-x86_64 mkfs,wait,busy slice_limit=600 acpiphp.disable=1
	must "it boots" guest_wait "$dir" 120 'GUEST: up' || return 1
	must "it has made a file system, written a tree of files and read it back" \
		guest_wait "$dir" 180 'GUEST: waiting'
	show_guest_results
}

# The tree that the guest was given, as it is on this side.
own_manifest() {
	(cd "$work" && cpio --quiet -i -d 'tree/*' <"$guest_files/slice.cpio" && manifest tree | sha256sum | cut -d ' ' -f 1)
}

same() {
	[ -n "$1" ] && [ "$1" = "$2" ]
}

show_bytes() {
	local guest host

	chapter "5. The same bytes, seen from the host: no module of ours between the file and the eye"
	must "a script reads the table in $file and finds the slice, the device mapper puts it together" \
		slice_view "$file" "$uuid" "$work/view" || return 1
	host=$(manifest "$work/view/tree" | sha256sum | cut -d ' ' -f 1)
	guest=$(guest_manifest "$dir")
	note "$(find "$work/view/tree" -type f | wc -l) files; checksum of all their checksums:"
	note "guest: $guest"
	note "host:  $host"
	must "they are the same" same "$guest" "$host"
	must "and those of the sources that the guest was given" same "$host" "$(own_manifest)"
	slice_unview "$work/view"
}

show_growth() {
	chapter "6. The slice grows under the guest's feet"
	guest_tell "$dir"
	must "the guest mounts it again, and writes and verifies all the time" guest_wait "$dir" 60 'GUEST: beat .* moving'
	must "echo 2G > size" slice_resize "$uuid" 2G
	must "the guest sees it" guest_wait "$dir" 30 'GUEST: size 1024 MiB is now 2048 MiB'
	must "and has its file system follow, mounted" guest_wait "$dir" 60 'GUEST: file system of'
	note "guest: $(guest_says "$dir" | grep -a '^file system of' | tail -n 1)"
}

# moves_on: a heartbeat from now on says that all of the guest's workers go on.
moves_on() {
	guest_wait "$dir" 60 'GUEST: beat .* moving' $(($(guest_lines "$dir") + 1))
}

show_reset() {
	local before

	chapter "7. The adapter is reset under load"
	before=$(guest_acked "$dir")
	must "echo 1 > /sys/bus/cxlflash/devices/a0/reset" adapter_reset a0
	must "the guest goes on" moves_on
	note "records that are safe, by worker: $before before, $(guest_acked "$dir") now"
	must "and once more" adapter_reset a0
	must "the guest goes on" moves_on
	must "not one error, and whatever it has read back was what it wrote last" guest_has_no_errors "$dir"
}

show_removal() {
	local took

	chapter "8. The slice is taken away under the guest"
	mdev_grace "$uuid" 1000
	note "its user gets a grace of 1000 ms; QEMU is asked, this guest does not listen"
	took=$(mdev_remove "$uuid")
	must "echo 1 > remove: came back after ${took:-no} ms" [ "${took:-9999}" -lt 5000 ]
	must "the guest's disk vanishes, and the guest lives on" guest_wait "$dir" 60 'GUEST: beat .* without disk'
	must "QEMU lives on: its monitor answers \"running\"" guest_running "$dir"
	must "nothing that the guest has read was wrong" guest_is_right "$dir"
	acked=$(guest_acked "$dir")
	note "it was promised that records $acked are safe"
	must "QEMU quits when told to" guest_stop "$dir"
}

unconfigure() {
	adapter_close a0 && lun_close flash
}

configure() {
	slice_modules && lun_open flash "$file" && lun_activate flash && adapter_open a0 flash
}

show_again() {
	local qemu=qemu-system-x86_64

	[ ! -x "$guest_files/qemu10" ] || qemu=$guest_files/qemu10
	chapter "9. All modules are unloaded and loaded again; another guest, under $(qemu_name "$qemu")"
	must "adapter and LUN are taken down" unconfigure
	must "rmmod cxlflash_mdev cxlflash_afu cxlflash vfio_iommu_type1 mdev vfio" slice_modules_remove || return 1
	must "modules, LUN and adapter are back" configure || return 1
	note "$(tr -s '\n' <"$CXL/luns/flash/slices" | head -n 1)"
	must "mdevctl start with the same UUID" mdevctl start -u "$uuid" -p a0 -t "$type" || return 1
	dir=$work/second told=0
	slice_guest "$dir" "$uuid" "$qemu" check "slice_acked=$acked"
	must "it comes to its end" guest_wait "$dir" 180 'GUEST: done'
	show_guest_results
	must "its manifest is the first guest's" same "$(guest_manifest "$dir")" "$(guest_manifest "$work/first")"
	must "it turns itself off" guest_wait_end "$dir" 20
	must "mdevctl stop" mdevctl stop -u "$uuid"
	must "all is taken down and unloaded" eval 'unconfigure && slice_modules_remove'
}

inside() {
	# shellcheck source-path=SCRIPTDIR source=guest/guest.sh
	. "$here/guest/guest.sh"
	# shellcheck source-path=SCRIPTDIR source=guest/slice.sh
	. "$here/guest/slice.sh"
	began=$(now_ms)
	work=$(mktemp -d)
	dir=$work
	show_modules && show_adapter && show_slice && show_guest && show_bytes && show_growth && show_reset &&
		show_removal && show_again
	if [ "$bad" = 0 ]; then
		chapter "All of it worked."
		exit 0
	fi
	[ ! -e "$dir/console" ] || guest_debug "$dir"
	dmesg | tail -n 15 | sed 's/^/#   /'
	chapter "$bad of the steps failed."
	exit 1
}

#
# On the host
#

outside() {
	# shellcheck source-path=SCRIPTDIR source=../lib/common.sh
	. "$here/../lib/common.sh"
	local image

	set -e
	bash "$here/setup.sh" build vm
	bash "$here/build.sh" stock >/dev/null
	bash "$here/guest/build.sh" >/dev/null
	image=$(repo_dir)/build/vm/demo.img
	rm -f "$image"
	mkdir -p "${image%/*}"
	truncate -s 6G "$image"
	exec bash "$here/run.sh" --kernel stock --smp 1 --timeout 780 --qemu-arg -drive \
		--qemu-arg "if=none,id=disk,file=$image,format=raw,cache=unsafe" \
		--qemu-arg -device --qemu-arg virtio-blk-pci,drive=disk -- bash "$here/demo.sh" --inside
}

case ${1:-} in
--inside) inside ;;
'') outside ;;
*) sed -n '8,9s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac
