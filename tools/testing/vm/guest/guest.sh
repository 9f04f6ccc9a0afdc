# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Guests on mediated devices, inside the VM.  Source it, do not run it.
#
# A guest lives in a directory: console (what it prints), serial (what it reads), qemu.log, qmp (its QEMU's monitor),
# pid.

guest_tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
guest_files=${GUEST_FILES:-$(cd "$guest_tools/../../../.." && pwd -P)/build/guest}

# The builtin clock: a fork takes long in a VM in a VM.  Sets now.
clock() {
	now=${EPOCHREALTIME/[.,]/}
	now=$((now / 1000))
}

now_ms() {
	clock
	echo "$now"
}

#
# Devices
#

# mram_create UUID TYPE
mram_create() {
	echo "$1" >"/sys/class/mdev_bus/mram/mdev_supported_types/mram-$2/create"
}

mdev_exists() {
	[ -e "/sys/bus/mdev/devices/$1" ]
}

# mdev_grace UUID MS: how long its user gets to let go of it.
mdev_grace() {
	echo "$2" >/sys/bus/mdev/devices/"$1"/vfio-dev/vfio*/removal_grace_ms
}

# mdev_remove UUID: print how many ms it took.
mdev_remove() {
	local start now

	clock
	start=$now
	echo 1 >"/sys/bus/mdev/devices/$1/remove" || return 1
	clock
	echo $((now - start))
}

#
# Guests
#

# KVM if this VM has it, and if not a guest that is slow but works.
guest_accel() {
	modprobe kvm_amd 2>/dev/null || modprobe kvm_intel 2>/dev/null || true
	if [ -e /dev/kvm ]; then
		echo -accel kvm -cpu host
	else
		echo -accel tcg -cpu qemu64
	fi
}

# guest_boot DIR UUID QEMU IMAGE KERNEL-OPTIONS [QEMU-ARGUMENT]...
guest_boot() {
	local dir=$1 uuid=$2 qemu=$3 image=$4 options=$5
	shift 5

	mkdir -p "$dir"
	: >"$dir/console"
	# shellcheck disable=SC2046 # several words
	"$qemu" -name guest,debug-threads=on -M pc $(guest_accel) -nodefaults -no-user-config -display none \
		-kernel "$guest_files/kernel" -initrd "$guest_files/$image" \
		-append "console=ttyS0 quiet panic=-1 tsc=reliable no_timer_check $options" \
		-chardev "socket,id=console,path=$dir/serial,server=on,wait=off,logfile=$dir/console,logappend=on" \
		-serial chardev:console \
		-qmp "unix:$dir/qmp,server=on,wait=off" \
		-device "vfio-pci,sysfsdev=/sys/bus/mdev/devices/$uuid,id=dut" "$@" \
		</dev/null >"$dir/qemu.log" 2>&1 &
	echo $! >"$dir/pid"
}

# guest_start DIR UUID MODE [QEMU]: on an mram device; MODE is test, busy or eject, see mram_guest.c.
# It ejects the device itself if it is to be ejected, so ACPI's driver must not.
guest_start() {
	guest_boot "$1" "$2" "${4:-qemu-system-x86_64}" initrd.cpio "acpiphp.disable=1 mram=$3" -m 64M -no-reboot
}

# slice_guest DIR UUID QEMU WORDS [KERNEL-OPTION]...: on a slice; WORDS are those of slice_init.sh.
# What its kernel has to say stays in the guest, so that no line of the program's is torn.
slice_guest() {
	local dir=$1 uuid=$2 qemu=$3 words=$4 no_reboot=-no-reboot
	shift 4

	[[ $words != reboot* ]] || no_reboot=
	guest_boot "$dir" "$uuid" "$qemu" slice.cpio "loglevel=2 slice_limit=240 slice=$words $*" \
		-m 192M -smp 2 $no_reboot
}

# guest_tell DIR: let a guest go on that waits for it.
guest_tell() {
	python3 - "$1/serial" <<-'END'
		import socket, sys
		with socket.socket(socket.AF_UNIX) as sock:
		    sock.connect(sys.argv[1])
		    sock.sendall(b"go\n")
	END
}

guest_alive() {
	kill -0 "$(cat "$1/pid")" 2>/dev/null
}

# guest_wait DIR SECONDS PATTERN [FROM-LINE]: until the console has a line like that, not before FROM-LINE.
guest_wait() {
	local dir=$1 end pattern=$3 from=${4:-1}

	end=$(($(now_ms) + $2 * 1000))
	# Not a pipe: grep does not wait for its end, and with pipefail that tail could not go on would count.
	until grep -q -a -- "$pattern" < <(tail -n "+$from" "$dir/console"); do
		guest_alive "$dir" || return 1
		[ "$(now_ms)" -lt "$end" ] || return 1
		sleep 0.1
	done
}

# guest_wait_end DIR SECONDS
guest_wait_end() {
	local end

	end=$(($(now_ms) + $2 * 1000))
	while guest_alive "$1"; do
		[ "$(now_ms)" -lt "$end" ] || return 1
		sleep 0.1
	done
}

guest_qmp() {
	local dir=$1
	shift

	python3 "$guest_tools/qmp.py" "$dir/qmp" "$@"
}

guest_running() {
	guest_alive "$1" && guest_qmp "$1" query-status | grep -q '"status": "running"'
}

guest_lines() {
	wc -l <"$1/console"
}

# guest_stop DIR: politely, then not.  Succeeds if its QEMU ended well.
guest_stop() {
	guest_alive "$1" && guest_qmp "$1" quit >/dev/null 2>&1
	if ! guest_wait_end "$1" 20; then
		kill -KILL "$(cat "$1/pid")" 2>/dev/null
	fi
	wait "$(cat "$1/pid")" 2>/dev/null
}

# What it says, without the prefix and what the console adds.
guest_says() {
	tr -d '\r' <"$1/console" | sed -n 's/^.*GUEST: //p'
}

guest_debug() {
	# There may be no such line, and callers with set -e.
	sed -e '/vfio_region_/d' -e 's/^/#   qemu: /' "$1/qemu.log" | head -n 5
	tr -d '\r' <"$1/console" | tail -n 20 | sed 's/^/#   guest: /'
}
