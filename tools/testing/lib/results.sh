#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Totals across the tiers of the tests, in the file that VFIO_RESULTS names (default: build/results).
# Its lines: "TIER PASSED FAILED SKIPPED", "# failed TIER: NAME", "# skipped TIER: NAME".
#
# usage: results.sh begin                              an empty file
#        results.sh add TIER PASSED FAILED SKIPPED     one more line
#        results.sh run TIER COMMAND ARGUMENTS...      one more line, for a command that counts nothing itself: it passes,
#                                                      fails, or is skipped (exit status 77)
#        results.sh finish                             names and the closing line; fails if anything failed
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

results=${VFIO_RESULTS:-$(repo_dir)/build/results}

begin() {
	mkdir -p "$(dirname "$results")"
	: >"$results"
}

add() {
	[ $# -eq 4 ] || die "usage: results.sh add TIER PASSED FAILED SKIPPED"
	mkdir -p "$(dirname "$results")"
	printf '%s %d %d %d\n' "$@" >>"$results"
}

run() {
	local tier=$1 status=0
	shift

	"$@" || status=$?
	case $status in
	0) add "$tier" 1 0 0 ;;
	"$SKIP_STATUS")
		add "$tier" 0 0 1
		echo "# skipped $tier: $*" >>"$results"
		return 0
		;;
	*)
		add "$tier" 0 1 0
		echo "# failed $tier: $*" >>"$results"
		;;
	esac
	return "$status"
}

finish() {
	[ -s "$results" ] || die "no results in $results"
	sed -n 's/^# \(failed\|skipped\) /\1: /p' "$results"
	awk '!/^#/ && NF == 4 { passed += $2; failed += $3; skipped += $4 }
		END {
			printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
			exit failed > 0 || passed + skipped == 0
		}' "$results"
}

case ${1:-} in
begin | add | run | finish) "$@" ;;
*) die "usage: results.sh begin|add|run|finish" ;;
esac
