# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Helpers for tests of mediated devices by way of sysfs.  Source it, do not run it.
# shellcheck disable=SC2034 # some variables are for those who source it

BUS=/sys/bus/mdev
CLASS=/sys/class/mdev_bus

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
# Writing to sysfs
#

# errno_of MESSAGE: what the shell said last as an errno's name, in $errno
errno_of() {
	case $1 in
	*"Invalid argument"*) errno=EINVAL ;;
	*"File exists"*) errno=EEXIST ;;
	*"Too many users"*) errno=EUSERS ;;
	*"No such device"*) errno=ENODEV ;;
	*"No such file or directory"*) errno=ENOENT ;;
	*"Resource temporarily unavailable"*) errno=EAGAIN ;;
	*"Input/output error"*) errno=EIO ;;
	*"No space left on device"*) errno=ENOSPC ;;
	*"Permission denied"*) errno=EACCES ;;
	*"Device or resource busy"*) errno=EBUSY ;;
	*) errno=${1:-unknown} ;;
	esac
}

# Forks are dear where the kernel is emulated and full of checks, so these do without: the result is in $errno.
# write_to VALUE FILE: one write(2) of exactly these bytes; 0 or the errno's name.
write_to() {
	errno=0
	{ printf '%s' "$1" >"$2"; } 2>"$scratch/error-$BASHPID" && return
	read -r errno <"$scratch/error-$BASHPID"
	errno_of "$errno"
}

# put VALUE FILE: the same, and print the result.
put() {
	write_to "$1" "$2"
	echo "$errno"
}

# put_fd VALUE FD: the same through an open file.
put_fd() {
	errno=0
	{ printf '%s' "$1" >&"$2"; } 2>"$scratch/error-$BASHPID" || {
		read -r errno <"$scratch/error-$BASHPID"
		errno_of "$errno"
	}
	echo "$errno"
}

expect_put() {
	write_to "$2" "$3"
	[ "$errno" = "$1" ] || complain "'$2' to $3: $errno instead of $1"
}

#
# Parents, types, devices
#

uuid() {
	local id

	read -r id </proc/sys/kernel/random/uuid
	echo "$id"
}

type_dir() {
	echo "$CLASS/$1/mdev_supported_types/$2"
}

# create PARENT TYPE UUID: prints 0 or the errno's name.
create() {
	put "$3" "$CLASS/$1/mdev_supported_types/$2/create"
}

remove() {
	put 1 "$BUS/devices/$1/remove"
}

expect_create() {
	write_to "$4" "$CLASS/$2/mdev_supported_types/$3/create"
	[ "$errno" = "$1" ] || complain "create $4 as $3 of $2: $errno instead of $1"
}

expect_remove() {
	write_to 1 "$BUS/devices/$2/remove"
	[ "$errno" = "$1" ] || complain "remove $2: $errno instead of $1"
}

available() {
	local count

	read -r count <"$CLASS/$1/mdev_supported_types/$2/available_instances"
	echo "$count"
}

device_exists() {
	[ -e "$BUS/devices/$1" ]
}

remove_all_devices() {
	local dir

	for dir in "$BUS"/devices/*; do
		[ ! -e "$dir/remove" ] || write_to 1 "$dir/remove"
	done
}

# wait_until SECONDS COMMAND...
wait_until() {
	local end=$((SECONDS + $1))
	shift

	until "$@"; do
		[ $SECONDS -le $end ] || return 1
		sleep 0.1
	done
}

#
# Uevents, straight from the kernel: there need not be a udev
#

UEVENT_LISTENER='
import socket, sys
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
s.bind((0, 1))
print("listening", flush=True)
while True:
    print(*s.recv(65536).decode(errors="replace").strip("\0").split("\0"), flush=True)
'

# uevents_start FILE: every uevent becomes a line, until uevents_stop.
uevents_start() {
	command -v python3 >/dev/null || return 1
	python3 -c "$UEVENT_LISTENER" >"$1" 2>&1 &
	uevents_pid=$!
	wait_until 20 grep -q listening "$1"
}

uevents_stop() {
	kill "$uevents_pid"
	wait "$uevents_pid" 2>/dev/null
}

#
# A program that keeps a device open: "open" on its output, then it waits for a line on its input
#

DEVICE_HOLDER='
import fcntl, os, struct, sys
uuid = sys.argv[1]
link = os.readlink(f"/sys/bus/mdev/devices/{uuid}/iommu_group")
container = os.open("/dev/vfio/vfio", os.O_RDWR)
group = os.open("/dev/vfio/" + os.path.basename(link), os.O_RDWR)
base = ord(";") << 8 | 100
fcntl.ioctl(group, base + 4, struct.pack("i", container))
fcntl.ioctl(container, base + 2, 3)
device = fcntl.ioctl(group, base + 6, bytearray(uuid.encode() + b"\0"))
print("open", flush=True)
sys.stdin.readline()
try:
    fcntl.ioctl(device, base + 7, bytearray(struct.pack("5I", 20, 0, 0, 0, 0)))
    print("alive", flush=True)
except OSError as error:
    print("errno", error.errno, flush=True)
'
