# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Helpers for tests of mediated devices by way of sysfs.  Source it, do not run it.
#
# On the debug kernel a fork takes a tenth of a second and a program half a second.  So what is called often does without:
# helpers put their result into a variable that the caller names.
# shellcheck disable=SC2034 # some variables are for those who source it

BUS=/sys/bus/mdev
CLASS=/sys/class/mdev_bus
MRAM_TYPES=$CLASS/mram/mdev_supported_types
VTEST0_TYPES=$CLASS/vtest0/mdev_supported_types

# shellcheck source-path=SCRIPTDIR source=../../lib/selftest_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/selftest_lib.sh"

#
# Instead of programs
#

# real_dir VARIABLE PATH: a directory's path without links, empty if it is none
real_dir() {
	local here=$PWD

	printf -v "$1" %s ''
	cd -P "$2" 2>/dev/null || return 1
	printf -v "$1" %s "$PWD"
	cd "$here" || return 1
}

# expect_same_dir PATH PATH WHAT: two paths to one directory
expect_same_dir() {
	local one two

	real_dir one "$1"
	real_dir two "$2"
	[[ $one && $one = "$two" ]] || complain "$3: '$one' instead of '$two'"
}

# list VARIABLE DIRECTORY: the names in it, with spaces between
list() {
	local -a entries=("$2"/*)

	[ -e "${entries[0]}" ] || [ -L "${entries[0]}" ] || entries=()
	entries=("${entries[@]##*/}")
	printf -v "$1" %s "${entries[*]}"
}

#
# Parents, types, devices
#

# new_uuid VARIABLE...
new_uuid() {
	local variable

	for variable in "$@"; do
		read -r "${variable?}" </proc/sys/kernel/random/uuid
	done
}

# put VALUE FILE: writes, and prints 0 or the errno's name.
put() {
	write_to "$1" "$2"
	echo "$errno"
}

# create PARENT TYPE UUID: prints 0 or the errno's name.
create() {
	put "$3" "$CLASS/$1/mdev_supported_types/$2/create"
}

remove() {
	put 1 "$BUS/devices/$1/remove"
}

expect_create() {
	write_to "$4" "$CLASS/$2/mdev_supported_types/$3/create"
	[ "$errno" = "$1" ] || complain "create $4 as $3 of $2: $errno instead of $1"
}

expect_remove() {
	write_to 1 "$BUS/devices/$2/remove"
	[ "$errno" = "$1" ] || complain "remove $2: $errno instead of $1"
}

# get_available VARIABLE PARENT TYPE
get_available() {
	read -r "${1?}" <"$CLASS/$2/mdev_supported_types/$3/available_instances"
}

# expect_available COUNT PARENT TYPE WHEN
expect_available() {
	local count=

	get_available count "$2" "$3"
	[ "$count" = "$1" ] || complain "instances of $3 of $2 $4: '$count' instead of $1"
}

device_exists() {
	[ -e "$BUS/devices/$1" ]
}

remove_all_devices() {
	local dir

	for dir in "$BUS"/devices/*; do
		[ ! -e "$dir/remove" ] || write_to 1 "$dir/remove"
	done
}
