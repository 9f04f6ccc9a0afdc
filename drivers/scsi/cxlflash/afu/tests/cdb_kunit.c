// SPDX-License-Identifier: GPL-2.0-only
/*
 * CDBs against a reader of single bits and what the disk says that it knows
 */
#include <kunit/test.h>
#include <linux/module.h>

#include "../cdb.c"
#include "cdb_cases.h"

static void cdb_rounds(struct kunit *test,
		       const char *(*run)(u32 seed, unsigned int steps))
{
	unsigned int seed;

	for (seed = 1; seed <= 20; seed++)
		KUNIT_EXPECT_STREQ_MSG(test, run(seed, 1000), "", "seed %u",
				       seed);
}

static void cdb_rw_agrees_with_bits(struct kunit *test)
{
	cdb_rounds(test, cdb_case_rw);
}

static void cdb_unused_bits_change_nothing(struct kunit *test)
{
	cdb_rounds(test, cdb_case_usage);
}

static void cdb_noise_is_harmless(struct kunit *test)
{
	cdb_rounds(test, cdb_case_noise);
}

static void cdb_codes_are_reported(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, cdb_case_codes(), "");
}

static void cdb_missing_codes_are_not_reported(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, cdb_case_missing(), "");
}

static void cdb_fields_are_checked(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, cdb_case_fields(), "");
}

static struct kunit_case cdb_cases[] = {
	KUNIT_CASE(cdb_rw_agrees_with_bits),
	KUNIT_CASE(cdb_unused_bits_change_nothing),
	KUNIT_CASE(cdb_noise_is_harmless),
	KUNIT_CASE(cdb_codes_are_reported),
	KUNIT_CASE(cdb_missing_codes_are_not_reported),
	KUNIT_CASE(cdb_fields_are_checked),
	{}
};

static struct kunit_suite cdb_suite = {
	.name = "cdb",
	.test_cases = cdb_cases,
};

kunit_test_suite(cdb_suite);

MODULE_DESCRIPTION("KUnit tests of CDB parsing");
MODULE_LICENSE("GPL");
