#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Boot a VM, run a command in it as root, and pass on its output and exit status.
#
# usage: run.sh --kernel stock|debug [--mem M] [--smp N] [--timeout S] [--log FILE] [--append ARGS] [--qemu-arg ARG]...
#               [--name NAME] [--no-splat-check] -- COMMAND ARGUMENTS...
#
# Exit status: that of the command; 1 if it was 0 but the kernel complained or memory leaked;
# 124 if time ran out; 125 if the VM died before the command ended.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=qemu.sh
. "$(dirname "$0")/qemu.sh"
# shellcheck source-path=SCRIPTDIR source=splat.sh
. "$vm_dir/splat.sh"

kernel='' mem='' smp=2 timeout=900 logfile='' append='' name='' splat_check=1
qemu_args=()
job=()

usage() {
	sed -n '5,8s/^# \{0,1\}//p' "$0" >&2
	exit 2
}

parse() {
	while [ $# -gt 0 ]; do
		case $1 in
		--kernel) kernel=$2 ;;
		--mem) mem=$2 ;;
		--smp) smp=$2 ;;
		--timeout) timeout=$2 ;;
		--log) logfile=$2 ;;
		--append) append=$2 ;;
		--name) name=$2 ;;
		--qemu-arg) qemu_args+=("$2") ;;
		--no-splat-check)
			splat_check=0
			shift
			continue
			;;
		--)
			shift
			job=("$@")
			return 0
			;;
		*) usage ;;
		esac
		shift 2
	done
}

defaults() {
	case $kernel in
	stock) mem=${mem:-2G} ;;
	debug) mem=${mem:-3G} ;;
	*) usage ;;
	esac
	[ ${#job[@]} -gt 0 ] || usage
	name=${name:-$kernel-$(date +%H%M%S)-$$}
	run_dir=$repo/build/vm/$name
	rm -rf "$run_dir"
	mkdir -p "$run_dir"
	: >"$run_dir/output"
	: >"$run_dir/console.log"
	: >"$run_dir/expected-splats"
}

# Only the last few runs are kept, so that a build directory does not grow for ever.
forget_old_runs() {
	local dir

	find "$repo/build/vm" -mindepth 1 -maxdepth 1 -type d -regex '.*/\(stock\|debug\)-[0-9]+-[0-9]+' -printf '%T@ %p\n' |
		sort -rn | sed -n '13,$s/^[^ ]* //p' | while read -r dir; do
		rm -rf "$dir"
	done
}

write_job() {
	write_env "$splat_check" 0
	{
		printf 'exec '
		printf '%q ' "${job[@]}"
		echo
	} >"$run_dir/cmd"
}

# The command's output goes to a file, which never blocks the VM, and from there on to ours.
boot() {
	local pid tail_pid

	qemu_command
	# shellcheck disable=SC2054 # commas of QEMU's
	qemu+=(
		-chardev "file,id=console,path=$run_dir/console.log" -serial chardev:console
		-device virtio-serial-pci -chardev "file,id=output,path=$run_dir/output"
		-device virtserialport,chardev=output,name=rig.output
	)
	timeout --foreground -k 5 "$timeout" "${qemu[@]}" </dev/null 2>"$run_dir/qemu.log" &
	pid=$!
	trap 'kill "$pid" 2>/dev/null || true' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	tail -n +1 -f -s 0.1 --pid="$pid" "$run_dir/output" &
	tail_pid=$!
	qemu_status=0
	wait "$pid" || qemu_status=$?
	wait "$tail_pid" || true
	trap - EXIT INT TERM HUP
}

console_tail() {
	tail -n "$1" "$run_dir/console.log" | tr -d '\r' | sed 's/^/#   /' >&2
	if [ -s "$run_dir/qemu.log" ]; then
		sed 's/^/#   qemu: /' "$run_dir/qemu.log" >&2
	fi
}

# A line for the totals, if somebody collects them: what the test runner in the VM could not write itself.
add_failure() {
	[ -n "${VFIO_RESULTS:-}" ] || return 0
	printf '%s 0 1 0\n# failed %s: %s\n' "vm-$kernel" "vm-$kernel" "$1" >>"$VFIO_RESULTS"
}

# complaint TITLE TEXT: succeeds if there is nothing to complain about.
complaint() {
	[ -n "$2" ] || return 0
	echo "# $1; all of it is in ${run_dir#"$repo"/}:"
	head -n 60 <<<"$2" | sed 's/^/#   /'
	return 1
}

judge_logs() {
	local bad=0

	[ "$splat_check" = 1 ] || return 0
	complaint "memory leaked" "$(our_leaks "$run_dir/kmemleak.log" "$repo/build/$kernel/ko")" || bad=1
	complaint "the kernel complained" "$(splats "$run_dir/dmesg.log" "$run_dir/expected-splats")" || bad=1
	return "$bad"
}

verdict() {
	local status

	if [ -n "${VFIO_RESULTS:-}" ] && [ -s "$run_dir/results" ]; then
		cat "$run_dir/results" >>"$VFIO_RESULTS"
	fi
	if [ -s "$run_dir/cmd-status" ] && [ -s "$run_dir/logs-saved" ]; then
		status=$(cat "$run_dir/cmd-status")
		if ! judge_logs; then
			add_failure "splats or leaks"
			[ "$status" != 0 ] || status=1
		fi
		return "$status"
	fi
	if [ "$qemu_status" = 124 ] || [ "$qemu_status" = 137 ]; then
		echo "# VM: time is up after $timeout s; the end of its console ($run_dir/console.log):" >&2
		console_tail 30
		add_failure "timeout after $timeout s"
		return 124
	fi
	if grep -q -a 'Kernel panic' "$run_dir/console.log"; then
		echo "# VM: the kernel panicked; the end of its console ($run_dir/console.log):" >&2
		console_tail 80
		add_failure "kernel panic"
	else
		echo "# VM: it ended (QEMU's status $qemu_status) before the command did; the end of its console:" >&2
		console_tail 40
		add_failure "VM died"
	fi
	return 125
}

main() {
	local start status=0

	parse "$@"
	defaults
	forget_old_runs
	prepare_vm
	write_job
	log "VM with the $kernel kernel: ${job[*]} (results in ${run_dir#"$repo"/})"
	start=$(date +%s.%N)
	boot
	verdict || status=$?
	if [ -s "$run_dir/started" ]; then
		log "$(awk -v a="$start" -v b="$(cat "$run_dir/started")" -v c="$(date +%s.%N)" -v s="$status" \
			'BEGIN { printf "VM: command began after %.1f s, all took %.1f s, status %d", b - a, c - a, s }')"
	fi
	if [ -n "$logfile" ]; then
		cat "$run_dir/console.log" "$run_dir/output" >"$logfile"
	fi
	return "$status"
}

main "$@"
