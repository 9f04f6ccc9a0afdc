#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Every lock in a structure says what it protects, in a kernel-doc comment of its own right before it.
# Prints the locks that do not; silent if there are none.
#
# usage: lockmembers.sh FILE...
set -euo pipefail

awk '
	FNR == 1 { last = ""; kdoc = 0; inside = 0 }
	# A comment opened by slash-star-star documents the next line, if it names the member.
	/^[ \t]+\/\*\*/ { inside = 1; text = "" }
	inside { text = text $0 }
	inside && /\*\// { inside = 0; kdoc = FNR; next }
	/^[ \t]+(struct (mutex|rw_semaphore|percpu_rw_semaphore|srcu_struct)|(raw_)?spinlock_t|rwlock_t|seqlock_t|struct ww_mutex)[ \t]+[a-z_]+;/ {
		# Locals are indented by one tab too, so look only between "struct x {" and "};".
		if (!instruct)
			next
		name = $0
		sub(/;.*/, "", name)
		sub(/.*[ \t]/, "", name)
		if (kdoc != FNR - 1 || index(text, "@" name ":") == 0) {
			printf "%s:%d: lock %s has no comment \"/** @%s: protects ... */\" before it\n", FILENAME, FNR, name, name
			bad = 1
		}
	}
	/^(static |typedef )*(struct|union)( [a-z_0-9]+)? \{/ { instruct = 1 }
	/^\}/ { instruct = 0 }
	END { exit bad }
' "$@"
