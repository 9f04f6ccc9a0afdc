#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A test that the documentation or a list TESTS names exists, and one that exists is on the list.
# Prints what does not; silent if all is well.
set -euo pipefail
cd "$(dirname "$0")/../.."
dir=tools/testing/selftests/vfio

listed() {
	sed -e '/^#/d' -e '/^$/d' -e 's/[[:space:]].*//' "$dir/TESTS" | sort -u
}

existing() {
	find "$dir" -maxdepth 1 \( -name '*_test.c' -o -name '*.sh' -not -name '*_lib.sh' \) -printf '%f\n' |
		sed 's/\.c$//' | sort -u
}

# shellcheck disable=SC2016 # the quotes of reStructuredText
documented() {
	grep -rhoE '``[a-z0-9_]+_test``|``[a-z0-9_]+\.sh``' Documentation/process/pitfalls.rst | tr -d '`' | sort -u
}

out=$(
	comm -23 <(listed) <(existing) | sed 's/$/: in TESTS, but there is no such test/'
	comm -13 <(listed) <(existing) | sed 's/$/: a test that is not in TESTS/'
	comm -23 <(documented) <(existing) | sed 's/$/: in pitfalls.rst, but there is no such test/'
)
[ -z "$out" ] || { echo "$out"; exit 1; }
