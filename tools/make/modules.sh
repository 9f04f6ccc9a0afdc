#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Build the modules for this machine's kernel, in a copy of the sources, and install them where modprobe prefers them.
#
# usage: modules.sh build|install|uninstall
# Reads KDIR (headers of the kernel to build for) and INSTALL_MOD_PATH (a root other than /).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=../testing/lib/common.sh
. "$here/../testing/lib/common.sh"

repo=$(repo_dir)
kdir=${KDIR:-/lib/modules/$(uname -r)/build}
root=${INSTALL_MOD_PATH:-}
copy=$repo/build/host
# A directory of its own, so that it can be taken away again.
subdir=updates/vfio-mdev

need_kdir() {
	[ -e "$kdir/Makefile" ] ||
		die "no kernel headers in $kdir; on Debian: apt install linux-headers-$(uname -r), or say KDIR=..."
	release=$(make -s -C "$kdir" kernelrelease)
}

build() {
	need_kdir
	mkdir -p "$copy"
	(cd "$repo" && rsync -a --delete --prune-empty-dirs --filter='P *.mod.c' --include='*/' --include='*.[ch]' \
		--include=Makefile --exclude='*' Makefile drivers include samples "$copy/")
	# Objects of another kernel do not fit; Kbuild does not notice.
	if [ "$(cat "$copy/.release" 2>/dev/null)" != "$release" ]; then
		find "$copy" -type f \( -name '*.o' -o -name '.*.cmd' -o -name '*.ko' -o -name '*.mod*' \) -delete
		echo "$release" >"$copy/.release"
	fi
	make -C "$kdir" M="$copy" -j"$(nproc)" modules
	echo "The modules for $release:"
	find "$copy" -name '*.ko' | sort | sed 's/^/  /'
}

install_modules() {
	local -a sign=()

	build
	# A distribution's headers come without its key; do not try to sign, and say so below.
	[ -e "$kdir/certs/signing_key.pem" ] || sign=(CONFIG_MODULE_SIG_ALL=)
	as_root make -C "$kdir" M="$copy" INSTALL_MOD_DIR="$subdir" INSTALL_MOD_PATH="$root" "${sign[@]}" modules_install
	as_root depmod ${root:+-b "$root"} "$release"
	cat <<-END

	Installed in $root/lib/modules/$release/$subdir, which modprobe prefers.

	What this means until "make uninstall":
	- vfio.ko, mdev.ko and vfio_iommu_type1.ko are these, not the distribution's.
	- The distribution's vfio-pci and kvmgt do not load on them: the symbols'
	  checksums differ, and modprobe says "disagrees about version of symbol".
	  Physical devices cannot be passed through meanwhile.
	- With Secure Boot the modules must be signed with a key that the kernel knows.
	- If vfio is in the initramfs, make that again: update-initramfs -u.
	END
	if [ -z "$root" ] && [ -e /sys/module/vfio ]; then
		echo "A vfio module is loaded now: unload it and what uses it, or reboot, to get these."
	fi
}

uninstall() {
	need_kdir
	as_root rm -rf "$root/lib/modules/$release/$subdir"
	as_root depmod ${root:+-b "$root"} "$release"
	echo "The distribution's modules are back for $release."
	if [ -z "$root" ] && [ -e /sys/module/vfio ]; then
		echo "The vfio module that is loaded stays until it is unloaded, or until a reboot."
	fi
}

case ${1:-} in
build) build ;;
install) install_modules ;;
uninstall) uninstall ;;
*) die "usage: modules.sh build|install|uninstall" ;;
esac
