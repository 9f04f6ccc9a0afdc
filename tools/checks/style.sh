#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The style of the sources: what a reader, not a compiler, would object to.  TAP on standard output.
#
# usage: style.sh
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=tap.sh
. "$(dirname "$0")/tap.sh"
cd "$tap_top"

checks=tools/checks
mapfile -t code < <(tap_files '*.c' '*.h')
mapfile -t kernel_code < <(printf '%s\n' "${code[@]}" | grep -vE '^tools/(testing/(selftests|user)/|testing/vm/guest/mram_guest\.|bench/)')
mapfile -t shell < <(tap_files '*.sh' '.ci/run')
mapfile -t words < <(tap_files '*.c' '*.h' '*.sh' '*.rst' '*.mk' '*.cocci' '*Makefile' '*Kconfig' 'MAINTAINERS' \
	'Documentation/ABI/*')
# The text of a licence names whom it likes.
mapfile -t all < <(tap_files '*' | grep -vE '^(COPYING|LICENSES/)')

checkpatch() {
	local conf
	local -a args

	conf=$(sed -e '/^#/d' .checkpatch.conf)
	# shellcheck disable=SC2206 # options are split on purpose
	args=($conf)
	printf '%s\0' "$@" | xargs -0 -n 8 -P "$(nproc)" \
		perl "$source_dir/scripts/checkpatch.pl" -q --no-summary --terse --show-types "${args[@]}" -f
}

kernel_doc() {
	perl "$source_dir/scripts/kernel-doc" -none -Wall -Werror "$@"
}

# One sentence on a line, or a part of one: no line goes on after a full stop.
one_sentence() {
	! grep -nHE '^[^.|+`=~^-].*[a-z)]\. [A-Z][a-z]' "$@"
}

lint_licences() {
	local status=0

	command -v reuse >/dev/null || { echo 'reuse is not installed'; return 77; }
	# It reads every file, so not what a build left behind; and it wants one version of each licence.
	tar -cf - --null -T <(printf '%s\0' "${all[@]}" COPYING LICENSES/GPL-2.0-only.txt) | tar -xf - -C "$1"
	reuse --root "$1" lint >"$1.out" 2>&1 || status=$?
	[ "$status" -eq 0 ] || tail -n 40 "$1.out"
	return "$status"
}

main() {
	mkdir "$tap_tmp/reuse"
	source_dir=$(tap_source) || die "no kernel source"
	tap_run 'style: the checks find what they look for' "$checks/selftest.sh"
	tap_quiet "style: checkpatch --strict (${#kernel_code[@]} files)" checkpatch "${kernel_code[@]}"
	tap_quiet 'style: kernel-doc -Wall' kernel_doc "${kernel_code[@]}"
	tap_quiet 'style: includes respect the layers' "$checks/layers.sh"
	tap_quiet 'style: options of Makefile and Kconfig agree' "$checks/kconfig.sh"
	tap_quiet 'style: every lock says what it protects' "$checks/lockmembers.sh" "${kernel_code[@]}"
	tap_quiet 'style: every ioctl with argsz is in the argsz test' "$checks/argsz.sh"
	tap_quiet 'style: tests that are named exist' "$checks/testnames.sh"
	tap_quiet 'style: functions and files are short' "$checks/size.sh" "${kernel_code[@]}"
	tap_quiet 'style: no kernel version in a source file' "$checks/words.sh" version "${code[@]}"
	tap_quiet 'style: goto and cleanup helpers are not mixed' "$checks/cleanup.sh" "${kernel_code[@]}"
	tap_quiet 'style: no BUG_ON' "$checks/words.sh" bug "${kernel_code[@]}"
	tap_quiet 'style: no path of one machine' "$checks/words.sh" machine "${all[@]}"
	tap_quiet 'style: nothing unfinished' "$checks/words.sh" unfinished "${code[@]}" "${shell[@]}"
	tap_quiet "style: shellcheck (${#shell[@]} files)" shellcheck -x -P SCRIPTDIR "${shell[@]}"
	tap_quiet 'style: codespell' codespell --ignore-words "$checks/codespell.txt" "${words[@]}"
	tap_quiet 'style: one sentence per line in the documentation' one_sentence README.rst Documentation/*.rst \
		Documentation/*/*.rst
	tap_run 'style: reuse lint' lint_licences "$tap_tmp/reuse"
	tap_end
}

die() {
	echo "Bail out! $*"
	exit 1
}

main "$@"
