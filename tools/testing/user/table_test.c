// SPDX-License-Identifier: GPL-2.0-only
/*
 * The slice table under ASan and UBSan, on a simulated disk that loses power
 *
 * The same cases as KUnit's, many more rounds.  CXLFLASH_TEST_SEED chooses
 * other seeds, CXLFLASH_TEST_ROUNDS how many.
 */
#include "lun_afu.h"

#include "chunk.c"
#include "table_fmt.c"
#include "table_io.c"
#include "table.c"
#include "table_slice.c"
#include "tests/table_sim.h"
#include "tests/table_cases.h"
#include "report.h"

/* Each step is cut many times: fewer steps than elsewhere. */
static const char *power_cuts(u32 seed, unsigned int steps)
{
	return table_case_power_cuts(seed, steps / 200);
}

static const char *errors(u32 seed, unsigned int steps)
{
	return table_case_errors(seed, steps / 100);
}

static const char *outage(u32 seed, unsigned int steps)
{
	return table_case_outage(seed, steps / 200);
}

static const char *garbage(u32 seed, unsigned int steps)
{
	return table_case_garbage(seed, steps / 50);
}

/* The CRC is Castagnoli's, as the kernel's is. */
static const char *checksum(void)
{
	return ~crc32c(~0U, "123456789", 9) == 0xe3069283 ? "" : "CRC32C";
}

int main(void)
{
	table_init();
	report_plan(10);
	report("table checksum", checksum(), 0);
	report_rounds("table is old or new after a power cut", power_cuts);
	report_rounds("table survives errors", errors);
	report_rounds("table survives outages", outage);
	report_rounds("table refuses garbage", garbage);
	report("table holds thousands of slices", table_case_large(5000), 0);
	report("table damage is seen", table_case_damage(3), 0);
	report("table has one owner", table_case_owners(), 0);
	report("table says what is wrong", table_case_errnos(), 0);
	report("table locks are held", nr_warnings ? "warnings" : "", 0);
	return report_end();
}
