// SPDX-License-Identifier: GPL-2.0-only
/*
 * CDB parsing under ASan and UBSan
 *
 * The same cases as KUnit's, many more rounds.  CXLFLASH_TEST_SEED chooses
 * other seeds, CXLFLASH_TEST_ROUNDS how many.
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <linux/types.h>

#include "cdb.c"
#include "tests/cdb_cases.h"
#include "report.h"

int main(void)
{
	report_plan(6);
	report_rounds("cdb rw agrees with bits", cdb_case_rw);
	report_rounds("cdb unused bits change nothing", cdb_case_usage);
	report_rounds("cdb noise is harmless", cdb_case_noise);
	report("cdb codes are reported", cdb_case_codes(), 0);
	report("cdb missing codes are not reported", cdb_case_missing(), 0);
	report("cdb fields are checked", cdb_case_fields(), 0);
	return report_end();
}
