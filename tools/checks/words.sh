#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Things that must not be written in a source file.  Prints them; silent if there are none.
#
# usage: words.sh version|machine|unfinished|bug FILE...
set -euo pipefail

kind=$1
shift
[ $# -gt 0 ] || exit 0

# Each pattern is split where it would find this file.
case $kind in
version)
	# Another kernel is served by an overlay of headers in compat-include/.
	pattern='LINUX_VERSION''_CODE|KERNEL_VERSION''\(|<linux/version''\.h>|RHEL_''RELEASE'
	;;
machine)
	# A path of one machine, the host of a package registry.
	pattern='(^|[^A-Za-z0-9_.~-])/(wor''k|far''m|roo''t|hom''e/[a-z])/|\.\./shar''ed|://[a-z0-9.-]+/deb''ian|://regi''stry\.'
	;;
unfinished)
	pattern='(^|[^A-Za-z_])(TO''DO|FIX''ME|XX''X)([^A-Za-z_]|$)|not imple''mented'
	;;
bug)
	# A bug of ours is reported and survived.
	pattern='(^|[^A-Z_])BU''G(_ON)?\('
	;;
*)
	echo "usage: words.sh version|machine|unfinished|bug FILE..." >&2
	exit 2
	;;
esac

! grep -nHIE "$pattern" "$@"
