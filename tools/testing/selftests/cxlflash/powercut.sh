#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Power cuts: what was flushed is never lost.
#
# A LUN on a record store has its disk written to, and notes all that reaches the store.  The log is then replayed up to
# some record, with everything after the last flush there, or not, or torn between two sectors of 512 bytes: such is
# what a power cut leaves.  It has to be what the workload was promised.
#
#   raw_*: no file system.  A cut at every record, several samples of each, against a naive model (raw_replay.c).
#   ext4_*, xfs_*: samples of cuts.  The file system recovers, every file is as fsync() left it, and fsck is content.
#
# File systems trust in a little more than sectors of 512 bytes.  Ext4 finds its journal by the superblock, a KiB with one
# checksum, which is therefore left in one piece.  XFS trusts in the sector size that mkfs.xfs took from the disk, 4096.
#
# VFIO_TEST_SEED chooses the work and the cuts.  With VFIO_TEST_SECONDS (make check-long) there are many more of both.
# A failed cut is repeated by hand from the log: see the commands of powercut_replay/main.c.
#
# For root in a VM with the modules installed; removes every adapter and LUN that there is.
# shellcheck disable=SC2154 # variables of disk_lib.sh
set -uo pipefail
export LC_ALL=C

# shellcheck source-path=SCRIPTDIR source=disk_lib.sh
. "$(dirname "$0")/disk_lib.sh"

REPLAY=$(dirname "$0")/powercut_replay
RECORD=/sys/kernel/debug/cxlflash_record/powercut
SEED=${VFIO_TEST_SEED:-1}
log=$scratch/log
journal=$scratch/journal
image=$scratch/image

if [ -n "${VFIO_TEST_SECONDS:-}" ]; then
	RAW_OPS=3000 RAW_SAMPLES=12 FILE_OPS=600 CUTS=60
else
	RAW_OPS=600 RAW_SAMPLES=4 FILE_OPS=120 CUTS=8
fi

cleanup() {
	umount "$mnt" 2>/dev/null
	wipe
	rm -rf "$scratch"
}

# The log of all that was done, and the log is right: replayed whole it is what the disk has.
save_log() {
	expect cp "$RECORD" "$log"
	expect "$REPLAY" image "$log" "$image" end 0
	blockdev --flushbufs "$dev"
	expect cmp "$image" "$dev"
}

# log_has CACHE: flushes and FUA are what this test is about.
log_has() {
	local flushes fua

	[ "$1" = 1 ] || return 0
	flushes=$("$REPLAY" count "$log" flush)
	fua=$("$REPLAY" count "$log" fua)
	diag "$flushes flushes, $fua writes with FUA"
	[ "$flushes" -ge 10 ] || complain "$flushes flushes"
	[ "$fua" -ge 10 ] || complain "$fua writes with FUA"
}

#
# The log itself
#

marks_are_checked() {
	new_disk record 4M path=powercut
	expect_put EINVAL 1234567 "$RECORD"
	expect_put EINVAL 123456789 "$RECORD"
	expect_put 0 a-marker "$RECORD"
	expect cp "$RECORD" "$log"
	# A record's third word is the number.
	expect_eq "$(tail -c 24 "$log" | head -c 8)" a-marker "the last record"
	expect_eq "$(tail -c 32 "$log" | od -An -tu4 -N4 | tr -d ' ')" 6 "what it is"
}

# A log that is full says so to who writes a mark and to who reads it; the disk goes on.
full_log_is_noticed() {
	local left=33

	new_disk record 16M path=powercut
	expect_put 0 a-marker "$RECORD"
	while [ $((left--)) -gt 0 ]; do
		expect dd if=/dev/urandom of="$dev" bs=4M count=4 oflag=direct status=none
	done
	expect_put ENOSPC a-marker "$RECORD"
	cp "$RECORD" "$log"
	"$REPLAY" count "$log" flush >"$scratch/out"
	expect_eq $? 2 "status of a replay of a log that is full"
}

#
# No file system
#

# raw_on CACHE [ATTRIBUTE=VALUE]...
raw_on() {
	local cache=$1
	shift

	new_disk record 4M path=powercut write_cache="$cache" "$@"
	expect "$REPLAY" raw-work "$dev" "$RECORD" "$journal" $RAW_OPS "$SEED"
	save_log
	log_has "$cache"
	expect "$REPLAY" raw-replay "$log" "$journal" $RAW_SAMPLES "$SEED" "$cache"
}

raw_with_cache() {
	raw_on 1
	raw_loss_is_noticed 1
}

raw_without_cache() {
	raw_on 0
	raw_loss_is_noticed 0
}

raw_blocks_of_512() {
	raw_on 1 block_size=512
}

# The same log, as if the store had not known what flushes and FUA mean: then the replay has to find something.
raw_loss_is_noticed() {
	"$REPLAY" raw-replay "$log" "$journal" 1 "$SEED" "$1" --forget >"$scratch/out"
	expect_eq $? 1 "status of a replay that forgets"
}

#
# File systems
#

# Small, with all of it initialised before the work begins.
make_small() {
	case $1 in
	ext4) mkfs.ext4 -q -F -N 256 -J size=4 -E lazy_itable_init=0,lazy_journal_init=0 "$dev" ;;
	*) make_fs "$1" "$dev" ;;
	esac
}

# cut_image FS CUT [OPTION]
cut_image() {
	local unit=512 kept=1024

	[ "$1" != xfs ] || unit=4096 kept=0
	"$REPLAY" image "$log" "$image" "$2" "$SEED" $unit $kept "${@:3}"
}

# recover FS CUT: what is done before it is mounted
recover() {
	# Of ext4 there are two programs that recover, the other is the kernel.
	if [ "$1" = ext4 ] && [ $(($2 % 2)) = 1 ]; then
		# 1: it has written something.
		e2fsck -E journal_only -p "$image" >"$scratch/fsck" 2>&1
		[ $? -le 1 ]
	fi
}

# cut_is_survived FS CUT
cut_is_survived() {
	local status=0

	cut_image "$1" "$2" || return 1
	recover "$1" "$2" || return 1
	mount -o loop "$image" "$mnt" || return 1
	"$REPLAY" file-check "$mnt" "$log" "$journal" "$2" || status=1
	umount "$mnt" || return 1
	check_fs "$1" "$image" || status=1
	return $status
}

# fs_on FS SIZE CACHE
fs_on() {
	local fs=$1 cache=$3 cuts=$CUTS cut lost=0

	# Without a cache only the write in flight can be lost: there is less to choose from.
	[ "$cache" = 1 ] || cuts=$((CUTS / 2))
	new_disk record "$2" path=powercut write_cache="$cache"
	expect make_small "$fs"
	expect mount "$dev" "$mnt"
	expect "$REPLAY" file-work "$mnt" "$RECORD" "$journal" $FILE_OPS "$SEED"
	expect umount "$mnt"
	save_log
	log_has "$cache"
	for cut in $("$REPLAY" cuts "$log" $cuts "$SEED"); do
		cut_is_survived "$fs" "$cut" && continue
		complain "$fs, seed $SEED, cut before record $cut"
		sed 's/^/# /' "$scratch/fsck"
		lost=$((lost + 1))
		[ "$lost" -lt 3 ] || break
	done
}

# With losses that flushes forbid, e2fsck has to repair so much that files are gone or wrong.
ext4_loss_is_noticed() {
	local cut lost=0

	for cut in $("$REPLAY" cuts "$log" 4 "$SEED"); do
		expect cut_image ext4 "$cut" --forget
		e2fsck -f -y "$image" >"$scratch/fsck" 2>&1
		mount -o loop "$image" "$mnt" 2>/dev/null || continue
		"$REPLAY" file-check "$mnt" "$log" "$journal" "$cut" >"$scratch/out" || lost=$((lost + 1))
		umount "$mnt"
	done
	[ "$lost" -ge 1 ] || complain "nobody notices that flushes were forgotten"
}

ext4_with_cache() {
	fs_on ext4 32M 1
	ext4_loss_is_noticed
}

ext4_without_cache() {
	fs_on ext4 32M 0
}

xfs_with_cache() {
	fs_on xfs 320M 1
}

xfs_without_cache() {
	fs_on xfs 320M 0
}

main() {
	modprobe -r cxtest 2>/dev/null
	modprobe -a sd_mod sg loop cxlflash_afu || exit 1
	trap cleanup EXIT
	wipe
	mkdir -p "$mnt"
	# shellcheck disable=SC2046,SC2086 # words
	run_tests ${TESTS:-$(declared)}
}

# The tests, in the order of this file.
declared() {
	echo marks_are_checked raw_with_cache raw_without_cache raw_blocks_of_512 ext4_with_cache ext4_without_cache
	[ -z "${VFIO_TEST_SECONDS:-}" ] || echo full_log_is_noticed xfs_with_cache xfs_without_cache
}

main
