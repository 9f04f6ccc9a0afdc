#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Who may include whom.  Prints every include that crosses a line the design draws; silent if there is none.
#
#   vfio            includes none of the others
#   vfio/type1      vfio's backend header, <linux/vfio.h>; not vfio.ko's private vfio.h
#   vfio/mdev       <linux/mdev.h>, <linux/vfio.h> (to announce a removal); no private header of vfio
#   samples, vtest  <linux/vfio.h>, <linux/mdev.h>; no private header
#   type1's iova    pure: no header of VFIO, of a device or of memory management
#   scsi/cxlflash   <linux/cxlflash_afu.h>; nothing of afu/, VFIO
#   cxlflash/afu    none of the others; its parsers, rings, limits: not even afu.h
#   include/        no header of drivers/
set -euo pipefail
cd "$(dirname "$0")/../.."

bad=0

# includes DIR: "file:line:header", of the files right in DIR and its tests/
includes() {
	find "$1" "$1/tests" -maxdepth 1 -name '*.[ch]' 2>/dev/null | sort | while read -r file; do
		grep -nHoE '^[[:space:]]*#[[:space:]]*include[[:space:]]+[<"][^>"]+' "$file" |
			sed -E 's/#[[:space:]]*include[[:space:]]+//' || true
	done
}

# forbid DIR REGEX WHY: the headers, with their opening character, that no file there may include
forbid() {
	local hits

	[ -d "$1" ] || return 0
	hits=$(includes "$1" | grep -E ":[[:space:]]*$2" || true)
	[ -n "$hits" ] || return 0
	while read -r hit; do
		echo "$hit: $3"
	done <<<"$hits"
	bad=1
}

# forbid_file FILE REGEX WHY
forbid_file() {
	local hits

	[ -f "$1" ] || return 0
	hits=$(grep -nHE "^[[:space:]]*#[[:space:]]*include[[:space:]]+$2" "$1" || true)
	[ -n "$hits" ] || return 0
	echo "$hits: $3"
	bad=1
}

forbid drivers/vfio '[<"](linux/mdev\.h|linux/cxlflash|.*type1/|.*mdev/|iova\.h)' \
	'vfio includes none of the others'
forbid drivers/vfio/type1 '"(\.\./)+(vfio\.h|mdev/)|[<"](linux/mdev\.h|linux/cxlflash)' \
	'type1 sees vfio through backend.h and <linux/vfio.h> only'
forbid drivers/vfio/mdev '"(\.\./)|[<"](linux/cxlflash)' \
	'mdev includes no private header of vfio'
for dir in samples/vfio-mdev tools/testing/vtest; do
	forbid "$dir" '"(\.\./)' 'a driver uses the headers in include/ only'
done
forbid drivers/scsi/cxlflash '[<"](.*afu/|linux/(vfio|mdev)\.h)' \
	'the SCSI host sees an adapter through <linux/cxlflash_afu.h> only'
forbid drivers/scsi/cxlflash/afu '"(\.\./)+(cxlflash\.h|vfio)|[<"](linux/(vfio|mdev)\.h)' \
	'the AFU includes none of the others'
for dir in tools/testing/cxtest tools/bench; do
	forbid "$dir" '"(\.\./)|[<"]linux/(vfio|mdev)\.h' 'an owner of contexts uses <linux/cxlflash_afu.h> only'
done
for file in cdb.c cdb.h arcb.c arcb.h ring.h limit.c limit.h table_fmt.c; do
	forbid_file "drivers/scsi/cxlflash/afu/$file" '"(afu|\.\./).*' 'pure logic does not know the adapter'
done
forbid include/linux '[<"](\.\./|.*drivers/)' 'public headers include none of drivers/'
for file in drivers/vfio/type1/iova.c drivers/vfio/type1/iova.h; do
	forbid_file "$file" '[<"](\.\./.*|linux/(vfio|mdev|mm|device|sched|uaccess)\.h)' \
		'the range tree is pure'
done
exit "$bad"
