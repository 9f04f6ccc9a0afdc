// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pace of engines under ASan and UBSan: the same cases as KUnit's
 */
#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>
#include <linux/kernel.h>

#include "pace.h"
#include "tests/pace_cases.h"
#include "report.h"

int main(void)
{
	report_plan(5);
	report_rounds("pace rests as it may", pace_case_any);
	report_rounds("pace knows steady pauses", pace_case_steady);
	report("pace sleeps through long pauses", pace_case_long(), 0);
	report("pace follows what it finds", pace_case_follow(), 0);
	report("pace bears slow rests", pace_case_slow_rests(), 0);
	return report_end();
}
