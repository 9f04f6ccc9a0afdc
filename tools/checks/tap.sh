# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the checks share: lines "ok N - name", "not ok N - name", "ok N - name # SKIP why", and a plan at the end.
# Source it, do not run it.

tap_nr=0
tap_failed=0
tap_top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
tap_tmp=$(mktemp -d)
trap 'rm -rf "$tap_tmp"' EXIT

# The sources are all files that git knows or would know, so that what a build left behind is not checked.
# A tree that is not a git repository (a copy for a build) has all its files looked at.
tap_files() {
	if git -C "$tap_top" rev-parse --is-inside-work-tree >/dev/null 2>&1; then
		git -C "$tap_top" ls-files -co --exclude-standard -- "$@"
	else
		(cd "$tap_top" && find . -type f -not -path './build/*' -printf '%P\n') |
			grep -E "$(tap_globs "$@")"
	fi | sort -u | while read -r file; do
		[ ! -f "$tap_top/$file" ] || echo "$file"
	done
}

# '*.c' '*.h' as one regular expression
tap_globs() {
	local glob out=''

	for glob in "$@"; do
		glob=${glob//./\\.}
		out+="${out:+|}^${glob//\*/.*}$"
	done
	echo "$out"
}

tap_ok() {
	tap_nr=$((tap_nr + 1))
	echo "ok $tap_nr - $1"
}

# tap_not_ok NAME: standard input says why
tap_not_ok() {
	tap_nr=$((tap_nr + 1))
	tap_failed=$((tap_failed + 1))
	echo "not ok $tap_nr - $1"
	head -n "${TAP_LINES:-60}" | sed 's/^/#   /'
}

tap_skip() {
	tap_nr=$((tap_nr + 1))
	echo "ok $tap_nr - $1 # SKIP $2"
}

# tap_run NAME COMMAND...: passes if the command does; 77 is a skip with the last line as its reason
tap_run() {
	local name=$1 status=0
	shift

	"$@" >"$tap_tmp/out" 2>&1 || status=$?
	case $status in
	0) tap_ok "$name" ;;
	77) tap_skip "$name" "$(tail -n 1 "$tap_tmp/out")" ;;
	*) tap_not_ok "$name" <"$tap_tmp/out" ;;
	esac
}

# tap_quiet NAME COMMAND...: passes if the command also prints nothing
tap_quiet() {
	local name=$1 status=0
	shift

	"$@" >"$tap_tmp/out" 2>&1 || status=$?
	if [ "$status" -eq 0 ] && [ ! -s "$tap_tmp/out" ]; then
		tap_ok "$name"
	elif [ "$status" -eq 77 ]; then
		tap_skip "$name" "$(tail -n 1 "$tap_tmp/out")"
	else
		tap_not_ok "$name" <"$tap_tmp/out"
	fi
}

# The kernel's source or headers, from the rig, which fetches them once.
tap_source() {
	"$tap_top/tools/testing/vm/kernel.sh" source
}

tap_headers() {
	"$tap_top/tools/testing/vm/kernel.sh" headers
}

tap_end() {
	echo "1..$tap_nr"
	[ "$tap_failed" -eq 0 ]
}
