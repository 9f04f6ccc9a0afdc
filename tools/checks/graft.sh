#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Put our sources into a kernel tree, so that what works on kernel trees works on them: in-tree builds, KUnit's tooling,
# other compilers.
#
# usage: graft.sh TREE     into a Linux 6.12 source tree of yours
#        graft.sh --check  into a copy of the rig's kernel source, and build ours there
#
# What happens to the tree:
#   drivers/vfio                      replaced; our test driver goes to drivers/vfio/vtest
#   drivers/scsi/cxlflash             replaced; our test owner and benchmark go to cxtest and bench in it
#   drivers/cxl                       ours is added as drivers/cxl_memdev, if we have one
#   include/linux/{vfio,mdev}.h       replaced, and our other headers added
#   samples/vfio-mdev                 ours are added
# Doing it again brings the tree up to date.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=../testing/lib/common.sh
. "$here/../testing/lib/common.sh"

repo=$(repo_dir)

# add_line FILE LINE: at the end, unless it is there.  Written anew, because the file may be a hard link.
add_line() {
	grep -qxF "$2" "$1" && return 0
	{ cat "$1"; echo "$2"; } >"$1.new"
	mv "$1.new" "$1"
}

# add_before FILE REGEX LINE: before the last line that matches
add_before() {
	grep -qxF "$3" "$1" && return 0
	awk -v re="$2" -v new="$3" '
		{ line[NR] = $0; if ($0 ~ re) last = NR }
		END { for (i = 1; i <= NR; i++) { if (i == last) print new; print line[i] } }' "$1" >"$1.new"
	mv "$1.new" "$1"
}

# replace DIR TARGET: only sources, no objects
replace() {
	rm -rf "${tree:?}/$2"
	mkdir -p "$tree/$2"
	(cd "$repo/$1" && find . -type f \( -name '*.[chS]' -o -name Makefile -o -name Kconfig -o -name .kunitconfig \) -print0 |
		tar -cf - --null -T -) | tar -xf - -C "$tree/$2"
}

graft_headers() {
	local file

	(cd "$repo/include" && find . -type f -name '*.h' -printf '%P\n') | while read -r file; do
		mkdir -p "$tree/include/$(dirname "$file")"
		cp --remove-destination "$repo/include/$file" "$tree/include/$file"
	done
}

# shellcheck disable=SC2016 # lines of a Makefile
graft_vfio() {
	replace drivers/vfio drivers/vfio
	replace tools/testing/vtest drivers/vfio/vtest
	sed -i 's,^endif$,source "drivers/vfio/vtest/Kconfig"\n\nendif,' "$tree/drivers/vfio/Kconfig"
	add_line "$tree/drivers/vfio/Makefile" 'obj-$(CONFIG_VFIO_TEST_DRIVER) += vtest/'
}

# shellcheck disable=SC2016 # lines of a Makefile
graft_cxl() {
	if [ -d "$repo/drivers/scsi/cxlflash" ]; then
		replace drivers/scsi/cxlflash drivers/scsi/cxlflash
		replace tools/testing/cxtest drivers/scsi/cxlflash/cxtest
		replace tools/bench drivers/scsi/cxlflash/bench
		add_line "$tree/drivers/scsi/cxlflash/Kconfig" 'source "drivers/scsi/cxlflash/cxtest/Kconfig"'
		add_line "$tree/drivers/scsi/cxlflash/Kconfig" 'source "drivers/scsi/cxlflash/bench/Kconfig"'
		add_line "$tree/drivers/scsi/cxlflash/Makefile" 'obj-$(CONFIG_CXLFLASH_TEST_OWNER) += cxtest/'
		add_line "$tree/drivers/scsi/cxlflash/Makefile" 'obj-$(CONFIG_CXLFLASH_BENCH) += bench/'
	fi
	if [ -d "$repo/drivers/cxl" ]; then
		replace drivers/cxl drivers/cxl_memdev
		add_line "$tree/drivers/Makefile" 'obj-$(CONFIG_CXL_MEMDEV) += cxl_memdev/'
		add_before "$tree/drivers/Kconfig" '^endmenu' 'source "drivers/cxl_memdev/Kconfig"'
	fi
}

# shellcheck disable=SC2016 # lines of a Makefile
graft_samples() {
	local file line

	for file in "$repo"/samples/vfio-mdev/*.[ch] "$repo/samples/vfio-mdev/Kconfig"; do
		[ ! -e "$file" ] || cp --remove-destination "$file" "$tree/samples/vfio-mdev/"
	done
	grep -v '^#' "$repo/samples/vfio-mdev/Makefile" | while read -r line; do
		[ -z "$line" ] || add_line "$tree/samples/vfio-mdev/Makefile" "$line"
	done
	add_line "$tree/samples/Makefile" 'obj-$(CONFIG_SAMPLE_VFIO_MDEV_MRAM) += vfio-mdev/'
	add_before "$tree/samples/Kconfig" '^endif' 'source "samples/vfio-mdev/Kconfig"'
}

graft() {
	[ -e "$tree/samples/Kconfig" ] || die "$tree is no kernel source tree"
	grep -q '^PATCHLEVEL = 12$' "$tree/Makefile" || warn "$tree is not Linux 6.12, which these sources are for"
	graft_headers
	graft_vfio
	graft_cxl
	graft_samples
}

our_options() {
	sed -nE 's/^export (CONFIG_[A-Z0-9_]+) :=.*/\1/p' "$repo/Makefile"
}

# The options that a build with everything of ours has.
options() {
	cat "$repo/tools/testing/vm/debug.config"
	our_options | sed 's/$/=m/'
	echo CONFIG_SAMPLES=y
	echo CONFIG_SCSI=m
	echo CONFIG_CONFIGFS_FS=y
	echo CONFIG_DAX=y
	echo CONFIG_KUNIT=m
}

check_options() {
	local option bad=0

	while read -r option; do
		grep -q "^$option=[my]" "$1/.config" || { echo "$option is lost by olddefconfig"; bad=1; }
	done < <(our_options)
	return "$bad"
}

# Hard links: the copy costs no space and no time, and nothing is written through them.
check() {
	local source out

	source=$("$repo/tools/testing/vm/kernel.sh" source)
	tree=$(cache_dir)/graft/tree
	out=$(cache_dir)/graft/build
	rm -rf "$tree"
	mkdir -p "$out"
	cp -al "$source" "$tree"
	graft
	options >"$out/ours.config"
	make -s -C "$tree" O="$out" tinyconfig >/dev/null
	(cd "$out" && "$tree/scripts/kconfig/merge_config.sh" -m -O "$out" .config ours.config >/dev/null)
	make -s -C "$tree" O="$out" olddefconfig >/dev/null
	check_options "$out"
	nice make -s -C "$tree" O="$out" -j"$(nproc)" W=1 KCFLAGS=-Werror drivers/vfio/ drivers/scsi/cxlflash/ samples/vfio-mdev/
	[ -e "$out/drivers/vfio/vfio.o" ] || die "drivers/vfio was not built"
	[ -e "$out/drivers/scsi/cxlflash/cxlflash.o" ] || die "drivers/scsi/cxlflash was not built"
}

case ${1:-} in
--check) with_lock graft check ;;
'' | -*) die "usage: graft.sh TREE; graft.sh --check (make graft TREE=DIR)" ;;
*)
	tree=$(cd "$1" && pwd -P)
	graft
	;;
esac
