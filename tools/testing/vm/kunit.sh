#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Run inside the VM: load each KUnit module, print what its suites found as TAP, unload it again.
#
# usage: kunit.sh [MODULE]...     default: every *_kunit.ko of $VFIO_KO
set -uo pipefail

results=/sys/kernel/debug/kunit
number=0

# Suites that debugfs shows, one a line.
suites() {
	find "$results" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' 2>/dev/null | sort
}

# report OK NAME
report() {
	number=$((number + 1))
	echo "$1 $number $2"
}

# The suite's own header and number go: there is one header here, and one count.
print_suite() {
	local line verdict=''

	while IFS= read -r line; do
		case $line in
		'KTAP version'* | 1..*) ;;
		'ok '* | 'not ok '*) verdict=${line%%ok *}ok ;;
		*) printf '%s\n' "$line" ;;
		esac
	done <"$results/$1/results"
	report "${verdict:-not ok}" "$1"
}

run_module() {
	local module=$1 before suite found=0

	before=$(suites)
	if ! modprobe "$module"; then
		report 'not ok' "$module: modprobe"
		return
	fi
	for suite in $(comm -13 <(printf '%s\n' "$before") <(suites)); do
		print_suite "$suite"
		found=1
	done
	[ "$found" = 1 ] || report 'not ok' "$module: no suite"
	modprobe -r "$module" || report 'not ok' "$module: modprobe -r"
}

modules() {
	if [ $# -gt 0 ]; then
		printf '%s\n' "$@"
	else
		find "$VFIO_KO" -name '*_kunit.ko' -printf '%f\n' | sed 's/\.ko$//' | sort
	fi
}

main() {
	local module

	modprobe kunit 2>/dev/null
	if [ ! -d "$results" ]; then
		echo "1..0 # SKIP this kernel has no KUnit"
		exit 4
	fi
	if [ -z "$(modules "$@")" ]; then
		echo "1..0 # SKIP no *_kunit.ko in $VFIO_KO"
		exit 4
	fi
	echo "KTAP version 1"
	for module in $(modules "$@"); do
		run_module "$module"
	done
	echo "1..$number"
}

main "$@"
