#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Mediated devices as user space sees them: every attribute and errno, mdevctl, and a storm.
#
#   /sys/class/mdev_bus/
#     mram    --- types mram-1, ...                 (its driver counts the instances)
#     vtest0  -+- types vtest-own, vtest-set, ...   (mdev.ko counts the instances)
#     vtest1  -+
#
# For root in a VM with the modules installed; takes the place of all mediated devices there are.
set -uo pipefail
export LC_ALL=C

# shellcheck source-path=SCRIPTDIR source=mdev_lib.sh
. "$(dirname "$0")/mdev_lib.sh"

STORM_SECONDS=${STORM_SECONDS:-8}
mdevctl_dir=/etc/mdevctl.d

cleanup() {
	kill_jobs
	remove_all_devices
	rm -rf "$scratch" "$mdevctl_dir/mram" "$mdevctl_dir/vtest0"
}

load() {
	modprobe -a mram vtest
}

unload() {
	modprobe -r vtest mram
}

# The parent's own knobs.
knob() {
	expect_put 0 "$3" "/sys/class/vtest/$1/$2"
}

#
# Parents and types
#

parents_are_linked() {
	local parent

	for parent in mram vtest0 vtest1; do
		expect test -L "$CLASS/$parent"
		expect test -d "$CLASS/$parent/mdev_supported_types"
	done
	expect_same_dir $CLASS/mram /sys/class/mram/mram "target of the link"
	expect test -d $BUS/devices -a -d $BUS/drivers/mram -a -d $BUS/drivers/vtest
}

type_attributes() {
	local dir names value want

	want="available_instances create description device_api devices name"
	dir=$MRAM_TYPES/mram-1
	list names "$dir"
	expect_eq "$names" "$want" "attributes of mram-1"
	read -r value <"$dir/device_api"
	expect_eq "$value" vfio-pci device_api
	expect_eq "$(stat -c %a "$dir/create" "$dir/name")" $'200\n444' "modes of create and name"
	for names in name description; do
		read -r value <"$dir/$names"
		expect test -n "$value"
	done
	get_available value mram mram-1
	expect test "$value" -gt 0

	for dir in "$VTEST0_TYPES"/*; do
		list names "$dir"
		expect_eq "$names" "${want/description /}" "attributes of ${dir##*/}"
	done
	for dir in own set shared foreign; do
		expect test -d "$VTEST0_TYPES/vtest-$dir"
	done
}

#
# Create and remove
#

create_links_device_and_type() {
	local id dir driver

	new_uuid id
	dir=$BUS/devices/$id
	expect_create 0 mram mram-1 "$id"
	expect_same_dir "$dir/mdev_type" "$MRAM_TYPES/mram-1" mdev_type
	expect_same_dir "$MRAM_TYPES/mram-1/devices/$id" "$dir" "link of the type"
	real_dir dir "$dir"
	expect_same_dir "$dir/.." $CLASS/mram parent
	real_dir driver "$dir/driver"
	expect_eq "${driver##*/}" mram driver
	expect_same_dir "$dir/subsystem" $BUS subsystem
	expect_eq "$(stat -c %a "$dir/remove")" 200 "mode of remove"
	expect_remove 0 "$id"
	expect_not device_exists "$id"
	expect_not test -e "$MRAM_TYPES/mram-1/devices/$id"
}

create_takes_upper_case_and_newline() {
	local id

	new_uuid id
	expect_put 0 "${id^^}"$'\n' "$VTEST0_TYPES/vtest-own/create"
	expect device_exists "$id"
	expect_create EEXIST vtest0 vtest-own "$id"
	expect_remove 0 "$id"
}

create_refuses_what_is_no_uuid() {
	local id value

	new_uuid id
	for value in x "${id%?}" "$id"$'\n\n' "{$id}" "${id//-/}" "${id/?/g}" "${id/-/_}" "$id$id"; do
		expect_put EINVAL "$value" "$VTEST0_TYPES/vtest-own/create"
	done
	expect_not device_exists "$id"
}

uuids_are_unique_across_parents() {
	local id before

	new_uuid id
	expect_create 0 vtest0 vtest-own "$id"
	get_available before vtest1 vtest-own
	expect_create EEXIST vtest0 vtest-own "$id"
	expect_create EEXIST vtest0 vtest-set "$id"
	expect_create EEXIST vtest1 vtest-own "$id"
	expect_create EEXIST mram mram-1 "$id"
	expect_available "$before" vtest1 vtest-own "after failures"
	expect_remove 0 "$id"
	expect_create 0 vtest1 vtest-own "$id"
	expect_create EEXIST vtest0 vtest-own "$id"
	expect_remove 0 "$id"
}

instances_are_counted() {
	local a b c

	new_uuid a b c
	expect modprobe -r vtest
	expect modprobe vtest max_instances=2
	expect_available 2 vtest0 vtest-own "at first"
	expect_create 0 vtest0 vtest-own "$a"
	expect_available 1 vtest0 vtest-set "for another type, after one"
	expect_create 0 vtest0 vtest-set "$b"
	expect_available 0 vtest0 vtest-own "after two"
	expect_create EUSERS vtest0 vtest-own "$c"
	expect_create EEXIST vtest0 vtest-own "$a"
	expect_available 2 vtest1 vtest-own "of the other parent"
	expect_remove 0 "$a"
	expect_available 1 vtest0 vtest-own "after a removal"
	expect_create 0 vtest0 vtest-own "$a"
	expect_remove 0 "$a"
	expect_remove 0 "$b"
	expect_available 2 vtest0 vtest-own "in the end"
	expect modprobe -r vtest
	expect modprobe vtest
}

a_driver_may_count_by_itself() {
	local before id left

	get_available before mram mram-1
	new_uuid id
	expect_create 0 mram mram-1 "$id"
	expect_available $((before - 1)) mram mram-1 "after one"
	expect_remove 0 "$id"
	expect_available "$before" mram mram-1 "in the end"
	# To the brim: the driver says no, in its own words.
	get_available left mram mram-16
	expect test "$left" -gt 0 -a "$left" -lt 64
	while [ "$left" -gt 0 ]; do
		new_uuid id
		expect_create 0 mram mram-16 "$id"
		left=$((left - 1))
		expect_available $left mram mram-16 "on the way"
	done
	new_uuid id
	expect_create ENOSPC mram mram-16 "$id"
	remove_all_devices
	expect_available "$before" mram mram-1 "in the very end"
}

a_failed_probe_leaves_nothing() {
	local before id names

	new_uuid id
	get_available before vtest0 vtest-own
	knob vtest0 fail_probe 5
	for _ in 1 2 3; do
		expect_create EIO vtest0 vtest-own "$id"
		expect_not device_exists "$id"
	done
	knob vtest0 fail_probe 0
	expect_available "$before" vtest0 vtest-own "after failures"
	list names "$VTEST0_TYPES/vtest-own/devices"
	expect_eq "$names" "" "links of the type"
	expect_create 0 vtest0 vtest-own "$id"
	expect_remove 0 "$id"
}

remove_takes_a_boolean() {
	local id

	new_uuid id
	expect_create 0 vtest0 vtest-own "$id"
	expect_put EINVAL x "$BUS/devices/$id/remove"
	expect_put 0 0 "$BUS/devices/$id/remove"
	expect device_exists "$id"
	expect test -e "$BUS/devices/$id/remove"
	expect_put 0 0x1 "$BUS/devices/$id/remove"
	expect_not device_exists "$id"
	expect_remove ENOENT "$id"
}

remove_of_a_gone_device_is_enodev() {
	local id

	new_uuid id
	expect_create 0 vtest0 vtest-own "$id"
	exec 7>"$BUS/devices/$id/remove"
	expect_remove 0 "$id"
	expect_put_fd ENODEV 1 7 "through a file that was opened before"
	# The same UUID again is another device.
	expect_create 0 vtest0 vtest-own "$id"
	expect_put_fd ENODEV 1 7 "after the UUID was used again"
	expect device_exists "$id"
	expect_remove 0 "$id"
	exec 7>&-
}

remove_of_a_half_made_device_is_eagain() {
	local id result

	new_uuid id
	knob vtest0 probe_delay_ms 2000
	create vtest0 vtest-own "$id" >"$scratch/created" &
	expect wait_until 5 device_exists "$id"
	expect_remove EAGAIN "$id"
	expect_create EEXIST vtest0 vtest-set "$id"
	wait $!
	read -r result <"$scratch/created"
	expect_eq "$result" 0 "the creation"
	expect test -e "$BUS/devices/$id/remove"
	expect_remove 0 "$id"
	knob vtest0 probe_delay_ms 0
}

only_the_parents_driver_binds() {
	local id

	new_uuid id
	expect_create 0 vtest0 vtest-own "$id"
	expect_put 0 "$id" $BUS/drivers/vtest/unbind
	expect_not test -e "$BUS/devices/$id/driver"
	expect_put ENODEV "$id" $BUS/drivers/mram/bind
	expect_put 0 "$id" $BUS/drivers/vtest/bind
	expect test -e "$BUS/devices/$id/driver"
	expect_put 0 "$id" $BUS/drivers/vtest/unbind
	expect_remove 0 "$id"
}

#
# Parents that go
#

parent_unregistration_takes_all() {
	local id other names

	new_uuid id
	expect_create 0 vtest0 vtest-own "$id"
	for _ in 1 2 3 4; do
		new_uuid other
		expect_create 0 vtest0 vtest-set "$other"
	done
	new_uuid other
	expect_create 0 vtest1 vtest-own "$other"
	exec 7>"$VTEST0_TYPES/vtest-own/create" 6>"$BUS/devices/$id/remove"
	knob vtest0 registered 0
	expect_not test -e $CLASS/vtest0
	expect_not test -e /sys/class/vtest/vtest0/mdev_supported_types
	list names $BUS/devices
	expect_eq "$names" "$other" "the device of the other parent"
	new_uuid other
	expect_put_fd ENODEV "$other" 7 "create through a file that was opened before"
	expect_put_fd ENODEV 1 6 "remove through a file that was opened before"
	knob vtest0 registered 1
	expect_put_fd ENODEV "$other" 7 "create of the former type"
	exec 7>&- 6>&-
	expect_available 128 vtest0 vtest-own "when registered again"
	expect_create 0 vtest0 vtest-own "$id"
	remove_all_devices
}

module_removal_takes_all() {
	local id names type

	for type in mram:mram-1 mram:mram-1 vtest1:vtest-own; do
		new_uuid id
		expect_create 0 ${type%:*} ${type#*:} "$id"
	done
	expect unload
	# mdev.ko may have gone as well.
	for type in $BUS/devices $CLASS; do
		list names "$type"
		expect_eq "$names" "" "what is left in $type"
	done
	expect load
	expect test -d "$MRAM_TYPES/mram-1"
}

#
# mdevctl
#

need_mdevctl() {
	command -v mdevctl >/dev/null || {
		skip_test "no mdevctl"
		return 1
	}
	mkdir -p $mdevctl_dir
}

# run_mdevctl ARGUMENTS: what it prints is in $output
run_mdevctl() {
	command=$*
	mdevctl "$@" >"$scratch/mdevctl" 2>&1 || complain "mdevctl $command fails"
	output=
	IFS= read -rd '' output <"$scratch/mdevctl" || :
}

# expect_line PATTERN...: the last command printed a line that matches the shell's pattern
expect_line() {
	local line pattern

	for pattern in "$@"; do
		# shellcheck disable=SC2053 # it is a pattern
		while IFS= read -r line; do
			[[ $line != $pattern ]] || continue 2
		done <<<"$output"
		complain "mdevctl $command: no '$pattern' in: $output"
	done
}

expect_nowhere() {
	[[ $output != *"$1"* ]] || complain "mdevctl $command: '$1' in: $output"
}

mdevctl_lists_types() {
	local count name description

	need_mdevctl || return
	get_available count mram mram-1
	read -r name <"$MRAM_TYPES/mram-1/name"
	read -r description <"$MRAM_TYPES/mram-1/description"
	run_mdevctl types
	expect_line mram "  mram-1" "*Name: $name" "*Description: $description"
	run_mdevctl types -p mram
	expect_line "*Available instances: $count"
	run_mdevctl types -p vtest0
	expect_line "*Device API: vfio-pci"
	run_mdevctl types --dumpjson
	expect_line '*"available_instances":*'
}

mdevctl_starts_and_stops() {
	local id

	need_mdevctl || return
	new_uuid id
	run_mdevctl start -u "$id" -p mram -t mram-1
	expect device_exists "$id"
	run_mdevctl list
	expect_line "$id mram mram-1*"
	run_mdevctl list --dumpjson
	expect_line '*"mdev_type": "mram-1"*'
	run_mdevctl stop -u "$id"
	expect_not device_exists "$id"
	run_mdevctl list
	expect_nowhere "$id"
}

# With --auto, mdevctl starts the device when its udev rule sees MDEV_STATE=registered; this does the rule's part.
mdevctl_defines() {
	local id

	need_mdevctl || return
	new_uuid id
	run_mdevctl define --auto -u "$id" -p mram -t mram-1
	run_mdevctl list -d
	expect_line "$id mram mram-1 auto*"
	run_mdevctl list -d --dumpjson
	expect_line '*"start": "auto"*'
	expect_not device_exists "$id"
	run_mdevctl start-parent-mdevs mram
	expect device_exists "$id"
	run_mdevctl list
	expect_line "$id mram mram-1*(defined)*"
	run_mdevctl stop -u "$id"
	run_mdevctl start -u "$id"
	expect device_exists "$id"
	run_mdevctl stop -u "$id"
	run_mdevctl undefine -u "$id"
	run_mdevctl list -d
	expect_nowhere "$id"
}

#
# A storm: creators and removers share a few UUIDs while parents come and go
#

# stormer NUMBER: writes every outcome to a file of its own.
stormer() {
	local end=$((SECONDS + STORM_SECONDS)) i=$1 id

	while [ $SECONDS -lt $end ]; do
		i=$((i + 1))
		id=${storm_ids[$((i % ${#storm_ids[@]}))]}
		case $((RANDOM % 5)) in
		0) printf 'create ' && create mram mram-1 "$id" ;;
		1) printf 'create ' && create vtest0 vtest-own "$id" ;;
		2) printf 'create ' && create vtest1 vtest-shared "$id" ;;
		*) printf 'remove ' && remove "$id" ;;
		esac
	done >"$scratch/storm-$1"
}

flap_parent() {
	local end=$((SECONDS + STORM_SECONDS))

	while [ $SECONDS -lt $end ]; do
		printf 'unregister ' && put 0 /sys/class/vtest/vtest0/registered
		nap 0.2
		printf 'register ' && put 1 /sys/class/vtest/vtest0/registered
		nap 0.5
	done >"$scratch/storm-parent"
}

flap_module() {
	local end=$((SECONDS + STORM_SECONDS))

	while [ $SECONDS -lt $end ]; do
		if modprobe -r mram && modprobe mram; then
			echo "load 0"
		else
			echo "load failed"
		fi
		nap 0.5
	done >"$scratch/storm-module" 2>&1
}

# Which outcomes are right: nothing but these may happen.  EACCES is the shell's wish to make a file that has just gone
# from a directory that is about to go.
storm_may() {
	[[ $1 == "create "@(0|EEXIST|EUSERS|ENOSPC|ENODEV|ENOENT|EACCES) ||
	   $1 == "remove "@(0|EAGAIN|ENODEV|ENOENT|EACCES) ||
	   $1 == ?(un)"register 0" || $1 == "load 0" ]]
}

# How often each outcome was.
storm_count() {
	local file line

	for file in "$scratch"/storm-*; do
		while read -r line; do
			outcomes[$line]=$((${outcomes[$line]:-0} + 1))
		done <"$file"
	done
}

storm() {
	local i before_vtest before_mram names
	local -A outcomes=()
	local -a storm_ids=() pids=()

	get_available before_vtest vtest1 vtest-own
	get_available before_mram mram mram-1
	for _ in 1 2 3; do
		new_uuid i
		storm_ids+=("$i")
	done
	for i in 1 2 3 4; do
		stormer "$i" &
		pids+=($!)
	done
	flap_parent &
	pids+=($!)
	flap_module &
	pids+=($!)
	wait "${pids[@]}"

	storm_count
	for i in "${!outcomes[@]}"; do
		diag "${outcomes[$i]} $i"
		expect storm_may "$i"
	done
	remove_all_devices
	list names $BUS/devices
	expect_eq "$names" "" "what cannot be removed"
	expect_available "$before_vtest" vtest1 vtest-own "in the end"
	expect_available "$before_mram" mram mram-1 "in the end"
	expect_available "$before_vtest" vtest0 vtest-own "in the end"
}

modules_unload() {
	expect unload
	expect modprobe -r mdev
	expect_not test -e $BUS
	expect_not test -e $CLASS
	expect load
}

[ "$(id -u)" = 0 ] || skip_all "not root"
# Another suite's, which uses the bus.
[ ! -d /sys/module/cxlflash_mdev ] || rmmod cxlflash_mdev
load || skip_all "cannot load mram and vtest"
trap cleanup EXIT
trap '' PIPE
remove_all_devices

run_tests parents_are_linked type_attributes create_links_device_and_type create_takes_upper_case_and_newline \
	create_refuses_what_is_no_uuid uuids_are_unique_across_parents instances_are_counted \
	a_driver_may_count_by_itself a_failed_probe_leaves_nothing remove_takes_a_boolean \
	remove_of_a_gone_device_is_enodev remove_of_a_half_made_device_is_eagain only_the_parents_driver_binds \
	parent_unregistration_takes_all module_removal_takes_all \
	mdevctl_lists_types mdevctl_starts_and_stops mdevctl_defines storm modules_unload
