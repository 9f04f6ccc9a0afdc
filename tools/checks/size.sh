#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Functions of at most 50 lines, files of at most 800: if it scrolls, it has two jobs.  Prints what is longer.
#
# usage: size.sh FILE...
set -euo pipefail

awk '
	FNR == 1 { start = 0 }
	FNR == 801 { printf "%s: more than 800 lines\n", FILENAME; bad = 1 }
	/^[A-Za-z_].*\)$/ || /^[ \t].*\)$/ { head = $0 }
	/^\{/ { start = FNR }
	/^\}/ && start {
		if (FNR - start - 1 > 50) {
			printf "%s:%d: a function of %d lines\n", FILENAME, start, FNR - start - 1
			bad = 1
		}
		start = 0
	}
	END { exit bad }
' "$@"
