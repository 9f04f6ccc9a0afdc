# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the kernel complained about.  Source it, do not run it.

splat_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)

# Patterns of a file, without comments and empty lines.
splat_patterns() {
	sed -e '/^[[:space:]]*#/d' -e '/^[[:space:]]*$/d' "$@" 2>/dev/null || true
}

# Lines "# splat-expected: REGEX" that tests wrote, as REGEX.
splat_expected() {
	sed -n 's/^# splat-expected: *\(..*\)$/\1/p' "$1" 2>/dev/null || true
}

# splats LOG EXPECTED: the lines of LOG that are splats, neither allowed nor expected.
splats() {
	grep -a -n -E -f <(splat_patterns "$splat_dir/splat-patterns.txt") "$1" |
		grep -a -v -E -f <(
			splat_patterns "$splat_dir/splat-allow.txt"
			splat_expected "$2"
		) || true
}

# our_leaks LOG DIRECTORY: those of kmemleak's reports in LOG that name a module of DIRECTORY, or an address in the module
# area whose owner is gone.
our_leaks() {
	local file names=none

	[ -s "$1" ] || return 0
	for file in "$2"/*.ko; do
		file=${file##*/}
		file=${file%.ko}
		names+="|${file//-/_}"
	done
	awk -v ours="[[]($names)[]]|0xffffffff[a-f][0-9a-f]+\$" '
		function flush() { if (bad) printf "%s", text; text = ""; bad = 0 }
		/^unreferenced object/ { flush() }
		{ text = text $0 "\n"; if ($0 ~ ours) bad = 1 }
		END { flush() }' "$1"
}
