#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Slices as an administrator sees them: types that come and go with LUNs, devices that are made, started again, resized
# and removed, their settings, mdevctl, and what is found again after all modules were unloaded.
#
#   adapters/sa --- port0/0 -> data      5 GiB in a file: 19 chunks of 256 MiB for slices
#             \---- port0/1 -> other     2 GiB in memory
#
# For root in a VM with the modules installed; removes every adapter and LUN that there is.
set -uo pipefail
export LC_ALL=C

# shellcheck source-path=SCRIPTDIR source=config_lib.sh
. "$(dirname "$0")/config_lib.sh"

STORM_SECONDS=${STORM_SECONDS:-5}
CLASS=/sys/class/mdev_bus
MDEVS=/sys/bus/mdev/devices
TYPES=$CLASS/sa/mdev_supported_types
DATA=$ROOT/luns/data
mdevctl_dir=/etc/mdevctl.d
GIB=$((1 << 30))

cleanup() {
	# Jobs may be stuck in there.
	fsfreeze -u "$scratch/files" 2>/dev/null
	kill_jobs
	wipe
	pmem_stop
	files_stop
	rm -rf "$scratch" "$mdevctl_dir/sa"
}

files_stop() {
	umount "$scratch/files" 2>/dev/null
	modprobe -qr brd
}

# What slices answer, too.
errno_of() {
	case $1 in
	*"Invalid argument"*) errno=EINVAL ;;
	*"File exists"*) errno=EEXIST ;;
	*"No space left on device"*) errno=ENOSPC ;;
	*"Device or resource busy"*) errno=EBUSY ;;
	*"No such device"*) errno=ENODEV ;;
	*"No such file or directory"*) errno=ENOENT ;;
	*"File name too long"*) errno=ENAMETOOLONG ;;
	*"Value too large for defined data type"*) errno=EOVERFLOW ;;
	*"Permission denied"*) errno=EACCES ;;
	*) errno=${1:-unknown} ;;
	esac
}

#
# LUNs and devices
#

# format_lun NAME: makes it a formatted and active one
format_lun() {
	expect_put 0 yes "$ROOT/luns/$1/format"
	expect_put 0 1 "$ROOT/luns/$1/active"
}

# The LUN's table is in the file, and stays there.
enable_data() {
	make_lun data store=file path="$scratch/data" size=0
}

make_data() {
	rm -f "$scratch/data"
	truncate -s 5G "$scratch/data"
	make_lun data store=file path="$scratch/data" size=0
	format_lun data
}

make_sa() {
	make_adapter sa host=0
	link_lun sa 0 0 data
	go_live
}

# When it is live, slices can be made.
go_live() {
	expect_put 0 1 $ROOT/adapters/sa/live
	[ "$(<$DATA/active)" = 0 ] || expect has_type data-rest
}

make_other() {
	make_lun other size=2G
	format_lun other
	link_lun sa 0 1 other
	expect wait_until 10 has_type other-rest
}

new_uuid() {
	local variable

	for variable in "$@"; do
		read -r "${variable?}" </proc/sys/kernel/random/uuid
	done
}

has_type() {
	[ -e "$TYPES/cxlflash-$1/create" ]
}

has_no_type() {
	[ ! -e "$TYPES/cxlflash-$1" ]
}

# expect_create ERRNO TYPE UUID
expect_create() {
	expect_put "$1" "$3" "$TYPES/cxlflash-$2/create"
}

expect_remove() {
	expect_put 0 1 "$MDEVS/$1/remove"
	expect_not test -e "$MDEVS/$1"
}

# expect_attr VALUE UUID ATTRIBUTE
expect_attr() {
	expect_get "$1" "$MDEVS/$2/$3"
}

# expect_set ERRNO VALUE UUID ATTRIBUTE
expect_set() {
	expect_put "$1" "$2" "$MDEVS/$3/$4"
}

# expect_available COUNT TYPE WHEN
expect_available() {
	local count=

	read -r count <"$TYPES/cxlflash-$2/available_instances"
	expect_eq "$count" "$1" "instances of $2 $3"
}

# expect_stored UUID CHUNKS: what the LUN's table says; no CHUNKS: it is not there
expect_stored() {
	local uuid chunks stored=

	while read -r uuid _ _ chunks _; do
		[ "$uuid" != "$1" ] || stored=$chunks
	done <$DATA/slices
	expect_eq "$stored" "${2:-}" "chunks of $1"
}

#
# Types
#

types_come_and_go_with_the_lun() {
	local size

	rm -f "$scratch/data"
	truncate -s 5G "$scratch/data"
	enable_data
	make_sa
	expect test -L $CLASS/sa
	expect_eq "$(echo $TYPES/*)" "$TYPES/*" "types while the LUN is raw"
	format_lun data
	for size in 1G 8G 64G rest; do
		expect wait_until 10 has_type data-$size
		expect_get vfio-pci $TYPES/cxlflash-data-$size/device_api
	done
	expect_get 'slice of LUN data, 8G' $TYPES/cxlflash-data-8G/name
	expect_get 'slice of LUN data, 8G (4864 MiB free)' $TYPES/cxlflash-data-8G/description
	expect_put 0 0 $DATA/active
	expect has_no_type data-1G
	expect_eq "$(echo $TYPES/*)" "$TYPES/*" "types when it is not active"
	expect_put 0 1 $DATA/active
	expect wait_until 10 has_type data-rest
	rm $ROOT/adapters/sa/port0/0/lun
	expect has_no_type data-rest
	expect_put 0 0 $ROOT/adapters/sa/live
	expect_not test -e $CLASS/sa
}

types_are_there_with_the_adapter() {
	make_data
	make_adapter sa host=0
	link_lun sa 0 0 data
	link_lun sa 1 7 data
	go_live
	expect_eq "$(echo $TYPES/* | wc -w)" 4 "types of a LUN behind two ports"
}

instances_are_what_is_free() {
	local a b

	make_data
	make_sa
	new_uuid a b
	expect_available 4 data-1G "at first"
	expect_available 0 data-8G "at first"
	expect_available 1 data-rest "at first"
	expect_create 0 data-1G "$a"
	expect_available 3 data-1G "after one"
	expect_available 1 data-rest "after one"
	expect_create ENOSPC data-8G "$b"
	expect_create 0 data-rest "$b"
	expect_attr $((15 * 256 << 20)) "$b" size
	expect_available 0 data-1G "when all is taken"
	expect_available 0 data-rest "when all is taken"
	# What is stored can be started, so mdevctl has to be told of an instance.
	expect_remove "$b"
	expect_available 1 data-1G "when one is not started"
	expect_available 1 data-64G "when one is not started"
	new_uuid a
	expect_create ENOSPC data-rest "$a"
	expect_create 0 data-1G "$b"
	expect_attr $((15 * 256 << 20)) "$b" size
	expect_available 0 data-64G "when all are started"
}

#
# Devices
#

a_slice_is_found_again() {
	local id

	make_data
	make_sa
	new_uuid id
	expect_create 0 data-1G "$id"
	expect_attr $GIB "$id" size
	expect_attr data "$id" lun
	expect_attr '' "$id" name
	expect_attr closed "$id" state
	expect grep -qE '^naa\.6[0-9a-f]{31}$' "$MDEVS/$id/wwid"
	expect_stored "$id" 4
	expect_create EEXIST data-8G "$id"
	expect_set 0 2G "$id" size
	expect_remove "$id"
	expect_stored "$id" 8
	expect_create 0 data-64G "$id"
	expect_attr $((2 * GIB)) "$id" size
	expect_put 0 "$id" /sys/bus/mdev/drivers/cxlflash_mdev/unbind
	expect_not test -e "$MDEVS/$id/size"
	expect_put 0 "$id" /sys/bus/mdev/drivers/cxlflash_mdev/bind
	expect_attr $((2 * GIB)) "$id" size
}

a_uuid_is_on_one_lun() {
	local id

	make_data
	make_sa
	make_other
	new_uuid id
	expect_create 0 data-1G "$id"
	expect_create EEXIST other-1G "$id"
	expect_remove "$id"
	expect_create EEXIST other-1G "$id"
	expect_create EEXIST other-rest "$id"
	expect_create 0 data-1G "$id"
	expect_create EINVAL data-1G 00000000-0000-0000-0000-000000000000
}

a_slice_is_resized() {
	local id other size

	make_data
	make_sa
	new_uuid id other
	expect_create 0 data-1G "$id"
	expect_create 0 data-1G "$other"
	expect_set 0 2G "$id" size
	expect_attr $((2 * GIB)) "$id" size
	expect_stored "$id" 8
	expect_available 1 data-1G "after growing"
	expect_set 0 $((3 * GIB + 4096)) "$id" size
	expect_attr $((3 * GIB + 4096)) "$id" size
	expect_stored "$id" 13
	expect_set ENOSPC 4G "$id" size
	expect_attr $((3 * GIB + 4096)) "$id" size
	expect_set 0 256M "$id" size
	expect_stored "$id" 1
	expect_available 3 data-1G "after shrinking"
	for size in 0 x '' 1g -1 $((GIB + 1)); do
		expect_set EINVAL "$size"$'\n' "$id" size
	done
	expect_set EOVERFLOW 99999999T "$id" size
	expect_attr $((256 << 20)) "$id" size
	expect_attr $GIB "$other" size
}

# set_in_background ERRNO VALUE UUID ATTRIBUTE: expect_set, which fails when it is waited for
set_in_background() {
	(
		bad=0
		expect_set "$@"
		exit "$bad"
	) &
}

has_ended() {
	! kill -0 "$1" 2>/dev/null
}

# The file system of the store is frozen: what is written there hangs, for as long as we like.
a_removal_does_not_wait_for_a_resize() {
	local id writer remover

	mkdir -p "$scratch/files"
	expect modprobe brd rd_nr=1 rd_size=$((100 << 10))
	expect mkfs.ext4 -q -F /dev/ram0
	expect mount /dev/ram0 "$scratch/files"
	truncate -s 5G "$scratch/files/data"
	make_lun data store=file path="$scratch/files/data" size=0
	format_lun data
	make_sa
	new_uuid id
	expect_create 0 data-1G "$id"
	expect fsfreeze -f "$scratch/files"
	set_in_background ENODEV 2G "$id" size
	writer=$!
	sleep 2
	expect kill -0 $writer
	expect_set 0 1 "$id" read_only
	expect_attr $GIB "$id" size
	set_in_background 0 1 "$id" remove
	remover=$!
	if ! wait_until 20 has_ended $remover; then
		complain "the removal waits for the resize"
		# And this test would wait for the removal.
		fsfreeze -u "$scratch/files"
	fi
	expect wait $remover
	expect wait $writer
	expect_create EBUSY data-1G "$id"
	expect_put EBUSY 0 $DATA/active
	expect fsfreeze -u "$scratch/files"
	# The resize comes to its end, which is waited for.
	expect_create 0 data-1G "$id"
	expect_attr $((2 * GIB)) "$id" size
	expect_remove "$id"
	wipe
	files_stop
}

a_slice_has_settings() {
	local id long attr

	make_data
	make_sa
	new_uuid id
	expect_create 0 data-1G "$id"
	expect_attr 4 "$id" queues
	for attr in 0 17 -1 x; do
		expect_set EINVAL "$attr" "$id" queues
	done
	expect_set 0 16 "$id" queues
	expect_attr 16 "$id" queues
	expect_attr polled "$id" service
	for attr in kick interrupt polled; do
		expect_set 0 $attr$'\n' "$id" service
		expect_attr $attr "$id" service
	done
	expect_set EINVAL poll "$id" service
	expect_attr 0 "$id" iops_limit
	expect_set 0 12345 "$id" iops_limit
	expect_attr 12345 "$id" iops_limit
	expect_set EINVAL 10000000001 "$id" iops_limit
	expect_set 0 100M "$id" bytes_limit
	expect_attr $((100 << 20)) "$id" bytes_limit
	expect_set EINVAL 1T "$id" bytes_limit
	expect_attr 10 "$id" burst_ms
	expect_set EINVAL 0 "$id" burst_ms
	expect_set EINVAL 60001 "$id" burst_ms
	expect_set 0 60000 "$id" burst_ms
	expect_attr 12345 "$id" iops_limit
	printf -v long 'g%.0s' {1..31}
	expect_set 0 "$long"$'\n' "$id" group
	expect_attr "$long" "$id" group
	expect_set ENAMETOOLONG "${long}g" "$id" group
	expect_set EINVAL 'a b' "$id" group
	expect_set 0 $'\n' "$id" group
	expect_attr '' "$id" group
	expect_attr 0 "$id" read_only
	expect_set 0 1 "$id" read_only
	expect_attr 1 "$id" read_only
	expect_set 0 0 "$id" read_only
	expect_set EINVAL 2 "$id" read_only
}

a_slice_has_counters() {
	local id attr

	make_data
	make_sa
	new_uuid id
	expect_create 0 data-1G "$id"
	expect_eq "$(cd "$MDEVS/$id/counters" && echo *)" \
		"cmds done dropped errors irqs misses read_bytes write_bytes" "names of counters"
	for attr in cmds 'done' errors read_bytes write_bytes irqs dropped misses; do
		expect_attr 0 "$id" counters/$attr
	done
	expect_attr 0 "$id" latency_enabled
	expect_set 0 1 "$id" latency_enabled
	expect_attr 1 "$id" latency_enabled
	expect_eq "$(wc -l <"$MDEVS/$id/latency")" 24 "lines of the histogram"
	expect_eq "$(head -n 3 "$MDEVS/$id/latency")" $'0 0\n2 0\n4 0' "the first of them"
}

#
# What goes, and what stays
#

# Through files that were opened before the LUN went.
old_create() {
	printf %s "$1" 2>/dev/null >&7
}

old_size() {
	read -r _ <&6 2>/dev/null
}

a_lun_takes_its_slices_along() {
	local a b c

	make_data
	make_sa
	make_other
	new_uuid a b c
	expect_create 0 data-1G "$a"
	expect_create 0 data-rest "$b"
	expect_create 0 other-1G "$c"
	exec 7>"$TYPES/cxlflash-data-1G/create" 6<"$MDEVS/$a/size"
	expect_put EBUSY 0 $DATA/active
	expect_put 0 0 $DATA/enable
	expect has_no_type data-1G
	expect_not test -e "$MDEVS/$a"
	expect_not test -e "$MDEVS/$b"
	expect test -e "$MDEVS/$c"
	expect has_type other-1G
	expect_not old_create "$a"
	expect_not old_size
	exec 7>&- 6<&-
	expect_put 0 1 $DATA/enable
	expect_put 0 1 $DATA/active
	expect wait_until 10 has_type data-rest
	expect_create 0 data-8G "$b"
	expect_attr $((15 * 256 << 20)) "$b" size
	# The same by taking the link away.
	rm $ROOT/adapters/sa/port0/0/lun
	expect has_no_type data-1G
	expect_not test -e "$MDEVS/$b"
	expect test -e "$MDEVS/$c"
}

# The memory goes and comes back, with the table in it.
a_slice_is_in_persistent_memory() {
	local id

	need_pmem || return
	make_lun data store=pmem path="$pmem" size=0
	# The others' LUNs are files that are made anew.
	expect_put 0 force $DATA/format
	expect_put 0 1 $DATA/active
	make_sa
	new_uuid id
	expect_create 0 data-rest "$id"
	expect_attr $((256 << 20)) "$id" size
	expect_set 0 100M "$id" size
	expect_stored "$id" 1
	pmem_goes
	expect_attr $((100 << 20)) "$id" size
	write_to 200M "$MDEVS/$id/size"
	expect test "$errno" != 0
	expect_attr $((100 << 20)) "$id" size
	expect_put 0 0 $DATA/enable
	expect_not test -e "$MDEVS/$id"
	pmem_comes
	expect_put 0 1 $DATA/enable
	expect_put 0 1 $DATA/active
	expect wait_until 10 has_type data-rest
	expect_create 0 data-rest "$id"
	expect_attr $((100 << 20)) "$id" size
	expect_remove "$id"
	expect_put 0 "$id" $DATA/delete
	expect_stored "$id"
}

an_adapter_takes_its_slices_along() {
	local a b

	make_data
	make_sa
	new_uuid a b
	expect_create 0 data-1G "$a"
	expect_create 0 data-1G "$b"
	expect_put 0 0 $ROOT/adapters/sa/live
	expect_not test -e "$MDEVS/$a"
	expect_not test -e "$MDEVS/$b"
	expect_stored "$a" 4
	go_live
	expect_create 0 data-1G "$b"
}

an_adapter_is_reset_around_slices() {
	local id

	make_data
	make_sa
	expect_put 0 1 $BUS/sa/reset
	new_uuid id
	expect_create 0 data-1G "$id"
	expect_put 0 1 $BUS/sa/reset
	expect_attr closed "$id" state
	expect_remove "$id"
	expect_put 0 1 $BUS/sa/reset
}

a_slice_outlives_all_modules() {
	local id other

	make_data
	make_sa
	new_uuid id other
	expect_create 0 data-1G "$id"
	expect_create 0 data-1G "$other"
	expect_set 0 $((GIB + 8192)) "$id" size
	wipe
	expect modprobe -r cxlflash_mdev
	expect modprobe -r cxlflash_afu
	expect_not test -e /sys/bus/cxlflash
	expect modprobe cxlflash_mdev
	enable_data
	expect_get 1 $DATA/format
	expect_put 0 1 $DATA/active
	make_sa
	expect_stored "$id" 5
	expect_stored "$other" 4
	expect_create 0 data-8G "$id"
	expect_attr $((GIB + 8192)) "$id" size
	expect_available 3 data-1G "when one of two is started"
}

the_module_comes_and_goes() {
	local id

	make_data
	make_sa
	new_uuid id
	expect_create 0 data-1G "$id"
	expect modprobe -r cxlflash_mdev
	expect_not test -e "$MDEVS/$id"
	expect_not test -e $CLASS/sa
	expect modprobe cxlflash_mdev
	expect has_type data-1G
	expect_create 0 data-1G "$id"
}

a_slice_is_deleted_on_the_lun() {
	local id

	make_data
	make_sa
	new_uuid id
	expect_create 0 data-1G "$id"
	expect_put EBUSY "$id" $DATA/delete
	expect_remove "$id"
	expect_put 0 "$id"$'\n' $DATA/delete
	expect_stored "$id"
	expect_available 4 data-1G "after the deletion"
	expect_put ENOENT "$id" $DATA/delete
	expect_create 0 data-1G "$id"
	expect_attr $GIB "$id" size
}

#
# mdevctl
#

# run_mdevctl ARGUMENTS: what it prints is in $output
run_mdevctl() {
	output=$(mdevctl "$@" 2>&1) || complain "mdevctl $*: $output"
}

mdevctl_works() {
	local id

	command -v mdevctl >/dev/null || {
		skip_test "no mdevctl"
		return
	}
	mkdir -p $mdevctl_dir
	make_data
	make_sa
	new_uuid id
	run_mdevctl types -p sa
	expect grep -q cxlflash-data-rest <<<"$output"
	run_mdevctl define --auto -u "$id" -p sa -t cxlflash-data-rest
	run_mdevctl modify -u "$id" --addattr=queues --value=2
	run_mdevctl modify -u "$id" --addattr=iops_limit --value=5000
	run_mdevctl start -u "$id"
	run_mdevctl list
	expect grep -q "$id sa cxlflash-data-rest" <<<"$output"
	expect_attr 2 "$id" queues
	expect_attr 5000 "$id" iops_limit
	run_mdevctl stop -u "$id"
	expect_not test -e "$MDEVS/$id"
	# All of the LUN is taken, and it starts all the same.
	run_mdevctl start-parent-mdevs sa
	expect_attr $((19 * 256 << 20)) "$id" size
	run_mdevctl stop -u "$id"
	run_mdevctl undefine -u "$id"
}

#
# A storm: devices are made and removed while their attributes are used, and LUN, adapter and resets come between
#

storm_device() {
	local end=$((SECONDS + STORM_SECONDS))

	while [ $SECONDS -lt $end ]; do
		write_to "$1" $TYPES/cxlflash-data-1G/create
		write_to 1 "$MDEVS/$1/remove"
	done 2>/dev/null
}

storm_attributes() {
	local end=$((SECONDS + STORM_SECONDS)) attr

	while [ $SECONDS -lt $end ]; do
		for attr in size state latency counters/cmds group; do
			read -r _ <"$MDEVS/$1/$attr"
		done
		write_to $((RANDOM % 5))G "$MDEVS/$1/size"
		write_to $((1 + RANDOM % 16)) "$MDEVS/$1/queues"
		read -r _ <$TYPES/cxlflash-data-1G/available_instances
	done 2>/dev/null
}

storm_adapter() {
	local end=$((SECONDS + STORM_SECONDS))

	while [ $SECONDS -lt $end ]; do
		case $((RANDOM % 4)) in
		0) write_to 0 $DATA/enable && write_to 1 $DATA/enable && write_to 1 $DATA/active ;;
		1) write_to 0 $ROOT/adapters/sa/live && write_to 1 $ROOT/adapters/sa/live ;;
		*) write_to 1 $BUS/sa/reset ;;
		esac
	done 2>/dev/null
}

# It may be closing yet.
activate_data() {
	write_to 1 $DATA/enable
	write_to 1 $DATA/active
	[ "$(<$DATA/active)" = 1 ]
}

everything_at_once() {
	local a b i pids=()

	make_data
	make_sa
	new_uuid a b
	for i in "$a" "$b"; do
		storm_device "$i" &
		pids+=($!)
		storm_attributes "$i" &
		pids+=($!)
	done
	storm_adapter &
	pids+=($!)
	wait "${pids[@]}"
	expect wait_until 30 activate_data
	write_to 1 $ROOT/adapters/sa/live
	expect wait_until 10 has_type data-rest
	for i in "$a" "$b"; do
		[ -e "$MDEVS/$i" ] || expect_create 0 data-1G "$i"
		expect_attr closed "$i" state
		expect_remove "$i"
	done
	expect_eq "$(echo $MDEVS/*)" "$MDEVS/*" "devices that are left"
}

trap cleanup EXIT
if ! modprobe cxlflash_mdev || [ ! -d "$ROOT" ]; then
	echo "1..0 # SKIP no module cxlflash_mdev, or configfs is not mounted"
	exit 4
fi
wipe

# shellcheck disable=SC2046 # words
run_tests $(sample_on_debug 8 types_come_and_go_with_the_lun types_are_there_with_the_adapter instances_are_what_is_free \
	a_slice_is_found_again a_uuid_is_on_one_lun a_slice_is_resized a_removal_does_not_wait_for_a_resize \
	a_slice_has_settings a_slice_has_counters \
	a_lun_takes_its_slices_along a_slice_is_in_persistent_memory an_adapter_takes_its_slices_along \
	an_adapter_is_reset_around_slices a_slice_is_deleted_on_the_lun the_module_comes_and_goes a_slice_outlives_all_modules \
	mdevctl_works everything_at_once)
