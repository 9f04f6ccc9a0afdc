// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOARCB parsing under ASan and UBSan
 *
 * The same cases as KUnit's, many more rounds.  CXLFLASH_TEST_SEED chooses
 * other seeds, CXLFLASH_TEST_ROUNDS how many.
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <linux/types.h>

#define swab16	__builtin_bswap16
#define swab32	__builtin_bswap32
#define swab64	__builtin_bswap64

#include "arcb.c"
#include "tests/arcb_cases.h"
#include "report.h"

int main(void)
{
	report_plan(6);
	report_rounds("arcb parse agrees with model", arcb_case_model);
	report_rounds("arcb charge is bounded", arcb_case_charge);
	report("arcb range is read", arcb_case_range(), 0);
	report("arcb timeout has units", arcb_case_timeout(), 0);
	report("arcb swap turns every member", arcb_case_swap(), 0);
	report("arcb ioadl size is checked", arcb_case_ioadl(), 0);
	return report_end();
}
