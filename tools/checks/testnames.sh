#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A test that the documentation or a list TESTS names exists, and one that exists is on the list.
# Prints what does not; silent if all is well.
set -euo pipefail
cd "$(dirname "$0")/../../tools/testing/selftests"

# listed DIR, existing DIR: names of tests
listed() {
	sed -e '/^#/d' -e '/^$/d' -e 's/[[:space:]].*//' "$1/TESTS" | sort -u
}

existing() {
	find "$1" -maxdepth 1 \( -name '*_test.c' -o -name '*.sh' -not -name '*_lib.sh' \) -printf '%f\n' |
		sed 's/\.c$//' | sort -u
}

# shellcheck disable=SC2016 # the quotes of reStructuredText
documented() {
	grep -rhoE '``[a-z0-9_]+_test``|``[a-z0-9_]+\.sh``' ../../../Documentation/process/pitfalls.rst | tr -d '`' | sort -u
}

all_existing() {
	for list in */TESTS; do
		existing "$(dirname "$list")"
	done | sort
}

out=$(
	for list in */TESTS; do
		dir=$(dirname "$list")
		comm -23 <(listed "$dir") <(existing "$dir") | sed "s/\$/: in $dir\/TESTS, but there is no such test/"
		comm -13 <(listed "$dir") <(existing "$dir") | sed "s/\$/: a test that is not in $dir\/TESTS/"
	done
	# All programs are put into one directory.
	all_existing | uniq -d | sed 's/$/: a name that two suites use/'
	comm -23 <(documented) <(all_existing | uniq) | sed 's/$/: in pitfalls.rst, but there is no such test/'
)
[ -z "$out" ] || { echo "$out"; exit 1; }
