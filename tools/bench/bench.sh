#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Count what a command costs, ours beside io_uring in the same VM: instructions, because the VM's time stamp counter
# counts them (-icount), and what a read costs a guest: exits and interrupts.  Times and rates in a VM under emulation
# mean nothing, so none are printed.
#
# usage: bench.sh             boot the VM and print the table
#        bench.sh inside      in the VM
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=../testing/lib/common.sh
. "$here/../testing/lib/common.sh"
# shellcheck source-path=SCRIPTDIR source=../testing/vm/guest/pack.sh
. "$here/../testing/vm/guest/pack.sh"

repo=$(repo_dir)
config=/sys/kernel/config/cxlflash
run=/sys/module/cxbench/parameters/run
# What is below the store "block".
device=/dev/nullb1
# What bench_bare() compares with, by depth.
declare -A null_kick=()

build() {
	mkdir -p "$repo/build/bench"
	"$repo/tools/testing/vm/build.sh" stock CXLFLASH_BENCH=y CXLFLASH_BARE=y >/dev/null
	cp "$repo/build/stock/ko/cxlflash_afu.ko" "$repo/build/bench/cxlflash_afu_bare.ko"
	"$repo/tools/testing/vm/build.sh" stock CXLFLASH_BENCH=y >/dev/null
	cc -O2 -Wall -D_GNU_SOURCE -o "$repo/build/bench/uring_bench" "$here/uring_bench.c" -luring
}

# The plugin that counts what a guest costs, for the QEMU that is there.
build_plugin() {
	local version api=1

	version=$("${VFIO_RIG_QEMU:-qemu-system-x86_64}" --version)
	[[ ! $version =~ version\ ([0-9]+) ]] || [ "${BASH_REMATCH[1]}" -lt 9 ] || api=4
	cc -shared -fPIC -O2 -Wall -Wextra -DPLUGIN_API="$api" -o "$repo/build/bench/insns.so" "$here/insns.c"
}

# The guest: its init, and the drivers of the function.
build_guest() {
	local out=$repo/build/bench root

	"$repo/tools/testing/vm/guest/build.sh" >/dev/null
	root=$(mktemp -d)
	cc -static -O2 -Wall -Wextra -o "$root/init" "$here/guest_bench.c" -luring
	cp "$repo"/build/guest/slice/cxlflash/{cxlflash,pci/cxlflash_pci}.ko "$root/"
	strip --strip-debug "$root"/*.ko
	mkdir "$root/dev" "$root/sys"
	make_image "$root" "$out/bench.cpio"
	ln -sfn "$(readlink -f "$repo/build/guest/kernel")" "$out/kernel"
	rm -rf "$root"
}

# Three devices of persistent memory: one for a slice, small ones for the others.
boot_with_guest() {
	"$repo/tools/testing/vm/run.sh" --kernel stock --mem 8G --timeout 1500 --name bench-guest \
		--append 'mitigations=off memmap=1280M!5G memmap=64M!7G memmap=64M!7232M' \
		--qemu-arg -plugin --qemu-arg "$repo/build/bench/insns.so,out=$repo/build/vm/bench-guest/insns" -- "$here/guest.sh"
}

boot() {
	# String instructions count once for each byte when the CPU says that they are fast.
	VFIO_RIG_CPU=max,-erms,-fsrm "$repo/tools/testing/vm/run.sh" --kernel stock --smp 1 --mem 3G --timeout 1500 \
		--name bench --append 'mitigations=off nokaslr' --qemu-arg -icount --qemu-arg shift=0,sleep=off -- \
		"$here/bench.sh" inside
}

# line WHAT "MEDIAN LEAST MOST" [NOTE]
line() {
	local median least most

	read -r median least most <<<"$2"
	printf '%-44s %8s %8s %8s  %s\n' "$1" "$median" "$least" "$most" "${3:-}"
}

# ours NAME CONTEXTS DEPTH BYTES SERVICE [STRIDE]
ours() {
	echo "$*" >"$run"
	cat "$run"
}

# direct PATH bio|copy DEPTH BYTES [STRIDE]: what is not the adapter's
direct() {
	echo "$*" >"$run"
	cat "$run"
}

# The block layer's own part and the driver's: the same bios, submitted by nobody else.
bench_bios() {
	local depth

	for depth in 1 32; do
		line "bios alone, 4K QD$depth" "$(direct "$device" bio "$depth" 4096)" 'block layer and null_blk'
	done
	line 'bios alone, 4K QD32, scattered' "$(direct "$device" bio 32 4096 7)" 'none can be merged'
}

# world NAME STORE PATH SIZE: an adapter with one LUN
world() {
	mkdir "$config/luns/$1"
	echo "$2" >"$config/luns/$1/store"
	[ -z "$3" ] || echo "$3" >"$config/luns/$1/path"
	[ -z "$4" ] || echo "$4" >"$config/luns/$1/size"
	echo 1 >"$config/luns/$1/enable"
	mkdir "$config/adapters/$1"
	echo 0 >"$config/adapters/$1/host"
	mkdir "$config/adapters/$1/port0/0"
	ln -s "$config/luns/$1" "$config/adapters/$1/port0/0/lun"
	echo 1 >"$config/adapters/$1/live"
}

world_end() {
	echo 0 >"$config/adapters/$1/live"
	rm "$config/adapters/$1/port0/0/lun"
	rmdir "$config/adapters/$1/port0/0" "$config/adapters/$1"
	echo 0 >"$config/luns/$1/enable"
	rmdir "$config/luns/$1"
}

bench_ours() {
	local store depth figures copy
	local -A kick=()

	for store in null ram block; do
		for depth in 1 32; do
			figures=$(ours "$store" 1 "$depth" 4096 1)
			kick[$store]=${figures%% *}
			[ "$store" != null ] || null_kick[$depth]=${figures%% *}
			line "$store 4K QD$depth, kick" "$figures" engine
			line "$store 4K QD$depth, engine thread" "$(ours "$store" 1 "$depth" 4096 0)" 'engine and the switch to it'
		done
	done
	line 'block 4K QD32, kick, scattered' "$(ours block 1 32 4096 1 7)" 'engine; no two are one request'
	line 'null 4K QD32, kick, 64 contexts' "$(ours null 64 32 4096 1)" engine
	line 'null 4K QD32, engine thread, 64 contexts' "$(ours null 64 32 4096 0)" 'engine and the switch to it'
	copy=$(direct - copy 1 4096)
	line 'memcpy() of 4096 bytes' "$copy"
	echo "ram 4K QD32, kick, without that: $((kick[ram] - ${copy%% *}))"
}

bench_uring() {
	local dev depth

	for dev in nullb0 ram0; do
		for depth in 1 32; do
			line "io_uring $dev 4K QD$depth" "$("$repo/build/bench/uring_bench" "/dev/$dev" "$depth" 4096)" 'both sides'
			line "io_uring $dev 4K QD$depth, fixed" "$("$repo/build/bench/uring_bench" "/dev/$dev" "$depth" 4096 fixed)" 'both sides'
		done
	done
	for depth in 1 32; do
		line "io_uring nullb0 4K QD$depth, fixed, IOPOLL" \
			"$("$repo/build/bench/uring_bench" /dev/nullb0 "$depth" 4096 fixed iopoll)" 'both sides'
	done
}

# Wake-ups of all engine threads in ten seconds, with 64 contexts that nobody uses.
wakeups() {
	local pid sum=0

	for pid in $(pgrep "^afu_" || true); do
		sum=$((sum + $(awk '/ctxt_switches/ { s += $2 } END { print s }' "/proc/$pid/status")))
	done
	echo "$sum"
}

bench_idle() {
	local before after

	before=$(wakeups)
	sleep 10
	after=$(wakeups)
	echo "idle: $((after - before)) wake-ups of engine threads in 10 s"
}

# The same without counters and tracepoints.
bench_bare() {
	local depth bare

	modprobe -r cxbench cxlflash_afu
	insmod "$repo/build/bench/cxlflash_afu_bare.ko"
	modprobe cxbench
	world null null '' 1G
	sleep 3
	for depth in 1 32; do
		bare=$(ours null 1 "$depth" 4096 1)
		line "null 4K QD$depth, kick, bare" "$bare" \
			"counters and tracepoints: $(awk -v a="${null_kick[$depth]}" -v b="${bare%% *}" \
				'BEGIN { printf "%.1f%%", (a - b) * 100 / b }')"
	done
	world_end null
}

inside() {
	local store

	modprobe null_blk queue_mode=2 irqmode=0 poll_queues=1 gb=1 bs=4096 nr_devices=2
	modprobe brd rd_nr=1 rd_size=262144
	dd if=/dev/zero of=/dev/ram0 bs=1M count=256 status=none
	sync
	mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
	modprobe cxlflash_afu
	modprobe cxbench
	world null null '' 1G
	world ram ram '' 256M
	world block block "$device" ''
	# Late work of booting must not fall into a window; sleeping costs nothing here.
	sleep 3
	printf '%-44s %8s %8s %8s\n' 'instructions per read' median least most
	bench_ours
	bench_bios
	bench_uring
	bench_idle
	for store in null ram block; do
		world_end "$store"
	done
	bench_bare
	modprobe -r cxbench cxlflash_afu
}

case ${1:-} in
inside) inside ;;
'')
	build
	build_guest
	build_plugin
	boot
	boot_with_guest
	;;
*) die 'usage: bench.sh [inside]' ;;
esac
