#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Load and unload the modules again and again, with everything exercised in
# between, and against each other.  Inside the VM, as root; prints TAP.
#
# MODULE_ROUNDS is how often: 20, or 4 on the debug kernel unless it is make
# check-long that runs.  A program takes a second or two to start there, so what
# a builtin of the shell can do is done by one.
set -u

here=$(cd "$(dirname "$0")" && pwd -P)
rounds=20
if [ "${VM_KERNEL:-}" = debug ] && [ -z "${VFIO_TEST_SECONDS:-}" ]; then
	rounds=4
fi
rounds=${MODULE_ROUNDS:-$rounds}
types=(own set shared foreign bare)
nr=0
failed=0

ok() {
	nr=$((nr + 1))
	echo "ok $nr $1"
}

not_ok() {
	nr=$((nr + 1))
	failed=$((failed + 1))
	echo "not ok $nr $1"
}

# report NAME STATUS
report() {
	if [ "$2" -eq 0 ]; then ok "$1"; else not_ok "$1"; fi
}

loaded() {
	[ -d "/sys/module/$1" ]
}

# new_uuid VARIABLE
new_uuid() {
	read -r "${1?}" </proc/sys/kernel/random/uuid
}

create() {
	echo "$3" 2>/dev/null >"/sys/class/mdev_bus/$1/mdev_supported_types/vtest-$2/create"
}

remove() {
	echo 1 2>/dev/null >"/sys/bus/mdev/devices/$1/remove"
}

unload_all() {
	local module
	local -a modules=()

	for module in cxlflash_mdev mram vtest mdev vfio_iommu_type1 vfio; do
		! loaded "$module" || modules+=("$module")
	done
	[ ${#modules[@]} -eq 0 ] || rmmod "${modules[@]}"
}

load_all() {
	modprobe -a vfio_iommu_type1 vtest mram
}

# Create a device of each type, open one through a test program, leave some
# for the module's exit to remove.
exercise() {
	local type uuid

	for type in "${types[@]}"; do
		new_uuid uuid
		create vtest0 "$type" "$uuid" || return 1
		[ -e "/sys/bus/mdev/devices/$uuid/iommu_group" ] || return 1
		remove "$uuid" || return 1
		new_uuid uuid
		create vtest1 "$type" "$uuid" || return 1
	done
	new_uuid uuid
	echo "$uuid" >/sys/class/mdev_bus/mram/mdev_supported_types/mram-1/create || return 1
	remove "$uuid" || return 1
	if [ -x "$here/pin_test" ]; then
		"$here/pin_test" -t is_counted_per_page >/dev/null || return 1
	fi
}

storm_rounds() {
	local i

	for ((i = 0; i < rounds; i++)); do
		load_all || return 1
		exercise || return 1
		unload_all || return 1
	done
}

# A module in use stays, and what it provides works on.
test_dependencies() {
	load_all || return 1
	! rmmod vfio 2>/dev/null || return 1
	! rmmod mdev 2>/dev/null || return 1
	exercise || return 1
}

# Unloading with devices that nobody has open removes them.
test_unload_removes() {
	local uuid

	new_uuid uuid
	modprobe vtest || return 1
	create vtest0 own "$uuid" || return 1
	rmmod vtest || return 1
	[ ! -e "/sys/bus/mdev/devices/$uuid" ] || return 1
	modprobe vtest || return 1
	create vtest0 own "$uuid" && remove "$uuid"
}

# Creators that never stop, while the driver comes and goes.
test_against_creators() {
	local end=$((SECONDS + ${VFIO_TEST_SECONDS:-10})) pid status=0
	local -a pids=()

	for _ in 1 2; do
		while [ $SECONDS -lt $end ]; do
			new_uuid uuid
			create vtest0 shared "$uuid" 2>/dev/null && remove "$uuid" 2>/dev/null
		done &
		pids+=($!)
	done
	while [ $SECONDS -lt $end ]; do
		rmmod vtest 2>/dev/null
		modprobe vtest || status=1
	done
	for pid in "${pids[@]}"; do
		wait "$pid"
	done
	[ -d /sys/class/mdev_bus/vtest0 ] || status=1
	return $status
}

# More parents and instances than the default.
test_parameters() {
	local i uuid

	unload_all || return 1
	modprobe vfio_iommu_type1 && modprobe vtest nr_parents=3 max_instances=2 || return 1
	[ -d /sys/class/mdev_bus/vtest2 ] || return 1
	for i in 1 2; do
		new_uuid uuid
		create vtest2 own "$uuid" || return 1
	done
	new_uuid uuid
	! create vtest2 own "$uuid" || return 1
	rmmod vtest
}

echo "TAP version 13"
echo "1..7"
unload_all
report "modules can be unloaded to begin with" $?
storm_rounds
report "load, exercise and unload $rounds times" $?
test_dependencies
report "a module in use cannot be unloaded" $?
test_unload_removes
report "unloading the driver removes its devices" $?
test_against_creators
report "the driver comes and goes while others create" $?
test_parameters
report "parameters of the test driver" $?
unload_all && load_all
report "everything can be unloaded at the end" $?
exit $((failed > 0))
