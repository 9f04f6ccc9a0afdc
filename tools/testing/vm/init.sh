#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The second init of the VM, with the host's programs: runs the job that run.sh or shell.sh left in /run/job, saves the
# kernel's log and kmemleak's for run.sh to judge, and ends the VM.  Each program started here costs half a second on the debug kernel.
set -uo pipefail

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root TERM=${TERM:-dumb} LC_ALL=C.UTF-8
JOB=/run/job

# A copy in the tmpfs: it starts at once.
bb=/run/busybox

settle() {
	# shellcheck source=/dev/null # written by run.sh
	. $JOB/env
	ulimit -n 4096
	ulimit -c 0
	if [ "$RIG_KERNEL" = debug ]; then
		echo clear >/sys/kernel/debug/kmemleak
	fi
}

# No module of ours (bit 12 of the taint: out of tree) was ever loaded: then there is nothing of ours to leak.
ours_loaded() {
	(($(</proc/sys/kernel/tainted) & 4096))
}

# kmemleak does not report what is younger than five seconds, and wants to see an object unreferenced twice.
# A scan takes some ten seconds.
save_leaks() {
	local kmemleak=/sys/kernel/debug/kmemleak

	[ "$RIG_SPLAT_CHECK" = 1 ] && [ -e $kmemleak ] && ours_loaded || return 0
	$bb sleep 6
	echo scan >$kmemleak
	echo scan >$kmemleak
	$bb cat $kmemleak >$JOB/kmemleak.log
}

run_job() {
	local status=0

	cd "$RIG_REPO" || return 1
	echo "$EPOCHREALTIME" >$JOB/started
	bash $JOB/cmd </dev/null >&3 2>&3 || status=$?
	echo "$status" >$JOB/cmd-status
	save_leaks
	$bb dmesg >$JOB/dmesg.log
	echo 1 >$JOB/logs-saved
}

run_shell() {
	cd "$RIG_REPO" || return 1
	echo "Our modules are in \$VFIO_KO=$VFIO_KO; modprobe finds them.  exit ends the VM." >/dev/console
	TERM=vt100 PS1='vm:\w# ' setsid bash --norc -i </dev/ttyS0 >/dev/ttyS0 2>&1
}

# reboot, not poweroff: QEMU runs with -no-reboot, and this way needs no ACPI.
end() {
	$bb sync
	$bb reboot -f
}

main() {
	settle
	export VFIO_KO=$RIG_KO VM_KERNEL=$RIG_KERNEL VFIO_RIG_CACHE=$RIG_CACHE
	export VFIO_RESULTS=$JOB/results VFIO_JOB=$JOB
	KVER=$(</proc/sys/kernel/osrelease)
	export KVER
	if [ "$RIG_SHELL" = 1 ]; then
		run_shell
		end
	fi
	if ! exec 3>/dev/virtio-ports/rig.output; then
		exec 3>/dev/console
	fi
	run_job
	end
}

main
