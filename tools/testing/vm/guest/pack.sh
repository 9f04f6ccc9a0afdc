# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Put programs of this machine, with the libraries that they need, into the root directory of a guest, and that into an
# initramfs.  Source it.

# Libraries that fio is linked with for engines that no guest uses: of hundred megabytes.
PACK_UNUSED='librbd|librados|libgfapi|libnbd|libibverbs|librdmacm|libpmem|libpmemblk|libcurl|libiscsi|libnfs|libdaos|libdfs'

# pack_file FILE ROOT
pack_file() {
	[ -e "$2/$1" ] || install -D -m 755 "$(readlink -f "$1")" "$2/$1"
}

# The libraries that a program names, as "name path".
pack_needed() {
	ldd "$1" | awk '$2 == "=>" && $3 ~ /^\// { print $1, $3 } $1 ~ /^\/.*ld-/ { print $1, $1 }'
}

# Those that it names itself, without those that only these need.
pack_direct() {
	readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'
}

# pack_program PROGRAM ROOT
pack_program() {
	local program=$1 root=$2 name path

	install -D -m 755 "$(readlink -f "$(command -v "$program")")" "$root/bin/${program##*/}"
	while read -r name path; do
		pack_file "$path" "$root"
	done < <(pack_needed "$(command -v "$program")")
}

# Symbols that nobody of ROOT has: functions that are never called, with the versions that are asked for.
pack_stubs() {
	local program=$1 root=$2 out=$3 symbol version

	nm -D --undefined-only "$program" | awk '$1 == "U" { print $2 }' | sort -u >"$out.wanted"
	find "$root" -name '*.so*' -exec nm -D --defined-only {} + 2>/dev/null |
		awk 'NF >= 3 { sub(/@@/, "@", $3); print $3; sub(/@.*/, "", $3); print $3 }' | sort -u >"$out.have"
	: >"$out.c"
	: >"$out.versions"
	comm -23 "$out.wanted" "$out.have" | while IFS=@ read -r symbol version; do
		echo "void $symbol(void); void $symbol(void) { __builtin_trap(); }" >>"$out.c"
		[ -z "$version" ] || echo "$version { global: $symbol; };" >>"$out.versions"
	done
	pack_merge_versions "$out.versions" >"$out.map"
	gcc -shared -fPIC -fno-builtin -w -Wl,--version-script="$out.map" -o "$out" "$out.c"
}

# One node for each version.
pack_merge_versions() {
	awk '{ names[$1] = names[$1] " " $4 }
		END { for (v in names) print v " { global:" names[v] " };" }' "$1"
}

# pack_fio ROOT: fio, with one empty library in the place of those that are not used.
pack_fio() {
	local root=$1 fio name path work

	fio=$(command -v fio)
	work=$(mktemp -d)
	install -D -m 755 "$fio" "$root/bin/fio"
	while read -r name path; do
		[[ $name =~ ^($PACK_UNUSED)\. ]] || ! pack_direct "$fio" | grep -qxF "$name" || pack_file "$path" "$root"
	done < <(pack_needed "$fio")
	pack_stubs "$fio" "$root" "$work/unused.so"
	while read -r name; do
		if [[ $name =~ ^($PACK_UNUSED)\. ]]; then
			install -D -m 755 "$work/unused.so" "$root/lib/x86_64-linux-gnu/$name"
		fi
	done < <(pack_direct "$fio")
	rm -rf "$work"
}

# make_image ROOT FILE: an initramfs.
make_image() {
	(cd "$1" && find . | cpio --quiet -o -H newc -R 0:0) >"$2.new"
	mv "$2.new" "$2"
}
