#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A check that finds nothing may be a check that finds nothing ever: each is shown something bad here.
# Prints what was not found; silent if all was.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd -P)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
bad=0

# finds TEXT COMMAND...: the command fails and says TEXT
finds() {
	local text=$1 out status=0
	shift

	out=$("$@" 2>&1) || status=$?
	if [ "$status" -eq 0 ] || ! grep -qF -- "$text" <<<"$out"; then
		echo "not found: '$text' by $*"
		bad=1
	fi
}

passes() {
	local out

	out=$("$@" 2>&1) || { echo "refused what is right: $*: $out"; bad=1; }
}

# A copy of the checks in a small tree of its own, for those that look at their repository.
mkdir -p "$tmp/tree/tools" "$tmp/tree/drivers/vfio/type1" "$tmp/tree/drivers/vfio/mdev" "$tmp/tree/samples"
cp -r "$here" "$tmp/tree/tools/checks"
tree=$tmp/tree

cat >"$tmp/lock.h" <<'END'
struct one {
	/** @lock: protects the rest */
	struct mutex lock;
};
struct two {
	int x;
	spinlock_t naked;
};
END
finds 'lock.h:7: lock naked' "$here/lockmembers.sh" "$tmp/lock.h"
sed 5,8d "$tmp/lock.h" >"$tmp/good.h"
passes "$here/lockmembers.sh" "$tmp/good.h"

cat >"$tmp/mix.c" <<'END'
int f(void)
{
	guard(mutex)(&m);
	if (x)
		goto out;
	g();
out:
	return 0;
}
int twice(void __user *arg)
{
	if (copy_from_user(&h, arg, 8))
		return -EFAULT;
	if (copy_from_user(&i, arg, 16))
		return -EFAULT;
	return 0;
}
END
finds 'mix.c:3: goto' "$here/cleanup.sh" "$tmp/mix.c"
finds 'scoped_guard' "$here/cleanup.sh" <(printf 'int f(void)\n{\n\tscoped_guard(mutex, &m)\n\t\tg();\n}\n')
# The real thing, where it is installed.
if command -v spatch >/dev/null; then
	spatch=(spatch --very-quiet --no-show-diff -D report --no-includes)
	"${spatch[@]}" --sp-file "$here/cocci/user_copied_twice.cocci" "$tmp/mix.c" 2>&1 |
		grep -qF 'copies arg again' || { echo 'user_copied_twice.cocci does not find it'; bad=1; }
fi

{
	printf 'int f(void)\n{\n'
	for i in $(seq 51); do printf '\tg(%d);\n' "$i"; done
	printf '}\n'
} >"$tmp/long.c"
finds 'a function of 51 lines' "$here/size.sh" "$tmp/long.c"

printf '#if LINUX_VERSION''_CODE > 1\n' >"$tmp/w.c"
finds 'w.c' "$here/words.sh" version "$tmp/w.c"
printf 'see /wor''k/x\n' >"$tmp/w.c"
finds 'w.c' "$here/words.sh" machine "$tmp/w.c"
printf '/* TO''DO: it */\n' >"$tmp/w.c"
finds 'w.c' "$here/words.sh" unfinished "$tmp/w.c"
printf '\tBUG''_ON(x);\n\tBUILD_BUG_ON(y);\n' >"$tmp/w.c"
finds 'w.c:1' "$here/words.sh" bug "$tmp/w.c"

printf '#include "../vfio.h"\n' >"$tree/drivers/vfio/type1/pages.c"
finds 'type1 sees vfio through' "$tree/tools/checks/layers.sh"
printf '#include <linux/mm.h>\n' >"$tree/drivers/vfio/type1/iova.c"
finds 'the range tree is pure' "$tree/tools/checks/layers.sh"

printf 'export CONFIG_VFIO := m\nexport CONFIG_VFIO_GONE := m\n' >"$tree/Makefile"
printf 'source "drivers/vfio/Kconfig"\n' >"$tree/Kconfig"
printf 'config VFIO\n' >"$tree/drivers/vfio/Kconfig"
printf 'config VFIO_LOST\n' >"$tree/drivers/vfio/type1/Kconfig"
for text in 'CONFIG_VFIO_GONE: set in Makefile' 'CONFIG_VFIO_LOST: in a Kconfig' 'type1/Kconfig: no Kconfig sources it'; do
	finds "$text" "$tree/tools/checks/kconfig.sh"
done

mkdir -p "$tree/tools/testing/selftests/vfio"
printf '/* argsz */ VFIO_DEVICE_GET_INFO\n' >"$tree/tools/testing/selftests/vfio/argsz_test.c"
printf '\tcase VFIO_DEVICE_GET_INFO:\n\tcase VFIO_DEVICE_GET_IRQ_INFO:\n' >"$tree/drivers/vfio/fops.c"
finds 'VFIO_DEVICE_GET_IRQ_INFO is handled' "$tree/tools/checks/argsz.sh"
exit "$bad"
