#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Install what a tier of the tests needs, with apt, and only what is missing.
#
# usage: setup.sh build|vm|style|unit...
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=../lib/common.sh
. "$here/../lib/common.sh"

packages_of() {
	case $1 in
	build)
		echo build-essential flex bison bc libelf-dev libssl-dev \
			pahole rsync cpio kmod xz-utils zstd python3 util-linux
		# The compiler that Debian's kernel headers ask for by name.
		echo "gcc-$(default_gcc)"
		;;
	vm)
		echo qemu-system-x86 seabios busybox-static mdevctl kmod \
			cpio xz-utils zstd binutils rsync python3 procps iproute2
		# What the disks are tested with.
		echo fdisk dmsetup e2fsprogs xfsprogs fio sg3-utils
		;;
	style)
		echo sparse coccinelle codespell shellcheck reuse \
			clang clang-format python3 perl git
		# Coccinelle's scripts in Python look for the library by the name that linkers use.
		[ "$(release)" = 12 ] || echo libpython3-dev
		;;
	unit)
		echo gcc libc6-dev make python3
		# libasan and libubsan come with the compiler's own library package.
		echo "libgcc-$(default_gcc)-dev"
		;;
	bench)
		echo gcc libc6-dev liburing-dev
		;;
	*)
		die "unknown tier '$1': build, vm, style, unit or bench"
		;;
	esac
}

release() {
	(. /etc/os-release && echo "${VERSION_ID:-}")
}

# Debian 12 compiles its kernels with gcc-12, Debian 13 with gcc-14.
default_gcc() {
	case $(release) in
	12) echo 12 ;;
	*) echo 14 ;;
	esac
}

installed() {
	dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
		sed -n 's/^installed //p'
}

missing_of() {
	comm -23 <(printf '%s\n' "$@" | sort -u) <(installed "$@" | sort -u)
}

# shellcheck disable=SC2086 # package names are split on purpose
main() {
	local tier missing
	local -a want=()

	[ $# -gt 0 ] || die "usage: setup.sh build|vm|style|unit..."
	for tier in "$@"; do
		# shellcheck disable=SC2207 # package names hold no spaces
		want+=($(packages_of "$tier"))
	done
	# One word each from here on.
	missing=$(missing_of "${want[@]}")
	[ -n "$missing" ] || return 0
	apt_update_if_stale
	log "installing:" $missing
	# The lists may name versions that the mirror has dropped since.
	apt_get install --no-install-recommends $missing || {
		apt_update
		apt_get install --no-install-recommends $missing
	}
}

main "$@"
