#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make demo: a VM with the stock kernel and our modules, and in it what demo-vm.sh does.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd -P)
cd "$here/../.."

tools/testing/vm/build.sh stock >/dev/null
tools/testing/vm/guest/build.sh >/dev/null
exec tools/testing/vm/run.sh --kernel stock --timeout 600 -- tools/make/demo-vm.sh
