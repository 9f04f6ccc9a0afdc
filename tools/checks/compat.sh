#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Source compatibility: drivers written against 6.12's <linux/vfio.h> and
# <linux/mdev.h> build against ours without a change.
#
# The kernel's own mdev samples and its vfio-pci are taken from the unpacked
# kernel source and built, unmodified, out of tree with our headers in front
# and our modules' symbols behind.  Nothing of them is kept.
#
# usage: compat.sh KDIR KSRC OURS   (OURS: built tree with Module.symvers)
set -euo pipefail

kdir=$1
ksrc=$2
ours=$3
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

# build NAME: the modules of the Makefile in $work/NAME
build() {
	local name=$1

	if ! make -C "$kdir" M="$work/$name" KBUILD_EXTRA_SYMBOLS="$ours/Module.symvers" modules \
		>"$work/$name.log" 2>&1; then
		echo "$name does not build against our headers:"
		grep -v '^  [A-Z]* \[M\]' "$work/$name.log" | tail -n 40
		bad=1
	fi
}

header() {
	printf 'NOSTDINC_FLAGS += -I%s/include\n' "$repo"
}

mkdir "$work/samples" "$work/vfio-pci"
cp "$ksrc"/samples/vfio-mdev/*.[ch] "$work/samples/"
{
	header
	echo 'obj-m := mtty.o mdpy.o mbochs.o'
} >"$work/samples/Makefile"

cp "$ksrc"/drivers/vfio/pci/*.[ch] "$work/vfio-pci/"
{
	header
	echo 'obj-m := vfio-pci-core.o vfio-pci.o'
	echo 'vfio-pci-core-y := vfio_pci_core.o vfio_pci_intrs.o'
	echo 'vfio-pci-core-y += vfio_pci_rdwr.o vfio_pci_config.o'
	echo 'vfio-pci-y := vfio_pci.o vfio_pci_igd.o'
} >"$work/vfio-pci/Makefile"

build samples
build vfio-pci
exit "$bad"
