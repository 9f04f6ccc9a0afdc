// SPDX-License-Identifier: GPL-2.0-only
/// Copying the same user memory twice reads what may have changed in between.
/// Copy once, validate the copy, act on the copy.
// Options: --no-includes --include-headers

virtual report

@twice@
expression to1, to2, from, n1, n2;
position p1, p2;
@@
 copy_from_user@p1(to1, from, n1)
 ... when != from = ...
     when != from += ...
     when != from++
 copy_from_user@p2(to2, from, n2)

@script:python depends on report@
p1 << twice.p1;
p2 << twice.p2;
src << twice.from;
@@
if p1[0].line != p2[0].line:
    coccilib.report.print_report(p2[0],
        "copies %s again, first copied at line %s" % (src, p1[0].line))
