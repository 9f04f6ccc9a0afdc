#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What compilers and analysers say about the modules, built in a copy of the tree against the stock kernel's headers.
# TAP on standard output.
#
# usage: static.sh
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=tap.sh
. "$(dirname "$0")/tap.sh"
cd "$tap_top"

jobs=$(nproc)
copy=$tap_tmp/tree
# Stack that one function may take, in bytes.
frame_max=1024
# Of the kernel's own semantic patches those that concern what this code does.
cocci_dirs='iterators locks null free api/alloc tests'

# Where a log would be lost with the temporary directory, what matters of it is shown.
build() {
	make -C "$kdir" M="$copy" -j"$jobs" VFIO_TESTS=y "$@" modules >"$tap_tmp/log" 2>&1 || {
		grep -E 'error|ERROR|warning|\*\*\*' "$tap_tmp/log" || tail -n 30 "$tap_tmp/log"
		return 1
	}
	! grep -E ' (warning|error):|^WARNING|^ERROR' "$tap_tmp/log"
}

clean() {
	find "$copy" \( -name '*.o' -o -name '*.ko' -o -name '.*.cmd' -o -name '*.mod*' \) -delete
}

compile() {
	build W=1 KCFLAGS=-Werror
}

# The objects exist by now; sparse is run on their sources again.
sparse_all() {
	command -v sparse >/dev/null || { echo 'sparse is not installed'; return 77; }
	build C=2 CF='-Wsparse-error'
}

# What each function takes from the stack.  The kernel's checkstack.pl also counts what epilogues give back.
stack_frames() {
	# shellcheck disable=SC2016 # the dollars are sed's
	find "$copy" -name '*.ko' -print0 | xargs -0 -r -n 1 objdump -d --no-show-raw-insn |
		sed -nE 's/^[0-9a-f]+ <(.*)>:$/F \1/p; s/.*sub +\$0x([0-9a-f]+),%rsp$/S \1/p' |
		python3 -c '
import sys
name, total = "", 0
for line in list(sys.stdin) + ["F end\n"]:
    kind, what = line.split()
    if kind == "S":
        # 2^64 less something gives it back.
        total += int(what, 16) if len(what) < 16 else 0
        continue
    if total >= int(sys.argv[1]):
        print(f"{name}: {total} bytes")
    name, total = what, 0
' "$frame_max"
}

check_stack() {
	local big

	if ! find "$copy" -name '*.ko' | grep -q .; then
		echo 'no module was built'
		return 1
	fi
	big=$(stack_frames)
	[ -z "$big" ] || { echo "$big"; return 1; }
}

# cocci FILE.cocci: reports of one semantic patch, in its report mode
cocci() {
	local status=0 out

	command -v spatch >/dev/null || { echo 'coccinelle is not installed'; return 77; }
	out=$(mktemp -p "$tap_tmp")
	# shellcheck disable=SC2046 # one option or none
	timeout 120 spatch --very-quiet --no-show-diff -D report $(cocci_options "$1") \
		--no-includes --include-headers --dir "$copy" --sp-file "$1" >"$out" 2>"$out.err" || status=$?
	if [ "$status" -ne 0 ]; then
		tail -n 5 "$out.err"
		return "$status"
	fi
	# Reports name a file; anything else is chatter.
	! grep -E '^[^ ]+\.[ch]:[0-9]+' "$out"
}

cocci_options() {
	sed -n 's/^\/\/ *Options: *//p' "$1" | head -n 1 | sed 's/--no-includes//; s/--include-headers//'
}

report_mode() {
	# Debian's Coccinelle runs scripts in Python, and in OCaml only with a compiler for it.
	grep -q '^virtual report' "$1" && ! grep -qE '^@[^@]*(script|initialize|finalize):ocaml' "$1"
}

kernel_cocci() {
	local dir file

	command -v spatch >/dev/null || { echo 'coccinelle is not installed'; return 77; }
	export -f cocci cocci_options
	export copy tap_tmp
	# shellcheck disable=SC2016 # the other shell's
	for dir in $cocci_dirs; do
		for file in "$source_dir/scripts/coccinelle/$dir"/*.cocci; do
			! report_mode "$file" || printf '%s\0' "$file"
		done
	done | xargs -0 -n 1 -P "$jobs" bash -c 'cocci "$1"' cocci
}

main() {
	local file

	kdir=$(tap_headers)
	source_dir=$(tap_source)
	mkdir -p "$copy"
	tar -cf - --null -T <(tap_files '*.c' '*.h' '*Makefile' '*Kconfig' | tr '\n' '\0') | tar -xf - -C "$copy"
	# Coccinelle would also look at what runs in user space.
	rm -rf "$copy/tools/testing/selftests" "$copy/tools/testing/user" "$copy/tools/bench"
	tap_run 'static: gcc W=1 -Werror' compile
	tap_run "static: no stack frame of $frame_max bytes" check_stack
	tap_run "static: the kernel's samples and vfio-pci build with our headers" \
		tools/checks/compat.sh "$kdir" "$source_dir" "$copy"
	tap_run 'static: sparse' sparse_all
	clean
	find "$copy" -name '*.mod.c' -delete
	for file in tools/checks/cocci/*.cocci; do
		tap_run "static: $(basename "$file" .cocci)" cocci "$file"
	done
	tap_run 'static: grafted into a kernel tree it builds' tools/checks/graft.sh --check
	tap_run "static: coccicheck ($cocci_dirs)" kernel_cocci
	tap_end
}

main "$@"
