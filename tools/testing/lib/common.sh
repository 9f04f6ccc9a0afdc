# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Helpers shared by the shell scripts of the test rig.  Source it, do not run it.

# Let errexit reach into $(...).
shopt -s inherit_errexit

# The exit status of a named skip, as automake and kselftest runners know it.
SKIP_STATUS=77

log() {
	printf '==> %s\n' "$*" >&2
}

warn() {
	printf 'warning: %s\n' "$*" >&2
}

die() {
	printf 'error: %s\n' "$*" >&2
	exit 1
}

skip() {
	printf 'SKIP: %s\n' "$*" >&2
	exit "$SKIP_STATUS"
}

# The top of the repository: three directories above this file.
repo_dir() {
	cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd -P
}

# Everything that takes long to make or to fetch is kept here, across checkouts.
cache_dir() {
	local dir=${VFIO_RIG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vfio-rig}

	mkdir -p "$dir"
	(cd "$dir" && pwd -P)
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

# with_lock NAME COMMAND...: one at a time on this machine.
# The lock file is never removed: removing it would let two holders in.
# The command does not inherit the descriptor, so a daemon it leaves behind does not keep the lock.
with_lock() {
	local name=$1 fd
	shift

	mkdir -p "$(cache_dir)/locks"
	exec {fd}>"$(cache_dir)/locks/$name"
	if ! flock -n "$fd"; then
		log "waiting for another run that holds the lock $name"
		flock "$fd"
	fi
	# No "|| status=$?" here: errexit would be off in all of the command.
	(
		exec {fd}>&-
		"$@"
	)
	exec {fd}>&-
}

# Seconds since a file was last written; a large number if there is none.
age_of() {
	if [ -e "$1" ]; then
		echo $(($(date +%s) - $(stat -c %Y "$1")))
	else
		echo 999999999
	fi
}

# apt_get ARGS...: as root, never asks, retries what the network loses; all its output goes to stderr.
apt_get() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		-o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 \
		-o Dpkg::Options::=--force-confold "$@" </dev/null >&2
}

# The stamp is in the cache and the lists are the machine's: both have to be there and young.
apt_update() {
	log "apt-get update"
	apt_get update || return 1
	touch "$(cache_dir)/apt-updated"
}

apt_update_if_stale() {
	local lists=/var/lib/apt/lists

	if [ "$(age_of "$(cache_dir)/apt-updated")" -gt 86400 ] ||
	   ! compgen -G "$lists/*_Packages*" >/dev/null; then
		apt_update || warn "apt-get update failed; going on with what is known"
	fi
}
