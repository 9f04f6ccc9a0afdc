#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Run tiers of tests, all of them whatever fails, and close with one line: "N passed, N failed, N skipped".
# A tier that cannot even start counts as one failure.  Each kernel is booted once, and the stock kernel once more for the
# tests that start guests: KUnit and the tests of the user interface share the debug kernel's boot.
#
# usage: check.sh style|static|unit|kunit|vm...
# Reads T (one test of vm, or one directory of tests), K (stock or debug) and what tests read: VFIO_TEST_SECONDS,
# VFIO_TEST_SEED.
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=../testing/lib/common.sh
. "$here/../testing/lib/common.sh"

repo=$(repo_dir)
cd "$repo" || exit 1
export VFIO_RESULTS=$repo/build/results

lib=tools/testing/lib
vm=tools/testing/vm
# Setting up and booting take their time on top of the tests' own.
BOOT_SECONDS=420
KUNIT_SECONDS=600

# failed TIER WHAT
failed() {
	printf '%s 0 1 0\n# failed %s: %s\n' "$1" "$1" "$2" >>"$VFIO_RESULTS"
	warn "$1: $2"
}

setup() {
	local tier=$1
	shift

	"$vm/setup.sh" "$@" && return 0
	failed "$tier" "setup of $*"
	return 1
}

# A program that prints TAP is a tier of its own.
tap_tier() {
	local tier=$1 timeout=$2
	shift 2

	"$lib/tap.py" --tier "$tier" --timeout "$timeout" --no-total "$*"
}

tier_style() {
	setup style style build || return 0
	tap_tier style 300 tools/checks/style.sh
}

tier_static() {
	setup static style build || return 0
	tap_tier static 900 tools/checks/static.sh
}

tier_unit() {
	setup unit unit || return 0
	if [ ! -e tools/testing/user/Makefile ]; then
		failed unit 'tools/testing/user has no Makefile'
		return 0
	fi
	tap_tier unit 300 make -s -C tools/testing/user OUTPUT="$repo/build/user" check
}

# in_vm BOOT KUNIT: what is to be run in a boot, which is stock, guest or debug; KUNIT is kunit, or empty
in_vm() {
	local boot=$1 kunit=$2 seconds=$BOOT_SECONDS tests='' kernel=$1 smp=2

	# The emulator cannot have the kernel change its own code while another processor runs it, which KVM has it do.
	[ "$boot" != guest ] || kernel=stock smp=1
	if [ "$run_vm" = 1 ]; then
		tests=$(tools/make/in-vm.sh list "$boot" "${T:-}") || tests=''
		seconds=$((seconds + $(awk '{ s += $2 } END { print s + 0 }' <<<"$tests")))
	fi
	[ -z "$kunit" ] || seconds=$((seconds + KUNIT_SECONDS))
	if [ -z "$kunit" ] && [ -z "$tests" ]; then
		return 0
	fi
	if ! "$vm/build.sh" "$kernel" >/dev/null; then
		failed "vm-$boot" "build of the modules"
		return 0
	fi
	if [ -n "$tests" ] && ! "$vm/build.sh" selftests >/dev/null; then
		failed "vm-$boot" "build of the tests"
		return 0
	fi
	if [ "$boot" = guest ] && ! "$vm/guest/build.sh" >/dev/null; then
		failed "vm-$boot" "build of the guest"
		return 0
	fi
	"$vm/run.sh" --kernel "$kernel" --smp "$smp" --timeout "$seconds" --name "$boot-check" -- \
		env VFIO_TEST_SECONDS="${VFIO_TEST_SECONDS:-}" VFIO_TEST_SEED="${VFIO_TEST_SEED:-}" \
		tools/make/in-vm.sh run "$boot" "$kunit" "$([ -n "$tests" ] && echo "${T:-all}")" || true
}

# unknown_test: T names no test of any kernel
unknown_test() {
	[ -n "${T:-}" ] && [ -z "$(tools/make/in-vm.sh list '' "$T")" ]
}

tiers_vm() {
	setup vm build vm || return 0
	if [ "$run_vm" = 1 ]; then
		if [ ! -s tools/testing/selftests/vfio/TESTS ]; then
			failed vm 'tools/testing/selftests/vfio/TESTS lists no tests'
		elif unknown_test; then
			failed vm "no test is called $T; see tools/testing/selftests/*/TESTS"
			return 0
		fi
		if [ "${K:-stock}" = stock ]; then
			in_vm stock ''
			in_vm guest ''
		fi
	fi
	if [ "$run_kunit" = 1 ]; then
		in_vm debug kunit
	elif [ "${K:-debug}" = debug ]; then
		in_vm debug ''
	fi
}

main() {
	local tier

	run_kunit=0 run_vm=0
	"$lib/results.sh" begin
	for tier in "$@"; do
		case $tier in
		style | static | unit)
			log "tier $tier"
			"tier_$tier" || true
			;;
		kunit) run_kunit=1 ;;
		vm) run_vm=1 ;;
		*) die "unknown tier '$tier'" ;;
		esac
	done
	if [ $((run_kunit + run_vm)) -gt 0 ]; then
		log "tiers in the VM"
		tiers_vm
	fi
	"$lib/results.sh" finish
}

main "$@"
