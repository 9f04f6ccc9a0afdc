#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Mediated devices as user space sees them: every attribute and errno, uevents, mdevctl, and a storm.
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
	local pid

	for pid in $(jobs -p); do
		kill "$pid" 2>/dev/null
	done
	remove_all_devices
	rm -rf "$scratch" "$mdevctl_dir/mram" "$mdevctl_dir/vtest0"
}

load() {
	modprobe mram && modprobe vtest
}

unload() {
	modprobe -r vtest && modprobe -r mram
}

# The parent's own knobs.
knob() {
	expect_put 0 "$3" "/sys/class/vtest/$1/$2"
}

has_knob() {
	[ -e "/sys/class/vtest/$1/$2" ]
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
	expect_eq "$(readlink -f $CLASS/mram)" "$(readlink -f /sys/class/mram/mram)" "target of the link"
	expect test -d $BUS/devices -a -d $BUS/drivers/mram -a -d $BUS/drivers/vtest
}

type_attributes() {
	local dir want

	want="available_instances create description device_api devices name"
	dir=$(type_dir mram mram-1)
	expect_eq "$(cd "$dir" && echo *)" "$want" "attributes of mram-1"
	expect_eq "$(<"$dir/device_api")" vfio-pci device_api
	expect_eq "$(stat -c %a "$dir/create")" 200 "mode of create"
	expect_eq "$(stat -c %a "$dir/name")" 444 "mode of name"
	expect test -n "$(<"$dir/name")"
	expect test -n "$(<"$dir/description")"
	expect test "$(<"$dir/available_instances")" -gt 0

	for dir in "$CLASS"/vtest0/mdev_supported_types/*; do
		expect_eq "$(cd "$dir" && echo *)" "${want/description /}" "attributes of ${dir##*/}"
	done
	for dir in own set shared foreign; do
		expect test -d "$(type_dir vtest0 vtest-$dir)"
	done
}

#
# Create and remove
#

create_links_device_and_type() {
	local id dir

	id=$(uuid)
	dir=$BUS/devices/$id
	expect_create 0 mram mram-1 "$id"
	expect_eq "$(readlink -f "$dir/mdev_type")" "$(readlink -f "$(type_dir mram mram-1)")" mdev_type
	expect_eq "$(readlink -f "$(type_dir mram mram-1)/devices/$id")" "$(readlink -f "$dir")" "link of the type"
	expect_eq "$(readlink -f "$dir/..")" "$(readlink -f $CLASS/mram)" parent
	expect_eq "$(basename "$(readlink "$dir/driver")")" mram driver
	expect_eq "$(readlink -f "$dir/subsystem")" $BUS subsystem
	expect_eq "$(stat -c %a "$dir/remove")" 200 "mode of remove"
	expect_remove 0 "$id"
	expect_not device_exists "$id"
	expect_not test -e "$(type_dir mram mram-1)/devices/$id"
}

create_takes_upper_case_and_newline() {
	local id

	id=$(uuid)
	expect_put 0 "${id^^}"$'\n' "$(type_dir vtest0 vtest-own)/create"
	expect device_exists "$id"
	expect_create EEXIST vtest0 vtest-own "$id"
	expect_remove 0 "$id"
}

create_refuses_what_is_no_uuid() {
	local id value

	id=$(uuid)
	for value in x "${id%?}" "$id"$'\n\n' "{$id}" "${id//-/}" "${id/?/g}" "${id/-/_}" "$id$id"; do
		expect_put EINVAL "$value" "$(type_dir vtest0 vtest-own)/create"
	done
	expect_not device_exists "$id"
}

uuids_are_unique_across_parents() {
	local id before

	id=$(uuid)
	expect_create 0 vtest0 vtest-own "$id"
	before=$(available vtest1 vtest-own)
	expect_create EEXIST vtest0 vtest-own "$id"
	expect_create EEXIST vtest0 vtest-set "$id"
	expect_create EEXIST vtest1 vtest-own "$id"
	expect_create EEXIST mram mram-1 "$id"
	expect_eq "$(available vtest1 vtest-own)" "$before" "instances after failures"
	expect_remove 0 "$id"
	expect_create 0 vtest1 vtest-own "$id"
	expect_create EEXIST vtest0 vtest-own "$id"
	expect_remove 0 "$id"
}

instances_are_counted() {
	local a b

	a=$(uuid) b=$(uuid)
	expect modprobe -r vtest
	expect modprobe vtest max_instances=2
	expect_eq "$(available vtest0 vtest-own)" 2 "at first"
	expect_create 0 vtest0 vtest-own "$a"
	expect_eq "$(available vtest0 vtest-set)" 1 "for another type, after one"
	expect_create 0 vtest0 vtest-set "$b"
	expect_eq "$(available vtest0 vtest-own)" 0 "after two"
	expect_create EUSERS vtest0 vtest-own "$(uuid)"
	expect_create EEXIST vtest0 vtest-own "$a"
	expect_eq "$(available vtest1 vtest-own)" 2 "of the other parent"
	expect_remove 0 "$a"
	expect_eq "$(available vtest0 vtest-own)" 1 "after a removal"
	expect_create 0 vtest0 vtest-own "$a"
	expect_remove 0 "$a"
	expect_remove 0 "$b"
	expect_eq "$(available vtest0 vtest-own)" 2 "in the end"
	expect modprobe -r vtest
	expect modprobe vtest
}

a_driver_may_count_by_itself() {
	local before id count=0

	before=$(available mram mram-1)
	id=$(uuid)
	expect_create 0 mram mram-1 "$id"
	expect_eq "$(available mram mram-1)" $((before - 1)) "after one"
	expect_remove 0 "$id"
	expect_eq "$(available mram mram-1)" "$before" "in the end"
	# To the brim: the driver says no, in its own words.
	while [ "$(available mram mram-16)" -gt 0 ] && [ $count -lt 64 ]; do
		expect_create 0 mram mram-16 "$(uuid)"
		count=$((count + 1))
	done
	expect_create ENOSPC mram mram-16 "$(uuid)"
	remove_all_devices
	expect_eq "$(available mram mram-1)" "$before" "in the very end"
}

a_failed_probe_leaves_nothing() {
	local before id i

	if ! has_knob vtest0 fail_probe; then
		skip_test "vtest has no fail_probe"
		return
	fi
	id=$(uuid)
	before=$(available vtest0 vtest-own)
	knob vtest0 fail_probe 5
	for i in 1 2 3; do
		expect_create EIO vtest0 vtest-own "$id"
		expect_not device_exists "$id"
	done
	knob vtest0 fail_probe 0
	expect_eq "$(available vtest0 vtest-own)" "$before" instances
	expect_eq "$(ls "$(type_dir vtest0 vtest-own)/devices")" "" "links of the type"
	expect_create 0 vtest0 vtest-own "$id"
	expect_remove 0 "$id"
}

remove_takes_a_boolean() {
	local id

	id=$(uuid)
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

	id=$(uuid)
	expect_create 0 vtest0 vtest-own "$id"
	exec 7>"$BUS/devices/$id/remove"
	expect_remove 0 "$id"
	expect_eq "$(put_fd 1 7)" ENODEV "through a file that was opened before"
	# The same UUID again is another device.
	expect_create 0 vtest0 vtest-own "$id"
	expect_eq "$(put_fd 1 7)" ENODEV "after the UUID was used again"
	expect device_exists "$id"
	expect_remove 0 "$id"
	exec 7>&-
}

remove_of_a_half_made_device_is_eagain() {
	local id

	if ! has_knob vtest0 probe_delay_ms; then
		skip_test "vtest has no probe_delay_ms"
		return
	fi
	id=$(uuid)
	knob vtest0 probe_delay_ms 2000
	create vtest0 vtest-own "$id" >"$scratch/created" &
	expect wait_until 5 device_exists "$id"
	expect_remove EAGAIN "$id"
	expect_create EEXIST vtest0 vtest-set "$id"
	wait $!
	expect_eq "$(cat "$scratch/created")" 0 "the creation"
	expect test -e "$BUS/devices/$id/remove"
	expect_remove 0 "$id"
	knob vtest0 probe_delay_ms 0
}

only_the_parents_driver_binds() {
	local id

	id=$(uuid)
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
# Open files
#

# An open group, and an open device with its container, outlive the device; its UUID is free all the same.
uuid_is_free_whatever_is_open() {
	local id group

	id=$(uuid)
	expect_create 0 mram mram-1 "$id"
	if [ ! -e "$BUS/devices/$id/iommu_group" ] || ! command -v python3 >/dev/null ||
	   ! modprobe -q vfio_iommu_type1; then
		skip_test "no iommu_group, no python3 or no vfio_iommu_type1"
		expect_remove 0 "$id"
		return
	fi
	mkfifo "$scratch/hold"
	python3 -c "$DEVICE_HOLDER" "$id" <"$scratch/hold" >"$scratch/held" 2>&1 &
	exec 8>"$scratch/hold"
	wait_until 20 grep -q open "$scratch/held" || complain "not open: $(tail -n 1 "$scratch/held")"
	expect_remove 0 "$id"
	expect_not device_exists "$id"
	expect_create 0 mram mram-1 "$id"
	group=$(basename "$(readlink "$BUS/devices/$id/iommu_group")")
	expect test -c "/dev/vfio/$group"
	echo >&8
	exec 8>&-
	wait $!
	expect_eq "$(tail -n 1 "$scratch/held")" "errno 19" "the old file"
	expect_remove 0 "$id"
}

#
# Parents that go
#

parent_unregistration_takes_all() {
	local id i

	if ! has_knob vtest0 registered; then
		skip_test "vtest has no registered"
		return
	fi
	id=$(uuid)
	expect_create 0 vtest0 vtest-own "$id"
	for i in 1 2 3 4; do
		expect_create 0 vtest0 vtest-set "$(uuid)"
	done
	expect_create 0 vtest1 vtest-own "$(uuid)"
	exec 7>"$(type_dir vtest0 vtest-own)/create" 6>"$BUS/devices/$id/remove"
	knob vtest0 registered 0
	expect_not test -e $CLASS/vtest0
	expect_not test -e /sys/class/vtest/vtest0/mdev_supported_types
	expect_eq "$(find $BUS/devices/ -type l | wc -l)" 1 "devices of the other parent"
	expect_eq "$(put_fd "$(uuid)" 7)" ENODEV "create through a file that was opened before"
	expect_eq "$(put_fd 1 6)" ENODEV "remove through a file that was opened before"
	knob vtest0 registered 1
	expect_eq "$(put_fd "$(uuid)" 7)" ENODEV "create of the former type"
	exec 7>&- 6>&-
	expect_eq "$(available vtest0 vtest-own)" 128 instances
	expect_create 0 vtest0 vtest-own "$id"
	remove_all_devices
}

module_removal_takes_all() {
	expect_create 0 mram mram-1 "$(uuid)"
	expect_create 0 mram mram-1 "$(uuid)"
	expect_create 0 vtest1 vtest-own "$(uuid)"
	expect unload
	# mdev.ko may have gone as well.
	expect_eq "$(find $BUS/devices/ $CLASS/ -type l 2>/dev/null)" "" "what is left"
	expect load
	expect test -d "$(type_dir mram mram-1)"
}

uevents_tell() {
	local id log=$scratch/uevents

	if ! has_knob vtest0 registered || ! uevents_start "$log"; then
		skip_test "no python3, or vtest has no registered"
		return
	fi
	id=$(uuid)
	expect_create 0 vtest0 vtest-own "$id"
	expect wait_until 10 grep -q "^add@.*/$id .*SUBSYSTEM=mdev" "$log"
	expect_remove 0 "$id"
	expect wait_until 10 grep -q "^remove@.*/$id .*SUBSYSTEM=mdev" "$log"
	knob vtest0 registered 0
	expect wait_until 10 grep -q "^change@.*/vtest0 .*MDEV_STATE=unregistered" "$log"
	expect_not grep -q "MDEV_STATE=registered" "$log"
	knob vtest0 registered 1
	expect wait_until 10 grep -q "^change@.*/vtest0 .*MDEV_STATE=registered" "$log"
	uevents_stop
}

#
# Failing allocations, on a kernel that can inject them: the sweep ends when an action has met no failure
#

need_fail_nth() {
	if [ ! -e /proc/self/fail-nth ] || [ ! -e /sys/kernel/debug/failslab ]; then
		skip_test "the kernel injects no faults"
		return 1
	fi
	echo N >/sys/kernel/debug/failslab/ignore-gfp-wait
	echo 0 >/sys/kernel/debug/failslab/verbose
}

# fail_nth N VALUE FILE: write while the Nth allocation fails; sets nth_status, and nth_left to what is left of N.
# Builtins only, on files that are open: nothing but the write is to meet the failure.
fail_nth() {
	# shellcheck disable=SC2094 # a knob, not a file
	exec 9>&2 2>/dev/null 7>"$3" 6>/proc/self/fail-nth 5</proc/self/fail-nth
	nth_left=
	echo "$1" >&6
	printf '%s' "$2" >&7
	nth_status=$?
	read -r nth_left <&5
	echo 0 >&6
	exec 2>&9 9>&- 7>&- 6>&- 5<&-
}

a_create_that_runs_out_of_memory_leaves_nothing() {
	local n=0 id before now instances nth_left=0 nth_status

	need_fail_nth || return
	id=$(uuid)
	instances=$(type_dir vtest0 vtest-own)/available_instances
	before=$(available vtest0 vtest-own)
	while [ "$nth_left" = 0 ] && [ $n -lt 1000 ]; do
		n=$((n + 1))
		fail_nth $n "$id" "$(type_dir vtest0 vtest-own)/create"
		if [ "$nth_status" = 0 ]; then
			expect_remove 0 "$id"
		fi
		expect_not device_exists "$id"
		read -r now <"$instances"
		expect_eq "$now" "$before" "instances after failure $n"
	done
	diag "$n allocations"
	expect test $n -lt 1000
	expect test $n -gt 5
}

a_registration_that_runs_out_of_memory_leaves_nothing() {
	local n=0 nth_left=0 nth_status knob=/sys/class/vtest/vtest0/registered

	need_fail_nth || return
	if ! has_knob vtest0 registered; then
		skip_test "vtest has no registered"
		return
	fi
	expect_put 0 0 $knob
	while [ "$nth_left" = 0 ] && [ $n -lt 1000 ]; do
		n=$((n + 1))
		fail_nth $n 1 $knob
		if [ "$nth_status" = 0 ]; then
			expect_put 0 0 $knob
		fi
		expect_not test -e $CLASS/vtest0
		expect_not test -e /sys/class/vtest/vtest0/mdev_supported_types
	done
	diag "$n allocations"
	expect test $n -lt 1000
	expect test $n -gt 5
	expect_put 0 1 $knob
	expect test -d "$(type_dir vtest0 vtest-own)"
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

expect_mdevctl() {
	local want=$1
	shift

	mdevctl "$@" >"$scratch/mdevctl" 2>&1 || complain "mdevctl $*: $(cat "$scratch/mdevctl")"
	[ -z "$want" ] || grep -q -e "$want" "$scratch/mdevctl" || complain "mdevctl $*: no '$want' in: $(cat "$scratch/mdevctl")"
}

mdevctl_lists_types() {
	need_mdevctl || return
	expect_mdevctl "^mram$" types
	expect_mdevctl "^  mram-1$" types
	expect_mdevctl "Available instances: $(available mram mram-1)" types -p mram
	expect_mdevctl "Device API: vfio-pci" types -p vtest0
	expect_mdevctl "Name: $(cat "$(type_dir mram mram-1)/name")" types
	expect_mdevctl "Description: $(cat "$(type_dir mram mram-1)/description")" types
	expect_mdevctl '"available_instances":' types --dumpjson
}

mdevctl_starts_and_stops() {
	local id

	need_mdevctl || return
	id=$(uuid)
	expect_mdevctl "" start -u "$id" -p mram -t mram-1
	expect device_exists "$id"
	expect_mdevctl "^$id mram mram-1" list
	expect_mdevctl "\"mdev_type\": \"mram-1\"" list --dumpjson
	expect_mdevctl "" stop -u "$id"
	expect_not device_exists "$id"
	expect_mdevctl "" list
	expect_not grep -q "$id" "$scratch/mdevctl"
}

# With --auto, mdevctl starts the device when its udev rule sees MDEV_STATE=registered; this does the rule's part.
mdevctl_defines() {
	local id

	need_mdevctl || return
	id=$(uuid)
	expect_mdevctl "" define --auto -u "$id" -p mram -t mram-1
	expect_mdevctl "^$id mram mram-1 auto (defined)\|^$id mram mram-1 auto" list -d
	expect_mdevctl "\"start\": \"auto\"" list -d --dumpjson
	expect_not device_exists "$id"
	expect_mdevctl "" start-parent-mdevs mram
	expect device_exists "$id"
	expect_mdevctl "^$id mram mram-1.*(defined)" list
	expect_mdevctl "" stop -u "$id"
	expect_mdevctl "" start -u "$id"
	expect device_exists "$id"
	expect_mdevctl "" stop -u "$id"
	expect_mdevctl "" undefine -u "$id"
	expect_mdevctl "" list -d
	expect_not grep -q "$id" "$scratch/mdevctl"
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
		sleep 0.2
		printf 'register ' && put 1 /sys/class/vtest/vtest0/registered
		sleep 0.5
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
		sleep 0.5
	done >"$scratch/storm-module" 2>&1
}

# Which outcomes are right: nothing but these may happen.  EACCES is the shell's wish to make a file that has just gone
# from a directory that is about to go.
storm_unexpected() {
	cat "$scratch"/storm-* | grep -v -x \
		-e 'create \(0\|EEXIST\|EUSERS\|ENOSPC\|ENODEV\|ENOENT\|EACCES\)' \
		-e 'remove \(0\|EAGAIN\|ENODEV\|ENOENT\|EACCES\)' \
		-e '\(un\)\?register 0' -e 'load 0' | sort | uniq -c
}

storm() {
	local i before unexpected
	local -a storm_ids=() pids=()

	before=$(available vtest1 vtest-own),$(available mram mram-1)
	for i in 1 2 3; do
		storm_ids+=("$(uuid)")
	done
	for i in 1 2 3 4; do
		stormer "$i" &
		pids+=($!)
	done
	if has_knob vtest0 registered; then
		flap_parent &
		pids+=($!)
	fi
	flap_module &
	pids+=($!)
	wait "${pids[@]}"

	while read -r i; do
		diag "$i"
	done < <(cat "$scratch"/storm-* | sort | uniq -c)
	unexpected=$(storm_unexpected)
	expect_eq "$unexpected" "" "outcomes"
	remove_all_devices
	expect_eq "$(find $BUS/devices/ -type l)" "" "what cannot be removed"
	expect_eq "$(available vtest1 vtest-own),$(available mram mram-1)" "$before" instances
	expect_eq "$(available vtest0 vtest-own)" "${before%,*}" "instances of vtest0"
}

modules_unload() {
	expect unload
	expect modprobe -r mdev
	expect_not test -e $BUS
	expect_not test -e $CLASS
	expect load
}

[ "$(id -u)" = 0 ] || skip_all "not root"
load || skip_all "cannot load mram and vtest"
trap cleanup EXIT
trap '' PIPE
remove_all_devices

run_tests parents_are_linked type_attributes create_links_device_and_type create_takes_upper_case_and_newline \
	create_refuses_what_is_no_uuid uuids_are_unique_across_parents instances_are_counted \
	a_driver_may_count_by_itself a_failed_probe_leaves_nothing remove_takes_a_boolean \
	remove_of_a_gone_device_is_enodev remove_of_a_half_made_device_is_eagain only_the_parents_driver_binds \
	uuid_is_free_whatever_is_open parent_unregistration_takes_all module_removal_takes_all uevents_tell \
	a_create_that_runs_out_of_memory_leaves_nothing a_registration_that_runs_out_of_memory_leaves_nothing \
	mdevctl_lists_types mdevctl_starts_and_stops mdevctl_defines storm modules_unload
