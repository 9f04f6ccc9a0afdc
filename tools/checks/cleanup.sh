#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# No function uses both goto and a cleanup helper, which would undo things in two orders at once; scoped_guard() and
# guard(spinlock...) are not used at all, because Coccinelle and sparse misjudge them.  Prints what does.
#
# usage: cleanup.sh FILE...
set -euo pipefail

awk '
	function report(line, what) { printf "%s:%d: %s\n", FILENAME, line, what; bad = 1 }
	FNR == 1 { inside = 0 }
	/^\{/ { inside = 1; jump = helper = 0 }
	/^\}/ {
		if (inside && jump && helper)
			report(helper, "goto and a cleanup helper in one function")
		inside = 0
	}
	inside && /^[ \t]+goto [a-z_]+;/ { jump = FNR }
	inside && /(^|[ \t])(guard\(|scoped_guard\(|scoped_cond_guard\()|__free\(/ { helper = FNR }
	/(^|[ \t])scoped_(cond_)?guard\(/ { report(FNR, "scoped_guard()") }
	/(^|[ \t])guard\((raw_)?spinlock/ { report(FNR, "guard(spinlock)") }
	END { exit bad }
' "$@"
