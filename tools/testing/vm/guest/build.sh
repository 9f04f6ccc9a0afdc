#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Build the guests that run inside the VM: an initramfs for one on an mram device, one for one on a slice, beside a link
# to the kernel of both and one to QEMU 10.
#
# usage: build.sh [DIR]     (default: build/guest); prints DIR
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=../../lib/common.sh
. "$here/../../lib/common.sh"
# shellcheck source-path=SCRIPTDIR source=pack.sh
. "$here/pack.sh"

repo=$(repo_dir)
out=${1:-$repo/build/guest}

#
# The guest on an mram device: one program, one driver
#

# The headers are put beside the sources: a user of the tree's include/ would find our <linux/vfio.h> there too.
collect_mram() {
	cp "$here"/mram_guest.{c,h} "$here/mram_guest_drv.c" "$repo/samples/vfio-mdev/mram_regs.h" \
		"$repo/include/linux/vfio_mdev_ids.h" "$1/"
	echo 'obj-m := mram_guest_drv.o' >"$1/Makefile"
}

build_mram() {
	local stage=$1 kernel=$2

	mkdir "$stage"
	collect_mram "$stage"
	make -s -C "$kernel/build" M="$stage" modules >&2
	gcc -static -O2 -Wall -Wextra -Werror -o "$stage/init" "$stage/mram_guest.c"
	strip "$stage/init"
	mkdir "$stage/root"
	mkdir "$stage/root/dev" "$stage/root/proc" "$stage/root/sys"
	cp "$stage/init" "$stage/mram_guest_drv.ko" "$stage/root/"
	make_image "$stage/root" "$out/initrd.cpio"
}

#
# The guest on a slice: our modules, busybox, and what makes, checks and uses a file system
#

# The SCSI host and the driver of the function, as they are in the tree; what Kbuild made of them stays.
collect_slice() {
	mkdir -p "$1/include/linux"
	rsync -a --include='*.[ch]' --include=Makefile --include=/pci --exclude='*' "$repo/drivers/scsi/cxlflash/" "$1/cxlflash/"
	rsync -a "$repo"/include/linux/{cxlflash*.h,vfio_mdev_ids.h} "$1/include/linux/"
	cat >"$1/Makefile" <<-'END'
		export CONFIG_CXLFLASH := m
		export CONFIG_CXLFLASH_PCI := m
		NOSTDINC_FLAGS += -I$(src)/include
		export NOSTDINC_FLAGS
		obj-y += cxlflash/
	END
}

slice_programs() {
	local root=$1 program

	for program in mke2fs e2fsck resize2fs e2label; do
		pack_program "$program" "$root"
	done
	pack_fio "$root"
	cp "$(command -v busybox)" "$root/bin/busybox"
	busybox --list | while read -r program; do
		[ -e "$root/bin/$program" ] || ln -s busybox "$root/bin/$program"
	done
	gcc -static -O2 -Wall -Wextra -Werror -o "$root/bin/slice_io" "$here/slice_io.c"
	strip "$root/bin/slice_io"
}

build_slice() {
	local stage=$1 kernel=$2 work=$out/slice root=$1/root

	# Objects of another kernel do not fit.
	[ "$(cat "$work/kernel" 2>/dev/null)" = "$kernel" ] || rm -rf "$work"
	mkdir -p "$work" "$root"
	echo "$kernel" >"$work/kernel"
	collect_slice "$work"
	make -s -C "$kernel/build" M="$work" modules >&2
	mkdir "$root"/{bin,dev,proc,sys,mnt,tmp,tree,etc}
	: >"$root/etc/mtab"
	slice_programs "$root"
	cp "$work/cxlflash/cxlflash.ko" "$work/cxlflash/pci/cxlflash_pci.ko" "$root/"
	strip --strip-debug "$root"/*.ko
	install -m 755 "$here/slice_init.sh" "$root/init"
	# A tree of files to be written: our own sources.
	rsync -a --prune-empty-dirs --include='*/' --include='*.[ch]' --include='*.rst' --exclude='*' \
		"$repo/drivers" "$repo/include" "$repo/Documentation" "$root/tree/"
	make_image "$root" "$out/slice.cpio"
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
	mkdir -p "$out"
	build_mram "$stage/mram" "$kernel"
	mkdir "$stage/slice"
	build_slice "$stage/slice" "$kernel"
	ln -sfn "$kernel/vmlinux" "$out/kernel"
	find_qemu10
	echo "$out"
}

main "$@"
