// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rate limits under ASan and UBSan
 *
 * The same cases as KUnit's, many more rounds.  CXLFLASH_TEST_SEED chooses
 * other seeds, CXLFLASH_TEST_ROUNDS how many.
 */
#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

#define NSEC_PER_SEC	1000000000L

struct rcu_head {
	void *next;
};

static inline u64 div64_u64_rem(u64 a, u64 b, u64 *rest)
{
	*rest = a % b;
	return a / b;
}

#include "limit.c"
#include "tests/limit_cases.h"
#include "report.h"

int main(void)
{
	report_plan(6);
	report_rounds("limit loses nothing", limit_case_exact);
	report_rounds("limit holds over every period", limit_case_periods);
	report_rounds("limit gives the busy their rate", limit_case_busy);
	report("limit edges", limit_case_edges(), 0);
	report("limit of commands and bytes", limit_case_both(), 0);
	report("limit settings are checked", limit_case_check(), 0);
	return report_end();
}
