#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The SCSI host: commands that it gives up, contexts that come back, resets, submission queues, polled queues.
#
# A store that hangs for as long as we like is a disk of another adapter, whose commands are slow:
#
#   adapters/dt --- luns/dt --- block --- /dev/sdX --- adapters/inner, slow --- luns/inner --- ram
#
# For root in a VM with the modules installed; removes every adapter and LUN that there is.
# shellcheck disable=SC2154 # variables of disk_lib.sh
set -uo pipefail
export LC_ALL=C

# shellcheck source-path=SCRIPTDIR source=disk_lib.sh
. "$(dirname "$0")/disk_lib.sh"

BOUND=30
PARAMETERS=/sys/module/cxlflash_afu/parameters
DEBUG=/sys/kernel/debug/cxlflash
# Longer than what is done meanwhile takes, if that is little; the longest that there is.
SLOW_MS=30000
VERY_SLOW_MS=60000

#
# A store that hangs
#

# hanging_store MS
hanging_store() {
	make_lun inner store=ram size=64M
	make_adapter inner
	link_lun inner 0 0 inner
	expect_put 0 1 "$ROOT/adapters/inner/live"
	open_disk inner
	inner=$disk
	write_to 600 "/sys/block/$inner/device/timeout"
	# What arrives late is to be known when it is seen.
	head -c $((16 << 20)) /dev/zero | tr '\0' '\245' |
		expect dd of="/dev/$inner" bs=1M iflag=fullblock oflag=direct status=none
	make_lun dt store=block path="/dev/$inner"
	make_adapter dt
	link_lun dt 0 0 dt
	expect_put 0 1 "$ADAPTER/live"
	attach_disk
	# No error handling but that of the tests.
	write_to 600 "/sys/block/$disk/device/timeout"
	expect_put 0 "$1" "$ROOT/adapters/inner/faults/slow_ms"
}

# adapter_has WORD NUMBER: does that line of the state of adapter dt say so, or more?
adapter_has() {
	awk -v word="$1" -v least="$2" '$1 == word && $2 >= least { found = 1 } END { exit !found }' "$DEBUG/dt/state"
}

lun_is() {
	grep -q "$2" "$ROOT/luns/$1/state"
}

# Holds memory that reads as zero, and fails if it does not when it is told to go on.
WITNESS='
import sys
pages = bytearray(96 << 20)
for at in range(0, len(pages), 4096):
    pages[at] = 0
print("ready", flush=True)
sys.stdin.readline()
sys.exit("memory was written to" if pages.count(0) != len(pages) else 0)
'

witness_start() {
	coproc WITNESS_PROC { exec python3 -c "$WITNESS" 2>"$scratch/witness"; }
	witness_pid=$!
	exec {witness_in}>&"${WITNESS_PROC[1]}"
	read -r _ <&"${WITNESS_PROC[0]}"
}

witness_ends() {
	echo >&"$witness_in"
	exec {witness_in}>&-
	expect wait "$witness_pid"
	diag "witness: $(<"$scratch/witness")"
}

# Reads of every kind of memory that there is: of programs, of the page cache.  None seeks, as that waits for the others.
readers_start() {
	local size

	blockdev --flushbufs "$dev"
	readers=()
	for size in 64k 128k 192k 256k; do
		dd if="$dev" bs=$size count=1 iflag=direct status=none 2>/dev/null >"$scratch/read.$size" &
		readers+=($!)
	done
	dd if="$dev" bs=64k count=1 status=none 2>/dev/null >"$scratch/read.cache" &
	readers+=($!)
	# Some may wait for others in the page cache.
	wait_until 60 adapter_has inflight 2 || complain "$(grep inflight "$DEBUG/dt/state")"
}

readers_fail() {
	local i

	for i in "${readers[@]}"; do
		expect_not wait "$i"
	done
	readers_get_nothing
}

# Those of a disk that goes fail, or, if they come late, are told that it ends where it begins.
readers_get_nothing() {
	local file

	wait "${readers[@]}"
	for file in "$scratch"/read.*; do
		[ ! -s "$file" ] || complain "data in $file"
	done
}

# The commands end, their buffers are free and somebody else has them, and only then the store is through.
late_data_meet_no_freed_page() {
	local start

	hanging_store $VERY_SLOW_MS
	readers_start
	start=$SECONDS
	expect_put 0 0 "$ADAPTER/live"
	took_less $BOUND "$start" "removal"
	readers_get_nothing
	expect_put 0 0 "$LUN/enable"
	expect lun_is dt closing
	witness_start
	expect lun_is dt closing
	expect wait_until 120 lun_is dt disabled
	witness_ends
}

# The same while the adapter stays: a context that was given up, a LUN that is fenced until its I/O is back.
late_data_after_a_host_reset() {
	local start

	hanging_store $VERY_SLOW_MS
	readers_start
	start=$SECONDS
	call sg_reset -H "$dev"
	took_less $((2 * BOUND)) "$start" "host reset"
	readers_fail
	expect_not one_block "$dev"
	witness_start
	expect adapter_has orphans 1
	expect_put 0 0 "$ROOT/adapters/inner/faults/slow_ms"
	expect wait_until 120 one_block "$dev"
	expect_not adapter_has orphans 1
	witness_ends
	expect wait_until 10 contexts_are "$(nproc)" live
	expect verify_load "$dev" --size=8m
}

# The reset gives up, the disk goes on without an administrator.
stuck_context_comes_back() {
	local reader wait_ms

	hanging_store $SLOW_MS
	wait_ms=$(<"$PARAMETERS/reset_wait_ms")
	write_to 500 "$PARAMETERS/reset_wait_ms"
	one_block "$dev" &
	reader=$!
	expect wait_until 20 adapter_has inflight 1
	expect_put EBUSY 1 "$BUS/dt/reset"
	expect adapter_has orphans 1
	expect_put 0 0 "$ROOT/adapters/inner/faults/slow_ms"
	write_to "$wait_ms" "$PARAMETERS/reset_wait_ms"
	expect_not wait "$reader"
	# The host has given it up, and a new one is in its place, but its LUN is fenced.
	expect_not one_block "$dev"
	expect adapter_has orphans 1
	expect wait_until 120 one_block "$dev"
	expect_not adapter_has orphans 1
	expect disk_is "$disk" device/state running
	expect wait_until 10 contexts_are "$(nproc)" live
	expect verify_load "$dev" --size=8m
}

#
# Contexts
#

# contexts_are NUMBER STATE: so many there are, all of them in that state
contexts_are() {
	[ "$(cat "$DEBUG"/dt/ctx*/state | grep -c '^state ')" = "$1" ] &&
		[ "$(cat "$DEBUG"/dt/ctx*/state | grep -c "^state $2")" = "$1" ]
}

# each_context NAME WORD: the value of WORD in the state of the contexts called NAME, one a line
each_context() {
	local file

	for file in "$DEBUG"/dt/ctx*/state; do
		grep -qx "name $1" "$file" && awk -v word="$2" '$1 == word { print $2 }' "$file"
	done
}

device_reset_is_for_all_queues() {
	local cpu dropped

	new_disk ram 64M
	write_to 600 "/sys/block/$disk/device/timeout"
	# Time enough to start them all, and less than a reset waits for them (10 s).
	expect_put 0 8000 "$FAULTS/slow_ms"
	for ((cpu = 0; cpu < $(nproc); cpu++)); do
		taskset -c "$cpu" dd if="$dev" of=/dev/null bs=4k count=1 iflag=direct status=none &
	done
	expect wait_until 10 adapter_has inflight "$(nproc)"
	# They are dropped there, and SCSI sends them again, to a disk that is not slow any more.
	expect_put 0 0 "$FAULTS/slow_ms"
	expect sg_reset -d "$dev"
	for dropped in $(each_context host dropped); do
		[ "$dropped" -ge 1 ] || complain "a queue whose commands were not reset"
	done
	wait
	expect verify_load "$dev" --size=8m
}

#
# What readers see
#

# Pages that somebody has written to and given back; then reads into the page cache.
null_store_reads_as_zero() {
	new_disk null 256M
	head -c $((64 << 20)) /dev/zero | tr '\0' '\245' >/dev/shm/host-test
	rm -f /dev/shm/host-test
	expect cmp -n $((64 << 20)) "$dev" /dev/zero
	expect cmp -n $((16 << 20)) <(dd if="$dev" bs=1M count=16 iflag=direct status=none) /dev/zero
}

# XFS has metadata smaller than a page in memory that cannot be referenced.
small_buffers_reach_the_store() {
	new_disk file 320M block_size=512
	expect mkfs.xfs -q -f -s size=512 -b size=1024 "$dev"
	expect mount "$dev" "$mnt"
	make_tree "$mnt"
	expect umount "$mnt"
	expect check_fs xfs "$dev"
	expect mount "$dev" "$mnt"
	expect tree_is_right "$mnt"
	expect umount "$mnt"
}

#
# Other ways to submit and to complete
#

with_sq() {
	write_to Y "$PARAMETERS/sq"
	new_disk "$@"
	write_to N "$PARAMETERS/sq"
	expect_eq "$(each_context host service | sort -u)" polled "service"
	expect_eq "$(each_context host sq | sort -u | grep -c '^0x0$')" 0 "contexts without a queue"
}

with_polled_queues() {
	write_to 2 "$PARAMETERS/poll_queues"
	new_disk "$@"
	write_to 0 "$PARAMETERS/poll_queues"
	expect disk_is "$disk" queue/io_poll 1
	expect_eq "$(each_context host-poll name | wc -l)" "$(nproc)" "polled queues"
}

# polled_load [OPTION]...
polled_load() {
	verify_load "$dev" --ioengine=io_uring --hipri=1 "$@"
}

# Everything has come by them, and no interrupt.
polled_queues_were_used() {
	local done_by

	done_by=$(each_context host-poll 'done' | awk '{ sum += $1 } END { print sum + 0 }')
	[ "$done_by" -ge 100 ] || complain "polled queues have done $done_by commands"
	expect_eq "$(each_context host-poll irqs | sort -u)" 0 "interrupts of polled queues"
}

sq_carries_data() {
	with_sq ram 128M
	expect verify_load "$dev"
	expect verify_load "$dev" --numjobs=2 --size=24m --offset_increment=32m --cpus_allowed=0-1 --cpus_allowed_policy=split
}

sq_survives_lost_completions() {
	with_sq file 64M
	expect_put 0 200 "$FAULTS/lose_nth"
	expect verify_load "$dev" --size=8m
	expect_put 0 0 "$FAULTS/lose_nth"
	expect disk_is "$disk" device/state running
	expect verify_load "$dev" --size=8m
}

sq_survives_resets() {
	with_sq file 128M
	verify_load "$dev" --size=32m --time_based --runtime=15 &
	for _ in 1 2; do
		sleep 2
		expect sg_reset -d "$dev"
		expect sg_reset -H "$dev"
		expect_put 0 1 "$BUS/dt/reset"
	done
	expect_put 0 1 "$FAULTS/fail"
	expect wait $!
	expect wait_until 30 one_block "$dev"
	expect verify_load "$dev" --size=8m
}

sq_goes_under_load() {
	local start

	with_sq file 128M
	load_start "$dev"
	start=$SECONDS
	expect_put 0 0 "$ADAPTER/live"
	took_less $BOUND "$start" "removal"
	expect wait_until 10 disk_gone
	load_stop
}

polled_queues_carry_data() {
	with_polled_queues ram 128M
	expect polled_load
	polled_queues_were_used
	# Others are as they were.
	expect verify_load "$dev" --size=8m
}

polled_queues_wait_for_a_store() {
	with_polled_queues file 128M
	expect polled_load --size=16m
	polled_queues_were_used
}

# Aborts, LUN resets and context resets on queues that no interrupt comes of.
polled_queues_survive_faults() {
	with_polled_queues file 64M
	expect_put 0 300 "$FAULTS/lose_nth"
	expect polled_load --size=8m
	expect_put 0 0 "$FAULTS/lose_nth"
	polled_load --size=16m --time_based --runtime=12 &
	for _ in 1 2; do
		sleep 2
		expect sg_reset -d "$dev"
		expect sg_reset -H "$dev"
	done
	expect wait $!
	expect polled_load --size=8m
}

polled_queues_by_sq() {
	write_to Y "$PARAMETERS/sq"
	with_polled_queues ram 128M
	write_to N "$PARAMETERS/sq"
	expect_eq "$(each_context host-poll service | sort -u)" polled "service"
	expect polled_load --size=16m
	polled_queues_were_used
	expect verify_load "$dev" --size=8m
}

main() {
	modprobe -r cxtest 2>/dev/null
	modprobe -a sd_mod sg cxlflash_afu || exit 1
	mountpoint -q /sys/kernel/debug || mount -t debugfs none /sys/kernel/debug
	trap disk_cleanup EXIT
	wipe
	backing_start || exit 1
	# shellcheck disable=SC2046,SC2086 # words
	run_tests ${TESTS:-$(declared)}
}

# The tests, in the order of this file.  Those with a store that hangs take long: what they look for is seen by
# the debug kernel.  That, which is slow, has but those for which it sees more.  make check-long runs all on both.
declared() {
	local debug='' long=${VFIO_TEST_SECONDS:-}

	[ "${VM_KERNEL:-}" != debug ] || debug=1
	[ -z "$debug$long" ] || echo late_data_meet_no_freed_page
	[ -z "$long" ] || echo late_data_after_a_host_reset
	echo device_reset_is_for_all_queues null_store_reads_as_zero
	[ -n "$debug" ] && [ -z "$long" ] || echo stuck_context_comes_back small_buffers_reach_the_store
	echo sq_carries_data
	[ -n "$debug" ] && [ -z "$long" ] || echo sq_survives_lost_completions sq_survives_resets sq_goes_under_load \
		polled_queues_carry_data polled_queues_wait_for_a_store polled_queues_survive_faults
	echo polled_queues_by_sq
}

main
