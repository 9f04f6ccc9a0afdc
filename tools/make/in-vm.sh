#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Which tests a kernel runs, and running them inside the VM, each with its own time limit.
#
# The tests of a directory below tools/testing/selftests are in its file TESTS, one a line:
#	NAME SECONDS [stock|debug|both|long|guest]
# NAME is what tools/testing/vm/build.sh selftests puts into build/selftests; the debug kernel gets three times as long.
# What is too slow there for every day, long, runs on the stock kernel, and under check-long on the debug kernel as well.
# What starts guests has a boot of its own, guest: the stock kernel on one processor.
#
# usage: in-vm.sh list BOOT [T]           "PROGRAM SECONDS" for each test; BOOT is stock, debug, guest; '' means any
#        in-vm.sh run BOOT KUNIT T        inside the VM: KUnit if KUNIT is not empty, then tests, if T is not empty
set -uo pipefail

cd "$(dirname "$0")/../.." || exit 1
suites=tools/testing/selftests

# T is a suite's name, a test's name with or without its ending, or all.
list() {
	local boot=$1 wanted=${2:-all} file suite name seconds on

	for file in "$suites"/*/TESTS; do
		[ -e "$file" ] || continue
		suite=$(basename "$(dirname "$file")")
		while read -r name seconds on; do
			case $name in '' | '#'*) continue ;; esac
			case $wanted in all | "$suite" | "$name" | "${name%_test}" | "${name%.sh}") ;; *) continue ;; esac
			[ "$on" != long ] || on=$([ -n "${VFIO_TEST_SECONDS:-}" ] && echo both || echo stock)
			case $boot:${on:-both} in stock:both | debug:both | :* | "$boot:$boot") ;; *) continue ;; esac
			# Under check-long a test that has a duration has that duration several times.
			seconds=$((seconds + 8 * ${VFIO_TEST_SECONDS:-0}))
			[ "$boot" != debug ] || seconds=$((seconds * 3))
			echo "build/selftests/$name $seconds"
		done <"$file"
	done
}

run_one() {
	tools/testing/lib/tap.py --kmsg --no-total --tier "$1" --timeout "$2" "$3" </dev/null
}

run() {
	local boot=$1 kunit=$2 wanted=$3 status=0 test seconds

	# An empty duration or seed means the test's own.
	[ -n "${VFIO_TEST_SECONDS:-}" ] || unset VFIO_TEST_SECONDS
	[ -n "${VFIO_TEST_SEED:-}" ] || unset VFIO_TEST_SEED
	if [ -n "$kunit" ]; then
		run_one kunit 540 tools/testing/vm/kunit.sh || status=1
	fi
	[ -n "$wanted" ] || return "$status"
	while read -r test seconds; do
		run_one "vm-$boot" "$seconds" "$test" || status=1
	done < <(list "$boot" "$wanted")
	return "$status"
}

case ${1:-} in
list) list "${2:-}" "${3:-}" ;;
run) run "${2:?}" "${3:-}" "${4:-}" ;;
*)
	sed -n '10,11s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
