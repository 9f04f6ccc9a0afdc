#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A slice by the distribution's libvirt, as Documentation/admin-guide/slices.rst has it, inside the VM: a definition of
# mdevctl's that virsh sees, starts and stops, a guest that has the slice, is unplugged from it and gets it back, a slice
# that is taken away, and one that starts by itself with its adapter.
# Neither systemd nor D-Bus: udevd, virtlogd and libvirtd are started here.
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

label='' dir=''
MEMORY_MIB=192
uuid=c6e1f8a2-5a3d-4c3f-9d8e-0f4f2a7b1c55
# As libvirt names it.
node=mdev_${uuid//-/_}_a0
# QEMU runs as another user, who has to get there.
work=$(mktemp -d) && chmod 755 "$work"

# wait_for SECONDS COMMAND...
wait_for() {
	local end=$((SECONDS + $1))
	shift

	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.5
	done
}

# says PATTERN COMMAND...: whether it succeeds or not
says() {
	local pattern=$1
	shift

	grep -q -- "$pattern" <<<"$("$@" 2>&1)"
}

not() {
	! "$@"
}

quiet() {
	"$@" >"$work/out" 2>&1 || {
		sed 's/^/#   /' "$work/out"
		return 1
	}
}

#
# The daemons
#

daemons_start() {
	# Where mdevctl's rule for udev looks for it, and Debian 12 does not have it.
	[ -e /usr/sbin/mdevctl ] || ln -s "$(command -v mdevctl)" /usr/sbin/mdevctl || return 1
	[ -S /run/udev/control ] || /lib/systemd/systemd-udevd --daemon 2>/dev/null || return 1
	udevadm trigger --action=add --subsystem-match=mem --subsystem-match=kvm && udevadm settle -t 30 || return 1
	cat >"$work/libvirtd.conf" <<-END
		auth_unix_rw = "none"
		auth_unix_ro = "none"
		log_outputs = "3:file:$work/libvirtd.log"
	END
	mkdir -p /run/libvirt
	virtlogd -d -p "$work/virtlogd.pid" && libvirtd -d -f "$work/libvirtd.conf" -p "$work/libvirtd.pid"
}

# The first answer takes as long as libvirt needs to ask QEMU what it can do.
virsh_answers() {
	wait_for 120 says 'QEMU' virsh version
}

daemons_stop() {
	local name pid

	for name in libvirtd virtlogd; do
		pid=$(cat "$work/$name.pid") && kill "$pid" && wait_for 30 not kill -0 "$pid" 2>/dev/null || return 1
	done
	udevadm control --exit
}

#
# What is there
#

# Among the mediated devices that virsh lists is the slice: started, or defined.
lists() {
	says "^$node" virsh -q nodedev-list --cap mdev
}

lists_defined() {
	says "^$node" virsh -q nodedev-list --cap mdev --all
}

# started, stopped: on the bus, and libvirt knows.
started() {
	mdev_exists "$uuid" && lists && says '^Active: *yes' virsh nodedev-info "$node"
}

stopped() {
	! mdev_exists "$uuid" && ! lists
}

slice_is() {
	[ "$(slice_attr "$uuid" state)" = "$1" ]
}

cmds() {
	slice_attr "$uuid" counters/cmds
}

more_cmds() {
	[ "$(cmds)" -gt "$1" ]
}

#
# The guest
#

hostdev_xml() {
	cat <<-END
		<hostdev mode='subsystem' type='mdev' model='vfio-pci' managed='no'>
		  <source>
		    <address uuid='$uuid'/>
		  </source>
		</hostdev>
	END
}

guest_xml() {
	local type=qemu cpu="<cpu mode='custom'><model>qemu64</model></cpu>"

	[ ! -e /dev/kvm ] || type=kvm cpu="<cpu mode='host-passthrough'/>"
	cat <<-END
		<domain type='$type'>
		  <name>guest</name>
		  <memory unit='MiB'>$MEMORY_MIB</memory>
		  <vcpu>1</vcpu>
		  <os>
		    <type arch='x86_64' machine='pc'>hvm</type>
		    <kernel>$work/kernel</kernel>
		    <initrd>$work/slice.cpio</initrd>
		    <cmdline>console=ttyS0 quiet panic=-1 tsc=reliable no_timer_check loglevel=2 slice_limit=240 slice=mkfs,busy</cmdline>
		  </os>
		  <features><acpi/></features>
		  $cpu
		  <devices>
		    <emulator>$(command -v qemu-system-x86_64)</emulator>
		    <controller type='usb' model='none'/>
		    <memballoon model='none'/>
		    <serial type='file'><source path='$dir/console'/></serial>
		    $(hostdev_xml)
		  </devices>
		</domain>
	END
}

guest_is_up() {
	says '^running' virsh domstate guest
}

# Locked memory is enough for all of the guest's, without a word about it in its XML.
limit_is_enough() {
	local pid limit

	pid=$(cat /run/libvirt/qemu/guest.pid) &&
		limit=$(prlimit --pid "$pid" --memlock --raw --noheadings --output SOFT) &&
		echo "# its locked memory may be $limit bytes" && [ "$limit" -ge $((MEMORY_MIB << 20)) ]
}

console_says() {
	grep -a -q -- "$1" "$dir/console"
}

#
# The tests
#

test_definition() {
	# 9.0 takes PCI devices and those of some other buses for parents, so it can define no slice by itself.
	echo "# parents that libvirt lists: $(virsh -q nodedev-list --cap mdev_types | xargs)"
	check "mdevctl defines a slice" mdevctl define -u "$uuid" -p a0 -t cxlflash-flash-1G
	check "and a setting of it" mdevctl modify -u "$uuid" --addattr=queues --value=8
	check "libvirt sees the definition" wait_for 20 lists_defined
	virsh nodedev-dumpxml "$node" >"$work/node.xml"
	check "with its type" says "<type id='cxlflash-flash-1G'/>" cat "$work/node.xml"
	check "with its UUID" says "<uuid>$uuid</uuid>" cat "$work/node.xml"
	check "with its parent" says '<parent_addr>a0</parent_addr>' cat "$work/node.xml"
	check "with its setting" says "<attr name='queues' value='8'/>" cat "$work/node.xml"
	check "it is not started" stopped
	check "libvirt starts it" quiet virsh nodedev-start "$node"
	check "it is started" wait_for 20 started
	check "with the setting" test "$(slice_attr "$uuid" queues)" = 8
}

test_guest() {
	local before

	dir=$work/guest
	mkdir "$dir"
	ln -s /var/log/libvirt/qemu/guest.log "$dir/qemu.log"
	cp "$guest_files/kernel" "$guest_files/slice.cpio" "$work/"
	guest_xml >"$work/guest.xml"
	hostdev_xml >"$work/hostdev.xml"
	check "libvirt defines a guest with the slice" quiet virsh define "$work/guest.xml"
	check "libvirt starts it" quiet virsh start guest
	check "the guest uses its disk" wait_for 120 console_says 'GUEST: beat .* moving'
	check "libvirt has set its limit of locked memory" limit_is_enough
	check "libvirt refuses to stop a slice that is used" says 'device in use' virsh nodedev-destroy "$node"
	check "the slice is unplugged" quiet timeout 60 virsh detach-device guest "$work/hostdev.xml" --live
	check "QEMU lets it go" wait_for 30 slice_is closed
	check "the guest lets it go" wait_for 60 console_says 'GUEST: beat .* without disk'
	before=$(cmds)
	check "it is plugged in again" quiet timeout 60 virsh attach-device guest "$work/hostdev.xml" --live
	check "the guest uses it again" wait_for 60 more_cmds "$before"
	check "nothing that the guest read back was wrong" guest_is_right "$dir"
}

test_removal() {
	mdev_grace "$uuid" 1000
	check "the slice is taken away from the guest" quiet timeout 60 mdevctl stop -u "$uuid"
	check "libvirt sees that it is gone" wait_for 20 stopped
	check "the guest lives" guest_is_up
	check "libvirt takes it out of the guest's XML" wait_for 20 not says "$uuid" virsh dumpxml guest
	check "its definition is still there" lists_defined
	check "libvirt starts it again" quiet virsh nodedev-start "$node"
	check "it is started again" wait_for 20 started
	check "the guest ends" quiet virsh destroy guest
	check "its definition goes" quiet virsh undefine guest
	dir=''
	check "libvirt stops a slice that is not used" quiet virsh nodedev-destroy "$node"
	check "it is stopped" wait_for 20 stopped
}

test_autostart() {
	check "libvirt marks the slice for autostart" quiet virsh nodedev-autostart "$node"
	check "mdevctl says auto" says "$uuid a0 cxlflash-flash-1G auto" mdevctl list --defined
	check "the adapter goes" adapter_close a0
	check "the adapter comes" adapter_open a0 flash
	check "the slice starts with it" wait_for 30 started
	check "libvirt stops it" quiet virsh nodedev-destroy "$node"
	check "libvirt forgets the definition" quiet virsh nodedev-undefine "$node"
	check "and lists none" wait_for 20 not lists_defined
}

# Files on a RAM disk: a file on tmpfs is none for the store.
start() {
	modprobe -qr brd
	modprobe brd rd_nr=1 rd_size=$((700 << 10)) && mkfs.ext4 -q -F /dev/ram0 && mkdir -p "$work/files" &&
		mount /dev/ram0 "$work/files" && truncate -s 5G "$work/files/flash.img" || return 1
	slice_modules && lun_open flash "$work/files/flash.img" && lun_format flash && lun_activate flash &&
		adapter_open a0 flash
}

stop() {
	adapter_close a0 && lun_close flash && slice_modules_remove
}

main() {
	local name

	for name in libvirtd virtlogd virsh mdevctl udevadm; do
		if ! command -v $name >/dev/null; then
			echo "1..0 # SKIP no $name: apt install libvirt-daemon-system libvirt-clients"
			exit 4
		fi
	done
	if [ ! -e "$guest_files/kernel" ] || [ ! -e "$guest_files/slice.cpio" ]; then
		echo "not ok 1 - there is no guest: run tools/testing/vm/guest/build.sh first"
		echo "1..1"
		exit 1
	fi
	label=$(libvirtd --version | sed 's/.*(libvirt) /libvirt /')
	check "an adapter with a formatted LUN" start
	guest_accel >/dev/null
	check "udevd, virtlogd and libvirtd start" daemons_start
	check "virsh answers" virsh_answers
	test_definition
	test_guest
	test_removal
	test_autostart
	[ "$failed" = 0 ] || sed 's/^/#   libvirtd: /' "$work/libvirtd.log" | tail -n 20
	check "the daemons end" daemons_stop
	check "all is taken down and unloaded" stop
	umount "$work/files" && modprobe -r brd && rm -rf "$work"
	echo "1..$nr"
	[ "$failed" = 0 ]
}

main
