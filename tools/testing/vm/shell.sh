#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A prompt in the VM, with our modules at hand.  Ctrl-A X ends QEMU.
#
# usage: shell.sh [stock|debug]
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=qemu.sh
. "$(dirname "$0")/qemu.sh"

kernel=${1:-stock} smp=2 append=''
mem=$([ "$kernel" = debug ] && echo 3G || echo 2G)
run_dir=$repo/build/vm/shell
qemu_args=(-serial mon:stdio)

mkdir -p "$run_dir"
prepare_vm
write_env 0 1
qemu_command
log "booting the $kernel kernel; Ctrl-A X ends it"
exec "${qemu[@]}"
