// SPDX-License-Identifier: GPL-2.0-only
/// A function that uses both goto and guard() undoes things in two orders at
/// once.  Use one of them.  Coccinelle 1.1.1 cannot parse a function with
/// scoped_guard() or __free() and skips it; cleanup.sh looks for those.
// Options: --no-includes --include-headers

virtual report

@jumps@
identifier f, l;
@@
f(...)
{
<+...
 goto l;
...+>
}

@guarded@
identifier jumps.f;
expression e;
position p;
@@
f(...)
{
<+...
 guard@p(...)(e);
...+>
}

@script:python depends on report@
p << guarded.p;
f << jumps.f;
@@
coccilib.report.print_report(p[0], "%s() mixes goto and guard()" % f)
