#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Build the guest that runs inside the VM on an mram device: one program, one driver, in an initramfs beside a link to
# the guest's kernel and one to QEMU 10.
#
# usage: build.sh [DIR]     (default: build/guest); prints DIR
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=../../lib/common.sh
. "$here/../../lib/common.sh"

repo=$(repo_dir)
out=${1:-$repo/build/guest}

# The headers are put beside the sources: a user of the tree's include/ would find our <linux/vfio.h> there too.
collect() {
	cp "$here"/mram_guest.{c,h} "$here/mram_guest_drv.c" "$repo/samples/vfio-mdev/mram_regs.h" \
		"$repo/include/linux/vfio_mdev_ids.h" "$1/"
	echo 'obj-m := mram_guest_drv.o' >"$1/Makefile"
}

build() {
	local stage=$1 kernel=$2

	collect "$stage"
	make -s -C "$kernel/build" M="$stage" modules >&2
	gcc -static -O2 -Wall -Wextra -Werror -o "$stage/init" "$stage/mram_guest.c"
	strip "$stage/init"
	mkdir "$stage/root"
	mkdir "$stage/root/dev" "$stage/root/proc" "$stage/root/sys"
	cp "$stage/init" "$stage/mram_guest_drv.ko" "$stage/root/"
	(cd "$stage/root" && find . | cpio --quiet -o -H newc -R 0:0) >"$stage/initrd.cpio"
}

# A second QEMU for the guest, if there is one to be had; if not, why.
find_qemu10() {
	local qemu

	rm -f "$out/qemu10" "$out/qemu10.why"
	if qemu=$(bash "$here/../kernel.sh" qemu10 2>"$out/qemu10.why"); then
		ln -s "$qemu" "$out/qemu10"
		rm "$out/qemu10.why"
	else
		cat "$out/qemu10.why" >&2
		tail -n 1 "$out/qemu10.why" >"$out/why.new"
		mv "$out/why.new" "$out/qemu10.why"
	fi
}

main() {
	local kernel stage

	kernel=$(bash "$here/../kernel.sh" guest)
	stage=$(mktemp -d)
	# shellcheck disable=SC2064 # its value now
	trap "rm -rf '$stage'" EXIT
	build "$stage" "$kernel"
	mkdir -p "$out"
	cp "$stage/initrd.cpio" "$out/initrd.cpio.new"
	mv "$out/initrd.cpio.new" "$out/initrd.cpio"
	ln -sfn "$kernel/vmlinux" "$out/kernel"
	find_qemu10
	echo "$out"
}

main "$@"
