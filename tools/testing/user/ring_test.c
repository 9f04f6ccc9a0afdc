// SPDX-License-Identifier: GPL-2.0-only
/*
 * SISlite's rings under ASan and UBSan
 *
 * The same cases as KUnit's, many more rounds.  CXLFLASH_TEST_SEED chooses
 * other seeds, CXLFLASH_TEST_ROUNDS how many.
 */
#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

#include "ring.h"
#include "tests/ring_cases.h"
#include "report.h"

int main(void)
{
	report_plan(5);
	report_rounds("ring fifo keeps order", ring_case_fifo);
	report_rounds("ring sq agrees with counters", ring_case_sq);
	report("ring sq settings are checked", ring_case_sq_settings(), 0);
	report_rounds("ring rrq toggle flips at each wrap", ring_case_rrq);
	report("ring rrq settings are checked", ring_case_rrq_settings(), 0);
	return report_end();
}
