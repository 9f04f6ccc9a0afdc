# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What run.sh and shell.sh share: the modules, the initramfs and the command line of a VM.  Source it, do not run it.
# Callers set kernel (stock or debug), run_dir, mem, smp, append and the array qemu_args.
# shellcheck disable=SC2154,SC2034,SC2054 # variables of the callers; commas of QEMU's

vm_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=../lib/common.sh
. "$vm_dir/../lib/common.sh"

repo=$(repo_dir)

# The parts of the distribution's kernel that tests may want: a tenth of it, so that depmod takes no time.
# Not drivers/vfio: those modules are what ours replace.
STOCK_PARTS=(
	arch/x86 block crypto fs/9p fs/configfs fs/ext4 fs/xfs fs/jbd2 fs/mbcache.ko fs/netfs fs/overlayfs fs/fuse
	drivers/block/brd.ko drivers/block/loop.ko drivers/block/null_blk drivers/block/virtio_blk.ko
	drivers/acpi/nfit drivers/crypto/ccp drivers/char/hw_random drivers/char/virtio_console.ko drivers/cxl drivers/dax drivers/md
	drivers/nvdimm drivers/nvme drivers/scsi/scsi_mod.ko drivers/scsi/scsi_common.ko drivers/scsi/scsi_debug.ko
	drivers/scsi/sd_mod.ko drivers/scsi/sg.ko drivers/scsi/virtio_scsi.ko drivers/target drivers/uio drivers/virtio
	lib net/9p virt mm
)

stock_parts() {
	local part match

	for part in "${STOCK_PARTS[@]}"; do
		for match in "$1/$part" "$1/$part".*; do
			[ ! -e "$match" ] || echo "$part${match#"$1/$part"}"
		done
	done
}

# modules_base DIR OUT: what of the kernel below DIR the VM has as its own; done once for each kernel.
modules_base() {
	local dir=$1 out=$2 release=$3

	rm -rf "$out"
	mkdir -p "$out/lib/modules/$release/kernel"
	cp -p "$dir/lib/modules/$release"/modules.{builtin,builtin.modinfo,order} "$out/lib/modules/$release/"
	if [ "$kernel" = stock ]; then
		stock_parts "$dir/lib/modules/$release/kernel" |
			rsync -a -r --files-from=- "$dir/lib/modules/$release/kernel/" "$out/lib/modules/$release/kernel/"
	else
		rsync -a "$dir/lib/modules/$release/kernel/" "$out/lib/modules/$release/kernel/"
	fi
	/sbin/depmod -b "$out" "$release"
}

# prepare_modules: a module tree for this run's VM, ours in updates/.  Kept until the kernel or our modules change.
prepare_modules() {
	local dir=$1 out=$2 release tree ko=$repo/build/$kernel/ko

	release=$(cat "$dir/release")
	tree=$out/lib/modules/$release
	if [ "$(cat "$out/from" 2>/dev/null)" != "$dir" ]; then
		log "collecting the modules of $release"
		modules_base "$dir" "$out" "$release"
		echo "$dir" >"$out/from"
	fi
	mkdir -p "$tree/updates" "$ko"
	# itemized, so that no output means that nothing changed
	if [ -n "$(rsync -a -i --delete --include='*.ko' --exclude='*' "$ko/" "$tree/updates/")" ]; then
		/sbin/depmod -b "$out" "$release"
	fi
}

# The modules on the way to the root file system and what else is mounted early, in the order of insertion.
boot_modules() {
	local name

	for name in virtio_pci 9pnet_virtio 9p overlay virtio_console configfs; do
		/sbin/modprobe -d "$1" -S "$2" --show-depends "$name" | awk '$1 == "insmod" { print $2 }'
	done | awk '!seen[$0]++'
}

unpack_module() {
	case $1 in
	*.xz) xz -dc "$1" ;;
	*.zst) zstd -q -dc "$1" ;;
	*.gz) gzip -dc "$1" ;;
	*) cat "$1" ;;
	esac
}

# make_initramfs MODULES RELEASE OUT
make_initramfs() {
	local stage file name

	stage=$(mktemp -d)
	mkdir -p "$stage"/{bin,dev,proc,sys,host,over,new,modules}
	cp "$(command -v busybox)" "$stage/bin/busybox"
	cp "$vm_dir/initramfs.sh" "$stage/init"
	chmod 755 "$stage/init"
	: >"$stage/modules/order"
	while read -r file; do
		name=$(basename "${file%.ko*}").ko
		unpack_module "$file" >"$stage/modules/$name"
		echo "$name" >>"$stage/modules/order"
	done < <(boot_modules "$1" "$2")
	(cd "$stage" && find . | cpio --quiet -o -H newc -R 0:0) >"$3.new"
	mv "$3.new" "$3"
	rm -rf "$stage"
}

# prepare_vm: everything that the VM boots from.  Sets kernel_dir, modules_dir, initramfs.
prepare_vm() {
	kernel_dir=$("$vm_dir/kernel.sh" "$kernel")
	modules_dir=$repo/build/vm/$kernel
	initramfs=$modules_dir/initramfs.cpio
	mkdir -p "$modules_dir"
	with_lock "modules-$(cksum <<<"$modules_dir" | cut -d ' ' -f 1)" prepare_files
}

prepare_files() {
	prepare_modules "$kernel_dir" "$modules_dir/modules"
	if [ ! -e "$initramfs" ] || [ "$initramfs" -ot "$vm_dir/initramfs.sh" ] ||
	   [ "$initramfs" -ot "$modules_dir/modules/from" ] || [ "$initramfs" -ot "$vm_dir/qemu.sh" ]; then
		make_initramfs "$modules_dir/modules" "$(cat "$kernel_dir/release")" "$initramfs"
	fi
}

# The environment that init.sh reads.
write_env() {
	printf '%s=%q\n' RIG_REPO "$repo" RIG_CACHE "$(cache_dir)" RIG_KERNEL "$kernel" \
		RIG_MODULES "$modules_dir/modules" RIG_KO "$repo/build/$kernel/ko" \
		RIG_SPLAT_CHECK "$1" RIG_SHELL "$2" >"$run_dir/env"
}

# MiB of memory that the VM has besides, as persistent memory.  Until nd_e820 and nd_pmem are loaded it costs nothing.
PMEM_MIB=512

# in_mib SIZE: as QEMU understands it
in_mib() {
	case $1 in
	*[Gg]) echo $((${1%?} << 10)) ;;
	*[Mm]) echo "${1%?}" ;;
	*) echo "$1" ;;
	esac
}

# pmem_start MIB: where the last PMEM_MIB begin.  Memory of which 2816 MiB or more are wanted goes on at 4 GiB after 2.
pmem_start() {
	if [ $(($1 + PMEM_MIB)) -lt 2816 ]; then
		echo "$1"
	else
		echo $(($1 + 2048))
	fi
}

command_line() {
	local line="console=ttyS0 panic=-1 reboot=t mitigations=off tsc=reliable no_timer_check nokaslr"

	line+=" apparmor=0 audit=0 random.trust_cpu=on log_buf_len=4M loglevel=4 rig.init=$vm_dir/init.sh"
	line+=" memmap=${PMEM_MIB}M!$(pmem_start "$(in_mib "$mem")")M"
	if [ "$kernel" = debug ]; then
		line+=" panic_on_warn=1 oops=panic loglevel=5 kmemleak=on"
	fi
	echo "$line${append:+ $append}"
}

# The firmware that does the least, if the distribution has it.
firmware() {
	local file

	for file in /usr/share/qemu/qboot.rom /usr/share/seabios/qboot.rom; do
		if [ -e "$file" ]; then
			echo "-bios $file"
			return 0
		fi
	done
}

# qemu_command: fills the array qemu.
qemu_command() {
	# shellcheck disable=SC2207 # two words
	qemu=(
		"${VFIO_RIG_QEMU:-qemu-system-x86_64}" -M "q35,accel=${VFIO_RIG_ACCEL:-tcg}" -cpu "${VFIO_RIG_CPU:-max,+svm}"
		-smp "$smp" -m "$(($(in_mib "$mem") + PMEM_MIB))M" -nodefaults -no-user-config -display none -no-reboot $(firmware)
		-kernel "$kernel_dir/boot-image" -initrd "$initramfs" -append "$(command_line)"
		-fsdev "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap"
		-device virtio-9p-pci,fsdev=root,mount_tag=root
		-fsdev "local,id=job,path=$run_dir,security_model=none"
		-device virtio-9p-pci,fsdev=job,mount_tag=job
		-device virtio-rng-pci
		${qemu_args[0]+"${qemu_args[@]}"}
	)
}
