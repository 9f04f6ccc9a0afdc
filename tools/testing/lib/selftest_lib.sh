# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the suites' tests in shell share: TAP, expectations, writing to attributes.  Source it, do not run it.
#
# On the debug kernel a fork takes a tenth of a second and a program half a second.  So what is called often does
# without: helpers put their result into a variable.
#
# Who sources this may define after_test, which runs behind each test.
# shellcheck disable=SC2034 # some variables are for those who source it

#
# TAP
#

tests=0
failures=0
scratch=$(mktemp -d)

diag() {
	printf '# %s\n' "$*"
}

# An assertion that does not hold is reported and noted; the test goes on.
complain() {
	diag "${FUNCNAME[2]:-}: $*"
	bad=1
}

after_test() {
	:
}

# sample_on_debug N NAME...: on the debug kernel, where all takes ten times as long, N of them, which the seed chooses,
# in their order; all of them elsewhere and in make check-long
sample_on_debug() {
	local nr=$1 seed=${VFIO_TEST_SEED:-$((EPOCHSECONDS % 10000))}
	shift

	if [ "${VM_KERNEL:-}" != debug ] || [ -n "${VFIO_TEST_SECONDS:-}" ]; then
		echo "$@"
		return
	fi
	echo "# VFIO_TEST_SEED=$seed" >&2
	printf '%s\n' "$@" | awk -v seed="$seed" -v nr="$nr" 'BEGIN { srand(seed) }
		{ name[NR] = $1 }
		END { for (i = 1; i <= NR; i++)
			if (rand() * (NR - i + 1) < nr) { print name[i]; nr-- } }'
}


# run_tests FUNCTION...: each is one test, its name is the function's.  A function may call skip_test and return.
run_tests() {
	local name start

	echo "TAP version 13"
	echo "1..$#"
	for name in "$@"; do
		start=$SECONDS
		tests=$((tests + 1))
		bad=0
		skipped=
		"$name"
		after_test
		[ $((SECONDS - start)) -lt 10 ] || diag "$name took $((SECONDS - start)) s"
		if [ "$bad" != 0 ]; then
			failures=$((failures + 1))
			echo "not ok $tests $name"
		else
			echo "ok $tests $name${skipped:+ # SKIP $skipped}"
		fi
	done
	[ "$failures" = 0 ]
}

skip_test() {
	skipped=$*
}

# What runs in the background ends.
kill_jobs() {
	local pid

	for pid in $(jobs -p); do
		kill "$pid" 2>/dev/null
	done
}

skip_all() {
	echo "1..0 # SKIP $*"
	exit 4
}

expect_eq() {
	[ "$1" = "$2" ] || complain "$3: '$1' instead of '$2'"
}

expect() {
	"$@" || complain "fails: $*"
}

expect_not() {
	! "$@" || complain "does not fail: $*"
}

#
# Time
#

exec {nap_fd}<> <(:)

nap() {
	read -rt "$1" -u "$nap_fd" || :
}

# How much slower than expected a machine may be: nothing that works waits any longer for that.
PATIENCE=6

# wait_until SECONDS COMMAND...: false if it still fails after PATIENCE times what one would expect
wait_until() {
	local end=$((SECONDS + $1 * PATIENCE))
	shift

	until "$@"; do
		[ $SECONDS -le $end ] || return 1
		nap 0.1
	done
}

#
# Programs
#

# fast_programs NAME...: from now on they are busybox's, which the rig leaves in the VM's memory: it starts at once.
fast_programs() {
	local name

	[ -x /run/busybox ] || return 0
	for name in "$@"; do
		eval "$name() { /run/busybox $name \"\$@\"; }"
	done
}

#
# The kernel's answers.  The result of these is in $errno: 0 or the errno's name.
#

# errno_of MESSAGE: what a program or the shell said last
errno_of() {
	case $1 in
	*"Invalid argument"*) errno=EINVAL ;;
	*"File exists"*) errno=EEXIST ;;
	*"Too many users"*) errno=EUSERS ;;
	*"No such device"*) errno=ENODEV ;;
	*"No such file or directory"*) errno=ENOENT ;;
	*"Numerical result out of range"*) errno=ERANGE ;;
	*"Value too large for defined data type"*) errno=EOVERFLOW ;;
	*"Resource temporarily unavailable"*) errno=EAGAIN ;;
	*"Input/output error"*) errno=EIO ;;
	*"No space left on device"*) errno=ENOSPC ;;
	*"Permission denied"*) errno=EACCES ;;
	*"Operation not permitted"*) errno=EPERM ;;
	*"Device or resource busy"*) errno=EBUSY ;;
	*"Directory not empty"*) errno=ENOTEMPTY ;;
	*"Not a directory"*) errno=ENOTDIR ;;
	*"Block device required"*) errno=ENOTBLK ;;
	*"Link has been severed"*) errno=ENOLINK ;;
	*"Operation not supported"*) errno=EOPNOTSUPP ;;
	*) errno=${1:-unknown} ;;
	esac
}

# write_to VALUE FILE: one write(2) of exactly these bytes
write_to() {
	errno=0
	{ printf '%s' "$1" >"$2"; } 2>"$scratch/error-$BASHPID" && return
	read -r errno <"$scratch/error-$BASHPID"
	errno_of "$errno"
}

# call COMMAND...: one that makes a single system call of interest
call() {
	errno=0
	"$@" >"$scratch/error-$BASHPID" 2>&1 && return
	read -r errno <"$scratch/error-$BASHPID"
	errno_of "$errno"
}

# expect_put ERRNO VALUE FILE
expect_put() {
	write_to "$2" "$3"
	[ "$errno" = "$1" ] || complain "'$2' to $3: $errno instead of $1"
}

# expect_put_fd ERRNO VALUE FD WHAT: the same through an open file
expect_put_fd() {
	errno=0
	{ printf '%s' "$2" >&"$3"; } 2>"$scratch/error-$BASHPID" || {
		read -r errno <"$scratch/error-$BASHPID"
		errno_of "$errno"
	}
	[ "$errno" = "$1" ] || complain "$4: $errno instead of $1"
}

# expect_call ERRNO COMMAND...
expect_call() {
	local want=$1
	shift

	call "$@"
	[ "$errno" = "$want" ] || complain "$*: $errno instead of $want"
}

# expect_get VALUE FILE: a file of one line, or of none
expect_get() {
	local -a lines=()

	mapfile -t lines <"$2" || complain "cannot read $2"
	expect_eq "${lines[*]}" "$1" "$2"
}
