# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Results of tests that boot guests: TAP lines with a label, and what the guest has said when one fails.  Source it with
# guest.sh, do not run it.  Sets nr, failed; reads label (of the QEMU) and dir (of the guest, or empty).
# shellcheck disable=SC2154 # label and dir are their user's

nr=0 failed=0

ok() {
	nr=$((nr + 1))
	echo "ok $nr - $label: $1"
}

not_ok() {
	nr=$((nr + 1))
	failed=$((failed + 1))
	echo "not ok $nr - $label: $1"
	[ -z "$dir" ] || guest_debug "$dir"
}

# check TEXT COMMAND...: a result.
check() {
	local text=$1
	shift

	if "$@"; then
		ok "$text"
	else
		not_ok "$text"
	fi
}

skip_test() {
	nr=$((nr + 1))
	echo "ok $nr - $label: $1 # SKIP $2"
}

less() {
	[ -n "$1" ] && [ "$1" -lt "$2" ]
}
