#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Fetch or build the kernels of the test rig.  Each subcommand does its work once, keeps the outcome in the cache,
# prints progress to stderr and one result to stdout.
#
# usage: kernel.sh version       the kernel's ABI name, e.g. 6.12.N+deb12-amd64
#        kernel.sh stock         a directory: boot-image, vmlinux, vmlinuz, release, lib/modules/RELEASE
#        kernel.sh headers       KDIR of the stock kernel
#        kernel.sh source        the unpacked source tree (read-only, please)
#        kernel.sh debug         a directory like stock's, and bzImage and build (KDIR)
#        kernel.sh guest         the same for the guest inside the VM
#        kernel.sh kdir KERNEL   KDIR of stock, debug or guest
#        kernel.sh qemu10        a QEMU 10 that is not installed (exit status 77 if the installed one is that new)
#        kernel.sh prune         remove from the cache what another version left behind
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=../lib/common.sh
. "$here/../lib/common.sh"

SERIES=6.12
cache=$(cache_dir)

#
# Which version
#

codename() {
	(. /etc/os-release && echo "${VERSION_CODENAME:?}")
}

version_file() {
	echo "$cache/version-$(codename)"
}

# version_field NAME: abi (6.12.N+deb12-amd64), deb (the package version of the binaries), source (that of the source),
# image (the package of the kernel image).
version_field() {
	sed -n "s/^$1=//p" "$(version_file)"
}

# Lines "package version" of all that this release offers and we could use.
offered() {
	local prefix
	local -a names

	mapfile -t names < <(
		for prefix in image headers kbuild; do
			apt-cache pkgnames "linux-$prefix-$SERIES."
		done | grep -E '\+deb[0-9]+(-amd64|-amd64-unsigned|-common)?$'
	)
	apt-cache madison "linux-source-$SERIES" ${names[0]+"${names[@]}"} |
		awk '/Packages$/ { print $1, $3 }' | sort -u
}

# complete ABI: print "deb image" if image, both headers and kbuild exist at one version.  Reads $offers.
complete() {
	local abi=$1 base=${1%-amd64} deb image

	while read -r deb; do
		grep -qxF "linux-headers-$base-common $deb" <<<"$offers" || continue
		grep -qxF "linux-kbuild-$base $deb" <<<"$offers" || continue
		for image in "linux-image-$abi" "linux-image-$abi-unsigned"; do
			if grep -qxF "$image $deb" <<<"$offers"; then
				echo "$deb $image"
				return 0
			fi
		done
	done < <(sed -n "s/^linux-headers-${abi//./\\.} //p" <<<"$offers" | sort -rV)
	return 1
}

# Newest ABI whose source is there too; failing that the newest ABI, and the newest source.
choose() {
	local abi found newest_source fallback=

	newest_source=$(sed -n "s/^linux-source-$SERIES //p" <<<"$offers" | sort -rV | head -n1)
	[ -n "$newest_source" ] || return 1
	while read -r abi; do
		found=$(complete "$abi") || continue
		if grep -qxF "linux-source-$SERIES ${found% *}" <<<"$offers"; then
			echo "$abi $found ${found% *}"
			return 0
		fi
		fallback=${fallback:-"$abi $found $newest_source"}
	done < <(sed -n -E 's/^linux-headers-(.*-amd64) .*/\1/p' <<<"$offers" | sort -rV -u)
	[ -n "$fallback" ] || return 1
	warn "no source package of the same version as any kernel; using $newest_source"
	echo "$fallback"
}

resolve() {
	local offers chosen abi deb image source

	apt_update_if_stale
	offers=$(offered || true)
	if ! chosen=$(choose); then
		apt_update || true
		offers=$(offered || true)
		chosen=$(choose) || return 1
	fi
	read -r abi deb image source <<<"$chosen"
	log "newest $SERIES kernel of $(codename): $abi ($deb, source $source)"
	printf '%s\n' "abi=$abi" "deb=$deb" "image=$image" "source=$source" >"$(version_file).new"
	mv "$(version_file).new" "$(version_file)"
}

# A resolved version holds for a day, or for as long as apt cannot be reached.
version() {
	if [ "$(age_of "$(version_file)")" -gt "${VFIO_RIG_VERSION_TTL:-86400}" ]; then
		if ! resolve; then
			[ -e "$(version_file)" ] || die "apt knows no complete $SERIES kernel of this release"
			warn "apt knows no $SERIES kernel; using the cached $(version_field abi)"
		fi
	fi
	version_field abi
}

#
# Packages
#

# fetch DIR PACKAGE=VERSION...: the .deb files, in DIR.  A version that has vanished from the mirror asks for new lists.
fetch() {
	local dir=$1
	shift

	mkdir -p "$dir"
	log "downloading $*"
	(cd "$dir" && apt-get -q -o APT::Sandbox::User=root -o Acquire::Retries=3 download "$@" </dev/null >&2) && return 0
	apt_update || true
	(cd "$dir" && apt-get -q -o APT::Sandbox::User=root -o Acquire::Retries=3 download "$@" </dev/null >&2) ||
		die "cannot download $*; remove $(version_file) to look for a newer version"
}

# unpack DIR PACKAGE=VERSION...: their files below DIR.
unpack() {
	local dir=$1 debs deb
	shift

	debs=$(mktemp -d "$cache/debs.XXXXXX")
	fetch "$debs" "$@"
	mkdir -p "$dir"
	for deb in "$debs"/*.deb; do
		dpkg -x "$deb" "$dir"
	done
	rm -rf "$debs"
}

# fresh DIR: an empty DIR.new to fill; finish DIR moves it into place.
fresh() {
	rm -rf "$1.new"
	mkdir -p "$1.new"
}

finish() {
	rm -rf "$1"
	mv "$1.new" "$1"
}

# Debian 13 ships its modules below usr/lib.
merge_usr() {
	if [ ! -e "$1/lib" ] && [ -d "$1/usr/lib" ]; then
		ln -s usr/lib "$1/lib"
	fi
}

#
# The stock kernel, its headers, its source
#

make_stock() {
	local dir=$1 abi=$2 src

	[ ! -e "$dir/boot-image" ] || return 0
	src=$(source_tree)
	log "unpacking the stock kernel $abi"
	mkdir -p "${dir%/*}"
	fresh "$dir"
	unpack "$dir.new" "$(version_field image)=$(version_field deb)"
	merge_usr "$dir.new"
	ln -s "boot/vmlinuz-$abi" "$dir.new/vmlinuz"
	"$src/scripts/extract-vmlinux" "$dir.new/vmlinuz" >"$dir.new/vmlinux"
	ln -s vmlinux "$dir.new/boot-image"
	log "depmod for $abi"
	/sbin/depmod -b "$dir.new" "$abi"
	echo "$abi" >"$dir.new/release"
	finish "$dir"
}

stock() {
	local abi dir

	abi=$(version)
	dir=$cache/stock/$abi
	with_lock stock make_stock "$dir" "$abi"
	echo "$dir"
}

# The packages expect to live below /usr; the one absolute path in them that matters is in the flavour's Makefile.
make_headers() {
	local dir=$1 abi=$2 base=${2%-amd64} deb

	[ ! -e "$dir/done" ] || return 0
	log "unpacking the headers of $abi"
	deb=$(version_field deb)
	fresh "$dir"
	unpack "$dir.new" "linux-headers-$abi=$deb" "linux-headers-$base-common=$deb" "linux-kbuild-$base=$deb"
	sed -i "s|/usr/src/|$dir/usr/src/|g" "$dir.new/usr/src/linux-headers-$abi/Makefile"
	finish "$dir"
	try_kdir "$dir/usr/src/linux-headers-$abi"
	touch "$dir/done"
}

# A KDIR that builds nothing is found out here rather than in the middle of somebody's test.
try_kdir() {
	local kdir=$1 dir

	[ -e "$kdir/Module.symvers" ] || die "$kdir has no Module.symvers"
	dir=$(mktemp -d)
	echo 'obj-m := rig_trial.o' >"$dir/Makefile"
	printf '%s\n' '#include <linux/module.h>' 'MODULE_DESCRIPTION("trial");' 'MODULE_LICENSE("GPL");' >"$dir/rig_trial.c"
	if ! make -s -C "$kdir" M="$dir" modules >"$dir/log" 2>&1; then
		cat "$dir/log" >&2
		die "cannot build a module against $kdir"
	fi
	rm -rf "$dir"
}

headers() {
	local abi dir

	abi=$(version)
	dir=$cache/headers/$abi
	with_lock headers make_headers "$dir" "$abi"
	echo "$dir/usr/src/linux-headers-$abi"
}

make_source() {
	local dir=$1 debs

	[ ! -e "$dir/Makefile" ] || return 0
	mkdir -p "${dir%/*}"
	debs=$(mktemp -d "$cache/debs.XXXXXX")
	fetch "$debs" "linux-source-$SERIES=$(version_field source)"
	log "unpacking the source"
	fresh "$dir"
	dpkg-deb --fsys-tarfile "$debs"/*.deb |
		tar -x -O --wildcards "*/linux-source-$SERIES.tar.xz" |
		tar -x -J --strip-components=1 -C "$dir.new"
	finish "$dir"
	rm -rf "$debs"
}

source_tree() {
	local dir

	version >/dev/null
	dir=$cache/source/$(version_field source)/linux-source-$SERIES
	with_lock source make_source "$dir"
	echo "$dir"
}

#
# Kernels of our own
#

# Comments and order aside, what the kernel is made of.
kernel_key() {
	{
		version_field source
		gcc -dumpfullversion
		grep -E '^CONFIG_|^# CONFIG_.* is not set$' "$1" | sort
	} | sha256sum | cut -c 1-12
}

# check_config FRAGMENT CONFIG: name each line of FRAGMENT that did not come through.
check_config() {
	local line name bad=0

	while read -r line; do
		case $line in
		CONFIG_*=*)
			grep -qxF -- "$line" "$2" && continue
			;;
		"# CONFIG_"*" is not set")
			name=${line#\# }
			grep -q "^${name%% *}=" "$2" || continue
			;;
		*)
			continue
			;;
		esac
		printf 'error: %s: not in the resulting configuration: %s\n' "${1##*/}" "$line" >&2
		bad=1
	done <"$1"
	return "$bad"
}

configure() {
	local src=$1 obj=$2 fragment=$3

	make -s -C "$src" O="$obj" tinyconfig >/dev/null
	(cd "$obj" && "$src/scripts/kconfig/merge_config.sh" -m -O "$obj" "$obj/.config" "$fragment" >/dev/null)
	make -s -C "$src" O="$obj" olddefconfig
	check_config "$fragment" "$obj/.config" || die "fix ${fragment##*/}"
}

# compile NAME SRC OBJ: two cores need a quarter of an hour for the debug kernel, so say now and then how far it is.
compile() {
	local name=$1 src=$2 obj=$3 pid start

	start=$(date +%s)
	make -C "$src" O="$obj" -j"$(nproc)" bzImage vmlinux modules >"$obj/build.log" 2>&1 </dev/null &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		if (($(date +%s) - start > 30)); then
			log "$name kernel: $(wc -l <"$obj/build.log") steps after $(($(date +%s) - start)) s"
			sleep 30
		fi
		sleep 1
	done
	if ! wait "$pid"; then
		tail -n 40 "$obj/build.log" >&2
		die "the $name kernel does not build; all of it is in $obj/build.log"
	fi
	log "$name kernel: built in $(($(date +%s) - start)) s"
}

# An unfinished build is taken up where it stopped: only "release" says that it is complete.
make_kernel() {
	local name=$1 dir=$2 src=$3 obj=$2/build release

	[ ! -e "$dir/release" ] || return 0
	log "building the $name kernel (once; kept in $dir)"
	mkdir -p "$obj"
	configure "$src" "$obj" "$here/$name.config"
	compile "$name" "$src" "$obj"
	release=$(make -s -C "$src" O="$obj" kernelrelease)
	rm -rf "${dir:?}/lib"
	make -s -C "$src" O="$obj" INSTALL_MOD_PATH="$dir" modules_install >/dev/null
	ln -sfn build/vmlinux "$dir/vmlinux"
	ln -sfn build/arch/x86/boot/bzImage "$dir/bzImage"
	# KASAN instruments the code behind the PVH entry, which runs before its shadow exists.
	ln -sfn "$(grep -q '^CONFIG_KASAN=y' "$obj/.config" && echo bzImage || echo vmlinux)" "$dir/boot-image"
	try_kdir "$obj"
	echo "$release" >"$dir/release"
}

own_kernel() {
	local name=$1 src dir

	src=$(source_tree)
	dir=$cache/$name/$(kernel_key "$here/$name.config")
	with_lock "$name" make_kernel "$name" "$dir" "$src"
	echo "$dir"
}

kdir() {
	case $1 in
	stock) headers ;;
	debug | guest) echo "$(own_kernel "$1")/build" ;;
	*) die "unknown kernel '$1': stock, debug or guest" ;;
	esac
}

#
# QEMU 10
#

installed_qemu() {
	dpkg-query -W -f '${Version}' qemu-system-x86 2>/dev/null | sed 's/^[0-9]*://'
}

# Sources of this release and its backports, from the addresses that the machine's own apt uses.
backports_sources() {
	local keyring=/usr/share/keyrings/debian-archive-keyring.gpg

	# shellcheck disable=SC2016 # the names are apt's
	apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
		awk -v release="$(codename)" -v keyring="$(ls "$keyring" 2>/dev/null || true)" '
			$2 == release && !seen++ {
				by = keyring == "" ? "" : "[signed-by=" keyring "] "
				print "deb " by $1 " " release " main"
				print "deb " by $1 " " release "-backports main"
			}'
}

# Download what this machine lacks to install QEMU 10, dependencies included, with an apt of our own: the host's is
# neither changed nor asked for its locks.
fetch_qemu10() {
	local apt=$1/apt
	local -a options=(
		-o "Dir::Etc::SourceList=$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
		-o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null
		-o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o Debug::NoLocking=true
		-o Acquire::Retries=3 -o APT::Sandbox::User=root -o APT::Update::Post-Invoke-Success::=
	)

	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
	backports_sources >"$apt/sources.list"
	[ -s "$apt/sources.list" ] || die "this machine's apt sources do not name $(codename)"
	apt-get -q "${options[@]}" update </dev/null >&2
	apt-get -q -y "${options[@]}" --no-install-recommends --download-only \
		-t "$(codename)-backports" install qemu-system-x86 seabios </dev/null >&2
}

write_wrapper() {
	cat >"$2" <<-END
		#!/bin/sh
		# Made by kernel.sh: QEMU 10, with its own libraries, modules and firmware.
		top=$1
		export LD_LIBRARY_PATH="\$top/usr/lib/x86_64-linux-gnu\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
		export QEMU_MODULE_DIR="\$top/usr/lib/x86_64-linux-gnu/qemu"
		exec "\$top/usr/bin/qemu-system-x86_64" -L "\$top/usr/share/qemu" -L "\$top/usr/share/seabios" -L /usr/share/seabios "\$@"
	END
	chmod 755 "$2"
}

make_qemu10() {
	local dir=$1 deb

	[ ! -x "$dir/qemu-system-x86_64" ] || return 0
	log "fetching QEMU 10 from $(codename)-backports"
	fresh "$dir"
	fetch_qemu10 "$dir.new"
	for deb in "$dir.new"/apt/cache/archives/*.deb; do
		dpkg -x "$deb" "$dir.new"
	done
	rm -rf "$dir.new/apt"
	if LD_LIBRARY_PATH=$dir.new/usr/lib/x86_64-linux-gnu ldd "$dir.new/usr/bin/qemu-system-x86_64" | grep 'not found' >&2; then
		die "QEMU 10 lacks libraries"
	fi
	write_wrapper "$dir" "$dir.new/qemu-system-x86_64"
	finish "$dir"
	"$dir/qemu-system-x86_64" --version >&2
}

qemu10() {
	local installed dir

	installed=$(installed_qemu)
	if [ "${installed%%.*}" -ge 10 ] 2>/dev/null; then
		skip "the installed QEMU is $installed already"
	fi
	dir=$cache/qemu10/$(codename)
	mkdir -p "$cache/qemu10"
	with_lock qemu10 make_qemu10 "$dir"
	echo "$dir/qemu-system-x86_64"
}

#
# The cache
#

# Only directories that this script made, and never the ones that the current version uses.
prune() {
	local abi dir keep

	abi=$(version)
	keep=" $abi $(version_field source) $(kernel_key "$here/debug.config") $(kernel_key "$here/guest.config") "
	for dir in "$cache"/{stock,headers,source,debug,guest}/*; do
		if [ -d "$dir" ] && [[ $keep != *" ${dir##*/} "* ]]; then
			log "removing $dir"
			rm -rf "$dir"
		fi
	done
	echo "$cache"
}

main() {
	case ${1:-} in
	version | stock | headers | debug | guest | qemu10 | prune | source | kdir) ;;
	*) die "usage: kernel.sh version|stock|headers|source|debug|guest|kdir KERNEL|qemu10|prune" ;;
	esac
	case $1 in
	source) source_tree ;;
	debug | guest) own_kernel "$1" ;;
	kdir) kdir "${2:-}" ;;
	*) "$1" ;;
	esac
}

main "$@"
