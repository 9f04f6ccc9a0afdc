#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The options that Makefile sets for an external build, those that Kconfig offers and those that the directories'
# Makefiles use must be the same names.  Prints the differences; silent if there are none.
set -euo pipefail
cd "$(dirname "$0")/../.."

ours='VFIO|VFIO_[A-Z0-9_]+|SAMPLE_VFIO_[A-Z0-9_]+|CXLFLASH[A-Z0-9_]*|CXL_MEMDEV[A-Z0-9_]*'

set_by_makefile() {
	sed -nE 's/^export CONFIG_([A-Z0-9_]+) :=.*/\1/p' Makefile | sort -u
}

kconfig_files() {
	find . -name Kconfig -not -path './build/*' -not -path './.git/*'
}

offered_by_kconfig() {
	kconfig_files | xargs sed -nE 's/^(menu)?config ([A-Z0-9_]+)$/\2/p' | sort -u
}

used_by_kbuild() {
	find Makefile drivers samples tools -name Makefile -print0 | xargs -0 grep -hoE "CONFIG_($ours)\b" | sed 's/^CONFIG_//' | sort -u
}

# differ WHAT FILE FILE: lines only in one of two lists
differ() {
	comm -23 "$2" "$3" | sed "s/^/CONFIG_/; s/\$/: $1/"
}

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
set_by_makefile >"$tmp/make"
offered_by_kconfig >"$tmp/kconfig"
used_by_kbuild >"$tmp/used"
{
	differ 'set in Makefile, not in any Kconfig' "$tmp/make" "$tmp/kconfig"
	differ 'in a Kconfig, not set in Makefile' "$tmp/kconfig" "$tmp/make"
	differ 'used by a Makefile, not in any Kconfig' "$tmp/used" "$tmp/kconfig"
	# Every Kconfig is reached from the top one.
	kconfig_files | sed 's,^\./,,' | grep -vx Kconfig | while read -r file; do
		kconfig_files | xargs grep -qF "source \"$file\"" || echo "$file: no Kconfig sources it"
	done
} >"$tmp/out"
cat "$tmp/out"
[ ! -s "$tmp/out" ]
