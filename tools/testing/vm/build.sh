#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Build the modules against a kernel of the rig, in a copy of the sources, and the user-space tests.
#
# usage: build.sh stock|debug [VARIABLE=VALUE]...     prints the directory of the .ko files
#        build.sh selftests
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=../lib/common.sh
. "$here/../lib/common.sh"

repo=$(repo_dir)

# Sources that have gone from the repository go from the copy too; what Kbuild made there stays.
sync_sources() {
	local dir=$1 part
	local -a parts=()

	mkdir -p "$dir"
	cd "$repo"
	for part in Makefile Kbuild Kconfig drivers include compat-include samples tools; do
		[ ! -e "$part" ] || parts+=("$part")
	done
	rsync -a --delete --filter='P *.o' --filter='P *.ko' --filter='P *.mod' --filter='P *.mod.c' --filter='P .*.cmd' \
		--filter='P modules.order' --filter='P Module.symvers' --filter='P *.o.d' --filter='P .modules.order.cmd' \
		--filter='P /ko' --exclude='__pycache__' "${parts[@]}" "$dir/"
}

# Objects whose source has gone would otherwise be linked by nobody and collected by find.
collect() {
	local dir=$1 file
	local -a wanted=()

	mkdir -p "$dir/ko"
	while read -r file; do
		file=${file%.o}
		file=${file%.ko}.ko
		[ -e "$dir/$file" ] || [ ! -e "$file" ] || file=${file#"$dir/"}
		wanted+=("$dir/$file")
	done <"$dir/modules.order"
	rm -rf "$dir/ko.new"
	mkdir "$dir/ko.new"
	if [ ${#wanted[@]} -gt 0 ]; then
		cp -p "${wanted[@]}" "$dir/ko.new/"
		# Debug information is most of a module, and a VM reads it at every load.
		strip --strip-debug --preserve-dates "$dir"/ko.new/*.ko
	fi
	rsync -a --delete "$dir/ko.new/" "$dir/ko/"
	rm -rf "$dir/ko.new"
}

build_modules() {
	local kernel=$1 kdir=$2 dir=$repo/build/$1
	local -a options=(VFIO_TESTS=y)
	shift 2

	[ "$kernel" != debug ] || options+=(VFIO_KUNIT=y)
	sync_sources "$dir"
	log "building the modules for the $kernel kernel"
	make -C "$kdir" M="$dir" -j"$(nproc)" W=1 "${options[@]}" "$@" modules >&2
	collect "$dir"
}

build_selftests() {
	local src=$1 out=$repo/build/selftests suite

	mkdir -p "$out"
	log "building the user-space tests"
	for suite in "$repo"/tools/testing/selftests/*/Makefile; do
		make -s -C "$(dirname "$suite")" KSRC="$src" OUTPUT="$out" >&2
	done
}

main() {
	local what=${1:-} kdir src

	case $what in
	stock | debug)
		shift
		kdir=$("$here/kernel.sh" kdir "$what")
		with_lock "build-$what-$(cksum <<<"$repo" | cut -d ' ' -f 1)" build_modules "$what" "$kdir" "$@"
		echo "$repo/build/$what/ko"
		;;
	selftests)
		src=$("$here/kernel.sh" source)
		with_lock "build-selftests-$(cksum <<<"$repo" | cut -d ' ' -f 1)" build_selftests "$src"
		echo "$repo/build/selftests"
		;;
	*)
		die "usage: build.sh stock|debug [VARIABLE=VALUE]...; build.sh selftests"
		;;
	esac
}

main "$@"
